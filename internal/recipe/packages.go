package recipe

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"whittle.dev/whittle/internal/dockerfile"
)

// Tool is what installs Python packages.
type Tool uint8

// The installers; uv has two ways.
const (
	Pip Tool = iota
	UVPip
	UVSync
	Poetry
	Pipenv
	PDM
)

// CacheFolders are where an installer keeps what it downloads and builds.
func (t Tool) CacheFolders() []string {
	switch t {
	case UVPip, UVSync:
		return []string{"/root/.cache/uv"}
	case Poetry:
		// One level up there may be virtual environments.
		return []string{"/root/.cache/pypoetry/artifacts", "/root/.cache/pypoetry/cache"}
	case Pipenv:
		return []string{"/root/.cache/pipenv"}
	case PDM:
		return []string{"/root/.cache/pdm"}
	}
	return []string{"/root/.cache/pip"}
}

// PackageInstall is one command that installs packages, as a generated Dockerfile
// needs it.
type PackageInstall struct {
	Tool Tool
	// Assigns are the variables set for it, args its arguments, both as
	// written; what says where to install, and what a generated Dockerfile says
	// anew, is not among them.
	Assigns, Args []string
	// Projects are positions in args: the project itself, with its extras.
	Projects []int
	// Files are those that args name, of requirements and constraints.
	Files []string
	// Editable says that the project stays where it is.
	Editable bool
	// Compile is the flag about bytecode that it has, empty where it has none.
	Compile string
	// Dir is where it installs to, empty for the interpreter's own folder.
	Dir string
}

// Role is what a command, or an instruction, does about packages.
type Role uint8

const (
	// Keeps: it does nothing about packages.
	Keeps Role = iota
	// Installing packages of the application.
	Installing
	// PreparesInstaller: what installs is installed itself, or set up.
	PreparesInstaller
	// MakesVenv makes a virtual environment.
	MakesVenv
	// Cleans deletes or changes what was installed.
	Cleans
	// CopiesPackages copies packages from another stage.
	CopiesPackages
	// FetchesInstaller copies the installer from its own image.
	FetchesInstaller
	// InstallsBuildTools: the operating system's packages that only compiling needs.
	InstallsBuildTools
)

// PackageAction is a command with its role.
type PackageAction struct {
	Role    Role
	Install PackageInstall
}

// ReadPackageCommand says what one command of a RUN does; an error is one that does
// something about packages that is not understood.
func ReadPackageCommand(c *dockerfile.Command) (PackageAction, error) {
	words, literal := Values(c.Words)
	if len(words) == 0 || !literal && !IsInstaller(c.Name()) {
		return PackageAction{Role: Keeps}, nil
	}
	words, isTool := unwrap(words)
	if !isTool {
		return PackageAction{Role: roleOfOther(words)}, nil
	}
	if !literal {
		return PackageAction{}, fmt.Errorf("%s has arguments that only the build knows", c.Name())
	}
	text := make([]string, 0, len(c.Words))
	for _, w := range c.Words[len(c.Words)-len(words):] {
		text = append(text, w.Text)
	}
	a := PackageAction{Role: Installing}
	for _, w := range c.Assigns {
		a.Install.Assigns = append(a.Install.Assigns, w.Text)
	}
	var err error
	switch words[0] {
	case "venv":
		if len(words) < 2 || strings.HasPrefix(words[len(words)-1], "-") {
			return a, fmt.Errorf("a virtual environment without a folder")
		}
		a.Role, a.Install.Dir = MakesVenv, words[len(words)-1]
	case "pip":
		err = a.pip(words[1:], text[1:])
	case "uv":
		err = a.uv(words[1:], text[1:])
	case "poetry":
		err = a.poetry(words[1:], text[1:])
	case "pipenv":
		err = a.project(Pipenv, words, text)
	case "pdm":
		err = a.project(PDM, words, text)
	default:
		err = fmt.Errorf("%s is not understood", words[0])
	}
	if err == nil && path.IsAbs(c.Words[0].Value) && a.Role == Installing {
		if dir := path.Dir(path.Dir(c.Words[0].Value)); dir != "/usr" && dir != "/usr/local" && dir != "/" {
			a.Install.Dir = dir
		}
	}
	return a, err
}

