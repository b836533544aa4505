package sitepackages

import (
	"path"
	"slices"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/dockerfile"
	"whittle.dev/whittle/internal/python"
	"whittle.dev/whittle/internal/recipe"
	"whittle.dev/whittle/internal/rule/analysis"
)

// compiledByDockerfile is the bytecode that a Dockerfile compiles explicitly.
// compileall writes it regardless of installers and the environment.
type compiledByDockerfile struct {
	all  bool
	dirs []string
}

// compiledOnPurpose are the folders that the Dockerfile compiles; all says that
// they are not known, or that another stage compiles them.
func compiledOnPurpose(p *analysis.Pass) (out compiledByDockerfile) {
	if p.Dockerfile == nil {
		return out
	}
	chain := p.Recipe.Chain()
	for i := range p.Dockerfile.Stages {
		st := &p.Dockerfile.Stages[i]
		for j := range st.Instructions {
			in := &st.Instructions[j]
			if in.Keyword != "RUN" {
				continue
			}
			s, err := in.Shell()
			if err != nil {
				continue
			}
			for _, c := range s.Commands() {
				if args, ok := compileAll(&c); ok {
					out.add(args, slices.Contains(chain, in))
				}
			}
		}
	}
	return out
}

// compileAll are the arguments of a command that runs compileall.
// https://docs.python.org/3/library/compileall.html
func compileAll(c *dockerfile.Command) (args []dockerfile.Word, ok bool) {
	if !strings.HasPrefix(c.Name(), "python") {
		return nil, false
	}
	for i, w := range c.Words[1:] {
		if w.Value == "compileall" || w.Value == "py_compile" {
			return c.Words[i+2:], c.Words[i].Value == "-m"
		}
	}
	return nil, false
}

// add adds the folders in the arguments of one command; here says that it
// belongs to a stage of the image.
func (w *compiledByDockerfile) add(args []dockerfile.Word, here bool) {
	found := false
	for _, a := range args {
		switch {
		case strings.HasPrefix(a.Value, "-") && strings.Trim(a.Value, "-qflb") == "":
		case !here, !a.Literal, !path.IsAbs(a.Value):
			w.all = true
		default:
			found = true
			w.dirs = append(w.dirs, strings.TrimPrefix(path.Clean(a.Value), "/"))
		}
	}
	w.all = w.all || !found
}

// has says that a path is in one of the folders.
func (w *compiledByDockerfile) has(at string) bool {
	return w.all || slices.ContainsFunc(w.dirs, func(dir string) bool { return whittle.Under(at, dir) })
}

// onlyImports says that the commands of a RUN do not compile. Its bytecode was
// written when its programs imported modules.
func onlyImports(p *analysis.Pass, in *dockerfile.Instruction) bool {
	if in == nil || in.Keyword != "RUN" {
		return false
	}
	s, err := in.Shell()
	if err != nil {
		return false
	}
	for _, c := range s.Commands() {
		i, installs := recipe.ReadInstall(c)
		_, purposely := compileAll(&c)
		switch {
		case purposely, installs && (i.Tool != "pip" && i.Tool != "uv" || compiles(i) || i.Tool == "uv" && uvCompiles(p, in, &c)):
			return false
		case installs, knownNotToImport(&c):
		case strings.HasPrefix(c.Name(), "python") && !(len(c.Words) > 2 && c.Words[1].Value == "-m" && slices.Contains(compilingTools, c.Words[2].Value)):
		case !slices.Contains(compilingTools, c.Name()) && slices.ContainsFunc(p.Graph.Distributions, func(d python.Distribution) bool { return offers(&d, c.Name()) }):
		default:
			return false
		}
	}
	return true
}

// uvCompile is the variable that makes uv compile what it installs.
// https://docs.astral.sh/uv/reference/environment/#uv_compile_bytecode
const uvCompile = "UV_COMPILE_BYTECODE"

// uvCompiles says that the environment of a command may make uv compile what it
// installs.
func uvCompiles(p *analysis.Pass, in *dockerfile.Instruction, c *dockerfile.Command) bool {
	return slices.ContainsFunc(c.Assigns, func(w dockerfile.Word) bool { return strings.HasPrefix(w.Text, uvCompile) }) ||
		slices.ContainsFunc(p.Recipe.ChainOf(&p.Dockerfile.Stages[in.Stage]), func(other *dockerfile.Instruction) bool {
			return (other.Keyword == "ENV" || other.Keyword == "ARG") && slices.ContainsFunc(other.Args, func(a dockerfile.Arg) bool { return strings.HasPrefix(a.Value, uvCompile) })
		})
}

// uvWithout are the edits that keep a command of uv from compiling: without the option,
// and with the other value of the variable, in the words of the one it has. ok is false
// if it has another value, or one of an ARG.
func uvWithout(p *analysis.Pass, in *dockerfile.Instruction, c *recipe.InstallCommand) (edits []whittle.Edit, ok bool) {
	for k, w := range c.Words {
		if w.Value == "--compile-bytecode" || w.Value == "--compile" {
			more, err := in.RemoveWords(c.Command, k, k+1)
			if err != nil {
				return nil, false
			}
			edits = append(edits, more...)
		}
	}
	for _, w := range c.Assigns {
		if value, set := strings.CutPrefix(w.Text, uvCompile+"="); set && !isOff(value) {
			off, known := switchedOff(value)
			if !known {
				return nil, false
			}
			edits = append(edits, in.ReplaceWord(w, uvCompile+"="+off))
		}
	}
	for _, stage := range p.Dockerfile.Ancestry(&p.Dockerfile.Stages[in.Stage]) {
		st := &p.Dockerfile.Stages[stage]
		for i := range st.Instructions {
			value, set := assigned(&st.Instructions[i], uvCompile)
			if !set {
				continue
			}
			if isOff(value) {
				continue
			}
			off, known := switchedOff(value)
			more, err := p.Dockerfile.SetEnv(stage, uvCompile, off)
			if !known || err != nil || st.Instructions[i].Keyword == "ARG" {
				return nil, false
			}
			edits = append(edits, more...)
		}
	}
	return edits, true
}

// assigned is the value that an ENV or ARG gives to a variable.
func assigned(in *dockerfile.Instruction, name string) (value string, ok bool) {
	if in.Keyword != "ENV" && in.Keyword != "ARG" {
		return "", false
	}
	for i, a := range in.Args {
		if value, ok := strings.CutPrefix(a.Value, name+"="); ok {
			return value, true
		} else if a.Value == name && i == 0 {
			return strings.Join(values(in.Args[1:]), " "), true
		}
	}
	return "", false
}

func values(args []dockerfile.Arg) (out []string) {
	for _, a := range args {
		out = append(out, a.Value)
	}
	return out
}

// isOff says that a value switches nothing on.
func isOff(value string) bool {
	return slices.Contains([]string{"", "0", "false", "no", "off", "n", "f"}, strings.ToLower(strings.Trim(value, `"'`)))
}

// switchedOff is the opposite of a value that switches something on, in the same words.
func switchedOff(value string) (string, bool) {
	off, ok := map[string]string{"1": "0", "true": "false", "yes": "no", "on": "off", "y": "n", "t": "f"}[strings.ToLower(strings.Trim(value, `"'`))]
	return off, ok
}

// compilingTools are modules and programs that compile what they install, or
// run something that does.
var compilingTools = []string{"venv", "virtualenv", "ensurepip", "pip", "pipenv", "poetry", "pdm", "build", "tox", "nox"}
