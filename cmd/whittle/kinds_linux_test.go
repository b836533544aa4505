package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"whittle.dev/whittle/internal/imagetest"
)

const secretText = "HUNTER2-OF-SOMEBODY-ELSE"

// imageKinds put a file of each kind in the place of at; outside is a file that
// is not the image's.
var imageKinds = []struct {
	kind string
	put  func(at, outside string) error
}{
	{"link to a copy", func(at, outside string) error {
		return errors.Join(os.Rename(at, at+".moved"), os.Symlink(at+".moved", at))
	}},
	{"link elsewhere", relink},
	{"dangling link", func(at, _ string) error { return relink(at, "nothing") }},
	{"link to itself", func(at, _ string) error { return relink(at, filepath.Base(at)) }},
	{"link to a device", func(at, _ string) error { return relink(at, "/dev/zero") }},
	{"FIFO", func(at, _ string) error { return errors.Join(os.RemoveAll(at), syscall.Mkfifo(at, 0o666)) }},
	{"folder", func(at, _ string) error { return errors.Join(os.RemoveAll(at), os.Mkdir(at, 0o777)) }},
	{"file", func(at, _ string) error { return errors.Join(os.RemoveAll(at), os.WriteFile(at, nil, 0o666)) }},
	{"socket", func(at, _ string) error {
		return errors.Join(os.RemoveAll(at), syscall.Mknod(at, syscall.S_IFSOCK|0o666, 0))
	}},
	{"unreadable", func(at, _ string) error { return os.Chmod(at, 0) }},
	{"huge", func(at, _ string) error { return os.Truncate(at, 1<<40) }},
	{"zeros", func(at, _ string) error { return errors.Join(os.Truncate(at, 0), os.Truncate(at, 3<<20)) }},
	{"missing", func(at, _ string) error { return os.RemoveAll(at) }},
}

// wholeTable says whether the n-th part of a table is looked at: all where
// WHITTLE_KINDS asks for that, else a third, always the same.
func wholeTable(n int) bool { return os.Getenv("WHITTLE_KINDS") != "" || n%3 == 0 }

func relink(at, target string) error { return errors.Join(os.RemoveAll(at), os.Symlink(target, at)) }

