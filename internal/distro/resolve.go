package distro

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"whittle.dev/whittle"
)

// maxPath is the length in bytes of the longest name that is looked up, Linux's.
const maxPath = 4096

// resolver finds where a path that a database names really lies: parents may
// be symlinks (/bin → usr/bin).
type resolver struct {
	root whittle.Root
	// dirs has the real paths of directories that are there, by the paths
	// that databases gave them.
	dirs map[string]string
}

func newResolver(root whittle.Root) *resolver {
	return &resolver{root: root, dirs: map[string]string{"": "", ".": ""}}
}

// file is the real path of a file that a database names; ok is false if
// there is none, or it is a directory.
func (r *resolver) file(name string) (string, bool) {
	if len(name) > maxPath {
		return "", false
	}
	p, err := whittle.CleanPath(name)
	if err != nil || p == "." {
		return "", false
	}
	dir, ok := r.dir(path.Dir(p))
	if !ok {
		return "", false
	}
	real := path.Join(dir, path.Base(p))
	e, err := r.root.Lstat(real)
	if err != nil || e.Kind == whittle.Dir {
		return "", false
	}
	return real, true
}

// dir is the real path of a directory, "" for the root; ok is false if
// nothing is there or links go in a circle.
func (r *resolver) dir(p string) (real string, ok bool) {
	if real, ok := r.dirs[p]; ok {
		return real, true
	}
	real, _, ok = whittle.Follow(r.root, "", p)
	if !ok {
		return "", false
	}
	r.dirs[p] = real
	return real, true
}

// read reads a database's file. absent says that there is none.
func (r *resolver) read(p string, limit int64) (content []byte, absent bool, err error) {
	dir, ok := r.dir(path.Dir(p))
	if !ok {
		return nil, true, nil
	}
	content, err = r.root.ReadFile(path.Join(dir, path.Base(p)), limit)
	switch {
	case err == nil:
		return content, false, nil
	case errors.Is(err, fs.ErrNotExist):
		return nil, true, nil
	}
	return nil, false, fmt.Errorf("reading %s: %w", p, err)
}

// list gives the names in a directory of the root, in the order of its paths.
func (r *resolver) list(dir string) []string {
	real, ok := r.dir(dir)
	if !ok {
		return nil
	}
	prefix := real + "/"
	var names []string
	inside := false
	for _, p := range r.root.Paths() {
		rest, in := strings.CutPrefix(p, prefix)
		if in && !strings.Contains(rest, "/") {
			names = append(names, rest)
		}
		// Paths are sorted by component: what is in a directory is
		// in one piece.
		if inside && !in {
			break
		}
		inside = in
	}
	return names
}

// gatherer collects the files of a database's packages and counts what the
// database names, whether it is there or not.
type gatherer struct {
	r        *resolver
	evidence string
	named    int
}

// add adds a file that the database names to a package, if it is there.
func (g *gatherer) add(p *Installed, name string) error {
	if g.named++; g.named > maxFiles {
		return whittle.ErrLimit.Errorf("%s names more than %d files", g.evidence, maxFiles)
	}
	if real, ok := g.r.file(name); ok {
		p.Files = append(p.Files, real)
	}
	return nil
}
