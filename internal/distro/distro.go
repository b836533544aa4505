// Package distro reads the databases in which package managers keep what they
// installed: dpkg (also distroless images' status.d), apk, rpm, conda and npm.
// Each becomes claims of ownership of files in the merged root.
//
// Databases are taken as hostile: sizes, records and line lengths are bounded,
// and a database that cannot be read costs its own claims only.
package distro

import (
	"context"
	"path"
	"strings"
	"unicode"

	"whittle.dev/whittle"
)

// Limits: bytes of one database, bytes of one package's record, files that one
// database names.
const (
	maxDatabase = 256 << 20
	maxRecord   = 16 << 20
	maxFiles    = 4_000_000
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
	for i := range claims {
		o := &claims[i].Owner
		o.Name, o.Version = printable(o.Name), printable(o.Version)
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
			strings.HasPrefix(rest, "info/") && (strings.HasSuffix(rest, ".list") || strings.HasSuffix(rest, ".md5sums"))
	case path.Base(p) == "package.json":
		_, manifest := packageDir(p)
		return manifest
	case strings.HasSuffix(p, ".json"):
		return path.Base(path.Dir(p)) == condaMeta
	}
	for _, list := range [][]string{apkPaths, rpmPaths} {
		for _, known := range list {
			if p == known || p == known+walSuffix {
				return true
			}
		}
	}
	return false
}

// printable makes a name from a database fit to be shown: what a terminal
// would obey is replaced, and no name is longer than a line.
func printable(s string) string {
	const longest = 256
	if len(s) > longest {
		s = s[:longest]
	}
	return strings.Map(func(c rune) rune {
		if unicode.IsPrint(c) {
			return c
		}
		return unicode.ReplacementChar
	}, s)
}
