package states

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"whittle.dev/whittle"
)

// ContextDigest is a digest of what a build could read of the project: paths,
// modes and contents of its files, without the study's folder. Of files that
// nothing reads it contains only the paths, and of a repository that a build sees
// what is checked out and where its branches and tags are: a build may take its
// version from there.
func ContextDigest(ctx context.Context, dir string, skip []string, unread func(rel string, d fs.DirEntry) bool) (whittle.Digest, error) {
	h := sha256.New()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err := errors.Join(err, ctx.Err()); err != nil {
			return err
		}
		if d.IsDir() && (slices.Contains(skip, path) || d.Name() == "__pycache__") {
			return filepath.SkipDir
		}
		rel, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		if in, ok := InRepository(rel); ok && (!namesCommits(in, d) || in == "" && unread(filepath.Join(rel, "HEAD"), d)) {
			if d.IsDir() {
				return filepath.SkipDir
			}
			return nil
		}
		fmt.Fprintf(h, "%q %v ", rel, d.Type())
		switch {
		case unread(rel, d), d.IsDir():
			fmt.Fprintln(h)
		case d.Type().IsRegular():
			return hashFile(ctx, h, path)
		case d.Type()&fs.ModeSymlink != 0:
			target, err := os.Readlink(path)
			fmt.Fprintf(h, "%q\n", target)
			return err
		}
		return nil
	})
	if err != nil {
		return "", whittle.ErrUsage.Errorf("reading the build context: %w", err)
	}
	return whittle.SHA256([32]byte(h.Sum(nil))), nil
}

// InRepository is the path within a folder .git.
func InRepository(rel string) (in string, ok bool) {
	_, in, ok = strings.Cut("/"+filepath.ToSlash(rel)+"/", "/.git/")
	return strings.TrimSuffix(in, "/"), ok
}

// namesCommits says that a path in a repository is what is checked out, a branch or
// a tag, or a folder of them.
// https://git-scm.com/docs/gitrepository-layout
func namesCommits(in string, d fs.DirEntry) bool {
	if in == "" {
		return d.IsDir() || d.Type().IsRegular() // .git, which may be a file that names the folder
	}
	return in == "HEAD" || in == "packed-refs" || whittle.Under(in, "refs")
}

func hashFile(ctx context.Context, h io.Writer, path string) error {
	f, err := whittle.OpenFile(path)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	fmt.Fprintf(h, "%v %d ", info.Mode().Perm(), info.Size())
	_, err = io.Copy(h, Interruptible{Context: ctx, Reader: f})
	return err
}
