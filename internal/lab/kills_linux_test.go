package lab

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/imagetest"
	"whittle.dev/whittle/internal/index"
	"whittle.dev/whittle/internal/outdir"
)

const (
	// killsEnv is how many runs are killed, 20 where it is not set; a quarter as
	// many disks are full.
	killsEnv = "WHITTLE_KILLS"
	// proofEnv makes TestProofHelper prove and write the project that it names.
	proofEnv = "WHITTLE_TEST_PROOF"
)

func kills(t *testing.T) int {
	t.Helper()
	n, err := strconv.Atoi(os.Getenv(killsEnv))
	if err != nil {
		n = 20
	}
	return n
}

// twoFiles is a project whose proof changes two files together, one of which
// has a second name, and is written in its place.
func twoFiles(t *testing.T, dir string) {
	t.Helper()
	other := strings.ReplaceAll(toyDockerfile, "opt/", "srv/")
	for name, text := range map[string]string{"Dockerfile": toyDockerfile, "Dockerfile.b": other, "whittle.yaml": "run: [{name: works, command: [works]}]\n"} {
		imagetest.Must(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644))
	}
	imagetest.Must(t, os.Link(filepath.Join(dir, "Dockerfile.b"), filepath.Join(dir, "second")))
}

func twoTexts(t *testing.T, dir string) [2]string {
	t.Helper()
	var out [2]string
	for i, name := range []string{"Dockerfile", "Dockerfile.b"} {
		text, err := os.ReadFile(filepath.Join(dir, name))
		imagetest.Must(t, err)
		out[i] = string(text)
	}
	return out
}

// proof is lab --fix --write of a project, with an engine that is a toy.
func proof(ctx context.Context, t *testing.T, dir, out, cache string) (*whittle.Study, error) {
	t.Helper()
	env := toyEnv(&toyEngine{fakeEngine: fakeEngine{t: t}, runs: func(string) bool { return true }})
	env.Secret = outdir.UserKey(cache)
	if c, err := index.OpenCache(filepath.Join(cache, "index"), 0); err == nil {
		env.Index.Cache = c
	}
	return Study(ctx, env, StudyOptions{Dir: dir, Out: out, Quick: true, Fix: true, Write: true})
}

func TestProofHelper(t *testing.T) {
	where := strings.Split(os.Getenv(proofEnv), "|")
	if len(where) != 3 {
		t.Skip("is a process of the tests of kills")
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	_, err := proof(ctx, t, where[0], where[1], where[2])
	if err == nil {
		err = whittle.WriteFile(filepath.Join(cmp.Or(where[1], filepath.Join(where[0], outdir.Name)), "report.md"), []byte("report"))
	}
	if err != nil && ctx.Err() == nil {
		t.Fatal(err)
	}
}

func proofProcess(t *testing.T, dir, out, cache, temp string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^TestProofHelper$")
	cmd.Env = append(os.Environ(), proofEnv+"="+strings.Join([]string{dir, out, cache}, "|"), "TMPDIR="+temp)
	return cmd
}

// leftovers are the files below folders that only a run under way may have.
func leftovers(t *testing.T, dirs ...string) (left []string) {
	t.Helper()
	for _, dir := range dirs {
		_ = filepath.WalkDir(dir, func(p string, d os.DirEntry, err error) error {
			if err == nil && (strings.HasPrefix(d.Name(), ".whittle-") || strings.HasSuffix(d.Name(), ".partial") || d.Name() == "journal" || strings.HasPrefix(d.Name(), "whittle-")) {
				left = append(left, p)
			}
			return nil
		})
	}
	return left
}

// TestKilled kills proofs that write, by each signal and at random moments:
// the project's files are those of before or those of after, all together, and
// the next run ends well and leaves nothing.
func TestKilled(t *testing.T) {
	if testing.Short() {
		t.Skip("takes minutes")
	}
	top := t.TempDir()
	whole := filepath.Join(top, "whole")
	imagetest.Must(t, os.Mkdir(whole, 0o755))
	twoFiles(t, whole)
	before := twoTexts(t, whole)
	start := time.Now()
	cmd := proofProcess(t, whole, "", filepath.Join(top, "cache"), top)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	took := time.Since(start)
	after := twoTexts(t, whole)
	if before[0] == after[0] || before[1] == after[1] {
		t.Fatal("nothing is changed: the test looks at the wrong place")
	}
	rng := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 1))
	signals := []os.Signal{syscall.SIGKILL, os.Interrupt, syscall.SIGTERM}
	var mixed, finished, unchanged, swept int
	n := kills(t)
	for i := range n {
		dir := filepath.Join(top, fmt.Sprint(i))
		temp, cache := filepath.Join(top, "temp"), filepath.Join(top, "cache")
		imagetest.Must(t, errors.Join(os.Mkdir(dir, 0o755), os.MkdirAll(temp, 0o700)))
		twoFiles(t, dir)
		cmd := proofProcess(t, dir, "", cache, temp)
		imagetest.Must(t, cmd.Start())
		// Half of them about where the files are written.
		delay := time.Duration(rng.Int64N(int64(took) * 11 / 10))
		if i%2 == 1 {
			for !imagetest.Exists(filepath.Join(dir, outdir.Name, "journal")) && time.Since(start) < time.Hour {
				if left, _ := filepath.Glob(filepath.Join(dir, outdir.Name, ".whittle-staged-*")); len(left) > 0 || cmd.Process.Signal(syscall.Signal(0)) != nil {
					break
				}
				if twoTexts(t, dir) == after {
					break
				}
			}
			delay = time.Duration(rng.Int64N(int64(8 * time.Millisecond)))
		}
		time.Sleep(delay)
		_ = cmd.Process.Signal(signals[i%len(signals)])
		_ = cmd.Wait()
		if len(leftovers(t, dir)) > 0 {
			swept++
		}
		got := twoTexts(t, dir)
		if got != before && got != after {
			mixed++
			if signals[i%len(signals)] != syscall.SIGKILL {
				t.Errorf("%s after %s: a mixture", signals[i%len(signals)], delay)
			}
		}
		f, err := outdir.Open(dir, filepath.Join(dir, outdir.Name), outdir.UserKey(cache)(), func(string) {}) // as the next start does first of all
		imagetest.Must(t, err)
		imagetest.Must(t, f.Close())
		switch twoTexts(t, dir) {
		case before:
			unchanged++
		case after:
			finished++
		default:
			t.Errorf("%s after %s: files of before and of after", signals[i%len(signals)], delay)
		}
		if _, err := proof(context.Background(), t, dir, "", cache); err != nil {
			t.Errorf("%s after %s: the next run: %v", signals[i%len(signals)], delay, err)
		}
		if twoTexts(t, dir) != after {
			t.Errorf("%s after %s: the next run did not do what a whole one does", signals[i%len(signals)], delay)
		}
		if left := leftovers(t, dir, cache); len(left) > 0 {
			t.Errorf("%s after %s: left behind: %q", signals[i%len(signals)], delay, left)
		}
		imagetest.Must(t, os.RemoveAll(dir))
	}
	t.Logf("%d killed within %s: %d before the change, %d after; %d of these were in the middle of it and were finished by the next start; %d left files that it swept",
		n, took, unchanged, finished, mixed, swept)
}

