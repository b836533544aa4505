package distribution

import (
	"fmt"
	"slices"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/manifest"
	"whittle.dev/whittle/internal/pep"
	"whittle.dev/whittle/internal/rule/analysis"
)

// DevelopmentTools is the rule development-tools: what only developers need is
// installed in the image.
func DevelopmentTools() analysis.Rule {
	return analysis.Rule{
		ID:    "development-tools",
		Title: "Development tools in the runtime image",
		Text: `Test runners, linters, type checkers, stubs, debuggers, documentation and packaging tools are of no use to what the image runs. They get into
it if the install asks for them (uv and Poetry install the development group unless they are told not to), if they are declared among the
dependencies of the application, or if a RUN names them. A tool counts only if nothing that the image starts imports or runs it, no module
of the project imports it (tests do not count), and no command, setting, script or string names it. What a script names that starts
containers (docker compose exec web ruff check) is of medium risk: people want it in a container of this image. An image whose target or
start is for developers, or that runs a test suite, keeps its tools.`,
		Before: "RUN uv sync --locked\n",
		After:  "RUN uv sync --locked --no-dev\n",
		Run:    findDevelopmentTools,
	}
}

// developers is the search for development tools in one image.
type developers struct {
	p       *analysis.Pass
	sources []installSource
	roots   []int
	// used caches which distributions something uses or names.
	used map[int]bool
	// said are the texts of the application, imports what its modules import.
	said    analysis.Texts
	imports map[string]bool
	// outside are texts of scripts that start containers: what they name runs there,
	// because people want it to.
	outside analysis.Texts
}

func findDevelopmentTools(p *analysis.Pass) []whittle.Finding {
	if p.Graph == nil || len(p.Usage) == 0 || !usageKnown(p) || isForDevelopers(p) {
		return nil
	}
	d := developers{p: p, roots: p.Dists.Requested(), used: map[int]bool{}}
	var ok, all bool
	d.imports, ok = p.Project.Imports()
	if d.said, all = p.ShippedTexts(); !ok || !all {
		return nil
	}
	d.said, d.outside = p.OutsideScripts(d.said)
	d.sources = slices.DeleteFunc(installSources(p), func(s installSource) bool { return !p.Recipe.Ships(s.run.Stage) })
	var out []whittle.Finding
	for _, t := range append(d.declared(), d.named()) {
		if f, ok := d.finding(t); ok {
			out = append(out, f)
		}
	}
	return out
}

// usageKnown says that everything that the image starts could be followed.
func usageKnown(p *analysis.Pass) bool {
	for i := range p.Graph.Distributions {
		if d := &p.Graph.Distributions[i]; d.VendoredBy == "" && p.Dists.Usage(i) == analysis.UsageUnknown && len(d.ImportNames()) > 0 {
			return false
		}
	}
	return true
}

// isForDevelopers says that the image is for developers: its target, its
// Dockerfile, or what it starts.
func isForDevelopers(p *analysis.Pass) bool {
	if p.Dockerfile != nil {
		st, err := p.Dockerfile.Target(p.Target)
		if err != nil || forDevelopersOnly(st.Name) || forDevelopersOnly(strings.TrimSuffix(strings.ToLower(p.Dockerfile.Name), "dockerfile")) {
			return true
		}
	}
	for i := range p.Graph.Distributions {
		if d := &p.Graph.Distributions[i]; p.Dists.Usage(i) == analysis.Eager && d.VendoredBy == "" && slices.Contains(runners, d.Name) {
			return true
		}
	}
	return false
}

