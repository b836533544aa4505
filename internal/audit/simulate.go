package audit

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/host"
	"whittle.dev/whittle/internal/index"
	"whittle.dev/whittle/internal/ledger"
	"whittle.dev/whittle/internal/python"
	"whittle.dev/whittle/internal/rootfs"
)

// SimulateOptions are the options of [Simulate].
type SimulateOptions struct {
	// Without are patterns of paths ("/usr/share/doc", "**/tests", "*.pyc"). A
	// folder includes all files in it; "**/", and a pattern without a slash, match
	// at any depth.
	Without []string
	// Distributions are Python distributions that are removed, with those that
	// only they need.
	Distributions []string
}

// Simulate predicts the size of an image without some of its files.
func Simulate(ctx context.Context, env *host.Env, name string, o SimulateOptions) (*whittle.Simulation, error) {
	if len(o.Without)+len(o.Distributions) == 0 {
		return nil, whittle.WithHint(whittle.ErrUsage.Errorf("nothing is to go"), "name it with --without or --without-distribution")
	}
	x, err := Examine(ctx, env, name, AdviseOptions{})
	if err != nil {
		return nil, err
	}
	defer x.Subject.Close()
	out := &whittle.Simulation{Schema: whittle.SimulateSchema, Image: x.Subject.facts(), Before: x.Subject.sizes(), Changes: []whittle.SimulatedChange{}}
	var changes []whittle.LayerChange
	add := func(row whittle.SimulatedChange, c whittle.LayerChange) error {
		layers := map[int]bool{}
		for _, at := range c.Remove {
			layers[at.Layer] = true
		}
		row.Files, row.Layers = len(c.Remove), len(layers)
		row.Saving, err = x.Saving(c)
		out.Changes, changes = append(out.Changes, row), append(changes, c)
		return err
	}
	for _, pattern := range o.Without {
		c, err := x.without(pattern)
		if err != nil {
			return nil, err
		}
		if err := add(whittle.SimulatedChange{What: pattern}, c); err != nil {
			return nil, err
		}
	}
	for _, name := range o.Distributions {
		c, freed, err := x.withoutDistribution(name)
		if err != nil {
			return nil, err
		}
		if err := add(whittle.SimulatedChange{What: name, Distributions: freed}, c); err != nil {
			return nil, err
		}
	}
	if out.Total, err = x.Saving(changes...); err != nil {
		return nil, err
	}
	out.After, err = x.replayed(changes, env.Index.Limits)
	return out, err
}

// replayed is the image's size after changes.
func (x *Examined) replayed(changes []whittle.LayerChange, limits index.Limits) (whittle.Sizes, error) {
	indexes, err := ledger.Replay(x.Facts.Indexes, changes...)
	if err != nil {
		return whittle.Sizes{}, err
	}
	l, err := rootfs.Merge(indexes, limits)
	if err != nil {
		return whittle.Sizes{}, fmt.Errorf("accounting for the replayed layers: %w", err)
	}
	sum := l.Sum()
	return whittle.Sizes{Size: sum.Size, Visible: sum.Visible, Wasted: sum.Wasted}, nil
}

// without is the change that removes the paths that match a pattern from all
// layers. Hard links count like any other name of a file. A pattern that matches
// nothing is an error, because it is usually mistyped.
func (x *Examined) without(pattern string) (whittle.LayerChange, error) {
	match, err := pathPattern(pattern)
	if err != nil {
		return whittle.LayerChange{}, err
	}
	c := x.removing(match)
	if len(c.Remove) == 0 {
		return c, whittle.WithHint(whittle.ErrNotFound.Errorf("no file in the image matches %q", pattern), x.nearest(pattern))
	}
	return c, nil
}

// nearest is a hint that names the first part of a path that is missing.
func (x *Examined) nearest(pattern string) string {
	clean := strings.Trim(pattern, "/")
	if strings.ContainsAny(clean, "*?[\\") {
		return "a pattern without / matches at any depth; one with / begins at the root, or with **/ at any depth"
	}
	have := ""
	for part := range strings.SplitSeq(clean, "/") {
		next := path.Join(have, part)
		if _, err := x.Facts.Root.Lstat(next); err != nil {
			if have == "" {
				return "the image has no /" + part
			}
			return fmt.Sprintf("/%s is there, and has no %s", have, part)
		}
		have = next
	}
	return "there is no file in it"
}

