package pypi

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"whittle.dev/whittle"
)

func TestFilesMetadataMembers(t *testing.T) {
	w := tinyWheel(t)
	s := newServer(t, w)
	c, _ := s.client(t, Options{})
	files, err := c.Files(t.Context(), "Tiny")
	if err != nil {
		t.Fatal(err)
	}
	want := []File{{Name: w.name, URL: s.URL + "/files/" + w.name, SHA256: w.sha256(), Size: int64(len(w.content))}}
	if d := cmp.Diff(want, files); d != "" {
		t.Errorf("files (-want +got):\n%s", d)
	}
	b, err := c.Metadata(t.Context(), files[0])
	if err != nil || string(b) != tinyMetadata {
		t.Errorf("metadata: %q, %v", b, err)
	}
	members, err := c.Members(t.Context(), files[0])
	if err != nil {
		t.Fatal(err)
	}
	for i := range members {
		if members[i].Compressed <= 0 || members[i].Compressed > members[i].Size+16 {
			t.Errorf("%s: %d compressed", members[i].Path, members[i].Compressed)
		}
		members[i].Compressed = 0
	}
	points := "[console_scripts]\ntiny = tiny:main\n"
	wantMembers := []Member{
		{Path: "tiny-1.0.dist-info/METADATA", Size: int64(len(tinyMetadata))},
		{Path: "tiny-1.0.dist-info/RECORD", Size: 19},
		{Path: "tiny-1.0.dist-info/entry_points.txt", Size: int64(len(points)), Content: []byte(points)},
		{Path: "tiny/__init__.py", Size: 12000},
		{Path: "tiny/data", Size: 3},
	}
	if d := cmp.Diff(wantMembers, members); d != "" {
		t.Errorf("members (-want +got):\n%s", d)
	}
}

// TestRangesAreSmall: of a large wheel its end is read, and no more.
func TestRangesAreSmall(t *testing.T) {
	noise := make([]byte, 3<<20)
	state := uint32(1)
	for i := range noise {
		state = state*1664525 + 1013904223
		noise[i] = byte(state >> 24)
	}
	many := []member{{"tiny-1.0.dist-info/METADATA", tinyMetadata}, {"tiny/noise!", string(noise)}}
	for i := range 4000 {
		many = append(many, member{"tiny/" + strings.Repeat("deep", 10) + time.Duration(i).String() + ".py", "pass\n"})
	}
	s := newServer(t, made{name: "tiny-1.0-py3-none-any.whl", content: makeWheel(t, many...)})
	c, _ := s.client(t, Options{})
	f := s.only(t, c)
	before := len(s.requests())
	members, err := c.Members(t.Context(), f)
	if err != nil || len(members) != 4002 {
		t.Fatalf("%d members, %v", len(members), err)
	}
	if n := len(s.requests()) - before; n != 2 { // the end, and the rest of the directory
		t.Errorf("%d requests for the directory: %q", n, s.requests()[before:])
	}
	b, err := c.Metadata(t.Context(), f)
	if err != nil || string(b) != tinyMetadata {
		t.Errorf("metadata at the wheel's beginning: %q, %v", b, err)
	}
	for _, r := range s.requests()[before:] {
		if !strings.Contains(r, " bytes=") {
			t.Errorf("%s was asked for whole", r)
		}
	}
}

func TestMetadataBeside(t *testing.T) {
	w := tinyWheel(t)
	w.metadata = []byte("Name: tiny\nVersion: 1.0\n")
	s := newServer(t, w)
	c, _ := s.client(t, Options{})
	f := s.only(t, c)
	if !f.Metadata || f.MetadataSHA256 == "" {
		t.Fatalf("%+v", f)
	}
	if b, err := c.Metadata(t.Context(), f); err != nil || !bytes.Equal(b, w.metadata) {
		t.Errorf("%q, %v", b, err)
	}
	f.MetadataSHA256 = strings.Repeat("0", 64)
	if _, err := c.Metadata(t.Context(), f); !errors.Is(err, whittle.ErrCorrupt) {
		t.Errorf("metadata of another digest: %v", err)
	}
	s.files[0].metadata = nil
	f.MetadataSHA256 = ""
	if b, err := c.Metadata(t.Context(), f); err != nil || string(b) != tinyMetadata {
		t.Errorf("an index that promised what it has not: %q, %v", b, err)
	}
}

