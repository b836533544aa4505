package source

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/imagetest"
)

// treeOf writes a root file system.
func treeOf(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		imagetest.Must(t, os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755))
		imagetest.Must(t, os.WriteFile(filepath.Join(dir, name), []byte(content), 0o755))
	}
	return dir
}

// listed is a tar as "TYPE NAME SIZE LINK" lines.
func listed(t *testing.T, l whittle.Layer) (lines []string) {
	t.Helper()
	r := tar.NewReader(bytes.NewReader(stored(t, l)))
	for {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return lines
		}
		imagetest.Must(t, err)
		lines = append(lines, strings.TrimSpace(strings.Join([]string{string(h.Typeflag), h.Name, strconv.FormatInt(h.Size, 10), h.Linkname}, " ")))
	}
}

// TestTree: a folder is an image of one layer with its files, whatever they are.
// Nothing outside of it is read, and nothing in it is a whiteout.
func TestTree(t *testing.T) {
	outside := filepath.Join(t.TempDir(), "secret")
	imagetest.Must(t, os.WriteFile(outside, []byte("classified"), 0o600))
	dir := treeOf(t, map[string]string{"etc/os-release": "ID=debian\n", "usr/bin/tool": "tool", "a/.wh.gone": "", "b/.wh..wh..opq": "", "odd\nname": "x",
		"long/" + strings.Repeat("n", 200): "x"})
	in := func(name string) string { return filepath.Join(dir, name) }
	imagetest.Must(t, errors.Join(os.Symlink(outside, in("leak")), os.Symlink("/", in("root")), os.Symlink("loop", in("loop")), os.Symlink("../../..", in("usr/up")),
		os.Link(in("usr/bin/tool"), in("usr/bin/again")), syscall.Mkfifo(in("fifo"), 0o600), os.Symlink(dir, in("self"))))
	socket, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	imagetest.Must(t, err)
	defer syscall.Close(socket)
	t.Chdir(dir)
	imagetest.Must(t, syscall.Bind(socket, &syscall.SockaddrUnix{Name: "socket"}))
	var notes []string
	temp := t.TempDir()
	img, err := Open(context.Background(), "rootfs:"+dir, Options{TempDir: temp, Note: func(s string) { notes = append(notes, s) }})
	imagetest.Must(t, err)
	want := []string{"5 a/ 0", "5 b/ 0", "5 etc/ 0", "0 etc/os-release 10", "6 fifo 0", "2 leak 0 " + outside, "5 long/ 0", "0 long/" + strings.Repeat("n", 200) + " 1", "2 loop 0 loop",
		"0 odd\nname 1", "2 root 0 /", "2 self 0 " + dir, "5 usr/ 0", "5 usr/bin/ 0", "0 usr/bin/again 4", "1 usr/bin/tool 0 usr/bin/again", "2 usr/up 0 ../../.."}
	if got := listed(t, img.Layers()[0]); !slices.Equal(got, want) {
		t.Errorf("%q\nwant\n%q", got, want)
	}
	if b := stored(t, img.Layers()[0]); digestOf(b) != img.Layers()[0].DiffID() || bytes.Contains(b, []byte("classified")) {
		t.Error("another digest, or what a link leads to")
	}
	if len(notes) != 1 || !strings.Contains(notes[0], "a/.wh.gone, b/.wh..wh..opq") {
		t.Error(notes)
	}
	if _, known := img.Layers()[0].Blob(); known || img.Ref().Source != RootFS || img.Config().OS != "linux" {
		t.Error(img.Ref(), known)
	}
	again := opened(t, "rootfs:"+dir, Options{TempDir: temp})
	if again.Layers()[0].DiffID() != img.Layers()[0].DiffID() || again.Ref().Digest != img.Ref().Digest {
		t.Error("it has another digest the second time")
	}
	imagetest.Must(t, errors.Join(img.Close(), again.Close()))
	empty(t, temp)
}

