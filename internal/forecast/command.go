package forecast

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"whittle.dev/whittle/internal/dockerfile"
)

// tool is what installs Python packages.
type tool uint8

const (
	pip tool = iota
	uvPip
	uvSync
	poetry
)

// install is one command that installs packages.
type install struct {
	tool tool
	// assigns are the variables set for it, args its arguments, both as
	// written; what says where to install, and what a generated Dockerfile says
	// anew, is not among them.
	assigns, args []string
	// projects are positions in args: the project itself, with its extras.
	projects []int
	// files are those that args name, of requirements and constraints.
	files []string
	// editable says that the project stays where it is.
	editable bool
	// compile is the flag about bytecode that it has, empty where it has none.
	compile string
	// dir is where it installs to, empty for the interpreter's own folder.
	dir string
}

// role is what a command, or an instruction, does about packages.
type role uint8

const (
	// keeps: nothing that a strategy changes.
	keeps role = iota
	// installing packages of the application.
	installing
	// tooling: what installs is installed itself, or set up.
	tooling
	// venvMaking makes a virtual environment.
	venvMaking
	// cleaning deletes or changes what was installed.
	cleaning
	// copying packages from another stage.
	copying
	// fetching the installer from an image of its own.
	fetching
	// building: the operating system's packages that only compiling needs.
	building
)

// action is a command with its role.
type action struct {
	role    role
	install install
}

// readCommand says what one command of a RUN does; an error is one that does
// something about packages that is not understood.
func readCommand(c *dockerfile.Command) (action, error) {
	words, literal := values(c.Words)
	if len(words) == 0 || !literal && !isInstaller(c.Name()) {
		return action{role: keeps}, nil
	}
	words, isTool := unwrap(words)
	if !isTool {
		return action{role: roleOfOther(words)}, nil
	}
	if !literal {
		return action{}, fmt.Errorf("%s has arguments that only the build knows", c.Name())
	}
	text := make([]string, 0, len(c.Words))
	for _, w := range c.Words[len(c.Words)-len(words):] {
		text = append(text, w.Text)
	}
	a := action{role: installing}
	for _, w := range c.Assigns {
		a.install.assigns = append(a.install.assigns, w.Text)
	}
	var err error
	switch words[0] {
	case "venv":
		if len(words) < 2 || strings.HasPrefix(words[len(words)-1], "-") {
			return a, fmt.Errorf("a virtual environment without a folder")
		}
		a.role, a.install.dir = venvMaking, words[len(words)-1]
	case "pip":
		err = a.pip(words[1:], text[1:])
	case "uv":
		err = a.uv(words[1:], text[1:])
	case "poetry":
		err = a.poetry(words[1:], text[1:])
	default:
		err = fmt.Errorf("%s is not understood", words[0])
	}
	if err == nil && path.IsAbs(c.Words[0].Value) && a.role == installing {
		if dir := path.Dir(path.Dir(c.Words[0].Value)); dir != "/usr" && dir != "/usr/local" && dir != "/" {
			a.install.dir = dir
		}
	}
	return a, err
}

func isInstaller(name string) bool {
	return slices.Contains([]string{"pip", "pip3", "uv", "poetry", "pipenv", "pdm", "conda", "mamba", "easy_install", "pipx"}, name) ||
		strings.HasPrefix(name, "pip3.")
}

// unwrap takes off what stands before an installer's name: "python -m pip" is
// pip. tool is false for any other program.
func unwrap(words []string) (rest []string, tool bool) {
	name := path.Base(words[0])
	if strings.HasPrefix(name, "python") && len(words) > 2 && words[1] == "-m" {
		name, words = words[2], words[2:]
		if name == "venv" || name == "virtualenv" {
			return append([]string{"venv"}, words[1:]...), true
		}
	}
	if name == "virtualenv" {
		return append([]string{"venv"}, words[1:]...), true
	}
	if !isInstaller(name) {
		return words, false
	}
	if strings.HasPrefix(name, "pip3") {
		name = "pip"
	}
	return append([]string{name}, words[1:]...), true
}

