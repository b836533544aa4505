package analysis

import (
	"io/fs"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/distro"
	"whittle.dev/whittle/internal/dockerfile"
	"whittle.dev/whittle/internal/dockerfile/ignore"
	"whittle.dev/whittle/internal/project"
	"whittle.dev/whittle/internal/python"
)

// Facts are what is known of one image, of what made it, and of the project. What
// is not known is nil; a rule that needs it then finds nothing.
type Facts struct {
	Config  *whittle.Config
	Indexes []*whittle.Index
	Ledger  *whittle.Ledger
	// Owner and Category are indexed like Ledger.Items.
	Owner    []whittle.Owner
	Category []string
	// Packages are those that the package managers of the image know.
	Packages []distro.Installed
	Root     whittle.Root
	// Steps are the history's, joined to the Dockerfile where it is known.
	Steps []whittle.Step
	// Dockerfile is what made the image, with its build arguments resolved;
	// its Name is the path in the project, Target the stage, empty for the last.
	Dockerfile *dockerfile.File
	Target     string
	// Ignore is the .dockerignore of the build.
	Ignore *ignore.File
	// Files is the project's folder, which is the build context.
	Files fs.FS
	// Declared is what the project's files say that it needs.
	Declared *project.Declared
	// Names knows which distribution has a module.
	Names *python.Names
	// Graph has the installed distributions and what they require of each
	// other; Usage says of each of them how the image's starts use it.
	Graph *python.Graph
	Usage []Usage
	// Check is what keeps the image from running.
	Check *whittle.Check
	// Debug says how many bytes of a binary in Root are symbols and debug
	// sections that no process reads, and whether strip is known to leave it
	// whole; ok is false for what is no binary.
	Debug func(path string) (bytes int64, safe, ok bool)
	// Libraries are the names of the shared libraries that a binary in Root loads
	// (DT_NEEDED); nil where no binary was read.
	Libraries func(path string) []string
	// Bound gives the specifiers to declare a distribution with (">=13,<14"),
	// from a lock file or the package index; ok is false where neither says.
	Bound func(distribution string) (specifiers string, ok bool)
	// Growth is how many bytes installing some requirements adds to what is
	// there already; ok is false where no index says it.
	Growth func(requirements ...string) (low, high int64, ok bool)
	// Guard asks for an import that is not declared to be guarded instead.
	Guard bool
}
