package recipe

import (
	"slices"
	"strings"

	"whittle.dev/whittle/internal/dockerfile"
	"whittle.dev/whittle/internal/pep"
)

// InstallerUpgrade is a "pip install" that installs another version of pip, and
// perhaps of what pip builds wheels with.
type InstallerUpgrade struct {
	InstallCommand
	// Tools are "pip", "setuptools" and "wheel", as far as the command names
	// them without a version; At are the positions of their words.
	Tools []string
	At    []int
	// Pinned says that one of them is named with a version, others that the
	// command installs more.
	Pinned, Others bool
	// Inner says that it is in the text of a "sh -c", which cannot be edited.
	Inner bool
}

// InstallerUpgrades are the commands of a RUN that install another version of
// pip.
func InstallerUpgrades(in *dockerfile.Instruction) (out []InstallerUpgrade) {
	commands, _ := RunCommands(in)
	for _, r := range commands {
		// A wrapper comes before the program that ReadInstall looks at.
		c := r.Command
		c.Words = c.Words[min(r.Program, len(c.Words)):]
		i, ok := ReadInstall(c)
		if !ok || i.Tool != "pip" {
			continue
		}
		upgrades := i.Has("--upgrade", "-U") || slices.ContainsFunc(i.Words, func(w dockerfile.Word) bool { return shortUpgrade(w.Value) })
		u := InstallerUpgrade{InstallCommand: i, Inner: r.Inner}
		pip := false
		for _, a := range i.Arguments() {
			switch a.Option {
			case "-r", "--requirement", "-e", "--editable":
				u.Others = true
				continue
			case "":
			default:
				continue
			}
			req, err := pep.ParseRequirement(a.Value)
			name := ""
			if err == nil {
				name = req.Name
			}
			switch {
			case !slices.Contains([]string{"pip", "setuptools", "wheel"}, name):
				u.Others = true
			case a.Value != name:
				u.Pinned = true
				pip = pip || name == "pip"
			default:
				pip = pip || name == "pip" && upgrades
				u.Tools, u.At = append(u.Tools, name), append(u.At, a.At+r.Program)
			}
		}
		u.Command, u.Verb = r.Command, i.Verb+r.Program
		if pip {
			out = append(out, u)
		}
	}
	return out
}

// shortUpgrade says that a word of short options has -U among them: "-qU".
func shortUpgrade(w string) bool {
	return len(w) > 1 && w[0] == '-' && w[1] != '-' && strings.Contains(w, "U") && strings.Trim(w[1:], "qvUI") == ""
}
