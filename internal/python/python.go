// Package python reads what Python installations say of themselves: the
// interpreters in a root file system, the distributions installed for them,
// which files each of these owns, and what each requires.
//
// Formats: the database of installed distributions (PEP 376), RECORD (PEP 627
// and the packaging guide's "Recording installed projects"), core metadata,
// direct_url.json (PEP 610), setuptools' egg-info.
// https://packaging.python.org/en/latest/specifications/
//
// Everything that is read is taken as hostile: sizes and counts are bounded,
// and paths never leave the root.
package python

import (
	"context"
	"path"
	"strings"

	"whittle.dev/whittle"
)

// Limits: bytes of a RECORD, of a METADATA with its long description, and of
// the small files beside them; files of all records.
const (
	maxRecord   = 64 << 20
	maxMetadata = 16 << 20
	maxSmall    = 1 << 20
	maxFiles    = 4_000_000
)

// Claims says which files the interpreters, virtual environments and
// distributions of a root own. The errors are those of records that could not
// be read, each named; the other claims are returned all the same.
func Claims(ctx context.Context, root whittle.Root) ([]whittle.Claim, []error) {
	claims, _, problems := Owned(ctx, root)
	return claims, problems
}

// Owned is [Claims] with the distributions that it has read.
func Owned(ctx context.Context, root whittle.Root) ([]whittle.Claim, []Distribution, []error) {
	t := NewTree(root)
	dists, problems := distributions(ctx, t)
	var claims []whittle.Claim
	for _, d := range dists {
		claims = append(claims, whittle.Claim{
			Owner:    whittle.Owner{Ecosystem: "pypi", Name: whittle.Printable(d.Name), Version: whittle.Printable(d.Version)},
			Kind:     whittle.OwnerPython,
			Paths:    d.Files,
			Evidence: d.Record,
		})
	}
	for _, i := range interpreters(t) {
		claims = append(claims, i.claim(t))
	}
	for _, v := range venvs(t) {
		claims = append(claims, v.claim(t))
	}
	return claims, dists, problems
}

// DatabaseVersion names what [Database] selects, in the names of cached indexes:
// change it with Database.
const DatabaseVersion = "python-v2"

// Database says whether a path is a record that this package reads, so that
// its content is kept when a layer is read.
func Database(p string) bool {
	dir, base := path.Split(p)
	dir = strings.TrimSuffix(dir, "/")
	switch {
	case strings.HasSuffix(dir, ".dist-info"):
		switch base {
		case "METADATA", "RECORD", "WHEEL", "INSTALLER", "entry_points.txt", "top_level.txt", "direct_url.json":
			return true
		}
	case strings.HasSuffix(dir, ".egg-info"), path.Base(dir) == "EGG-INFO":
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

// tooMany is the error of records that name too many files together.
func tooMany(record string) error {
	return whittle.ErrLimit.Errorf("%s: the records name more than %d files", record, maxFiles)
}
