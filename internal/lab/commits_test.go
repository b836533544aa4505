package lab

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/bench"
	"whittle.dev/whittle/internal/git"
	"whittle.dev/whittle/internal/imagetest"
	"whittle.dev/whittle/internal/project"
	"whittle.dev/whittle/internal/report"
	"whittle.dev/whittle/internal/states"
)

// committed makes a git repository of a project's files, with a user.
func committed(t *testing.T, dir string) func(args ...string) string {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("needs git")
	}
	home := t.TempDir()
	t.Setenv("HOME", home)
	imagetest.Must(t, os.WriteFile(filepath.Join(home, ".gitconfig"), []byte("[user]\n\tname = Ada\n\temail = ada@example.org\n"), 0o644))
	run := func(args ...string) string {
		t.Helper()
		out, err := exec.Command("git", append([]string{"-C", dir}, args...)...).CombinedOutput()
		if err != nil {
			t.Fatalf("git %q: %v\n%s", args, err, out)
		}
		return strings.TrimSpace(string(out))
	}
	run("init", "-q")
	run("add", "-A")
	run("commit", "-qm", "the project")
	return run
}

func commitOptions(dir string) FixOptions {
	return FixOptions{StudyOptions: StudyOptions{Dir: dir, Write: true}, Rules: []string{"cleanup-in-later-layer"}, Commits: true}
}

// TestFixCommits: the fixes are a commit, as the files on disk are; without Write
// the same patches come from git am.
func TestFixCommits(t *testing.T) {
	for _, verify := range []bool{false, true} {
		e := &toyEngine{fakeEngine: fakeEngine{t: t}, runs: func(string) bool { return true }}
		env := toyEnv(e)
		env.Repository = git.Open
		dir := toyProject(t, map[string]string{"Dockerfile": toyDockerfile})
		run := committed(t, dir)
		o := commitOptions(dir)
		o.Verify, o.Write = verify, false
		shown, err := Fix(t.Context(), env, o)
		imagetest.Must(t, err)
		if run("log", "--format=%s") != "the project" || onDisk(t, dir) != toyDockerfile || shown.Series.Commits[0].Commit != "" {
			t.Fatal("something was written without --write")
		}
		other := t.TempDir()
		imagetest.Must(t, exec.Command("git", "clone", "-q", dir, other).Run())
		var mail bytes.Buffer
		imagetest.Must(t, report.RepairSeries(&mail, shown))
		am := exec.Command("git", "-C", other, "am", "-q")
		am.Stdin = &mail
		if out, err := am.CombinedOutput(); err != nil {
			t.Fatalf("git am: %v\n%s", err, out)
		}
		o.Write = true
		r, err := Fix(t.Context(), env, o)
		imagetest.Must(t, err)
		if !r.Written || run("status", "--porcelain") != "" || onDisk(t, dir) == toyDockerfile {
			t.Errorf("written %t, status %q", r.Written, run("status", "--porcelain"))
		}
		if got := run("log", "-1", "--format=%H"); len(r.Series.Commits) != 1 || got != r.Series.Commits[0].Commit {
			t.Errorf("%s, want %+v", got, r.Series.Commits)
		}
		theirs, err := exec.Command("git", "-C", other, "log", "-1", "--format=%T %an <%ae>%n%B").Output()
		imagetest.Must(t, err)
		if diff := cmp.Diff(strings.TrimSpace(string(theirs)), run("log", "-1", "--format=%T %an <%ae>%n%B")); diff != "" {
			t.Errorf("git am makes another commit (-am +here):\n%s", diff)
		}
		message := run("log", "-1", "--format=%B")
		if !strings.Contains(message, "Found by whittle (rule cleanup-in-later-layer).") || !strings.Contains(message, "redicted") || verify && !strings.Contains(message, "Measured: the image Dockerfile is 2.1 MB smaller") {
			t.Errorf("message:\n%s", message)
		}
	}
}

