// Package git says which files of a folder differ from what git has committed, and
// commits changes. A repository is not trusted: no program that its configuration
// names is run.
package git

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha1" //nolint:gosec // git's names of contents, no protection
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"whittle.dev/whittle"
)

// Dirty gives the files of a folder that differ from what git has committed, by
// their slashed paths in it. Without a repository there are none. A repository
// that git cannot read is an error.
//
// The repository is not trusted, and its configuration may name programs:
// monitors, filters, hooks, transports. So git is only asked for the object names
// of contents, and whittle compares them with the files itself.
func Dirty(ctx context.Context, dir string, files []string) ([]string, error) {
	if len(files) == 0 || !inRepository(dir) {
		return nil, nil
	}
	g := gitRepository{dir: dir, patience: gitPatience}
	if _, err := g.run(ctx, "rev-parse", "--git-dir"); err != nil {
		return nil, unknownState(ctx, files, err)
	}
	index, err := g.entries(ctx, append([]string{"ls-files", "-s", "-z", "--"}, files...))
	if err != nil {
		return nil, unknownState(ctx, files, err)
	}
	head, err := g.entries(ctx, append([]string{"ls-tree", "-z", "HEAD", "--"}, files...))
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err != nil {
		head = nil // nothing is committed yet, or it is lost
	}
	var dirty []string
	for _, name := range files {
		committed, ok := head[name]
		if !ok || index[name] != committed || !sameContent(dir, name, committed) {
			dirty = append(dirty, name)
		}
	}
	return dirty, nil
}

func unknownState(ctx context.Context, files []string, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return whittle.WithHint(whittle.ErrUsage.Errorf("whether %s has changes that are not committed cannot be known: %w", strings.Join(files, ", "), err),
		"commit or copy them, then use --force")
}

// inRepository says that a folder or one of its parents has a .git.
func inRepository(dir string) bool {
	for {
		if _, err := os.Lstat(filepath.Join(dir, ".git")); err == nil {
			return true
		}
		up := filepath.Dir(dir)
		if up == dir {
			return false
		}
		dir = up
	}
}

const (
	// gitPatience is how long git may run: any file of a repository may be a FIFO.
	gitPatience = 20 * time.Second
	// maxGitAnswer bounds git's output, in bytes: the index of a repository may
	// list any number of files below a name.
	maxGitAnswer = 16 << 20
)

// gitRepository runs git in the repository of a folder.
type gitRepository struct {
	dir      string
	patience time.Duration
	// env are further variables for git.
	env []string
	// most bounds its output, in bytes; 0 is [maxGitAnswer].
	most int
}

// run runs a git command. All settings by which a configuration can start programs
// are off, except filters: a command that reads contents of files needs those in
// env (see [Repository]).
func (g gitRepository) run(ctx context.Context, args ...string) ([]byte, error) {
	return g.pipe(ctx, nil, args...)
}

// pipe runs a git command that reads a text.
func (g gitRepository) pipe(ctx context.Context, in []byte, args ...string) ([]byte, error) {
	git, err := exec.LookPath("git") // never one in the current folder
	if err != nil {
		return nil, fmt.Errorf("there is a repository and no git on PATH")
	}
	options := []string{"-C", g.dir, "--no-pager", "--no-optional-locks", "--literal-pathspecs",
		"-c", "core.fsmonitor=false", "-c", "core.hooksPath=" + os.DevNull, "-c", "core.attributesFile=" + os.DevNull, "-c", "core.untrackedCache=false",
		"-c", "core.sshCommand=false", "-c", "protocol.allow=never", "-c", "safe.bareRepository=explicit", "-c", "credential.helper=", "-c", "submodule.recurse=false", "-c", "commit.gpgSign=false", "-c", "gc.auto=0", "-c", "maintenance.auto=false"}
	parent := ctx
	ctx, cancel := context.WithTimeout(ctx, g.patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, git, append(options, args...)...)
	cmd.WaitDelay = time.Second
	// An empty list of protocols overrides the configuration's
	// protocol.NAME.allow.
	cmd.Env = []string{"GIT_CONFIG_NOSYSTEM=1", "GIT_NO_LAZY_FETCH=1", "GIT_ALLOW_PROTOCOL=", "GIT_TERMINAL_PROMPT=0", "LC_ALL=C"}
	for _, v := range os.Environ() {
		if name, _, _ := strings.Cut(v, "="); !strings.HasPrefix(name, "GIT_") && name != "LC_ALL" {
			cmd.Env = append(cmd.Env, v)
		}
	}
	cmd.Env = append(cmd.Env, g.env...)
	if in != nil {
		cmd.Stdin = bytes.NewReader(in)
	}
	var out, stderr bytes.Buffer
	most := cmp.Or(g.most, maxGitAnswer)
	cmd.Stdout, cmd.Stderr = &boundedWriter{&out, most}, &boundedWriter{&stderr, 4 << 10}
	err = cmd.Run()
	var exit *exec.ExitError
	switch line, _, _ := strings.Cut(strings.TrimSpace(stderr.String()), "\n"); {
	case err == nil && out.Len() == most:
		return nil, errors.New("git: it lists too much")
	case ctx.Err() != nil && parent.Err() == nil:
		return nil, fmt.Errorf("git: no answer within %s", g.patience)
	case errors.As(err, &exit) && line != "":
		return nil, errors.New("git: " + line)
	}
	return out.Bytes(), err
}

