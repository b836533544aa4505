package manifest

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/pep"
	"whittle.dev/whittle/internal/toml"
)

// Lock is what lock files say comes along with what is declared.
type Lock struct {
	// Files are the lock files.
	Files []string
	// Requires are the names that a distribution requires, by its own, extras
	// included; markers do not count. Every distribution of the files has an
	// entry.
	Requires map[string][]string
	// All are those that come along whatever is declared: the files that name
	// them have no more than what runs.
	All map[string]bool
	// edges are those of Requires.
	edges map[[2]string]bool
}

func (d *declaredReader) locks(file string) *Lock {
	if d.out.Lock == nil {
		d.out.Lock = &Lock{Requires: map[string][]string{}, All: map[string]bool{}}
	}
	if l := d.out.Lock; !slices.Contains(l.Files, file) {
		l.Files = append(l.Files, file)
	}
	return d.out.Lock
}

// whole takes a file of pins that has all that comes along.
func (d *declaredReader) whole(file string, pins []Locked) {
	l := d.locks(file)
	for _, p := range pins {
		l.add(p.Name)
		l.All[pep.Normalize(p.Name)] = true
	}
}

func (l *Lock) add(name string, requires ...string) {
	name = pep.Normalize(name)
	for _, r := range requires {
		if r = pep.Normalize(r); r != "" && !l.edges[[2]string{name, r}] {
			if l.edges == nil {
				l.edges = map[[2]string]bool{}
			}
			l.edges[[2]string{name, r}] = true
			l.Requires[name] = append(l.Requires[name], r)
		}
	}
	if _, ok := l.Requires[name]; !ok {
		l.Requires[name] = nil
	}
}

// Has says whether a distribution is in the lock files.
func (l *Lock) Has(name string) bool {
	_, ok := l.Requires[pep.Normalize(name)]
	return ok
}

// Along are the names of those that come along with some, themselves included.
func (l *Lock) Along(names []string) map[string]bool {
	out := map[string]bool{}
	for n := range l.All {
		out[n] = true
	}
	queue := slices.Clone(names)
	for len(queue) > 0 {
		n := pep.Normalize(queue[0])
		queue = queue[1:]
		if out[n] && !l.All[n] {
			continue
		}
		out[n] = true
		for _, r := range l.Requires[n] {
			if !out[r] {
				queue = append(queue, r)
			}
		}
	}
	return out
}

// lock reads the [[package]] tables that uv, Poetry and PDM write, and the
// [[packages]] of pylock.toml.
// https://packaging.python.org/en/latest/specifications/pylock-toml/
func (d *declaredReader) lock(file string) {
	b := d.read(file)
	if b == nil {
		return
	}
	var t tomlTable
	if err := toml.Unmarshal(b, &t); err != nil {
		d.problem(fmt.Errorf("reading %s: %w", file, err))
		return
	}
	l := d.locks(file)
	for _, v := range append(t.list("package"), t.list("packages")...) {
		p := tomlTable{"p": v}.table("p")
		name, version := strings.Join(p.strings("name"), ""), strings.Join(p.strings("version"), "")
		if name == "" {
			continue
		}
		if version != "" || len(p.table("source")) == 0 {
			d.out.Locked = append(d.out.Locked, Locked{name, version, file})
		}
		l.add(name, lockedRequires(p)...)
		if path.Base(file) == "pylock.toml" {
			l.All[pep.Normalize(name)] = true
		}
	}
}

// lockedRequires are the names that a package of a lock file requires. Those
// of its extras are in the file where something asks for them; the extras of
// the project itself are in its own tables.
func lockedRequires(p tomlTable) []string {
	var out []string
	take := func(v any) {
		switch v := v.(type) {
		case string: // PDM
			if r, err := pep.ParseRequirement(v); err == nil {
				out = append(out, r.Name)
			}
		case map[string]any: // uv
			out = append(out, tomlTable(v).strings("name")...)
		}
	}
	for _, v := range p.list("dependencies") {
		take(v)
	}
	for name := range p.table("dependencies") { // Poetry
		out = append(out, name)
	}
	source := p.table("source")
	_, editable := source["editable"]
	_, virtual := source["virtual"]
	if !editable && !virtual {
		for _, list := range p.table("optional-dependencies") {
			if l, ok := list.([]any); ok {
				for _, v := range l {
					take(v)
				}
			}
		}
	}
	slices.Sort(out)
	return out
}

// pipfileLock reads the packages that Pipfile.lock pins for what runs.
func (d *declaredReader) pipfileLock(file string) {
	b := d.read(file)
	if b == nil {
		return
	}
	var l struct {
		Default map[string]struct {
			Version string `json:"version"`
		} `json:"default"`
	}
	if err := whittle.ParseJSON(b, &l); err != nil {
		d.problem(fmt.Errorf("reading %s: %w", file, err))
		return
	}
	var pins []Locked
	for _, name := range sortedKeys(l.Default) {
		pins = append(pins, Locked{name, strings.TrimPrefix(l.Default[name].Version, "=="), file})
	}
	d.out.Locked = append(d.out.Locked, pins...)
	d.whole(file, pins)
}
