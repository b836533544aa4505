package destination_test

import (
	"context"
	"errors"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/destination"
	"whittle.dev/whittle/internal/imagetest"
	"whittle.dev/whittle/internal/source"
)

// TestMain writes an image if a test has started it as a child.
func TestMain(m *testing.M) {
	if to := os.Getenv("WHITTLE_TEST_DESTINATION"); to != "" {
		d, err := destination.Parse(to)
		if err == nil {
			_, err = d.Write(context.Background(), large(), source.Options{})
		}
		if err != nil {
			panic(err)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// large is an image of 16 MB, in eight layers that take a moment each.
func large() destination.Image {
	var img destination.Image
	config := `{"os":"linux","architecture":"amd64","rootfs":{"type":"layers","diff_ids":[`
	for i := range 8 {
		b := make([]byte, 2<<20)
		rng := rand.New(rand.NewPCG(uint64(i), 1))
		for j := 0; j < len(b); j += 8 {
			v := rng.Uint64()
			for k := range 8 {
				b[j+k] = byte(v >> (8 * k))
			}
		}
		id := whittle.DigestOf(b)
		img.Layers = append(img.Layers, layer(b, id))
		if i > 0 {
			config += ","
		}
		config += `"` + string(id) + `"`
	}
	img.Config = []byte(config + `]}}`)
	return img
}

// TestKilled: a process that writes an image is killed at random moments. What it
// writes to has what it had, or the whole image; the next one ends well, and nothing is
// left behind.
func TestKilled(t *testing.T) {
	rounds := 10
	if testing.Short() {
		rounds = 2
	}
	old, img := image(t, imagetest.Gzip, "old"), large()
	rng := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 2))
	for _, to := range []string{"docker-archive:DIR/a.tar:app:1", "oci-archive:DIR/a.tar:v1", "oci-layout:DIR/l:v1"} {
		for _, fresh := range []bool{false, true} {
			dir := t.TempDir()
			to := strings.Replace(to, "DIR", dir, 1)
			child := func() *exec.Cmd {
				cmd := exec.Command(os.Args[0])
				cmd.Env = append(os.Environ(), "WHITTLE_TEST_DESTINATION="+to)
				return cmd
			}
			start := time.Now()
			if out, err := child().CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			took, before, after := time.Since(start), 0, 0
			for range rounds {
				if err := errors.Join(os.RemoveAll(dir+"/a.tar"), os.RemoveAll(dir+"/l")); err != nil {
					t.Fatal(err)
				}
				if !fresh {
					write(t, to, old, source.Options{})
				}
				cmd := child()
				if err := cmd.Start(); err != nil {
					t.Fatal(err)
				}
				time.Sleep(time.Duration(rng.Int64N(int64(took))))
				_ = cmd.Process.Signal(syscall.SIGKILL)
				_ = cmd.Wait()
				read, err := source.Open(context.Background(), to, source.Options{})
				switch {
				case err != nil && fresh:
					before++
					for _, name := range []string{"a.tar", "l"} {
						if _, err := os.Lstat(filepath.Join(dir, name)); err == nil {
							t.Errorf("%s: a part of %s is there", to, name)
						}
					}
				case err != nil:
					t.Fatalf("%s: %v", to, err)
				case read.Config().Architecture == "old":
					before++
					same(t, to, old, source.Options{})
				default:
					after++
					same(t, to, img, source.Options{})
				}
				if read != nil {
					read.Close()
				}
				if out, err := child().CombinedOutput(); err != nil {
					t.Fatalf("the next one: %v: %s", err, out)
				}
				same(t, to, img, source.Options{})
				for _, pattern := range []string{".whittle-*", "*/.whittle-*", "*/*/.whittle-*", "*/*/*/.whittle-*"} {
					if left, _ := filepath.Glob(filepath.Join(dir, pattern)); len(left) > 0 {
						t.Errorf("%s: left behind: %q", to, left)
					}
				}
			}
			t.Logf("%s: %d killed before the end, %d after", to, before, after)
		}
	}
}

// TestFullDisk: on a disk that is full, what was there stays, whole.
func TestFullDisk(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("mounting a small file system needs root")
	}
	old, img := image(t, imagetest.Gzip, "old"), large()
	for _, size := range []string{"64k", "2m", "9m", "15m"} {
		for _, to := range []string{"docker-archive:DIR/a.tar:app:1", "oci-archive:DIR/a.tar:v1", "oci-layout:DIR/l:v1", "oci-layout:DIR/new"} {
			dir := t.TempDir()
			if err := syscall.Mount("whittle-test", dir, "tmpfs", 0, "size="+size); err != nil {
				t.Skip("a small file system cannot be mounted here:", err)
			}
			to := strings.Replace(to, "DIR", dir, 1)
			exists := !strings.HasSuffix(to, "/new")
			if exists {
				write(t, to, old, source.Options{})
			}
			before := bytesOf(t, dir)
			d, err := destination.Parse(to)
			if err == nil {
				_, err = d.Write(context.Background(), img, source.Options{})
			}
			if !errors.Is(err, whittle.ErrSystem) || !strings.Contains(err.Error(), "no space left") {
				t.Errorf("%s, %s: %v", size, to, err)
			}
			after := bytesOf(t, dir)
			if d.Kind() == source.OCILayout && exists {
				for name, text := range before {
					if after[name] != text {
						t.Errorf("%s, %s: %s was changed", size, to, name)
					}
				}
			} else if !maps.Equal(before, after) {
				t.Errorf("%s, %s: something was changed", size, to)
			}
			if exists {
				same(t, to, old, source.Options{})
			}
			if err := syscall.Unmount(dir, 0); err != nil {
				t.Error(err)
			}
		}
	}
}

// TestOneReader: a blob is read once for each time that it is written.
func TestOneReader(t *testing.T) {
	img, opened := image(t, imagetest.Gzip, "amd64"), 0
	open := img.Layers[0].Open
	img.Layers[0].MediaType = "application/vnd.docker.image.rootfs.diff.tar.gzip"
	img.Layers[0].Open = func(ctx context.Context) (io.ReadCloser, error) { opened++; return open(ctx) }
	write(t, filepath.Join(t.TempDir(), "a.tar"), img, source.Options{})
	if opened != 1 {
		t.Errorf("opened %d times", opened)
	}
}
