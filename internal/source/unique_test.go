package source

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"whittle.dev/whittle"
)

// known is an image of a random layout, as its entries say it.
type known struct {
	id, arch string
	names    []string
	platform bool
}

// TestUnique: of random layouts of named and nameless entries, the one image
// that a selector and a platform leave is opened, and none where several are
// left.
func TestUnique(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		s := newShape(t)
		var all []*known
		for range rapid.IntRange(1, 5).Draw(rt, "entries") {
			id := rapid.SampledFrom([]string{"a", "b", "c"}).Draw(rt, "image")
			arch := map[string]string{"a": "amd64", "b": "arm64", "c": "amd64"}[id]
			name := rapid.SampledFrom([]string{"", "app:1", "app:2", "db:1"}).Draw(rt, "name")
			platform := rapid.Bool().Draw(rt, "platform")
			d := s.manifest(id, "linux/"+arch)
			if platform {
				d = on(d, "linux/"+arch)
			}
			i := slices.IndexFunc(all, func(k *known) bool { return k.id == id })
			if i < 0 {
				i = len(all)
				all = append(all, &known{id: id, arch: arch})
			}
			all[i].platform = all[i].platform || platform
			if name != "" {
				d = tagged(d, name)
				if !slices.Contains(all[i].names, name) {
					all[i].names = append(all[i].names, name)
				}
			}
			s.roots = append(s.roots, d)
		}
		s.files["index.json"] = mustJSON(t, entry{"manifests": s.roots})
		dir := writeFolder(t, s.files)
		for _, selector := range []string{"", "1", "app:1", "app", "db"} {
			for _, arch := range []string{"", "amd64", "arm64"} {
				o := Options{host: whittle.Platform{OS: "linux", Architecture: "amd64"}}
				if arch != "" {
					o.Platform = &whittle.Platform{OS: "linux", Architecture: arch}
				}
				want, kind := expected(all, selector, arch)
				name := "oci-layout:" + dir
				if selector != "" {
					name += ":" + selector
				}
				got := ""
				img, err := Open(context.Background(), name, o)
				if err == nil {
					got = img.Config().Config.Labels["id"]
					img.Close()
				}
				if got != want || !errors.Is(err, kind) {
					rt.Fatalf("%q on %q: opened %q (%v), want %q (%v) of %s", selector, arch, got, err, want, kind, describe(all))
				}
			}
		}
	})
}

// expected is the image to open, by the definition: those with a name that the
// selector is the end of, or the repository of; of these the one for the
// platform. Without a platform, images of one name are one image's platforms.
func expected(all []*known, selector, arch string) (string, error) {
	var in []*known
	for _, k := range all {
		fits := func(n string) bool {
			return strings.HasSuffix(":"+n, ":"+selector) || strings.HasPrefix(n, selector+":")
		}
		if selector == "" || slices.ContainsFunc(k.names, fits) {
			in = append(in, k)
		}
	}
	if len(in) == 0 {
		return "", whittle.ErrNotFound
	}
	var on []string
	oneImage := true
	for _, k := range in {
		if k.arch == arch || arch == "" && k.arch == "amd64" {
			on = append(on, k.id)
		}
		oneImage = oneImage && k.platform && slices.Equal(k.names, in[0].names)
	}
	switch {
	case arch == "" && len(in) == 1:
		return in[0].id, nil
	case arch == "" && !oneImage, len(on) > 1:
		return "", whittle.ErrUsage
	case len(on) == 0:
		return "", whittle.ErrNotFound
	}
	return on[0], nil
}

func describe(all []*known) string {
	var b strings.Builder
	for _, k := range all {
		fmt.Fprintf(&b, "%+v ", *k)
	}
	return b.String()
}

// FuzzLayout opens layouts of any index.json over the blobs of two images.
func FuzzLayout(f *testing.F) {
	s := newShape(f)
	a, b := s.image("a", "linux/amd64"), s.image("b", "linux/arm64")
	for _, roots := range [][]any{{a, b}, {tagged(a, "app:1"), buildkit(b, "app:1")}, {s.index(a, s.index(b))}, {s.artifact("x/y"), s.gone(s.index())}} {
		index, err := json.Marshal(entry{"manifests": roots})
		if err != nil {
			f.Fatal(err)
		}
		f.Add(index, "app")
		f.Add(index, "@sha256:"+hexOf(a)[:8])
	}
	f.Fuzz(func(t *testing.T, index []byte, selector string) {
		files := maps.Clone(s.files)
		files["index.json"] = index
		if img, err := layoutImage(context.Background(), memory(files), selector, Options{Limits: Limits{}.withDefaults()}); err == nil {
			if img.Config().Config.Labels["id"] == "" {
				t.Errorf("%s %q: opened what is none of the images", index, selector)
			}
		}
	})
}

// memory is a layout in memory.
type memory map[string][]byte

func (m memory) readFile(name string, limit int64) ([]byte, error) {
	return readAll(bytes.NewReader(m[name]), name, limit)
}

func (m memory) open(_ context.Context, d whittle.Digest) (io.ReadCloser, error) {
	b, ok := m[blobName(d)]
	if !ok {
		return nil, &absentError{d, "layout"}
	}
	return io.NopCloser(bytes.NewReader(b)), nil
}

func (m memory) manifest(ctx context.Context, d whittle.Digest) (io.ReadCloser, error) {
	return m.open(ctx, d)
}
func (m memory) section(whittle.Digest) (*io.SectionReader, bool) { return nil, false }
func (m memory) stat(context.Context, whittle.Digest) (int64, string, error) {
	return -1, "", nil
}