// isUsed says that a distribution may be used: functions or modules of the
// application import it, a library that requires it does, or a text names it.
func (d *developers) isUsed(i int) bool {
	used, known := d.used[i]
	if !known {
		dist := &d.p.Graph.Distributions[i]
		used = d.p.Dists.Usage(i) >= analysis.Lazy || slices.ContainsFunc(dist.ImportNames(), func(m string) bool { return d.imports[m] })
		if !used {
			_, used = d.said.Naming(dist, commonWords...)
			used = used || d.outside.Run(analysis.WordsFor(dist))
			used = used || purposeOf(dist.Name) == "test" && !slices.Contains(testRunners, pep.Normalize(dist.Name)) && d.runsTests()
		}
		d.used[i] = used
	}
	return used
}

// runsTests says that something starts tests in the image: their runner's plug-ins and
// what tests import are then used, too.
func (d *developers) runsTests() bool {
	return slices.ContainsFunc(testRunners, func(name string) bool {
		i, ok := d.p.Graph.Find(name)
		return ok && d.isUsed(i)
	})
}

// isNeeded is isUsed of what tools bring along: its names are no evidence where they
// are words of a text.
func (d *developers) isNeeded(i int) bool {
	dist := &d.p.Graph.Distributions[i]
	if purposeOf(dist.Name) != "" {
		return d.isUsed(i)
	}
	if d.p.Dists.Usage(i) >= analysis.Lazy || slices.ContainsFunc(dist.ImportNames(), func(m string) bool { return d.imports[m] }) {
		return true
	}
	_, named := d.said.Naming(dist, analysis.WordsFor(dist)...)
	return named
}

// tools are development tools that got into the image in one way.
type tools struct {
	// dists are those that the project, or a RUN, asks for.
	dists []int
	// asked are the places for developers that the image installs, misplaced the
	// declarations among those of the application.
	asked     []place
	misplaced []*manifest.Dependency
	// words are those of commands that name the tools.
	words []namedTool
}

// declared are the tools that declarations bring: those of places for developers
// that the install asks for, and those among the application's own.
func (d *developers) declared() []tools {
	all := d.p.Dists.Declarations()
	if d.p.Declared == nil || len(d.p.Declared.Files) == 0 {
		return nil // the image's own metadata are no file to edit
	}
	places := d.droppable(all)
	t := tools{asked: places}
	var own tools
	for _, dep := range all {
		i, ok := d.p.Graph.Find(dep.Name)
		if !ok || d.p.Graph.Distributions[i].VendoredBy != "" {
			continue
		}
		switch {
		case slices.Contains(places, placeOf(dep)):
			t.add(i)
		case !dep.Via && d.isOwn(dep) && purposeOf(dep.Name) != "" && slices.Contains(d.roots, i) && !d.isUsed(i):
			own.add(i)
			own.misplaced = append(own.misplaced, dep)
		}
	}
	own = d.withoutUsed(own)
	if len(own.misplaced) > 0 && d.movesTo(&own, places) {
		// The tools come to a place that the image installs: both belong together.
		for _, i := range own.dists {
			t.add(i)
		}
		t.misplaced, own = own.misplaced, tools{}
	}
	// What is declared elsewhere, too, does not go.
	t.dists = slices.DeleteFunc(t.dists, func(i int) bool {
		return slices.ContainsFunc(all, func(dep *manifest.Dependency) bool {
			j, ok := d.p.Graph.Find(dep.Name)
			return ok && j == i && d.isInstalled(dep) && !slices.Contains(places, placeOf(dep)) && !slices.Contains(t.misplaced, dep)
		})
	})
	return []tools{t, own}
}

func (t *tools) add(i int) {
	if !slices.Contains(t.dists, i) {
		t.dists = append(t.dists, i)
	}
}

// isOwn says that a dependency is one of the application: a plain one, or of an
// extra that is not for developers and that the image installs.
func (d *developers) isOwn(dep *manifest.Dependency) bool {
	if dep.Kind == manifest.Optional {
		return !d.isDevelopersPlace(placeOf(dep)) && d.isInstalled(dep)
	}
	return dep.Kind == manifest.Runtime && !d.isDevelopersPlace(placeOf(dep))
}

