package deps

import (
	"cmp"
	"io/fs"
	"path"
	"slices"
	"strings"

	"whittle.dev/whittle/internal/manifest"
	"whittle.dev/whittle/internal/pep"
	"whittle.dev/whittle/internal/python"
)

// closure are the dependencies of a unit with all that they require in turn.
type closure struct {
	// runs are the names of what is declared for production and of what that
	// requires; dev are those that only development or an extra requires.
	runs, dev map[string]bool
	versions  map[string]string
	// known says that there is nothing else; why says why that is not known.
	known bool
	why   string
	// open says that only a lock file is missing: the package index may know.
	open bool
}

// has says whether one of some distributions is installed in production, or
// only for development or an extra.
func (a *closure) has(dists []string) (runs, only bool) {
	for _, d := range dists {
		runs = runs || a.runs[d]
		only = only || a.dev[d]
	}
	return runs, only && !runs
}

// identified says that the modules of all that is installed are known.
func (a *closure) identified() bool {
	for name := range a.runs {
		if name != "" && python.ModulesOf(name) == nil {
			return false
		}
	}
	return true
}

// closureOf is the closure of what a unit declares.
func (t *tree) closureOf(u *unit) *closure {
	if u.transitive != nil {
		return u.transitive
	}
	a := &closure{runs: map[string]bool{}, dev: map[string]bool{}, versions: map[string]string{}, known: true}
	u.transitive = a
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
			name := pep.Normalize(d.Name)
			switch {
			case d.Kind == manifest.Runtime && !t.applies(u, d):
			case d.Kind == manifest.Runtime, t.takes(v, d):
				starts = append(starts, name)
				for _, w := range t.units {
					if name != "" && pep.Normalize(w.declared.Name) == name && w.dir != "." {
						visit(w)
					}
				}
			case d.Kind == manifest.Optional || d.Kind == manifest.Development:
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

func (a *closure) doubt(why string) {
	a.known, a.why = false, cmp.Or(a.why, why)
}

// close follows the edges of the lock files, or of what is installed in the
// project's virtual environment.
func (a *closure) close(t *tree, u *unit, starts, others []string) {
	for _, s := range starts {
		a.runs[s] = true
	}
	var lock *manifest.Lock
	for _, v := range u.chain() {
		if lock == nil {
			lock = v.declared.Lock
		}
		for _, l := range v.declared.Locked {
			a.versions[pep.Normalize(l.Name)] = l.Version
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
		if !lock.Has(s) && !t.isUnit(s) && !conditional(u, s) {
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
		default: // something must require it, and nothing that is declared does
			a.runs[name] = true
		}
	}
}

// resolve asks the package index for the closure where there is no lock file. It
// is asked once, and only where something is not declared.
func resolve(t *tree, u *unit, a *closure) {
	if a.known || !a.open || t.options.Resolve == nil {
		return
	}
	a.open = false
	var reqs []pep.Requirement
	seen := map[*unit]bool{}
	var visit func(v *unit)
	visit = func(v *unit) {
		if seen[v] {
			return
		}
		seen[v] = true
		for i := range v.declared.Dependencies {
			d := &v.declared.Dependencies[i]
			if d.Kind != manifest.Runtime && !t.takes(v, d) || !t.applies(u, d) {
				continue
			}
			if d.URL != "" {
				return
			}
			if !t.isUnit(pep.Normalize(d.Name)) {
				reqs = append(reqs, d.Requirement)
				continue
			}
			for _, w := range t.units {
				if w.dir != "." && pep.Normalize(w.declared.Name) == pep.Normalize(d.Name) {
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
func conditional(u *unit, name string) bool {
	for _, v := range u.chain() {
		for i := range v.declared.Dependencies {
			if d := &v.declared.Dependencies[i]; pep.Normalize(d.Name) == name && d.Kind == manifest.Runtime && strings.Contains(d.Text, ";") {
				return true
			}
		}
	}
	return false
}

// venv is the project's virtual environment.
type venv struct {
	distributions []python.Distribution
	lock          *manifest.Lock
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
	v := &venv{lock: &manifest.Lock{Files: []string{dir}, Requires: map[string][]string{}}, modules: map[string]string{}}
	infos, _ := fs.Glob(fsys, path.Join(dir, "lib/python*/site-packages/*.dist-info"))
	for _, info := range infos {
		b, err := fs.ReadFile(fsys, path.Join(info, "METADATA"))
		if err != nil {
			continue
		}
		m := python.ParseMetadata(b)
		name := pep.Normalize(m.Name)
		v.distributions = append(v.distributions, python.Distribution{Name: name, Version: m.Version, Metadata: m})
		v.lock.Requires[name] = nil
		for _, text := range m.RequiresDist {
			if r, err := pep.ParseRequirement(text); err == nil {
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
