//go:build unix

package index

import (
	"context"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"whittle.dev/whittle/internal/imagetest"
)

// TestCacheOfOddFiles: what is in the cache and no regular file is
// neither waited for nor read for ever, and goes where something is cached.
func TestCacheOfOddFiles(t *testing.T) {
	ctx := context.Background()
	cache, err := OpenCache(t.TempDir(), 0)
	if err != nil {
		t.Fatal(err)
	}
	l := layer(t, imagetest.Gzip, sample)
	want, err := Read(ctx, l, Options{Cache: cache})
	if err != nil {
		t.Fatal(err)
	}
	for what, put := range map[string]func(name string) error{
		"a FIFO":             func(name string) error { return syscall.Mkfifo(name, 0o600) },
		"a link to a device": func(name string) error { return os.Symlink("/dev/zero", name) },
		"a folder":           func(name string) error { return os.Mkdir(name, 0o700) },
		"of another size":    func(name string) error { return os.WriteFile(name, make([]byte, 2*maxStoredBlobsFile), 0o600) },
	} {
		for _, name := range []string{filepath.Join(string(cache.dir), cacheFile(l.ID)), filepath.Join(string(cache.dir), storedBlobsFile(l.ID))} {
			if err := os.Remove(name); err != nil {
				t.Fatal(err)
			}
			if err := put(name); err != nil {
				t.Fatal(err)
			}
			if got, err := Read(ctx, l, Options{Cache: cache}); err != nil || cmp.Diff(want, got) != "" {
				t.Errorf("%s is %s: %v\n%s", name, what, err, cmp.Diff(want, got))
			}
			if what == "a folder" { // what is not of the cache's own kind is its owner's
				if err := os.RemoveAll(name); err != nil {
					t.Fatal(err)
				}
				if _, err := Read(ctx, l, Options{Cache: cache}); err != nil {
					t.Fatal(err)
				}
			}
			if _, _, ok := cache.Get(l.ID); !ok || len(cache.storedBlobs(l.ID)) == 0 {
				t.Errorf("%s: nothing is cached after %s", what, name)
			}
		}
	}
}
