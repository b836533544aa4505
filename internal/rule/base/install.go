package base

import (
	"path"
	"slices"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/dockerfile"
	"whittle.dev/whittle/internal/recipe"
	"whittle.dev/whittle/internal/rule/analysis"
)

// installing is a command that installs packages of the operating system.
type installing struct {
	dockerfile.Command
	in *dockerfile.Instruction
	// manager is "apt", "apk" or "dnf"; names are the positions of the packages' words.
	manager string
	names   []int
	// wrapped says that a script of the project runs the manager, see wrapped.
	wrapped bool
}

// readInstalling reads the commands of a RUN that install packages by their names. ok
// is false if one of them, or the script, cannot be read.
func readInstalling(p *analysis.Pass, in *dockerfile.Instruction) (out []installing, ok bool) {
	if in == nil || in.Keyword != "RUN" || in.JSON {
		return nil, false
	}
	script, err := in.Shell()
	if err != nil || script.Exec {
		return nil, false
	}
	for _, c := range script.Commands() {
		i := installing{Command: c, in: in}
		a, isApt := recipe.ReadApt(&c)
		apkVerb, apkAt, isApk := recipe.Verb(&c, "apk")
		dnfVerb, dnfAt, isDnf := recipe.Verb(&c, "dnf", "yum")
		at := 0
		switch {
		case isApt && a.Verb == "install":
			i.manager, at = "apt", a.At
		case isApk && apkVerb == "add":
			i.manager, at = "apk", apkAt
		case isDnf && dnfVerb == "install":
			i.manager, at = "dnf", dnfAt
		default:
			if i, ok := wrapped(p, in, &c); ok {
				out = append(out, i)
			}
			continue
		}
		if c.Depth > 0 || slices.ContainsFunc(c.Words, func(w dockerfile.Word) bool { return !w.Literal || strings.ContainsAny(w.Value, "*?[<>~@") }) {
			return nil, false
		}
		for k := at + 1; k < len(c.Words); k++ {
			switch w := c.Words[k].Value; {
			case takesValue(i.manager, w):
				k++
			case !strings.HasPrefix(w, "-"):
				i.names = append(i.names, k)
			}
		}
		out = append(out, i)
	}
	return out, true
}

// takesValue says that the next word is the value of an option: apt-get(8), apk(8),
// dnf(8).
func takesValue(manager, option string) bool {
	options := map[string]string{"apt": "-o --option -t --target-release --default-release -c --config-file -a", "apk": "-t --virtual -X --repository -p --root --arch",
		"dnf": "-c --config --enablerepo --disablerepo --repo --setopt --installroot --releasever -x --exclude"}
	return slices.Contains(strings.Fields(options[manager]), option)
}

// name is the package's name in a word: "gcc" in "gcc=4:12.2" and "gcc:amd64".
func (i *installing) name(k int) string {
	word := i.Words[k].Value
	if end := strings.IndexAny(word, "=/:"); end >= 0 && i.manager != "dnf" {
		word = word[:end]
	}
	return word
}

// named are the names of the packages, in order.
func (i *installing) named() (names []string) {
	for _, k := range i.names {
		names = append(names, i.name(k))
	}
	return names
}

// virtual is the name of the group of packages that apk add --virtual makes.
func (i *installing) virtual() string {
	for k := range i.Words[:len(i.Words)-1] {
		if w := i.Words[k].Value; i.manager == "apk" && (w == "-t" || w == "--virtual") {
			return i.Words[k+1].Value
		}
	}
	for _, w := range i.Words {
		if value, ok := strings.CutPrefix(w.Value, "--virtual="); ok && i.manager == "apk" {
			return value
		}
	}
	return ""
}

// head is the command up to its first package, as written.
func (i *installing) head() string {
	var words []string
	for _, a := range i.Assigns {
		words = append(words, a.Text)
	}
	for _, w := range i.Words[:i.names[0]] {
		words = append(words, w.Text)
	}
	return strings.Join(words, " ")
}

// program is the package manager with what comes before it: "sudo apt-get".
func (i *installing) program() string {
	var words []string
	for _, w := range i.Words {
		words = append(words, w.Text)
		if slices.Contains([]string{"apt-get", "apt", "apk", "dnf", "yum"}, path.Base(w.Value)) {
			break
		}
	}
	return strings.Join(words, " ")
}

// onlyInstalls says that a RUN does nothing but install packages and clean up after it.
func onlyInstalls(in *dockerfile.Instruction) bool {
	script, err := in.Shell()
	if err != nil || script.Exec {
		return false
	}
	installs := 0
	for _, c := range script.Commands() {
		verb, _, manager := recipe.Verb(&c, "apt-get", "apt", "apk", "dnf", "yum")
		switch {
		case c.Depth > 0:
			return false
		case manager && verb == "update", cleans(&c):
		case manager && (verb == "install" || verb == "add"):
			installs++
		case c.Name() == "set":
		default:
			return false
		}
	}
	return installs == 1
}

// cleans says that a command only deletes what a package manager has fetched.
func cleans(c *dockerfile.Command) bool {
	if verb, _, ok := recipe.Verb(c, "apt-get", "apt", "dnf", "yum"); ok {
		return slices.Contains([]string{"clean", "autoclean", "dist-clean"}, verb)
	}
	return c.Name() == "rm" && !slices.ContainsFunc(c.Words[1:], func(w dockerfile.Word) bool { return !cleaned(w.Value) })
}

// cleaned says that a word of rm is an option, or a folder of what a package manager
// has fetched.
func cleaned(word string) bool {
	at := strings.TrimPrefix(word, "/")
	return strings.HasPrefix(word, "-") || whittle.Under(at, "var/lib/apt/lists") || whittle.Under(at, "var/cache")
}
