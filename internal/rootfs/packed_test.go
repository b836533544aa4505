package rootfs

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/codec"
	"whittle.dev/whittle/internal/imagetest"
	"whittle.dev/whittle/internal/index"
	"whittle.dev/whittle/internal/python/source"
)

// packageOf is a layer with a package of modules each of which imports the next two.
func packageOf(n int) string {
	var b strings.Builder
	b.WriteString("f lib/pkg/__init__.py \"from . import m0\\nimport outside\\n\"\nf lib/outside.py \"import pkg.m1\\n\"\n")
	for i := range n {
		fmt.Fprintf(&b, "f lib/pkg/m%d.py \"from .m%d import x\\nfrom pkg import m%d\\n\"\n", i, i+1, i+2)
	}
	return b.String()
}

// TestScanAhead: texts say the same whether they were scanned before they were asked
// for or not, in this run or in an earlier one, of which the cache knows; and those
// that are asked for are scanned once in all runs.
func TestScanAhead(t *testing.T) {
	const modules = 60
	cache, err := index.OpenCache(t.TempDir(), 0)
	imagetest.Must(t, err)
	read := func() *Image {
		m, err := Read(t.Context(), imagetest.New(t, imagetest.Gzip, packageOf(modules)), "image", Options{Index: index.Options{Cache: cache}, Databases: statuses, Facts: true})
		imagetest.Must(t, err)
		return m
	}
	ask := func(m *Image) (out []*source.Facts) {
		for i := range modules {
			s, ok := m.Source(fmt.Sprintf("lib/pkg/m%d.py", i))
			if !ok {
				t.Fatalf("module %d is not known", i)
			}
			out = append(out, s)
		}
		return out
	}
	want := ask(read())
	for run, kept := range []int{0, modules, modules} {
		said, idle := 0, read() // of the other one, texts are scanned meanwhile
		for i := range modules {
			if idle.file(fmt.Sprintf("lib/pkg/m%d.py", i)).said != nil {
				said++
			}
		}
		m := read()
		stop := m.ScanAhead()
		if _, ok := m.Source("lib/pkg/__init__.py"); !ok {
			t.Fatal("the package is not known")
		}
		if said != kept {
			t.Errorf("run %d: the cache knows %d texts, want %d", run, said, kept)
		}
		got := ask(m)
		stop()
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("run %d: %s", run, diff)
		}
	}
}

// TestDamagedScans: damaged facts in the cache are as if there were none.
func TestDamagedScans(t *testing.T) {
	dir := t.TempDir()
	cache, err := index.OpenCache(dir, 0)
	imagetest.Must(t, err)
	read := func() *Image {
		m, err := Read(t.Context(), imagetest.New(t, imagetest.Gzip, `f lib/a.py "import b\n"`), "image", Options{Index: index.Options{Cache: cache}, Databases: statuses, Facts: true})
		imagetest.Must(t, err)
		return m
	}
	key := scansKey(read().Indexes[0].DiffID)
	for _, kept := range []scans{{0: []byte("no facts")}, {0: nil}, {7: []byte("of no file")}} {
		imagetest.Must(t, cache.KeepResult(key, kept.encode()))
		m := read()
		stop := m.ScanAhead()
		if s, ok := m.Source("lib/a.py"); !ok || len(s.Imports) != 1 || s.Imports[0].Module != "b" {
			t.Errorf("%v: %+v, %v", kept, s, ok)
		}
		stop()
		if b, ok := cache.Result(key); !ok || new(source.Facts).UnmarshalBinary(decodeScans(b)[0]) != nil {
			t.Errorf("%v: the facts are not kept in its place", kept)
		}
	}
	files, err := filepath.Glob(filepath.Join(dir, "*", "*.result"))
	if err != nil || len(files) != 1 {
		t.Fatal(files, err)
	}
	imagetest.Must(t, os.WriteFile(files[0], []byte("damaged"), 0o600))
	if s, ok := read().Source("lib/a.py"); !ok || len(s.Imports) != 1 {
		t.Errorf("%+v, %v", s, ok)
	}
}