// TestFullDisk proves and writes where the project's, the study's, the cache's
// or the temporary folder's disk is full at some moment: an error of one line,
// files of before or of after, and the next run, with room, ends well.
func TestFullDisk(t *testing.T) {
	if testing.Short() {
		t.Skip("takes minutes")
	}
	after := [2]string{}
	rng := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 2))
	full, whole := map[string]int{}, map[string]int{}
	for i := range max(4, kills(t)/4) {
		top := t.TempDir()
		what := []string{"project", "out", "cache", "temp"}[i%4]
		places := map[string]string{}
		for _, p := range []string{"project", "out", "cache", "temp"} {
			places[p] = filepath.Join(top, p)
			imagetest.Must(t, os.Mkdir(places[p], 0o700))
		}
		small := places[what]
		room := 12<<10 + rng.IntN(4<<20) // the images of a proof have some megabytes
		if what != "project" && what != "out" {
			room = 4<<10 + rng.IntN(64<<10)
		}
		if err := unix.Mount("tmpfs", small, "tmpfs", 0, fmt.Sprintf("size=%d,mode=0700", room)); err != nil {
			t.Skipf("needs a small file system to fill: %v", err)
		}
		unmount := func() { _ = unix.Unmount(small, unix.MNT_DETACH) }
		t.Cleanup(unmount)
		twoFiles(t, places["project"])
		before := twoTexts(t, places["project"])
		out := ""
		if what == "out" {
			out = places["out"]
		}
		cmd := proofProcess(t, places["project"], out, places["cache"], places["temp"])
		said, err := cmd.CombinedOutput()
		got := twoTexts(t, places["project"])
		switch {
		case err == nil:
			whole[what]++
			after = got
		case what == "cache":
			t.Errorf("%d bytes for the cache: %s", room, said)
		default:
			full[what]++
			if text := string(said); !strings.Contains(text, "no space left on device") || strings.Contains(text, "panic") {
				t.Errorf("%d bytes for %s: %s", room, what, text)
			}
		}
		if got != before && (after != [2]string{} && got != after) {
			t.Errorf("%d bytes for %s: files of before and of after", room, what)
		}
		imagetest.Must(t, unix.Mount("tmpfs", small, "tmpfs", unix.MS_REMOUNT, "size=256m"))
		if said, err := proofProcess(t, places["project"], out, places["cache"], places["temp"]).CombinedOutput(); err != nil {
			t.Errorf("%d bytes for %s: the next run: %s", room, what, said)
		}
		now := twoTexts(t, places["project"])
		if after == [2]string{} {
			after = now
		}
		if now != after {
			t.Errorf("%d bytes for %s: the next run did not do what a whole one does", room, what)
		}
		if left := leftovers(t, top); len(left) > 0 {
			t.Errorf("%d bytes for %s: left behind: %q", room, what, left)
		}
		unmount()
	}
	t.Logf("full: %v; enough: %v", full, whole)
}
