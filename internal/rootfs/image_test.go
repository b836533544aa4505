package rootfs

import (
	"context"
	"debug/elf"
	"errors"
	"io"
	"io/fs"
	"path"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/codec"
	wholeelf "whittle.dev/whittle/internal/elf"
	"whittle.dev/whittle/internal/imagetest"
	"whittle.dev/whittle/internal/index"
	"whittle.dev/whittle/internal/python/source"
)

// statuses selects the databases of the tests.
var statuses = Selection{Name: "statuses", Has: func(p string) bool { return path.Base(p) == "status" }}

// layers are an image in which upper layers replace, hide and link files.
var layers = []string{
	`f lib/status "Package: old\n"
f app/main.py "import os\n"
f app/hidden.py "import re\n"
f app/run.sh "#!/bin/sh\nexec python\n" mode=0o755
f site-packages/__editable___a_finder.py "MAPPING = {}\nimport sys\n"
f data.csv "a,b\n"`,
	`f lib/status "Package: new\n"
f app/.wh.hidden.py ""
f app/other.py "import json\n"
h app/linked.py app/other.py
s run app/run.sh`,
}

// TestSameAnswers: what an image says of its files does not depend on how its
// layers are stored, nor on what the cache has from readings of either kind.
func TestSameAnswers(t *testing.T) {
	for _, codec := range []imagetest.Codec{imagetest.Plain, imagetest.Gzip, imagetest.Zstd} {
		cache, err := index.OpenCache(t.TempDir(), 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, withFacts := range []bool{false, true, true, false} {
			img := imagetest.New(t, codec, layers...)
			m, err := Read(t.Context(), img, "image", Options{Index: index.Options{Cache: cache}, Databases: statuses, Facts: withFacts})
			if err != nil {
				t.Fatal(codec, err)
			}
			if b, err := m.ReadFile("lib/status", 100); string(b) != "Package: new\n" {
				t.Errorf("%s, facts %v: lib/status is %q, %v", codec, withFacts, b, err)
			}
			if _, err := m.ReadFile("lib/status", 3); !errors.Is(err, whittle.ErrLimit) {
				t.Errorf("%s: over the limit: %v", codec, err)
			}
			if _, err := m.ReadFile("app/hidden.py", 100); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("%s: a hidden file: %v", codec, err)
			}
			if !withFacts {
				continue
			}
			checkFacts(t, m)
		}
	}
}

func checkFacts(t *testing.T, m *Image) {
	t.Helper()
	for file, module := range map[string]string{"app/main.py": "os", "app/other.py": "json", "app/linked.py": "json", "site-packages/__editable___a_finder.py": "sys"} {
		s, ok := m.Source(file)
		if !ok || len(s.Imports) != 1 || s.Imports[0].Module != module {
			t.Errorf("%s: %+v, %v; want an import of %s", file, s, ok, module)
		}
	}
	for file, want := range map[string]string{"app/run.sh": "#!/bin/sh\nexec python\n", "site-packages/__editable___a_finder.py": "MAPPING = {}\nimport sys\n"} {
		if b, err := m.ReadFile(file, 1000); string(b) != want {
			t.Errorf("%s is %q, %v", file, b, err)
		}
	}
	for _, file := range []string{"app/main.py", "data.csv", "run", "app"} {
		if b, err := m.ReadFile(file, 1000); !errors.Is(err, whittle.ErrUnsupported) {
			t.Errorf("%s was not kept, and is %q, %v", file, b, err)
		}
	}
	if err := m.Fetch(t.Context(), func(p string) bool { return p == "data.csv" }); err != nil {
		t.Fatal(err)
	}
	if b, err := m.ReadFile("data.csv", 100); string(b) != "a,b\n" {
		t.Errorf("data.csv is %q, %v", b, err)
	}
}

// TestCopy: a visible file is copied whole, by each of its names, whatever its
// layer is stored as; what is hidden or no file is not.
func TestCopy(t *testing.T) {
	for _, codec := range []imagetest.Codec{imagetest.Plain, imagetest.Gzip, imagetest.Zstd} {
		m, err := Read(t.Context(), imagetest.New(t, codec, layers...), "image", Options{Databases: statuses})
		if err != nil {
			t.Fatal(err)
		}
		for path, want := range map[string]string{"lib/status": "Package: new\n", "data.csv": "a,b\n", "app/linked.py": "import json\n", "app/other.py": "import json\n"} {
			var b strings.Builder
			if err := m.Copy(t.Context(), path, &b); err != nil || b.String() != want {
				t.Errorf("%s: %s is %q, %v", codec, path, b.String(), err)
			}
		}
		for path, want := range map[string]error{"app/hidden.py": fs.ErrNotExist, "app": whittle.ErrUnsupported, "run": whittle.ErrUnsupported} {
			if err := m.Copy(t.Context(), path, io.Discard); !errors.Is(err, want) {
				t.Errorf("%s: %v, want %v", path, err, want)
			}
		}
	}
}

// TestFetchBound: what one Fetch holds in memory is bounded before anything is
// read.
func TestFetchBound(t *testing.T) {
	m, err := Read(t.Context(), imagetest.New(t, imagetest.Plain, "f a/status \"x\""), "image", Options{Databases: statuses})
	if err != nil {
		t.Fatal(err)
	}
	m.Ledger.Items[0].Bytes = maxContents + 1
	if err := m.Fetch(t.Context(), statuses.Has); !errors.Is(err, whittle.ErrLimit) {
		t.Errorf("%v", err)
	}
}

