package start

import (
	"path"
	"slices"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/shell"
)

// environmentRun follows "uv run" and its kind, which start a command in the
// environment of a project. Which one that is depends on more than files show,
// so that what is missing there is a doubt.
func environmentRun(t *Trace, st *Process, file, name string) bool {
	args := st.argv[1:]
	i := slices.IndexFunc(args, func(a string) bool { return !strings.HasPrefix(a, "-") })
	if name == "uvx" || i < 0 || args[i] != "run" {
		if name == "uvx" || i >= 0 && slices.Contains([]string{"tool", "x", "shell", "exec"}, args[i]) {
			st.notFollowed(name)
		}
		return name == "uvx"
	}
	t.execute(st, file)
	st.Unknown = nil
	e := environmentCommand{trace: t, st: st, name: name, dir: st.Dir}
	rest := e.options(append(slices.Clone(args[:i]), args[i+1:]...))
	prefix, ok := e.prefix()
	if !ok || len(rest) == 0 || e.unclear {
		st.notFollowed(name + " run")
		return true
	}
	env := clone(st.Env)
	if prefix != "" {
		env["PATH"] = "/" + prefix + "/bin:" + searchPath(st.Env)
		env["VIRTUAL_ENV"] = "/" + prefix
	}
	python := "python"
	if _, there := t.Files.which(python, searchPath(env), ""); !there {
		python = "python3"
	}
	switch {
	case e.module:
		rest = append([]string{python, "-m"}, rest...)
	case name == "uv" && (strings.HasSuffix(rest[0], ".py") || e.isFolder(rest[0])):
		rest = append([]string{python}, rest...)
	}
	how := shell.Perhaps
	if name == "uv" && !e.syncs && prefix != "" {
		how = shell.Must
	}
	t.then(st, rest, how, func(child *Process) { child.Env, child.Dir = env, e.dir })
	return true
}

// SyncsFirst is the doubt about "uv run": what it starts is known, what is
// installed by then may differ from what the image has.
const SyncsFirst = "uv run brings the environment up to date first, unless UV_NO_SYNC or --no-sync is set"

// environmentCommand is one command line of such a program.
type environmentCommand struct {
	trace *Trace
	st    *Process
	name  string
	dir   string
	// named is the environment that an option names, module says that the
	// command is a module.
	named, at string
	module    bool
	// syncs says that the environment is brought up to date first, unclear
	// that it is another one.
	syncs, unclear bool
}

// options reads the tool's own options; the rest is the command.
func (e *environmentCommand) options(args []string) []string {
	e.syncs = e.name == "uv" && e.st.Env["UV_NO_SYNC"] == ""
	for len(args) > 0 && strings.HasPrefix(args[0], "-") {
		flag, value, has := strings.Cut(args[0], "=")
		args = args[1:]
		next := func() string {
			if !has && len(args) > 0 {
				value, args = args[0], args[1:]
			}
			return value
		}
		switch flag {
		case "--":
			return args
		case "-m", "--module":
			e.module = true
		case "--no-sync", "--no-project":
			e.syncs = false
		case "--directory":
			e.dir = whittle.Join(e.dir, next())
		case "-n", "--name":
			e.named = next()
		case "-p", "--prefix", "--project", "--manifest-path":
			v := next()
			if flag == "-p" && e.name == "uv" {
				e.unclear = true
			}
			e.at = whittle.Join(e.dir, v)
		case "--with", "--with-requirements", "--with-editable", "--python", "--isolated", "--script", "-s", "-e", "--environment":
			e.unclear = true
			next()
		case "--extra", "--group", "--no-group", "--only-group", "--env-file", "--index-url", "--index", "--cache-dir", "--package", "--config-file", "--cwd", "-C":
			next()
		}
	}
	return args
}

// prefix is the folder of the environment, "" for that of the process.
func (e *environmentCommand) prefix() (string, bool) {
	if e.syncs && e.projectOf() != "" {
		e.st.Doubt(SyncsFirst)
	}
	var candidates []string
	switch e.name {
	case "conda", "mamba", "micromamba":
		file, _ := e.trace.Files.which(e.st.argv[0], searchPath(e.st.Env), e.st.Dir)
		root := path.Dir(path.Dir(e.trace.Files.Real(file)))
		candidates = []string{e.at, root + "/envs/" + e.named, whittle.Join("", e.st.Env["MAMBA_ROOT_PREFIX"]) + "/envs/" + e.named}
		if e.named == "base" {
			candidates = append(candidates, root)
		}
	case "uv", "poetry", "pdm", "pipenv", "rye":
		if p := e.st.Env["UV_PROJECT_ENVIRONMENT"]; p != "" && e.name == "uv" {
			candidates = append(candidates, whittle.Join(e.projectOf(), p))
		}
		if p := e.projectOf(); p != "" {
			candidates = append(candidates, whittle.Join(p, "../.venv"))
		}
		if v := e.st.Env["VIRTUAL_ENV"]; v != "" && (e.name != "uv" || e.projectOf() == "") {
			candidates = append([]string{whittle.Join("", v)}, candidates...)
		}
		if e.name == "uv" {
			candidates = append(candidates, whittle.Join(e.dir, ".venv"))
		}
	case "pixi":
		candidates = []string{whittle.Join(e.dir, ".pixi/envs/default")}
	}
	for _, dir := range candidates {
		if _, _, ok := e.trace.Files.Stat(dir + "/bin/python"); ok && dir != "" {
			return dir, true
		}
	}
	switch {
	case e.name == "poetry" && e.st.Env["POETRY_VIRTUALENVS_CREATE"] == "false", e.name == "uv" && e.projectOf() == "", e.name == "pipenv" && e.st.Env["PIPENV_SYSTEM"] != "":
		return "", true
	}
	return "", false
}

// projectOf is the pyproject.toml, or the Pipfile, of the project that the
// command belongs to; empty for none.
func (e *environmentCommand) projectOf() string {
	file := "pyproject.toml"
	if e.name == "pipenv" {
		file = "Pipfile"
	}
	for dir := e.dir; ; dir = path.Dir(dir) {
		if dir == "." {
			dir = ""
		}
		if p := whittle.Join(dir, file); e.isThere(p) {
			return p
		}
		if dir == "" {
			return ""
		}
	}
}

func (e *environmentCommand) isThere(p string) bool {
	_, entry, ok := e.trace.Files.Stat(p)
	return ok && entry.Kind != whittle.Dir
}

func (e *environmentCommand) isFolder(p string) bool {
	_, entry, ok := e.trace.Files.Stat(whittle.Join(e.dir, p))
	return ok && entry.Kind == whittle.Dir
}
