// Package python reads what Python installations say of themselves: the
// interpreters in a root file system, the distributions installed for them,
// and which files each of these owns.
//
// Formats: the database of installed distributions (PEP 376), RECORD (PEP 627
// and the packaging guide's "Recording installed projects"), core metadata,
// direct_url.json (PEP 610), and setuptools' egg-info.
// https://packaging.python.org/en/latest/specifications/recording-installed-packages/
//
// Everything that is read is taken as hostile: sizes and counts are bounded,
// and paths never leave the root.
package python

import (
	"context"
	"fmt"
	"path"
	"sort"
	"strings"

	"whittle"
)

// Limits: bytes of one file of a distribution's records, files of all of them.
const (
	maxRecord = 64 << 20
	maxFiles  = 4_000_000
)

// Claims says which files the interpreters and distributions of a root own.
// The errors are those of records that could not be read, each named; the
// other claims stand.
func Claims(ctx context.Context, root whittle.Root) ([]whittle.Claim, []error) {
	t := newTree(root)
	dists, problems := distributions(ctx, t)
	var claims []whittle.Claim
	for _, d := range dists {
		claims = append(claims, whittle.Claim{
			Owner:    whittle.Owner{Ecosystem: "pypi", Name: d.Name, Version: d.Version},
			Paths:    d.Files,
			Evidence: d.Record,
		})
	}
	for _, i := range interpreters(t) {
		claims = append(claims, i.claim(t))
	}
	return claims, problems
}

// Database says whether a path is a record that Claims reads, so that its
// content is kept when a layer is read.
func Database(p string) bool {
	dir, base := path.Split(p)
	dir = strings.TrimSuffix(dir, "/")
	switch {
	case strings.HasSuffix(dir, ".dist-info"):
		switch base {
		case "METADATA", "RECORD", "top_level.txt", "direct_url.json", "entry_points.txt", "WHEEL", "INSTALLER":
			return true
		}
	case strings.HasSuffix(dir, ".egg-info"), strings.HasSuffix(dir, "/EGG-INFO"):
		switch base {
		case "PKG-INFO", "installed-files.txt", "SOURCES.txt", "top_level.txt", "entry_points.txt", "requires.txt":
			return true
		}
	case strings.HasSuffix(base, ".egg-info"), strings.HasSuffix(base, ".egg-link"), strings.HasSuffix(base, ".pth"), base == "pyvenv.cfg":
		return true
	case base == "patchlevel.h":
		return strings.HasPrefix(path.Base(dir), "python")
	}
	return false
}

// tree is a root with the look-ups that reading distributions needs.
type tree struct {
	root  whittle.Root
	paths []string
	// bytecode has the .pyc files by the path of their source.
	bytecode map[string][]string
}

func newTree(root whittle.Root) *tree {
	t := &tree{root: root, paths: root.Paths(), bytecode: map[string][]string{}}
	for _, p := range t.paths {
		if source, ok := sourceOf(p); ok {
			t.bytecode[source] = append(t.bytecode[source], p)
		}
	}
	return t
}

// sourceOf is the path of the source that a cached bytecode file was compiled
// from (PEP 3147).
func sourceOf(p string) (string, bool) {
	dir, base := path.Split(p)
	if !strings.HasSuffix(base, ".pyc") || !strings.HasSuffix(dir, "__pycache__/") {
		return "", false
	}
	stem, _, ok := strings.Cut(base, ".")
	if !ok {
		return "", false
	}
	return strings.TrimSuffix(dir, "__pycache__/") + stem + ".py", true
}

// isFile says whether a path is there and no directory.
func (t *tree) isFile(p string) bool {
	e, err := t.root.Lstat(p)
	return err == nil && e.Kind != whittle.Dir
}

// below gives the files below a directory.
func (t *tree) below(dir string) []string {
	// Paths are sorted by component: what is below a directory follows it.
	i := sort.Search(len(t.paths), func(i int) bool { return comparePaths(t.paths[i], dir) > 0 })
	var out []string
	for ; i < len(t.paths) && strings.HasPrefix(t.paths[i], dir+"/"); i++ {
		if t.isFile(t.paths[i]) {
			out = append(out, t.paths[i])
		}
	}
	return out
}

// comparePaths orders paths bytewise by component.
func comparePaths(a, b string) int {
	return strings.Compare(strings.ReplaceAll(a, "/", "\x00"), strings.ReplaceAll(b, "/", "\x00"))
}

// Normalize is a distribution's name in the form in which names are compared
// (PEP 503).
func Normalize(name string) string {
	var b strings.Builder
	dash := false
	for _, r := range strings.ToLower(name) {
		separator := r == '-' || r == '_' || r == '.'
		switch {
		case !separator:
			b.WriteRune(r)
		case !dash:
			b.WriteByte('-')
		}
		dash = separator
	}
	return b.String()
}

// tooMany is the error of records that name too many files.
func tooMany(record string) error {
	return fmt.Errorf("%s names more than %d files: %w", record, maxFiles, whittle.ErrLimit)
}
