package pypi

import (
	"bytes"
	"context"
	"encoding/json"
	"mime"
	"net/http"
	"net/url"
	"path"
	"strconv"
	"strings"
	"time"

	"whittle.dev/whittle"
)

// accepted are the forms of a listing, the best first.
const accepted = "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.01"

// Ages of a listing: where the index says none, and the oldest that is taken
// without asking again, whatever it says.
const (
	usualAge = 10 * time.Minute
	maxAge   = 24 * time.Hour
)

// listing is a distribution's files in one index, from the cache where that is
// fresh.
func (c *Client) listing(ctx context.Context, i index, name string) ([]File, error) {
	u := i.base.JoinPath(name + "/")
	kept, ok := c.cache.listing(u.String())
	if ok && (c.offline || c.now().Before(kept.Until)) {
		return kept.Files, nil
	}
	header := http.Header{"Accept": {accepted}}
	if ok && kept.ETag != "" {
		header.Set("If-None-Match", kept.ETag)
	}
	var out keptListing
	err := c.get(ctx, u, header, func(resp *http.Response) error {
		out = keptListing{ETag: resp.Header.Get("ETag"), Until: c.now().Add(age(resp.Header.Get("Cache-Control")))}
		if resp.StatusCode == http.StatusNotModified {
			if !ok {
				return &failure{doing: "asking for " + redact(u), why: "the server says that nothing changed, and was not asked", kind: whittle.ErrCorrupt}
			}
			out.Files = kept.Files
			if out.ETag == "" {
				out.ETag = kept.ETag
			}
			return nil
		}
		b, err := readAll(resp.Body, "the listing", maxListing)
		if err == nil {
			out.Files, err = parseListing(b, resp.Header.Get("Content-Type"), resp.Request.URL)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	c.cache.keepListing(u.String(), out)
	return out.Files, nil
}

// age is how long an answer is fresh, by its Cache-Control.
func age(control string) time.Duration {
	for directive := range strings.SplitSeq(strings.ToLower(control), ",") {
		directive = strings.TrimSpace(directive)
		if directive == "no-cache" || directive == "no-store" {
			return 0
		}
		if text, ok := strings.CutPrefix(directive, "max-age="); ok {
			if s, err := strconv.ParseInt(text, 10, 32); err == nil && s >= 0 {
				return min(time.Duration(s)*time.Second, maxAge)
			}
		}
	}
	return usualAge
}

// parseListing reads a listing in the form that its type names; base is the
// URL that relative ones begin at.
func parseListing(b []byte, contentType string, base *url.URL) ([]File, error) {
	kind, _, err := mime.ParseMediaType(contentType)
	if err != nil {
		kind = contentType
	}
	switch kind {
	case "application/vnd.pypi.simple.v1+json", "application/vnd.pypi.simple.latest+json", "application/json":
		return parseJSON(b, base)
	case "application/vnd.pypi.simple.v1+html", "application/vnd.pypi.simple.latest+html", "text/html", "application/xhtml+xml":
		return parseHTML(b, base)
	}
	return nil, whittle.ErrCorrupt.Errorf("the index answers with %.80q, which is no listing", contentType)
}

// project is a listing as JSON (PEP 691).
type project struct {
	Meta struct {
		Version string `json:"api-version"`
	} `json:"meta"`
	Files []struct {
		Filename       string            `json:"filename"`
		URL            string            `json:"url"`
		Hashes         map[string]string `json:"hashes"`
		Size           int64             `json:"size"`
		RequiresPython string            `json:"requires-python"`
		Yanked         flag              `json:"yanked"`
		CoreMetadata   flag              `json:"core-metadata"`
		DistInfo       flag              `json:"dist-info-metadata"` // before PEP 714
	} `json:"files"`
}

// flag is a JSON value that is false, true, a reason, or the digests of what
// is there.
type flag struct {
	set    bool
	sha256 string
}

func (f *flag) UnmarshalJSON(b []byte) error {
	switch {
	case bytes.Equal(b, []byte("false")), bytes.Equal(b, []byte("null")):
		return nil
	case len(b) > 0 && b[0] == '{':
		var hashes map[string]string
		if err := json.Unmarshal(b, &hashes); err != nil {
			return err
		}
		f.sha256 = digest(hashes["sha256"])
	}
	f.set = true
	return nil
}

func parseJSON(b []byte, base *url.URL) ([]File, error) {
	var p project
	if err := whittle.ParseJSON(b, &p); err != nil {
		return nil, whittle.ErrCorrupt.Errorf("the listing is not as PEP 691 has it: %w", err)
	}
	if err := checkVersion(p.Meta.Version); err != nil {
		return nil, err
	}
	var out []File
	for _, f := range p.Files {
		u, ok := resolve(base, f.URL)
		if !ok || !plainName(f.Filename) {
			continue
		}
		m := f.CoreMetadata
		if !m.set {
			m = f.DistInfo
		}
		out = append(out, File{Name: f.Filename, URL: u.String(), SHA256: digest(f.Hashes["sha256"]), Size: max(f.Size, 0),
			RequiresPython: f.RequiresPython, Yanked: f.Yanked.set, Metadata: m.set, MetadataSHA256: m.sha256})
	}
	return out, nil
}

// checkVersion refuses an API that is newer than what is known (PEP 629).
func checkVersion(version string) error {
	if major, _, _ := strings.Cut(version, "."); version != "" && major != "1" {
		return whittle.ErrUnsupported.Errorf("the index speaks version %.20q of the API, and 1 is known", version)
	}
	return nil
}

// digest is a SHA-256 in small letters, empty where the text is none.
func digest(hex string) string {
	hex = strings.ToLower(hex)
	if len(hex) != 64 || strings.Trim(hex, "0123456789abcdef") != "" {
		return ""
	}
	return hex
}

// plainName says whether a file's name is one and no path.
func plainName(name string) bool {
	return name != "" && len(name) <= 512 && name != "." && name != ".." && !strings.ContainsAny(name, "/\\\x00\r\n")
}

// resolve is a file's URL, without credentials; those of the index go along
// where the file is on its host.
func resolve(base *url.URL, ref string) (*url.URL, bool) {
	u, err := base.Parse(strings.TrimSpace(ref))
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, false
	}
	u.User = nil
	return u, true
}

// parseHTML reads a listing as HTML (PEP 503): its anchors.
func parseHTML(b []byte, base *url.URL) ([]File, error) {
	var out []File
	based := false
	for tag := range tags(b) {
		switch tag.name {
		case "base": // the first one counts
			if u, ok := resolve(base, tag.attr["href"]); ok && tag.attr["href"] != "" && !based {
				base, based = u, true
			}
		case "meta":
			if tag.attr["name"] == "pypi:repository-version" {
				if err := checkVersion(tag.attr["content"]); err != nil {
					return nil, err
				}
			}
		case "a":
			if f, ok := anchor(tag.attr, base); ok {
				out = append(out, f)
			}
		}
	}
	return out, nil
}

// anchor is the file that an <a> names: its attributes say what the JSON has
// in keys, the fragment of its address the digest.
func anchor(attr map[string]string, base *url.URL) (File, bool) {
	u, ok := resolve(base, attr["href"])
	if !ok || attr["href"] == "" {
		return File{}, false
	}
	f := File{Name: path.Base(u.Path), RequiresPython: attr["data-requires-python"]}
	if hex, ok := strings.CutPrefix(u.Fragment, "sha256="); ok {
		f.SHA256 = digest(hex)
	}
	_, f.Yanked = attr["data-yanked"]
	beside, ok := attr["data-core-metadata"]
	if !ok {
		beside, ok = attr["data-dist-info-metadata"]
	}
	f.Metadata = ok && beside != "false"
	if hex, ok := strings.CutPrefix(beside, "sha256="); ok {
		f.MetadataSHA256 = digest(hex)
	}
	u.Fragment, u.RawFragment = "", ""
	f.URL = u.String()
	return f, plainName(f.Name)
}
