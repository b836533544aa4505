package python

import (
	_ "embed"
	"regexp"
	"slices"
	"strings"
	"sync"

	"whittle.dev/whittle/internal/pep"
	"whittle.dev/whittle/internal/python/source"
)

// namesTable says which distributions have which module, by the files of
// their wheels; scripts/import-names makes it.
//
//go:embed names.tsv
var namesTable string

// nameRow is a distribution that has a module.
type nameRow struct {
	distribution string
	// below are the modules right below it; unread says that they were not
	// kept; perhaps that the newest wheel does not have the module any more, or
	// that the distribution is only named as it, and was not read.
	below           []string
	unread, perhaps bool
}

// has says whether the distribution has what a dotted name below the row's
// module names: rest is empty for the module itself.
func (r *nameRow) has(rest string) source.Truth {
	first, _, _ := strings.Cut(rest, ".")
	switch {
	case r.perhaps:
		return source.Maybe
	case rest == "":
		return source.Yes
	case r.unread:
		return source.Maybe
	case slices.Contains(r.below, first):
		return source.Yes
	}
	return source.No
}

// nameRows are the table's rows by module.
var nameRows = sync.OnceValue(func() map[string][]nameRow {
	out := map[string][]nameRow{}
	for line := range strings.Lines(namesTable) {
		f := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if len(f) != 4 || strings.HasPrefix(line, "#") {
			continue
		}
		out[f[0]] = append(out[f[0]], nameRow{f[1], strings.Fields(f[3]), f[3] == "?", f[3] == "-" || f[3] == "!"})
	}
	return out
})

// nameSpaces are the modules above those of the table that none of its
// distributions has alone: google, google.cloud, zope.
var nameSpaces = sync.OnceValue(func() map[string]bool {
	out := map[string]bool{}
	for module := range nameRows() {
		for up, _, ok := source.CutLast(module); ok; up, _, ok = source.CutLast(up) {
			if nameRows()[up] == nil {
				out[up] = true
			}
		}
	}
	return out
})

// distributionModules are the modules of each distribution of the table whose
// wheel was read.
var distributionModules = sync.OnceValue(func() map[string][]string {
	out := map[string][]string{}
	for module, rows := range nameRows() {
		for _, r := range rows {
			if !r.unread && !r.perhaps {
				out[r.distribution] = append(out[r.distribution], module)
			}
		}
	}
	return out
})

// ModulesOf are the modules that a distribution's wheel is known to have, nil
// where none was read.
func ModulesOf(distribution string) []string {
	return distributionModules()[pep.Normalize(distribution)]
}

// shipped is a distribution and whether its wheel has a module.
type shipped struct {
	distribution string
	has          source.Truth
}

// shippers are the distributions that the table knows to have a module, or
// (No) to have the package above it and not the module, by the longest of its
// names that the table has.
func shippers(module string) []shipped {
	for key := module; key != ""; key, _, _ = source.CutLast(key) {
		rows := nameRows()[key]
		if rows == nil {
			continue
		}
		out := make([]shipped, len(rows))
		for i := range rows {
			out[i] = shipped{rows[i].distribution, rows[i].has(strings.TrimPrefix(module[len(key):], "."))}
		}
		return out
	}
	return nil
}

// sharers are the distributions that have a part of a namespace; that others
// have parts of it, too, is not excluded.
func sharers(space string) []shipped {
	var out []shipped
	for module, rows := range nameRows() {
		if !strings.HasPrefix(module, space+".") {
			continue
		}
		for _, r := range rows {
			if s := (shipped{r.distribution, source.Maybe}); !slices.Contains(out, s) {
				out = append(out, s)
			}
		}
	}
	slices.SortFunc(out, func(a, b shipped) int { return strings.Compare(a.distribution, b.distribution) })
	return out
}

// NameSource is how a module's distribution is known, the surest first.
type NameSource uint8