// IsInstaller says that a program installs Python packages.
func IsInstaller(name string) bool {
	return slices.Contains([]string{"pip", "pip3", "uv", "poetry", "pipenv", "pdm", "conda", "mamba", "easy_install", "pipx"}, name) ||
		strings.HasPrefix(name, "pip3.")
}

// unwrap removes what is before an installer's name: "python -m pip" is
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
	if !IsInstaller(name) {
		return words, false
	}
	if strings.HasPrefix(name, "pip3") {
		name = "pip"
	}
	return append([]string{name}, words[1:]...), true
}

// roleOfOther is the role of a program that is no installer: it cleans up where it
// works on what was installed.
func roleOfOther(words []string) Role {
	where := slices.ContainsFunc(words[1:], func(w string) bool {
		return strings.Contains(w, "/site-packages") || strings.Contains(w, "/lib/python") || strings.Contains(w, ".cache/pip") || w == "/root/.cache" ||
			strings.Contains(w, "/wheels")
	})
	switch path.Base(words[0]) {
	case "find", "rm", "chmod", "strip":
		if where {
			return Cleans
		}
	}
	return Keeps
}

// Values are the words without quotes; literal says that all are.
func Values(words []dockerfile.Word) (out []string, literal bool) {
	literal = true
	for _, w := range words {
		out = append(out, w.Value)
		literal = literal && w.Literal
	}
	return out, literal
}

// pip reads the arguments of pip.
// https://pip.pypa.io/en/stable/cli/pip_install/
func (a *PackageAction) pip(words, text []string) error {
	for len(words) > 0 && strings.HasPrefix(words[0], "-") {
		option, value, joined := strings.Cut(words[0], "=")
		switch {
		case option == "--python": // an interpreter, or the folder of an environment
			if !joined && len(words) > 1 {
				value, words, text = words[1], words[1:], text[1:]
			}
			if dir := path.Dir(path.Dir(value)); strings.HasPrefix(path.Base(value), "python") && path.Base(path.Dir(value)) == "bin" {
				value = dir
			}
			if a.Install.Dir = value; value == "/usr" || value == "/usr/local" {
				a.Install.Dir = ""
			}
		case TakesValue(option) && !joined:
			return fmt.Errorf("pip %.20s is not understood", option)
		}
		words, text = words[1:], text[1:]
	}
	if len(words) == 0 {
		return fmt.Errorf("pip without a command")
	}
	switch words[0] {
	case "install":
		return a.arguments(words[1:], text[1:])
	case "check", "list", "freeze", "config", "--version":
		a.Role = PreparesInstaller
		return nil
	case "cache":
		a.Role = Cleans
		return nil
	}
	return fmt.Errorf("pip %.20s is not understood", words[0])
}

// arguments takes over those of pip install and uv pip install, but for what
// says where to install.
func (a *PackageAction) arguments(words, text []string) error {
	var asked []string
	for i := 0; i < len(words); i++ {
		flag, value, joined := strings.Cut(words[i], "=")
		if !strings.HasPrefix(flag, "-") {
			asked = append(asked, words[i])
			if NamesProject(words[i]) {
				a.Install.Projects = append(a.Install.Projects, len(a.Install.Args))
			}
			a.Install.Args = append(a.Install.Args, text[i])
			continue
		}
		end := i + 1
		if TakesValue(flag) && !joined {
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
			a.Install.Args = append(a.Install.Args, text[i:end]...)
		}
		i = end - 1
	}
	if len(a.Install.Files) == 0 && !a.Install.Editable && len(asked) > 0 && allTools(asked) {
		a.Role = PreparesInstaller
	}
	return nil
}