// roleOfOther tells cleaning up by where it does it.
func roleOfOther(words []string) role {
	where := slices.ContainsFunc(words[1:], func(w string) bool {
		return strings.Contains(w, "/site-packages") || strings.Contains(w, "/lib/python") || strings.Contains(w, ".cache/pip") || w == "/root/.cache" ||
			strings.Contains(w, "/wheels")
	})
	switch path.Base(words[0]) {
	case "find", "rm", "chmod", "strip":
		if where {
			return cleaning
		}
	}
	return keeps
}

// values are the words without quotes; literal says that all are.
func values(words []dockerfile.Word) (out []string, literal bool) {
	literal = true
	for _, w := range words {
		out = append(out, w.Value)
		literal = literal && w.Literal
	}
	return out, literal
}

// pip reads the arguments of pip.
// https://pip.pypa.io/en/stable/cli/pip_install/
func (a *action) pip(words, text []string) error {
	for len(words) > 0 && words[0] != "install" && strings.HasPrefix(words[0], "-") && !takesValue(words[0]) {
		words, text = words[1:], text[1:]
	}
	if len(words) == 0 {
		return fmt.Errorf("pip without a command")
	}
	switch words[0] {
	case "install":
		return a.arguments(words[1:], text[1:])
	case "check", "list", "freeze", "config", "--version":
		a.role = tooling
		return nil
	case "cache":
		a.role = cleaning
		return nil
	}
	return fmt.Errorf("pip %.20s is not understood", words[0])
}

// takesValue: flags of pip install whose value may be a word of its own.
func takesValue(flag string) bool {
	return slices.Contains([]string{"-r", "--requirement", "-c", "--constraint", "-i", "--index-url", "--extra-index-url", "-f", "--find-links", "--only-binary",
		"--no-binary", "--trusted-host", "--timeout", "--retries", "--prefix", "--target", "-t", "--root", "--root-user-action", "--cache-dir", "--proxy",
		"--cert", "--python", "-p", "--platform", "--python-version", "--progress-bar", "--index-strategy", "--link-mode", "--extra", "--group", "--only",
		"--with", "--without", "-E", "--extras", "--no-group", "--only-group", "--config-settings", "-C", "--src", "-e", "--editable"}, flag)
}

// arguments takes over those of pip install and uv pip install, but for what
// says where to install.
func (a *action) arguments(words, text []string) error {
	var asked []string
	for i := 0; i < len(words); i++ {
		flag, value, joined := strings.Cut(words[i], "=")
		if !strings.HasPrefix(flag, "-") {
			asked = append(asked, words[i])
			if isProject(words[i]) {
				a.install.projects = append(a.install.projects, len(a.install.args))
			}
			a.install.args = append(a.install.args, text[i])
			continue
		}
		end := i + 1
		if takesValue(flag) && !joined {
			if end == len(words) {
				return fmt.Errorf("%s has no value", flag)
			}
			value, end = words[end], end+1
		}
		drop, err := a.flag(flag, value)
		if err != nil {
			return err
		}
		if !drop {
			a.install.args = append(a.install.args, text[i:end]...)
		}
		i = end - 1
	}
	if len(a.install.files) == 0 && !a.install.editable && len(asked) > 0 && allTools(asked) {
		a.role = tooling
	}
	return nil
}

