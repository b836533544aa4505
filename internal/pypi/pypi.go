// Package pypi reads a Python package index: which files it has of a
// distribution, the metadata of a wheel, and what a wheel holds, by requests
// of ranges, without downloading it.
//
// Formats: the simple repository API as JSON and HTML (PEP 503, 592, 629, 658,
// 691, 700, 714), wheels as ZIP archives (PEP 427, APPNOTE.TXT 6.3.10), source
// distributions (PEP 643).
// https://packaging.python.org/en/latest/specifications/simple-repository-api/
//
// An index and what it serves are taken as hostile: bodies, counts and times
// are bounded, and credentials are sent to the index's own host alone.
package pypi

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/pep"
)

// File is one file of a distribution in the index.
type File = whittle.IndexFile

// Member is one file in a wheel.
type Member = whittle.WheelMember

// Limits: bytes of a listing, of a METADATA, of a ZIP archive's directory, of
// a wheel that is downloaded because its server knows no ranges, and of a
// source distribution that is read for its PKG-INFO, of the name of a
// distribution.
const (
	maxListing   = 64 << 20
	maxMetadata  = 16 << 20
	maxDirectory = 64 << 20
	maxWheel     = 4 << 30
	maxSource    = 256 << 20
	maxName      = 256
)

// Options are where the index is and how it is reached. The zero value is what
// pip would use, without a cache.
type Options struct {
	// Index is the URL of the simple repository API, with the credentials that
	// it needs; empty is what the environment and pip's configuration say, and
	// else pip's default. Extra are further indexes; where Index is empty, those of
	// the configuration are asked too.
	Index string
	Extra []string
	// CacheDir keeps listings, metadata and wheels' directories; empty keeps
	// nothing.
	CacheDir string
	// HTTP reaches the index; nil makes a client that trusts the certificates
	// of the system and those that pip is told to trust.
	HTTP *http.Client
	// Offline answers from the cache alone.
	Offline bool
	// Getenv and Now are the environment and the clock; nil is the process's.
	Getenv func(string) string
	Now    func() time.Time
}

// Client reads one index, or several as one. It may be used by several
// goroutines.
type Client struct {
	indexes []index
	// client is made at the first request that goes out: reading the certificates takes longer than all
	// else that a command needs which asks no index.
	client  func() (*http.Client, error)
	cache   *cache
	offline bool
	now     func() time.Time
	// sleep waits between attempts.
	sleep func(context.Context, time.Duration) error
	// slots bounds the requests that are under way.
	slots chan struct{}
	// broken is what is wrong with the configuration.
	broken error
}

// index is one simple repository; its URL has no credentials and ends in "/".
type index struct {
	base *url.URL
	user *url.Userinfo
}

// atOnce bounds the requests of one client that are under way.
const atOnce = 8

// Open makes a client. What is wrong with the configuration is the error of the
// first request.
func Open(o Options) *Client {
	if o.Getenv == nil {
		o.Getenv = os.Getenv
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	c := &Client{client: func() (*http.Client, error) { return o.HTTP, nil }, cache: openCache(o.CacheDir), offline: o.Offline, now: o.Now, sleep: sleep, slots: make(chan struct{}, atOnce)}
	s, err := discover(o.Getenv, readConfig)
	if err != nil {
		c.broken = err
		return c
	}
	urls := append([]string{o.Index}, o.Extra...)
	if o.Index == "" {
		urls = append(append([]string{s.index}, s.extra...), o.Extra...)
	}
	for _, u := range urls {
		i, err := parseIndex(u)
		if err != nil {
			c.broken = err
			return c
		}
		c.indexes = append(c.indexes, i)
	}
	if o.HTTP == nil {
		c.client = sync.OnceValues(func() (*http.Client, error) { return newHTTP(s.certificates) })
	}
	return c
}

func parseIndex(text string) (index, error) {
	u, err := url.Parse(strings.TrimSpace(text))
	if err != nil {
		// The parser's error repeats the text, credentials and all.
		return index{}, whittle.ErrUsage.Errorf("the address of a package index is no URL")
	}
	if u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return index{}, whittle.ErrUnsupported.Errorf("the package index %s is not reached by HTTP", redact(u))
	}
	i := index{base: u, user: u.User}
	u.User, u.RawQuery, u.Fragment, u.RawPath = nil, "", "", ""
	u.Path = strings.TrimRight(u.Path, "/") + "/"
	return i, nil
}