// The sources of a name.
const (
	// NotNamed: which distribution has the module is not known.
	NotNamed NameSource = iota
	// Configured: the project's configuration says it.
	Configured
	// Installed, Pinned and Stated: a distribution that is installed, that a
	// lock file has, or that the project declares; and it has the module by the
	// table, or is named as it.
	Installed
	Pinned
	Stated
	// ByWheels: the only distribution whose wheels are known to have it.
	ByWheels
	// Required: as Stated, by something that is installed.
	Required
)

// Named is which distribution has a module.
type Named struct {
	// Module is what was looked for, with the imported name where that is a
	// module of another distribution: "google.cloud.storage".
	Module string
	// Distribution is its normalized name, empty where it is not known.
	Distribution string
	By           NameSource
	// Candidates are the distributions that may have it where several may and
	// nothing tells which.
	Candidates []string
	// Perhaps are distributions that the project names, whose modules are not
	// known and whose name is like the module's.
	Perhaps []string
	// Space says that it is a namespace, which is nobody's alone.
	Space bool
	// Sure says that the distribution is known to have the very module.
	Sure bool
}

// Evident says that the project or the image itself names the distribution.
func (n *Named) Evident() bool {
	return n.By == Configured || n.By == Installed || n.By == Pinned || n.By == Stated
}

// Editable says that a file may be edited by the name: it is not a guess.
func (n *Named) Editable() bool {
	return n.Evident() || n.By == ByWheels && n.Sure && len(n.Perhaps) == 0
}

// Names finds the distribution that a module belongs to: never one that only
// its name speaks for. The zero value knows the table of wheels alone.
type Names struct {
	// Given are modules and their distributions as the project's configuration
	// has them.
	Given map[string]string
	// Ships asks the package index whether a distribution's newest wheel has a
	// module; nil, and Maybe, do not know.
	Ships func(distribution, module string) source.Truth

	evident map[string]NameSource
}

// NewNames knows what is installed.
func NewNames(installed []Distribution) *Names {
	n := &Names{evident: map[string]NameSource{}}
	for i := range installed {
		d := &installed[i]
		n.add(d.Name, Installed)
		by := Required
		if d.VendoredBy == "" && (d.Local || d.Editable) {
			by = Stated // the application's metadata is what its project declares
		}
		for _, text := range d.Metadata.RequiresDist {
			if r, err := pep.ParseRequirement(text); err == nil {
				n.add(r.Name, by)
			}
		}
	}
	return n
}

// Declare adds the distributions that a project's lock files pin and those that
// it requires.
func (n *Names) Declare(pinned, required []string) {
	for _, name := range pinned {
		n.add(name, Pinned)
	}
	for _, name := range required {
		n.add(name, Stated)
	}
}

func (n *Names) add(distribution string, by NameSource) {
	name := pep.Normalize(distribution)
	if old := n.evident[name]; name != "" && (old == NotNamed || by < old) {
		n.evident[name] = by
	}
}

// Of is which distribution has a module.
func (n *Names) Of(module string) Named {
	module = real(module)
	out := Named{Module: module}
	if given, ok := n.given(module); ok {
		out.Distribution, out.By, out.Sure = pep.Normalize(given), Configured, true
		return out
	}
	ships := shippers(module)
	out.Space = nameSpaces()[module]
	if len(ships) == 0 && out.Space {
		ships = sharers(module)
	}
	// That something installed requires the only one whose wheel has the very
	// module makes it no less sure.
	s, by := n.evidentOf(ships)
	wheels := by == Required && len(ships) == 1 && s.has == source.Yes
	if by != NotNamed && !wheels {
		out.Distribution, out.By, out.Sure = s.distribution, by, s.has == source.Yes
		return out
	}
	if own, by, ok := n.namedAs(module); ok && !wheels {
		out.Distribution, out.By = own, by
		return out
	}
	if out.Space && (len(ships) > 1 || !strings.Contains(module, ".")) {
		return out // it is nobody's alone; others than the table's may have parts of it
	}
	out.Perhaps = n.perhaps(module, ships)
	if len(out.Perhaps) == 1 && n.ships(out.Perhaps[0], module) == source.Yes {
		out.Distribution, out.By, out.Sure, out.Perhaps = out.Perhaps[0], n.evident[out.Perhaps[0]], true, nil
		return out
	}
	several := len(ships) > 1
	ships = slices.DeleteFunc(ships, func(s shipped) bool { return s.has == source.No })
	if verified := slices.DeleteFunc(slices.Clone(ships), func(s shipped) bool { return s.has != source.Yes }); len(verified) == 1 && nameRows()[module] == nil {
		ships = verified // the wheels of the others are not known to have what is below
	}
	if len(ships) == 1 && (!several || ships[0].has == source.Yes) {
		if has := n.ships(ships[0].distribution, module); has != source.Maybe {
			ships[0].has = has
		}
		if ships[0].has == source.No {
			return out
		}
		out.Distribution, out.By, out.Sure = ships[0].distribution, ByWheels, ships[0].has == source.Yes
		return out
	}
	for _, s := range ships {
		out.Candidates = append(out.Candidates, s.distribution)
	}
	return out
}

