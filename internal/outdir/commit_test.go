//go:build linux

package outdir

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/imagetest"
)

// change is a project with three files to change, one of them new.
func change(t *testing.T) (dir string, f Folder, files []whittle.FileChange, places []string) {
	t.Helper()
	dir = t.TempDir()
	imagetest.Must(t, os.Mkdir(filepath.Join(dir, "sub"), 0o755))
	imagetest.Must(t, os.WriteFile(filepath.Join(dir, "Dockerfile"), []byte("old 1"), 0o640))
	imagetest.Must(t, os.WriteFile(filepath.Join(dir, "sub", "b.txt"), []byte("old 2"), 0o755))
	f, err := Open(dir, filepath.Join(dir, Name), mine, ignore)
	imagetest.Must(t, err)
	t.Cleanup(func() { f.Close() })
	files = []whittle.FileChange{
		{Path: "Dockerfile", Before: []byte("old 1"), After: []byte("new 1")},
		{Path: "sub/b.txt", Before: []byte("old 2"), After: []byte("new 2 is longer")},
		{Path: "fresh", Created: true, After: []byte("new 3")},
	}
	for _, c := range files {
		places = append(places, filepath.Join(dir, filepath.FromSlash(c.Path)))
	}
	return dir, f, files, places
}

// contents are the texts at places, "-" where nothing is.
func contents(places []string) (out [3]string) {
	for i, p := range places {
		out[i] = "-"
		if text, err := os.ReadFile(p); err == nil {
			out[i] = string(text)
		}
	}
	return out
}

var (
	before = [3]string{"old 1", "old 2", "-"}
	after  = [3]string{"new 1", "new 2 is longer", "new 3"}
)

func TestCommit(t *testing.T) {
	dir, f, files, places := change(t)
	imagetest.Must(t, unix.Setxattr(places[0], "user.note", []byte("kept"), 0))
	second := filepath.Join(dir, "second name")
	imagetest.Must(t, os.Link(places[1], second))
	theirs := os.Chown(places[0], 4242, 4242) == nil
	imagetest.Must(t, f.Commit(context.Background(), dir, files, places))
	if got := contents(places); got != after {
		t.Errorf("contents %q", got)
	}
	info, err := os.Stat(places[0])
	imagetest.Must(t, err)
	st := info.Sys().(*syscall.Stat_t)
	note := make([]byte, 10)
	n, _ := unix.Getxattr(places[0], "user.note", note)
	if info.Mode() != 0o640 || theirs && st.Uid != 4242 || string(note[:max(n, 0)]) != "kept" {
		t.Errorf("mode %v, owner %d, attribute %q", info.Mode(), st.Uid, note)
	}
	if text, _ := os.ReadFile(second); string(text) != after[1] {
		t.Errorf("the file's second name has %q", text)
	}
	if left := imagetest.Names(t, f.Dir); len(left) != 5 {
		t.Errorf("left in the folder: %q", left)
	}
}

// TestCommitKilled: a process is killed at each step; the next one finds files
// that are all as before, or makes them all as they should be.
func TestCommitKilled(t *testing.T) {
	for step, want := range [][3]string{before, after, after, after, after} {
		dir, f, files, places := change(t)
		staged := filepath.Join(f.Dir, ".whittle-staged-1")
		imagetest.Must(t, os.Mkdir(staged, 0o755))
		j, err := stageAll(context.Background(), staged, dir, files, places)
		imagetest.Must(t, err)
		if step > 0 {
			imagetest.Must(t, f.prepare(&j))
		}
		for i := range step - 1 {
			imagetest.Must(t, os.Rename(filepath.Join(staged, string(rune('0'+i))), places[i]))
		}
		imagetest.Must(t, f.Close())
		f, err = Open(dir, f.Dir, mine, ignore)
		imagetest.Must(t, err)
		if got := contents(places); got != want {
			t.Errorf("killed after step %d: %q", step, got)
		}
		if left := imagetest.Names(t, f.Dir); len(left) != 5 {
			t.Errorf("killed after step %d: left in the folder: %q", step, left)
		}
		imagetest.Must(t, f.Close())
	}
}

