package index

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"slices"
	"sort"
	"strings"

	"whittle.dev/whittle"
)

// Cache keeps indexes in a directory: one file for each diff ID, and beside it a
// list of the blobs with that diff ID; and results about images ([Cache.Result]). Files are written under another name and
// renamed, so that several processes can use one cache. A damaged file counts as
// missing and is removed. The directory must be writable for its owner only, and
// links in it are not followed. When the cache exceeds its size, the least
// recently used files are removed. A nil *Cache keeps nothing.
type Cache struct {
	dir whittle.Folder
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
	cacheSuffix  = ".index"
	seenSuffix   = ".seen"
	resultSuffix = ".result"
	// maxCached is the largest file of the cache that is read, in bytes: no
	// index within the default limits is as large.
	maxCached = 1 << 30
)

// OpenCache opens a cache in dir, which it creates if necessary, and which must be
// writable. maxBytes bounds the sum of the files; 0 is [DefaultCacheSize].
func OpenCache(dir string, maxBytes int64) (*Cache, error) {
	if maxBytes <= 0 {
		maxBytes = DefaultCacheSize
	}
	for _, d := range []string{dir, filepath.Join(dir, cacheVersion)} {
		if _, err := whittle.OwnFolder(d); err != nil {
			return nil, fmt.Errorf("opening the cache: %w", err)
		}
	}
	c := &Cache{dir: whittle.Folder(filepath.Join(dir, cacheVersion)), max: maxBytes}
	c.dir.SweepPartials()
	return c, nil
}

func cacheFile(id whittle.Digest) string { return id.Hex() + cacheSuffix }

// Get gives the index and the cost of the layer with a diff ID. It does not verify
// that a layer's bytes have this diff ID: see proven.
func (c *Cache) Get(id whittle.Digest) (*whittle.Index, Cost, bool) {
	if _, err := whittle.ParseDigest(string(id)); c == nil || err != nil {
		return nil, Cost{}, false
	}
	data, err := c.dir.Read(cacheFile(id), maxCached)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, Cost{}, false
	}
	var idx *whittle.Index
	var cost Cost
	if err == nil {
		idx, cost, err = decode(data)
	}
	if err != nil || idx.DiffID != id {
		_ = c.dir.Remove(cacheFile(id))
		return nil, Cost{}, false
	}
	_ = c.dir.Touch(cacheFile(id)) // only the order of eviction depends on it
	return idx, cost, true
}

// Put stores an index, which must be that of a layer whose diff ID was verified.
func (c *Cache) Put(idx *whittle.Index, cost Cost) error {
	if c == nil {
		return nil
	}
	if _, err := whittle.ParseDigest(string(idx.DiffID)); err != nil {
		return err
	}
	if err := c.dir.WriteBy(cacheFile(idx.DiffID), 0o600, func(w io.Writer) error { return encode(w, idx, cost) }); err != nil {
		return fmt.Errorf("keeping an index: %w", err)
	}
	return c.trim(idx.DiffID)
}

// Usage adds up the files of the cache.
func (c *Cache) Usage() (Usage, error) {
	u := Usage{Dir: string(c.dir), Max: c.max}
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
		err = errors.Join(err, c.dir.Remove(f.Name()))
	}
	return err
}

// files are the cache's own files. Other files in the directory are not touched.
func (c *Cache) files() ([]fs.FileInfo, error) {
	entries, err := fs.ReadDir(c.dir, ".")
	if err != nil {
		return nil, fmt.Errorf("reading the cache: %w", err)
	}
	var files []fs.FileInfo
	for _, e := range entries {
		ours := slices.Contains([]string{cacheSuffix, seenSuffix, resultSuffix}, filepath.Ext(e.Name()))
		if info, err := e.Info(); err == nil && ours && info.Mode().IsRegular() {
			files = append(files, info)
		}
	}
	return files, nil
}

// trim removes the least recently used files until the cache is within its size,
// but never those of keep.
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
		if sum <= c.max || strings.HasPrefix(f.Name(), keep.Hex()) {
			continue
		}
		if err := c.dir.Remove(f.Name()); err != nil { // it is no error if another process has removed it
			return fmt.Errorf("making room in the cache: %w", err)
		}
		sum -= f.Size()
	}
	return nil
}
