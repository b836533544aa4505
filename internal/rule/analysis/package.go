package analysis

import (
	"cmp"
	"regexp"
	"slices"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/distro"
)

// Package is one installed package of the distribution.
type Package struct {
	distro.Installed
	// Layer has its first file, -1 if it has no files.
	Layer int
	Items []int
}

// Packages are the installed packages of a distribution.
type Packages struct {
	List []Package
	// Providers are positions in list by all names that they have or provide.
	Providers map[string][]int
	// KnowsRequested says that the explicitly installed packages are known.
	KnowsRequested bool
}

// Packages are the packages of the system, without those of environments.
func (ls *Layers) Packages() *Packages {
	s := &Packages{Providers: map[string][]int{}}
	if ls.ledger == nil || len(ls.owner) != len(ls.ledger.Items) {
		return s
	}
	for _, p := range ls.packages {
		if distro.KindOf(p.Ecosystem) != whittle.OwnerSystem {
			continue
		}
		n := len(s.List)
		s.List = append(s.List, Package{Installed: p, Layer: -1})
		for _, name := range append(slices.Clip(p.Provides), p.Name) {
			s.Providers[name] = append(s.Providers[name], n)
		}
		s.KnowsRequested = s.KnowsRequested || p.Reason != distro.ReasonUnknown
	}
	ls.place(s)
	return s
}

// place assigns items to packages.
func (ls *Layers) place(s *Packages) {
	at := map[string]int{}
	for i := range s.List {
		at[s.List[i].Ecosystem+" "+s.List[i].Name] = i
	}
	for i := range ls.ledger.Items {
		it, o := &ls.ledger.Items[i], &ls.owner[i]
		n, ok := at[o.Ecosystem+" "+o.Name]
		if !ok {
			continue
		}
		k := &s.List[n]
		k.Items = append(k.Items, i)
		if k.Layer < 0 || it.Layer < k.Layer {
			k.Layer = it.Layer
		}
	}
}

// Needed says which packages the roots need, including themselves, by following
// dependencies and, with recommended, recommendations. Of alternatives, all that
// are installed count.
func (s *Packages) Needed(roots []int, recommended bool) []bool {
	out := make([]bool, len(s.List))
	stack := slices.Clone(roots)
	for len(stack) > 0 {
		n := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		if out[n] {
			continue
		}
		out[n] = true
		groups := s.List[n].Depends
		if recommended {
			groups = append(slices.Clone(groups), s.List[n].Recommends...)
		}
		for _, alternatives := range groups {
			for _, name := range alternatives {
				stack = append(stack, s.Providers[name]...)
			}
		}
	}
	return out
}

// Freed are the packages above the base that are removed with some of them:
// those themselves, unless another package needs them, and packages that were
// installed only for them.
func (ls *Layers) Freed(s *Packages, some []int) []int {
	var roots []int
	for n := range s.List {
		k := &s.List[n]
		if slices.Contains(some, n) || s.isGroup(n) || k.Reason == distro.Automatic && (k.Layer < 0 || !ls.IsBase(k.Layer)) {
			continue
		}
		roots = append(roots, n)
	}
	kept, mine := s.Needed(roots, true), s.Needed(some, true)
	var out []int
	for n := range s.List {
		if k := &s.List[n]; mine[n] && !kept[n] && k.Layer >= 0 && !ls.IsBase(k.Layer) {
			out = append(out, n)
		}
	}
	return out
}

// isGroup says that a package is only a name for a group of build tools, as
// made by apk add --virtual .build-deps.
func (s *Packages) isGroup(n int) bool {
	return strings.HasPrefix(s.List[n].Name, ".") && slices.ContainsFunc(s.List[n].Depends, func(names []string) bool { return IsBuildTool(names[0]) })
}

// Brought are a package's items in one layer.
func (ls *Layers) Brought(k *Package, layer int) (items []int) {
	for _, i := range k.Items {
		if ls.ledger.Items[i].Layer == layer {
			items = append(items, i)
		}
	}
	return items
}

// ByPackage is evidence with one row for each package, the largest first.
func (ls *Layers) ByPackage(s *Packages, chosen []int, layer int) (evidence []whittle.Evidence, items []int, names []string) {
	for _, n := range chosen {
		k := &s.List[n]
		mine := ls.Brought(k, layer)
		items = append(items, mine...)
		what := k.Name
		if k.Version != "" {
			what += " " + k.Version
		}
		evidence = append(evidence, whittle.Evidence{Layer: layer, Bytes: ls.Bytes(mine), Files: len(mine), What: what})
		names = append(names, k.Name)
	}
	slices.SortStableFunc(evidence, func(a, b whittle.Evidence) int {
		return cmp.Or(cmp.Compare(b.Bytes, a.Bytes), cmp.Compare(a.What, b.What))
	})
	if len(evidence) > maxPlaces {
		evidence = append(evidence[:maxPlaces-1], summed(evidence[maxPlaces-1:], "other packages"))
	}
	slices.Sort(names)
	return evidence, items, names
}

// summed is one row with the sum of rows.
func summed(rows []whittle.Evidence, what string) whittle.Evidence {
	rest := whittle.Evidence{Layer: -1, What: what}
	for _, e := range rows {
		rest.Bytes += e.Bytes
		rest.Files += e.Files
	}
	return rest
}

// LargestNames names the packages of the first rows: "gcc-12 12.2.0 (58.1 MB)".
func LargestNames(evidence []whittle.Evidence) string {
	var names []string
	for _, e := range evidence {
		name, _, _ := strings.Cut(e.What, " ")
		names = append(names, name+" ("+whittle.Bytes(e.Bytes)+")")
	}
	return List(names)
}

// buildTool matches the names of packages that only builds need, in Debian, Alpine
// and Red Hat.
var buildTool = regexp.MustCompile(`^(gcc|g\+\+|gfortran|cpp|gobjc|gccgo|clang|llvm|lld|ldc|rustc|cargo|golang|go|gdc)(-[0-9].*|-c\+\+)?$|` +
	`^(gcc|g\+\+|cpp|gfortran)-[0-9]+(-.*)?$|^golang-[0-9.]+.*$|` +
	`^(make|build-essential|build-base|alpine-sdk|binutils|cmake|cmake-data|ninja-build|ninja|samurai|meson|autoconf|automake|autotools-dev|libtool|` +
	`pkg-config|pkgconf|pkgconf-bin|bison|flex|m4|dpkg-dev|fakeroot|swig|nasm|yasm|maven|gradle|node-gyp|linux-headers|` +
	`linux-libc-dev|kernel-headers|rpm-build|redhat-rpm-config)(-.*)?$|` +
	`-(dev|devel)(-bin)?$|^lib(gcc|stdc\+\+|objc|gfortran)-[0-9]+-dev$`)

// IsBuildTool says that a package is needed to build things, and not to run them.
func IsBuildTool(name string) bool { return buildTool.MatchString(name) }