func TestScansRoundTrip(t *testing.T) {
	want := scans{0: []byte("a"), 3: {}, 1 << 20: []byte("bcd")}
	b := want.encode()
	if diff := cmp.Diff(want, decodeScans(b)); diff != "" {
		t.Error(diff)
	}
	for n := range b { // what is cut off gives what is before
		for entry, said := range decodeScans(b[:n]) {
			if string(want[entry]) != string(said) {
				t.Errorf("%d of %d bytes: %d says %q", n, len(b), entry, said)
			}
		}
	}
}

// TestPackedBound: beyond the bound the facts are kept, and say the same.
func TestPackedBound(t *testing.T) {
	p := &packer{}
	text, e := []byte("import a\n"), &whittle.Entry{Path: "a.py"}
	for _, kind := range []byte{packedFacts, sourceFacts} {
		b := distil(e, text, statuses, p)
		if b[0] != kind {
			t.Errorf("with %d bytes kept it is %q, want %q", p.bytes.Load(), b[0], kind)
		}
		p.bytes.Add(maxPacked)
	}
	if b := distil(e, text, statuses, nil); b[0] != sourceFacts {
		t.Errorf("without a packer it is %q", b[0])
	}
	if b := distil(e, []byte(strings.Repeat("#", maxPackedText+1)), statuses, &packer{}); b[0] != sourceFacts {
		t.Errorf("a long text is %q", b[0])
	}
}

// TestDamagedText: a text that cannot be unpacked says nothing, and takes no memory
// for a size that it only claims.
func TestDamagedText(t *testing.T) {
	packed := codec.Pack([]byte(strings.Repeat("import a\n", 100)))
	f := facts{packed: packed[:len(packed)-3], scanned: new(scanned)}
	if s, ok := f.scan(); ok {
		t.Errorf("a damaged text says %+v", s)
	}
	var claims facts
	if err := claims.UnmarshalBinary([]byte("p\xff\xff\xff\xff\x0f")); err == nil {
		t.Error("a text of 4 GiB is accepted")
	}
}

func TestCandidates(t *testing.T) {
	m, err := Read(t.Context(), imagetest.New(t, imagetest.Gzip, packageOf(3)+"f lib/pkg/sub/__init__.py \"\"\nf lib/pkg/sub/a.py \"\"\n"), "image", Options{Databases: statuses, Facts: true})
	imagetest.Must(t, err)
	for _, test := range []struct {
		file string
		imp  source.Import
		want []string
	}{
		{"lib/pkg/sub/a.py", source.Import{Module: "pkg.m1"}, []string{"lib/pkg/__init__.py", "lib/pkg/m1.py"}},
		{"lib/pkg/sub/a.py", source.Import{Module: "outside", Names: []string{"x"}}, []string{"lib/outside.py"}},
		{"lib/pkg/sub/a.py", source.Import{Level: 1, Names: []string{"a", "b"}}, []string{"lib/pkg/sub/a.py"}},
		{"lib/pkg/sub/a.py", source.Import{Level: 2, Module: "m0", Names: []string{"x"}}, []string{"lib/pkg/m0.py"}},
		{"lib/pkg/sub/a.py", source.Import{Level: 9, Module: "m0"}, nil},
		{"lib/pkg/sub/a.py", source.Import{Module: "pkg", Names: []string{"sub", "m2"}}, []string{"lib/pkg/__init__.py", "lib/pkg/sub/__init__.py", "lib/pkg/m2.py"}},
		{"lib/outside.py", source.Import{Module: "../pkg"}, nil},
		{"lib/outside.py", source.Import{Module: "pkg.none.a", Names: []string{"m1"}}, []string{"lib/pkg/__init__.py"}},
	} {
		if diff := cmp.Diff(test.want, m.candidates(test.file, &test.imp)); diff != "" {
			t.Errorf("%s, %+v: %s", test.file, test.imp, diff)
		}
	}
}
