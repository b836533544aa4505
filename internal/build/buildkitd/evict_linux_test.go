package buildkitd

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// TestEvict: the pages of images' files are not in memory afterwards, and those of other
// files are; the kernel's mincore is the witness.
func TestEvict(t *testing.T) {
	root := t.TempDir()
	var st unix.Statfs_t
	if err := unix.Statfs(root, &st); err != nil {
		t.Fatal(err)
	}
	if st.Type == unix.TMPFS_MAGIC {
		t.Skip("the files of a tmpfs are in memory always")
	}
	layer := filepath.Join(root, "runc-overlayfs", "snapshots", "snapshots", "1")
	image, other := filepath.Join(layer, "fs", "usr", "lib.so"), filepath.Join(root, "log")
	folders := map[string]bool{layer: true}
	for _, file := range []string{image, other} {
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, bytes.Repeat([]byte("a page of a file"), 1<<14), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(other, filepath.Join(filepath.Dir(image), "link")); err != nil {
		t.Fatal(err)
	}
	if resident(t, image) == 0 || resident(t, other) == 0 {
		t.Fatal("what was just written is not in memory")
	}
	if err := Evict(t.Context(), root, folders); err != nil {
		t.Fatal(err)
	}
	if n := resident(t, image); n != 0 {
		t.Errorf("%d pages of the image are in memory", n)
	}
	if resident(t, other) == 0 {
		t.Error("a file that is of no image is not in memory any more")
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := Evict(ended, root, folders); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// TestMounted: the layers of containers are found, and nothing else that is mounted.
func TestMounted(t *testing.T) {
	const root = "/c/root-0/runc-overlayfs"
	for name, c := range map[string]struct {
		line string
		want []string
	}{
		"a container": {"189 43 0:90 / " + root + "/executor/x1/rootfs rw,relatime - overlay overlay rw,lowerdir=" + root + "/snapshots/snapshots/18/fs:" + root + "/snapshots/snapshots/7/fs,upperdir=" +
			root + "/snapshots/snapshots/19/fs,workdir=" + root + "/snapshots/snapshots/19/work,redirect_dir=on\n", []string{"18", "7", "19"}},
		"long options": {"189 43 0:90 / " + root + "/executor/x1/rootfs rw - overlay overlay rw,lowerdir=8/fs:7/fs,upperdir=" + root + "/snapshots/snapshots/9/fs\n", []string{"8", "7", "9"}},
		"an export":    {"176 43 0:84 / /tmp/whittle/tmp/containerd-mount37 rw - overlay overlay ro,lowerdir=" + root + "/snapshots/snapshots/44/fs:/tmp/w/buildkit21\n", nil},
		"another disk": {"22 43 0:5 / " + root + "/executor/x1/rootfs/dev/shm rw - tmpfs shm rw,size=65536k\n", nil},
	} {
		if got := mounted("1 0 8:1 / / rw - ext4 /dev/sda rw\n" + c.line); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

// resident is how many pages of a file are in memory.
func resident(t *testing.T, file string) int {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	text, err := unix.Mmap(int(f.Fd()), 0, int(info.Size()), unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = unix.Munmap(text) }()
	pages := make([]byte, (len(text)+os.Getpagesize()-1)/os.Getpagesize())
	if _, _, e := unix.Syscall(unix.SYS_MINCORE, uintptr(unsafe.Pointer(&text[0])), uintptr(len(text)), uintptr(unsafe.Pointer(&pages[0]))); e != 0 {
		t.Fatal(e)
	}
	return len(slices.DeleteFunc(pages, func(p byte) bool { return p&1 == 0 }))
}