// String is the index's URL, without credentials.
func (i index) String() string { return strings.TrimSuffix(i.base.String(), "/") }

// Index names the indexes that are asked, without credentials.
func (c *Client) Index() string {
	names := make([]string, len(c.indexes))
	for n, i := range c.indexes {
		names[n] = i.String()
	}
	return strings.Join(names, ", ")
}

// redact is a URL fit to be shown: without user, password, query and fragment,
// any of which may be a secret.
func redact(u *url.URL) string {
	shown := *u
	shown.User, shown.RawQuery, shown.ForceQuery, shown.Fragment, shown.RawFragment = nil, "", false, "", ""
	return shown.String()
}

// Files lists the files of a distribution, in the order of the index. Errors
// wrap [whittle.ErrNotFound] where no index has it, [whittle.ErrEngine] where one does
// not answer, [whittle.ErrAuth], [whittle.ErrCorrupt], [whittle.ErrUnsupported]
// or [whittle.ErrLimit].
func (c *Client) Files(ctx context.Context, name string) ([]File, error) {
	if c.broken != nil {
		return nil, c.broken
	}
	if !pep.IsName(name) || len(name) > maxName {
		return nil, whittle.ErrUsage.Errorf("%.80q is not the name of a distribution", name)
	}
	var out []File
	missing, seen := 0, map[string]bool{}
	for _, i := range c.indexes {
		files, err := c.listing(ctx, i, pep.Normalize(name))
		if isNotFound(err) {
			missing++
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("listing the files of %s: %w", name, err)
		}
		for _, f := range files {
			if !seen[f.Name] {
				seen[f.Name] = true
				out = append(out, f)
			}
		}
	}
	if missing == len(c.indexes) {
		return nil, &failure{doing: "looking for " + name, why: "the package index " + c.Index() + " has no such distribution", kind: whittle.ErrNotFound}
	}
	return out, nil
}

// Metadata is the core metadata of a file: the METADATA that the index has
// beside it, else that in the wheel, else the PKG-INFO of a source
// distribution. Errors are as those of [Client.Files]; a source distribution
// that says nothing is [whittle.ErrNotFound].
func (c *Client) Metadata(ctx context.Context, f File) ([]byte, error) {
	if c.broken != nil {
		return nil, c.broken
	}
	if b, ok := c.cache.read(keptMetadata, f); ok {
		return b, nil
	}
	b, err := c.metadata(ctx, f)
	if err != nil {
		return nil, fmt.Errorf("reading the metadata of %s: %w", f.Name, err)
	}
	c.cache.write(keptMetadata, f, b)
	return b, nil
}

func (c *Client) metadata(ctx context.Context, f File) ([]byte, error) {
	if f.Metadata {
		b, err := c.beside(ctx, f)
		if !isNotFound(err) {
			return b, err
		}
	}
	if !strings.HasSuffix(f.Name, ".whl") {
		return c.sourceMetadata(ctx, f)
	}
	w, err := c.openWheel(ctx, f)
	if err != nil {
		return nil, err
	}
	defer w.close()
	return w.info(ctx, "METADATA")
}

// Members are the files of a wheel, sorted by path, as its central directory
// has them. Errors are as those of [Client.Files].
func (c *Client) Members(ctx context.Context, f File) ([]Member, error) {
	if c.broken != nil {
		return nil, c.broken
	}
	if !strings.HasSuffix(f.Name, ".whl") {
		return nil, whittle.ErrUnsupported.Errorf("%.200q is no wheel", f.Name)
	}
	if m, ok := c.cache.members(f); ok {
		return m, nil
	}
	w, err := c.openWheel(ctx, f)
	if err != nil {
		return nil, fmt.Errorf("reading the directory of %s: %w", f.Name, err)
	}
	defer w.close()
	m, err := w.members(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading the directory of %s: %w", f.Name, err)
	}
	c.cache.keepMembers(f, m)
	return m, nil
}
