package git

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"whittle.dev/whittle"
)

// State is what is checked out in a folder. It is zero where there is no repository, or
// nothing is committed.
type State struct {
	// Commit is the whole hash; Branch is empty where none is checked out.
	Commit, Branch string
	// Modified says that files of the folder are not those of the commit, or that there
	// are others, which git does not ignore.
	Modified bool
}

// maxTracked bounds the files whose contents are compared with a commit.
const maxTracked = 50_000

// Current says what is checked out in a folder. Files below the folders in except, by
// slashed paths, do not count.
func Current(ctx context.Context, dir string, except ...string) (s State, err error) {
	if !inRepository(dir) {
		return s, nil
	}
	g := gitRepository{dir: dir, patience: gitPatience}
	head, err := g.run(ctx, "rev-parse", "--verify", "--quiet", "HEAD^{commit}")
	if ctx.Err() != nil {
		return s, ctx.Err()
	}
	if err != nil || len(head) == 0 {
		return s, nil
	}
	s.Commit = strings.TrimSpace(string(head))
	if branch, err := g.run(ctx, "symbolic-ref", "--quiet", "--short", "HEAD"); err == nil {
		s.Branch = strings.TrimSpace(string(branch))
	}
	s.Modified, err = g.modified(ctx, except)
	return s, err
}

func (g gitRepository) modified(ctx context.Context, except []string) (bool, error) {
	committed, err := g.entries(ctx, []string{"ls-tree", "-r", "-z", "HEAD"})
	if err != nil {
		return false, err
	}
	staged, err := g.entries(ctx, []string{"ls-files", "-s", "-z"})
	if err != nil {
		return false, err
	}
	skip := func(name string) bool {
		return slices.ContainsFunc(except, func(folder string) bool { return strings.HasPrefix(name, folder+"/") })
	}
	maps.DeleteFunc(committed, func(name string, _ gitEntry) bool { return skip(name) })
	maps.DeleteFunc(staged, func(name string, _ gitEntry) bool { return skip(name) })
	if !maps.Equal(committed, staged) || len(committed) > maxTracked {
		return true, nil
	}
	for name, e := range committed {
		switch {
		case e.mode == "160000": // a submodule, whose own state is not looked at
		case e.mode == "120000":
			if !g.sameLink(ctx, name, e) {
				return true, nil
			}
		case !sameContent(g.dir, name, e):
			return true, nil
		}
	}
	others, err := g.run(ctx, "ls-files", "--others", "--exclude-standard", "-z")
	if err != nil {
		return false, err
	}
	for name := range strings.SplitSeq(string(others), "\x00") {
		if name != "" && !skip(name) {
			return true, nil
		}
	}
	return false, nil
}

func (g gitRepository) sameLink(ctx context.Context, name string, e gitEntry) bool {
	target, err := os.Readlink(filepath.Join(g.dir, filepath.FromSlash(name)))
	if err != nil {
		return false
	}
	text, err := g.run(ctx, "cat-file", "blob", e.object)
	return err == nil && string(text) == target
}

// Commit is a commit of a branch.
type Commit struct {
	// Hash is whole. Subject is the first line of the message.
	Hash, Subject string
	// Time is when it was committed.
	Time time.Time
}

// maxCommits bounds the commits of [Log].
const maxCommits = 20_000

// Log has the commits of a branch from the commit to, back to and with the commit from;
// an empty from is the first one. Of merges it follows the branch that was merged into.
// The newest comes first. Errors wrap [whittle.ErrUsage].
func Log(ctx context.Context, dir, from, to string) ([]Commit, error) {
	if !inRepository(dir) {
		return nil, whittle.WithHint(whittle.ErrUsage.Errorf("%s is not in a git repository", dir), "name the folder of a project that is in one")
	}
	g := gitRepository{dir: dir, patience: gitPatience}
	last, err := g.commit(ctx, cmp.Or(to, "HEAD"))
	if err != nil {
		return nil, err
	}
	out, err := g.run(ctx, "log", "--first-parent", "--no-show-signature", "-z", "--format=%H %ct %s", fmt.Sprintf("--max-count=%d", maxCommits), "--end-of-options", last)
	if err != nil {
		return nil, whittle.ErrUsage.Errorf("reading the commits of %s: %w", dir, err)
	}
	first := ""
	if from != "" {
		if first, err = g.commit(ctx, from); err != nil {
			return nil, err
		}
	}
	var all []Commit
	for line := range strings.SplitSeq(strings.TrimSuffix(string(out), "\x00"), "\x00") {
		hash, rest, _ := strings.Cut(line, " ")
		seconds, subject, _ := strings.Cut(rest, " ")
		n, err := strconv.ParseInt(seconds, 10, 64)
		if err != nil {
			return nil, whittle.ErrUsage.Errorf("reading the commits of %s: git lists %q", dir, line)
		}
		all = append(all, Commit{hash, strings.ToValidUTF8(subject, "\uFFFD"), time.Unix(n, 0).UTC()})
		if hash == first {
			return all, nil
		}
	}
	if first != "" {
		return nil, whittle.WithHint(whittle.ErrUsage.Errorf("%s is not before %s on its branch", from, cmp.Or(to, "HEAD")), "whittle follows the first parents of merges; CI often clones the last commit alone: fetch them all")
	}
	return all, nil
}

