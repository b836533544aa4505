// Package distro reads the databases in which package managers keep what they
// installed: dpkg (also distroless images' status.d), apk, rpm, conda and npm.
// Each becomes claims of ownership of files in the merged root.
//
// Databases are taken as hostile: sizes, records and line lengths are bounded,
// and a database that cannot be read costs its own claims only.
package distro

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"whittle"
)

// Limits of one database: its size in bytes, the files that it names, the
// length of a line.
const (
	maxDatabase = 256 << 20
	maxRecord   = 16 << 20
	maxFiles    = 4_000_000
	maxLine     = 1 << 20
)

// A reader claims what one kind of database says.
type reader func(ctx context.Context, r *resolver) ([]whittle.Claim, error)

// Claims reads all databases of a root. The errors are those of databases that
// could not be read, each named; the claims of the others stand.
func Claims(ctx context.Context, root whittle.Root) ([]whittle.Claim, []error) {
	r := newResolver(root)
	var claims []whittle.Claim
	var problems []error
	for _, read := range []reader{dpkg, distroless, apk, rpm, conda, npm} {
		c, err := read(ctx, r)
		if err != nil {
			problems = append(problems, err)
		}
		claims = append(claims, c...)
	}
	return claims, problems
}

// Database says whether a path may be (part of) a database, so that its
// content is kept when a layer is read.
func Database(p string) bool {
	switch {
	case strings.HasPrefix(p, dpkgDir+"/"):
		rest := p[len(dpkgDir)+1:]
		return rest == "status" || rest == "diversions" || strings.HasPrefix(rest, "status.d/") ||
			strings.HasPrefix(rest, "info/") && strings.HasSuffix(rest, ".list")
	case path.Base(p) == "package.json":
		return isPackageJSON(p)
	case strings.HasSuffix(p, ".json"):
		return strings.HasSuffix(path.Dir(p), "conda-meta")
	}
	for _, list := range [][]string{apkPaths, rpmPaths} {
		for _, known := range list {
			if p == known {
				return true
			}
		}
	}
	return false
}

// resolver finds where a path that a database names really lies: parents may
// be symlinks (/bin → usr/bin).
type resolver struct {
	root whittle.Root
	dirs map[string]string
}

func newResolver(root whittle.Root) *resolver {
	return &resolver{root: root, dirs: map[string]string{"": "", ".": ""}}
}

// file is the real path of a file that a database names; ok is false where
// there is none, or it is a directory.
func (r *resolver) file(name string) (string, bool) {
	p, err := whittle.CleanPath(name)
	if err != nil || p == "." {
		return "", false
	}
	dir, base := path.Split(p)
	real := path.Join(r.dir(strings.TrimSuffix(dir, "/"), 0), base)
	e, err := r.root.Lstat(real)
	if err != nil || e.Kind == whittle.Dir {
		return "", false
	}
	return real, true
}

// dir resolves the symlinks of a directory's path within the root.
func (r *resolver) dir(p string, depth int) string {
	if real, ok := r.dirs[p]; ok {
		return real
	}
	if depth > 40 {
		return p
	}
	r.dirs[p] = p // what a loop of links sees
	parent, base := path.Split(p)
	real := path.Join(r.dir(strings.TrimSuffix(parent, "/"), depth+1), base)
	if e, err := r.root.Lstat(real); err == nil && e.Kind == whittle.Symlink {
		target := e.Link
		if !strings.HasPrefix(target, "/") {
			target = path.Join("/", path.Dir(real), target)
		}
		if clean, err := whittle.CleanPath(path.Clean(target)); err == nil {
			real = r.dir(clean, depth+1)
		}
	}
	r.dirs[p] = real
	return real
}

// read reads a database's file. absent says that there is none.
func (r *resolver) read(p string, limit int64) (content []byte, absent bool, err error) {
	real := path.Join(r.dir(path.Dir(p), 0), path.Base(p))
	content, err = r.root.ReadFile(real, limit)
	switch {
	case err == nil:
		return content, false, nil
	case errors.Is(err, fs.ErrNotExist):
		return nil, true, nil
	}
	return nil, false, fmt.Errorf("reading %s: %w", p, err)
}

// list gives the names in a directory of the root.
func (r *resolver) list(dir string) []string {
	prefix := r.dir(dir, 0) + "/"
	var names []string
	for _, p := range within(r.root.Paths(), prefix) {
		if rest := p[len(prefix):]; !strings.Contains(rest, "/") {
			names = append(names, rest)
		}
	}
	return names
}

// within is the run of sorted paths that begin with a directory and a slash.
// Paths are sorted by component, so what lies in a directory stands together.
func within(paths []string, prefix string) []string {
	start := -1
	for i, p := range paths {
		in := strings.HasPrefix(p, prefix)
		switch {
		case in && start < 0:
			start = i
		case !in && start >= 0:
			return paths[start:i]
		}
	}
	if start < 0 {
		return nil
	}
	return paths[start:]
}

// stanzas parts a database into paragraphs of "Name: value" lines, as dpkg
// and apk write them, and calls each with every line of one.
func stanzas(name string, content []byte, each func(lines []string) error) error {
	var lines []string
	for len(content) > 0 {
		var line []byte
		if i := bytes.IndexByte(content, '\n'); i >= 0 {
			line, content = content[:i], content[i+1:]
		} else {
			line, content = content, nil
		}
		if len(line) > maxLine {
			return fmt.Errorf("%s has a line of %d bytes, more than %d: %w", name, len(line), maxLine, whittle.ErrLimit)
		}
		if len(line) > 0 {
			lines = append(lines, string(line))
			continue
		}
		if len(lines) > 0 {
			if err := each(lines); err != nil {
				return err
			}
			lines = lines[:0]
		}
	}
	if len(lines) > 0 {
		return each(lines)
	}
	return nil
}

// field is the value of a "Name: value" line of a stanza.
func field(lines []string, name string) string {
	for _, l := range lines {
		if key, value, ok := strings.Cut(l, ":"); ok && strings.EqualFold(key, name) {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// tooMany is the error of a database that names too many files.
func tooMany(name string) error {
	return fmt.Errorf("%s names more than %d files: %w", name, maxFiles, whittle.ErrLimit)
}