// TestCommitOverwritten: a file of two names is written in its place; where
// that was cut short it is written again, and where the user has changed the
// file meanwhile it is not.
func TestCommitOverwritten(t *testing.T) {
	for now, want := range map[string]string{"": "", "new 2": after[1], "new 2 is l": after[1], "old 2": after[1], "mine": "mine", "new": "new"} {
		dir, f, files, places := change(t)
		imagetest.Must(t, os.Link(places[1], filepath.Join(dir, "second")))
		staged := filepath.Join(f.Dir, ".whittle-staged-1")
		imagetest.Must(t, os.Mkdir(staged, 0o755))
		j, err := stageAll(context.Background(), staged, dir, files, places)
		imagetest.Must(t, err)
		imagetest.Must(t, f.prepare(&j))
		imagetest.Must(t, os.WriteFile(places[1], []byte(now), 0o644))
		imagetest.Must(t, f.recover(dir, ignore))
		if got := contents(places); got != [3]string{after[0], want, after[2]} {
			t.Errorf("%q: %q", now, got)
		}
	}
}

// TestCommitForged: a journal that a project brings changes nothing.
func TestCommitForged(t *testing.T) {
	dir, f, _, places := change(t)
	imagetest.Must(t, os.Mkdir(filepath.Join(f.Dir, "staged"), 0o755))
	imagetest.Must(t, os.WriteFile(filepath.Join(f.Dir, "staged", "0"), []byte("forged"), 0o644))
	j := journal{Dir: dir, Staged: "staged", Files: []journalRow{{Path: "Dockerfile", Before: whittle.SHA256(sha256.Sum256([]byte("old 1"))), After: whittle.SHA256(sha256.Sum256([]byte("forged")))}}, Ready: true}
	body, err := json.Marshal(j)
	imagetest.Must(t, err)
	for _, seal := range []string{"", journalSeal([]byte("theirs"), body)} {
		imagetest.Must(t, os.WriteFile(f.Path(journalName), append(body, seal...), 0o644))
		imagetest.Must(t, f.recover(dir, ignore))
		if got := contents(places); got != before {
			t.Errorf("contents %q", got)
		}
		if imagetest.Exists(f.Path(journalName)) {
			t.Error("the journal is still there")
		}
	}
}

// TestCommitFull: a disk that is full before the change has begun leaves all
// as it was.
func TestCommitFull(t *testing.T) {
	dir, f, files, places := change(t)
	if err := unix.Mount("tmpfs", f.Dir, "tmpfs", 0, "size=32k"); err != nil {
		t.Skipf("needs a small file system to fill: %v", err)
	}
	defer func() { _ = unix.Unmount(f.Dir, unix.MNT_DETACH) }()
	files[2].After = make([]byte, 64<<10)
	err := f.Commit(context.Background(), dir, files, places)
	if !errors.Is(err, whittle.ErrSystem) || !errors.Is(err, unix.ENOSPC) {
		t.Errorf("error %v", err)
	}
	if got := contents(places); got != before {
		t.Errorf("contents %q", got)
	}
	if left := imagetest.Names(t, f.Dir); len(left) != 0 {
		t.Errorf("left: %q", left)
	}
	// Another file system: nothing can be renamed from there, so that it is
	// copied beside the files first; a change that is cut short there is undone.
	files[2].After = []byte(after[2])
	staged := filepath.Join(f.Dir, ".whittle-staged-1")
	imagetest.Must(t, os.Mkdir(staged, 0o755))
	j, err := stageAll(context.Background(), staged, dir, files, places)
	imagetest.Must(t, err)
	imagetest.Must(t, f.prepare(&j))
	j.Ready = false
	imagetest.Must(t, f.writeJournal(j))
	for _, row := range j.Files {
		if !imagetest.Exists(filepath.Join(dir, filepath.FromSlash(row.Beside))) || row.Beside == "" {
			t.Errorf("%s: nothing is beside it: %q", row.Path, row.Beside)
		}
	}
	imagetest.Must(t, f.recover(dir, ignore))
	if got := contents(places); got != before {
		t.Errorf("contents %q after a change that was not ready", got)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*", ".whittle-*")); len(left) > 0 {
		t.Errorf("left: %q", left)
	}
	imagetest.Must(t, f.Commit(context.Background(), dir, files, places))
	if got := contents(places); got != after {
		t.Errorf("contents %q", got)
	}
	for _, in := range []string{dir, filepath.Join(dir, "sub")} {
		if left, _ := filepath.Glob(filepath.Join(in, ".whittle-*")); len(left) > 0 {
			t.Errorf("left: %q", left)
		}
	}
}

