package index

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"time"

	"whittle"
)

// Cache keeps indexes in a directory, one file for each diff ID, and beside it
// one that lists the stored bytes which came to that diff ID. Files are
// written under another name and renamed, so that several processes can use
// one cache; a damaged file counts as missing and is removed. What was not used for
// longest goes when the cache grows over its size. A nil *Cache keeps
// nothing.
type Cache struct {
	dir string
	max int64
}

// Usage is what a cache holds.
type Usage struct {
	Dir     string
	Indexes int
	Bytes   int64
	// Max is the size that the cache may grow to, in bytes.
	Max int64
}

// DefaultCacheSize bounds a cache whose size is not given, in bytes.
const DefaultCacheSize = 512 << 20

const (
	cacheSuffix = ".index"
	seenSuffix  = ".seen"
	tempPrefix  = ".new-"
	// tempAge is how old a temporary file is when nobody writes to it any
	// more.
	tempAge = time.Hour
	// maxCached is the largest file of the cache that is read, in bytes: no
	// index within the default limits comes to it.
	maxCached = 1 << 30
)

// OpenCache uses dir, which it creates where it is missing, and which must be
// possible to write to. maxBytes bounds the sum of the files; 0 means
// [DefaultCacheSize].
func OpenCache(dir string, maxBytes int64) (*Cache, error) {
	if maxBytes <= 0 {
		maxBytes = DefaultCacheSize
	}
	c := &Cache{dir: filepath.Join(dir, cacheVersion), max: maxBytes}
	if err := os.MkdirAll(c.dir, 0o700); err != nil {
		return nil, fmt.Errorf("creating the cache: %w", err)
	}
	try, err := os.CreateTemp(c.dir, tempPrefix)
	if err != nil {
		return nil, fmt.Errorf("writing to the cache: %w", err)
	}
	return c, errors.Join(try.Close(), os.Remove(try.Name()))
}

func (c *Cache) path(id whittle.Digest) string {
	return filepath.Join(c.dir, id.Hex()+cacheSuffix)
}

// Get looks a layer up, and what it took of the limits. Whether a layer of
// that diff ID holds what it says is another question: see proven.
func (c *Cache) Get(id whittle.Digest) (*whittle.Index, Cost, bool) {
	if _, err := whittle.ParseDigest(string(id)); c == nil || err != nil {
		return nil, Cost{}, false
	}
	data, err := whittle.ReadFile(c.path(id), maxCached)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, Cost{}, false
	}
	var idx *whittle.Index
	var cost Cost
	if err == nil {
		idx, cost, err = decode(data)
	}
	if err != nil || idx.DiffID != id {
		os.Remove(c.path(id))
		return nil, Cost{}, false
	}
	c.use(c.path(id))
	return idx, cost, true
}

// use marks a file as used: only the order of eviction hangs on it.
func (c *Cache) use(name string) {
	now := time.Now()
	_ = os.Chtimes(name, now, now)
}

// Put keeps an index. It must come of a layer whose diff ID was verified.
func (c *Cache) Put(idx *whittle.Index, cost Cost) error {
	if c == nil {
		return nil
	}
	if _, err := whittle.ParseDigest(string(idx.DiffID)); err != nil {
		return err
	}
	if err := c.write(c.path(idx.DiffID), encode(idx, cost)); err != nil {
		return err
	}
	return c.trim(idx.DiffID)
}

// write makes a file appear whole.
func (c *Cache) write(name string, data []byte) error {
	tmp, err := os.CreateTemp(c.dir, tempPrefix)
	if err != nil {
		return fmt.Errorf("writing to the cache: %w", err)
	}
	_, err = tmp.Write(data)
	if closeErr := tmp.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = os.Rename(tmp.Name(), name)
	}
	if err != nil {
		os.Remove(tmp.Name())
		return fmt.Errorf("writing to the cache: %w", err)
	}
	return nil
}

// Usage adds up the cache.
func (c *Cache) Usage() (Usage, error) {
	u := Usage{Dir: c.dir, Max: c.max}
	files, err := c.files()
	for _, f := range files {
		if strings.HasSuffix(f.Name(), cacheSuffix) {
			u.Indexes++
		}
		u.Bytes += f.Size()
	}
	return u, err
}

// Clear removes everything from the cache.
func (c *Cache) Clear() error {
	files, err := c.files()
	for _, f := range files {
		err = errors.Join(err, removeFile(filepath.Join(c.dir, f.Name())))
	}
	return err
}

// files are the cache's own files; whatever else lies in the directory is
// left alone.
func (c *Cache) files() ([]fs.FileInfo, error) {
	entries, err := os.ReadDir(c.dir)
	if err != nil {
		return nil, fmt.Errorf("reading the cache: %w", err)
	}
	var files []fs.FileInfo
	for _, e := range entries {
		ours := strings.HasSuffix(e.Name(), cacheSuffix) || strings.HasSuffix(e.Name(), seenSuffix) || strings.HasPrefix(e.Name(), tempPrefix)
		if info, err := e.Info(); err == nil && ours && info.Mode().IsRegular() {
			files = append(files, info)
		}
	}
	return files, nil
}

// trim removes what was not used for longest until the cache fits, but never
// what was just put.
func (c *Cache) trim(keep whittle.Digest) error {
	files, err := c.files()
	if err != nil {
		return err
	}
	sort.Slice(files, func(i, j int) bool { return files[i].ModTime().Before(files[j].ModTime()) })
	var sum int64
	for _, f := range files {
		sum += f.Size()
	}
	for _, f := range files {
		temp := strings.HasPrefix(f.Name(), tempPrefix)
		stale := temp && time.Since(f.ModTime()) > tempAge
		if !stale && (temp || sum <= c.max || strings.HasPrefix(f.Name(), keep.Hex())) {
			continue
		}
		if err := removeFile(filepath.Join(c.dir, f.Name())); err != nil {
			return err
		}
		sum -= f.Size()
	}
	return nil
}

// removeFile does not mind that another process was faster.
func removeFile(name string) error {
	if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("removing from the cache: %w", err)
	}
	return nil
}
