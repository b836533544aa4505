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
	image, other := filepath.Join(root, "runc-overlayfs", "snapshots", "snapshots", "1", "fs", "usr", "lib.so"), filepath.Join(root, "log")
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
	if err := Evict(t.Context(), root); err != nil {
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
	if err := Evict(ended, root); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
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
