package base

import (
	"slices"
	"strings"

	"whittle.dev/whittle/internal/rule/analysis"
)

// Runtime says which of the system packages that a Dockerfile installs the image
// uses when it runs.
type Runtime struct {
	pass     *analysis.Pass
	packages *analysis.Packages
}

// NewRuntime reads the packages of an image; ok is false if they, or what its
// binaries load, are not known.
func NewRuntime(f *analysis.Facts) (r *Runtime, ok bool) {
	if f.Libraries == nil || f.Ledger == nil || f.Ledger.Tree == nil || f.Dockerfile == nil {
		return nil, false
	}
	p := analysis.New(f)
	r = &Runtime{p, p.Layers.Packages()}
	_, all := p.AllTexts()
	return r, len(r.packages.List) > 0 && all
}

// fetchers are programs that installers start to fetch sources.
var fetchers = []string{"git", "git-core", "openssh-client", "mercurial", "subversion"}

// Split says which of the packages that a Dockerfile installs by name only building
// needs: compilers and headers, and what fetches sources, that nothing uses which
// runs. used are packages that these brought and that the image uses. Both are
// sorted.
func (r *Runtime) Split(names []string) (build, used []string) {
	var tools []int
	for _, name := range names {
		found := r.packages.Providers[name]
		switch {
		case len(found) == 0: // it was removed again
			build = append(build, name)
		case analysis.IsBuildTool(name), slices.Contains(fetchers, name) && r.fetches(found):
			build, tools = append(build, name), append(tools, found...)
		}
	}
	if len(tools) > 0 {
		used = r.used(r.pass.Layers.Freed(r.packages, tools))
	}
	build = slices.DeleteFunc(build, func(name string) bool { return slices.Contains(used, name) })
	used = slices.DeleteFunc(used, func(name string) bool { return slices.Contains(names, name) })
	slices.Sort(build)
	slices.Sort(used)
	return slices.Compact(build), used
}

// used are the names of the packages, of some, that something uses which runs.
func (r *Runtime) used(some []int) []string {
	n := newNeeds(r.pass, r.packages, some)
	n.runs()
	n.named()
	names, _ := n.keep(true)
	return names
}

// fetches says that instructions use packages to fetch what they install, and that
// nothing else does.
func (r *Runtime) fetches(some []int) bool {
	st := baseStage(r.pass)
	if st == nil {
		return false
	}
	n := newNeeds(r.pass, r.packages, some)
	n.runs()
	if len(n.why) > 0 {
		return false
	}
	n.builds(st)
	return len(n.why) > 0
}

// Freed are the bytes of each layer that go if packages are not installed, while
// others are.
func (r *Runtime) Freed(build, used []string) map[int]int64 {
	var tools, stay []int
	for _, name := range build {
		tools = append(tools, r.packages.Providers[name]...)
	}
	for _, name := range used {
		stay = append(stay, r.packages.Providers[name]...)
	}
	kept := r.packages.Needed(stay, false)
	out, gone := map[int]int64{}, map[string]bool{}
	for _, n := range r.pass.Layers.Freed(r.packages, tools) {
		if kept[n] {
			continue
		}
		gone[r.packages.List[n].Name] = true
		for _, i := range r.packages.List[n].Items {
			out[r.pass.Ledger.Items[i].Layer] += r.pass.Ledger.Items[i].Bytes
		}
	}
	for i := range r.pass.Ledger.Items { // archives that apt keeps: name_version_arch.deb
		it := &r.pass.Ledger.Items[i]
		if file, ok := strings.CutPrefix(it.Path, "var/cache/apt/archives/"); ok && !r.pass.Layers.IsBase(it.Layer) {
			if name, _, _ := strings.Cut(file, "_"); gone[name] {
				out[it.Layer] += it.Bytes
			}
		}
	}
	return out
}

// Naming finds the first of an application's files, of those that want selects, that
// has a text such as a path in it. What it gives is empty where there is none.
func Naming(f *analysis.Facts, want func(file string) bool) func(text string) (where string) {
	texts, _ := analysis.New(f).AllTexts()
	return func(text string) string { return texts.Where(text, want) }
}