func sourceArchive(t testing.TB, entries ...member) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	w := tar.NewWriter(z)
	for _, e := range entries {
		if err := w.WriteHeader(&tar.Header{Name: e.name, Typeflag: tar.TypeReg, Mode: 0o644, Size: int64(len(e.content))}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(e.content)); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(w.Close(), z.Close()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestSourceMetadata(t *testing.T) {
	tests := []struct {
		name    string
		file    string
		content []byte
		want    string
		err     error
	}{
		{"at the top", "tiny-1.0.tar.gz", sourceArchive(t, member{"tiny-1.0/src/PKG-INFO", "no"}, member{"tiny-1.0/PKG-INFO", "Name: tiny\n"}), "Name: tiny\n", nil},
		{"none", "tiny-1.0.tar.gz", sourceArchive(t, member{"tiny-1.0/setup.py", "x"}), "", whittle.ErrNotFound},
		{"no gzip", "tiny-1.0.tar.gz", []byte("hello"), "", whittle.ErrCorrupt},
		{"cut short", "tiny-1.0.tar.gz", sourceArchive(t, member{"tiny-1.0/setup.py", strings.Repeat("x", 4000)})[:40], "", whittle.ErrCorrupt},
		{"another archive", "tiny-1.0.zip", nil, "", whittle.ErrUnsupported},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newServer(t, made{name: tt.file, content: tt.content})
			c, _ := s.client(t, Options{})
			b, err := c.Metadata(t.Context(), s.only(t, c))
			if string(b) != tt.want || !errors.Is(err, tt.err) || (err == nil) != (tt.err == nil) {
				t.Errorf("%q, %v", b, err)
			}
		})
	}
}

func TestUnknown(t *testing.T) {
	s := newServer(t)
	c, _ := s.client(t, Options{})
	_, err := c.Files(t.Context(), "absent")
	if !errors.Is(err, whittle.ErrNotFound) || strings.Contains(err.Error(), "\n") {
		t.Errorf("unknown: %v", err)
	}
	for _, name := range []string{"", "../x", "a/b", "a b", strings.Repeat("a", 300), "-x"} {
		if _, err := c.Files(t.Context(), name); !errors.Is(err, whittle.ErrUsage) {
			t.Errorf("Files(%q): %v", name, err)
		}
	}
	if n := len(s.requests()); n != 1 {
		t.Errorf("%d requests", n)
	}
	if _, err := c.Members(t.Context(), File{Name: "a-1.tar.gz"}); !errors.Is(err, whittle.ErrUnsupported) {
		t.Errorf("members of a source: %v", err)
	}
}

