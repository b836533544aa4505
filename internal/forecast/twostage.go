package forecast

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/dockerfile"
	"whittle.dev/whittle/internal/recipe"
	"whittle.dev/whittle/internal/restage"
)

// twoStages is a final stage that has an environment and the application only.
func (a *account) twoStages() (*whittle.Forecast, error) {
	const name = NameTwoStage
	if err := a.uses(name); err != nil {
		return nil, err
	}
	kept, _ := a.kept()
	r, err := restage.New(a.input(kept))
	if err != nil || a.Slim != nil && !r.TakesSlim() { // the sizes are of the original's base
		a = onOwnBase(a)
		r, err = restage.New(a.input(""))
	}
	f, s := a.forecast(name, "two stages, of which the image gets the packages and the application only")
	if r != nil && !r.Moved { // what the original has in its environment stays there
		a.addPackages(s, nil, false)
		compiled{a}.addTools(s)
	} else {
		a.addPackages(s, a.wanted(), true)
	}
	a.addChanges(s, true)
	if err != nil {
		a.addMade(s, func(st *restage.Step) bool { return st.Role == recipe.InstallsBuildTools && !a.outline.Two() })
		a.addVenv(s)
		return f, err
	}
	a.addRestaged(s, r)
	a.addVenv(s)
	if r.HasPip() { // it is installed when the environment is made
		a.addPip(s, r.Moved)
	}
	if text, err := r.Text(); err == nil && text == string(a.outline.File.Source) {
		return nil, &noUse{name, "the Dockerfile has two stages already, and the image gets an environment and the application only"}
	}
	if len(r.Build) > 0 {
		f.Notes = append(f.Notes, "only the builder installs "+strings.Join(r.Build, ", "))
	}
	if len(r.Used) > 0 {
		f.Notes = append(f.Notes, "the image uses of what these brought: "+strings.Join(r.Used, ", "))
	}
	if script := a.startScript(); script != "" && a.Names == nil && r.Moved {
		f.Notes = append(f.Notes, "the image starts "+script+", which was not read: it may name places or programs that are not there")
	}
	return written(a, f, r)
}

// addPip adds pip, with which an environment is made. That of a new environment is as
// large as the base's, with as much bytecode as sources at the most, which pip writes
// whatever Python is told; before 3.12, setuptools comes with it.
// https://docs.python.org/3.12/whatsnew/3.12.html#ensurepip
func (a *account) addPip(s sizes, anew bool) {
	const from = "pip of the environment"
	if a.installer.files > 0 || !anew {
		s.exact(from, a.installer.files+a.installer.bytecode, a.measured())
		return
	}
	folders := []string{"pip"}
	if _, minor, ok := strings.Cut(path.Base(path.Dir(a.site)), "."); ok && slices.Contains([]string{"8", "9", "10", "11"}, minor) {
		folders = append(folders, "setuptools", "pkg_resources")
	}
	var bytes int64
	for _, n := range a.Ledger.Tree.Nodes {
		rest, ok := strings.CutPrefix(n.Path, a.site+"/")
		if top, _, _ := strings.Cut(rest, "/"); ok && n.Item >= 0 && slices.Contains(folders, top) && path.Ext(rest) != ".pyc" {
			bytes += a.Ledger.Items[n.Item].Bytes
		}
	}
	s.between(from, bytes, bytes*39/20, bytes*11/5, "pip of the base image")
}

// input is what an edit of the original's Dockerfile needs to know. kept is the
// instruction that installs in the slim base what is used of the full one.
func (a *account) input(kept string) restage.Input {
	in := restage.Input{Outline: a.outline, Site: a.site, Official: a.interpreter != "", Context: a.Context, Texts: a.Texts, System: a.System, Names: a.Names, Clean: a.Clean, Quiet: a.quiet(),
		Has: func(p string) bool {
			for _, n := range a.Ledger.Tree.Nodes {
				if n.Path == p || strings.HasPrefix(n.Path, p+"/") {
					return true
				}
			}
			return false
		}}
	for _, d := range a.dists {
		dist := &a.Graph.Distributions[d.index]
		in.Distributions = append(in.Distributions, restage.Distribution{Name: d.name, Record: dist.Record, Editable: dist.Editable, Pure: d.pure,
			Compiled: dist.CompiledHere()})
	}
	in.Cached = func(o *dockerfile.Instruction) bool {
		layer, ok := a.layers[o.Span]
		return ok && cacheOf(a.Ledger, layer) > 0
	}
	in.Archives = slices.ContainsFunc(a.Ledger.Items, func(it whittle.Item) bool {
		return strings.HasPrefix(it.Path, "var/cache/apt/archives/") && strings.HasSuffix(it.Path, ".deb")
	})
	if a.Slim != nil {
		in.Slim, in.Full = a.Slim.Name, a.Slim.Full
		if kept != "" {
			in.Quiet = append([]string{kept}, in.Quiet...)
		}
	}
	return in
}

// addRestaged adds the layers that are left of the original.
func (a *account) addRestaged(s sizes, r *restage.Plan) {
	if !r.Apart() {
		a.addMade(s, nil)
		return
	}
	freed := map[int]int64{}
	if a.System != nil && len(r.Build) > 0 {
		freed = a.System.Freed(r.Build, r.Used)
	}
	var less int64
	for i := range a.outline.Runtime {
		st := &a.outline.Runtime[i]
		layer, ok := a.layers[st.In.Span]
		if !ok {
			continue
		}
		text, own := r.Left(st.In)
		switch {
		case !own && st.Role != recipe.Keeps && st.Role != recipe.InstallsBuildTools: // of a stage below or above, which stays
			s.exact("other instructions", a.Ledger.Layers[layer].Size, a.measured())
		case text != "":
			less += freed[layer]
		}
	}
	a.addMade(s, func(st *restage.Step) bool {
		text, own := r.Left(st.In)
		return own && text == ""
	})
	compiled{a}.addInterpreter(s, r)
	if less > 0 {
		// The package manager's own records shrink, too.
		s.between("system packages that only building needs", -less-less/50-200_000, -less, -less+less/100+20_000, a.measured())
	}
}

// Step is a strategy as a fix of a variant, whose image has a size in bytes.
func Step(f *whittle.Forecast, variant string, size int64, fix *whittle.Fix) *whittle.RepairStep {
	file := fix.Patches[0].File
	var evidence []whittle.Evidence
	for _, p := range f.Parts {
		evidence = append(evidence, whittle.Evidence{Layer: -1, Bytes: p.Bytes, What: p.Name + ", " + p.Source})
	}
	return &whittle.RepairStep{Strategy: f.Strategy, Status: whittle.Applied, Round: 1, Finding: whittle.Finding{
		Rule: f.Strategy, Variant: variant, Risk: whittle.RiskMedium, Fingerprint: whittle.Fingerprint(f.Strategy, file),
		Evidence: evidence, Message: fmt.Sprintf("%s: %s: about %s instead of %s", file, f.Title, whittle.Bytes(f.Predicted), whittle.Bytes(size)),
		Caution: strings.Join(f.Notes, "; "), Saving: whittle.Saving{Low: size - f.High, High: size - f.Low}, Fix: fix,
	}}
}
