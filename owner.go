package whittle

// Owner is who brought a file into an image.
type Owner struct {
	// Ecosystem is the package URL type of the database that says so ("deb",
	// "apk", "rpm", "alpm", "pypi", "npm", "conda"), or "python" for an interpreter
	// and its standard library, "app" for the project's own files, or
	// "instruction" where nothing but the build instruction is known.
	// https://github.com/package-url/purl-spec
	Ecosystem string `json:"ecosystem"`
	Name      string `json:"name"`
	Version   string `json:"version,omitempty"`
}

// String is "pandas 2.3.3".
func (o Owner) String() string {
	if o.Version == "" {
		return o.Name
	}
	return o.Name + " " + o.Version
}

// OwnerKind is the kind of what owns files, in the order of precedence where
// several claim one: what installed a file comes before what describes it.
type OwnerKind uint8

// The kinds. A package of an environment is one that a package manager beside
// the system's installed, such as conda.
const (
	OwnerUnknown OwnerKind = iota
	OwnerSystem
	OwnerEnvironment
	OwnerPython
	OwnerNode
	OwnerInterpreter
)

// Claim is what one record of a package database says: these files are this
// owner's. Claims may overlap; the precedence between them is the ledger's.
type Claim struct {
	Owner Owner
	// Kind says what precedence the claim has.
	Kind OwnerKind
	// Paths are clean relative paths of files (not directories) in the merged
	// root, with symlinked parents resolved. A path that is not there is
	// allowed: databases name files that images have dropped.
	Paths []string
	// Evidence is the path of the record: "var/lib/dpkg/status".
	Evidence string
}

// Root is a read-only view of a merged root file system, as the readers of
// package databases see it. Paths are clean and relative as in [Entry].
type Root interface {
	// Paths lists every visible path but the root, sorted bytewise by
	// component. The caller must not change it.
	Paths() []string
	// Lstat says what is at the path without following a symlink there; its
	// error wraps fs.ErrNotExist where nothing is.
	Lstat(path string) (Entry, error)
	// ReadFile gives the content of a regular file; it does not follow
	// symlinks. A file over the limit of max bytes is [ErrLimit].
	ReadFile(path string, max int64) ([]byte, error)
}
