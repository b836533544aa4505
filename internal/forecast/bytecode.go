package forecast

import (
	"path"
	"slices"
	"strings"

	"whittle.dev/whittle/internal/recipe"
	"whittle.dev/whittle/internal/restage"
)

// noBytecode is the variable that keeps Python from writing bytecode of what it
// imports.
const noBytecode = "PYTHONDONTWRITEBYTECODE"

// compiled is the account of bytecode.
type compiled struct{ *account }

// quiet are the lines that keep Python in RUNs from writing bytecode of what it
// imports into their layers. An ARG is in the environment of RUN and not in the
// image's. There are none where no RUN may start Python, or the Dockerfile sets the
// variable itself.
func (a *account) quiet() []string {
	if !a.Clean.Bytecode || a.Loud {
		return nil
	}
	runs := a.pipWrites
	for i := range a.outline.Runtime {
		s := &a.outline.Runtime[i]
		if (s.In.Keyword == "ENV" || s.In.Keyword == "ARG") && slices.ContainsFunc(restage.Assignments(s.In), func(x restage.Assignment) bool { return x.Name == noBytecode }) {
			return nil
		}
		runs = runs || s.MayImport()
	}
	if !runs {
		return nil
	}
	return []string{"# While the image is built, Python writes no bytecode of what it imports.", "ARG " + noBytecode + "=1"}
}

// compiledOnPurpose is the bytecode that the image's commands write explicitly: it
// is there with every strategy.
func (a compiled) compiledOnPurpose(skip func(*restage.Step) bool) (sum int64) {
	if !a.Clean.Bytecode {
		return 0 // it is among the packages and the layers
	}
	var dirs []string
	all := false
	for i := range a.outline.Runtime {
		s := &a.outline.Runtime[i]
		if s.In.Keyword != "RUN" || s.Role != recipe.Keeps || skip != nil && skip(s) {
			continue
		}
		more, every := s.Compiles()
		dirs, all = append(dirs, more...), all || every
	}
	for _, n := range a.Ledger.Tree.Nodes {
		if n.Item < 0 || n.Layer < a.first || !strings.HasSuffix(n.Path, ".pyc") {
			continue
		}
		if all || slices.ContainsFunc(dirs, func(dir string) bool { return restage.Within("/"+n.Path, dir) }) {
			sum += a.Ledger.Items[n.Item].Bytes
		}
	}
	return sum
}

// longerPath bounds by how many bytes the paths of a module differ: its bytecode holds
// that of its source.
const longerPath = 64

// modules is the number of bytecode files of some distributions; nil are all.
func (a compiled) modules(only map[string]bool) (n int64) {
	for _, d := range a.dists {
		if only == nil || only[d.name] {
			n += d.content.modules
		}
	}
	return n + a.loose.modules
}

// toolRoots are the installers, in Graph.Distributions, that pip installs and compiles.
// https://pip.pypa.io/en/stable/cli/pip_install/#cmdoption-compile
func (a compiled) toolRoots() (roots []int) {
	for _, st := range a.outline.InstallSteps() {
		for i := range st.Parts {
			p := &st.Parts[i]
			if p.Role != recipe.PreparesInstaller || p.OnlyPip() || p.Install.Tool != recipe.Pip || p.Install.Compile == "--no-compile" {
				continue
			}
			for _, name := range asked(p.Install.Args) {
				if j, ok := a.Graph.Find(name); ok {
					roots = append(roots, j)
				}
			}
		}
	}
	return roots
}

// addTools adds what a clean-up leaves of installers that the image has, and of what they
// need, as no edit changes the command that installs them. What the application needs, too,
// is perhaps installed once more, without bytecode.
func (a compiled) addTools(s sizes) {
	if !a.Clean.Bytecode || a.Graph == nil {
		return
	}
	needed, wanted := a.Graph.Needed(a.toolRoots()), a.wanted()
	var low, high int64
	for _, d := range a.dists {
		if !needed[d.index] {
			continue
		}
		n := d.bytecode + d.lines
		if !wanted[d.name] {
			low += n
		}
		high += n
		if a.Clean.Tests {
			high += d.tests + d.testBytecode
		}
	}
	s.between("bytecode of installers", low, low, high, a.measured())
}

// untold is the bytecode that installers write which the edit of one stage does not tell
// to compile nothing: of what their RUNs have installed, besides what [compiled.addTools]
// adds.
func (a compiled) untold() (sum int64) {
	if !a.Clean.Bytecode || a.Graph == nil {
		return 0
	}
	layers := map[int]bool{}
	for i := range a.outline.Runtime {
		st := &a.outline.Runtime[i]
		layer, ok := a.layers[st.In.Span]
		layers[layer] = layers[layer] || ok && slices.ContainsFunc(st.Installs, func(in recipe.PackageInstall) bool {
			return in.Tool == recipe.Pipenv || in.Tool == recipe.PDM || in.Tool == recipe.Poetry
		})
	}
	brought := map[string]bool{} // the records that these layers have
	for _, n := range a.Ledger.Tree.Nodes {
		if dir, name := path.Split(n.Path); layers[n.Layer] && name == "METADATA" {
			brought[path.Clean(dir)] = true
		}
	}
	needed := a.Graph.Needed(a.toolRoots())
	for _, d := range a.dists {
		if brought[a.Graph.Distributions[d.index].Record] && !needed[d.index] && d.bytecode > 0 {
			sum += d.bytecode + d.lines
		}
	}
	return sum
}

// addInterpreter adds the bytecode of Python's own modules that a RUN of the image
// writes: in the original, one that installs did, whose layer the image does not have.
func (a compiled) addInterpreter(s sizes, r *restage.Plan) {
	if len(a.quiet()) > 0 {
		return
	}
	var gone, written int64
	for i := range a.outline.Runtime {
		st := &a.outline.Runtime[i]
		text, own := r.Left(st.In)
		if layer, ok := a.layers[st.In.Span]; ok && own && text == "" {
			gone += a.ofInterpreter(layer)
		} else if ok && st.Role == recipe.Keeps && st.MayImport() {
			written = gone
		}
	}
	s.between("bytecode of Python's own modules", 0, written/2, written, a.measured())
}

// ofInterpreter are the bytes of a layer's bytecode that is of no package.
func (a compiled) ofInterpreter(layer int) (sum int64) {
	for _, n := range a.Ledger.Tree.Nodes {
		if n.Item >= 0 && n.Layer == layer && strings.HasSuffix(n.Path, ".pyc") && strings.Contains(n.Path, "/lib/python") && !strings.Contains(n.Path, "-packages/") {
			sum += a.Ledger.Items[n.Item].Bytes
		}
	}
	return sum
}
