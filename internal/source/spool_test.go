package source

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/imagetest"
)

// wrap compresses an archive by a program; "" leaves it as it is.
func wrap(t *testing.T, program string, b []byte) []byte {
	t.Helper()
	if program == "" {
		return b
	}
	if _, err := exec.LookPath(program); err != nil {
		t.Skip("no " + program + " on this machine")
	}
	cmd := exec.Command(program, "-c")
	cmd.Stdin = bytes.NewReader(b)
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func readOf(t *testing.T, file string) []byte {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// empty says that a folder has no files, as nothing is left in it.
func empty(t *testing.T, dir string) {
	t.Helper()
	left, err := os.ReadDir(dir)
	if err != nil || len(left) > 0 {
		t.Errorf("%s has %v, %v", dir, left, err)
	}
}

// TestPacked: an archive that is compressed as a whole is the same image as the archive,
// whatever its name is and whether it is a file, standard input or a pipe.
func TestPacked(t *testing.T) {
	a, b := make2(t, imagetest.Gzip, "amd64"), make2(t, imagetest.Gzip, "arm64")
	named := map[string]*made{"example.org/app:1": a, "example.org/app:2": b}
	for form, archive := range map[string][]byte{
		"docker, old": readOf(t, writeTar(t, dockerFiles(t, true, named))), "docker, new": readOf(t, writeTar(t, dockerFiles(t, false, named))), "oci": readOf(t, writeTar(t, layoutFiles(t, named))),
	} {
		plain := filepath.Join(t.TempDir(), "plain")
		if err := os.WriteFile(plain, archive, 0o600); err != nil {
			t.Fatal(err)
		}
		want := opened(t, plain+":app:2", Options{})
		for _, program := range []string{"", "gzip", "bzip2", "xz", "zstd"} {
			t.Run(form+" "+program, func(t *testing.T) {
				packed, temp := wrap(t, program, archive), t.TempDir()
				file := filepath.Join(t.TempDir(), "image.tar") // the name does not say that it is compressed
				if err := os.WriteFile(file, packed, 0o600); err != nil {
					t.Fatal(err)
				}
				scheme, _, _ := strings.Cut(map[bool]string{true: OCIArchive, false: DockerArchive}[form == "oci"], " ")
				o := Options{TempDir: temp, Spool: &Spool{Input: iotest.HalfReader(bytes.NewReader(packed))}}
				for _, name := range []string{file + ":app:2", scheme + ":" + file + ":2", "-:app:2", scheme + ":-:2", "-:2", "-:@1"} {
					if form == "oci" && name == "-:@1" {
						continue
					}
					img := opened(t, name, o)
					if img.Ref().Digest != want.Ref().Digest || len(img.Layers()) != len(want.Layers()) || img.Ref().Name != name || img.Ref().Source != scheme {
						t.Errorf("%s: %+v", name, img.Ref())
					}
					for i, l := range img.Layers() {
						if got := stored(t, l); !bytes.Equal(got, stored(t, want.Layers()[i])) {
							t.Errorf("%s: layer %d differs", name, i)
						}
					}
					if err := img.Close(); err != nil {
						t.Error(err)
					}
				}
				if err := o.Spool.Close(); err != nil {
					t.Error(err)
				}
				empty(t, temp)
			})
		}
	}
}

// TestPipe: a pipe that the shell makes of a command is read as standard input is.
func TestPipe(t *testing.T) {
	if _, err := os.Stat("/dev/fd"); err != nil {
		t.Skip("no /dev/fd on this machine")
	}
	archive := readOf(t, writeTar(t, dockerFiles(t, true, map[string]*made{"app:1": make2(t, imagetest.Gzip, "amd64")})))
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	go func() {
		w.Write(archive)
		w.Close()
	}()
	img := opened(t, "/dev/fd/"+strconv.Itoa(int(r.Fd())), Options{TempDir: t.TempDir()})
	if len(img.Layers()) != 2 {
		t.Error(img.Ref())
	}
}

// zeros gives n bytes of an archive that never ends.
type zeros struct{ n int64 }

func (z *zeros) Read(p []byte) (int, error) {
	if z.n <= 0 {
		return 0, io.EOF
	}
	n := int(min(int64(len(p)), z.n))
	clear(p[:n])
	z.n -= int64(n)
	return n, nil
}

// TestSpoolErrors: what is no archive is said in one line, and leaves nothing.
func TestSpoolErrors(t *testing.T) {
	whole := readOf(t, writeTar(t, dockerFiles(t, true, map[string]*made{"app:1": make2(t, imagetest.Gzip, "amd64")})))
	gz := wrap(t, "gzip", whole)
	broken := errors.New("the cable is broken")
	for name, c := range map[string]struct {
		in   *Spool
		o    Options
		kind error
		says string
	}{
		"none":              {nil, Options{}, whittle.ErrUsage, "opening -: there is no standard input"},
		"a terminal":        {&Spool{Input: bytes.NewReader(nil), Terminal: true}, Options{}, whittle.ErrUsage, "opening -: standard input is a terminal, and no archive"},
		"empty":             {&Spool{Input: bytes.NewReader(nil)}, Options{}, whittle.ErrCorrupt, "opening -: standard input is empty (0 bytes)"},
		"text":              {&Spool{Input: strings.NewReader("Error response from daemon: no such image")}, Options{}, whittle.ErrCorrupt, "opening -: standard input is not a tar archive, it is text"},
		"compressed text":   {&Spool{Input: bytes.NewReader(wrap(t, "gzip", []byte("text")))}, Options{}, whittle.ErrCorrupt, "opening -: standard input is not a tar archive, it is text"},
		"compressed empty":  {&Spool{Input: bytes.NewReader(wrap(t, "gzip", nil))}, Options{}, whittle.ErrCorrupt, "opening -: standard input is empty (0 bytes)"},
		"compressed twice":  {&Spool{Input: bytes.NewReader(wrap(t, "gzip", gz))}, Options{}, whittle.ErrCorrupt, "not a tar archive"},
		"cut":               {&Spool{Input: bytes.NewReader(whole[:len(whole)/2])}, Options{}, whittle.ErrCorrupt, "ends early"},
		"compressed, cut":   {&Spool{Input: bytes.NewReader(gz[:len(gz)/2])}, Options{}, whittle.ErrCorrupt, "opening -: reading standard input: the compressed data is cut short"},
		"no end":            {&Spool{Input: &zeros{1 << 40}}, Options{Limits: Limits{Unpacked: 5 << 20}}, whittle.ErrLimit, "opening -: standard input unpacks to more than 5.2 MB"},
		"the source breaks": {&Spool{Input: io.MultiReader(bytes.NewReader(gz[:500]), iotest.ErrReader(broken))}, Options{}, whittle.ErrSystem, "the cable is broken"},
		"no folder":         {&Spool{Input: bytes.NewReader(whole)}, Options{TempDir: "/nowhere/at all"}, whittle.ErrSystem, "making a temporary file"},
	} {
		t.Run(name, func(t *testing.T) {
			o := c.o
			if o.TempDir == "" {
				o.TempDir = t.TempDir()
				defer empty(t, o.TempDir)
			}
			o.Spool = c.in
			img, err := Open(context.Background(), "-", o)
			if err == nil {
				img.Close()
			}
			if !errors.Is(err, c.kind) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%v", err)
			}
		})
	}
}

// TestBomb: what unpacks to much more than it has is refused, long before the limit of
// an image's size.
func TestBomb(t *testing.T) {
	if testing.Short() {
		t.Skip("it decompresses 4 GiB")
	}
	if _, err := exec.LookPath("zstd"); err != nil {
		t.Skip("no zstd on this machine")
	}
	f := filepath.Join(t.TempDir(), "x.tar")
	if out, err := exec.Command("sh", "-c", "truncate -s 4100M "+f+" && zstd -q --rm "+f).CombinedOutput(); err != nil {
		t.Skip(string(out))
	}
	temp := t.TempDir()
	_, err := Open(context.Background(), f+".zst", Options{TempDir: temp})
	if !errors.Is(err, whittle.ErrLimit) || !strings.Contains(err.Error(), "more than 1000 times as much") {
		t.Error(err)
	}
	empty(t, temp)
}

// TestInterruptedInput: an interruption ends the wait for input that does not come.
func TestInterruptedInput(t *testing.T) {
	r, w := io.Pipe()
	defer w.Close()
	ctx, cancel := context.WithCancel(context.Background())
	temp := t.TempDir()
	go func() {
		w.Write(make([]byte, 3<<20))
		cancel()
	}()
	if _, err := Open(ctx, "-", Options{TempDir: temp, Spool: &Spool{Input: r}}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	empty(t, temp)
}
