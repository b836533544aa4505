package squeeze

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/imagetest"
)

// edge is an image that rewriters get wrong: layers in imagetest's notation, or as tars.
type edge struct {
	name   string
	layers []string
	tars   func(t testing.TB) [][]byte
	// kept are the names of the entries that are left, by layer; a layer that is gone
	// has none.
	kept []string
}

// rawTar writes headers as they are, with contents of their size.
func rawTar(t testing.TB, headers ...*tar.Header) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, h := range headers {
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if h.Typeflag == tar.TypeReg {
			if _, err := w.Write(imagetest.Content(h.Name, int(h.Size))); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func many(n int, layer func(i int) string) (out []string) {
	for i := range n {
		out = append(out, layer(i))
	}
	return out
}

// edges are the cases of issue 18.
var edges = []edge{
	{name: "whiteout of a folder", layers: []string{"d a\nf a/b 10\nd a/c\nf a/c/d 10\nf k 5", "w a"}, kept: []string{"k", ""}},
	{name: "opaque with a new child", layers: []string{"d a\nf a/b 10\nf a/c 10", "d a mode=0700\no a\nf a/n 5"}, kept: []string{"", "a/ a/n"}},
	{name: "whiteout and added again in one layer", layers: []string{"f a 10\nf k 1", "w a\nf a 20"}, kept: []string{"k", "a"}},
	{name: "directory to file", layers: []string{"d a\nf a/b 10", "f a 5"}, kept: []string{"", "a"}},
	{name: "directory to symlink", layers: []string{"d a\nf a/b 10\nd c", "s a c"}, kept: []string{"c/", "a"}},
	{name: "hard-link twin with its target replaced", layers: []string{"f a 10\nh b a", "f a 20"}, kept: []string{"a b", "a"}},
	{name: "hard-link twin with its target deleted", layers: []string{"f a 10\nh b a\nf x 700", "w a\nw x"}, kept: []string{"a b", ".wh.a"}},
	{name: "hard-link twins, one copied up", layers: []string{"f a 10\nh b a\nh c b", "f c 10 mode=0600"}, kept: []string{"a b", "c"}},
	{name: "a path over 100 characters", layers: []string{"f " + strings.Repeat("l", 90) + "/" + strings.Repeat("m", 60) + " 10\nf x 3", "w x"}, kept: []string{strings.Repeat("l", 90) + "/" + strings.Repeat("m", 60), ""}},
	{name: "a path over 256 characters", layers: []string{"f " + strings.Repeat("long/", 60) + "f 10\nf x 3", "w x"}, kept: []string{strings.Repeat("long/", 60) + "f", ""}},
	{name: "extended attributes", layers: []string{"f a 10 x.user.k=v x.security.capability=cap\nf x 1", "w x"}, kept: []string{"a", ""}},
	{name: "times below a second and before 1970", tars: func(t testing.TB) [][]byte {
		f := func(name string, at time.Time) *tar.Header {
			return &tar.Header{Name: name, Typeflag: tar.TypeReg, Size: 4, Mode: 0o644, ModTime: at, Format: tar.FormatPAX}
		}
		return [][]byte{rawTar(t, f("a", time.Unix(5, 123456789)), f("b", time.Unix(-5, 5)), f("x", time.Unix(1, 1))), imagetest.Tar(t, "w x")}
	}, kept: []string{"a b", ""}},
	{name: "names that are not ASCII, and not UTF-8", layers: []string{"f \"gr\\u00fc\\u00df\" 3\nf \"\\xff\\xfe\" 3\nf x 3", "w x"}, kept: []string{"grüß \xff\xfe", ""}},
	{name: "prefixes ./ and /", tars: func(t testing.TB) [][]byte {
		return [][]byte{rawTar(t, &tar.Header{Name: "./", Typeflag: tar.TypeDir, Mode: 0o755}, &tar.Header{Name: "./a", Typeflag: tar.TypeReg, Size: 5},
			&tar.Header{Name: "/b", Typeflag: tar.TypeReg, Size: 5}), rawTar(t, &tar.Header{Name: "/.wh.a", Typeflag: tar.TypeReg}, &tar.Header{Name: "./b", Typeflag: tar.TypeReg, Size: 6})}
	}, kept: []string{"./", "./b"}},
	{name: "recreated a layer later", layers: []string{"d a\nf a/b 10", "w a", "d a mode=0700\nf a/c 5"}, kept: []string{"", "", "a/ a/c"}},
	{name: "a path twice", layers: []string{"f a 10\nf a 20\nf b 3\nf a 30"}, kept: []string{"b a"}},
	{name: "a hard link across layers", layers: []string{"f a 10", "h b a"}},
	{name: "setuid", layers: []string{"f a 10 mode=04755\nf x 1", "f x 2 mode=02755\nd t mode=01777"}, kept: []string{"a", "x t/"}},
	{name: "devices", layers: []string{"c null 1:3\nb disk 8:1\np pipe\nf x 2", "w x\nc null 1:5"}, kept: []string{"disk pipe", "null"}},
	{name: "an empty layer", layers: []string{"f a 10\nf x 3", "", "w x"}, kept: []string{"a", "", ""}},
	{name: "127 layers", layers: many(127, func(i int) string { return fmt.Sprintf("f n 10 seed=%d\nf l%d 1", i, i) }),
		kept: append(many(126, func(i int) string { return fmt.Sprintf("l%d", i) }), "n l126")},
	{name: "a user over 2^21", layers: []string{"f a 10 uid=3000000 gid=4000000\nf x 3", "w x"}, kept: []string{"a", ""}},
	{name: "directories whose metadata a later layer has", layers: []string{"d a mode=0700\nf a/b 1", "d a mode=0711\nf a/c 2", "d a mode=0755\nf a/d 3"}, kept: []string{"a/b", "a/c", "a/ a/d"}},
	{name: "a directory that is there for what is gone", layers: []string{"f a/b 10", "w a/b"}, kept: []string{"a/b", ".wh.a/b"}},
}

// TestEdges: what is left of each layer, with the proof of Run.
func TestEdges(t *testing.T) {
	for _, codec := range []imagetest.Codec{imagetest.Plain, imagetest.Gzip} {
		for _, e := range edges {
			t.Run(string(codec)+" "+e.name, func(t *testing.T) {
				out, _, err := squeezed(t, e.image(t, codec), Job{})
				if e.kept == nil {
					var refusal *Refusal
					if !errors.As(err, &refusal) || len(refusal.Places) == 0 || !errors.Is(err, whittle.ErrUnsupported) || whittle.Hint(err) == "" {
						t.Fatalf("%v", err)
					}
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				if codec != imagetest.Plain {
					return // a layer so small may not become smaller
				}
				kept := make([]string, len(out.After))
				for n, l := range out.After {
					if l != nil {
						kept[n] = names(t, l)
					}
				}
				want := make([]string, len(e.kept))
				for n, list := range e.kept {
					want[n] = strings.ReplaceAll(list, ".wh.a/b", "a/.wh.b") // as imagetest writes it
				}
				if diff := cmp.Diff(want, kept); diff != "" {
					t.Errorf("entries (-want +got):\n%s", diff)
				}
			})
		}
	}
}

// TestEdgeArchives writes the edge images as docker archives into the folder
// WHITTLE_EDGES, for scripts/squeeze-compare.
func TestEdgeArchives(t *testing.T) {
	dir := os.Getenv("WHITTLE_EDGES")
	if dir == "" {
		t.Skip("WHITTLE_EDGES names no folder for the images")
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for n, e := range edges {
		file := fmt.Sprintf("%02d %s.tar", n+1, strings.ReplaceAll(e.name, "/", "slash"))
		if err := os.WriteFile(filepath.Join(dir, file), imagetest.DockerArchive(t, e.image(t, imagetest.Plain)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func (e edge) image(t testing.TB, codec imagetest.Codec) *imagetest.Image {
	t.Helper()
	if e.tars != nil {
		return imagetest.FromTars(t, codec, e.tars(t)...)
	}
	return imagetest.New(t, codec, e.layers...)
}

// names are the names of a layer's entries.
func names(t testing.TB, l whittle.Layer) string {
	t.Helper()
	r, err := l.Open(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var out []string
	for entries := tar.NewReader(r); ; {
		h, err := entries.Next()
		if err != nil {
			return strings.Join(out, " ")
		}
		out = append(out, h.Name)
	}
}

// TestMerge: one layer has what several had; where one cannot say it, it is refused.
func TestMerge(t *testing.T) {
	for _, c := range []struct {
		name   string
		layers []string
		base   int
		want   string // the entries of the merged layer
		why    string
	}{
		{"no base", []string{"d a\nf a/b 1000\nf a/x 2000", "w a/x\nf a/c 1000", "d a mode=0700\nf a/b 1100"}, 0, "a/c a/ a/b", ""},
		{"over a base", []string{"d a\nf a/b 1000\nf a/x 2000\nf y 1", "d a\nw a/x\nf a/c 1000", "w y\nf z 5"}, 1, "a/ a/c z a/.wh.x .wh.y", ""},
		{"a folder of the base is another one", []string{"d a\nf a/b 1000\nd a/s\nf a/s/t 9", "w a\nf k 800", "d a mode=0700\nf a/n 5"}, 1, "k a/ a/n a/.wh.b a/.wh.s", ""},
		{"a hard link's target is replaced", []string{"f a 1000\nh b a", "f a 2000"}, 0, "a b a", ""},
		{"a hard link's target is deleted", []string{"f a 1000\nh b a\nf c 900", "w a\nw c"}, 0, "", "another one"},
	} {
		t.Run(c.name, func(t *testing.T) {
			img := imagetest.New(t, imagetest.Plain, c.layers...)
			out, _, err := squeezed(t, img, Job{Base: c.base, Merge: true})
			if c.why != "" {
				var refusal *Refusal
				if !errors.As(err, &refusal) || !strings.Contains(err.Error(), c.why) {
					t.Fatalf("%v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if len(out.Layers) != c.base+1 {
				t.Fatalf("%d layers", len(out.Layers))
			}
			if got := names(t, out.Layers[c.base]); got != c.want {
				t.Errorf("%s, want %s", got, c.want)
			}
			if h := imageOf(t, img, out).conf.History; len(h) != len(c.layers) {
				t.Errorf("history %+v", h)
			}
		})
	}
}

// TestConfig: all but the list of diff IDs and the marks of empty layers stays byte for
// byte.
func TestConfig(t *testing.T) {
	a, b, c := whittle.DigestOf([]byte("a")), whittle.DigestOf([]byte("b")), whittle.DigestOf([]byte("c"))
	raw := fmt.Sprintf(`{ "created":"2020-01-01T00:00:00Z" , "x.unknown": {"n": 1.0e2, "z":[1,2]},
 "rootfs" : {"type":"layers", "diff_ids" : [%q, %q], "more": true},
 "history": [{"created_by":"one"}, {"created_by":"two","empty_layer":true}, { "created_by":"three", "empty_layer": false }]}`, a, b)
	for _, test := range []struct {
		ids  []whittle.Digest
		gone []bool
		want string
	}{
		{[]whittle.Digest{a, b}, []bool{false, false}, raw},
		{[]whittle.Digest{a, c}, []bool{false, false}, strings.Replace(raw, fmt.Sprintf(`[%q, %q]`, a, b), fmt.Sprintf(`[%q,%q]`, a, c), 1)},
		{[]whittle.Digest{c}, []bool{true, false}, strings.Replace(strings.Replace(raw, fmt.Sprintf(`[%q, %q]`, a, b), fmt.Sprintf(`[%q]`, c), 1), `"one"}`, `"one","empty_layer":true}`, 1)},
		{[]whittle.Digest{a}, []bool{false, true}, strings.Replace(strings.Replace(raw, fmt.Sprintf(`[%q, %q]`, a, b), fmt.Sprintf(`[%q]`, a), 1), `"empty_layer": false`, `"empty_layer": true`, 1)},
	} {
		got, err := Config([]byte(raw), test.ids, test.gone)
		if diff := cmp.Diff(test.want, string(got)); diff != "" || err != nil {
			t.Errorf("%v (-want +got):\n%s", err, diff)
		}
		if fields, err := ConfigDifferences([]byte(raw), got); err != nil || len(fields) != 0 {
			t.Errorf("%v, %v", fields, err)
		}
	}
	for _, bad := range []string{``, `[]`, `{}`, `{"rootfs":{}}`, `{"rootfs":[]}`, `{"rootfs":{"diff_ids":[]},"RootFS":{}}`, `{"rootfs":{"diff_ids":[]},"history":[{},{},{}]}`, `{"rootfs":{"diff_ids":[]},"history":[1]}`} {
		if got, err := Config([]byte(bad), nil, []bool{true, true}); err == nil {
			t.Errorf("%s became %s", bad, got)
		}
	}
	if got, err := ConfigDifferences([]byte(`{"config":{"Env":["a"],"Cmd":null},"os":"linux"}`), []byte(`{"config":{"Env":["b"]},"variant":"v8","history":[]}`)); err != nil || strings.Join(got, " ") != "config.Env os variant" {
		t.Errorf("%v, %v", got, err)
	}
}

// TestLeftAlone: layers that may not change, or would not be smaller, stay byte for byte,
// and what hides their contents stays with them.
func TestLeftAlone(t *testing.T) {
	img := imagetest.New(t, imagetest.Plain, "f stargz.index.json 10\nf gone 9000\nf k 1", "w gone\nf x 9000", "w x")
	out, _, err := squeezed(t, img, Job{})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{Kept, Rewritten, Removed}, out.Actions); diff != "" || out.Why[0] == "" {
		t.Errorf("%s%q", diff, out.Why)
	}
	if got := names(t, out.After[1]); got != ".wh.gone" {
		t.Errorf("the layer above has %s", got)
	}
	// One that gzip makes larger than it is: its contents stay, and so their whiteout.
	best := imagetest.New(t, imagetest.Gzip, "f a 100000\nf b 1", "w b\nf z 1")
	if out, _, err = squeezed(t, best, Job{Compression: Compression{Codec: "gzip", Level: 1}}); err != nil {
		t.Fatal(err)
	}
	if out.Actions[0] != Kept || out.Why[0] == "" || out.Actions[1] != Kept {
		t.Errorf("%v, %q", out.Actions, out.Why)
	}
	history := imagetest.New(t, imagetest.Plain, "f a 1\nf b 1", "w b")
	history.Conf.History = history.Conf.History[:1]
	if out, _, err = squeezed(t, history, Job{}); err != nil || len(out.Layers) != 2 || names(t, out.Layers[1]) != "" {
		t.Errorf("a layer without a line in the history: %v, %v", out, err)
	}
	empty := imagetest.New(t, imagetest.Plain, "f a 1", "w a")
	if out, _, err = squeezed(t, empty, Job{}); err != nil || len(out.Layers) != 1 || out.Tree.Paths != 0 {
		t.Errorf("an image of nothing: %v, %v", out, err)
	}
}
