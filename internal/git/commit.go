package git

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"whittle.dev/whittle"
)

// Repository is a work tree to which whittle commits. Commits are made by git's
// plumbing from contents that whittle gives: no hook, filter, monitor, editor or
// signing program is run, and no file of the work tree is read or written.
type Repository struct {
	git gitRepository
	// prefix is the project's folder in the work tree, with a slash at its end;
	// empty is its top.
	prefix string
	head   string // the commit at HEAD
	author string // "NAME <ADDRESS>"
	before map[string]gitEntry
	// last is the last of the commits that [Repository.Prepare] has made, entries
	// are the files that they change, by their paths in the work tree.
	last    string
	entries map[string]gitEntry
}

// Open opens the repository of a project's folder. Errors wrap
// [whittle.ErrUsage]: there is none, nothing is committed in it, or git has no user.
func Open(ctx context.Context, dir string) (*Repository, error) {
	if !inRepository(dir) {
		return nil, whittle.WithHint(whittle.ErrUsage.Errorf("%s is not in a git repository", dir), "make one with git init, or leave --commits out")
	}
	r := &Repository{git: gitRepository{dir: dir, patience: gitPatience}}
	fail := func(what string, err error) (*Repository, error) {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, whittle.ErrUsage.Errorf("%s: %w", what, err)
	}
	out, err := r.git.run(ctx, "rev-parse", "--is-inside-work-tree", "--show-prefix")
	if err != nil {
		return fail("opening the git repository", err)
	}
	inside, prefix, _ := strings.Cut(string(out), "\n")
	if inside != "true" {
		return nil, whittle.ErrUsage.Errorf("opening the git repository: %s is not in a work tree", dir)
	}
	r.prefix = strings.TrimSuffix(prefix, "\n")
	if out, err = r.git.run(ctx, "rev-parse", "--verify", "--quiet", "HEAD^{commit}"); err != nil || len(out) == 0 {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, whittle.WithHint(whittle.ErrUsage.Errorf("nothing is committed in the git repository yet"), "commit the project first")
	}
	r.head = strings.TrimSpace(string(out))
	if err := r.disarm(ctx); err != nil {
		return fail("reading git's configuration", err)
	}
	return r, nil
}

// passed are variables of git's that say who commits.
var passed = []string{"GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL", "GIT_COMMITTER_NAME", "GIT_COMMITTER_EMAIL"}

// filterKey is a setting by which git runs a program on a content.
var filterKey = regexp.MustCompile(`(?is)^filter\..*\.(clean|smudge|process|required)$`)

// disarm sets the filters of the configuration to nothing. Git may look at a file's
// content whenever it writes the index, because the times of files are too coarse.
func (r *Repository) disarm(ctx context.Context) error {
	out, err := r.git.run(ctx, "config", "--list", "--name-only", "-z", "--includes")
	if err != nil {
		return err
	}
	n := 0
	for key := range strings.SplitSeq(string(out), "\x00") {
		m := filterKey.FindStringSubmatch(key)
		if m == nil {
			continue
		}
		value := ""
		if strings.EqualFold(m[1], "required") {
			value = "false"
		}
		r.git.env = append(r.git.env, fmt.Sprintf("GIT_CONFIG_KEY_%d=%s", n, key), fmt.Sprintf("GIT_CONFIG_VALUE_%d=%s", n, value))
		n++
	}
	r.git.env = append(r.git.env, "GIT_CONFIG_COUNT="+strconv.Itoa(n))
	for _, name := range passed {
		if v, ok := os.LookupEnv(name); ok {
			r.git.env = append(r.git.env, name+"="+v)
		}
	}
	return nil
}

// Author is who commits, as git is configured: "NAME <ADDRESS>". Git's guess from
// the names of the user and the machine does not count.
func (r *Repository) Author(ctx context.Context) (string, error) {
	if r.author != "" {
		return r.author, nil
	}
	for _, who := range []string{"GIT_COMMITTER_IDENT", "GIT_AUTHOR_IDENT"} {
		out, err := r.git.run(ctx, "-c", "user.useConfigOnly=true", "var", who)
		ident, _, ok := strings.Cut(string(out), ">")
		if ctx.Err() != nil {
			return "", ctx.Err()
		}
		if err != nil || !ok {
			return "", whittle.WithHint(whittle.ErrUsage.Errorf("git does not know who commits"), `git config --global user.name "YOUR NAME" and git config --global user.email ADDRESS`)
		}
		r.author = ident + ">"
	}
	return r.author, nil
}

// Prefix is the project's folder in the work tree, empty or with a slash at its end.
func (r *Repository) Prefix() string { return r.prefix }

