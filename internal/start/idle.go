package start

import (
	"path"
	"slices"
	"strings"
)

// Idle says that a command line is an interpreter or a shell without anything
// to run, as base images have it: it waits for input.
func Idle(argv []string) bool {
	if len(argv) != 1 {
		return false
	}
	name := path.Base(argv[0])
	return isPython(name, name) || IsShell(name) || slices.Contains([]string{"node", "irb", "ipython"}, name)
}

// NoStart says in words that an image starts only what its base starts.
func NoStart(argv []string) string {
	return "no start of its own: it starts " + strings.Join(argv, " ") + ", as its base does, which only waits for input"
}