// evidentOf is the one of several distributions that the project or the image
// has.
func (n *Names) evidentOf(ships []shipped) (shipped, NameSource) {
	for _, by := range []NameSource{Installed, Pinned, Stated, Required} {
		for _, s := range ships {
			if n.evident[s.distribution] == by {
				return s, by
			}
		}
	}
	return shipped{}, NotNamed
}

// OfImport is the same for an import statement: of a namespace the imported
// names tell, and each may be another distribution's.
func (n *Names) OfImport(module string, names []string) []Named {
	whole := n.Of(module)
	if !whole.Space && (whole.By != NotNamed || len(whole.Candidates) > 0) || whole.By == Configured {
		return []Named{whole}
	}
	var out []Named
	for _, name := range names {
		full := whole.Module + "." + name
		_, given := n.Given[full]
		if !given && nameRows()[full] == nil && !nameSpaces()[full] {
			if _, _, ok := n.namedAs(full); !ok || !whole.Space {
				continue
			}
		}
		one := n.Of(full)
		if !slices.ContainsFunc(out, func(o Named) bool { return o.Distribution != "" && o.Distribution == one.Distribution }) {
			out = append(out, one)
		}
	}
	if len(out) == 0 {
		return []Named{whole}
	}
	return out
}

// given is what the configuration says of a module or a package above it.
func (n *Names) given(module string) (string, bool) {
	for up := module; up != ""; up, _, _ = source.CutLast(up) {
		if d, ok := n.Given[up]; ok {
			return d, true
		}
	}
	return "", false
}

// ships asks the package index.
func (n *Names) ships(distribution, module string) source.Truth {
	if n.Ships == nil {
		return source.Maybe
	}
	return n.Ships(distribution, module)
}

// namedAs is a distribution of the project that is named as a module, or as
// the package above it, and is not known to have other modules only.
func (n *Names) namedAs(module string) (string, NameSource, bool) {
	for up := module; up != "" && !nameSpaces()[up]; up, _, _ = source.CutLast(up) {
		name := pep.Normalize(up)
		if by := n.evident[name]; by != NotNamed && distributionModules()[name] == nil {
			return name, by, true
		}
	}
	return "", NotNamed, false
}

