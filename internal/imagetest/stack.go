package imagetest

import (
	"archive/tar"
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// Flavor is what random stacks are made of.
type Flavor struct {
	Name string
	// kinds are drawn with these weights, in the notation of imagetest.
	kinds string
	names []string
	depth int
}

// Flavors are those of random stacks.
var Flavors = []Flavor{
	{"plain", "dddfffffwo", []string{"a", "b", "c"}, 3},
	{"links", "ddffffhhhhw", []string{"a", "b", "c"}, 2},
	{"symlinks", "ddfffsssshwo", []string{"a", "b", "c"}, 3},
	{"markers", "ddddfffwwwwoo", []string{"a", "a-", "ab", ".a"}, 3},
	{"clashes", "ddffffsshwoc", []string{"a", "b"}, 2},
}

// TarEntry is one tar entry with its content.
type TarEntry struct {
	tar.Header
	Content string
}

// GoString is short, for rapid's log.
func (e TarEntry) GoString() string {
	return fmt.Sprintf("{%c %s %s %d %o %d}", e.Typeflag, e.Name, e.Linkname, e.Size, e.Mode, e.ModTime.Unix())
}

// Stack draws the entries of several layers. Few names make many clashes;
// few sizes, modes and contents make copies.
func (f Flavor) Stack(t *rapid.T) [][]TarEntry {
	layers := make([][]TarEntry, rapid.IntRange(2, 5).Draw(t, "layers"))
	for i := range layers {
		layers[i] = rapid.SliceOfN(rapid.Custom(f.entry), 0, 10).Draw(t, fmt.Sprintf("layer %d", i))
	}
	return layers
}

func (f Flavor) path(t *rapid.T) string {
	p := rapid.SampledFrom(f.names).Draw(t, "name")
	for range rapid.IntRange(0, f.depth-1).Draw(t, "depth") {
		p += "/" + rapid.SampledFrom(f.names).Draw(t, "name")
	}
	return p
}

func (f Flavor) entry(t *rapid.T) TarEntry {
	p := f.path(t)
	mtime := time.Unix(int64(rapid.IntRange(1, 2).Draw(t, "mtime")), 0)
	e := TarEntry{Header: tar.Header{Name: p, Mode: rapid.SampledFrom([]int64{0o644, 0o755}).Draw(t, "mode"), ModTime: mtime, Typeflag: tar.TypeReg}}
	switch kind := rapid.SampledFrom([]byte(f.kinds)).Draw(t, "kind"); kind {
	case 'd':
		e.Typeflag, e.Mode = tar.TypeDir, 0o755
		if rapid.IntRange(0, 19).Draw(t, "root") == 0 {
			e.Name = "./"
		}
	case 'f':
		size := rapid.IntRange(0, 3).Draw(t, "size")
		e.Content = string(Content(rapid.SampledFrom([]string{"x", "y"}).Draw(t, "seed"), 1<<size))
	case 's':
		e.Typeflag, e.Linkname = tar.TypeSymlink, f.path(t)
		e.Linkname = rapid.SampledFrom([]string{"", "/", "../", "../../../"}).Draw(t, "where") + e.Linkname
	case 'h':
		e.Typeflag, e.Linkname = tar.TypeLink, f.path(t)
	case 'c':
		e.Typeflag, e.Devminor = tar.TypeChar, int64(rapid.IntRange(0, 1).Draw(t, "minor"))
	case 'w', 'o':
		e.Name = marker(kind, p, rapid.IntRange(0, 9).Draw(t, "root") == 0)
		e.Mode = 0
	}
	e.Size = int64(len(e.Content))
	return e
}

func marker(kind byte, p string, root bool) string {
	i := strings.LastIndexByte(p, '/')
	dir, base := p[:max(i, 0)], p[i+1:]
	if dir != "" {
		dir += "/"
	}
	switch {
	case kind == 'w':
		return dir + ".wh." + base
	case root:
		return ".wh..wh..opq"
	}
	return p + "/.wh..wh..opq"
}

// WriteTar writes entries as a tar.
func WriteTar(t testing.TB, entries []TarEntry) []byte {
	t.Helper()
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	for i := range entries {
		h := entries[i].Header
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(entries[i].Content)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}
