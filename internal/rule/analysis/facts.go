package analysis

import (
	"io/fs"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/distro"
	"whittle.dev/whittle/internal/dockerfile"
	"whittle.dev/whittle/internal/dockerfile/ignore"
	"whittle.dev/whittle/internal/manifest"
	"whittle.dev/whittle/internal/python"
)

// Facts are the facts about one image, the Dockerfile that made it, and its
// project. Unknown ones are nil, and a rule that needs them finds nothing.
type Facts struct {
	Config  *whittle.Config
	Indexes []*whittle.Index
	Ledger  *whittle.Ledger
	// Owner and Category are indexed like Ledger.Items.
	Owner    []whittle.Owner
	Category []string
	// Packages are the packages in the image's package databases.
	Packages []distro.Installed
	Root     whittle.Root
	// Steps are those of the history, joined to the Dockerfile if it is known.
	Steps []whittle.Step
	// Dockerfile made the image; its build arguments are resolved, and its Name is
	// the path in the project. Target is the stage, empty for the last.
	Dockerfile *dockerfile.File
	Target     string
	// Ignore is the .dockerignore of the build.
	Ignore *ignore.File
	// Files is the project's folder, which is the build context.
	Files fs.FS
	// Declared are the dependencies that the project's files declare.
	Declared *manifest.Declared
	// Names finds the distribution of a module.
	Names *python.Names
	// Graph has the installed distributions and their requirements. Usage is how
	// the image's starts use each of them.
	Graph *python.Graph
	Usage []Usage
	// Check is the result of the check of the image.
	Check *whittle.Check
	// Debug gives the bytes of symbols and debug sections of a binary in Root that
	// no process reads, and whether it is known to load after strip; ok is false if
	// the file is no binary.
	Debug func(path string) (bytes int64, safe, ok bool)
	// Libraries are the names of the shared libraries that a binary in Root loads
	// (DT_NEEDED); nil if it is no binary.
	Libraries func(path string) []string
	// Loaded are the paths of the files that the dynamic loader loads with a binary in
	// Root, itself among them; nil if that is not known.
	Loaded func(path string) []string
	// Bound gives the specifiers with which to declare a distribution
	// (">=13,<14"), from a lock file or the package index; ok is false if neither
	// has it.
	Bound func(distribution string) (specifiers string, ok bool)
	// Growth gives the bytes that installing requirements adds to the image; ok is
	// false if the package index does not tell.
	Growth func(requirements ...string) (low, high int64, ok bool)
	// Trace says what the image's runs touched; nil if they were not traced. It may be
	// of another build of the project.
	Trace *whittle.Trace
	// Repeated says that the runs of the trace are repeated with what is proposed: they
	// show whether a distribution that they touched is needed.
	Repeated bool
	// Guard fixes undeclared imports by guarding them instead of declaring them.
	Guard bool
}