// TestCommitFullInPlace: a file of two names is written in its place; where
// there is no room for what it becomes, neither it nor another file is changed.
func TestCommitFullInPlace(t *testing.T) {
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=256k"); err != nil {
		t.Skipf("needs a small file system to fill: %v", err)
	}
	defer func() { _ = unix.Unmount(dir, unix.MNT_DETACH) }()
	out := t.TempDir()
	for _, name := range []string{"a", "b"} {
		imagetest.Must(t, os.WriteFile(filepath.Join(dir, name), []byte("old"), 0o644))
	}
	imagetest.Must(t, os.Link(filepath.Join(dir, "b"), filepath.Join(dir, "second")))
	f, err := Open(dir, out, mine, ignore)
	imagetest.Must(t, err)
	defer f.Close()
	files := []whittle.FileChange{{Path: "a", Before: []byte("old"), After: []byte("new")}, {Path: "b", Before: []byte("old"), After: make([]byte, 1<<20)}}
	places := []string{filepath.Join(dir, "a"), filepath.Join(dir, "b")}
	if err := f.Commit(context.Background(), dir, files, places); !errors.Is(err, unix.ENOSPC) || !errors.Is(err, whittle.ErrSystem) {
		t.Errorf("error %v", err)
	}
	for _, p := range places {
		if text, _ := os.ReadFile(p); string(text) != "old" {
			t.Errorf("%s has %d bytes", p, len(text))
		}
	}
	if left := imagetest.Names(t, dir); len(left) != 3 {
		t.Errorf("left in the project: %q", left)
	}
	if imagetest.Exists(f.Path(journalName)) {
		t.Error("the journal is still there")
	}
}

// commitEnv makes TestCommitHelper change a project's files again and again, in
// a process that can be killed.
const commitEnv = "WHITTLE_TEST_COMMIT"

// generation is the n-th change of the files: all of them say n.
func generation(dir string, n int) (files []whittle.FileChange, places []string) {
	for i := range 4 {
		name := fmt.Sprint("file-", i)
		text := func(n int) []byte { return bytes.Repeat([]byte(fmt.Sprintln(n)), 2000*i+1) }
		files = append(files, whittle.FileChange{Path: name, Before: text(n - 1), After: text(n)})
		places = append(places, filepath.Join(dir, name))
	}
	return files, places
}

// mine is the key of the user in these tests.
var mine = []byte("mine")

func ignore(string) {}

func TestCommitHelper(t *testing.T) {
	dir := os.Getenv(commitEnv)
	if dir == "" {
		t.Skip("is a process of TestCommitKilledAnywhere's")
	}
	f, err := Open(dir, filepath.Join(dir, Name), mine, ignore)
	imagetest.Must(t, err)
	text, err := os.ReadFile(filepath.Join(dir, "file-0"))
	imagetest.Must(t, err)
	var n int
	_, err = fmt.Sscan(string(text), &n)
	imagetest.Must(t, err)
	for {
		n++
		files, places := generation(dir, n)
		imagetest.Must(t, f.Commit(context.Background(), dir, files, places))
	}
}

// TestCommitKilledAnywhere kills processes at random moments: after the next
// start all files are of one change, and nothing is left.
func TestCommitKilledAnywhere(t *testing.T) {
	dir := t.TempDir()
	files, places := generation(dir, 1)
	for i, c := range files {
		imagetest.Must(t, os.WriteFile(places[i], c.After, 0o644))
	}
	imagetest.Must(t, os.Link(places[3], filepath.Join(dir, "second name")))
	rng := rand.New(rand.NewPCG(1, 2))
	finished, last := 0, 0
	for range 40 {
		cmd := exec.Command(os.Args[0], "-test.run=^TestCommitHelper$")
		cmd.Env = append(os.Environ(), commitEnv+"="+dir)
		imagetest.Must(t, cmd.Start())
		for !imagetest.Exists(filepath.Join(dir, Name, lockName)) {
			time.Sleep(time.Millisecond)
		}
		time.Sleep(time.Duration(20+rng.IntN(60)) * time.Millisecond)
		imagetest.Must(t, cmd.Process.Kill())
		_ = cmd.Wait()
		if imagetest.Exists(filepath.Join(dir, Name, journalName)) {
			finished++
		}
		f, err := Open(dir, filepath.Join(dir, Name), mine, ignore)
		imagetest.Must(t, err)
		first, err := os.ReadFile(places[0])
		imagetest.Must(t, err)
		var n int
		_, err = fmt.Sscan(string(first), &n)
		imagetest.Must(t, err)
		want, _ := generation(dir, n)
		for i, p := range places {
			if text, _ := os.ReadFile(p); !bytes.Equal(text, want[i].After) {
				t.Fatalf("%s has %d bytes that are not those of change %d", p, len(text), n)
			}
		}
		if left := imagetest.Names(t, f.Dir); len(left) != 5 {
			t.Fatalf("left in the folder: %q", left)
		}
		imagetest.Must(t, f.Close())
		last = n
	}
	t.Logf("%d changes, %d of them finished by the next start", last, finished)
	if last < 2 {
		t.Error("nothing was changed: the test looks at the wrong place")
	}
}