// boundedWriter keeps the first bytes that are written, up to most, and discards
// the rest.
type boundedWriter struct {
	to   *bytes.Buffer
	most int
}

func (w *boundedWriter) Write(p []byte) (int, error) {
	w.to.Write(p[:min(len(p), max(0, w.most-w.to.Len()))])
	return len(p), nil
}

// gitEntry is a file's mode and the object name of its content.
type gitEntry struct{ mode, object string }

// entries are the files that git lists, by path.
func (g gitRepository) entries(ctx context.Context, args []string) (map[string]gitEntry, error) {
	out, err := g.run(ctx, args...)
	if err != nil {
		return nil, err
	}
	return parseEntries(out), nil
}

// parseEntries reads what ls-files -s and ls-tree list: "MODE OBJECT STAGE\tPATH"
// and "MODE TYPE OBJECT\tPATH". A path with a merge conflict is listed several
// times; its object is "conflict".
func parseEntries(out []byte) map[string]gitEntry {
	found := map[string]gitEntry{}
	for line := range bytes.SplitSeq(out, []byte{0}) {
		facts, path, ok := strings.Cut(string(line), "\t")
		f := strings.Fields(facts)
		if !ok || len(f) != 3 {
			continue
		}
		object := f[1]
		if slices.Contains([]string{"blob", "tree", "commit"}, object) {
			object = f[2]
		}
		if _, twice := found[path]; twice {
			object = "conflict"
		}
		found[path] = gitEntry{f[0], object}
	}
	return found
}

// sameContent says that a file on disk has its committed content, apart from line
// ends, which git may convert at the checkout.
func sameContent(dir, name string, e gitEntry) bool {
	if e.mode != "100644" && e.mode != "100755" {
		return false
	}
	text, err := whittle.Folder(dir).ReadFile(name)
	if err != nil {
		return false
	}
	return objectName(text, len(e.object)) == e.object || objectName(bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n")), len(e.object)) == e.object
}

// objectName is git's object name of a content, with this number of hexadecimal
// digits.
// https://git-scm.com/docs/gitformat-pack, gitformat-loose
func objectName(text []byte, digits int) string {
	h := sha1.New() //nolint:gosec // see above
	if digits == hex.EncodedLen(sha256.Size) {
		h = sha256.New()
	}
	fmt.Fprintf(h, "blob %d\x00", len(text))
	h.Write(text)
	return hex.EncodeToString(h.Sum(nil))
}

// Show is the content that a file of a folder has at a commit. An error that wraps
// [fs.ErrNotExist] says that it is not there.
func Show(ctx context.Context, dir, commit, name string) ([]byte, error) {
	g := gitRepository{dir: dir, patience: gitPatience}
	if _, err := g.commit(ctx, commit); err != nil {
		return nil, err
	}
	all, err := g.entries(ctx, []string{"ls-tree", "-z", commit, "--", name})
	if err != nil {
		return nil, err
	}
	e, ok := all[name]
	if !ok || !strings.HasPrefix(e.mode, "100") {
		return nil, fmt.Errorf("%s at %s: %w", name, commit, fs.ErrNotExist)
	}
	return g.run(ctx, "cat-file", "blob", e.object)
}
