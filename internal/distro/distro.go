// Package distro reads what the package managers of a distribution keep in an
// image: the packages that dpkg (also in distroless images), apk, rpm, pacman,
// conda and npm have installed, and the accounts of users and groups. It also
// reads Debian's indexes of packages, to say what an installation would bring.
//
// Databases are taken as hostile: sizes, records and line lengths are bounded,
// and a database that cannot be read costs its own packages only.
package distro

import (
	"context"

	"whittle.dev/whittle"
)

// Limits: the bytes of a database, the bytes of a package's record, and the
// files that a database names.
const (
	maxDatabase = 256 << 20
	maxRecord   = 16 << 20
	maxFiles    = 4_000_000
)

// Installed is an installed package.
type Installed struct {
	whittle.Owner
	Reason Reason
	// Depends and Recommends are lists of alternatives, by names without their
	// versions. Provides are other names that the package answers to.
	Depends, Recommends [][]string
	Provides            []string
	// Required says that the package manager does not remove it without force, or that the
	// system does not work without it: Debian's essential and protected packages, and those
	// of priority required.
	Required bool
	// Arch is the architecture that it was made for, as the database has it; empty
	// where it has none.
	Arch string
	// Files are those in the root, clean relative paths with symlinked parents
	// resolved. Evidence is the path of the record.
	Files    []string
	Evidence string
}

// Reason says why a package is installed, as its package manager noted it.
type Reason uint8

// The reasons. Automatic packages were installed only because another one
// depends on them or recommends them.
const (
	ReasonUnknown Reason = iota
	Requested
	Automatic
)

// database is one kind of package database.
type database struct {
	// ecosystem is the package URL type of its packages.
	// https://github.com/package-url/purl-spec/blob/main/PURL-TYPES.rst
	ecosystem string
	kind      whittle.OwnerKind
	// files are patterns of the files that read may read (see [selection]).
	// Their contents are kept when a layer is read.
	files []string
	// read reads the packages of a root, none where there is no such database.
	read func(ctx context.Context, r *resolver) ([]Installed, error)
}

// databases is the table of all package databases.
func databases() []database {
	return []database{dpkg(), distroless(), apk(), rpm(), pacman(), conda(), npm()}
}

// Read reads all package databases of a root. The errors are those of databases
// that could not be read, each named.
func Read(ctx context.Context, root whittle.Root) ([]Installed, []error) {
	r := newResolver(root)
	var packages []Installed
	var problems []error
	for _, db := range databases() {
		found, err := db.read(ctx, r)
		if err != nil {
			problems = append(problems, err)
		}
		for i := range found {
			o := &found[i].Owner
			o.Ecosystem, o.Name, o.Version = db.ecosystem, whittle.Printable(o.Name), whittle.Printable(o.Version)
		}
		packages = append(packages, found...)
	}
	return packages, problems
}

// Claims are the claims of packages to their files.
func Claims(packages []Installed) []whittle.Claim {
	claims := make([]whittle.Claim, 0, len(packages))
	for i := range packages {
		p := &packages[i]
		claims = append(claims, whittle.Claim{Owner: p.Owner, Kind: KindOf(p.Ecosystem), Paths: p.Files, Evidence: p.Evidence})
	}
	return claims
}

// kinds are the kinds of packages by their ecosystem.
var kinds = func() map[string]whittle.OwnerKind {
	out := map[string]whittle.OwnerKind{}
	for _, db := range databases() {
		out[db.ecosystem] = db.kind
	}
	return out
}()

// KindOf is the kind of the packages of an ecosystem; it is
// [whittle.OwnerUnknown] where no database of this package has that ecosystem.
func KindOf(ecosystem string) whittle.OwnerKind { return kinds[ecosystem] }

// wanted selects what this package reads of a root.
var wanted = func() selection {
	var patterns []string
	for _, db := range databases() {
		patterns = append(patterns, db.files...)
	}
	return newSelection(append(patterns, passwdPath, groupPath, osRelease, osReleaseLink))
}()

// Database says whether this package may read a file: then its content is kept
// when a layer is read.
func Database(p string) bool { return wanted.has(p) }

// Databases is a name for the selection that [Database] makes; it changes with
// the selection.
func Databases() string { return wanted.name }

// System are those of packages that are of an operating system.
func System(packages []Installed) (out []Installed) {
	for i := range packages {
		if KindOf(packages[i].Ecosystem) == whittle.OwnerSystem {
			out = append(out, packages[i])
		}
	}
	return out
}