// commit is the hash of what names a commit.
func (g gitRepository) commit(ctx context.Context, name string) (string, error) {
	if name == "" || strings.HasPrefix(name, "-") || strings.ContainsAny(name, ":\n") {
		return "", whittle.ErrUsage.Errorf("%q names no commit", name)
	}
	out, err := g.run(ctx, "rev-parse", "--verify", "--end-of-options", name+"^{commit}")
	if err != nil {
		return "", whittle.WithHint(whittle.ErrUsage.Errorf("there is no commit %s: %w", name, err), "fetch it first: CI often clones one branch alone")
	}
	return strings.TrimSpace(string(out)), nil
}

// maxExport bounds what [Export] writes, in bytes.
const maxExport = 4 << 30

// Export writes the files that a folder has at a commit to another folder, which must be
// empty: as they are committed, since no filter is run and no attribute counts. Of what
// git's LFS keeps elsewhere, these are the pointers. Submodules are left out.
func Export(ctx context.Context, dir, commit, to string) error {
	g := gitRepository{dir: dir, patience: gitPatience}
	hash, err := g.commit(ctx, commit)
	if err != nil {
		return err
	}
	out, err := g.run(ctx, "ls-tree", "-r", "-z", "-l", hash)
	if err != nil {
		return whittle.ErrUsage.Errorf("reading the files of %s: %w", hash, err)
	}
	var some []exported
	var size, all int64
	for line := range strings.SplitSeq(string(out), "\x00") {
		facts, name, ok := strings.Cut(line, "\t")
		f := strings.Fields(facts) // MODE TYPE OBJECT SIZE
		if !ok || len(f) != 4 || f[1] != "blob" {
			continue
		}
		n, err := strconv.ParseInt(f[3], 10, 64)
		if err != nil {
			return whittle.ErrCorrupt.Errorf("reading the files of %s: git lists %q", hash, line)
		}
		if all += n; all > maxExport {
			return whittle.ErrLimit.Errorf("the files of %s have more than %s", hash, whittle.Bytes(maxExport))
		}
		if size+n > maxGitAnswer/2 && len(some) > 0 {
			if err := g.export(ctx, some, size, to); err != nil {
				return err
			}
			some, size = nil, 0
		}
		some, size = append(some, exported{name, f[0], f[2]}), size+n
	}
	return g.export(ctx, some, size, to)
}

// exported is a file that is written.
type exported struct{ name, mode, object string }

// export writes some files, which have size bytes together.
func (g gitRepository) export(ctx context.Context, files []exported, size int64, to string) error {
	var objects strings.Builder
	for _, f := range files {
		objects.WriteString(f.object + "\n")
	}
	g.most = int(size) + 200*(len(files)+1) // with a line before each
	out, err := g.pipe(ctx, []byte(objects.String()), "cat-file", "--batch")
	if err != nil {
		return whittle.ErrSystem.Errorf("reading files of a commit: %w", err)
	}
	for _, f := range files {
		line, rest, ok := bytes.Cut(out, []byte{'\n'})
		about := strings.Fields(string(line)) // OBJECT TYPE SIZE
		if !ok || len(about) != 3 || about[0] != f.object {
			return whittle.ErrSystem.Errorf("reading %s of a commit: git says %q", f.name, line)
		}
		n, err := strconv.Atoi(about[2])
		if err != nil || n < 0 || n >= len(rest) {
			return whittle.ErrSystem.Errorf("reading %s of a commit: git says %q", f.name, line)
		}
		if err := f.write(rest[:n], to); err != nil {
			return fmt.Errorf("writing %s of a commit: %w", f.name, err)
		}
		out = rest[n+1:]
	}
	return nil
}

// write puts a file, and the folders that it needs, into a folder. None of them is left
// by a symbolic link of another file.
func (f *exported) write(text []byte, to string) error {
	root, err := os.OpenRoot(to)
	if err != nil {
		return err
	}
	defer root.Close()
	name := filepath.FromSlash(f.name)
	if err := root.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	if f.mode == "120000" {
		return root.Symlink(string(text), name)
	}
	mode := fs.FileMode(0o644)
	if f.mode == "100755" {
		mode = 0o755
	}
	return root.WriteFile(name, text, mode)
}