// TestReadStops: a context that has ended stops a reading.
func TestReadStops(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Read(ctx, imagetest.New(t, imagetest.Gzip, layers...), "image", Options{Databases: statuses, Facts: true}); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

// TestInterpreter: an interpreter's version and modules are those of its
// program and its shared library, unless they differ.
func TestInterpreter(t *testing.T) {
	m, err := Read(t.Context(), imagetest.New(t, imagetest.Plain, "f usr/bin/python3.13 \"p\"\nf usr/lib/libpython3.13.so.1.0 \"l\"\ns usr/bin/python python3.13"), "image", Options{Databases: statuses})
	if err != nil {
		t.Fatal(err)
	}
	set := func(file string, p *program) { n, _ := m.nodes.find(file); m.files[n.Item] = &facts{binary: p} }
	set("usr/bin/python3.13", &program{File: wholeelf.File{Needed: []string{"libpython3.13.so.1.0"}}, versions: []string{"3.9.1"}})
	set("usr/lib/libpython3.13.so.1.0", &program{builtins: []string{"math", "time"}, versions: []string{"3.13.2"}})
	if got := m.Version("usr/bin/python3.13", "3.13"); got != "3.13.2" {
		t.Errorf("the version is %q", got)
	}
	if diff := cmp.Diff([]string{"math", "time"}, m.Builtins("usr/bin/python3.13")); diff != "" {
		t.Error(diff)
	}
	if _, ok := m.Binary("usr/bin/python"); !ok {
		t.Error("a symlink to a binary is not followed")
	}
	set("usr/bin/python3.13", &program{File: wholeelf.File{Needed: []string{"libpython3.13.so.1.0"}}, versions: []string{"3.13.1"}})
	if got := m.Version("usr/bin/python3.13", "3.13"); got != "" {
		t.Errorf("of two versions one is %q", got)
	}
	if got := m.Builtins("usr/bin/none"); got != nil {
		t.Errorf("no program has the modules %q", got)
	}
}

func exampleFacts() []facts {
	return []facts{
		{text: []byte("a text")},
		{text: []byte("\x00\x00")},
		{packed: codec.Pack([]byte("import a.b\n"))},
		{source: source.Scan([]byte("import a.b\nfrom . import c\n"))},
		{binary: &program{File: wholeelf.File{Class: elf.ELFCLASS64, Data: elf.ELFDATA2LSB, Needed: []string{"libc.so.6"}},
			builtins: []string{"_io", "time"}, versions: []string{"3.13.2"}}},
		{binary: &program{File: wholeelf.File{Class: elf.ELFCLASS32, Data: elf.ELFDATA2LSB}}},
	}
}

func TestFactsRoundTrip(t *testing.T) {
	for _, f := range exampleFacts() {
		b, err := f.AppendBinary(nil)
		if err != nil {
			t.Fatal(err)
		}
		var got facts
		if err := got.UnmarshalBinary(b); err != nil || !reflect.DeepEqual(got, f) {
			t.Errorf("%+v came back as %+v, %v", f, got, err)
		}
		if f.binary == nil {
			continue
		}
		for n := range b {
			if got.UnmarshalBinary(b[:n]) == nil {
				t.Errorf("%d of %d bytes are accepted", n, len(b))
			}
		}
	}
}

// FuzzFacts: whatever is in the cache, it is refused or it is facts with one
// encoding.
func FuzzFacts(f *testing.F) {
	for _, facts := range exampleFacts() {
		b, _ := facts.AppendBinary(nil)
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var first, second facts
		if first.UnmarshalBinary(b) != nil {
			return
		}
		once, err := first.AppendBinary(nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := second.UnmarshalBinary(once); err != nil {
			t.Fatalf("%q was read and written as %q: %v", b, once, err)
		}
		if twice, _ := second.AppendBinary(nil); !slices.Equal(once, twice) {
			t.Errorf("%q became %q", once, twice)
		}
	})
}

// TestSelection: which files have facts, by their paths and modes.
func TestSelection(t *testing.T) {
	for file, want := range map[string]bool{"app/Procfile": true, "app/x.ini": true, "etc/ld.so.conf": true, "a/b.py": true, "usr/lib/x.so.1": true,
		"usr/local/bin/tool": true, "app/tool": true, "usr/share/x.conf": false, "etc/hosts": false, "app/x.txt": false, "lib/status": true} {
		if got := hasFacts(&whittle.Entry{Path: file, Kind: whittle.File, Mode: 0o644}, statuses); got != want {
			t.Errorf("%s: %v", file, got)
		}
	}
	if hasFacts(&whittle.Entry{Path: "a.py", Kind: whittle.Symlink}, statuses) {
		t.Error("a symlink has facts")
	}
	large := []byte(strings.Repeat("x", maxText+1))
	if b := distil(&whittle.Entry{Path: "bin/tool", Mode: 0o755}, large, statuses, nil); b != nil {
		t.Error("a large script is kept")
	}
	if b := distil(&whittle.Entry{Path: "lib/status"}, large, statuses, nil); len(b) != len(large)+1 {
		t.Error("a large database is not kept")
	}
}
