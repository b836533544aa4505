package check

import (
	"cmp"
	"io/fs"
	"path"
	"slices"
	"strings"

	"whittle/internal/python"
)

// unit is a folder that declares dependencies: the project's own, a member of
// its workspace, a service with its own requirements.
type unit struct {
	dir      string
	declared *python.Declared
	// up is the unit above it; what that declares counts here, too.
	up *unit
	// ships are the folders and files that its distribution has, nil for all.
	ships []string
	names *python.Names
	// minors are the versions of Python 3 that it may run under, nil for any.
	minors []int
	// along is what comes along with what it declares.
	along *along
}

// readUnits reads what the folders declare.
func (t *tree) readUnits() {
	dirs := append(slices.DeleteFunc(t.declaring, func(d string) bool { return d == "." }), ".")
	slices.SortFunc(dirs, func(a, b string) int {
		return cmp.Or(order(a, b), cmp.Compare(strings.Count(b, "/"), strings.Count(a, "/")), strings.Compare(a, b))
	})
	for _, dir := range dirs {
		d, err := python.ReadDeclaredIn(t.fsys, dir)
		u := &unit{dir: dir, declared: d}
		if dir != "." && len(d.Files) == 0 {
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
		u.ships = t.shippedOf(u)
	}
}

// aside says that a unit is not what the project ships: an example, a tool.
func (u *unit) aside() bool {
	return notShipped(u.dir+"/x.py") || slices.ContainsFunc(strings.Split(u.dir, "/"), func(part string) bool { return anyOf(words(part), asideFolders) })
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
func (t *tree) shippedOf(u *unit) []string {
	d := u.declared
	if !d.Builds {
		return nil
	}
	var out []string
	for _, s := range d.Ships {
		if t.dirs[s] || t.sources[s] != nil || t.sources[s+".py"] != nil {
			out = append(out, s)
		}
	}
	if len(out) > 0 {
		return out
	}
	for _, root := range append(slices.Clone(d.Roots), path.Join(u.dir, "src"), u.dir) {
		if root != u.dir && t.dirs[root] && !t.isPackage(root) {
			return []string{root}
		}
	}
	for _, name := range []string{d.Name, strings.TrimPrefix(strings.ToLower(d.Name), "python-"), strings.TrimPrefix(strings.ToLower(d.Name), "django-")} {
		module := strings.ReplaceAll(python.Normalize(name), "-", "_")
		for _, at := range []string{name, module, strings.ReplaceAll(module, "_", ""), strings.ReplaceAll(python.Normalize(name), "-", "/")} {
			at = path.Join(u.dir, at)
			if name != "" && (t.isPackage(at) || t.dirs[at] && at != u.dir) {
				return []string{at}
			}
			if name != "" && t.sources[at+".py"] != nil {
				return []string{at + ".py"}
			}
		}
	}
	for _, target := range d.Scripts {
		module, _, _ := strings.Cut(target, ":")
		for _, at := range []string{path.Join(u.dir, topOf(strings.TrimSpace(module)))} {
			if t.isPackage(at) || t.dirs[at] {
				out = append(out, at)
			}
		}
	}
	return out
}

// strong are the folders that code in a folder finds modules in: those of the
// units, and the folders above it that are no packages, as a program has its
// own.
func (t *tree) strong(dir string) []string {
	var out []string
	add := func(d string) {
		if !slices.Contains(out, d) {
			out = append(out, d)
		}
	}
	for at := dir; ; at = path.Dir(at) {
		if !t.isPackage(at) {
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

// chain are a unit and those above it.
func (u *unit) chain() []*unit {
	var out []*unit
	for ; u != nil; u = u.up {
		out = append(out, u)
	}
	return out
}

// declares says that the unit or one above it has files that declare something.
func (u *unit) declares() bool {
	return slices.ContainsFunc(u.chain(), func(v *unit) bool { return len(v.declared.Files) > 0 })
}

// along is what comes along with the dependencies of a unit.
type along struct {
	// runs are the names of what is declared for what runs or comes along with
	// it; dev are those that only development or an extra brings.
	runs, dev map[string]bool
	versions  map[string]string
	// known says that nothing else comes along; why says why it is not known.
	known bool
	why   string
	// open says that nothing but a lock file is missing to know it: the package
	// index may.
	open bool
}

// has says whether one of some distributions comes along with what runs, or
// only with what does not.
func (a *along) has(dists []string) (runs, only bool) {
	for _, d := range dists {
		runs = runs || a.runs[d]
		only = only || a.dev[d]
	}
	return runs, only && !runs
}

// alongWith finds what comes along with what a unit declares.
func (t *tree) alongWith(u *unit) *along {
	if u.along != nil {
		return u.along
	}
	a := &along{runs: map[string]bool{}, dev: map[string]bool{}, versions: map[string]string{}, known: true}
	u.along = a
	var starts, others []string
	seen := map[*unit]bool{}
	var visit func(v *unit)
	visit = func(v *unit) {
		if seen[v] {
			return
		}
		seen[v] = true
		for _, line := range v.declared.Unread {
			a.doubt(line)
		}
		for i := range v.declared.Dependencies {
			d := &v.declared.Dependencies[i]
			name := python.Normalize(d.Name)
			switch {
			case d.Kind == python.Runs && !t.applies(u, d):
			case d.Kind == python.Runs, d.Kind == python.Optional && t.installs(d):
				starts = append(starts, name)
				for _, w := range t.units {
					if name != "" && python.Normalize(w.declared.Name) == name && w.dir != "." {
						visit(w)
					}
				}
			case d.Kind == python.Optional || d.Kind == python.Dev:
				others = append(others, name)
			}
		}
	}
	for _, v := range u.chain() {
		visit(v)
	}
	for _, r := range t.images {
		if r.base != "" {
			a.doubt(r.base)
		}
	}
	a.close(t, u, starts, others)
	return a
}

func (a *along) doubt(why string) {
	a.known, a.why = false, cmp.Or(a.why, why)
}

// close follows the edges of the lock files, or of what is installed in the
// project's virtual environment.
func (a *along) close(t *tree, u *unit, starts, others []string) {
	for _, s := range starts {
		a.runs[s] = true
	}
	var lock *python.Lock
	for _, v := range u.chain() {
		if lock == nil {
			lock = v.declared.Lock
		}
		for _, l := range v.declared.Locked {
			a.versions[python.Normalize(l.Name)] = l.Version
		}
	}
	if lock == nil && t.venv != nil {
		lock = t.venv.lock
	}
	if lock == nil {
		if slices.ContainsFunc(starts, func(s string) bool { return !t.isUnit(s) }) {
			a.open = a.known
			a.doubt("whether another dependency brings along what is not declared: there is no lock file")
		}
		return
	}
	for _, s := range starts {
		if !lock.Has(s) && !t.isUnit(s) && !t.conditional(u, s) {
			a.doubt(lock.Files[0] + " does not have " + s + ", which is declared: what comes along with it is not known")
		}
	}
	a.runs = lock.Along(starts)
	dev := lock.Along(others)
	for name := range lock.Requires {
		switch {
		case a.runs[name]:
		case dev[name]:
			a.dev[name] = true
		default: // nothing that is declared leads to it, and something must
			a.runs[name] = true
		}
	}
}

// settle asks the package index what comes along where no lock file says it. It
// is asked once, and only where something is not declared.
func (t *tree) settle(u *unit, a *along) {
	if a.known || !a.open || t.options.Resolve == nil {
		return
	}
	a.open = false
	var reqs []python.Requirement
	seen := map[*unit]bool{}
	var visit func(v *unit)
	visit = func(v *unit) {
		if seen[v] {
			return
		}
		seen[v] = true
		for i := range v.declared.Dependencies {
			d := &v.declared.Dependencies[i]
			if d.Kind != python.Runs && (d.Kind != python.Optional || !t.installs(d)) || !t.applies(u, d) {
				continue
			}
			if d.URL != "" {
				return
			}
			if !t.isUnit(python.Normalize(d.Name)) {
				reqs = append(reqs, d.Requirement)
				continue
			}
			for _, w := range t.units {
				if w.dir != "." && python.Normalize(w.declared.Name) == python.Normalize(d.Name) {
					visit(w)
				}
			}
		}
	}
	for _, v := range u.chain() {
		visit(v)
	}
	versions, ok := t.options.Resolve(reqs)
	if !ok {
		return
	}
	for name, version := range versions {
		a.runs[name], a.versions[name] = true, version
	}
	a.known, a.why = true, ""
}

// conditional says that a dependency is declared under a marker alone: a lock
// file for other platforms does not have it.
func (t *tree) conditional(u *unit, name string) bool {
	for _, v := range u.chain() {
		for i := range v.declared.Dependencies {
			if d := &v.declared.Dependencies[i]; python.Normalize(d.Name) == name && d.Kind == python.Runs && strings.Contains(d.Text, ";") {
				return true
			}
		}
	}
	return false
}

func (t *tree) isUnit(name string) bool {
	return slices.ContainsFunc(t.units, func(u *unit) bool { return python.Normalize(u.declared.Name) == name })
}

// installs says that an image is made with an extra, or that the project asks
// for its own: shop[web] among the dependencies of shop.
func (t *tree) installs(d *python.Dependency) bool {
	extra := python.Normalize(d.Extra)
	if slices.ContainsFunc(t.images, func(r *recipe) bool { return r.extras["*"] || r.extras[extra] }) {
		return true
	}
	for _, u := range t.units {
		for i := range u.declared.Dependencies {
			e := &u.declared.Dependencies[i]
			if e.Kind == python.Runs && t.isUnit(python.Normalize(e.Name)) && slices.Contains(e.Extras, extra) {
				return true
			}
		}
	}
	return false
}

// name prepares the names of modules for each unit, and the versions of Python
// that it may run under.
func (t *tree) name() {
	for _, u := range t.units {
		all := &python.Declared{}
		for _, v := range append(u.chain(), t.units...) {
			all.Dependencies = append(all.Dependencies, v.declared.Dependencies...)
			all.Locked = append(all.Locked, v.declared.Locked...)
			if len(u.minors) == 0 && within(u.dir, v.dir) {
				u.minors = python.Minors(v.declared.RequiresPython)
			}
		}
		for _, r := range t.images {
			for _, name := range r.installs {
				all.Dependencies = append(all.Dependencies, python.Dependency{Requirement: python.Requirement{Name: name}})
			}
		}
		u.names = python.NewNames(t.installed(), all)
		u.names.Given, u.names.Ships = t.options.Names, t.options.Ships
	}
}

// venv is the project's virtual environment.
type venv struct {
	distributions []python.Distribution
	lock          *python.Lock
	// modules are those of each distribution by their top-level names.
	modules map[string]string
}

func (t *tree) installed() []python.Distribution {
	if t.venv == nil {
		return nil
	}
	return t.venv.distributions
}

// readVenv reads the metadata of what is installed in a virtual environment.
func readVenv(fsys fs.FS, dir string) *venv {
	v := &venv{lock: &python.Lock{Files: []string{dir}, Requires: map[string][]string{}}, modules: map[string]string{}}
	infos, _ := fs.Glob(fsys, path.Join(dir, "lib/python*/site-packages/*.dist-info"))
	for _, info := range infos {
		b, err := fs.ReadFile(fsys, path.Join(info, "METADATA"))
		if err != nil {
			continue
		}
		m := python.ParseMetadata(b)
		name := python.Normalize(m.Name)
		v.distributions = append(v.distributions, python.Distribution{Name: name, Version: m.Version, Metadata: m})
		v.lock.Requires[name] = nil
		for _, text := range m.RequiresDist {
			if r, err := python.ParseRequirement(text); err == nil {
				v.lock.Requires[name] = append(v.lock.Requires[name], r.Name)
			}
		}
		record, _ := fs.ReadFile(fsys, path.Join(info, "RECORD"))
		for line := range strings.Lines(string(record)) {
			file, _, _ := strings.Cut(line, ",")
			top, _, below := strings.Cut(file, "/")
			if !below {
				top, _, _ = strings.Cut(top, ".")
			}
			if !strings.Contains(top, ".") && top != "" {
				v.modules[top] = name
			}
		}
	}
	if len(v.distributions) == 0 {
		return nil
	}
	// A distribution that is required and is not installed brings nothing.
	for name, requires := range v.lock.Requires {
		v.lock.Requires[name] = slices.DeleteFunc(requires, func(r string) bool { return !v.lock.Has(r) })
	}
	return v
}
