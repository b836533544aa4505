package sitepackages

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/python/source"
	"whittle.dev/whittle/internal/recipe"
	"whittle.dev/whittle/internal/rule/analysis"
)

// PythonTests is the rule python-tests: tests of installed distributions.
func PythonTests() analysis.Rule {
	return analysis.Rule{
		ID:    "python-tests",
		Title: "Tests of installed distributions",
		Text: `Many wheels contain the tests of their packages, with data. Nothing runs them in an image. The RUN that installs them can delete them; if
the folder is copied from another stage, a RUN of that stage can. A folder stays if something outside of it imports one of its modules,
because some packages keep code there that they need (django.test). The source texts decide this, never the names; with a trace,
a folder of which a run touched a file stays, too.`,
		Before: "RUN pip install pandas\n",
		After:  "RUN pip install pandas && rm -rf /usr/local/lib/python3.*/site-packages/pandas/tests\n",
		Run:    findTests,
	}
}

func findTests(p *analysis.Pass) []whittle.Finding {
	const id = "python-tests"
	if p.Graph == nil {
		return nil
	}
	folders, kept := testFolders(p)
	var items []int
	for _, mine := range folders {
		items = append(items, mine...)
	}
	slices.Sort(items)
	if items = p.Layers.WithWasted(items); p.Layers.Bytes(items) < analysis.MinBytes {
		return nil
	}
	names := slices.Sorted(maps.Keys(folders))
	groups, rest := p.ByInstall(items)
	commands := map[recipe.Install]string{}
	for i := range groups {
		g := &groups[i]
		command, dropped := deleteFolders(p, g, folders, kept)
		commands[g.Install] = command
		rest = append(rest, dropped...)
	}
	slices.Sort(rest)
	f := whittle.Finding{
		Risk:    whittle.RiskLow,
		Caution: "a program that runs the tests of its libraries in the image would not find them",
		Advice:  "delete them where they are installed",
	}
	state := func(mine []int, where string) whittle.Finding {
		f := f
		f.Message = fmt.Sprintf("tests of installed distributions take %s in %s%s", whittle.Bytes(p.Layers.Bytes(mine)), analysis.FileCount(len(mine)), where)
		f.Evidence, f.Change = p.Layers.Places(mine), p.Layers.Removal(mine)
		if traced := p.Traced.Evidence(mine); len(traced) > 0 {
			f.Message += ", and no traced run touched them"
			f.Evidence, f.Untouched = append(f.Evidence, traced...), true
		}
		f.Fingerprint = whittle.Fingerprint(id, append(slices.Clone(names), where)...)
		return f
	}
	var fixable []int
	for _, g := range groups {
		fixable = append(fixable, g.Items...)
	}
	slices.Sort(fixable)
	fix, ok := p.AppendedFix("delete the tests where they are installed", groups, func(g *analysis.Group) string { return commands[g.Install] })
	if !ok {
		return []whittle.Finding{state(items, "")}
	}
	var out []whittle.Finding
	if p.Layers.Bytes(fixable) >= analysis.MinBytes {
		with := state(fixable, "")
		with.Fix = fix
		with.Evidence = append(with.Evidence, p.RunLines(groups)...)
		with.Advice = "delete them in " + p.RunNames(groups) + ", which installs them"
		out = append(out, with)
	}
	if p.Layers.Bytes(rest) >= analysis.MinBytes {
		out = append(out, state(rest, " that no short command of a RUN deletes"))
	}
	return out
}

// testFolders are the topmost folders of tests in site-packages with their
// visible items, and those that must be kept: something else imports from them,
// they contain files of no distribution, or their imports are not known.
func testFolders(p *analysis.Pass) (folders map[string][]int, kept []string) {
	sites := p.Dists.Sites()
	folders = map[string][]int{}
	stay := map[string]bool{}
	own := p.Dists.ApplicationFiles()
	for i := range p.Ledger.Items {
		it := &p.Ledger.Items[i]
		dir, ok := testFolder(sites, it.Path)
		if !ok || it.Cause != whittle.Visible {
			continue
		}
		folders[dir] = append(folders[dir], i)
		if !p.Layers.OfDistribution(i) && path.Ext(it.Path) != ".pyc" || own[it.Path] || p.Traced.Item(i) {
			stay[dir] = true
		}
	}
	if len(folders) > 0 {
		keepImported(p, sites, folders, stay)
		keepNamed(p, sites, folders, stay)
	}
	for dir := range stay {
		delete(folders, dir)
		kept = append(kept, dir)
	}
	slices.Sort(kept)
	return folders, kept
}

// testFolder is the topmost folder named "tests" or "test" in site-packages
// that contains a path.
func testFolder(sites []string, at string) (string, bool) {
	s, ok := analysis.Site(sites, at)
	if !ok {
		return "", false
	}
	end := len(s)
	for part := range strings.SplitSeq(path.Dir(at[len(s)+1:]), "/") {
		end += 1 + len(part)
		if part == "tests" || part == "test" {
			return at[:end], true
		}
	}
	return "", false
}

