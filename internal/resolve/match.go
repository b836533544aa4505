package resolve

import (
	"context"
	"slices"

	"whittle.dev/whittle/internal/pep"
)

// matches are the releases that an ident can be pinned to, the first choice
// first. What is asked of the distribution holds for it with extras too.
func (s *search) matches(ctx context.Context, criteria map[ident]criterion, id ident) ([]*release, error) {
	c := criteria[id]
	wants := c.wants
	if id.extras != "" {
		wants = slices.Concat(wants, criteria[ident{name: id.name}].wants)
	}
	all, err := s.offered(ctx, id.name, wants)
	if err != nil {
		return nil, err
	}
	pre, pinned := s.o.Prereleases, false
	narrow := func(asked pep.Specifiers) {
		_, exact := asked.Pinned()
		pre, pinned = pre || asked.NamesPrerelease(), pinned || exact
	}
	limits := s.limits[id.name]
	for _, w := range wants {
		narrow(w.requirement.Specifiers)
	}
	for _, l := range limits {
		narrow(l.Specifiers)
	}
	var out []*release
	for _, r := range all {
		if meets(r, wants) && !slices.ContainsFunc(limits, func(l pep.Requirement) bool { return !l.Specifiers.Contains(r.version, true) }) {
			out = append(out, r)
		}
	}
	// A pinned version is taken although it is yanked, if nothing else is one.
	isYanked := func(r *release) bool { return r.yanked }
	if r := slices.DeleteFunc(slices.Clone(out), isYanked); len(r) > 0 || !pinned {
		out = r
	}
	if !pre {
		isPre := func(r *release) bool { return r.version.Prerelease() }
		if r := slices.DeleteFunc(slices.Clone(out), isPre); len(r) > 0 {
			out = r
		}
	}
	out = slices.DeleteFunc(out, func(r *release) bool { return slices.Contains(c.banned, r) })
	s.preferred(id.name, out)
	return out, nil
}

// offered are the releases that there are: those of the index, or the one that
// a URL points to.
func (s *search) offered(ctx context.Context, name string, wants []want) ([]*release, error) {
	for _, w := range wants {
		if w.requirement.URL != "" {
			r, err := s.pointed(w.requirement)
			return []*release{r}, err
		}
	}
	return s.releases(ctx, name)
}

// preferred moves the version that is preferred to the front.
func (s *search) preferred(name string, of []*release) {
	v, err := pep.ParseVersion(s.o.Prefer[name])
	if err != nil {
		return
	}
	for i, r := range of {
		if r.version.Compare(v) == 0 {
			copy(of[1:], of[:i])
			of[0] = r
			return
		}
	}
}
