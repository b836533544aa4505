package absent

import (
	"path"
	"regexp"
	"slices"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/dockerfile"
)

// output is what a command makes: a file, or files in a folder.
type output struct {
	path string // clean, relative to the context; may have globs
	// exts are the extensions of the only files that it makes there; not are those
	// of files that it does not make.
	exts, not []string
}

// distributions are the extensions of what builds of Python make.
var distributions = []string{".whl", ".tar.gz", ".egg"}

// gives says that an output is a source, has it, or is a part of it.
func (o output) gives(s source) bool {
	want := s.path
	if len(s.empty) > 0 { // the folder is known, the name is not
		if want = s.parent; want == "." {
			return false
		}
	}
	if o.path == "." || o.path == "" {
		return len(o.exts) > 0 && !strings.Contains(want, "/") && hasSuffix(want, o.exts)
	}
	if hasSuffix(want, o.not) {
		return false
	}
	switch {
	case want == o.path, strings.HasPrefix(o.path, want+"/"):
		return true
	case strings.HasPrefix(want, o.path+"/"):
		rest := strings.TrimPrefix(want, o.path+"/")
		return len(o.exts) == 0 || hasSuffix(rest, o.exts) || strings.Trim(rest, "*/") == ""
	}
	for _, pair := range [][2]string{{o.path, want}, {want, o.path}} {
		if strings.ContainsAny(pair[0], "*?[") {
			if ok, err := path.Match(pair[0], pair[1]); err == nil && ok {
				return true
			}
		}
	}
	return false
}

func hasSuffix(name string, exts []string) bool {
	return slices.ContainsFunc(exts, func(e string) bool { return strings.HasSuffix(name, e) })
}

var templates = regexp.MustCompile(`\$?\{\{.*?\}\}`)

// outputs are what a maker's script makes. Its folder is followed through cd.
func (x *explainer) outputs(m *maker) (out []output) {
	if m.script == "" {
		return nil
	}
	s, err := dockerfile.ParseShell(m.file, templates.ReplaceAllString(m.script, "$${TEMPLATE}"))
	if err != nil {
		return nil
	}
	dirs := []string{m.dir} // by depth; "" is not known
	for _, c := range s.Commands() {
		depth := min(c.Depth, 100)
		for len(dirs) <= depth {
			dirs = append(dirs, dirs[len(dirs)-1])
		}
		dirs = dirs[:depth+1]
		dir := &dirs[depth]
		if name := c.Name(); name == "cd" || name == "pushd" {
			*dir = changed(*dir, m, &c)
			continue
		}
		if *dir == "" {
			continue
		}
		for _, o := range x.madeByCommand(&c, *dir) {
			if !path.IsAbs(o.path) {
				o.path = path.Join(*dir, o.path)
				out = append(out, o)
			}
		}
	}
	return out
}

var besideScript = regexp.MustCompile(`^"?\$\(\s*dirname\s+(?:--\s+)?["']?\$(?:0|\{?BASH_SOURCE(?:\[0\])?\}?)["']?\s*\)((?:/[\w.-]+)*)/?"?$`)

// changed is the folder after cd; empty if the text does not say it.
func changed(dir string, m *maker, c *dockerfile.Command) string {
	if len(c.Words) != 2 {
		return ""
	}
	w := c.Words[1]
	if found := besideScript.FindStringSubmatch(w.Text); found != nil && m.rank == ownScript {
		return path.Join(path.Dir(m.call), found[1])
	}
	if strings.Contains(w.Text, "rev-parse --show-toplevel") {
		return "."
	}
	if !w.Literal || path.IsAbs(w.Value) || w.Value == "-" || strings.HasPrefix(w.Value, "~") || dir == "" || len(dir) > maxBefore {
		return ""
	}
	return path.Join(dir, w.Value)
}

