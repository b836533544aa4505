package forecast

import (
	"fmt"
	"slices"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/pep"
	"whittle.dev/whittle/internal/recipe"
	"whittle.dev/whittle/internal/restage"
)

// twoStages is a final stage that has an environment and the application only.
func (a *account) twoStages() (*whittle.Forecast, error) {
	const name = NameTwoStage
	if err := a.uses(name); err != nil {
		return nil, err
	}
	r, err := restage.New(a.input())
	if err != nil || a.Slim != nil && !r.TakesSlim() { // the sizes are of the original's base
		b, p := *a, *a.Project
		p.Slim, b.Project = nil, &p
		a = &b
		r, err = restage.New(a.input())
	}
	f, s := a.forecast(name, "two stages, of which the image gets the packages and the application only")
	a.addPackages(s, a.wanted())
	a.addChanges(s, true)
	if err != nil {
		a.addMade(s, func(st *restage.Step) bool { return st.Role == recipe.InstallsBuildTools && !a.outline.Two() })
		a.addVenv(s)
		return f, err
	}
	a.addRestaged(s, r)
	a.addVenv(s)
	if r.HasPip() { // it is installed when the environment is made
		s.exact("pip of the environment", a.installer.files+a.installer.bytecode, a.measured())
	}
	text, err := r.Text()
	if err == nil {
		err = parses(text)
	}
	switch {
	case err != nil:
		return f, err
	case text == string(a.outline.File.Source):
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
	f.Dockerfile = text
	a.addItself(s)
	return f, nil
}

// input is what the edit of the original's Dockerfile needs to know.
func (a *account) input() restage.Input {
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
			Compiled: slices.ContainsFunc(dist.Tags, func(t pep.Tag) bool { return strings.HasPrefix(t.Platform, "linux_") })})
	}
	if a.Slim != nil {
		in.Slim = a.Slim.Name
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
	if less > 0 {
		// The package manager's own records shrink, too.
		s.between("system packages that only building needs", -less-less/50-200_000, -less, -less+less/100+20_000, a.measured())
	}
}

// Step is a strategy as a fix of a variant, whose image has a size in bytes.
func Step(f *whittle.Forecast, variant string, size int64, fix *whittle.Fix) *whittle.RepairStep {
	file := fix.Patches[0].File
	return &whittle.RepairStep{Strategy: f.Strategy, Status: whittle.Applied, Round: 1, Finding: whittle.Finding{
		Rule: f.Strategy, Variant: variant, Risk: whittle.RiskMedium, Fingerprint: whittle.Fingerprint(f.Strategy, file),
		Message: fmt.Sprintf("%s: %s: about %s instead of %s", file, f.Title, whittle.Bytes(f.Predicted), whittle.Bytes(size)),
		Caution: strings.Join(f.Notes, "; "), Saving: whittle.Saving{Low: size - f.High, High: size - f.Low}, Fix: fix,
	}}
}
