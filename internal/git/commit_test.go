package git

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/imagetest"
)

// ask is what git itself says about a folder.
func ask(t *testing.T, dir string, args ...string) string {
	t.Helper()
	out, err := exec.Command("git", append([]string{"-C", dir}, args...)...).CombinedOutput()
	if err != nil {
		t.Fatalf("git %q: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

// twoCommits change a file twice and add another.
func twoCommits() []whittle.RepairCommit {
	one := whittle.FileChange{Path: "same", Before: []byte("text of same\n"), After: []byte("first\n")}
	two := whittle.FileChange{Path: "same", Before: []byte("first\n"), After: []byte("second\n")}
	added := whittle.FileChange{Path: "new/.dockerignore", After: []byte(".git\n"), Created: true}
	return []whittle.RepairCommit{
		{Subject: "Make it smaller", Body: "# not a comment\n\nSaves 3 MB.", Files: []whittle.FileChange{one}},
		{Subject: "Ignore .git", Files: []whittle.FileChange{two, added}},
	}
}

func write(t *testing.T, dir string, commits []whittle.RepairCommit) {
	t.Helper()
	for _, c := range commits {
		for _, f := range c.Files {
			at := filepath.Join(dir, f.Path)
			imagetest.Must(t, os.MkdirAll(filepath.Dir(at), 0o755))
			imagetest.Must(t, os.WriteFile(at, f.After, 0o644))
		}
	}
}

func identity(t *testing.T) {
	t.Helper()
	for name, value := range map[string]string{"GIT_AUTHOR_NAME": "", "GIT_AUTHOR_EMAIL": "", "GIT_COMMITTER_NAME": "", "GIT_COMMITTER_EMAIL": "", "EMAIL": ""} {
		t.Setenv(name, value)
		os.Unsetenv(name)
	}
	imagetest.Must(t, os.WriteFile(filepath.Join(os.Getenv("HOME"), ".gitconfig"), []byte("[user]\n\tname = Ada L\n\temail = ada@example.org\n"), 0o644))
}

func opened(t *testing.T, dir string) *Repository {
	t.Helper()
	r, err := Open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestCommits: git sees the commits as if they had been made by git commit, and the
// work tree is clean after them.
func TestCommits(t *testing.T) {
	for _, format := range []string{"sha1", "sha256"} {
		dir, git := imagetest.GitRepository(t, "--object-format="+format, "--initial-branch=trunk")
		identity(t)
		imagetest.Must(t, os.WriteFile(filepath.Join(dir, "of the user"), []byte("untracked"), 0o644))
		r := opened(t, dir)
		imagetest.Must(t, r.Clean(t.Context()))
		commits := twoCommits()
		at := time.Date(2026, 3, 4, 5, 6, 7, 0, time.FixedZone("", 3600))
		imagetest.Must(t, r.Prepare(t.Context(), commits, at))
		if got := ask(t, dir, "log", "--format=%s"); got != "x" {
			t.Errorf("before they land: %s", got)
		}
		write(t, dir, commits)
		imagetest.Must(t, r.Land(t.Context(), 2))
		want := "Ignore .git|Ada L <ada@example.org>|2026-03-04T05:06:07+01:00\nMake it smaller|Ada L <ada@example.org>|2026-03-04T05:06:07+01:00\nx|x <x>"
		if got := ask(t, dir, "log", "--format=%s|%an <%ae>|%aI"); !strings.HasPrefix(got, want) {
			t.Errorf("%s", got)
		}
		if got := ask(t, dir, "log", "-1", "--format=%B", "HEAD~1"); got != "Make it smaller\n\n# not a comment\n\nSaves 3 MB." {
			t.Errorf("message: %q", got)
		}
		if got := ask(t, dir, "status", "--porcelain"); got != `?? "of the user"` {
			t.Errorf("status: %q", got)
		}
		if got := ask(t, dir, "show", "--stat", "--format=", "HEAD"); !strings.Contains(got, "2 files changed") {
			t.Errorf("the last one: %s", got)
		}
		if got := ask(t, dir, "rev-parse", "HEAD", "trunk"); got != commits[1].Commit+"\n"+commits[1].Commit {
			t.Errorf("HEAD and branch: %s, want %s", got, commits[1].Commit)
		}
		if got := ask(t, dir, "reflog", "-1", "--format=%gs"); got != "whittle fix: 2 commits" {
			t.Errorf("reflog: %s", got)
		}
		git("fsck", "--strict")
		git("reset", "-q", "--hard", "HEAD~2")
		if got := ask(t, dir, "status", "--porcelain"); got != `?? "of the user"` {
			t.Errorf("undone: %q", got)
		}
	}
}

// TestCommitsBelow: the project is a folder of the repository, and of a further work
// tree whose .git is a file.
func TestCommitsBelow(t *testing.T) {
	dir, git := imagetest.GitRepository(t)
	identity(t)
	tree := filepath.Join(t.TempDir(), "tree")
	git("worktree", "add", "-q", "-b", "other", tree)
	for _, top := range []string{dir, tree} {
		r := opened(t, filepath.Join(top, "sub"))
		if r.Prefix() != "sub/" {
			t.Errorf("prefix %q", r.Prefix())
		}
		imagetest.Must(t, r.Clean(t.Context()))
		commits := []whittle.RepairCommit{{Subject: "Change", Files: []whittle.FileChange{{Path: "same", Before: []byte("text of sub/same\n"), After: []byte("new\n")}}}}
		imagetest.Must(t, r.Prepare(t.Context(), commits, time.Now()))
		write(t, filepath.Join(top, "sub"), commits)
		imagetest.Must(t, r.Land(t.Context(), 1))
		if got := ask(t, top, "show", "--name-only", "--format=%s"); got != "Change\n\nsub/same" {
			t.Errorf("%q", got)
		}
		if got := ask(t, top, "status", "--porcelain"); got != "" {
			t.Errorf("%q", got)
		}
	}
}

// TestCommitsNotClean: a work tree with anything that is not committed is refused,
// and so is one in the middle of something.
func TestCommitsNotClean(t *testing.T) {
	for name, c := range map[string]struct {
		do   func(t *testing.T, dir string, git func(...string))
		want string
	}{
		"modified": {func(t *testing.T, dir string, _ func(...string)) {
			imagetest.Must(t, os.WriteFile(filepath.Join(dir, "modified"), []byte("changed\n"), 0o644))
		}, "modified has changes that are not committed"},
		"modified in the same second": {func(t *testing.T, dir string, git func(...string)) {
			git("add", "-A")
			imagetest.Must(t, os.WriteFile(filepath.Join(dir, "same"), []byte("Text of same\n"), 0o644))
		}, "same has changes"},
		"deleted": {func(t *testing.T, dir string, _ func(...string)) {
			imagetest.Must(t, os.Remove(filepath.Join(dir, "sub/same")))
		}, "sub/same has changes"},
		"staged": {func(t *testing.T, dir string, git func(...string)) {
			imagetest.Must(t, os.WriteFile(filepath.Join(dir, "added"), nil, 0o644))
			git("add", "added")
		}, "added has changes"},
		"executable": {func(t *testing.T, dir string, _ func(...string)) {
			imagetest.Must(t, os.Chmod(filepath.Join(dir, "same"), 0o755))
		}, "same has changes"},
		"another link": {func(t *testing.T, dir string, _ func(...string)) {
			imagetest.Must(t, os.Remove(filepath.Join(dir, "link")))
			imagetest.Must(t, os.Symlink("both", filepath.Join(dir, "link")))
		}, "link has changes"},
		"many": {func(t *testing.T, dir string, _ func(...string)) {
			for _, f := range []string{"both", "same", "modified", "staged", "crlf"} {
				imagetest.Must(t, os.Remove(filepath.Join(dir, f)))
			}
		}, "both, crlf, modified and 2 more have changes"},
		"a merge": {func(t *testing.T, dir string, git func(...string)) {
			git("checkout", "-q", "-b", "b")
			git("commit", "-q", "--allow-empty", "-m", "b")
			git("checkout", "-q", "-")
			git("merge", "-q", "--no-ff", "--no-commit", "b")
		}, "git is in the middle of a merge"},
		"touched only": {func(t *testing.T, dir string, _ func(...string)) {
			later := time.Now().Add(time.Hour)
			imagetest.Must(t, os.Chtimes(filepath.Join(dir, "same"), later, later))
		}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			dir, git := imagetest.GitRepository(t)
			c.do(t, dir, git)
			err := opened(t, dir).Clean(t.Context())
			if c.want == "" && err != nil || c.want != "" && (!errors.Is(err, whittle.ErrUsage) || !strings.Contains(err.Error(), c.want) || whittle.Hint(err) == "") {
				t.Errorf("%v (%s), want %q", err, whittle.Hint(err), c.want)
			}
		})
	}
}

// TestCommitsRefused: there is no repository, no commit, or nobody to commit.
func TestCommitsRefused(t *testing.T) {
	dir, git := imagetest.GitRepository(t)
	identity(t)
	if _, err := Open(t.Context(), t.TempDir()); err == nil || !strings.Contains(err.Error(), "not in a git repository") {
		t.Errorf("no repository: %v", err)
	}
	r := opened(t, dir)
	commits := []whittle.RepairCommit{{Subject: "Change", Files: []whittle.FileChange{{Path: "untracked", Before: []byte("a"), After: []byte("b")}}}}
	if err := r.Prepare(t.Context(), commits, time.Now()); !errors.Is(err, whittle.ErrUsage) || !strings.Contains(err.Error(), "untracked is not committed") {
		t.Errorf("a file that git does not know: %v", err)
	}
	commits[0].Files[0].Path = "link"
	if err := r.Prepare(t.Context(), commits, time.Now()); err == nil || !strings.Contains(err.Error(), "not a regular file") {
		t.Errorf("a link: %v", err)
	}
	imagetest.Must(t, os.Remove(filepath.Join(os.Getenv("HOME"), ".gitconfig")))
	if _, err := opened(t, dir).Author(t.Context()); !errors.Is(err, whittle.ErrUsage) || !strings.Contains(whittle.Hint(err), "user.email") {
		t.Errorf("nobody: %v", err)
	}
	t.Setenv("GIT_AUTHOR_NAME", "Eve")
	t.Setenv("GIT_AUTHOR_EMAIL", "e@e")
	t.Setenv("GIT_COMMITTER_NAME", "Eve")
	t.Setenv("GIT_COMMITTER_EMAIL", "e@e")
	if who, err := opened(t, dir).Author(t.Context()); err != nil || who != "Eve <e@e>" {
		t.Errorf("by the environment: %q, %v", who, err)
	}
	git("update-ref", "-d", "HEAD")
	if _, err := Open(t.Context(), dir); err == nil || !strings.Contains(err.Error(), "nothing is committed") {
		t.Errorf("no commit: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Open(ctx, dir); !errors.Is(err, context.Canceled) {
		t.Errorf("interrupted: %v", err)
	}
}

// TestCommitsLoseNothing: if the branch has moved or the index is locked, HEAD, the
// branch and the index are as before.
func TestCommitsLoseNothing(t *testing.T) {
	for name, disturb := range map[string]func(t *testing.T, dir string, git func(...string)){
		"the branch has moved": func(_ *testing.T, _ string, git func(...string)) { git("commit", "-q", "--allow-empty", "-m", "y") },
		"the index is locked": func(t *testing.T, dir string, _ func(...string)) {
			imagetest.Must(t, os.WriteFile(filepath.Join(dir, ".git", "index.lock"), nil, 0o644))
		},
		"the branch is locked": func(t *testing.T, dir string, _ func(...string)) {
			imagetest.Must(t, os.WriteFile(filepath.Join(dir, ".git", "HEAD.lock"), nil, 0o644))
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir, git := imagetest.GitRepository(t)
			identity(t)
			r, commits := opened(t, dir), twoCommits()
			imagetest.Must(t, r.Prepare(t.Context(), commits, time.Now()))
			disturb(t, dir, git)
			head, index := ask(t, dir, "rev-parse", "HEAD"), ask(t, dir, "ls-files", "-s")
			if err := r.Land(t.Context(), 2); err == nil {
				t.Error("no error")
			}
			for _, lock := range []string{"index.lock", "HEAD.lock"} {
				_ = os.Remove(filepath.Join(dir, ".git", lock))
			}
			if diff := cmp.Diff([]string{head, index}, []string{ask(t, dir, "rev-parse", "HEAD"), ask(t, dir, "ls-files", "-s")}); diff != "" {
				t.Errorf("(-before +after):\n%s", diff)
			}
			if got := ask(t, dir, "status", "--porcelain"); got != "" {
				t.Errorf("status: %s", got)
			}
		})
	}
}

// TestCommitsConverted: of a file whose line ends git converts, the commit has git's.
func TestCommitsConverted(t *testing.T) {
	dir, git := imagetest.GitRepository(t)
	identity(t)
	imagetest.Must(t, os.WriteFile(filepath.Join(dir, ".gitattributes"), []byte("*.txt text eol=crlf\n"), 0o644))
	imagetest.Must(t, os.WriteFile(filepath.Join(dir, "a.txt"), []byte("one\r\ntwo\r\n"), 0o644))
	git("add", "-A")
	git("commit", "-qm", "y")
	r := opened(t, dir)
	commits := []whittle.RepairCommit{{Subject: "Change", Files: []whittle.FileChange{{Path: "a.txt", Before: []byte("one\r\ntwo\r\n"), After: []byte("one\r\nthree\r\n")}}}}
	imagetest.Must(t, r.Prepare(t.Context(), commits, time.Now()))
	write(t, dir, commits)
	imagetest.Must(t, r.Land(t.Context(), 1))
	if got := ask(t, dir, "show", "HEAD:a.txt"); got != "one\nthree" {
		t.Errorf("%q", got)
	}
	if got := ask(t, dir, "status", "--porcelain"); got != "" {
		t.Errorf("status: %s", got)
	}
}

// TestCommitsRunNothing: whatever programs a repository names for what git does when
// it commits, none is run, even for files that git has to look at again.
func TestCommitsRunNothing(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the programs are shell scripts")
	}
	dir, git := imagetest.GitRepository(t)
	identity(t)
	ran := filepath.Join(t.TempDir(), "ran")
	program := filepath.Join(t.TempDir(), "program")
	imagetest.Must(t, os.WriteFile(program, []byte("#!/bin/sh\necho \"$0 $*\" >> "+ran+"\ncat\n"), 0o755))
	hooks := t.TempDir()
	for _, hook := range []string{"post-index-change", "reference-transaction", "pre-commit", "prepare-commit-msg", "commit-msg", "post-commit", "post-rewrite", "fsmonitor-watchman", "pre-auto-gc"} {
		imagetest.Must(t, os.Link(program, filepath.Join(hooks, hook)))
		imagetest.Must(t, os.Link(program, filepath.Join(dir, ".git", "hooks", hook)))
	}
	git("config", "core.hooksPath", hooks)
	imagetest.Must(t, os.WriteFile(filepath.Join(dir, ".gitattributes"), []byte("* filter=x.y=z diff=x\n"), 0o644))
	git("add", ".gitattributes")
	git("commit", "-qm", "y", "--no-verify")
	for _, key := range []string{"filter.x.y=z.clean", "filter.x.y=z.smudge", "filter.x.y=z.process"} {
		git("config", key, program)
	}
	git("config", "filter.x.y=z.required", "true")
	for _, key := range []string{"core.fsmonitor", "diff.x.textconv", "diff.external", "gpg.program", "gpg.ssh.program", "core.editor", "core.pager", "alias.commit-tree", "alias.update-ref", "credential.helper", "core.alternateRefsCommand"} {
		git("config", key, program)
	}
	git("config", "commit.gpgSign", "true")
	git("config", "gc.auto", "1")
	for _, name := range []string{"same", "modified", "sub/same"} { // git would look at them again
		text, err := os.ReadFile(filepath.Join(dir, name))
		imagetest.Must(t, errors.Join(err, os.Remove(filepath.Join(dir, name)), os.WriteFile(filepath.Join(dir, name), text, 0o644)))
	}
	imagetest.Must(t, os.RemoveAll(ran))
	r, commits := opened(t, dir), twoCommits()
	imagetest.Must(t, r.Clean(t.Context()))
	imagetest.Must(t, r.Prepare(t.Context(), commits, time.Now()))
	write(t, dir, commits)
	imagetest.Must(t, r.Land(t.Context(), 2))
	if text, err := os.ReadFile(ran); err == nil {
		t.Errorf("ran:\n%s", text)
	}
	if got := ask(t, dir, "-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "log", "--format=%s"); got != "Ignore .git\nMake it smaller\ny\nx" {
		t.Errorf("%s", got)
	}
}

// TestCommitsOfPointers: a file that git LFS has fetched is as committed.
func TestCommitsOfPointers(t *testing.T) {
	dir, git := imagetest.GitRepository(t)
	imagetest.Must(t, os.WriteFile(filepath.Join(dir, "a.bin"), []byte("version https://git-lfs.github.com/spec/v1\noid sha256:"+whittle.DigestOf([]byte("content")).Hex()+"\nsize 7\n"), 0o644))
	git("add", "-A")
	git("commit", "-qm", "y")
	for text, clean := range map[string]bool{"content": true, "Content": false} {
		imagetest.Must(t, os.WriteFile(filepath.Join(dir, "a.bin"), []byte(text), 0o644))
		if err := opened(t, dir).Clean(t.Context()); (err == nil) != clean {
			t.Errorf("%s: %v", text, err)
		}
	}
}
