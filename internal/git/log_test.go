package git

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/imagetest"
)

// TestCurrent: what is checked out, and whether a folder's files are those of it.
func TestCurrent(t *testing.T) {
	ctx := context.Background()
	dir, git := imagetest.GitRepository(t, "--initial-branch=trunk")
	write := func(name, text string) {
		t.Helper()
		imagetest.Must(t, os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755))
		imagetest.Must(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644))
	}
	head, err := Log(ctx, dir, "", "")
	imagetest.Must(t, err)
	for _, c := range []struct {
		name   string
		change func()
		want   State
	}{
		{"as committed", func() {}, State{head[0].Hash, "trunk", false}},
		{"an ignored file", func() { write(".git/info/exclude", "*.log\n"); write("x.log", "x") }, State{head[0].Hash, "trunk", false}},
		{"a file of whittle's", func() { write(".whittle/report.json", "{}") }, State{head[0].Hash, "trunk", false}},
		{"line ends", func() { write("crlf", "text of crlf\r\n") }, State{head[0].Hash, "trunk", false}},
		{"no branch", func() { git("checkout", "-q", "--detach") }, State{head[0].Hash, "", false}},
		{"an unknown file", func() { write("new", "x") }, State{head[0].Hash, "trunk", true}},
		{"a changed file", func() { write("modified", "x") }, State{head[0].Hash, "trunk", true}},
		{"a staged file", func() { write("staged", "x"); git("add", "staged") }, State{head[0].Hash, "trunk", true}},
		{"a removed file", func() { imagetest.Must(t, os.Remove(filepath.Join(dir, "same"))) }, State{head[0].Hash, "trunk", true}},
		{"a link to another file", func() {
			imagetest.Must(t, os.Remove(filepath.Join(dir, "link")))
			imagetest.Must(t, os.Symlink("both", filepath.Join(dir, "link")))
		}, State{head[0].Hash, "trunk", true}},
		{"a change elsewhere in the repository", func() { write("sub/modified", "x") }, State{head[0].Hash, "trunk", true}},
	} {
		c.change()
		got, err := Current(ctx, dir, ".whittle")
		if diff := cmp.Diff(c.want, got); diff != "" || err != nil {
			t.Errorf("%s: %v (-want +got):\n%s", c.name, err, diff)
		}
		git("checkout", "-qf", "trunk")
		git("reset", "-q", "--hard")
		git("clean", "-qfdx")
	}
	write("modified", "x") // not in the folder
	if got, err := Current(ctx, filepath.Join(dir, "sub")); err != nil || got.Modified {
		t.Errorf("a folder below: %+v, %v", got, err)
	}
	if got, err := Current(ctx, t.TempDir()); err != nil || got != (State{}) {
		t.Errorf("no repository: %+v, %v", got, err)
	}
	git("update-ref", "-d", "HEAD")
	if got, err := Current(ctx, dir); err != nil || got != (State{}) {
		t.Errorf("nothing committed: %+v, %v", got, err)
	}
}

// TestLog: a branch's commits; of a merge, those of the branch that was merged into.
func TestLog(t *testing.T) {
	ctx := context.Background()
	dir, git := imagetest.GitRepository(t, "--initial-branch=trunk")
	for _, subject := range []string{"one", "two\n\nwith a body", "a\x1b[31mred\tone"} {
		git("commit", "-q", "--allow-empty", "-m", subject)
	}
	git("checkout", "-qb", "side")
	git("commit", "-q", "--allow-empty", "-m", "on the side")
	git("checkout", "-q", "trunk")
	git("merge", "-q", "--no-ff", "-m", "merged", "side")
	for _, c := range []struct{ from, to, want string }{
		{"", "", "merged|a\x1b[31mred\tone|two|one|x"}, {"HEAD~2", "", "merged|a\x1b[31mred\tone|two"}, {"HEAD~3", "HEAD~1", "a\x1b[31mred\tone|two|one"}, {"HEAD", "", "merged"},
	} {
		commits, err := Log(ctx, dir, c.from, c.to)
		var got []string
		for _, c := range commits {
			got = append(got, c.Subject)
			if len(c.Hash) != 40 || c.Time.IsZero() {
				t.Errorf("%+v", c)
			}
		}
		if strings.Join(got, "|") != c.want || err != nil {
			t.Errorf("from %q to %q: %q, %v", c.from, c.to, got, err)
		}
	}
	for _, c := range [][2]string{{"HEAD", "HEAD~1"}, {"nosuch", ""}, {"", "nosuch"}, {"-x", ""}, {"side", ""}, {"HEAD:same", ""}} {
		if _, err := Log(ctx, dir, c[0], c[1]); !errors.Is(err, whittle.ErrUsage) || whittle.Hint(err) == "" && c[0] != "-x" && c[0] != "HEAD:same" {
			t.Errorf("from %q to %q: %v", c[0], c[1], err)
		}
	}
	if _, err := Log(ctx, t.TempDir(), "", ""); !errors.Is(err, whittle.ErrUsage) {
		t.Errorf("no repository: %v", err)
	}
}

