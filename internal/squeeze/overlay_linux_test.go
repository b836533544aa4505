package squeeze

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/imagetest"
)

// TestKernel: overlayfs shows of a squeezed stack what it shows of the stack, and Docker
// refuses no entry of it. Names of one file are names of one file in both.
func TestKernel(t *testing.T) {
	if err := imagetest.TryOverlay(t.TempDir()); err != nil {
		t.Skipf("no overlayfs here (root, and a file system that can be below it, are needed): %v", err)
	}
	for _, f := range imagetest.Flavors {
		t.Run(f.Name, func(t *testing.T) {
			work, n, compared := t.TempDir(), 0, 0
			rapid.Check(t, func(rt *rapid.T) {
				n++
				dir := filepath.Join(work, fmt.Sprint(n))
				defer os.RemoveAll(dir)
				img := imagetest.FromTars(t, imagetest.Plain, accepted(t, rt, f.Stack(rt), filepath.Join(dir, "taken"))...)
				was, err := kernelView(img.Layers(), filepath.Join(dir, "was"))
				if err != nil {
					rt.Fatal(err)
				}
				out, _, err := squeezed(t, img, Job{Base: rapid.IntRange(0, len(img.Layers())).Draw(rt, "base")})
				var refusal *Refusal
				if errors.As(err, &refusal) { // a refusal is no wrong tree
					return
				}
				if err != nil {
					rt.Fatal(err)
				}
				is, err := kernelView(imageOf(t, img, out).layers, filepath.Join(dir, "is"))
				if diff := cmp.Diff(was, is); diff != "" || err != nil {
					rt.Fatalf("%v (-was +is):\n%s", err, diff)
				}
				compared++
			})
			t.Logf("%d of %d compared", compared, n)
			if compared == 0 {
				t.Error("none was compared")
			}
		})
	}
}

// accepted are the layers without the entries that Docker refuses: there is nothing to
// compare of them.
func accepted(t testing.TB, rt rapid.TB, stack [][]imagetest.TarEntry, dir string) (tars [][]byte) {
	for n, entries := range stack {
		x := &imagetest.Extraction{Root: filepath.Join(dir, fmt.Sprint(n))}
		if err := os.MkdirAll(x.Root, 0o755); err != nil {
			rt.Fatal(err)
		}
		var taken []imagetest.TarEntry
		for i, e := range entries {
			if x.Extract(e, i) == nil {
				taken = append(taken, e)
			}
		}
		tars = append(tars, imagetest.WriteTar(t, taken))
	}
	return tars
}

var errRefused = errors.New("an entry that Docker refuses")

// kernelView extracts layers and lays them over each other. Instead of its inode, a file
// has the first of its names.
func kernelView(layers []whittle.Layer, dir string) (map[string]imagetest.Seen, error) {
	var dirs []string
	for n, l := range layers {
		x := &imagetest.Extraction{Root: filepath.Join(dir, fmt.Sprint("layer", n))}
		if err := os.MkdirAll(x.Root, 0o755); err != nil {
			return nil, err
		}
		dirs = append(dirs, x.Root)
		if err := extractLayer(x, l); err != nil {
			return nil, err
		}
	}
	view, err := imagetest.OverlayOf(dirs, filepath.Join(dir, "merged"))
	if err != nil {
		return nil, err
	}
	first := map[uint64]string{}
	for p, v := range view {
		if q, ok := first[v.Inode]; !ok || p < q {
			first[v.Inode] = p
		}
	}
	for p, v := range view {
		v.Link += " " + first[v.Inode]
		if v.Inode = 0; v.Kind != whittle.File {
			v.Size, v.Mode, v.MTime = 0, 0, 0 // the extraction does not set them
		}
		view[p] = v
	}
	return view, nil
}

func extractLayer(x *imagetest.Extraction, l whittle.Layer) error {
	records, err := readTar(l)
	if err != nil {
		return err
	}
	for i, e := range records {
		if err := x.Extract(e, i); err != nil {
			return fmt.Errorf("%s: %w: %w", e.Name, errRefused, err)
		}
	}
	return nil
}

func readTar(l whittle.Layer) (out []imagetest.TarEntry, err error) {
	r, err := l.Open(context.Background())
	if err != nil {
		return nil, err
	}
	defer r.Close()
	plain, release, err := decompressed(r)
	if err != nil {
		return nil, err
	}
	defer release()
	for entries := tar.NewReader(plain); ; {
		h, err := entries.Next()
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return nil, err
		}
		content, err := io.ReadAll(entries)
		if err != nil {
			return nil, err
		}
		out = append(out, imagetest.TarEntry{Header: *h, Content: string(content)})
	}
}