// underway are the files of git's folder that an unfinished operation leaves.
func underway() map[string]string {
	return map[string]string{"MERGE_HEAD": "a merge", "CHERRY_PICK_HEAD": "a cherry-pick", "REVERT_HEAD": "a revert", "rebase-merge": "a rebase", "rebase-apply": "a rebase or git am"}
}

// Clean says that the tracked files of the work tree are as committed and that git
// is in no unfinished operation. Otherwise the error wraps [whittle.ErrUsage].
// Files that git does not track do not count.
func (r *Repository) Clean(ctx context.Context) error {
	dirty, err := r.dirty(ctx)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		return whittle.ErrUsage.Errorf("whether the work tree has changes that are not committed cannot be known: %w", err)
	case len(dirty) == 0:
		return r.idle(ctx)
	}
	shown := strings.Join(dirty[:min(3, len(dirty))], ", ")
	if n := len(dirty) - 3; n > 0 {
		shown += fmt.Sprintf(" and %d more", n)
	}
	verb := map[bool]string{true: "has", false: "have"}[len(dirty) == 1]
	return whittle.WithHint(whittle.ErrUsage.Errorf("%s %s changes that are not committed", shown, verb), "commit or stash them first: git stash")
}

// idle says that git is in no unfinished operation.
func (r *Repository) idle(ctx context.Context) error {
	for name, what := range underway() {
		out, err := r.git.run(ctx, "rev-parse", "--git-path", name)
		if err != nil {
			return whittle.ErrUsage.Errorf("reading the state of git: %w", err)
		}
		at := strings.TrimSuffix(string(out), "\n")
		if !filepath.IsAbs(at) {
			at = filepath.Join(r.git.dir, at)
		}
		if _, err := os.Lstat(at); err == nil {
			return whittle.WithHint(whittle.ErrUsage.Errorf("git is in the middle of %s", what), "finish or abort it first")
		}
	}
	return nil
}

// dirty are the tracked files that are not as committed, by their paths in the work
// tree.
func (r *Repository) dirty(ctx context.Context) ([]string, error) {
	top := r.top()
	staged, err := top.run(ctx, "diff-index", "--cached", "--name-only", "-z", "--no-renames", "--ignore-submodules=all", r.head, "--")
	if err != nil {
		return nil, err
	}
	out := names(staged)
	touched, err := top.run(ctx, "diff-files", "--name-only", "-z", "--ignore-submodules=all")
	if err != nil || len(touched) == 0 {
		return out, err
	}
	all := names(touched)
	for len(all) > 0 { // a command line is not endless
		part := all[:min(len(all), 500)]
		all = all[len(part):]
		index, err := top.entries(ctx, append([]string{"ls-files", "-s", "-z", "--"}, part...))
		if err != nil {
			return nil, err
		}
		for _, name := range part {
			if !slices.Contains(out, name) && !r.asCommitted(ctx, name, index[name]) {
				out = append(out, name)
			}
		}
	}
	slices.Sort(out)
	return out, nil
}

// top is the repository as seen from the top of the work tree.
func (r *Repository) top() gitRepository {
	g := r.git
	g.dir = filepath.Join(g.dir, strings.Repeat("../", strings.Count(r.prefix, "/")))
	return g
}

func names(out []byte) (all []string) {
	for name := range strings.SplitSeq(string(out), "\x00") {
		if name != "" && !slices.Contains(all, name) {
			all = append(all, name)
		}
	}
	return all
}

// asCommitted says that a file which git has not looked at since it was touched has
// its content of the index.
func (r *Repository) asCommitted(ctx context.Context, name string, e gitEntry) bool {
	dir := r.top().dir
	switch {
	case e.mode == "120000":
		target, err := os.Readlink(filepath.Join(dir, filepath.FromSlash(name)))
		return err == nil && objectName([]byte(target), len(e.object)) == e.object
	case sameContent(dir, name, e):
		info, err := os.Lstat(filepath.Join(dir, filepath.FromSlash(name)))
		return err == nil && (info.Mode()&0o100 != 0) == (e.mode == "100755")
	}
	return r.isContentOf(ctx, name, e)
}

var pointerOID = regexp.MustCompile(`(?m)^oid sha256:([0-9a-f]{64})$`)

// isContentOf says that a file is the content for a committed pointer of git LFS.
// https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md
func (r *Repository) isContentOf(ctx context.Context, name string, e gitEntry) bool {
	if e.mode != "100644" && e.mode != "100755" {
		return false
	}
	blob, err := r.git.run(ctx, "cat-file", "blob", e.object)
	if err != nil || !bytes.HasPrefix(blob, []byte("version https://git-lfs")) {
		return false
	}
	m := pointerOID.FindSubmatch(blob)
	f, err := whittle.Folder(r.top().dir).OpenFile(name)
	if m == nil || err != nil {
		return false
	}
	defer f.Close()
	h := sha256.New()
	_, err = io.Copy(h, f)
	return err == nil && hex.EncodeToString(h.Sum(nil)) == string(m[1])
}