// TestFixCommitsRefused: what keeps commits from being made is known before
// anything is built, and nothing is changed.
func TestFixCommitsRefused(t *testing.T) {
	for name, c := range map[string]struct {
		do   func(dir string) error
		want string
	}{
		"another file is dirty": {func(dir string) error { return os.WriteFile(filepath.Join(dir, "app.py"), []byte("new"), 0o644) }, "app.py has changes that are not committed"},
		"no repository":         {func(dir string) error { return os.RemoveAll(filepath.Join(dir, ".git")) }, "not in a git repository"},
		"nobody":                {func(string) error { return os.Remove(filepath.Join(os.Getenv("HOME"), ".gitconfig")) }, "git does not know who commits"},
	} {
		e := &toyEngine{fakeEngine: fakeEngine{t: t}, runs: func(string) bool { return true }}
		env := toyEnv(e)
		env.Repository = git.Open
		dir := toyProject(t, map[string]string{"Dockerfile": toyDockerfile, "app.py": "old"})
		committed(t, dir)
		imagetest.Must(t, c.do(dir))
		_, err := Fix(t.Context(), env, commitOptions(dir))
		if !errors.Is(err, whittle.ErrUsage) || !strings.Contains(err.Error(), c.want) || whittle.Hint(err) == "" {
			t.Errorf("%s: %v", name, err)
		}
		if len(e.builds) > 0 || onDisk(t, dir) != toyDockerfile {
			t.Errorf("%s: %q was built, or the file changed", name, e.builds)
		}
	}
}

// TestFixCommitsUndone: if git cannot make the commits, the files are as before.
func TestFixCommitsUndone(t *testing.T) {
	e := &toyEngine{fakeEngine: fakeEngine{t: t}, runs: func(string) bool { return true }}
	env := toyEnv(e)
	env.Repository = git.Open
	dir := toyProject(t, map[string]string{"Dockerfile": toyDockerfile})
	run := committed(t, dir)
	imagetest.Must(t, os.WriteFile(filepath.Join(dir, ".git", "index.lock"), nil, 0o644))
	r, err := Fix(t.Context(), env, commitOptions(dir))
	if err == nil || r == nil || r.Written || r.Series.Commits[0].Commit != "" {
		t.Errorf("%+v, %v", r, err)
	}
	imagetest.Must(t, os.Remove(filepath.Join(dir, ".git", "index.lock")))
	if onDisk(t, dir) != toyDockerfile || run("status", "--porcelain") != "" || run("log", "--format=%s") != "the project" {
		t.Errorf("status %q", run("status", "--porcelain"))
	}
}

// edit is a fix of a rule that replaces the first occurrence of a text.
func edit(rule, title, file, text, old, next string, round int) whittle.RepairStep {
	at := strings.Index(text, old)
	return whittle.RepairStep{Status: whittle.Applied, Round: round, Finding: whittle.Finding{Rule: rule, Message: "the " + rule + " of " + file, Saving: whittle.Saving{Low: 1_000_000, High: 2_000_000},
		Fix: &whittle.Fix{Title: title, Patches: []whittle.Patch{{File: file, Digest: whittle.DigestOf([]byte(text)), Edits: []whittle.Edit{{Span: whittle.Span{Start: at, End: at + len(old)}, New: next}}}}}}}
}

