package deps

import (
	"strings"

	"whittle.dev/whittle/internal/python"
)

// unknownName is what to do about a module whose distribution is not known.
const unknownName = "declare the distribution that has it; where files do not tell which, check.names of whittle.yaml does"

// NotKnown says in words that a module's distribution is not known, with those
// that it may be.
func NotKnown(n *python.Named) (why, fix string) {
	switch {
	case len(n.Candidates) > 0:
		return "several distributions have it: " + strings.Join(n.Candidates, ", "), "declare the one that is meant; check.names of whittle.yaml says which"
	case n.Distribution != "" && len(n.Perhaps) == 0:
		return "perhaps " + n.Distribution + " has it, whose wheel was not looked at", unknownName
	case len(n.Perhaps) > 0:
		return "which distribution has it is not known; perhaps " + strings.Join(n.Perhaps, " or ") + ", which is declared", unknownName
	}
	return "which distribution has it is not known", unknownName
}
