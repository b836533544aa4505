package distribution

import (
	"fmt"
	"slices"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/python"
	"whittle.dev/whittle/internal/python/source"
	"whittle.dev/whittle/internal/python/source/byname"
	"whittle.dev/whittle/internal/rule/analysis"
)

// unusedRisk is low if no file of the project names a distribution of the
// group, and no module of the application composes names of modules at run
// time.
func unusedRisk(p *analysis.Pass, group, freed []int) (whittle.Risk, string) {
	for _, i := range group {
		d := &p.Graph.Distributions[i]
		programs := []string{d.Name}
		for _, e := range d.EntryPoints {
			if e.Group == "console_scripts" || e.Group == "gui_scripts" {
				programs = append(programs, e.Name)
			}
		}
		if where, word, found := p.Project.Mentioned(d.ImportNames(), programs); found {
			return whittle.RiskMedium, fmt.Sprintf("%s has the word %s, which may mean %s", where, word, d.Name)
		}
	}
	if why, found := makesNames(p); found {
		return whittle.RiskHigh, why // running a few starts proves nothing about other names
	}
	if why, found := mayLoad(p, group); found {
		return whittle.RiskMedium, why
	}
	caution := "a name that only data or the environment gives (a driver, an engine) shows in no file"
	var optional []string
	for _, i := range freed {
		if u := p.Dists.Usage(i); (u == analysis.Optional || u == analysis.Plugin) && !slices.Contains(group, i) {
			optional = append(optional, p.Graph.Distributions[i].Name)
		}
	}
	if len(optional) > 0 {
		slices.Sort(optional)
		caution += "; used distributions go on without " + analysis.List(optional)
	}
	return whittle.RiskLow, caution
}

// mayLoad finds a used library that would load a distribution of a group by name,
// and says what would have to ask for it.
func mayLoad(p *analysis.Pass, group []int) (why string, found bool) {
	for _, i := range group {
		name := p.Graph.Distributions[i].Name
		for _, r := range rowsOfUsed(p, name) {
			return fmt.Sprintf("%s loads %s for %s: no text has one of these names", r.Host, name, analysis.List(r.Words)), true
		}
	}
	return "", false
}

// rowsOfUsed are the rows by which libraries that are used load a distribution by
// name.
func rowsOfUsed(p *analysis.Pass, name string) (out []byname.Row) {
	for r := range byname.Rows() {
		if r.Name != name {
			continue
		}
		if host, ok := p.Graph.Find(r.Host); r.Host == "python" || ok && p.Dists.Usage(host) >= analysis.Plugin {
			out = append(out, r)
		}
	}
	return out
}

// loaded says that a used library loads a distribution by name, and that a text of
// the project asks for it: a setting, a template, a script that is not in the image.
func loaded(p *analysis.Pass, said analysis.Texts, d *python.Distribution) bool {
	return slices.ContainsFunc(rowsOfUsed(p, d.Name), func(r byname.Row) bool {
		asks := r.Pattern()
		return asks == nil || said.Match(asks) || p.Project.MatchSource(asks)
	})
}

// makesNames finds a module of the application that may import by a name that
// no file contains, or that cannot be read, and says so briefly.
func makesNames(p *analysis.Pass) (why string, found bool) {
	own := p.Dists.ApplicationFiles()
	dir := whittle.Join("", p.Config.Config.WorkingDir)
	for _, at := range p.Root.Paths() {
		if !strings.HasSuffix(at, ".py") || !own[at] && (dir == "" || !whittle.Under(at, dir) || strings.Contains(at, "/site-packages/")) {
			continue
		}
		if rest := strings.TrimPrefix(at, dir); strings.Contains(rest, "/tests/") || strings.Contains(rest, "/test/") {
			continue
		}
		src, ok := p.Dists.Source(at)
		if !ok {
			return "what /" + at + " imports is not known", true
		}
		if line := dynamicImport(src); line > 0 {
			return fmt.Sprintf("/%s:%d imports modules by names that may be made when it runs", at, line), true
		}
	}
	return "", false
}

// importingFunctions are functions of libraries that import the module named by
// their argument.
var importingFunctions = []string{"import_string", "import_from_string", "import_object", "load_object", "resolve_name", "maybe_resolve"}

// asksForEntryPoints says that a module of the application reads entry points,
// whose group may be composed at run time.
func asksForEntryPoints(p *analysis.Pass) bool {
	own := p.Dists.ApplicationFiles()
	dir := whittle.Join("", p.Config.Config.WorkingDir)
	return slices.ContainsFunc(p.Root.Paths(), func(at string) bool {
		if !strings.HasSuffix(at, ".py") || !own[at] && (dir == "" || !whittle.Under(at, dir) || strings.Contains(at, "/site-packages/")) {
			return false
		}
		src, ok := p.Dists.Source(at)
		return ok && slices.ContainsFunc(src.Imports, func(imp source.Import) bool {
			switch imp.Module {
			case "importlib.metadata", "importlib_metadata":
				return imp.Names == nil || slices.Contains(imp.Names, "entry_points")
			case "importlib":
				return slices.Contains(imp.Names, "metadata")
			}
			return false
		})
	})
}

// plugsIn says that a distribution has entry points other than programs.
func plugsIn(d *python.Distribution) bool {
	return slices.ContainsFunc(d.EntryPoints, func(e python.EntryPoint) bool { return e.Group != "console_scripts" && e.Group != "gui_scripts" })
}

// dynamicImport is the line that imports a module which imports by name, 0 if
// there is none. importlib followed by literal names does not count.
func dynamicImport(src *source.Facts) int {
	literal := slices.ContainsFunc(src.Imports, func(imp source.Import) bool { return imp.Context&source.Dynamic != 0 })
	for i := range src.Imports {
		imp := &src.Imports[i]
		switch imp.Module {
		case "importlib":
			// These find modules or read files; they do not import by name.
			harmless := imp.Names != nil && !slices.ContainsFunc(imp.Names, func(n string) bool { return n != "metadata" && n != "resources" && n != "util" })
			if !literal && !harmless {
				return imp.Line
			}
		case "pkgutil", "runpy", "imp", "pkg_resources", "stevedore", "pydoc":
			return imp.Line
		}
		if slices.ContainsFunc(imp.Names, func(n string) bool { return slices.Contains(importingFunctions, n) }) {
			return imp.Line
		}
	}
	for i := range src.Calls {
		if c := &src.Calls[i]; c.Func == source.AskImport {
			return c.Line
		}
	}
	return 0
}