// TestTreePlatform: the architecture is that of the programs, if none is asked for.
func TestTreePlatform(t *testing.T) {
	elf := func(machine byte, class byte) string {
		return "\x7fELF" + string([]byte{class, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, machine, 0})
	}
	for want, files := range map[string]map[string]string{
		"linux/arm64":  {"bin/a": elf(183, 2), "bin/b": elf(183, 2), "opt/foreign": elf(62, 2)},
		"linux/amd64":  {"bin/a": elf(62, 2), "bin/cut": "\x7fELF"},
		"linux/386":    {"bin/a": elf(3, 1)},
		"linux/s390x":  {"bin/a": "nothing of the kind"},
		"linux/arm/v7": {"bin/a": elf(40, 1)},
	} {
		o := Options{TempDir: t.TempDir(), host: whittle.Platform{OS: "linux", Architecture: "s390x"}}
		if got := opened(t, "rootfs:"+treeOf(t, files), o).Config().Platform().String(); got != want {
			t.Errorf("%s, want %s", got, want)
		}
		o.Platform = &whittle.Platform{OS: "linux", Architecture: "riscv64"}
		if got := opened(t, "rootfs:"+treeOf(t, files), o).Config().Platform().String(); got != "linux/riscv64" {
			t.Errorf("%s, and riscv64 was asked for", got)
		}
	}
}

// TestTreeErrors: what is no folder, cannot be read or is too large is said, and
// nothing stays behind.
func TestTreeErrors(t *testing.T) {
	dir := treeOf(t, map[string]string{"big": strings.Repeat("x", 100_000), "file": ""})
	temp := t.TempDir()
	for name, c := range map[string]struct {
		o    Options
		kind error
		says string
	}{
		dir + "/nosuch": {Options{}, whittle.ErrNotFound, "no folder"},
		dir + "/file":   {Options{}, whittle.ErrUsage, "is a file"},
		dir:             {Options{Limits: Limits{Unpacked: 50_000}}, whittle.ErrLimit, "it has more than 50.0 kB"},
	} {
		c.o.TempDir = temp
		if _, err := Open(context.Background(), "rootfs:"+name, c.o); !errors.Is(err, c.kind) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Open(ctx, "rootfs:"+dir, Options{TempDir: temp}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	empty(t, temp)
}

// TestTreeUnreadable: what this user may not read is an error, because a figure or a
// verdict without it would be wrong.
func TestTreeUnreadable(t *testing.T) {
	dir := treeOf(t, map[string]string{"etc/shadow": "x", "root/.ssh/key": "x", "etc/passwd": "x"})
	imagetest.Must(t, errors.Join(os.Chmod(dir+"/etc/shadow", 0), os.Chmod(dir+"/root", 0)))
	defer os.Chmod(dir+"/root", 0o700)
	check := func() {
		_, err := Open(context.Background(), "rootfs:"+dir, Options{TempDir: os.TempDir()})
		if !errors.Is(err, whittle.ErrUsage) || !strings.Contains(err.Error(), "2 files of it cannot be read, such as etc/shadow: permission denied") || !strings.Contains(whittle.Hint(err), "sudo") {
			t.Error(err)
		}
	}
	if os.Getuid() != 0 {
		check()
		return
	}
	// As root, a thread without the right to read everything.
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine
		var data [2]unix.CapUserData
		header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
		if err := unix.Capset(&header, &data[0]); err != nil {
			t.Log("capset:", err)
			return
		}
		check()
	}()
	<-done
}

// TestTreeMounted: what is mounted in the folder is not part of it.
func TestTreeMounted(t *testing.T) {
	dir := treeOf(t, map[string]string{"bin/sh": "x", "proc/keep": ""})
	if err := syscall.Mount("proc", dir+"/proc", "proc", 0, ""); err != nil {
		t.Skip("mounting needs root: ", err)
	}
	defer syscall.Unmount(dir+"/proc", 0)
	var notes []string
	img := opened(t, "rootfs:"+dir, Options{TempDir: t.TempDir(), Note: func(s string) { notes = append(notes, s) }})
	if got := listed(t, img.Layers()[0]); !slices.Equal(got, []string{"5 bin/ 0", "0 bin/sh 1", "5 proc/ 0"}) {
		t.Errorf("%q", got)
	}
	if len(notes) != 1 || !strings.Contains(notes[0], "what is mounted in it is left out: proc") {
		t.Error(notes)
	}
}
