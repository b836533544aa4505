package pypi

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// TestCacheOfOddFiles: what stands in the cache and is no regular file of its
// own is a file that is missing, and gives way to one; nothing is written
// through it.
func TestCacheOfOddFiles(t *testing.T) {
	for what, put := range map[string]func(name, outside string) error{
		"a FIFO":             func(name, _ string) error { return syscall.Mkfifo(name, 0o600) },
		"a socket":           func(name, _ string) error { return syscall.Mknod(name, syscall.S_IFSOCK|0o600, 0) },
		"a link to a device": func(name, _ string) error { return os.Symlink("/dev/zero", name) },
		"a link out":         func(name, outside string) error { return os.Symlink(outside, name) },
		"a dangling link":    func(name, _ string) error { return os.Symlink("nothing", name) },
		"a folder":           func(name, _ string) error { return os.Mkdir(name, 0o700) },
		"huge": func(name, _ string) error {
			return errors.Join(os.WriteFile(name, nil, 0o600), os.Truncate(name, 1<<40))
		},
	} {
		dir, outside := t.TempDir(), filepath.Join(t.TempDir(), "outside")
		c := openCache(dir)
		c.store(keptMetadata, "other", []byte("x"))
		name := filepath.Join(dir, cacheVersion, cacheName(keptMetadata, "a"))
		if err := errors.Join(os.WriteFile(outside, []byte("secret"), 0o600), put(name, outside)); err != nil {
			t.Fatal(what, err)
		}
		if b, ok := c.load(keptMetadata, "a"); ok {
			t.Errorf("%s: it has %q", what, b)
		}
		c.store(keptMetadata, "a", []byte("y"))
		if b, ok := c.load(keptMetadata, "a"); what != "a folder" && string(b) != "y" || ok && what == "a folder" {
			t.Errorf("%s: kept %q, %t", what, b, ok)
		}
		if b, err := os.ReadFile(outside); err != nil || string(b) != "secret" {
			t.Errorf("%s: outside is %q", what, b)
		}
	}
}

// TestCacheOfOthers: a folder that everyone can write to holds nothing that is
// believed, and gets nothing.
func TestCacheOfOthers(t *testing.T) {
	dir := t.TempDir()
	openCache(dir).store(keptMetadata, "a", []byte("x"))
	if err := os.Chmod(filepath.Join(dir, cacheVersion), 0o777); err != nil {
		t.Fatal(err)
	}
	c := openCache(dir)
	c.store(keptMetadata, "b", []byte("y"))
	for _, key := range []string{"a", "b"} {
		if b, ok := c.load(keptMetadata, key); ok {
			t.Errorf("%s: %q", key, b)
		}
	}
}