// TestCache: a fresh listing is not asked for again, a stale one is compared,
// and what is in a file is read once.
func TestCache(t *testing.T) {
	w := tinyWheel(t)
	s := newServer(t, w)
	revalidated := 0
	s.fault = func(_ int, rw http.ResponseWriter, r *http.Request) bool {
		if strings.HasPrefix(r.URL.Path, "/simple/") {
			rw.Header().Set("ETag", `"one"`)
			rw.Header().Set("Cache-Control", "max-age=600, public")
			if r.Header.Get("If-None-Match") == `"one"` {
				revalidated++
				rw.WriteHeader(http.StatusNotModified)
				return true
			}
		}
		return false
	}
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	dir := t.TempDir()
	o := Options{CacheDir: dir, Now: func() time.Time { return now }}
	c, _ := s.client(t, o)
	f := s.only(t, c)
	want, err := c.Members(t.Context(), f)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Metadata(t.Context(), f); err != nil {
		t.Fatal(err)
	}
	asked := len(s.requests())
	// A second process, without the network.
	o.Offline = true
	c, _ = s.client(t, o)
	got, err := c.Members(t.Context(), s.only(t, c))
	if d := cmp.Diff(want, got); err != nil || d != "" {
		t.Errorf("from the cache: %v\n%s", err, d)
	}
	if b, err := c.Metadata(t.Context(), f); err != nil || string(b) != tinyMetadata {
		t.Errorf("from the cache: %q, %v", b, err)
	}
	if _, err := c.Files(t.Context(), "other"); !errors.Is(err, whittle.ErrEngine) || whittle.Hint(err) == "" {
		t.Errorf("offline: %v", err)
	}
	if n := len(s.requests()); n != asked {
		t.Errorf("%d requests although all was in the cache", n-asked)
	}
	now = now.Add(time.Hour)
	o.Offline = false
	c, _ = s.client(t, o)
	if d := cmp.Diff(f, s.only(t, c)); revalidated != 1 || d != "" {
		t.Errorf("asked again %d times: %s", revalidated, d)
	}
	// A damaged file counts as missing.
	kept, err := filepath.Glob(filepath.Join(dir, cacheVersion, "*"))
	if err != nil || len(kept) != 3 {
		t.Fatalf("%q, %v", kept, err)
	}
	for _, name := range kept {
		if strings.Contains(name, "metadata") {
			continue
		}
		if err := os.WriteFile(name, []byte("{"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := c.Members(t.Context(), s.only(t, c)); err != nil || len(got) != len(want) {
		t.Errorf("after damage: %d members, %v", len(got), err)
	}
}

func TestCacheTrims(t *testing.T) {
	dir := t.TempDir()
	c := openCache(dir)
	c.store(keptMetadata, "a", []byte("x"))
	kept := filepath.Join(dir, cacheVersion)
	stale := filepath.Join(kept, ".whittle-old.partial")
	if err := os.WriteFile(stale, []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	big, err := os.Create(filepath.Join(kept, "members1-big"))
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(big.Truncate(CacheSize), big.Close()); err != nil {
		t.Fatal(err)
	}
	old := time.Now().Add(-2 * time.Hour)
	for _, name := range []string{stale, big.Name()} {
		if err := os.Chtimes(name, old, old); err != nil {
			t.Fatal(err)
		}
	}
	again := openCache(dir)
	again.store(keptMetadata, "b", []byte("y"))
	for _, name := range []string{stale, big.Name()} {
		if _, err := os.Stat(name); !os.IsNotExist(err) {
			t.Errorf("%s is still there", filepath.Base(name))
		}
	}
	if b, ok := again.load(keptMetadata, "a"); !ok || string(b) != "x" {
		t.Error("what was used last went first")
	}
}

// TestRealIndex reads the index that this machine installs from.
func TestRealIndex(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: no index is asked")
	}
	c := Open(Options{CacheDir: t.TempDir()})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	files, err := c.Files(ctx, "Flask")
	if err != nil {
		t.Skipf("no package index answers here: %v", err)
	}
	for _, f := range files {
		if f.Name != "flask-3.0.3-py3-none-any.whl" {
			continue
		}
		m, err := c.Members(ctx, f)
		if err != nil || len(m) < 20 || f.RequiresPython != ">=3.8" {
			t.Errorf("%d members, requires Python %s, %v", len(m), f.RequiresPython, err)
		}
		b, err := c.Metadata(ctx, f)
		if err != nil || !bytes.Contains(b, []byte("Requires-Dist: Werkzeug >=3.0.0")) && !bytes.Contains(b, []byte("Requires-Dist: Werkzeug>=3.0.0")) {
			t.Errorf("metadata: %.200q, %v", b, err)
		}
		return
	}
	t.Error("the index has no flask 3.0.3")
}