// whittleProcess runs whittle in a process of its own that is interrupted after
// some time: how it ended, and whether it had to be killed.
func whittleProcess(t *testing.T, dir string, after time.Duration, env []string, args ...string) (o outcome, killed bool) {
	t.Helper()
	var out, said bytes.Buffer
	cmd := &exec.Cmd{Path: os.Args[0], Args: append([]string{"whittle"}, args...), Dir: dir, Stdout: &out, Stderr: &said}
	cmd.Env = append(append(os.Environ(), "XDG_CACHE_HOME="+filepath.Join(dir, "cache"), "DOCKER_HOST=unix://"+filepath.Join(dir, "none.sock")), env...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	interrupt := time.AfterFunc(after, func() { _ = cmd.Process.Signal(os.Interrupt) })
	kill := time.AfterFunc(after+20*time.Second, func() { killed = true; _ = cmd.Process.Kill() })
	_ = cmd.Wait()
	interrupt.Stop()
	kill.Stop()
	return outcome{cmd.ProcessState.ExitCode(), out.String(), said.String()}, killed
}

// judgeKind: whittle ended by itself or by Ctrl-C with a code of its own, in one
// line and a hint where it is an error, and told nothing of what lies outside.
func judgeKind(t *testing.T, what string, o outcome, killed bool, outside string) {
	t.Helper()
	lines := strings.Count(o.err, "\n")
	notes := strings.Count(o.err, "whittle: note: ") + strings.Count(o.err, "whittle: hint: ")
	switch {
	case killed:
		t.Errorf("%s: it goes on after Ctrl-C", what)
	case o.code != 0 && o.code != 1 && o.code != 2 && o.code != 3 && o.code != 130:
		t.Errorf("%s: exit code %d\n%s", what, o.code, o.err)
	case lines-notes > 1 || o.code > 1 && lines-notes != 1:
		t.Errorf("%s: an error of %d lines:\n%s", what, lines, o.err)
	case strings.Contains(o.out+o.err, secretText):
		t.Errorf("%s: it tells what is outside", what)
	}
	if text, err := os.ReadFile(outside); err != nil || string(text) != secretText {
		t.Errorf("%s: outside is %.60q, %v", what, text, err)
	}
}

// TestImageFileKinds: each file of an image, in each form, as a file of each
// kind. A link is the image's owner's choice, whose files are believed by their
// digests alone.
func TestImageFileKinds(t *testing.T) {
	if testing.Short() {
		t.Skip("starts many processes")
	}
	layer := storeLayer(t, imagetest.Gzip, imagetest.Tar(t, "f etc/x 1000"))
	layers := []*storedLayer{layer}
	for n, k := range imageKinds {
		if !wholeTable(n) {
			continue
		}
		for name := range layoutFiles(layers) {
			dir := t.TempDir()
			image, outside := filepath.Join(dir, "image"), filepath.Join(dir, "outside")
			if err := errors.Join(os.Mkdir(image, 0o700), os.WriteFile(outside, []byte(secretText), 0o600)); err != nil {
				t.Fatal(err)
			}
			ref := writeImage(t, image, "oci-layout", layers)
			if err := k.put(filepath.Join(image, filepath.FromSlash(name)), outside); err != nil {
				t.Fatal(err)
			}
			o, killed := whittleProcess(t, dir, 20*time.Second, nil, "inspect", "-q", ref)
			judgeKind(t, fmt.Sprintf("%.20s, %s", name, k.kind), o, killed, outside)
			if k.kind == "link to a copy" && o.code != 0 {
				t.Errorf("%s, %s: %s", name, k.kind, o.err)
			}
		}
		for _, form := range []string{"docker-archive", "Dockerfile"} {
			dir := t.TempDir()
			outside, recipe := filepath.Join(dir, "outside"), filepath.Join(dir, "Dockerfile")
			if err := errors.Join(os.WriteFile(recipe, []byte("FROM scratch\nCOPY x /etc/\n"), 0o600), os.WriteFile(outside, []byte(secretText), 0o600)); err != nil {
				t.Fatal(err)
			}
			ref := writeImage(t, filepath.Join(dir, "image"), "docker-archive", layers)
			at := filepath.Join(dir, "image.tar")
			if form == "Dockerfile" {
				at = recipe
			}
			if err := k.put(at, outside); err != nil {
				t.Fatal(err)
			}
			o, killed := whittleProcess(t, dir, 20*time.Second, nil, "inspect", "-q", "-f", recipe, ref)
			if form == "Dockerfile" && k.kind == "link elsewhere" {
				continue // the user has named it
			}
			judgeKind(t, form+", "+k.kind, o, killed, outside)
		}
	}
}

// TestCacheFileKinds: whatever stands in the cache's folder in the place of
// whittle's own files and folders costs a reading of the layers or a note.
func TestCacheFileKinds(t *testing.T) {
	if testing.Short() {
		t.Skip("starts many processes")
	}
	top := t.TempDir()
	layers := []*storedLayer{storeLayer(t, imagetest.Gzip, imagetest.Tar(t, "f etc/x 1000"))}
	ref := writeImage(t, filepath.Join(top, "image"), "docker-archive", layers)
	want, _ := whittleProcess(t, top, time.Minute, nil, "inspect", "-q", "--json", ref)
	if want.code != 0 {
		t.Fatal(want.err)
	}
	var names []string
	cached := filepath.Join(top, "cache", "whittle")
	_ = filepath.Walk(cached, func(p string, _ os.FileInfo, err error) error {
		rel, _ := filepath.Rel(cached, p)
		names = append(names, rel)
		return err
	})
	if len(names) < 4 { // the folder, index, its version, an index, what was seen
		t.Fatalf("%q", names)
	}
	for n, k := range imageKinds {
		for m, name := range append(names, "key", "pypi", "buildkit") {
			if !wholeTable(n + m) {
				continue
			}
			dir := t.TempDir()
			outside := filepath.Join(dir, "outside")
			if err := errors.Join(os.CopyFS(filepath.Join(dir, "cache"), os.DirFS(filepath.Join(top, "cache"))), os.WriteFile(outside, []byte(secretText), 0o600)); err != nil {
				t.Fatal(err)
			}
			at := filepath.Join(dir, "cache", "whittle", name)
			if info, err := os.Stat(at); err != nil {
				if err := os.WriteFile(at, nil, 0o600); err != nil {
					t.Fatal(err)
				}
			} else if info.IsDir() && (k.kind == "huge" || k.kind == "zeros") {
				continue
			}
			if err := k.put(at, outside); err != nil {
				t.Fatal(err)
			}
			got, killed := whittleProcess(t, dir, 30*time.Second, nil, "inspect", "-q", "--json", ref)
			what := fmt.Sprintf("%.30s, %s", name, k.kind)
			judgeKind(t, what, got, killed, outside)
			if got.code != 0 || got.out != want.out {
				t.Errorf("%s: exit code %d, %s", what, got.code, got.err)
			}
			if n := strings.Count(got.err, "note: "); n > 1 {
				t.Errorf("%s: %d notes:\n%s", what, n, got.err)
			}
		}
	}
}

// TestCacheOfOthers: a cache that others may have written to is not believed.
func TestCacheOfOthers(t *testing.T) {
	dir := t.TempDir()
	ref := writeImage(t, filepath.Join(dir, "image"), "docker-archive", []*storedLayer{storeLayer(t, imagetest.Gzip, imagetest.Tar(t, "f etc/x 1000"))})
	cache := filepath.Join(dir, "shared")
	check := func(want string) {
		t.Helper()
		o, _ := whittleProcess(t, dir, time.Minute, nil, "inspect", "-q", "--cache-dir", cache, ref)
		if o.code != 0 || want == "" && o.err != "" || want != "" && (strings.Count(o.err, "\n") != 1 || !strings.Contains(o.err, want)) {
			t.Errorf("%d, %q; want %q", o.code, o.err, want)
		}
	}
	if err := errors.Join(os.Mkdir(cache, 0o700), os.Chmod(cache, 0o777)); err != nil {
		t.Fatal(err)
	}
	check("nothing is cached: " + cache + " can be written to by everyone (mode 0777)")
	if err := os.Chmod(cache, 0o700); err != nil {
		t.Fatal(err)
	}
	check("")
	if os.Chown(cache, 4242, 4242) == nil {
		check("nothing is cached: " + cache + " belongs to user 4242")
	}
}