// madeByCommand are the outputs of one command, relative to its folder.
func (x *explainer) madeByCommand(c *dockerfile.Command, dir string) (out []output) {
	for _, r := range c.Redirects {
		if strings.HasPrefix(strings.TrimLeft(r.Op, "012"), ">") && !strings.Contains(r.Op, "&") && !strings.HasPrefix(r.Op, "2") && r.Target.Literal {
			out = append(out, output{path: path.Clean(r.Target.Value)})
		}
	}
	words := unwrapped(c)
	if len(words) == 0 {
		return out
	}
	name := path.Base(words[0])
	args := words[1:]
	if named := namedOutputs(name, args); len(named) > 0 {
		return append(out, named...)
	}
	return append(out, x.toolOutputs(name, args, dir)...)
}

// unwrapped are the words of a command without programs that start another one.
// A word that only the shell knows is empty.
func unwrapped(c *dockerfile.Command) []string {
	var words []string
	for _, w := range c.Words {
		words = append(words, w.Value)
	}
	for len(words) > 1 {
		switch name := path.Base(words[0]); {
		case slices.Contains([]string{"sudo", "env", "npx", "nohup", "time", "command", "exec", "cross-env", "bunx", "uvx", "dotenv", "winpty"}, name),
			slices.Contains([]string{"poetry", "uv", "pdm", "pipenv", "hatch", "rye", "pipx"}, name) && words[1] == "run":
			if words = words[1:]; words[0] == "run" {
				words = words[1:]
			}
			for len(words) > 1 && (strings.HasPrefix(words[0], "-") || strings.Contains(words[0], "=")) {
				words = words[1:]
			}
		case (name == "pnpm" || name == "npm" || name == "bun" || name == "yarn") && (words[1] == "exec" || words[1] == "dlx" || words[1] == "x"):
			if words = words[2:]; len(words) > 0 && words[0] == "--" {
				words = words[1:]
			}
		case name == "yarn" && !slices.Contains([]string{"install", "run", "build", "add", "workspace", "pack"}, words[1]) && !strings.HasPrefix(words[1], "-"):
			words = words[1:]
		case (strings.HasPrefix(name, "python") || name == "py") && words[1] == "-m" && len(words) > 2:
			words = words[2:]
			words[0] = pythonModules(words[0])
		default:
			return words
		}
	}
	return words
}

// pythonModules is the program of a module that "python -m" runs.
func pythonModules(module string) string {
	switch module {
	case "build":
		return "pyproject-build"
	case "piptools":
		return "pip-tools"
	}
	return module
}

// outputOptions are options whose value is an output, by what most programs call
// them.
var outputOptions = []string{"--output", "--out", "--outfile", "--out-file", "--output-file", "--outdir", "--out-dir", "--outDir", "--output-dir", "--output-path", "--output-folder", "--dest",
	"--destination", "--dist-dir", "--wheel-dir", "--site-dir", "--outputPath", "--bin-dir", "--publish-dir", "--requirements-output"}

// shortOutputs are the short options of programs whose value is an output.
func shortOutputs(name string) []string {
	switch name {
	case "pip", "pip3":
		return []string{"-w", "-d", "-t"}
	case "rollup":
		return []string{"-o", "-d"}
	case "babel", "pdm":
		return []string{"-d", "-o"}
	case "hugo", "jekyll", "mkdocs", "tsup", "unzip", "parcel":
		return []string{"-d"}
	case "wget":
		return []string{"-O"}
	case "openssl":
		return []string{"-out"}
	case "ssh-keygen":
		return []string{"-f"}
	case "pyproject-build", "poetry", "uv", "go", "gcc", "cc", "g++", "clang", "ld", "pip-compile", "curl", "webpack", "tailwindcss", "dotnet", "maturin", "storybook", "pandoc", "svgo", "postcss", "terser", "uglifyjs", "git", "pex", "shiv", "protoc":
		return []string{"-o"}
	}
	return nil
}

