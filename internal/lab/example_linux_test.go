//go:build !race

package lab

import (
	"context"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/audit"
	"whittle.dev/whittle/internal/host"
)

// The race detector makes decompressing these gigabytes ten times slower, and
// the reader has its own tests under it: scripts/test runs this one without.

// TestExampleUnused: that nothing uses two of what the example declares is what the proof
// rests on, which takes much longer to say so.
func TestExampleUnused(t *testing.T) {
	if testing.Short() {
		t.Skip("decompresses a GB")
	}
	const archive = "../../.cache/example/images/original.tar"
	if _, err := os.Stat(archive); err != nil {
		t.Skip("no images of the example: run make images")
	}
	env, err := host.System(host.SystemOptions{NoIndexCache: true})
	if err != nil {
		t.Fatal(err)
	}
	a, err := audit.Advise(t.Context(), env, archive, audit.AdviseOptions{Project: "../../examples/inventory", Only: []string{"unused-dependency"}})
	if err != nil {
		t.Fatal(err)
	}
	var removed []string
	for _, f := range a.Findings {
		if f.Fix != nil {
			removed = append(removed, f.Fix.Title)
		}
	}
	slices.Sort(removed)
	if want := []string{"remove pygwalker", "remove scikit-learn"}; !slices.Equal(removed, want) {
		t.Errorf("%q, want %q", removed, want)
	}
}

// TestExampleAgainstOverlayfs holds the figures of the example's real images
// to the kernel: GNU tar extracts each layer alone, overlayfs merges them, and
// what a walk then finds must be what the inspection says, layer by layer.
func TestExampleAgainstOverlayfs(t *testing.T) {
	if testing.Short() {
		t.Skip("extracts several GB")
	}
	if os.Getuid() != 0 {
		t.Skip("mounting needs root")
	}
	archives, err := filepath.Glob("../../.cache/example/images/*.tar")
	if err != nil || len(archives) == 0 {
		t.Skip("no images of the example: run make images")
	}
	env, err := host.System(host.SystemOptions{NoIndexCache: true})
	if err != nil {
		t.Fatal(err)
	}
	for _, archive := range archives {
		t.Run(strings.TrimSuffix(filepath.Base(archive), ".tar"), func(t *testing.T) {
			in, err := audit.Inspect(context.Background(), env, archive, audit.InspectOptions{})
			if err != nil {
				t.Fatal(err)
			}
			img, err := env.Images.Open(context.Background(), archive)
			if err != nil {
				t.Fatal(err)
			}
			defer img.Close()
			dirs := extract(t, img)
			live := mountedLive(t, dirs)
			for i, row := range in.Layers {
				unpacked := unpackedSize(t, dirs[i])
				if row.Size != unpacked || row.Visible != live[i] || row.Wasted != unpacked-live[i] {
					t.Errorf("layer %d: unpacked %d, live %d, dead %d; overlayfs says %d, %d, %d",
						i, row.Size, row.Visible, row.Wasted, unpacked, live[i], unpacked-live[i])
				}
			}
			checkSums(t, in)
		})
	}
}

// extract unpacks each layer into a folder of its own, as overlayfs wants it.
func extract(t *testing.T, img whittle.Image) []string {
	t.Helper()
	var dirs []string
	for _, l := range img.Layers() {
		dir, err := os.MkdirTemp(t.TempDir(), "layer")
		if err != nil {
			t.Fatal(err)
		}
		r, err := l.Open(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command("tar", "-xz", "--numeric-owner", "-C", dir)
		cmd.Stdin = r
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("tar: %v: %s", err, out)
		}
		if _, err := io.Copy(io.Discard, r); err != nil {
			t.Fatal(err)
		}
		r.Close()
		convertWhiteouts(t, dir)
		dirs = append(dirs, dir)
	}
	return dirs
}

func convertWhiteouts(t *testing.T, dir string) {
	t.Helper()
	var marks []string
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if strings.HasPrefix(d.Name(), ".wh.") {
			marks = append(marks, p)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range marks {
		if err := os.Remove(p); err != nil {
			t.Fatal(err)
		}
		name := strings.TrimPrefix(filepath.Base(p), ".wh.")
		if name == ".wh..opq" {
			err = syscall.Setxattr(filepath.Dir(p), "trusted.overlay.opaque", []byte("y"), 0)
		} else {
			err = syscall.Mknod(filepath.Join(filepath.Dir(p), name), syscall.S_IFCHR, 0)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// mountedLive merges the folders by overlayfs and adds up, for each layer, the
// files of it that are seen.
func mountedLive(t *testing.T, dirs []string) []int64 {
	t.Helper()
	lower := make([]string, len(dirs))
	for i, d := range dirs {
		lower[len(dirs)-1-i] = d
	}
	merged := t.TempDir()
	if out, err := exec.Command("mount", "-t", "overlay", "overlay", "-o", "lowerdir="+strings.Join(lower, ":"), merged).CombinedOutput(); err != nil {
		t.Fatalf("mounting: %v: %s", err, out)
	}
	defer func() {
		if out, err := exec.Command("umount", merged).CombinedOutput(); err != nil {
			t.Errorf("unmounting: %v: %s", err, out)
		}
	}()
	live := make([]int64, len(dirs))
	seen := map[[2]uint64]bool{}
	err := filepath.WalkDir(merged, func(p string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		rel, _ := filepath.Rel(merged, p)
		for i := len(dirs) - 1; i >= 0; i-- {
			info, err := os.Lstat(filepath.Join(dirs[i], rel))
			if err != nil {
				continue
			}
			st := info.Sys().(*syscall.Stat_t)
			if key := [2]uint64{uint64(i), st.Ino}; !seen[key] {
				seen[key] = true
				live[i] += info.Size()
			}
			return nil
		}
		t.Errorf("%s is in no layer", rel)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return live
}

func unpackedSize(t *testing.T, dir string) (sum int64) {
	t.Helper()
	seen := map[uint64]bool{}
	err := filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		if ino := info.Sys().(*syscall.Stat_t).Ino; !seen[ino] {
			seen[ino] = true
			sum += info.Size()
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return sum
}
