package distro

import (
	"cmp"
	"slices"
	"strings"

	"whittle.dev/whittle"
)

// maxLookups limits how many packages are looked at as providers: in a hostile
// index, every package may provide what every other one depends on.
const maxLookups = 20_000_000

// InstallOptions say what an installation starts from.
type InstallOptions struct {
	// Installed are the names of the packages that are already installed.
	Installed []string
	// Recommends also installs recommended packages, as apt does without
	// --no-install-recommends.
	Recommends bool
}

// Installation is what installing some packages adds.
type Installation struct {
	// Packages are the added packages, sorted by name.
	Packages []Package
	// Low, Bytes and High are the size of their files in bytes, without what
	// the package manager writes about them and what their scripts make.
	Low, Bytes, High int64
	// Missing are dependencies that no package of the index meets, sorted.
	Missing []string
}

// Names are the packages' names, sorted.
func (in *Installation) Names() []string {
	out := make([]string, len(in.Packages))
	for i := range in.Packages {
		out[i] = in.Packages[i].Name
	}
	return out
}

// Install says what installing packages adds, with all their dependencies. Of
// alternatives, it takes the first that is installed or available; of several
// providers, the one with the highest priority. It ignores conflicts: nothing
// is removed or held back. If the index does not have a package, the error is
// [whittle.ErrNotFound].
func (x *Index) Install(names []string, o InstallOptions) (*Installation, error) {
	c := closure{x: x, there: map[string]bool{}, taken: map[string]int{}, provided: map[string]bool{}, missing: map[string]bool{}, o: o}
	for _, n := range o.Installed {
		c.there[n] = true
		for _, i := range x.byName[n] {
			c.provide(i)
			break
		}
	}
	for _, n := range names {
		a := alternative{name: n}
		if c.meets(a) {
			continue
		}
		i, ok := c.candidate(a)
		if !ok {
			return nil, whittle.ErrNotFound.Errorf("the package index has no %.80q", n)
		}
		c.take(i)
	}
	for len(c.queue) > 0 {
		next := c.queue[0]
		c.queue = c.queue[1:]
		c.follow(next)
	}
	if c.lookups > maxLookups {
		return nil, whittle.ErrLimit.Errorf("following what %.80q depend on takes more than %d steps", names, maxLookups)
	}
	return c.result(), nil
}

type closure struct {
	x *Index
	o InstallOptions
	// there are installed before; taken has the packages to come, and provided
	// the other names that both are known by.
	there    map[string]bool
	taken    map[string]int
	provided map[string]bool
	missing  map[string]bool
	queue    []int
	lookups  int
}

// meets says whether an installed or added package meets an alternative.
func (c *closure) meets(a alternative) bool {
	if i, ok := c.taken[a.name]; ok && a.allows(c.x.packages[i].Version) {
		return true
	}
	// An installed package is assumed to have a sufficient version: otherwise
	// apt would replace it, which adds no package.
	return c.there[a.name] || a.op == "" && c.provided[a.name]
}

// candidate is the package that an alternative would add.
func (c *closure) candidate(a alternative) (int, bool) {
	for _, i := range c.x.byName[a.name] {
		if c.lookups++; c.lookups > maxLookups {
			return 0, false
		}
		if a.allows(c.x.packages[i].Version) {
			return i, true
		}
	}
	best, found := 0, false
	for _, i := range c.x.providers[a.name] {
		if c.lookups++; c.lookups > maxLookups {
			break
		}
		p := &c.x.packages[i]
		if newest := c.x.byName[p.Name][0]; newest != i || !p.provide(a) {
			continue
		}
		if !found || rankOf(p) < rankOf(&c.x.packages[best]) {
			best, found = i, true
		}
	}
	return best, found
}

// provide says whether the package provides what an alternative asks for: one
// with a condition on the version is met by a provided version only (policy
// 7.5).
func (p *Package) provide(a alternative) bool {
	for _, r := range relations(p.provides) {
		for _, given := range r {
			if given.name == a.name && (a.op == "" || given.op == "=" && a.allows(given.version)) {
				return true
			}
		}
	}
	return false
}

// rankOf orders providers of one name.
func rankOf(p *Package) int {
	if p.Essential {
		return 0
	}
	at := slices.Index([]string{"required", "important", "standard", "optional"}, p.Priority)
	if at < 0 {
		at = 4
	}
	return 1 + at
}

func (c *closure) provide(i int) {
	p := &c.x.packages[i]
	for _, r := range relations(p.provides) {
		for _, a := range r {
			c.provided[a.name] = true
		}
	}
}

func (c *closure) take(i int) {
	name := c.x.packages[i].Name
	if _, twice := c.taken[name]; twice {
		return
	}
	c.taken[name] = i
	c.provide(i)
	c.queue = append(c.queue, i)
}

// follow adds the dependencies of a package.
func (c *closure) follow(i int) {
	p := &c.x.packages[i]
	for _, r := range relations(p.depends) {
		if !c.satisfy(r) {
			c.missing[r.String()] = true
		}
	}
	if c.o.Recommends {
		for _, r := range relations(p.recommends) {
			c.satisfy(r)
		}
	}
}

// satisfy adds the first alternative that is available, unless one is
// installed.
func (c *closure) satisfy(r relation) bool {
	for _, a := range r {
		if c.meets(a) {
			return true
		}
	}
	for _, a := range r {
		if i, ok := c.candidate(a); ok {
			c.take(i)
			return true
		}
	}
	return false
}

// String is "default-mta | mail-transport-agent".
func (r relation) String() string {
	names := make([]string, len(r))
	for i, a := range r {
		names[i] = whittle.Printable(a.name)
	}
	return strings.Join(names, " | ")
}

func (c *closure) result() *Installation {
	in := &Installation{}
	for _, i := range c.taken {
		in.Packages = append(in.Packages, c.x.packages[i])
	}
	slices.SortFunc(in.Packages, func(a, b Package) int { return cmp.Compare(a.Name, b.Name) })
	for _, p := range in.Packages {
		low, likely, high := p.Bytes()
		in.Low, in.Bytes, in.High = in.Low+low, in.Bytes+likely, in.High+high
	}
	for m := range c.missing {
		in.Missing = append(in.Missing, m)
	}
	slices.Sort(in.Missing)
	return in
}
