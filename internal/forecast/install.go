package forecast

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"whittle.dev/whittle/internal/recipe"
	"whittle.dev/whittle/internal/restage"
)

// destination is where, and how, a generated Dockerfile installs.
type destination struct {
	// venv is a virtual environment's folder, empty for the interpreter's own.
	venv string
	// python is the version as in "lib/python3.13".
	python string
	clean  restage.Cleanup
	// extras replaces the project's extras in what is installed; it counts only
	// with all.
	extras []string
	all    bool // extras counts
	// inImage says that the installer is in the image, too: its bytecode must not be
	// written into the layer.
	inImage bool
	// uncached says that the original has pip keep no cache.
	uncached bool
}

// check refuses words that would not be plain in the text.
func (d destination) check() error {
	words := slices.Concat([]string{d.python, "x" + d.venv}, d.extras)
	if d.clean.Tests {
		words = append(words, d.clean.KeepTests...)
	}
	for _, w := range words {
		if !restage.Plain(w) {
			return fmt.Errorf("%.40q cannot be written into a Dockerfile", w)
		}
	}
	return nil
}

// runInstall is a RUN that installs what step s installs, with the clean-up. keep
// selects the other commands of s that stay. mounts are further flags, first and
// last further commands.
func (d destination) runInstall(s *restage.Step, keep func(*restage.Part) bool, mounts, first, last []string) (string, error) {
	caches := d.caches(s.Installs)
	commands := slices.Clone(first)
	left := len(s.Installs)
	for i := range s.Parts {
		p := &s.Parts[i]
		switch {
		case p.Role == recipe.Installing:
			c, err := d.command(p.Install)
			if err != nil {
				return "", err
			}
			commands = append(commands, c)
			if left--; left == 0 && d.clean.Tests {
				commands = append(commands, d.deleteTests())
			}
		case p.Role == recipe.PreparesInstaller && !p.OnlyPip(), p.Role == recipe.Keeps && keep(p):
			commands = append(commands, p.Text)
		}
	}
	commands = append(commands, last...)
	text := "RUN " + strings.Join(slices.Concat(caches, mounts, []string{strings.Join(commands, " && \\\n    ")}), " \\\n    ")
	if len(caches) > 0 {
		text = "# What is downloaded is kept in a cache that is in no layer.\n" + text
	}
	return text, nil
}

// caches are cache mounts for the installers.
func (d destination) caches(installs []recipe.PackageInstall) (caches []string) {
	for _, in := range installs {
		if d.uncached && in.Tool == recipe.Pip {
			continue
		}
		for _, c := range in.Tool.CacheFolders() {
			if flag := "--mount=type=cache,target=" + c; !slices.Contains(caches, flag) {
				caches = append(caches, flag)
			}
		}
	}
	return caches
}

// deleteTests finds the tests as [Cleanup] says. The version of Python is not named: a
// base may move to another.
func (d destination) deleteTests() string {
	dir := cmp.Or(d.venv, "/usr/local/lib/python3.*/site-packages")
	return restage.Deleting(dir, "site-packages", d.clean.KeepTests)
}

// command is how something is installed there.
func (d destination) command(in recipe.PackageInstall) (string, error) {
	words := slices.Clone(in.Assigns)
	args, err := d.arguments(in)
	if err != nil {
		return "", err
	}
	switch in.Tool {
	case recipe.Pipenv, recipe.PDM:
		return "", fmt.Errorf("where %s is to install is not understood", in.Args[0])
	case recipe.Pip:
		words = append(words, d.quietly()...)
		words = append(words, "pip", "install")
		if d.venv != "" {
			words = append(words[:len(words)-1], "--python", d.venv+"/bin/python", "install")
		}
		words = append(words, d.compile(in, "--no-compile")...)
	case recipe.UVPip:
		words = append(append(append(words, d.quietly()...), d.uncompiled()...), "UV_LINK_MODE=copy", "uv", "pip", "install", "--system")
		if d.venv != "" {
			words = append(words[:len(words)-1], "--python", d.venv+"/bin/python")
		}
		words = append(words, d.compile(in, "")...)
	case recipe.UVSync:
		words = append(append(append(words, d.quietly()...), d.uncompiled()...), "UV_LINK_MODE=copy", "UV_PYTHON_DOWNLOADS=never", "UV_PROJECT_ENVIRONMENT="+d.venv, "uv", "sync", "--no-editable")
		words = append(words, d.compile(in, "")...)
	case recipe.Poetry:
		if d.venv != "" {
			words = append(words, "VIRTUAL_ENV="+d.venv)
		}
		words = append(append(words, d.quietly()...), "poetry")
	}
	return strings.Join(append(words, args...), " "), nil
}

// quietly keeps an interpreter from writing bytecode of the modules that it imports.
func (d destination) quietly() []string {
	if d.inImage {
		return []string{"PYTHONDONTWRITEBYTECODE=1"}
	}
	return nil
}

// uncompiled keeps uv from compiling, which its flag does not do where the
// environment says the opposite.
func (d destination) uncompiled() []string {
	if d.clean.Bytecode {
		return []string{"UV_COMPILE_BYTECODE=0"}
	}
	return nil
}

// compile is the flag about bytecode: the one that disables it, empty where there
// is none, or the original's.
func (d destination) compile(in recipe.PackageInstall, leave string) []string {
	switch {
	case d.clean.Bytecode && leave == "":
		return nil
	case d.clean.Bytecode:
		return []string{leave}
	case in.Compile != "":
		return []string{in.Compile}
	}
	return nil
}

// arguments are those of an install, with the wanted extras.
func (d destination) arguments(in recipe.PackageInstall) ([]string, error) {
	args := slices.Clone(in.Args)
	if !d.all {
		return args, nil
	}
	if in.Tool == recipe.UVSync {
		return d.uvExtras(args)
	}
	if in.Tool == recipe.Poetry || len(in.Projects) != 1 {
		return nil, fmt.Errorf("where the extras of the project are chosen is not understood")
	}
	target := "."
	if len(d.extras) > 0 {
		target = fmt.Sprintf("%q", ".["+strings.Join(d.extras, ",")+"]")
	}
	args[in.Projects[0]] = target
	return args, nil
}

// uvExtras replaces the extras of uv sync.
func (d destination) uvExtras(args []string) ([]string, error) {
	var out []string
	for i := 0; i < len(args); i++ {
		switch {
		case args[i] == "--extra":
			i++
		case args[i] == "--all-extras", strings.HasPrefix(args[i], "--extra="):
		case args[i] == "--no-extra", strings.HasPrefix(args[i], "--no-extra="):
			return nil, fmt.Errorf("uv sync %s is not understood", args[i])
		default:
			out = append(out, args[i])
		}
	}
	for _, e := range d.extras {
		out = append(out, "--extra", e)
	}
	return out, nil
}

// leftovers deletes what setuptools writes beside the sources when it builds the
// project.
const leftovers = "rm -rf build ./*.egg-info src/*.egg-info"
