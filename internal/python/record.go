package python

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"io"
	"net/url"
	"path"
	"sort"
	"strings"

	"whittle.dev/whittle"
)

// record reads a RECORD: lines of path, hash and size, paths relative to the
// site folder. listed is false where there is none.
func (t *Tree) record(site, name string) (files []string, listed bool, err error) {
	b, err := t.Read(name, maxRecord)
	if b == nil || err != nil {
		return nil, false, err
	}
	r := csv.NewReader(bytes.NewReader(b))
	r.FieldsPerRecord, r.LazyQuotes, r.ReuseRecord = -1, true, true
	for {
		row, err := r.Read()
		if errors.Is(err, io.EOF) {
			return files, true, nil
		}
		if err != nil {
			return files, true, whittle.ErrCorrupt.Errorf("reading %s: %w", name, err)
		}
		if err := t.name(name); err != nil {
			return nil, true, err
		}
		if p, ok := inSite(site, row[0]); ok {
			files = append(files, p)
		}
	}
}

// installedFiles reads what pip wrote into egg-info folders, relative to them.
func (t *Tree) installedFiles(record string) (files []string, listed bool, err error) {
	b, err := t.Read(record+"/installed-files.txt", maxRecord)
	if b == nil || err != nil {
		return nil, false, err
	}
	for line := range strings.Lines(string(b)) {
		if p, ok := inSite(record, strings.TrimSpace(line)); ok {
			files = append(files, p)
		}
		if err := t.name(record); err != nil {
			return nil, true, err
		}
	}
	return files, true, nil
}

// inSite is the path that a record names, relative to its site folder or
// absolute; ok is false where it leaves the root.
func inSite(site, name string) (string, bool) {
	if name == "" {
		return "", false
	}
	if !strings.HasPrefix(name, "/") {
		name = path.Join(site, name)
	}
	p, err := whittle.CleanPath(name)
	return p, err == nil && p != "."
}

// topLevel guesses the files of a distribution that lists none: what
// top_level.txt names, else the SOURCES.txt of its build, else what is named
// like the distribution.
func (t *Tree) topLevel(d *Distribution) []string {
	b, err := t.Read(d.Record+"/top_level.txt", maxSmall)
	names := strings.Fields(string(b))
	if err != nil || len(names) == 0 {
		if out := t.sources(d); len(out) > 0 {
			return out
		}
		names = []string{strings.ReplaceAll(d.Name, "-", "_"), d.Name}
	}
	var out []string
	for _, n := range names {
		p, ok := inSite(d.Site, n)
		if !ok || !strings.HasPrefix(p, d.Site+"/") {
			continue
		}
		out = append(out, t.below(p)...)
		out = append(out, p+".py")
		if len(out) > maxFiles {
			break
		}
	}
	return out
}

// sources are the files of packages that a SOURCES.txt names and the site
// folder has. Most others in it were never installed.
func (t *Tree) sources(d *Distribution) []string {
	b, err := t.Read(d.Record+"/SOURCES.txt", maxRecord)
	if err != nil {
		return nil // then it is a guess by name
	}
	var out []string
	for line := range strings.Lines(string(b)) {
		name := strings.TrimSpace(line)
		p, ok := inSite(d.Site, name)
		if ok && strings.Contains(name, "/") && strings.HasPrefix(p, d.Site+"/") && t.IsFile(p) {
			out = append(out, p)
		}
	}
	return out
}

// withBytecode resolves what a record names, drops what is not there, adds the
// bytecode of sources (even of those that are gone), and sorts without repeats.
func (t *Tree) withBytecode(named []string) []string {
	seen := make(map[string]bool, len(named))
	var out []string
	add := func(p string) {
		if !seen[p] {
			seen[p] = true
			out = append(out, p)
		}
	}
	for _, p := range named {
		if real, ok := t.real(p); ok && t.IsFile(real) {
			add(real)
		}
		if !strings.HasSuffix(p, ".py") {
			continue
		}
		if beside := p + "c"; t.IsFile(beside) {
			add(beside)
		}
		for _, c := range t.bytecode(p) {
			add(c)
		}
	}
	sort.Strings(out)
	return out
}

// fromFolder reads a direct_url.json: whether the distribution was installed
// from a folder, and if it is editable, from which (PEP 610).
func fromFolder(content []byte) (local, editable bool, source string) {
	var doc struct {
		URL     string
		DirInfo *struct {
			Editable bool `json:"editable"`
		} `json:"dir_info"`
	}
	if json.Unmarshal(content, &doc) != nil || doc.DirInfo == nil {
		return false, false, ""
	}
	if !doc.DirInfo.Editable {
		return true, false, ""
	}
	u, err := url.Parse(doc.URL)
	if err != nil || u.Scheme != "file" {
		return true, true, ""
	}
	p, err := whittle.CleanPath(u.Path)
	if err != nil || p == "." {
		return true, true, ""
	}
	return true, true, p
}

// links are the source trees that setuptools' develop installs point to: the
// first line of each NAME.egg-link.
func (t *Tree) links() map[string]bool {
	out := map[string]bool{}
	for _, p := range t.Paths {
		if !strings.HasSuffix(p, ".egg-link") {
			continue
		}
		b, err := t.Read(p, maxSmall)
		if err != nil {
			continue // it says nothing that could be owned
		}
		line, _, _ := strings.Cut(string(b), "\n")
		if dir, ok := inSite(path.Dir(p), strings.TrimSpace(line)); ok {
			if real, ok := t.real(dir); ok {
				out[real] = true
			}
		}
	}
	return out
}

// inSourceTree says whether a folder is a project's own, where building leaves
// an egg-info, and not one that things are installed in.
func (t *Tree) inSourceTree(dir string) bool {
	if base := path.Base(dir); base == "site-packages" || base == "dist-packages" {
		return false
	}
	for _, d := range []string{dir, path.Dir(dir)} {
		for _, mark := range []string{"setup.py", "setup.cfg", "pyproject.toml"} {
			if t.IsFile(path.Join(d, mark)) {
				return true
			}
		}
	}
	return false
}