// perhaps are distributions that the project names, whose modules the table
// does not know and whose names are like the module's, or like those of
// distributions that have it: tensorflow-cpu for tensorflow.
func (n *Names) perhaps(module string, ships []shipped) []string {
	var like []string
	below := map[string]bool{} // of those with a dot, the last part alone is no name
	for up := module; up != "" && !nameSpaces()[up]; up, _, _ = source.CutLast(up) {
		like = append(like, squeezed(up))
		below[squeezed(up)] = strings.Contains(up, ".")
	}
	for _, s := range ships {
		like = append(like, squeezed(s.distribution))
	}
	var out []string
	for name, by := range n.evident {
		if by != Pinned && by != Stated || distributionModules()[name] != nil || strings.HasPrefix(name, "types-") || strings.HasSuffix(name, "-stubs") {
			continue
		}
		short := squeezed(name)
		if slices.ContainsFunc(like, func(l string) bool {
			return len(l) > 2 && strings.Contains(short, l) || len(short) > 2 && strings.Contains(l, short) && (!below[l] || strings.HasPrefix(l, short))
		}) {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}

// affixes are what distributions add to the name of their module, before it or
// behind: django-mptt, python-hglib, odfpy; or to the name of another
// distribution that they stand in for: tensorflow-cpu, pygame-ce.
var affixes = [2][]string{
	{"python3-", "python-", "py-", "py", "django-", "apache-"},
	{"-python3", "-python", "-py3", "-py", "py", "-cpu", "-gpu", "-rocm", "-macos", "-directml", "-openvino", "-binary", "-bin", "-headless", "-simd", "-ce", "-ng",
		"-community", "-nightly", "-pypi", "-2", "2", "3"},
}

// NamedFor says that a distribution is named as a module or a package above it
// that is no namespace, or as one that has it, but for what such names
// usually add.
func (n *Named) NamedFor(distribution string) bool {
	names := []string{squeezed(n.Distribution)}
	for _, c := range n.Candidates {
		names = append(names, squeezed(c))
	}
	for up := n.Module; up != "" && !nameSpaces()[up]; up, _, _ = source.CutLast(up) {
		names = append(names, squeezed(up), squeezed(apiVersion.ReplaceAllString(up, "")))
	}
	return slices.ContainsFunc(PlainNames(distribution), func(p string) bool { return len(p) > 1 && slices.Contains(names, squeezed(p)) })
}

// PlainNames are the normalized name of a distribution, and what it is without
// what names usually add to that of their module.
func PlainNames(distribution string) []string {
	name := pep.Normalize(distribution)
	out := []string{name}
	for _, p := range affixes[0] {
		if rest, ok := strings.CutPrefix(name, p); ok && rest != "" {
			out = append(out, rest)
		}
	}
	for _, s := range affixes[1] {
		if rest, ok := strings.CutSuffix(name, s); ok && rest != "" {
			out = append(out, strings.TrimSuffix(rest, "-"))
		}
	}
	return out
}

// apiVersion ends the names of Google's generated clients: tasks_v2, kms_v1beta1.
var apiVersion = regexp.MustCompile(`_v\d+((alpha|beta|p)\d+)*$`)

// squeezed is a name without what names are spelled with differently.
func squeezed(name string) string { return strings.ToLower(signs.Replace(name)) }

var signs = strings.NewReplacer("-", "", "_", "", ".", "")

// real is a module, or the one above it that puts it into sys.modules under a
// name that no file has.
func real(module string) string {
	for up := module; up != ""; up, _, _ = source.CutLast(up) {
		if Synthetic[up] {
			parent, _, _ := source.CutLast(up)
			return parent
		}
	}
	return module
}

// WheelHas says whether a wheel with some files has a module.
func WheelHas(files []string, module string) bool {
	at := strings.ReplaceAll(module, ".", "/")
	return slices.ContainsFunc(files, func(f string) bool {
		if first, rest, ok := strings.Cut(f, "/"); ok && strings.HasSuffix(first, ".data") {
			if kind, below, ok := strings.Cut(rest, "/"); ok && (kind == "purelib" || kind == "platlib") {
				f = below
			}
		}
		rest, ok := strings.CutPrefix(f, at)
		return ok && (strings.HasPrefix(rest, "/") || rest == ".py" || strings.HasPrefix(rest, ".") && (strings.HasSuffix(rest, ".so") || strings.HasSuffix(rest, ".pyd")))
	})
}

// Synthetic are modules that others put into sys.modules under names that no
// file has.
var Synthetic = source.NameSet(`os.path six.moves pkg_resources.extern setuptools.extern typing.io typing.re requests.packages
	pip._vendor.six.moves urllib3.packages.six.moves`)
