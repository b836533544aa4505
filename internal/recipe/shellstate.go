package recipe

import (
	"slices"
	"strings"

	"whittle.dev/whittle/internal/dockerfile"
)

// stateful are the commands after which a shell runs others in another way:
// elsewhere, with other permissions, words or names.
var stateful = []string{"cd", "pushd", "popd", "umask", "trap", "alias", "unalias", "shopt", "exec", "eval", "source", ".", "export", "unset", "readonly", "ulimit",
	"shift", "return", "exit"}

// LeavesState says that what is appended to a RUN might not do what it does in
// a separate RUN: the script before it changes the folder, sets variables or
// options, defines functions, or cannot be read.
func LeavesState(in *dockerfile.Instruction) bool {
	s, err := in.Shell()
	if err != nil {
		return true
	}
	text := in.Text()
	if strings.Contains(text, "()") || strings.Contains(text, "function ") {
		return true
	}
	return slices.ContainsFunc(s.Commands(), func(c dockerfile.Command) bool {
		// Those in subshells are counted too: braces look the same here.
		return len(c.Words) == 0 && len(c.Assigns) > 0 || slices.Contains(stateful, c.Name()) ||
			c.Name() == "set" && slices.ContainsFunc(c.Words[1:], otherOption)
	})
}

// otherOption says that a word after "set" is more than what makes a script
// stop at failures or print what it does.
func otherOption(w dockerfile.Word) bool {
	if w.Value == "pipefail" || w.Value == "errexit" || w.Value == "xtrace" || w.Value == "nounset" {
		return false
	}
	return strings.Trim(w.Value, "-+exuo") != ""
}
