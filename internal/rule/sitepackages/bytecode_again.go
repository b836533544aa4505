package sitepackages

import (
	"slices"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/dockerfile"
	"whittle.dev/whittle/internal/python"
	"whittle.dev/whittle/internal/recipe"
	"whittle.dev/whittle/internal/rule/analysis"
)

// noCompileGroup are the edits that keep all installers of a group's RUN from
// compiling. If the image has a copy of a folder that several RUNs of a stage
// filled, these are all of them.
func noCompileGroup(p *analysis.Pass, g *analysis.Group) (edits []whittle.Edit, runs []*dockerfile.Instruction, asked, ok bool) {
	runs = []*dockerfile.Instruction{g.Install.Run}
	if g.Install.Here != "" {
		runs = runs[:0]
		for _, in := range p.Recipe.ChainOf(&p.Dockerfile.Stages[g.Install.Run.Stage]) {
			if commands, found := recipe.InstallCommands(in); found && slices.ContainsFunc(commands, func(c recipe.InstallCommand) bool {
				return compiles(c) || c.Tool == "uv" && uvCompiles(p, in, &c.Command)
			}) {
				runs = append(runs, in)
			}
			if in == g.Install.Run {
				break
			}
		}
	}
	for _, run := range runs {
		more, uv, ok := noCompile(p, run)
		if !ok {
			return nil, nil, false, false
		}
		edits, asked = append(edits, more...), asked || uv
	}
	return edits, runs, asked, len(edits) > 0
}

// compiles says that an installer compiles what it installs. uv does so only on
// request.
func compiles(c recipe.InstallCommand) bool {
	return c.Tool != "uv" && !c.Has("--no-compile") || c.Has("--compile-bytecode", "--compile")
}

// writtenAgain are the distributions whose bytecode would be written anyway:
// programs that run later import their modules and may write bytecode. all says
// that it may be any of them.
type writtenAgain struct {
	all   bool
	names map[string]bool
}

func (w *writtenAgain) has(name string) bool { return w.all || w.names[name] }

// again gives the bytecode that is written by the commands after the first of
// the RUNs, in their stage and in the image.
func again(p *analysis.Pass, runs []*dockerfile.Instruction) writtenAgain {
	w := writtenAgain{names: map[string]bool{}}
	for _, chain := range [][]*dockerfile.Instruction{p.Recipe.Chain(), p.Recipe.ChainOf(&p.Dockerfile.Stages[runs[0].Stage])} {
		behind := !slices.Contains(chain, runs[0])
		for _, in := range chain {
			if in.Keyword == "RUN" && (behind || in == runs[0]) {
				rewritten(p, in, in == runs[0], &w)
			}
			behind = behind || in == runs[0]
		}
	}
	return w
}

// rewritten adds the imports of the commands of a RUN; in the first RUN only of
// those after its first installer.
func rewritten(p *analysis.Pass, in *dockerfile.Instruction, first bool, w *writtenAgain) {
	s, err := in.Shell()
	if err != nil {
		w.all = true
		return
	}
	for _, c := range s.Commands() {
		i, installs := recipe.ReadInstall(c)
		switch {
		case first:
			first = !installs
		case installs && i.Tool == "uv", knownNotToImport(&c), noBytecode(p, in, &c):
		case installs && i.Tool == "pip":
			w.names["pip"] = true
		default:
			program(p, &c, w)
		}
	}
}

// noBytecode says that Python writes no bytecode in a command, because of the
// environment of the stage or the command.
func noBytecode(p *analysis.Pass, in *dockerfile.Instruction, c *dockerfile.Command) bool {
	const name = "PYTHONDONTWRITEBYTECODE"
	if slices.ContainsFunc(c.Assigns, func(w dockerfile.Word) bool { return strings.HasPrefix(w.Text, name+"=") && len(w.Text) > len(name)+1 }) {
		return true
	}
	set := false
	for _, other := range p.Recipe.ChainOf(&p.Dockerfile.Stages[in.Stage]) {
		if other == in {
			break
		}
		if other.Keyword != "ENV" {
			continue
		}
		for i, a := range other.Args {
			if value, ok := strings.CutPrefix(a.Value, name+"="); ok {
				set = strings.Trim(value, `"'`) != ""
			} else if a.Value == name && i == 0 && len(other.Args) == 2 {
				set = other.Args[1].Value != ""
			}
		}
	}
	return set
}

// program adds the imports of a program: if it belongs to an installed
// distribution, all that this distribution needs.
func program(p *analysis.Pass, c *dockerfile.Command, w *writtenAgain) {
	name, module := c.Name(), ""
	if strings.HasPrefix(name, "python") && len(c.Words) > 2 && c.Words[1].Value == "-m" {
		module = analysis.TopModule(c.Words[2].Value)
	}
	if module == "venv" || module == "ensurepip" || name == "virtualenv" {
		return // the interpreter that runs is another one
	}
	for i := range p.Graph.Distributions {
		d := &p.Graph.Distributions[i]
		if d.VendoredBy != "" || p.Dists.IsApplication(d) || !(module != "" && has(d, module) || module == "" && offers(d, name)) {
			continue
		}
		for j, needed := range p.Graph.Needed([]int{i}) {
			if needed {
				w.names[p.Graph.Distributions[j].Name] = true
			}
		}
		return
	}
	w.all = true
}

// offers says that a distribution has a program.
func offers(d *python.Distribution, name string) bool {
	return name != "" && slices.ContainsFunc(d.EntryPoints, func(e python.EntryPoint) bool { return e.Group == "console_scripts" && e.Name == name })
}

// has says that a distribution has a top-level module or package.
func has(d *python.Distribution, module string) bool {
	at := d.Site + "/" + module
	return slices.ContainsFunc(d.Files, func(f string) bool { return f == at+".py" || strings.HasPrefix(f, at+"/") })
}
