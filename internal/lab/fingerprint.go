package lab

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/project"
	"whittle.dev/whittle/internal/states"
)

// contextDigest is a digest of what a build could read of the project: paths,
// modes and contents of its files, without the study's folder. Of files that
// nothing reads it contains only the paths, and of a repository that a build sees
// what is checked out and where its branches and tags are: a build may take its
// version from there.
func contextDigest(ctx context.Context, dir string, skip []string, unread func(rel string, d fs.DirEntry) bool) (whittle.Digest, error) {
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
		if in, ok := inRepository(rel); ok && (!namesCommits(in, d) || in == "" && unread(filepath.Join(rel, "HEAD"), d)) {
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

// inRepository is the path within a folder .git.
func inRepository(rel string) (in string, ok bool) {
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

// withOutside adds to the digest of a project those of a variant's contexts that
// lie outside of it; done are those that are known.
func withOutside(ctx context.Context, own whittle.Digest, p *project.Project, v project.Variant, done map[string]whittle.Digest) (whittle.Digest, error) {
	dirs := []string{p.ContextDir(v)}
	folders := p.Folders(v)
	for _, name := range slices.Sorted(maps.Keys(folders)) {
		dirs = append(dirs, folders[name])
	}
	digests := []whittle.Digest{own}
	for _, dir := range dirs {
		if _, ok := whittle.Below(p.Dir, dir); ok {
			continue
		}
		if _, ok := done[dir]; !ok {
			var err error
			if done[dir], err = contextDigest(ctx, dir, nil, func(string, fs.DirEntry) bool { return false }); err != nil {
				return "", err
			}
		}
		digests = append(digests, done[dir])
	}
	if len(digests) == 1 {
		return own, nil
	}
	return whittle.SHA256(sha256.Sum256(fmt.Append(nil, digests))), nil
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
	_, err = io.Copy(h, states.Interruptible{Context: ctx, Reader: f})
	return err
}

// fingerprint is a digest of everything that a variant's image and measurements
// depend on.
func fingerprint(context whittle.Digest, p *project.Project, v project.Variant, bases map[string]whittle.Digest, inputs string, o StudyOptions) whittle.Digest {
	b, _ := json.Marshal(struct { // marshalling strings, numbers and maps of them cannot fail
		Schema   string
		Context  whittle.Digest
		Variant  project.Variant
		Bases    map[string]whittle.Digest
		Commands []project.Command
		Requests []project.Request
		Inputs   string
		Test     *project.Test
		Touch    string
		Quick    bool
		Form     int // increased when more of a variant is measured or run
	}{whittle.StudySchema, context, v, bases, p.Commands, p.Requests, inputs, p.Test, p.Touch, o.Quick, 3})
	return whittle.SHA256(sha256.Sum256(b))
}