// keepImported finds the folders from which a module outside of all of them
// imports, or one in a folder that is kept.
func keepImported(p *analysis.Pass, sites []string, folders map[string][]int, stay map[string]bool) {
	byModule := map[string]string{}
	for dir := range folders {
		s, _ := analysis.Site(sites, dir)
		byModule[strings.ReplaceAll(dir[len(s)+1:], "/", ".")] = dir
	}
	within := map[string][]string{} // folder → those that its modules import
	for _, at := range p.Root.Paths() {
		if !strings.HasSuffix(at, ".py") {
			continue
		}
		from, test := testFolder(sites, at)
		src, ok := p.Dists.Source(at)
		if !ok {
			keepUnread(at, sites, folders, stay)
			continue
		}
		for _, name := range importedNames(moduleOf(sites, at), path.Base(at) == "__init__.py", src) {
			dir, found := folderOf(byModule, name)
			switch {
			case !found || dir == from:
			case test:
				within[from] = append(within[from], dir)
			case path.Base(at) != "conftest.py": // which only pytest reads
				stay[dir] = true
			}
		}
	}
	for i := range p.Graph.Distributions {
		for _, e := range p.Graph.Distributions[i].EntryPoints {
			if dir, ok := folderOf(byModule, e.Module); ok {
				stay[dir] = true
			}
		}
	}
	for todo := slices.Sorted(maps.Keys(stay)); len(todo) > 0; todo = todo[1:] {
		for _, dir := range within[todo[0]] {
			if !stay[dir] {
				stay[dir] = true
				todo = append(todo, dir)
			}
		}
	}
}

// keepUnread keeps the folders in the package of a file that cannot be read,
// because its imports are not known.
func keepUnread(at string, sites []string, folders map[string][]int, stay map[string]bool) {
	for dir := range folders {
		if s, _ := analysis.Site(sites, dir); whittle.Under(at, path.Join(s, analysis.TopFolder(dir[len(s)+1:]))) {
			stay[dir] = true
		}
	}
}

// keepNamed finds the folders that a text of the application names, as a module
// or as a path, whole or as a part that it appends to the package. It may read
// data from them.
func keepNamed(p *analysis.Pass, sites []string, folders map[string][]int, stay map[string]bool) {
	said := p.Texts()
	imports, all := p.Project.Imports()
	parts := map[string][][]string{}
	for _, name := range []string{"tests", "test"} { // see testFolder
		parts[name] = said.Parts(name)
	}
	for dir := range folders {
		s, _ := analysis.Site(sites, dir)
		at := dir[len(s)+1:]
		top := analysis.TopFolder(at)
		without := func(parts []string) bool { return !slices.Contains(parts, top) } // with it, the whole path is named, as above
		if slices.ContainsFunc(said, func(t analysis.Text) bool { return t.Contains(at) || t.Contains(strings.ReplaceAll(at, "/", ".")) }) ||
			slices.ContainsFunc(parts[path.Base(at)], without) && (!all || imports[top] || slices.ContainsFunc(said, func(t analysis.Text) bool { return t.Line(top) > 0 })) {
			stay[dir] = true
		}
	}
}

// moduleOf is the dotted name of a file in site-packages, empty for other
// files.
func moduleOf(sites []string, at string) string {
	s, ok := analysis.Site(sites, at)
	if !ok {
		return ""
	}
	name := strings.TrimSuffix(strings.TrimSuffix(at[len(s)+1:], ".py"), "/__init__")
	return strings.ReplaceAll(name, "/", ".")
}

// importedNames are the dotted names that a module's statements may import,
// including those in functions and under conditions.
func importedNames(module string, pkg bool, src *source.Facts) []string {
	var out []string
	for i := range src.Imports {
		imp := &src.Imports[i]
		name := imp.Module
		if imp.Level > 0 {
			parent, ok := ancestor(module, imp.Level, pkg)
			if !ok {
				continue
			}
			name = strings.Trim(parent+"."+imp.Module, ".")
		}
		if name == "" {
			continue
		}
		out = append(out, name)
		for _, n := range imp.Names {
			out = append(out, name+"."+n)
		}
	}
	return out
}

// ancestor is the package that the dots of a relative import refer to.
func ancestor(module string, level int, pkg bool) (string, bool) {
	if pkg {
		level--
	}
	for ; level > 0; level-- {
		i := strings.LastIndexByte(module, '.')
		if i < 0 {
			return "", false
		}
		module = module[:i]
	}
	return module, module != ""
}

// folderOf is the folder of tests that a module is or is in.
func folderOf(byModule map[string]string, name string) (string, bool) {
	for {
		if dir, ok := byModule[name]; ok {
			return dir, true
		}
		i := strings.LastIndexByte(name, '.')
		if i < 0 {
			return "", false
		}
		name = name[:i]
	}
}