// Prepare makes the objects of commits, one after the other on top of HEAD, and sets
// their names. Nothing refers to them before [Repository.Land]: until then nothing
// has changed. Paths are relative to the project's folder.
func (r *Repository) Prepare(ctx context.Context, commits []whittle.RepairCommit, now time.Time) error {
	if _, err := r.Author(ctx); err != nil {
		return err
	}
	scratch, err := os.MkdirTemp("", "whittle-git-*")
	if err != nil {
		return whittle.ErrSystem.Errorf("making a folder for git's index: %w", err)
	}
	defer os.RemoveAll(scratch)
	g := r.top()
	date := fmt.Sprintf("@%d %s", now.Unix(), now.Format("-0700"))
	g.env = append(slices.Clone(g.env), "GIT_INDEX_FILE="+filepath.Join(scratch, "index"), "GIT_AUTHOR_DATE="+date, "GIT_COMMITTER_DATE="+date)
	if _, err := g.run(ctx, "read-tree", r.head); err != nil {
		return r.failed(ctx, err)
	}
	r.before, r.entries, r.last = map[string]gitEntry{}, map[string]gitEntry{}, r.head
	for i := range commits {
		if err := r.prepareOne(ctx, g, &commits[i]); err != nil {
			return r.failed(ctx, err)
		}
	}
	return nil
}

func (r *Repository) failed(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if errors.Is(err, whittle.ErrUsage) {
		return err
	}
	return whittle.ErrSystem.Errorf("committing with git: %w", err)
}

func (r *Repository) prepareOne(ctx context.Context, g gitRepository, c *whittle.RepairCommit) error {
	for _, f := range c.Files {
		at := path.Join(r.prefix, f.Path)
		old, err := g.entries(ctx, []string{"ls-files", "-s", "-z", "--", at})
		if err != nil {
			return err
		}
		e, tracked := old[at]
		switch {
		case !tracked && !f.Created:
			return whittle.WithHint(whittle.ErrUsage.Errorf("%s is not committed, so that its change cannot be", f.Path), "git add it and commit it first")
		case !tracked:
			e.mode = "100644"
		case e.mode != "100644" && e.mode != "100755":
			return whittle.ErrUsage.Errorf("%s is not a regular file in git", f.Path)
		}
		if _, seen := r.before[at]; !seen {
			r.before[at] = old[at]
		}
		text := f.After
		if tracked && objectName(f.Before, len(e.object)) != e.object { // git has converted line ends
			text = bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n"))
		}
		object, err := g.pipe(ctx, text, "hash-object", "-w", "--stdin", "--no-filters")
		if err != nil {
			return err
		}
		e.object = strings.TrimSpace(string(object))
		r.entries[at] = e
		if err := setEntry(ctx, g, at, e); err != nil {
			return err
		}
	}
	tree, err := g.run(ctx, "write-tree", "--missing-ok")
	if err != nil {
		return err
	}
	message := c.Subject + "\n"
	if c.Body != "" {
		message += "\n" + c.Body + "\n"
	}
	commit, err := g.pipe(ctx, []byte(message), "commit-tree", strings.TrimSpace(string(tree)), "-p", r.last, "-F", "-")
	if err != nil {
		return err
	}
	r.last = strings.TrimSpace(string(commit))
	c.Commit = r.last
	return nil
}

// setEntry sets a file of an index; an entry without an object is removed.
func setEntry(ctx context.Context, g gitRepository, at string, e gitEntry) error {
	args := []string{"update-index", "--add", "--cacheinfo", e.mode + "," + e.object + "," + at}
	if e.object == "" {
		args = []string{"update-index", "--force-remove", "--", at}
	}
	_, err := g.run(ctx, args...)
	return err
}

// Land makes the prepared commits part of the current branch, all at once, and
// brings git's index up to date with them. If that fails, HEAD and the index are as
// they were. The work tree has to have the new contents before.
func (r *Repository) Land(ctx context.Context, n int) error {
	g := r.top()
	restore := func(err error) error {
		done := context.WithoutCancel(ctx)
		for at, e := range r.before {
			err = errors.Join(err, setEntry(done, g, at, e))
		}
		return r.failed(ctx, err)
	}
	for at, e := range r.entries {
		if err := setEntry(ctx, g, at, e); err != nil {
			return restore(err)
		}
	}
	message := fmt.Sprintf("whittle fix: %d commits", n)
	if _, err := g.run(ctx, "update-ref", "-m", message, "HEAD", r.last, r.head); err != nil {
		return restore(err)
	}
	return nil
}
