package git

import (
	"bytes"
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

func TestGitDirty(t *testing.T) {
	for _, format := range []string{"sha1", "sha256"} {
		dir, git := imagetest.GitRepository(t, "--object-format="+format)
		for _, name := range []string{"modified", "sub/modified", "staged", "both", "untracked"} {
			imagetest.Must(t, os.WriteFile(filepath.Join(dir, name), []byte("changed\n"), 0o644))
		}
		imagetest.Must(t, os.WriteFile(filepath.Join(dir, "crlf"), []byte("text of crlf\r\n"), 0o644))
		git("add", "staged", "both")
		imagetest.Must(t, os.WriteFile(filepath.Join(dir, "both"), []byte("text of both\n"), 0o644)) // as committed, and staged otherwise
		got, err := Dirty(context.Background(), dir, []string{"same", "modified", "staged", "both", "sub/same", "sub/modified", "a b*c", "untracked", "link", "crlf"})
		imagetest.Must(t, err)
		if diff := cmp.Diff([]string{"modified", "staged", "both", "sub/modified", "untracked", "link"}, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", format, diff)
		}
		if got, err = Dirty(context.Background(), filepath.Join(dir, "sub"), []string{"same", "modified"}); err != nil || len(got) != 1 || got[0] != "modified" {
			t.Errorf("%s, in a folder of it: %q, %v", format, got, err)
		}
	}
	if got, err := Dirty(context.Background(), t.TempDir(), []string{"x"}); err != nil || got != nil {
		t.Errorf("no repository: %q, %v", got, err)
	}
}

func TestGitNothingCommitted(t *testing.T) {
	dir, git := imagetest.GitRepository(t)
	git("update-ref", "-d", "HEAD")
	if got, err := Dirty(context.Background(), dir, []string{"same"}); err != nil || len(got) != 1 {
		t.Errorf("%q, %v", got, err)
	}
}

// TestGitRunsNothing: whatever programs a repository names, none is run.
func TestGitRunsNothing(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the programs are shell scripts")
	}
	dir, git := imagetest.GitRepository(t)
	ran := filepath.Join(t.TempDir(), "ran")
	program := filepath.Join(t.TempDir(), "program")
	imagetest.Must(t, os.WriteFile(program, []byte("#!/bin/sh\necho \"$0 $*\" >> "+ran+"\ncat\n"), 0o755))
	hooks := t.TempDir()
	for _, hook := range []string{"post-index-change", "post-checkout", "reference-transaction", "fsmonitor-watchman", "pre-auto-gc", "query-watchman"} {
		imagetest.Must(t, os.Link(program, filepath.Join(hooks, hook)))
		imagetest.Must(t, os.Link(program, filepath.Join(dir, ".git", "hooks", hook)))
	}
	imagetest.Must(t, os.WriteFile(filepath.Join(dir, ".gitattributes"), []byte("* filter=x diff=x merge=x textconv=x\n"), 0o644))
	imagetest.Must(t, os.WriteFile(filepath.Join(dir, ".git", "info", "attributes"), []byte("* filter=x diff=x\n"), 0o644))
	git("config", "core.hooksPath", hooks)
	for _, key := range []string{"core.fsmonitor", "filter.x.clean", "filter.x.smudge", "filter.x.process", "diff.x.command", "diff.x.textconv", "diff.external",
		"core.pager", "core.editor", "core.sshCommand", "core.askPass", "core.gitProxy", "credential.helper", "alias.ls-files", "alias.ls-tree", "alias.rev-parse",
		"gpg.program", "uploadpack.packObjectsHook", "remote.origin.uploadpack", "remote.origin.vcs", "core.alternateRefsCommand"} {
		git("config", key, "!"+program)
	}
	git("config", "core.fsmonitor", program)
	git("config", "remote.origin.url", "ext::"+program+" x")
	git("config", "protocol.ext.allow", "always")
	git("config", "protocol.file.allow", "always")
	git("config", "submodule.recurse", "true")
	git("config", "log.showSignature", "true")
	git("config", "log.mailmap", "true")
	included := filepath.Join(t.TempDir(), "included")
	imagetest.Must(t, os.WriteFile(included, []byte("[core]\n\tfsmonitor = "+program+"\n[includeIf \"gitdir:/\"]\n\tpath = "+included+"2\n"), 0o644))
	imagetest.Must(t, os.WriteFile(included+"2", []byte("[core]\n\tsshCommand = "+program+"\n\tgitProxy = "+program+"\n"), 0o644))
	git("config", "include.path", included)
	git("config", "remote.origin.promisor", "true")
	git("config", "extensions.partialClone", "origin")
	imagetest.Must(t, os.RemoveAll(ran)) // what git has run for this test
	imagetest.Must(t, os.Remove(filepath.Join(dir, "same")))
	imagetest.Must(t, os.WriteFile(filepath.Join(dir, "same"), []byte("text of same\n"), 0o644)) // git would look at it again
	t.Setenv("GIT_EXTERNAL_DIFF", program)
	t.Setenv("GIT_DIR", "/nowhere")
	got, err := Dirty(context.Background(), dir, []string{"same", "sub/same"})
	if err != nil || len(got) != 0 {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := Current(context.Background(), dir); err != nil {
		t.Error(err)
	}
	if _, err := Log(context.Background(), dir, "", ""); err != nil {
		t.Error(err)
	}
	if err := Export(context.Background(), dir, "HEAD", t.TempDir()); err != nil {
		t.Error(err)
	}
	// Objects that are missing are not fetched.
	objects, _ := filepath.Glob(filepath.Join(dir, ".git", "objects", "??"))
	for _, o := range objects {
		imagetest.Must(t, os.RemoveAll(o))
	}
	if got, err := Dirty(context.Background(), dir, []string{"same"}); err != nil || len(got) != 1 {
		t.Errorf("without objects: %q, %v", got, err)
	}
	config, err := os.OpenFile(filepath.Join(dir, ".git", "config"), os.O_APPEND|os.O_WRONLY, 0)
	imagetest.Must(t, err)
	_, err = config.WriteString("[remote \"origin\"]\n\turl = " + dir + "\n\tuploadpack = " + program + "\n")
	imagetest.Must(t, errors.Join(err, config.Close()))
	if got, err := Dirty(context.Background(), dir, []string{"same"}); err != nil || len(got) != 1 {
		t.Errorf("without objects, of a local repository: %q, %v", got, err)
	}
	if text, err := os.ReadFile(ran); err == nil {
		t.Errorf("ran:\n%s", text)
	}
}

// TestGitElsewhere: a repository whose .git is a file, as those of submodules
// and of further work trees are, is asked as any other, and runs as little.
func TestGitElsewhere(t *testing.T) {
	dir, git := imagetest.GitRepository(t)
	tree := filepath.Join(t.TempDir(), "tree")
	git("worktree", "add", "-q", tree)
	imagetest.Must(t, os.WriteFile(filepath.Join(tree, "modified"), []byte("changed\n"), 0o644))
	git("config", "core.fsmonitor", "sh -c 'echo ran >"+filepath.Join(dir, "ran")+"'")
	if got, err := Dirty(context.Background(), tree, []string{"same", "modified"}); err != nil || len(got) != 1 || got[0] != "modified" {
		t.Errorf("%q, %v", got, err)
	}
	if imagetest.Exists(filepath.Join(dir, "ran")) {
		t.Error("the monitor was run")
	}
}

// TestGitHangs: a repository whose files are FIFOs is given up, by Ctrl-C at
// once.
func TestGitHangs(t *testing.T) {
	for _, name := range []string{"index", "HEAD", "config"} {
		dir, _ := imagetest.GitRepository(t)
		at := filepath.Join(dir, ".git", name)
		_ = os.Remove(at)
		if err := exec.Command("mkfifo", at).Run(); err != nil {
			t.Skip(err)
		}
		g := gitRepository{dir: dir, patience: 300 * time.Millisecond}
		start := time.Now()
		if _, err := g.run(context.Background(), "ls-tree", "HEAD"); err == nil && name != "index" {
			t.Errorf("%s: it answers", name)
		}
		if _, err := g.run(context.Background(), "ls-files", "-s"); err == nil {
			t.Errorf("%s: it answers", name)
		}
		ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
		if got, err := Dirty(ctx, dir, []string{"same"}); err == nil {
			t.Errorf("%s: %q", name, got)
		}
		cancel()
		if took := time.Since(start); took > 15*time.Second {
			t.Errorf("%s: %s", name, took)
		}
	}
}

// TestGitUnknown: where it cannot be known what is committed, that is said.
func TestGitUnknown(t *testing.T) {
	dir, _ := imagetest.GitRepository(t)
	check := func(what, want string) {
		t.Helper()
		got, err := Dirty(context.Background(), dir, []string{"same"})
		if !errors.Is(err, whittle.ErrUsage) || !strings.Contains(err.Error(), want) || !strings.Contains(whittle.Hint(err), "--force") {
			t.Errorf("%s: %q, %v", what, got, err)
		}
	}
	path := os.Getenv("PATH")
	here := t.TempDir()
	imagetest.Must(t, os.WriteFile(filepath.Join(here, "git"), []byte("#!/bin/sh\necho ran > ran\n"), 0o755))
	t.Chdir(here)
	for _, p := range []string{"", ".", ":"} {
		t.Setenv("PATH", p)
		check("no git", "no git on PATH")
	}
	if imagetest.Exists(filepath.Join(here, "ran")) {
		t.Error("the git of the current folder was run")
	}
	t.Setenv("PATH", path)
	if os.Chown(dir, 4242, 4242) == nil && os.Chown(filepath.Join(dir, ".git"), 4242, 4242) == nil {
		check("another user's", "dubious ownership")
		imagetest.Must(t, os.Chown(filepath.Join(dir, ".git"), os.Geteuid(), -1))
		imagetest.Must(t, os.Chown(dir, os.Geteuid(), -1))
	}
	imagetest.Must(t, os.WriteFile(filepath.Join(dir, ".git", "index"), []byte("damaged"), 0o644))
	check("a damaged index", "git: ")
	imagetest.Must(t, os.WriteFile(filepath.Join(dir, ".git", "config"), []byte("[[["), 0o644))
	check("a damaged configuration", "git: ")
}

// FuzzGitEntries: what git lists gives each path one entry, and one that is
// listed twice has the content of no file.
func FuzzGitEntries(f *testing.F) {
	f.Add([]byte("100644 e69de29bb2d1d6434b8b29ae775ad8c2e48c5391 0\ta\x00100755 e69de29bb2d1d6434b8b29ae775ad8c2e48c5391 1\tb\tc\x00"))
	f.Add([]byte("100644 blob e69de29bb2d1d6434b8b29ae775ad8c2e48c5391\ta\x00040000 tree 4b825dc642cb6eb9a060e54bf8d69288fbee4904\tb\x00"))
	f.Add([]byte("100644 x 1\ta\x00100644 y 2\ta\x00\x00\t\x00 \t \x00"))
	f.Fuzz(func(t *testing.T, out []byte) {
		dir := t.TempDir()
		imagetest.Must(t, os.WriteFile(filepath.Join(dir, "a"), nil, 0o600))
		found := parseEntries(out)
		for path, e := range found {
			if strings.Contains(path, "\x00") || e.mode == "" || strings.ContainsAny(e.mode+e.object, " \t\x00") {
				t.Errorf("%q: %+v", path, e)
			}
			if same := sameContent(dir, "a", e); same && e.object != objectName(nil, len(e.object)) {
				t.Errorf("an empty file has the content %+v", e)
			}
		}
		for path, e := range parseEntries(append(append(bytes.Clone(out), 0), out...)) {
			if _, ok := found[path]; !ok && e.object != "conflict" {
				t.Errorf("%q is listed once more, and as %+v", path, e)
			}
			if ok := sameContent(dir, "a", e); ok {
				t.Errorf("%q is listed twice, and the same as a file: %+v", path, e)
			}
		}
	})
}

// FuzzGitFiles: whatever lies in the place of git's configuration, HEAD and
// index, a file whose content git has nowhere is never called committed, and
// what cannot be known is an error of one line.
func FuzzGitFiles(f *testing.F) {
	if _, err := exec.LookPath("git"); err != nil {
		f.Skip("needs git")
	}
	dir := f.TempDir()
	f.Setenv("HOME", f.TempDir())
	imagetest.Must(f, os.WriteFile(filepath.Join(dir, "a"), []byte("committed\n"), 0o600))
	for _, args := range [][]string{{"init", "-q"}, {"add", "a"}, {"-c", "user.name=x", "-c", "user.email=x", "commit", "-qm", "x"}} {
		if out, err := exec.Command("git", append([]string{"-C", dir}, args...)...).CombinedOutput(); err != nil {
			f.Fatalf("git %q: %v\n%s", args, err, out)
		}
	}
	var real [3][]byte
	places := []string{"config", "HEAD", "index"}
	for i, name := range places {
		var err error
		real[i], err = os.ReadFile(filepath.Join(dir, ".git", name))
		imagetest.Must(f, err)
	}
	imagetest.Must(f, os.WriteFile(filepath.Join(dir, "a"), []byte("changed\n"), 0o600))
	ran := filepath.Join(f.TempDir(), "ran")
	f.Add(real[0], real[1], real[2])
	f.Add([]byte("[core]\n\tfsmonitor = touch "+ran+"\n\trepositoryformatversion = 9\n"), real[1], real[2])
	f.Add([]byte("[include]\n\tpath = config\n[core]\n\tworktree = /\n\tbare = true\n"), real[1], real[2])
	f.Add(real[0], []byte("ref: ../../../../etc/passwd\n"), real[2])
	f.Add(real[0], []byte("ref: HEAD\n"), []byte("DIRC\x00\x00\x00\x02\xff\xff\xff\xff"))
	f.Add([]byte(nil), []byte(nil), []byte(nil))
	f.Fuzz(func(t *testing.T, config, head, index []byte) {
		for i, text := range [][]byte{config, head, index} {
			imagetest.Must(t, os.WriteFile(filepath.Join(dir, ".git", places[i]), text, 0o600))
		}
		dirty, err := Dirty(t.Context(), dir, []string{"a"})
		switch {
		case err != nil && (!errors.Is(err, whittle.ErrUsage) || strings.Contains(err.Error(), "\n") || whittle.Hint(err) == ""):
			t.Errorf("%q", err)
		case err == nil && len(dirty) != 1:
			t.Errorf("a changed file is called committed: config %q, HEAD %q, index %q", config, head, index)
		}
		if imagetest.Exists(ran) {
			t.Fatalf("git has run a program: %q", config)
		}
	})
}