// flag says whether a flag is left out.
func (a *action) flag(flag, value string) (drop bool, err error) {
	switch flag {
	case "--no-compile", "--compile", "--compile-bytecode", "--no-compile-bytecode":
		a.install.compile = flag
		return true, nil
	case "--no-cache-dir", "--no-cache", "-U", "--upgrade", "--root-user-action", "--system",
		"--break-system-packages", "--ignore-installed", "-I", "--force-reinstall", "--no-warn-script-location", "--cache-dir", "--python", "-p":
		return true, nil
	case "--prefix":
		a.install.dir = value
		return true, nil
	case "--user":
		a.install.dir = "/root/.local"
		return true, nil
	case "-r", "--requirement", "-c", "--constraint":
		a.install.files = append(a.install.files, value)
		return false, nil
	case "-e", "--editable":
		a.install.editable = true
		if !isProject(value) {
			return false, fmt.Errorf("an editable install of %.40s is not understood", value)
		}
		a.install.projects = append(a.install.projects, len(a.install.args)+1)
		return false, nil
	case "-t", "--target", "--root", "--src", "--platform", "--python-version", "--dry-run":
		return false, fmt.Errorf("pip install %s is not understood", flag)
	case "--no-index":
		return false, fmt.Errorf("what pip installs from (--no-index) is not in the build context")
	}
	if strings.HasPrefix(flag, "-r") && !strings.HasPrefix(flag, "--") {
		a.install.files = append(a.install.files, flag[2:])
	}
	return false, nil
}

// isProject says whether a word names the build context's project.
func isProject(word string) bool {
	return word == "." || word == "./" || strings.HasPrefix(word, ".[") || strings.HasPrefix(word, "./[")
}

// allTools says that nothing but installers is asked for.
func allTools(asked []string) bool {
	for _, w := range asked {
		name := w
		if i := strings.IndexAny(w, "=<>~![; "); i >= 0 {
			name = w[:i]
		}
		if !slices.Contains([]string{"pip", "setuptools", "wheel", "uv", "poetry", "poetry-core", "poetry-plugin-export", "build", "hatch", "hatchling", "virtualenv",
			"pip-tools", "pdm", "pipenv"}, name) {
			return false
		}
	}
	return true
}

// uv reads the arguments of uv.
// https://docs.astral.sh/uv/reference/cli/
func (a *action) uv(words, text []string) error {
	switch {
	case len(words) > 1 && words[0] == "pip" && words[1] == "install":
		a.install.tool = uvPip
		return a.arguments(words[2:], text[2:])
	case len(words) > 0 && words[0] == "venv":
		a.role, a.install.dir = venvMaking, ".venv"
		if last := words[len(words)-1]; len(words) > 1 && !strings.HasPrefix(last, "-") {
			a.install.dir = last
		}
		return nil
	case len(words) > 0 && words[0] == "sync":
		a.install.tool = uvSync
		return a.locked(words[1:], text[1:])
	}
	return fmt.Errorf("uv %.20s is not understood", strings.Join(words[:min(1, len(words))], " "))
}

// locked takes over the arguments of what installs from a lock file.
func (a *action) locked(words, text []string) error {
	for i, w := range words {
		if a.install.tool == poetry {
			a.install.args = append(a.install.args, text[i])
			continue
		}
		switch w {
		case "--compile-bytecode", "--compile", "--no-compile-bytecode":
			a.install.compile = w
			continue
		case "--no-cache", "--no-editable", "-n":
			continue
		case "--inexact", "--active":
			return fmt.Errorf("uv sync %s is not understood", w)
		}
		a.install.args = append(a.install.args, text[i])
	}
	return nil
}

// poetry reads the arguments of Poetry.
// https://python-poetry.org/docs/cli/
func (a *action) poetry(words, text []string) error {
	if len(words) == 0 {
		return fmt.Errorf("poetry without a command")
	}
	switch words[0] {
	case "config":
		a.role = tooling
		return nil
	case "install", "sync":
		a.install.tool = poetry
		if !slices.Contains(words, "--no-root") {
			a.install.editable = true
		}
		a.install.args = append(a.install.args, words[0])
		return a.locked(words[1:], text[1:])
	}
	return fmt.Errorf("poetry %.20s is not understood", words[0])
}
