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

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/project"
	"whittle.dev/whittle/internal/states"
)

// contextDigest is a digest of what a build could read of the project: paths,
// modes and contents of its files, without version control and the study's
// folder. Of files that nothing reads it contains only the paths.
func contextDigest(ctx context.Context, dir string, skip []string, unread func(rel string, d fs.DirEntry) bool) (whittle.Digest, error) {
	h := sha256.New()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err := errors.Join(err, ctx.Err()); err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == ".git" || slices.Contains(skip, path) || d.Name() == "__pycache__") {
			return filepath.SkipDir
		}
		rel, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		fmt.Fprintf(h, "%q %v ", rel, d.Type())
		switch {
		case unread(rel, d):
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
