package recipe

import (
	"path"
	"slices"
	"strings"

	"whittle.dev/whittle/internal/dockerfile"
)

// Apt is a command of apt-get, apt or aptitude.
type Apt struct {
	dockerfile.Command
	// Verb is what it does: "install", "update"; empty where no word says it. At
	// is the position of that word.
	Verb string
	At   int
	// names are the positions of the words behind the verb that are neither
	// options nor their values.
	names []int
}

// ReadApt reads a command; ok is false for those of other programs. sudo, env
// and the like may come before the program.
func ReadApt(c *dockerfile.Command) (a Apt, ok bool) {
	a = Apt{Command: *c}
	if a.Verb, a.At, ok = Verb(c, "apt-get", "apt", "aptitude"); !ok || a.Verb == "" {
		return a, ok
	}
	for i := a.At + 1; i < len(c.Words); i++ {
		switch w := c.Words[i].Value; {
		case aptTakesValue(w):
			i++
		case !strings.HasPrefix(w, "-"):
			a.names = append(a.names, i)
		}
	}
	return a, true
}

// Verb is the first word behind a package manager's name that is no option,
// with its position; ok says that the command runs the package manager.
func Verb(c *dockerfile.Command, programs ...string) (verb string, at int, ok bool) {
	program := slices.IndexFunc(c.Words[:min(len(c.Words), 6)], func(w dockerfile.Word) bool {
		return slices.Contains(programs, path.Base(w.Value)) && (!strings.Contains(w.Value, "/") || path.Base(path.Dir(w.Value)) == "bin")
	})
	if program < 0 {
		return "", 0, false
	}
	for i := program + 1; i < len(c.Words); i++ {
		switch w := c.Words[i]; {
		case aptTakesValue(w.Text):
			i++
		case !strings.HasPrefix(w.Text, "-"):
			return w.Value, i, true
		}
	}
	return "", 0, true
}

// aptTakesValue says that the next word is the value of an option of apt-get
// (apt-get(8)).
func aptTakesValue(option string) bool {
	return slices.Contains([]string{"-o", "--option", "-t", "--target-release", "--default-release", "-c", "--config-file", "-a", "--host-architecture"}, option)
}

// Packages are the names of the packages that it names. A file, a task or a
// pattern is given as it is written.
func (a *Apt) Packages() (names []string) {
	for _, i := range a.names {
		names = append(names, packageName(a.Words[i].Value))
	}
	return names
}

// packageName is the name in "name=version", "name/release" and "name:arch".
func packageName(word string) string {
	word, _, _ = strings.Cut(word, "=")
	word, _, _ = strings.Cut(word, "/")
	word, _, _ = strings.Cut(word, ":")
	return word
}

// Literal says that the shell replaces nothing in its words.
func (a *Apt) Literal() bool {
	return !slices.ContainsFunc(a.Words, func(w dockerfile.Word) bool { return !w.Literal || strings.ContainsAny(w.Value, "*?[") })
}

// TakesRecommends says that it installs packages, with those that they
// recommend.
func (a *Apt) TakesRecommends() bool {
	return a.Verb == "install" && !slices.ContainsFunc(a.Words, func(w dockerfile.Word) bool {
		return w.Value == "--no-install-recommends" || strings.Contains(strings.ToLower(w.Value), "install-recommends=")
	})
}

// Options are the position of the last option right behind the verb, or of the
// verb, and the position of the first package.
func (a *Apt) Options() (last, first int) {
	last = a.At
	for last+1 < len(a.Words) && strings.HasPrefix(a.Words[last+1].Text, "-") && !aptTakesValue(a.Words[last+1].Text) {
		last++
	}
	if len(a.names) == 0 {
		return last, len(a.Words)
	}
	return last, a.names[0]
}

// AptCommands are the commands of apt in a RUN; ok is false where its script
// cannot be read.
func AptCommands(in *dockerfile.Instruction) (out []Apt, ok bool) {
	script, err := in.Shell()
	if err != nil {
		return nil, false
	}
	for _, c := range script.Commands() {
		if a, ok := ReadApt(&c); ok {
			out = append(out, a)
		}
	}
	return out, true
}

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
			switch a, _ := ReadApt(&c); a.Verb {
			case "install":
				names = append(names, a.Packages()...)
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