func (d *developers) isInstalled(dep *manifest.Dependency) bool {
	if dep.Kind == manifest.Development {
		return slices.Contains(d.askedPlaces(), placeOf(dep))
	}
	// A file that has the application's requirements takes the place of one that has
	// the tools besides.
	return installsPlace(d.p, d.sources, dep) || dep.Kind == manifest.Runtime && slices.ContainsFunc(d.askedPlaces(), func(w place) bool {
		other, ok := d.standIn(w.file)
		return ok && other == dep.File
	})
}

// withoutUsed leaves out the tools whose removal would remove something that is
// used.
func (d *developers) withoutUsed(t tools) tools {
	for len(t.dists) > 0 {
		bad := slices.DeleteFunc(d.p.Graph.Frees(d.roots, t.dists...), func(i int) bool { return !d.isNeeded(i) })
		if len(bad) == 0 {
			break
		}
		n := len(t.dists)
		t.dists = slices.DeleteFunc(t.dists, func(i int) bool {
			needed := d.p.Graph.Needed([]int{i})
			return slices.ContainsFunc(bad, func(b int) bool { return needed[b] })
		})
		if len(t.dists) == n {
			return tools{}
		}
	}
	t.misplaced = slices.DeleteFunc(t.misplaced, func(dep *manifest.Dependency) bool {
		i, ok := d.p.Graph.Find(dep.Name)
		return !ok || !slices.Contains(t.dists, i)
	})
	return t
}

// finding reports tools, with the fix if all that it takes is known.
func (d *developers) finding(t tools) (f whittle.Finding, ok bool) {
	p := d.p
	freed := p.Graph.Frees(d.roots, t.dists...)
	t.dists = present(t.dists, freed)
	items := p.Dists.Contents(freed)
	size := p.Layers.Bytes(items)
	if len(t.dists) == 0 || size < analysis.MinBytes {
		return f, false
	}
	names := p.Dists.Names(t.dists)
	are := "are development tools"
	if len(names) == 1 {
		are = "is a development tool"
	}
	f = whittle.Finding{
		Evidence: p.Dists.ByDistribution(items), Change: p.Layers.Removal(items), Risk: whittle.RiskLow,
		Fingerprint: whittle.Fingerprint("development-tools", names...),
		Message:     fmt.Sprintf("%s %s that nothing in the image imports or runs", analysis.List(names), are),
		Caution:     "whoever runs them in the image by hand has to install them there",
	}
	if others := len(freed) - len(t.dists); others > 0 {
		f.Message += fmt.Sprintf("; with what only %s %s: %s in %s", pronoun(names), needs(names), whittle.Bytes(size), analysis.Count(len(freed), "distribution"))
	} else {
		f.Message += ": " + whittle.Bytes(size)
	}
	d.risk(&f, t.dists, freed)
	for _, i := range freed {
		if where, named := d.outside.Naming(&p.Graph.Distributions[i], commonWords...); named {
			f.Risk = whittle.RiskMedium
			f.Evidence = append(f.Evidence, whittle.Evidence{Layer: -1, What: where + " names " + p.Graph.Distributions[i].Name + " for a container that people start"})
		}
	}
	switch {
	case len(t.words) > 0:
		d.unname(&f, &t)
	default:
		d.undeclare(&f, &t)
	}
	return f, true
}

// risk is medium if a used distribution may do something else without what the
// project itself declares for developers, and that is not a development tool.
func (d *developers) risk(f *whittle.Finding, dists, freed []int) {
	var optional []string
	asked := false
	for _, i := range freed {
		name := d.p.Graph.Distributions[i].Name
		if u := d.p.Dists.Usage(i); purposeOf(name) == "" && (u == analysis.Optional || u == analysis.Plugin) {
			optional = append(optional, name)
			asked = asked || slices.Contains(dists, i)
		}
	}
	if len(optional) > 0 {
		slices.Sort(optional)
		f.Caution = "used distributions go on without " + analysis.List(optional)
	}
	if asked {
		f.Risk = whittle.RiskMedium
		return
	}
	others := slices.ContainsFunc(dists, func(i int) bool { return purposeOf(d.p.Graph.Distributions[i].Name) == "" })
	if why, found := makesNames(d.p); found && others {
		f.Risk, f.Caution = whittle.RiskMedium, why
	}
}