// removing is the change that removes the matching paths from all layers.
func (x *Examined) removing(match func(p string) bool) (c whittle.LayerChange) {
	for n, idx := range x.Facts.Indexes {
		for i := range idx.Entries {
			e := &idx.Entries[i]
			if (e.Kind == whittle.File || e.Kind == whittle.HardLink) && match(e.Path) {
				c.Remove = append(c.Remove, whittle.Content{Layer: n, Entry: i})
			}
		}
	}
	return c
}

// CheckPattern says what is wrong with a pattern of [SimulateOptions].
func CheckPattern(pattern string) error {
	_, err := pathPattern(pattern)
	return err
}

// pathPattern parses a pattern of [SimulateOptions].
func pathPattern(pattern string) (func(p string) bool, error) {
	clean := strings.Trim(pattern, "/")
	rest, deep := strings.CutPrefix(clean, "**/")
	deep = deep || !strings.Contains(pattern, "/")
	parts := strings.Split(rest, "/")
	for _, part := range parts {
		why := ""
		switch _, err := path.Match(part, "x"); {
		case err != nil:
			why = fmt.Sprintf("%q is no pattern: a [ is not closed, or a \\ is at the end", part)
		case strings.Contains(part, "**"):
			why = "** may be at the start only, as **/: a folder means all that is in it"
		case clean == "":
			why = "it names nothing, or the whole image"
		case part == "":
			why = "it has an empty part: two slashes in a row"
		case part == "." || part == "..":
			why = "a path of an image has no part " + part
		}
		if why != "" {
			return nil, whittle.WithHint(whittle.ErrUsage.Errorf("pattern %q: %s", pattern, why), "write a path with * and ? in its parts, and **/ at its start for any depth")
		}
	}
	starts := func(words []string) bool {
		if len(words) < len(parts) {
			return false
		}
		for i, part := range parts {
			if ok, _ := path.Match(part, words[i]); !ok { // the pattern was tried above
				return false
			}
		}
		return true
	}
	return func(p string) bool {
		words := strings.Split(p, "/")
		for i := range words {
			if starts(words[i:]) {
				return true
			}
			if !deep {
				break
			}
		}
		return false
	}, nil
}

// distributionNames are the names of all distributions.
func distributionNames(g *python.Graph) (names []string) {
	for _, d := range g.Distributions {
		names = append(names, d.Name)
	}
	return names
}

// withoutDistribution is the change that removes a distribution and those that
// only it needs, with their names and versions.
func (x *Examined) withoutDistribution(name string) (whittle.LayerChange, []string, error) {
	g := x.Facts.Graph
	at, ok := g.Find(name)
	if !ok {
		return whittle.LayerChange{}, nil, whittle.WithHint(whittle.ErrNotFound.Errorf("no distribution %q is installed", name),
			whittle.DidYouMean(name, distributionNames(g), "whittle inspect --by package lists them"))
	}
	gone := g.Frees(requestedDistributions(g), at)
	paths := map[string]bool{}
	var names []string
	for _, i := range gone {
		d := &g.Distributions[i]
		names = append(names, d.Name+" "+d.Version)
		for _, f := range d.Files {
			paths[f] = true
		}
	}
	if !slices.Contains(gone, at) {
		return whittle.LayerChange{}, nil, whittle.WithHint(whittle.ErrUsage.Errorf("%s is needed by others that are installed", name),
			"leave out "+strings.Join(dependents(g, at), " and ")+" instead, or too")
	}
	return x.removing(func(p string) bool { return paths[p] }), names, nil
}

// dependents are the names of the distributions that require one.
func dependents(g *python.Graph, at int) []string {
	var out []string
	for _, e := range g.Edges {
		if e.To == at && e.From >= 0 && !slices.Contains(out, g.Distributions[e.From].Name) {
			out = append(out, g.Distributions[e.From].Name)
		}
	}
	return out
}

// requestedDistributions are the distributions that were not installed as a
// dependency: those that no other requires, and those that the project requires.
func requestedDistributions(g *python.Graph) []int {
	roots := g.Roots()
	for _, e := range g.Edges {
		if e.To < 0 || slices.Contains(roots, e.To) || e.From >= 0 && !g.Distributions[e.From].Local {
			continue
		}
		roots = append(roots, e.To)
	}
	return roots
}
