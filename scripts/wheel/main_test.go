package main

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/csv"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"whittle.dev/whittle/internal/pep"
)

// TestVersions: versions of tags as Python has them, which sort as they do, and
// what is none.
func TestVersions(t *testing.T) {
	for version, want := range map[string]string{
		"1.2.3": "1.2.3", "v1.2.3": "1.2.3", "1.2.3-rc.1": "1.2.3rc1", "1.2.3-rc1": "1.2.3rc1", "1.0.0-alpha": "1.0.0a0", "1.0.0-beta.02": "1.0.0b2",
		"0.1.0-dev.812": "0.1.0.dev812", "0.0.0-dev.g8526419": "0.0.0.dev0+g8526419", "0.0.0-dev.g1234567": "0.0.0.dev0+g1234567", "1.2.3+build.5": "1.2.3",
	} {
		got, err := pep440(version)
		if err != nil || got != want {
			t.Errorf("%s: %q, %v; want %q", version, got, err, want)
		}
		if v, err := pep.ParseVersion(got); err != nil || v.String() != got {
			t.Errorf("%s is %q, which is no normal version of Python: %v %v", version, got, v, err)
		}
	}
	for _, version := range []string{"", "1", "1.2", "latest", "1.2.3-next", "1.2.3 ", "1.2.3\n", "../1.2.3"} {
		if got, err := pep440(version); err == nil {
			t.Errorf("%q: %q", version, got)
		}
	}
}

// TestWheel: the wheel of each system. RECORD has each file, with the digest and
// size that an independent reader finds; the program may be executed; a second
// one has the same bytes, wherever and whenever it is made.
func TestWheel(t *testing.T) {
	for system, platforms := range tags {
		goos, arch, _ := strings.Cut(system, "/")
		binary := filepath.Join(t.TempDir(), "built")
		if err := os.WriteFile(binary, []byte("the program for "+system), 0o600); err != nil {
			t.Fatal(err)
		}
		w := wheel{binary, goos, arch, "1.2.3-rc.1", time.Date(2026, 11, 29, 12, 0, 1, 0, time.FixedZone("", 3600)), "../.."}
		path, err := write(w, t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		if want := "whittle_image-1.2.3rc1-py3-none-" + strings.Join(platforms, ".") + ".whl"; filepath.Base(path) != want {
			t.Errorf("%s: %s, want %s", system, filepath.Base(path), want)
		}
		again, err := write(w, t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		a, _ := os.ReadFile(path)
		b, _ := os.ReadFile(again)
		if !bytes.Equal(a, b) {
			t.Errorf("%s: two wheels differ", system)
		}
		checkWheel(t, a, goos, platforms)
	}
	if _, err := write(wheel{"x", "plan9", "amd64", "1.2.3", time.Time{}, "../.."}, t.TempDir()); err == nil || !strings.Contains(err.Error(), "plan9/amd64") {
		t.Errorf("plan9: %v", err)
	}
	if _, err := write(wheel{"no-such-file", "linux", "amd64", "1.2.3", time.Time{}, "../.."}, t.TempDir()); err == nil {
		t.Error("a program that is not there is in a wheel")
	}
}

func checkWheel(t *testing.T, content []byte, goos string, platforms []string) {
	t.Helper()
	z, err := zip.NewReader(bytes.NewReader(content), int64(len(content)))
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]string{} // name → digest and size, as RECORD writes them
	texts := map[string]string{}
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256(b)
		found[f.Name] = fmt.Sprintf("sha256=%s,%d", base64.RawURLEncoding.EncodeToString(sum[:]), len(b))
		texts[f.Name] = string(b)
		if program := strings.Contains(f.Name, ".data/scripts/"); program != (f.Mode().Perm() == 0o755) || !f.Mode().IsRegular() {
			t.Errorf("%s has mode %s", f.Name, f.Mode())
		}
	}
	const info = "whittle_image-1.2.3rc1.dist-info/"
	found[info+"RECORD"] = ","
	rows, err := csv.NewReader(strings.NewReader(texts[info+"RECORD"])).ReadAll()
	if err != nil || len(rows) != len(found) {
		t.Fatalf("RECORD has %d rows for %d files: %v", len(rows), len(found), err)
	}
	for _, row := range rows {
		if got := row[1] + "," + row[2]; found[row[0]] != got {
			t.Errorf("RECORD has %s for %s, which is %s", got, row[0], found[row[0]])
		}
	}
	program := "whittle_image-1.2.3rc1.data/scripts/whittle"
	if goos == "windows" {
		program += ".exe"
	}
	if !strings.HasPrefix(texts[program], "the program for "+goos) {
		t.Errorf("no program at %s", program)
	}
	for _, p := range platforms {
		if !strings.Contains(texts[info+"WHEEL"], "Tag: py3-none-"+p+"\n") {
			t.Errorf("WHEEL has no tag of %s:\n%s", p, texts[info+"WHEEL"])
		}
	}
	if _, there := texts["whittle/__init__.py"]; there {
		t.Error("whittle/__init__.py would overwrite that of another distribution")
	}
}
