package forecast

import (
	"slices"
	"strings"

	"whittle.dev/whittle/internal/recipe"
	"whittle.dev/whittle/internal/restage"
)

// noBytecode is the variable that keeps Python from writing bytecode of what it
// imports.
const noBytecode = "PYTHONDONTWRITEBYTECODE"

// quiet are the lines that keep Python in RUNs from writing bytecode of what it
// imports into their layers. An ARG is in the environment of RUN and not in the
// image's. There are none where no RUN may start Python, or the Dockerfile sets the
// variable itself.
func (a *account) quiet() []string {
	if !a.Clean.Bytecode {
		return nil
	}
	runs := false
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
func (a *account) compiledOnPurpose(skip func(*restage.Step) bool) (sum int64) {
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
