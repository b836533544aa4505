package recipe

import (
	"path"
	"slices"
	"strings"

	"whittle.dev/whittle/internal/dockerfile"
)

// AptInstalls reads a RUN that installs Debian's packages and does nothing
// else; ok is false for any other.
func AptInstalls(in *dockerfile.Instruction) (names []string, ok bool) {
	script, err := in.Shell()
	if err != nil || script.Exec {
		return nil, false
	}
	for _, c := range script.Commands() {
		words, literal := Values(c.Words)
		if !literal || c.Depth > 0 || len(words) == 0 {
			return nil, false
		}
		switch path.Base(words[0]) {
		case "apt-get", "apt":
			verb, rest := AptVerb(words[1:])
			switch verb {
			case "install":
				names = append(names, rest...)
			case "update", "clean", "autoclean":
			default:
				return nil, false
			}
		case "rm":
			if !slices.ContainsFunc(words, func(w string) bool { return strings.HasPrefix(w, "/var/lib/apt/lists") }) {
				return nil, false
			}
		case "set":
		default:
			return nil, false
		}
	}
	return names, len(names) > 0
}

// AptVerb parts what apt-get does from its flags.
func AptVerb(words []string) (verb string, rest []string) {
	for _, w := range words {
		switch {
		case strings.HasPrefix(w, "-"):
		case verb == "":
			verb = w
		default:
			name, _, _ := strings.Cut(w, "=")
			rest = append(rest, name)
		}
	}
	return verb, rest
}
