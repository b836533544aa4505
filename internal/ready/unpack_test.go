package ready

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/imagetest"
	"whittle.dev/whittle/internal/index"
	"whittle.dev/whittle/internal/ledger"
)

var enough = Bounds{Bytes: 1 << 30, Entries: 100_000}

// unpacked applies layers in a new folder, without a limit of time, and gives it.
func unpacked(t testing.TB, dir string, layers ...[]byte) (*tree, error) {
	t.Helper()
	root, err := os.OpenRoot(dir)
	imagetest.Must(t, err)
	t.Cleanup(func() { root.Close() })
	tr := &tree{root: root, bounds: enough, own: os.Geteuid() == 0, buffer: make([]byte, 4<<10)}
	for _, l := range layers {
		if err := tr.apply(bytes.NewReader(l)); err != nil {
			tr.close()
			return tr, err
		}
	}
	tr.close()
	return tr, nil
}

// seen lists what is in a folder: type, mode, time of files, content or target.
func seen(t testing.TB, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	imagetest.Must(t, filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || name == dir {
			return err
		}
		rel, _ := filepath.Rel(dir, name)
		info, err := d.Info()
		if err != nil {
			return err
		}
		switch {
		case d.IsDir():
			out[rel] = fmt.Sprintf("dir %v", info.Mode().Perm())
		case info.Mode()&fs.ModeSymlink != 0:
			to, err := os.Readlink(name)
			out[rel] = "link " + to
			return err
		default:
			text, err := os.ReadFile(name)
			out[rel] = fmt.Sprintf("file %v %d %x", info.Mode().Perm(), info.ModTime().UnixNano(), text)
			return err
		}
		return nil
	}))
	return out
}

// entry is one of a tar.
type entry struct {
	tar.Header
	content string
}

func (e entry) GoString() string {
	return fmt.Sprintf("{%c %s %s %q}", e.Typeflag, e.Name, e.Linkname, e.content)
}

func writeTar(t testing.TB, all []entry) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, e := range all {
		h := e.Header
		h.Size = int64(len(e.content))
		imagetest.Must(t, w.WriteHeader(&h))
		_, err := io.WriteString(w, e.content)
		imagetest.Must(t, err)
	}
	imagetest.Must(t, w.Close())
	return b.Bytes()
}

// draw draws an entry with few names, of the kinds given: d, f, s, h, w, o.
func draw(kinds string) *rapid.Generator[entry] {
	return rapid.Custom(func(t *rapid.T) entry {
		pathOf := func() string {
			p := rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "name")
			for range rapid.IntRange(0, 2).Draw(t, "depth") {
				p += "/" + rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "name")
			}
			return p
		}
		p := pathOf()
		e := entry{Header: tar.Header{Name: p, Typeflag: tar.TypeReg, Mode: rapid.SampledFrom([]int64{0o644, 0o755, 0o600}).Draw(t, "mode"),
			ModTime: time.Unix(int64(rapid.IntRange(1, 9).Draw(t, "time")), 0)}}
		switch rapid.SampledFrom([]byte(kinds)).Draw(t, "kind") {
		case 'd':
			e.Typeflag, e.Mode = tar.TypeDir, rapid.SampledFrom([]int64{0o755, 0o700}).Draw(t, "mode")
		case 'f':
			e.content = rapid.SampledFrom([]string{"", "x", "yy", "zzz"}).Draw(t, "content")
		case 's':
			e.Typeflag, e.Linkname = tar.TypeSymlink, rapid.SampledFrom([]string{"", "/", "../", "../../../"}).Draw(t, "where")+pathOf()
		case 'h':
			e.Typeflag, e.Linkname = tar.TypeLink, pathOf()
		case 'w':
			e.Name = path.Join(path.Dir(p), ".wh."+path.Base(p))
		case 'o':
			e.Name = p + "/.wh..wh..opq"
		}
		return e
	})
}