// flag says whether a flag is dropped.
func (a *PackageAction) flag(flag, value string) (drop bool, err error) {
	switch flag {
	case "--no-compile", "--compile", "--compile-bytecode", "--no-compile-bytecode":
		a.Install.Compile = flag
		return true, nil
	case "--no-cache-dir", "--no-cache", "-U", "--upgrade", "--root-user-action", "--system",
		"--break-system-packages", "--ignore-installed", "-I", "--force-reinstall", "--no-warn-script-location", "--cache-dir", "--python", "-p":
		return true, nil
	case "--prefix":
		a.Install.Dir = value
		return true, nil
	case "--user":
		a.Install.Dir = "/root/.local"
		return true, nil
	case "-r", "--requirement", "-c", "--constraint":
		a.Install.Files = append(a.Install.Files, value)
		return false, nil
	case "-e", "--editable":
		a.Install.Editable = true
		if !NamesProject(value) {
			return false, fmt.Errorf("an editable install of %.40s is not understood", value)
		}
		a.Install.Projects = append(a.Install.Projects, len(a.Install.Args)+1)
		return false, nil
	case "-t", "--target", "--root", "--src", "--platform", "--python-version", "--dry-run":
		return false, fmt.Errorf("pip install %s is not understood", flag)
	case "--no-index":
		return false, fmt.Errorf("what pip installs from (--no-index) is not in the build context")
	}
	if strings.HasPrefix(flag, "-r") && !strings.HasPrefix(flag, "--") {
		a.Install.Files = append(a.Install.Files, flag[2:])
	}
	return false, nil
}

// NamesProject says whether a word names the build context's project.
func NamesProject(word string) bool {
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
func (a *PackageAction) uv(words, text []string) error {
	switch {
	case len(words) > 1 && words[0] == "pip" && words[1] == "install":
		a.Install.Tool = UVPip
		return a.arguments(words[2:], text[2:])
	case len(words) > 0 && words[0] == "venv":
		a.Role, a.Install.Dir = MakesVenv, ".venv"
		if last := words[len(words)-1]; len(words) > 1 && !strings.HasPrefix(last, "-") {
			a.Install.Dir = last
		}
		return nil
	case len(words) > 0 && (words[0] == "export" || words[0] == "lock" || words[0] == "--version"):
		a.Role = PreparesInstaller
		return nil
	case len(words) > 0 && words[0] == "sync":
		a.Install.Tool = UVSync
		return a.locked(words[1:], text[1:])
	}
	return fmt.Errorf("uv %.20s is not understood", strings.Join(words[:min(1, len(words))], " "))
}

// locked takes over the arguments of what installs from a lock file.
func (a *PackageAction) locked(words, text []string) error {
	for i, w := range words {
		if a.Install.Tool == Poetry {
			a.Install.Args = append(a.Install.Args, text[i])
			continue
		}
		switch w {
		case "--compile-bytecode", "--compile", "--no-compile-bytecode":
			a.Install.Compile = w
			continue
		case "--no-cache", "--no-editable", "-n":
			continue
		case "--inexact", "--active":
			return fmt.Errorf("uv sync %s is not understood", w)
		}
		a.Install.Args = append(a.Install.Args, text[i])
	}
	return nil
}

// poetry reads the arguments of Poetry.
// https://python-poetry.org/docs/cli/
func (a *PackageAction) poetry(words, text []string) error {
	if len(words) == 0 {
		return fmt.Errorf("poetry without a command")
	}
	switch words[0] {
	case "config", "export", "lock", "self", "check", "--version":
		a.Role = PreparesInstaller
		return nil
	case "install", "sync":
		a.Install.Tool = Poetry
		if !slices.Contains(words, "--no-root") {
			a.Install.Editable = true
		}
		a.Install.Args = append(a.Install.Args, words[0])
		return a.locked(words[1:], text[1:])
	}
	return fmt.Errorf("poetry %.20s is not understood", words[0])
}

// project reads the arguments of pipenv and PDM, which install a project's lock.
// https://pipenv.pypa.io/en/latest/commands.html, https://pdm-project.org/en/latest/reference/cli/
func (a *PackageAction) project(tool Tool, words, text []string) error {
	if len(words) < 2 {
		return fmt.Errorf("%s without a command", words[0])
	}
	switch words[1] {
	case "install", "sync":
		a.Install.Tool = tool
		a.Install.Args = text[1:]
		a.Install.Editable = tool == PDM && !slices.Contains(words, "--no-self") && !slices.Contains(words, "--no-editable")
		return nil
	case "config", "export", "requirements", "lock", "--version", "use", "verify":
		a.Role = PreparesInstaller
		return nil
	}
	return fmt.Errorf("%s %.20s is not understood", words[0], words[1])
}
