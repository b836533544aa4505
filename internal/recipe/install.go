package recipe

import (
	"path"
	"slices"
	"strings"

	"whittle.dev/whittle/internal/dockerfile"
)

// Install is the RUN that installs the distributions of a layer, and where
// their files are while it runs.
type Install struct {
	Run *dockerfile.Instruction
	// Here is a folder of the image, there the same one while the RUN runs:
	// a COPY from another stage may put it elsewhere.
	Here, There string
}

// Path is where a path of the image is while the RUN runs, from the root.
func (i *Install) Path(p string) string {
	if rest, ok := strings.CutPrefix(p, i.Here); ok && i.Here != i.There {
		p = path.Join(i.There, rest)
	}
	return "/" + p
}

// InstallCommand is a command that installs distributions.
type InstallCommand struct {
	dockerfile.Command
	// Tool is "pip", "uv", "poetry", "pdm" or "pipenv"; verb is the position
	// of its word "install" or "sync".
	Tool string
	Verb int
}

// InstallCommands are the commands of a RUN that install distributions.
func InstallCommands(in *dockerfile.Instruction) (out []InstallCommand, ok bool) {
	if in.Keyword != "RUN" {
		return nil, false
	}
	s, err := in.Shell()
	if err != nil {
		return nil, false
	}
	for _, c := range s.Commands() {
		if i, ok := ReadInstall(c); ok {
			out = append(out, i)
		}
	}
	return out, len(out) > 0
}

// ReadInstall reads one command: "pip install", "python -m pip install",
// "uv pip install", "uv sync", "poetry install" …
func ReadInstall(c dockerfile.Command) (InstallCommand, bool) {
	i := InstallCommand{Command: c}
	at := 0
	if strings.HasPrefix(c.Name(), "python") && len(c.Words) > 3 && c.Words[1].Value == "-m" {
		at = 2
	}
	name := c.Name()
	if at > 0 {
		name = c.Words[at].Value
	}
	verbs := []string{"install", "sync"}
	switch {
	case name == "pip" || strings.HasPrefix(name, "pip3") || strings.HasPrefix(name, "pip2"):
		i.Tool, verbs = "pip", verbs[:1]
	case name == "uv" && len(c.Words) > at+2 && c.Words[at+1].Value == "pip":
		i.Tool = "uv"
		at++
	case name == "uv":
		i.Tool, verbs = "uv", verbs[1:]
	case name == "poetry", name == "pdm", name == "pipenv":
		i.Tool = name
	default:
		return i, false
	}
	for k := at + 1; k < len(c.Words); k++ {
		if slices.Contains(verbs, c.Words[k].Value) {
			i.Verb = k
			return i, true
		}
		if !strings.HasPrefix(c.Words[k].Value, "-") {
			break
		}
	}
	return i, false
}

// Has says whether one of the words is there, also as "--word=…".
func (i *InstallCommand) Has(words ...string) bool {
	return slices.ContainsFunc(i.Words, func(w dockerfile.Word) bool {
		name, _, _ := strings.Cut(w.Value, "=")
		return slices.Contains(words, name)
	})
}

// WheelCommands are the commands that make wheels of what is to be installed.
func WheelCommands(commands []dockerfile.Command) (out []InstallCommand) {
	for _, c := range commands {
		for k := 1; k < min(len(c.Words), 4); k++ {
			if c.Words[k].Value == "wheel" && strings.HasPrefix(c.Words[k-1].Value, "pip") {
				out = append(out, InstallCommand{Command: c, Tool: "pip", Verb: k})
			}
		}
	}
	return out
}

// Argument is an option of an installer with its value, or a word that says what
// to install.
type Argument struct {
	// Option is "--requirement" or "-r"; empty for what is installed by its name,
	// its path or its address, which is the value.
	Option, Value string
	// At is the position of the word that has the value; of the option, where
	// there is none.
	At int
}

// Arguments are those behind the command's verb.
func (i *InstallCommand) Arguments() (out []Argument) {
	for k := i.Verb + 1; k < len(i.Words); k++ {
		w := i.Words[k].Value
		a := Argument{Value: w, At: k}
		if strings.HasPrefix(w, "-") {
			var joined bool
			switch a.Option, a.Value, joined = strings.Cut(w, "="); {
			case joined:
			case TakesValue(w) && k+1 < len(i.Words):
				k++
				a.Value, a.At = i.Words[k].Value, k
			case len(w) > 2 && (strings.HasPrefix(w, "-r") || strings.HasPrefix(w, "-c")):
				a.Option, a.Value = w[:2], w[2:]
			}
		}
		out = append(out, a)
	}
	return out
}

// ReadsFile says that the argument names a file of requirements or constraints.
func (a *Argument) ReadsFile() bool {
	return slices.Contains([]string{"-r", "--requirement", "-c", "--constraint"}, a.Option)
}

// TakesValue says that the value of an installer's option may be the next word.
// https://pip.pypa.io/en/stable/cli/pip_install/
func TakesValue(option string) bool {
	return slices.Contains([]string{"-r", "--requirement", "-c", "--constraint", "-i", "--index-url", "--extra-index-url", "-f", "--find-links", "--only-binary",
		"--no-binary", "--trusted-host", "--timeout", "--retries", "--prefix", "--target", "-t", "--root", "--root-user-action", "--cache-dir", "--proxy",
		"--cert", "--python", "-p", "--platform", "--python-version", "--progress-bar", "--index-strategy", "--link-mode", "--extra", "--group", "--only",
		"--with", "--without", "-E", "--extras", "--no-group", "--only-group", "--config-settings", "-C", "--src", "-e", "--editable", "-w", "--wheel-dir", "--upgrade-strategy"}, option)
}
