package deps

import (
	"cmp"
	"path"
	"slices"
	"strings"

	"whittle.dev/whittle/internal/manifest"
	"whittle.dev/whittle/internal/pep"
	"whittle.dev/whittle/internal/python"
	"whittle.dev/whittle/internal/python/source"
)

// unit is a folder that declares dependencies: the project's own, a member of
// its workspace, a service with its own requirements.
type unit struct {
	dir      string
	declared *manifest.Declared
	// up is the unit above it; what that declares counts here, too.
	up *unit
	// lists are the folders below that have lists of dependencies and no module:
	// 3rdparty/requirements.txt, docker/requirements.txt.
	lists []*unit
	// ships are the folders and files that its distribution has, nil for all.
	ships []string
	names *python.Names
	// minors are the versions of Python 3 that it may run under, nil for any.
	minors []int
	// transitive is the closure of what it declares.
	transitive *closure
}

// readUnits reads what the folders declare.
func readUnits(t *tree) {
	dirs := append(slices.DeleteFunc(t.folder.declaring, func(d string) bool { return d == "." }), ".")
	slices.SortFunc(dirs, func(a, b string) int {
		return cmp.Or(order(a, b), cmp.Compare(strings.Count(b, "/"), strings.Count(a, "/")), strings.Compare(a, b))
	})
	for _, dir := range dirs {
		d, err := manifest.ReadDeclaredIn(t.fsys, dir)
		u := &unit{dir: dir, declared: d}
		if dir != "." && (len(d.Files) == 0 || len(t.units) >= maxUnits) {
			continue
		}
		t.units = append(t.units, u)
		if err == nil {
			continue
		}
		for line := range strings.Lines(err.Error()) {
			d.Unread = append(d.Unread, strings.TrimSpace(line))
		}
	}
	for i, u := range t.units {
		for _, v := range t.units[i+1:] {
			if within(u.dir, v.dir) {
				u.up = v
				break
			}
		}
		u.ships = shippedOf(t, u)
		if u.up != nil && !t.folder.dirs[u.dir] && !u.auxiliary() {
			u.up.lists = append(u.up.lists, u)
		}
	}
}

// auxiliary says that a unit is not what the project ships: an example, a tool.
func (u *unit) auxiliary() bool {
	return notShipped(u.dir+"/x.py") || slices.ContainsFunc(strings.Split(u.dir, "/"), func(part string) bool { return anyOf(words(part), auxiliaryFolders) })
}

// order puts the project's own folder last.
func order(a, b string) int {
	switch {
	case a == b:
		return 0
	case a == ".":
		return 1
	case b == ".":
		return -1
	}
	return 0
}

func within(p, dir string) bool { return dir == "." || p == dir || strings.HasPrefix(p, dir+"/") }

// unitOf is the deepest unit that a file lies in.
func (t *tree) unitOf(p string) *unit {
	for _, u := range t.units {
		if within(p, u.dir) {
			return u
		}
	}
	return t.units[len(t.units)-1]
}

// shippedOf are the folders that a build of a unit ships: those that its tables
// name, else src, else the package of its name.
func shippedOf(t *tree, u *unit) []string {
	d := u.declared
	if !d.Builds {
		return nil
	}
	var out []string
	for _, s := range d.Ships {
		if t.folder.dirs[s] || t.sources[s] != nil || t.sources[s+".py"] != nil {
			out = append(out, s)
		}
	}
	if len(out) > 0 {
		return out
	}
	for _, root := range append(slices.Clone(d.Roots), path.Join(u.dir, "src"), u.dir) {
		if root != u.dir && t.folder.dirs[root] && !t.folder.isPackage(root) {
			return []string{root}
		}
	}
	for _, name := range []string{d.Name, strings.TrimPrefix(strings.ToLower(d.Name), "python-"), strings.TrimPrefix(strings.ToLower(d.Name), "django-")} {
		module := strings.ReplaceAll(pep.Normalize(name), "-", "_")
		for _, at := range []string{name, module, strings.ReplaceAll(module, "_", ""), strings.ReplaceAll(pep.Normalize(name), "-", "/")} {
			at = path.Join(u.dir, at)
			if name != "" && (t.folder.isPackage(at) || t.folder.dirs[at] && at != u.dir) {
				return []string{at}
			}
			if name != "" && t.sources[at+".py"] != nil {
				return []string{at + ".py"}
			}
		}
	}
	for _, target := range d.Scripts {
		module, _, _ := strings.Cut(target, ":")
		for _, at := range []string{path.Join(u.dir, source.Top(strings.TrimSpace(module)))} {
			if t.folder.isPackage(at) || t.folder.dirs[at] {
				out = append(out, at)
			}
		}
	}
	return out
}