// namedOutputs are those that options or arguments name.
func namedOutputs(name string, args []string) []output {
	if out := outputsAt(optionPaths(name, args)); len(out) > 0 {
		return out
	}
	if name == "tar" {
		return tarOutputs(args)
	}
	return outputsAt(argumentPaths(name, args))
}

// outputsAt are the outputs at paths. What goes to another program or to nothing is
// none.
func outputsAt(paths []string) (out []output) {
	for _, p := range paths {
		if p != "" && p != "-" && p != "/dev/null" {
			out = append(out, output{path: path.Clean(p)})
		}
	}
	return out
}

// optionPaths are the values of options that name outputs.
func optionPaths(name string, args []string) (paths []string) {
	short := shortOutputs(name)
	for i, a := range args {
		key, value, has := strings.Cut(a, "=")
		switch {
		case has && (slices.Contains(outputOptions, key) || slices.Contains(short, key) || strings.HasPrefix(key, "--") && strings.HasSuffix(key, "_out")):
			paths = append(paths, value)
		case !has && i+1 < len(args) && (slices.Contains(outputOptions, a) || slices.Contains(short, a)):
			paths = append(paths, args[i+1])
		}
	}
	return paths
}

// argumentPaths are the outputs of programs that take them as arguments, or name
// them after one.
func argumentPaths(name string, args []string) []string {
	rest := slices.DeleteFunc(slices.Clone(args), func(a string) bool { return strings.HasPrefix(a, "-") })
	switch name {
	case "touch", "tee":
		return rest
	case "zip":
		return rest[:min(1, len(rest))]
	case "sass":
		if len(rest) == 1 {
			_, to, _ := strings.Cut(rest[0], ":")
			return []string{to}
		}
		return lastOf(rest)
	case "cp", "mv", "ln", "rsync", "install", "copyfiles", "cpy", "lessc":
		return lastOf(rest)
	case "wget":
		if len(rest) == 1 {
			return []string{path.Base(rest[0])}
		}
	case "curl":
		if len(rest) == 1 && slices.ContainsFunc(args, keepsName) {
			return []string{path.Base(rest[0])}
		}
	case "git":
		switch {
		case len(rest) < 2 || rest[0] != "clone":
		case len(rest) > 2:
			return lastOf(rest)
		default:
			return []string{strings.TrimSuffix(path.Base(rest[1]), ".git")}
		}
	}
	return nil
}

// lastOf is the last one of several arguments, which is where the others go.
func lastOf(args []string) []string {
	if len(args) < 2 {
		return nil
	}
	return args[len(args)-1:]
}

// keepsName says that an option makes curl write a file with the name that it has
// in the address: --remote-name, -O, -sSLO.
func keepsName(option string) bool {
	return option == "--remote-name" || len(option) > 1 && option[0] == '-' && option[1] != '-' && strings.Contains(option, "O")
}

// tarOutputs are the archive that tar creates, or the folder to which it extracts.
func tarOutputs(args []string) (out []output) {
	creates, file := false, ""
	for i, a := range args {
		if i == 0 || strings.HasPrefix(a, "-") && !strings.HasPrefix(a, "--") {
			flags := strings.TrimPrefix(a, "-")
			creates = creates || strings.Contains(flags, "c") || a == "--create"
			if strings.HasSuffix(flags, "f") && i+1 < len(args) && file == "" {
				file = args[i+1]
			}
		}
		if value, ok := strings.CutPrefix(a, "--file="); ok {
			file = value
		}
		if a == "-C" && i+1 < len(args) && !creates {
			return []output{{path: path.Clean(args[i+1])}}
		}
	}
	if creates && file != "" {
		return []output{{path: path.Clean(file)}}
	}
	return nil
}

// text is a text of the context, the first that is there; empty if there is none.
func (x *explainer) text(names ...string) string {
	for _, name := range names {
		if b, err := whittle.Folder(x.Context).Read(name, maxTold); err == nil {
			return string(b)
		}
	}
	return ""
}
