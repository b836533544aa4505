package ledger

import (
	"archive/tar"
	"bytes"
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"whittle.dev/whittle/internal/imagetest"
)

// flavor is what random stacks are made of.
type flavor struct {
	name string
	// kinds are drawn with these weights, in the notation of imagetest.
	kinds string
	names []string
	depth int
}

var flavors = []flavor{
	{"plain", "dddfffffwo", []string{"a", "b", "c"}, 3},
	{"links", "ddffffhhhhw", []string{"a", "b", "c"}, 2},
	{"symlinks", "ddfffsssshwo", []string{"a", "b", "c"}, 3},
	{"markers", "ddddfffwwwwoo", []string{"a", "a-", "ab", ".a"}, 3},
	{"clashes", "ddffffsshwoc", []string{"a", "b"}, 2},
}

// one tar entry with its content.
type tarEntry struct {
	tar.Header
	content string
}

// GoString is short, for rapid's log.
func (e tarEntry) GoString() string {
	return fmt.Sprintf("{%c %s %s %d %o %d}", e.Typeflag, e.Name, e.Linkname, e.Size, e.Mode, e.ModTime.Unix())
}

// stack draws the entries of several layers. Few names make many clashes;
// few sizes, modes and contents make copies.
func (f flavor) stack(t *rapid.T) [][]tarEntry {
	layers := make([][]tarEntry, rapid.IntRange(2, 5).Draw(t, "layers"))
	for i := range layers {
		layers[i] = rapid.SliceOfN(rapid.Custom(f.entry), 0, 10).Draw(t, fmt.Sprintf("layer %d", i))
	}
	return layers
}

func (f flavor) path(t *rapid.T) string {
	p := rapid.SampledFrom(f.names).Draw(t, "name")
	for range rapid.IntRange(0, f.depth-1).Draw(t, "depth") {
		p += "/" + rapid.SampledFrom(f.names).Draw(t, "name")
	}
	return p
}

func (f flavor) entry(t *rapid.T) tarEntry {
	p := f.path(t)
	mtime := time.Unix(int64(rapid.IntRange(1, 2).Draw(t, "mtime")), 0)
	e := tarEntry{Header: tar.Header{Name: p, Mode: rapid.SampledFrom([]int64{0o644, 0o755}).Draw(t, "mode"), ModTime: mtime, Typeflag: tar.TypeReg}}
	switch kind := rapid.SampledFrom([]byte(f.kinds)).Draw(t, "kind"); kind {
	case 'd':
		e.Typeflag, e.Mode = tar.TypeDir, 0o755
		if rapid.IntRange(0, 19).Draw(t, "root") == 0 {
			e.Name = "./"
		}
	case 'f':
		size := rapid.IntRange(0, 3).Draw(t, "size")
		e.content = string(imagetest.Content(rapid.SampledFrom([]string{"x", "y"}).Draw(t, "seed"), 1<<size))
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
	e.Size = int64(len(e.content))
	return e
}

func marker(kind byte, p string, root bool) string {
	dir, base := splitPath(p)
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

func writeTar(t testing.TB, entries []tarEntry) []byte {
	t.Helper()
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	for i := range entries {
		h := entries[i].Header
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(entries[i].content)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}
