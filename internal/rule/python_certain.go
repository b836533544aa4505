package rule

import (
	"fmt"
	"slices"
	"strings"

	"whittle"
	"whittle/internal/python"
)

// unusedRisk is low where no file of the project names one of the group, and
// no module of the application makes names of modules when it runs.
func (p *Pass) unusedRisk(group, freed []int) (whittle.Risk, string) {
	for _, i := range group {
		d := &p.Graph.Distributions[i]
		words := append(d.ImportNames(), d.Name)
		for _, e := range d.EntryPoints {
			if e.Group == "console_scripts" || e.Group == "gui_scripts" {
				words = append(words, e.Name)
			}
		}
		if where, found := p.mentioned(words...); found {
			return whittle.RiskMedium, fmt.Sprintf("%s names %s in words that are no import", where, d.Name)
		}
	}
	if where, found := p.makesNames(); found {
		return whittle.RiskMedium, where + " imports modules by names that are made when it runs"
	}
	caution := "a name that only data or the environment gives (a driver, an engine) shows in no file"
	var optional []string
	for _, i := range freed {
		if u := p.usage(i); (u == Optional || u == Plugin) && !slices.Contains(group, i) {
			optional = append(optional, p.Graph.Distributions[i].Name)
		}
	}
	if len(optional) > 0 {
		slices.Sort(optional)
		caution += "; used distributions go on without " + list(optional)
	}
	return whittle.RiskLow, caution
}

// makesNames finds a module of the application that can import by a name that
// no file shows: it has the tools for that, and more than literal names.
func (p *Pass) makesNames() (string, bool) {
	own := p.applicationFolders()
	dir := whittle.Join("", p.Config.Config.WorkingDir)
	for _, at := range p.Root.Paths() {
		if !strings.HasSuffix(at, ".py") || !own[at] && (dir == "" || !under(at, dir) || strings.Contains(at, "/site-packages/")) {
			continue
		}
		if rest := strings.TrimPrefix(at, dir); strings.Contains(rest, "/tests/") || strings.Contains(rest, "/test/") {
			continue
		}
		src, ok := p.source(at)
		if !ok {
			continue
		}
		literal := 0
		for i := range src.Imports {
			if src.Imports[i].Context&python.Dynamic != 0 {
				literal++
			}
		}
		for i := range src.Imports {
			switch src.Imports[i].Module {
			case "importlib":
				if literal == 0 && !slices.Equal(src.Imports[i].Names, []string{"metadata"}) && !slices.Equal(src.Imports[i].Names, []string{"resources"}) {
					return fmt.Sprintf("%s:%d", at, src.Imports[i].Line), true
				}
			case "pkgutil", "runpy", "imp", "pkg_resources", "stevedore", "importlib.util":
				return fmt.Sprintf("%s:%d", at, src.Imports[i].Line), true
			}
		}
	}
	return "", false
}
