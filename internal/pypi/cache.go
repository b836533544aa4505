package pypi

import (
	"cmp"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"whittle.dev/whittle"
)

// cache keeps what an index said in a folder. What it cannot keep it does
// without: an index that is asked twice is no failure, so that a full disk or
// a folder that is not ours stops nothing. A nil *cache keeps nothing.
type cache struct {
	// open gives the folder, which nobody else may be able to write to.
	open func() (whittle.Folder, error)
	// trimmed makes room once in a process, before the first file is written.
	trimmed sync.Once
}

// The kinds of files in the cache, each with the version of its form.
const (
	keptListings = "listing1"
	keptMetadata = "metadata1"
	keptMembers  = "members1"
)

const (
	// cacheVersion is the folder of this form below the one that is named.
	cacheVersion = "v1"
	// CacheSize bounds the sum of the files in bytes, maxKept one of them.
	CacheSize = 512 << 20
	maxKept   = 96 << 20
)

func openCache(dir string) *cache {
	if dir == "" {
		return nil
	}
	return &cache{open: sync.OnceValues(func() (whittle.Folder, error) {
		if _, err := whittle.OwnFolder(dir); err != nil {
			return "", err
		}
		return whittle.OwnFolder(filepath.Join(dir, cacheVersion))
	})}
}

// keptListing is a listing as it was at some time.
type keptListing struct {
	// URL is what was asked.
	URL string
	// ETag names the state, empty where the index gives none.
	ETag string
	// Until is when it has to be asked for again.
	Until time.Time
	Files []File
}

func cacheName(kind, key string) string {
	return fmt.Sprintf("%s-%x", kind, sha256.Sum256([]byte(key)))
}

func (c *cache) load(kind, key string) ([]byte, bool) {
	if c == nil {
		return nil, false
	}
	dir, err := c.open()
	if err != nil {
		return nil, false
	}
	name := cacheName(kind, key)
	b, err := dir.Read(name, maxKept)
	if err != nil {
		return nil, false
	}
	_ = dir.Touch(name) // only the order of eviction hangs on it
	return b, true
}

// store writes a file whole or not at all: several processes may use the
// folder.
func (c *cache) store(kind, key string, b []byte) {
	if c == nil || len(b) > maxKept {
		return
	}
	dir, err := c.open()
	if err != nil {
		return
	}
	c.trimmed.Do(func() { trim(dir) })
	_ = dir.Write(cacheName(kind, key), b, 0o600)
}

// trim removes what was not used for longest until the rest fits, and what
// others that were killed left half written.
func trim(dir whittle.Folder) {
	dir.SweepPartials()
	entries, err := fs.ReadDir(dir, ".")
	if err != nil {
		return
	}
	type used struct {
		name string
		size int64
		at   time.Time
	}
	var files []used
	for _, e := range entries {
		if info, err := e.Info(); err == nil && info.Mode().IsRegular() {
			files = append(files, used{e.Name(), info.Size(), info.ModTime()})
		}
	}
	slices.SortFunc(files, func(a, b used) int { return cmp.Or(b.at.Compare(a.at), cmp.Compare(a.name, b.name)) })
	var sum int64
	for _, f := range files {
		if sum += f.size; sum > CacheSize {
			_ = dir.Remove(f.name)
		}
	}
}

// fileKey names a file's content: its digest, and where it lies, as another
// index may claim any digest for a file. Without a digest nothing is kept.
func fileKey(f File) (string, bool) { return f.SHA256 + " " + f.URL, f.SHA256 != "" }

func (c *cache) read(kind string, f File) ([]byte, bool) {
	key, ok := fileKey(f)
	if !ok {
		return nil, false
	}
	return c.load(kind, key)
}

func (c *cache) write(kind string, f File, b []byte) {
	if key, ok := fileKey(f); ok {
		c.store(kind, key, b)
	}
}

func (c *cache) listing(url string) (keptListing, bool) {
	b, ok := c.load(keptListings, url)
	if !ok {
		return keptListing{}, false
	}
	return listingOf(b, url)
}

// listingOf reads a kept listing, where it is the one of an address.
func listingOf(b []byte, url string) (keptListing, bool) {
	var l keptListing
	if json.Unmarshal(b, &l) != nil || l.URL != url {
		return keptListing{}, false
	}
	return l, true
}

func (c *cache) keepListing(url string, l keptListing) {
	l.URL = url
	if b, err := json.Marshal(l); err == nil {
		c.store(keptListings, url, b)
	}
}

func (c *cache) members(f File) ([]Member, bool) {
	var m []Member
	b, ok := c.read(keptMembers, f)
	if !ok || json.Unmarshal(b, &m) != nil {
		return nil, false
	}
	return m, true
}

func (c *cache) keepMembers(f File, m []Member) {
	if b, err := json.Marshal(m); err == nil {
		c.write(keptMembers, f, b)
	}
}
