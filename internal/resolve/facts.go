package resolve

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/pep"
	"whittle.dev/whittle/internal/python"
)

// unusable says whether an error is one of a file, not of the way to it: pip
// goes on to another version then.
func unusable(err error) bool {
	for _, kind := range []error{whittle.ErrCorrupt, whittle.ErrUnsupported, whittle.ErrNotFound, whittle.ErrLimit} {
		if errors.Is(err, kind) {
			return true
		}
	}
	return false
}

// factsOf reads a release's metadata.
func (c *catalogue) factsOf(ctx context.Context, r *release) (*facts, error) {
	return r.facts.get(func() (*facts, error) {
		b, guessed, err := c.metadata(ctx, r)
		switch {
		case err != nil && unusable(err):
			return &facts{broken: err}, nil
		case err != nil:
			return nil, err
		case b == nil:
			return &facts{guessed: guessed}, nil
		}
		m := python.ParseMetadata(b)
		f := &facts{extras: map[string]bool{}, guessed: guessed}
		f.broken = c.checkMetadata(r, m)
		for _, e := range m.ProvidesExtra {
			f.extras[pep.Normalize(e)] = true
		}
		for _, text := range m.RequiresDist {
			req, err := pep.ParseRequirement(text)
			if err != nil {
				f.broken = fmt.Errorf("the metadata of %s: %w", r, err)
				break
			}
			f.requires = append(f.requires, req)
		}
		return f, nil
	})
}

// checkMetadata refuses a file whose metadata contradict its name, or the
// target.
func (c *catalogue) checkMetadata(r *release, m python.Metadata) error {
	v, err := pep.ParseVersion(m.Version)
	switch {
	case pep.Normalize(m.Name) != r.name || err != nil || v.Key() != r.version.Key():
		return whittle.ErrCorrupt.Errorf("the metadata of %s are those of %.80s %.40s", r, m.Name, m.Version)
	case !c.runs(m.RequiresPython):
		return whittle.ErrUnsupported.Errorf("%s requires Python %.80s", r, m.RequiresPython)
	}
	return nil
}

// metadata reads those of the file that would be installed. A source that
// nobody built says little: a wheel of the same version for another target is
// read in its place, where there is one. nil means that nothing is known.
func (c *catalogue) metadata(ctx context.Context, r *release) (b []byte, guessed string, err error) {
	if r.wheel != nil {
		b, err = c.idx.Metadata(ctx, *r.wheel)
		return b, "", err
	}
	if r.like != nil {
		b, err = c.idx.Metadata(ctx, *r.like)
		if err == nil || !unusable(err) {
			return b, "a wheel for another target", err
		}
	}
	b, err = c.idx.Metadata(ctx, *r.source)
	switch {
	case err == nil && static(b):
		return b, "", nil
	case err == nil:
		return b, "PKG-INFO, and building it may come to others", nil
	case unusable(err):
		return nil, "nothing: they are not known before it is built", nil
	}
	return nil, "", err
}

// static says whether a PKG-INFO promises that its requirements are those that
// building comes to (PEP 643).
func static(b []byte) bool {
	head, _, _ := strings.Cut(strings.ReplaceAll(string(b), "\r\n", "\n"), "\n\n")
	promised := false
	for line := range strings.Lines(head) {
		key, value, _ := strings.Cut(strings.ToLower(line), ":")
		value = strings.TrimSpace(value)
		switch {
		case key == "metadata-version":
			v, err := pep.ParseVersion(value)
			since, _ := pep.ParseVersion("2.2")
			promised = err == nil && v.Compare(since) >= 0
		case key == "dynamic" && value == "requires-dist":
			return false
		}
	}
	return promised
}

// requires are the wants of a release that is asked for with some extras, or
// without: those of an extra are the release itself and what the extra adds.
func (c *catalogue) requires(ctx context.Context, r *release, id ident) ([]want, error) {
	f, err := c.factsOf(ctx, r)
	if err != nil {
		return nil, err
	}
	if f.broken != nil {
		return nil, f.broken
	}
	by := &pin{id, r}
	var out []want
	extras := id.list()
	if len(extras) == 0 {
		extras = []string{""}
	} else {
		out = append(out, want{requirement: pep.Requirement{Name: r.name}, by: by, exact: r})
	}
	for _, req := range f.requires {
		for _, extra := range extras {
			ok, err := req.Marker.Evaluate(c.o.Env, extra)
			if err != nil {
				return nil, fmt.Errorf("the metadata of %s: %w", r, err)
			}
			if ok {
				out = append(out, want{requirement: req, by: by})
				break
			}
		}
	}
	return out, nil
}

// notesOn says of chosen releases what was guessed, and which extras they do
// not have.
func (s *search) notesOn(chosen map[string]*Choice) []string {
	var out []string
	for _, p := range s.now.pins {
		c := chosen[p.id.name]
		if c == nil || c.Version != p.release.version.String() {
			continue
		}
		f := p.release.facts.value
		if f == nil {
			continue
		}
		if f.guessed != "" {
			out = append(out, fmt.Sprintf("the requirements of %s are from %s", p.release, f.guessed))
		}
		for _, e := range p.id.list() {
			if f.extras != nil && !f.extras[e] {
				out = append(out, fmt.Sprintf("%s has no extra %s", p.release, e))
			}
		}
		if p.release.yanked {
			out = append(out, fmt.Sprintf("%s is yanked from the index", p.release))
		}
	}
	out = slices.AppendSeq(out, maps.Values(s.skipped))
	slices.Sort(out)
	return slices.Compact(out)
}
