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

// Cache keeps indexes in a directory, one file for each diff ID. Files are
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
	tempPrefix  = ".new-"
	// tempAge is how old a temporary file is when nobody writes to it any
	// more.
	tempAge = time.Hour
)

// OpenCache uses dir, which it creates where it is missing. maxBytes bounds
// the sum of the files; 0 means [DefaultCacheSize].
func OpenCache(dir string, maxBytes int64) (*Cache, error) {
	if maxBytes <= 0 {
		maxBytes = DefaultCacheSize
	}
	c := &Cache{dir: filepath.Join(dir, cacheVersion), max: maxBytes}
	if err := os.MkdirAll(c.dir, 0o700); err != nil {
		return nil, fmt.Errorf("creating the cache: %w", err)
	}
	return c, nil
}

func (c *Cache) path(id whittle.Digest) string {
	return filepath.Join(c.dir, id.Hex()+cacheSuffix)
}

// Get looks a layer up; hashed asks for an index with content digests.
func (c *Cache) Get(id whittle.Digest, hashed bool) (*whittle.Index, bool) {
	if _, err := whittle.ParseDigest(string(id)); c == nil || err != nil {
		return nil, false
	}
	data, err := os.ReadFile(c.path(id))
	if err != nil {
		return nil, false
	}
	idx, err := decode(data)
	if err != nil || idx.DiffID != id {
		os.Remove(c.path(id))
		return nil, false
	}
	if hashed && !idx.Hashed {
		return nil, false
	}
	now := time.Now()
	_ = os.Chtimes(c.path(id), now, now) // only the order of eviction hangs on it
	return idx, true
}

// Put keeps an index. It must come of a layer whose diff ID was verified:
// whoever has a layer of that diff ID will be given it.
func (c *Cache) Put(idx *whittle.Index) error {
	if c == nil {
		return nil
	}
	if _, err := whittle.ParseDigest(string(idx.DiffID)); err != nil {
		return err
	}
	tmp, err := os.CreateTemp(c.dir, tempPrefix)
	if err != nil {
		return fmt.Errorf("writing to the cache: %w", err)
	}
	_, err = tmp.Write(encode(idx))
	if closeErr := tmp.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = os.Rename(tmp.Name(), c.path(idx.DiffID))
	}
	if err != nil {
		os.Remove(tmp.Name())
		return fmt.Errorf("writing to the cache: %w", err)
	}
	return c.trim(idx.DiffID)
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
		ours := strings.HasSuffix(e.Name(), cacheSuffix) || strings.HasPrefix(e.Name(), tempPrefix)
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
		if !stale && (temp || sum <= c.max || f.Name() == keep.Hex()+cacheSuffix) {
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