// searchPath are the folders in which code of a folder finds modules: those of
// the units, and the folders above it that are no packages, since the folder of a
// program is on its path.
func (t *tree) searchPath(dir string) []string {
	var out []string
	add := func(d string) {
		if !slices.Contains(out, d) {
			out = append(out, d)
		}
	}
	for at := dir; ; at = path.Dir(at) {
		if !t.folder.isPackage(at) {
			add(at)
			add(path.Join(at, "src"))
		}
		if at == "." {
			break
		}
	}
	for _, u := range slices.Backward(t.units) {
		add(u.dir)
		add(path.Join(u.dir, "src"))
		add(path.Join(u.dir, "lib"))
		for _, r := range u.declared.Roots {
			add(r)
		}
	}
	return out
}

// chain are a unit and those above it, with the folders of lists of those that
// declare nothing themselves.
func (u *unit) chain() []*unit {
	var out []*unit
	for ; u != nil; u = u.up {
		out = append(out, u)
		if !slices.ContainsFunc(u.declared.Dependencies, func(d manifest.Dependency) bool { return d.Kind == manifest.Runtime }) {
			out = append(out, u.lists...)
		}
	}
	return out
}

// takes says that what a unit does not declare for every installation is
// installed: an extra, or a group that is not for development, of an
// application, or that an image is made with.
func (t *tree) takes(u *unit, d *manifest.Dependency) bool {
	switch {
	case d.Kind == manifest.Optional:
		return installs(t, d)
	case d.Kind != manifest.Development || d.ForDevelopment():
		return false
	}
	return !u.declared.Builds || slices.ContainsFunc(t.images, func(r *image) bool { return r.extras[pep.Normalize(d.Group)] })
}

// declares says that the unit or one above it has files that declare something.
func (u *unit) declares() bool {
	return slices.ContainsFunc(u.chain(), func(v *unit) bool { return len(v.declared.Files) > 0 })
}

func (t *tree) isUnit(name string) bool {
	return slices.ContainsFunc(t.units, func(u *unit) bool { return pep.Normalize(u.declared.Name) == name })
}

// installs says that an image is made with an extra, or that the project asks
// for its own: shop[web] among the dependencies of shop.
func installs(t *tree, d *manifest.Dependency) bool {
	extra := pep.Normalize(d.Extra)
	if slices.ContainsFunc(t.images, func(r *image) bool { return r.extras["*"] || r.extras[extra] }) {
		return true
	}
	for _, u := range t.units {
		for i := range u.declared.Dependencies {
			e := &u.declared.Dependencies[i]
			if e.Kind == manifest.Runtime && t.isUnit(pep.Normalize(e.Name)) && slices.Contains(e.Extras, extra) {
				return true
			}
		}
	}
	return false
}

// nameUnits prepares the names of modules for each unit, and the versions of Python
// that it may run under.
func nameUnits(t *tree) {
	ships := cached(t.options.Ships)
	for _, u := range t.units {
		all := &manifest.Declared{}
		for _, v := range append(u.chain(), t.units...) {
			all.Dependencies = append(all.Dependencies, v.declared.Dependencies...)
			all.Locked = append(all.Locked, v.declared.Locked...)
			if len(u.minors) == 0 && within(u.dir, v.dir) {
				u.minors = python.Minors(v.declared.RequiresPython)
			}
		}
		for _, r := range t.images {
			for _, name := range r.installs {
				all.Dependencies = append(all.Dependencies, manifest.Dependency{Requirement: pep.Requirement{Name: name}})
			}
		}
		u.names = python.NewNames(t.installed())
		u.names.Declare(all.Names())
		u.names.Given, u.names.Ships = t.options.Names, ships
	}
}

// cached asks the package index once about each distribution and module.
func cached(ships func(distribution, module string) source.Truth) func(distribution, module string) source.Truth {
	if ships == nil {
		return nil
	}
	answers := map[[2]string]source.Truth{}
	return func(distribution, module string) source.Truth {
		question := [2]string{distribution, module}
		answer, ok := answers[question]
		if !ok {
			answer = ships(distribution, module)
			answers[question] = answer
		}
		return answer
	}
}
