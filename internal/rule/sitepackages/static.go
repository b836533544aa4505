package sitepackages

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/rule/analysis"
	"whittle.dev/whittle/internal/shell"
)

// StaticLibraries is the rule static-libraries: static libraries, headers and
// Cython declarations of installed distributions.
func StaticLibraries() analysis.Rule {
	return analysis.Rule{
		ID:    "static-libraries",
		Title: "Static libraries, headers and Cython declarations of installed distributions",
		Text: `Headers, static libraries (.a, .la) and Cython's .pxd files are only used to compile other code against a distribution. A program that
runs reads none of them, unless it compiles at run time; distributions that are known to do so are not reported.`,
		Before: "RUN pip install numpy\n",
		After:  "RUN pip install numpy && \\\n    find /usr/local/lib/python3.*/site-packages -type f -path '*/site-packages/numpy/*' \\\n    \\( -name '*.a' -o -path '*/include/*.h' \\) -delete\n",
		Run:    findStatic,
	}
}

// compilers are distributions that compile code at run time, with headers of
// their own or of others.
var compilers = map[string]bool{"torch": true, "triton": true, "tensorflow": true, "jax": true, "jaxlib": true, "cupy": true, "numba": true,
	"cffi": true, "cppyy": true, "pythran": true, "cython": true, "pybind11": true, "nanobind": true, "pyjit": true, "theano": true, "aesara": true,
	"pytensor": true, "ziglang": true, "cmake": true, "tinycc": true, "pycuda": true, "pyopencl": true, "warp-lang": true, "taichi": true}

// staticPattern is the pattern for find that matches a static file, empty for
// other files.
func staticPattern(at string) string {
	ext := path.Ext(at)
	switch ext {
	case ".a", ".la", ".pxd":
		return "-name '*" + ext + "'"
	case ".h", ".hh", ".hpp", ".hxx", ".inl":
		if strings.Contains(at, "/include/") {
			return "-path '*/include/*" + ext + "'"
		}
	}
	return ""
}

func findStatic(p *analysis.Pass) []whittle.Finding {
	const id = "static-libraries"
	if p.Graph == nil {
		return nil
	}
	sites := p.Dists.Sites()
	items := p.Layers.WithWasted(p.Layers.Visible(func(i int) bool {
		name := p.Owner[i].Name
		_, in := analysis.Site(sites, p.Ledger.Items[i].Path)
		return in && p.Layers.OfDistribution(i) && staticPattern(p.Ledger.Items[i].Path) != "" && !compilers[name] && !strings.HasPrefix(name, "nvidia-")
	}))
	if p.Layers.Bytes(items) < analysis.MinBytes {
		return nil
	}
	groups, rest := p.ByInstall(items)
	f := whittle.Finding{
		Message:  fmt.Sprintf("headers and static libraries of installed distributions take %s in %s", whittle.Bytes(p.Layers.Bytes(items)), analysis.FileCount(len(items))),
		Evidence: p.Layers.Places(items), Risk: whittle.RiskLow, Change: p.Layers.Removal(items),
		Advice:      "delete them in the RUN that installs them",
		Caution:     "a program that compiles extensions when it runs needs them",
		Fingerprint: whittle.Fingerprint(id, p.Layers.DistributionsOf(items)...),
	}
	if len(rest) == 0 && len(groups) > 0 {
		if fix, ok := p.AppendedFix("delete headers and static libraries where they are installed", groups, func(g *analysis.Group) string { return deleteStatic(p, g) }); ok {
			f.Fix, f.Advice = fix, "delete them in "+p.RunNames(groups)+", which installs them"
			f.Evidence = append(f.Evidence, p.RunLines(groups)...)
		}
	}
	return []whittle.Finding{f}
}

// deleteStatic is the command that deletes the static files of a RUN. It
// starts at site-packages, which is there whatever else is done: find fails
// where a folder that it is to start at is gone. Packages are named only where
// others have such files, too.
func deleteStatic(p *analysis.Pass, g *analysis.Group) string {
	sites := p.Dists.Sites()
	starts, folders, patterns, here := map[string]bool{}, map[string]bool{}, map[string]bool{}, map[string]bool{}
	mine := make(map[int]bool, len(g.Items))
	top := func(s, at string) string {
		return shell.Quote("*/" + path.Join(path.Base(s), analysis.TopFolder(at[len(s)+1:])) + "/*")
	}
	for _, i := range g.Items {
		at := p.Ledger.Items[i].Path
		s, _ := analysis.Site(sites, at)
		mine[i], here[s] = true, true
		starts[p.Quoted(g, s)] = true
		folders["-path "+top(s, at)] = true
		patterns[staticPattern(at)] = true
	}
	others := map[string]bool{}
	for i := range p.Ledger.Items {
		at := p.Ledger.Items[i].Path
		if s, ok := analysis.Site(sites, at); ok && here[s] && !mine[i] && patterns[staticPattern(at)] {
			others["! -path "+top(s, at)] = true
		}
	}
	tests := []string{"find", strings.Join(slices.Sorted(maps.Keys(starts)), " "), "-type f"}
	switch {
	case len(others) == 0:
	case len(others) < len(folders) && !overlapping(folders, others):
		tests = append(tests, slices.Sorted(maps.Keys(others))...)
	default:
		tests = append(tests, anyOf(folders))
	}
	return strings.Join(append(tests, anyOf(patterns), "-delete"), " ")
}

// overlapping says that a folder is also among those to keep.
func overlapping(folders, others map[string]bool) bool {
	for f := range folders {
		if others["! "+f] {
			return true
		}
	}
	return false
}

// anyOf is a condition of find that is true if one of several is.
func anyOf(tests map[string]bool) string {
	list := slices.Sorted(maps.Keys(tests))
	if len(list) == 1 {
		return list[0]
	}
	return `\( ` + strings.Join(list, " -o ") + ` \)`
}