// TestExport: the files of a commit are those that git archive has, byte for byte, and no
// program of the repository's is run.
func TestExport(t *testing.T) {
	ctx := context.Background()
	dir, git := imagetest.GitRepository(t)
	big := bytes.Repeat([]byte("0123456789abcdef"), 300_000)
	for name, text := range map[string][]byte{"big1": big, "sub/big2": append(big, 1), "sub/ü\nx": []byte("y"), "empty": nil, ".gitattributes": []byte("same filter=evil\nbig1 export-ignore\n")} {
		imagetest.Must(t, os.WriteFile(filepath.Join(dir, name), text, 0o644))
	}
	imagetest.Must(t, os.WriteFile(filepath.Join(dir, "run.sh"), []byte("#!/bin/sh\n"), 0o755))
	git("add", "-A")
	git("commit", "-qm", "more")
	for range 3 {
		big = append(big, big[:1<<20]...)
		imagetest.Must(t, os.WriteFile(filepath.Join(dir, "big1"), big, 0o644))
		git("commit", "-qam", "bigger")
	}
	ran := filepath.Join(t.TempDir(), "ran")
	git("config", "filter.evil.smudge", "touch "+ran)
	for _, c := range []struct{ below, commit string }{{".", "HEAD"}, {"sub", "HEAD"}, {".", "HEAD~3"}, {".", "HEAD~4"}} {
		to, want := t.TempDir(), t.TempDir()
		imagetest.Must(t, Export(ctx, filepath.Join(dir, c.below), c.commit, to))
		git("--work-tree="+want, "-c", "core.attributesFile=/dev/null", "-c", "filter.evil.smudge=cat", "checkout", "-qf", c.commit, "--", ".")
		imagetest.Must(t, os.RemoveAll(ran))
		if diff := cmp.Diff(tree(t, filepath.Join(want, c.below)), tree(t, to)); diff != "" {
			t.Errorf("%s at %s (-want +got):\n%.2000s", c.below, c.commit, diff)
		}
	}
	imagetest.Must(t, Export(ctx, dir, "HEAD", t.TempDir()))
	if imagetest.Exists(ran) {
		t.Error("a filter was run")
	}
	if err := Export(ctx, dir, "nosuch", t.TempDir()); !errors.Is(err, whittle.ErrUsage) {
		t.Errorf("no such commit: %v", err)
	}
}

// TestExportStays: no file of a commit is written through a link of it.
func TestExportStays(t *testing.T) {
	dir, git := imagetest.GitRepository(t)
	outside := t.TempDir()
	hash := func(text string) string {
		cmd := exec.Command("git", "-C", dir, "hash-object", "-w", "--stdin")
		cmd.Stdin = strings.NewReader(text)
		out, err := cmd.Output()
		imagetest.Must(t, err)
		return strings.TrimSpace(string(out))
	}
	mktree := func(lines string) string {
		cmd := exec.Command("git", "-C", dir, "mktree", "--missing")
		cmd.Stdin = strings.NewReader(lines)
		out, err := cmd.Output()
		imagetest.Must(t, err)
		return strings.TrimSpace(string(out))
	}
	below := mktree("100644 blob " + hash("x") + "\tevil\n")
	// The link and the folder of one name, as no work tree has them.
	top := mktree("120000 blob " + hash(outside) + "\ta\n040000 tree " + below + "\ta\n")
	cmd := exec.Command("git", "-C", dir, "-c", "user.name=x", "-c", "user.email=x", "commit-tree", top, "-m", "evil")
	out, err := cmd.Output()
	imagetest.Must(t, err)
	if err := Export(context.Background(), dir, strings.TrimSpace(string(out)), t.TempDir()); err == nil {
		t.Error("a file was written behind a link")
	}
	if names := imagetest.Names(t, outside); len(names) > 0 {
		t.Errorf("outside: %q", names)
	}
	git("gc", "-q")
}

// tree has the files of a folder, with mode and content.
func tree(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	imagetest.Must(t, filepath.WalkDir(dir, func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		rel, err := filepath.Rel(dir, name)
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		if e.Type() == fs.ModeSymlink {
			target, err := os.Readlink(name)
			out[rel] = "link to " + target
			return err
		}
		text, err := os.ReadFile(name)
		out[rel] = info.Mode().String() + " " + string(whittle.DigestOf(text))
		return err
	}))
	return out
}