// TestTar: one layer of folders, files and hard links is what tar makes of it.
func TestTar(t *testing.T) {
	if _, err := exec.LookPath("tar"); err != nil {
		t.Skip("there is no tar")
	}
	work, n := t.TempDir(), 0
	rapid.Check(t, func(rt *rapid.T) {
		n++
		// tar does not replace folders, so each path is of one kind: upper case are files.
		var all []entry
		files := []string{}
		for _, e := range rapid.SliceOfN(draw("dff"), 1, 12).Draw(rt, "entries") {
			if e.Typeflag == tar.TypeReg {
				e.Name = path.Join(path.Dir(e.Name), strings.ToUpper(path.Base(e.Name)))
				files = append(files, e.Name)
			}
			all = append(all, e)
			if e.Typeflag == tar.TypeReg && rapid.Bool().Draw(rt, "link") {
				all = append(all, entry{Header: tar.Header{Name: e.Name + "L", Linkname: rapid.SampledFrom(files).Draw(rt, "target"), Typeflag: tar.TypeLink, Mode: 0o644}})
			}
		}
		text := writeTar(t, all)
		ours, theirs := filepath.Join(work, fmt.Sprint("o", n)), filepath.Join(work, fmt.Sprint("t", n))
		imagetest.Must(t, os.Mkdir(ours, 0o755))
		imagetest.Must(t, os.Mkdir(theirs, 0o755))
		if _, err := unpacked(t, ours, text); err != nil {
			rt.Fatal(err)
		}
		cmd := exec.Command("tar", "-x", "-p", "-f", "-")
		cmd.Dir, cmd.Stdin = theirs, bytes.NewReader(text)
		if out, err := cmd.CombinedOutput(); err != nil {
			rt.Skip(string(out)) // of what tar refuses nothing can be compared
		}
		want, got := seen(t, theirs), seen(t, ours)
		for _, m := range []map[string]string{want, got} {
			for name, is := range m {
				if kind, _, _ := strings.Cut(is, " "); kind == "dir" && !slices.ContainsFunc(all, func(e entry) bool { return path.Clean(e.Name) == name }) {
					m[name] = "dir" // what no entry says has tar's own mode
				}
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			rt.Fatalf("(-tar +got):\n%s\n%#v", diff, all)
		}
	})
}

// plausible are the entries without those whose path, or one above it, the layer has
// already as something else than a folder, or that would replace a folder of the layer, and
// without markers below others: no builder writes such a layer.
func plausible(all []entry) (out []entry) {
	folders, others, gone := map[string]bool{}, map[string]bool{}, map[string]bool{}
	for _, e := range all {
		dir, base := path.Split(e.Name)
		marker := strings.HasPrefix(base, whiteout)
		clash := others[e.Name] || folders[e.Name] && e.Typeflag != tar.TypeDir
		for dir := path.Dir(e.Name); dir != "."; dir = path.Dir(dir) {
			clash = clash || others[dir] || marker && gone[dir]
		}
		hides := path.Join(dir, strings.TrimPrefix(base, whiteout))
		if base == opaque {
			hides = path.Clean(dir)
		}
		for other := range gone {
			clash = clash || marker && strings.HasPrefix(other+"/", hides+"/")
		}
		if clash {
			continue
		}
		if marker {
			gone[hides] = true
		}
		for dir := path.Dir(e.Name); dir != "."; dir = path.Dir(dir) {
			folders[dir] = true
		}
		if e.Typeflag == tar.TypeDir {
			folders[e.Name] = true
		} else {
			others[e.Name] = true
		}
		out = append(out, e)
	}
	return out
}

// TestLedger: of stacks with links, markers and clashes, what is unpacked is the merged
// tree that the ledger has, wherever runtimes agree.
func TestLedger(t *testing.T) {
	work, n, compared := t.TempDir(), 0, 0
	rapid.Check(t, func(rt *rapid.T) {
		n++
		var texts [][]byte
		var indexes []*whittle.Index
		for i := range rapid.IntRange(1, 4).Draw(rt, "layers") {
			text := writeTar(t, plausible(rapid.SliceOfN(draw("ddffffswwo"), 0, 9).Draw(rt, fmt.Sprint("layer ", i))))
			texts = append(texts, text)
			img := imagetest.FromTars(t, imagetest.Plain, text)
			all, err := index.All(t.Context(), img, index.Options{})
			imagetest.Must(t, err)
			indexes = append(indexes, all...)
		}
		l, err := ledger.Build(indexes, ledger.Options{})
		imagetest.Must(t, err)
		if len(l.Ambiguous) > 0 {
			return
		}
		compared++
		dir := filepath.Join(work, fmt.Sprint(n))
		imagetest.Must(t, os.Mkdir(dir, 0o755))
		if _, err := unpacked(t, dir, texts...); err != nil {
			rt.Fatal(err)
		}
		want := map[string]string{}
		for _, node := range l.Tree.Nodes {
			want[node.Path] = "dir"
			if node.Entry < 0 {
				continue
			}
			switch e := &indexes[node.Layer].Entries[node.Entry]; e.Kind {
			case whittle.Symlink:
				want[node.Path] = "link " + e.Link
			case whittle.File:
				want[node.Path] = fmt.Sprintf("file %d", e.Size)
			}
		}
		got := map[string]string{}
		for name, is := range seen(t, dir) {
			got[name] = is
			if kind, rest, _ := strings.Cut(is, " "); kind == "dir" {
				got[name] = "dir"
			} else if f := strings.Fields(rest); kind == "file" {
				hex := ""
				if len(f) > 2 {
					hex = f[2]
				}
				got[name] = fmt.Sprintf("file %d", len(hex)/2)
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			rt.Fatalf("(-ledger +unpacked):\n%s", diff)
		}
	})
	if compared == 0 {
		t.Error("nothing was compared")
	}
}

// TestHostile: names and links that lead out stay in the folder, devices are not made,
// files are not setuid, and what is larger than the bounds is refused.
func TestHostile(t *testing.T) {
	outside := t.TempDir()
	imagetest.Must(t, os.WriteFile(filepath.Join(outside, "file"), []byte("theirs"), 0o644))
	link := func(name, to string) entry {
		return entry{Header: tar.Header{Name: name, Linkname: to, Typeflag: tar.TypeSymlink}}
	}
	file := func(name string) entry {
		return entry{Header: tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: 0o4755}, content: "evil"}
	}
	for name, layers := range map[string][][]entry{
		"a link out, and a file in it":      {{link("out", outside), file("out/file")}},
		"the link is of a lower layer":      {{link("out", outside)}, {file("out/file")}},
		"a whiteout in it":                  {{link("out", outside)}, {file("out/.wh.file")}},
		"opaque in it":                      {{link("out", outside)}, {file("out/.wh..wh..opq")}},
		"a relative link":                   {{link("a/out", "../../../../../../../.."+outside), file("a/out/file")}},
		"links in a circle":                 {{link("a", "b"), link("b", "a"), file("a/file")}},
		"a hard link to what is outside":    {{link("out", outside), {Header: tar.Header{Name: "file", Linkname: "out/file", Typeflag: tar.TypeLink}}, file("file")}},
		"a file over the link":              {{link("file", outside+"/file"), file("file")}},
		"up and out":                        {{file("../../../../../../../.." + outside + "/file")}},
		"an absolute name":                  {{file(outside + "/file")}},
		"a device, and a file in its place": {{{Header: tar.Header{Name: "dev", Typeflag: tar.TypeBlock, Devmajor: 254}}, file("dev")}},
	} {
		t.Run(name, func(t *testing.T) {
			var texts [][]byte
			for _, l := range layers {
				texts = append(texts, writeTar(t, l))
			}
			dir := t.TempDir()
			if _, err := unpacked(t, dir, texts...); err != nil {
				t.Log(err) // a refusal is fine
			}
			if text, err := os.ReadFile(filepath.Join(outside, "file")); err != nil || string(text) != "theirs" {
				t.Fatalf("the file outside is %q, %v", text, err)
			}
			if all, _ := os.ReadDir(outside); len(all) != 1 {
				t.Errorf("%d files are outside", len(all))
			}
			for name := range seen(t, dir) {
				info, err := os.Lstat(filepath.Join(dir, name))
				imagetest.Must(t, err)
				if info.Mode()&(fs.ModeSetuid|fs.ModeSetgid|fs.ModeDevice|fs.ModeNamedPipe) != 0 {
					t.Errorf("%s is %v", name, info.Mode())
				}
			}
		})
	}
}

// TestUnpack: images of each compression are unpacked and removed; wrong digests, too
// many bytes or entries and a cancelled context end it, and leave nothing.
func TestUnpack(t *testing.T) {
	layers := []string{"d usr\nf usr/a 70000\nf usr/b 10\n", "w usr/b\nf c 5000\n"}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	wrong := imagetest.New(t, imagetest.Gzip, layers...)
	wrong.Layers()[1].(*imagetest.Layer).ID = whittle.DigestOf(nil)
	for _, c := range []struct {
		name   string
		ctx    context.Context
		img    *imagetest.Image
		bounds Bounds
		want   error
	}{
		{"gzip", t.Context(), imagetest.New(t, imagetest.Gzip, layers...), enough, nil},
		{"zstd", t.Context(), imagetest.New(t, imagetest.Zstd, layers...), enough, nil},
		{"stored", t.Context(), imagetest.New(t, imagetest.Plain, layers...), enough, nil},
		{"a wrong digest", t.Context(), wrong, enough, whittle.ErrCorrupt},
		{"too many bytes", t.Context(), imagetest.New(t, imagetest.Gzip, layers...), Bounds{75_009, 100}, whittle.ErrLimit},
		{"too many entries", t.Context(), imagetest.New(t, imagetest.Gzip, layers...), Bounds{80_000, 4}, whittle.ErrLimit},
		{"no space", t.Context(), imagetest.New(t, imagetest.Gzip, layers...), Bounds{1 << 60, 100}, whittle.ErrLimit},
		{"cancelled", ended, imagetest.New(t, imagetest.Gzip, layers...), enough, context.Canceled},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			u, err := Unpack(c.ctx, c.img.Layers(), dir, c.bounds, Known{})
			if !errors.Is(err, c.want) || c.want == nil && err != nil {
				t.Fatalf("%v, want %v", err, c.want)
			}
			if left, _ := os.ReadDir(dir); len(left) > 0 {
				t.Errorf("%s is left", left[0].Name())
			}
			if c.want != nil {
				return
			}
			if u.Bytes != 75_010 || u.Entries != 5 || u.Seconds <= 0 || u.Stored != (c.name == "stored") {
				t.Errorf("%+v", u)
			}
		})
	}
}

// unread is a layer that nothing may read.
type unread struct{ whittle.Layer }

func (unread) Open(context.Context) (io.ReadCloser, error) { return nil, errors.New("it was read") }

// TestKnownLayers: a layer that two images share is unpacked once, and takes as long in
// both; a layer that is known counts for the bounds.
func TestKnownLayers(t *testing.T) {
	img := imagetest.New(t, imagetest.Gzip, "f a 70000\n", "f b 10\n")
	known := Known{}
	first, err := Unpack(t.Context(), img.Layers(), t.TempDir(), enough, known)
	imagetest.Must(t, err)
	both := []whittle.Layer{unread{img.Layers()[0]}, unread{img.Layers()[1]}}
	again, err := Unpack(t.Context(), both, t.TempDir(), enough, known)
	imagetest.Must(t, err)
	if first != again || len(known) != 2 {
		t.Errorf("%+v, then %+v", first, again)
	}
	other := imagetest.New(t, imagetest.Gzip, "f c 20\n")
	if _, err := Unpack(t.Context(), append(both, other.Layers()...), t.TempDir(), Bounds{70_029, 100}, known); !errors.Is(err, whittle.ErrLimit) {
		t.Errorf("more bytes than the image has: %v", err)
	}
}