// undeclare is the fix of what declarations bring: the install asks for no place
// for developers, and what is among the application's own dependencies moves there.
func (d *developers) undeclare(f *whittle.Finding, t *tools) {
	var advice []string
	var patches []whittle.Patch
	drop, ok := slices.Clone(t.asked), true
	for _, dep := range t.misplaced {
		f.Evidence = append(f.Evidence, whittle.Evidence{Layer: -1, File: dep.File, Line: dep.Line, What: dep.Text})
	}
	if len(t.misplaced) > 0 {
		m := d.move(t.misplaced)
		advice, patches, ok = append(advice, m.advice), m.patches, m.ok
		if d.p.Dockerfile != nil && len(d.commands()) == 0 { // a script installs, and may install the group
			advice, ok = append(advice, "keep that out of what the image installs"), false
		}
		for _, to := range m.to {
			if d.mayInstall(to) && !slices.Contains(drop, to) {
				drop = append(drop, to)
			}
		}
	}
	if len(drop) > 0 {
		n := d.narrow(drop)
		f.Evidence = append(f.Evidence, n.evidence...)
		advice = append(advice, n.advice)
		ok = ok && n.ok
		patches = append(patches, n.patches...)
	}
	f.Advice = strings.Join(advice, "; ")
	if len(t.misplaced) > 0 {
		afterRelease(d.p, f)
	}
	title := "keep development tools out of the image"
	switch {
	case !ok || len(patches) == 0:
	case len(t.misplaced) > 0:
		f.Fix = projectFix(d.p, title, patches)
	default:
		f.Fix = &whittle.Fix{Title: title, Patches: patches}
	}
}

// droppable are the places for developers that the image installs and that nothing
// in it needs.
func (d *developers) droppable(all []*manifest.Dependency) []place {
	places := d.askedPlaces()
	// Somebody who runs one tool of a place in the image wants the place.
	places = slices.DeleteFunc(places, func(w place) bool {
		return slices.ContainsFunc(all, func(dep *manifest.Dependency) bool {
			i, ok := d.p.Graph.Find(dep.Name)
			return ok && placeOf(dep) == w && purposeOf(dep.Name) != "" && d.isUsed(i)
		})
	})
	for len(places) > 0 {
		var dists []int
		for _, dep := range all {
			if i, ok := d.p.Graph.Find(dep.Name); ok && slices.Contains(places, placeOf(dep)) && !slices.ContainsFunc(all, func(other *manifest.Dependency) bool {
				return pep.Normalize(other.Name) == pep.Normalize(dep.Name) && !slices.Contains(places, placeOf(other)) && d.isInstalled(other)
			}) {
				dists = append(dists, i)
			}
		}
		bad := slices.DeleteFunc(d.p.Graph.Frees(d.roots, dists...), func(i int) bool {
			return !d.isNeeded(i) && !(slices.Contains(dists, i) && d.isUsed(i))
		})
		if len(bad) == 0 {
			return places
		}
		n := len(places)
		places = slices.DeleteFunc(places, func(w place) bool {
			return slices.ContainsFunc(all, func(dep *manifest.Dependency) bool {
				i, ok := d.p.Graph.Find(dep.Name)
				if !ok || placeOf(dep) != w {
					return false
				}
				needed := d.p.Graph.Needed([]int{i})
				return slices.ContainsFunc(bad, func(b int) bool { return needed[b] })
			})
		})
		if len(places) == n {
			return nil
		}
	}
	return nil
}