// TestSeries: the fixes of one rule in one round are one commit, on top of those
// before, and together they give the final files.
func TestSeries(t *testing.T) {
	dir := t.TempDir()
	const first, second, docs = "a b c\nd e f\n", "A b C\nd e F\n", "x\n"
	for name, text := range map[string]string{"app.txt": first, "docs.txt": docs} {
		imagetest.Must(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644))
	}
	tree, err := states.NewCopy(t.Context(), dir, t.TempDir(), nil)
	imagetest.Must(t, err)
	w := &workshop{bench: bench.New(toyEnv(&toyEngine{fakeEngine: fakeEngine{t: t}}), &project.Project{Dir: dir}), copy: tree, remade: map[string]remade{}}
	p := &prover{workshop: w, state: state{"app.txt": []byte("A b C\nD e F!\n"), "docs.txt": []byte("X\n"), "more.txt": []byte("new\n")}}
	reverted := edit("upper", "never", "docs.txt", docs, "x", "z", 1)
	reverted.Status = whittle.Reverted
	r := &whittle.Repair{Steps: []whittle.RepairStep{
		edit("upper", "write A in capitals", "app.txt", first, "a", "A", 1),
		edit("late", "write F in capitals", "app.txt", first, "f", "F", 1),
		edit("upper", "write C in capitals", "app.txt", first, "c", "C", 1),
		edit("upper", "write X in capitals", "docs.txt", docs, "x", "X", 1),
		reverted,
		edit("upper", "write D in capitals", "app.txt", second, "d", "D", 2),
	}}
	s, err := p.series(t.Context(), r, nil)
	imagetest.Must(t, err)
	var got []string
	for _, c := range s.Commits {
		line := c.Subject
		for _, f := range c.Files {
			line += fmt.Sprintf(" | %s %q", f.Path, f.After)
		}
		got = append(got, line)
	}
	want := []string{
		`Write A in capitals, write C in capitals, write X in capitals | app.txt "A b C\nd e f\n" | docs.txt "X\n"`,
		`Write F in capitals | app.txt "A b C\nd e F\n"`,
		`Write D in capitals | app.txt "A b C\nD e F\n"`,
		`Make the image smaller: app.txt, more.txt | app.txt "A b C\nD e F!\n" | more.txt "new\n"`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if want := "The late of app.txt. Predicted to save 1.0 MB to 2.0 MB.\n\nFound by whittle (rule late)."; s.Commits[1].Body != want {
		t.Errorf("body: %q", s.Commits[1].Body)
	}
}

// commitsEnv makes TestCommitsHelper commit to the project that it names.
const commitsEnv = "WHITTLE_TEST_COMMITS"

func TestCommitsHelper(t *testing.T) {
	dir := os.Getenv(commitsEnv)
	if dir == "" {
		t.Skip("is a process of the test of kills")
	}
	env := toyEnv(&toyEngine{fakeEngine: fakeEngine{t: t}, runs: func(string) bool { return true }})
	env.Repository = git.Open
	if _, err := Fix(context.Background(), env, commitOptions(dir)); err != nil {
		t.Fatal(err)
	}
}

// TestCommitsKilled kills processes that commit: either all commits are there or
// none, and a file is that of before or of after.
func TestCommitsKilled(t *testing.T) {
	if testing.Short() {
		t.Skip("takes a minute")
	}
	dir := toyProject(t, map[string]string{"Dockerfile": toyDockerfile})
	run := committed(t, dir)
	helper := func() *exec.Cmd {
		cmd := exec.Command(os.Args[0], "-test.run=^TestCommitsHelper$")
		cmd.Env = append(os.Environ(), commitsEnv+"="+dir)
		return cmd
	}
	start := run("rev-parse", "HEAD")
	begun := time.Now()
	if out, err := helper().CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	took := time.Since(begun)
	after, end := onDisk(t, dir), run("rev-parse", "HEAD^{tree}")
	const n = 12
	none, all := 0, 0
	for i := range n {
		run("reset", "-q", "--hard", start)
		run("clean", "-qfdx")
		cmd := helper()
		imagetest.Must(t, cmd.Start())
		time.Sleep(took * time.Duration(i+1) / n)
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		time.Sleep(300 * time.Millisecond)                      // git itself may still be at work
		_ = os.Remove(filepath.Join(dir, ".git", "index.lock")) // git's own, which it tells people to remove
		_ = os.Remove(filepath.Join(dir, ".git", "HEAD.lock"))
		run("fsck", "--strict")
		switch head := run("rev-parse", "HEAD"); {
		case head == start:
			none++
		case run("rev-parse", "HEAD^{tree}") == end && run("rev-parse", "HEAD~1") == start:
			if all++; onDisk(t, dir) != after {
				t.Error("the commits are there, and the files are not")
			}
		default:
			t.Errorf("HEAD is %s", head)
		}
		if text := onDisk(t, dir); text != toyDockerfile && text != after {
			t.Errorf("a mixture:\n%s", text)
		}
	}
	t.Logf("%d without commits, %d with all", none, all)
}
