package lab

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"whittle"
	"whittle/internal/project"
)

// OutName is the folder in a project where a study leaves its images, logs
// and reports.
const OutName = ".whittle"

// folder is where a study keeps what it made.
type folder string

// openFolder makes the study's folder. It ignores itself for git, and the
// builds never send it.
func openFolder(dir string) (folder, error) {
	for _, d := range []string{dir, filepath.Join(dir, "images"), filepath.Join(dir, "logs"), filepath.Join(dir, "variants")} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			return "", fmt.Errorf("making the study's folder: %w: %w", err, whittle.ErrUsage)
		}
	}
	ignore := filepath.Join(dir, ".gitignore")
	if _, err := os.Lstat(ignore); errors.Is(err, fs.ErrNotExist) {
		if err := WriteFile(ignore, []byte("*\n")); err != nil {
			return "", err
		}
	}
	return folder(dir), nil
}

func (f folder) path(rel string) string { return filepath.Join(string(f), rel) }

func statePath(variant string) string { return filepath.Join("variants", variant+".json") }

// save keeps a finished variant for a study that is resumed, and its
// Dockerfile for whoever inspects the image later.
func (f folder) save(v *whittle.Variant, dockerfile []byte) error {
	b, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		return fmt.Errorf("keeping variant %s: %w", v.Name, err)
	}
	if err := WriteFile(f.path(sourcePath(v.Name)), dockerfile); err != nil {
		return err
	}
	return WriteFile(f.path(statePath(v.Name)), b)
}

func sourcePath(variant string) string { return filepath.Join("variants", variant+".Dockerfile") }

// studied finds the Dockerfile of an image that a study left behind, by the
// image's name: the archive lies in the study's images folder. It gives o
// unchanged for any other image.
func studied(image string, o InspectOptions) InspectOptions {
	path := strings.TrimPrefix(image, "docker-archive:")
	name, isTar := strings.CutSuffix(filepath.Base(path), ".tar")
	images := filepath.Dir(path)
	if o.Source != nil || !isTar || filepath.Base(images) != "images" || !filepath.IsLocal(name) {
		return o
	}
	f := folder(filepath.Dir(images))
	state, err := os.ReadFile(f.path(statePath(name)))
	if err != nil {
		return o
	}
	var v whittle.Variant
	source, err := os.ReadFile(f.path(sourcePath(name)))
	if err != nil || json.Unmarshal(state, &v) != nil {
		return o
	}
	o.Dockerfile, o.Source, o.Target, o.Args = v.Dockerfile, source, v.Target, v.Args
	return o
}

// load gives the kept variant if it was made from the same things and its
// image is still there.
func (f folder) load(name string, fingerprint whittle.Digest) (*whittle.Variant, bool) {
	b, err := os.ReadFile(f.path(statePath(name)))
	if err != nil {
		return nil, false
	}
	var v whittle.Variant
	if json.Unmarshal(b, &v) != nil || v.Name != name || v.Fingerprint != fingerprint {
		return nil, false
	}
	if v.Build.Status == whittle.Built {
		if _, err := os.Stat(f.path(v.Build.Archive)); err != nil {
			return nil, false
		}
	}
	return &v, true
}

// WriteFile writes a file whole or not at all.
func WriteFile(path string, content []byte) (err error) {
	tmp, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	defer func() {
		if err != nil {
			os.Remove(tmp.Name())
		}
	}()
	_, err = tmp.Write(content)
	if err == nil {
		err = tmp.Chmod(0o644)
	}
	err = errors.Join(err, tmp.Close())
	if err == nil {
		err = os.Rename(tmp.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	return nil
}

// contextDigest is a digest of all that a build could see of the project: the
// paths, modes and contents of its files, but for version control and the
// study's own folder.
func contextDigest(ctx context.Context, dir, out string) (whittle.Digest, error) {
	h := sha256.New()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err := errors.Join(err, ctx.Err()); err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == ".git" || path == out || d.Name() == "__pycache__") {
			return filepath.SkipDir
		}
		rel, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		fmt.Fprintf(h, "%q %v ", rel, d.Type())
		switch {
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
		return "", fmt.Errorf("reading the build context: %w: %w", err, whittle.ErrUsage)
	}
	return whittle.SHA256([32]byte(h.Sum(nil))), nil
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
	_, err = io.Copy(h, interruptible{ctx, f})
	return err
}

// interruptible ends a long reading with its context.
type interruptible struct {
	ctx context.Context
	r   io.Reader
}

func (i interruptible) Read(p []byte) (int, error) {
	if err := i.ctx.Err(); err != nil {
		return 0, err
	}
	return i.r.Read(p)
}

// fingerprint is a digest of all that a variant is made from and measured by.
func fingerprint(context whittle.Digest, p *project.Project, v project.Variant, bases map[string]whittle.Digest, o StudyOptions) whittle.Digest {
	b, _ := json.Marshal(struct { // marshalling strings, numbers and maps of them cannot fail
		Schema   string
		Context  whittle.Digest
		Variant  project.Variant
		Bases    map[string]whittle.Digest
		Commands []project.Command
		Test     *project.Test
		Touch    string
		Quick    bool
	}{whittle.StudySchema, context, v, bases, p.Commands, p.Test, p.Touch, o.Quick})
	return whittle.SHA256(sha256.Sum256(b))
}

// relative names a file in the study's folder as the report does.
func relative(parts ...string) string { return strings.Join(parts, "/") }
