package source

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"whittle.dev/whittle"
)

// pick opens the one image that a selector and the platform name among the
// entries of a place: a tag, a name or its end, "@" and the beginning of a
// digest, or nothing. If several images fit, it opens none.
func pick(ctx context.Context, from blobs, roots []descriptor, selector string, o Options) (*image, error) {
	p := newPicker(from, o)
	found, err := p.leaves(ctx, roots)
	if err != nil {
		return nil, err
	}
	groups, err := p.selected(ctx, found, selector)
	if err != nil {
		return nil, err
	}
	l, err := p.one(ctx, groups, selector)
	if err != nil {
		return nil, err
	}
	if err := p.configure(ctx, l); err != nil {
		return nil, err
	}
	return manifestImage(from, l.Digest, l.doc, l.config)
}

// group is one image as a user sees it: the manifests of its platforms.
type group struct {
	label  string
	leaves []*leaf
}

// selected are the images that a selector names.
func (p *picker) selected(ctx context.Context, found []*leaf, selector string) ([]group, error) {
	if selector == "" {
		return byImage(found), nil
	}
	prefix, ok, err := digestSelector(selector)
	if err != nil {
		return nil, err
	}
	if ok {
		return p.byDigest(ctx, found, prefix)
	}
	tiers := make([][]*leaf, tierCount)
	for _, l := range found {
		best := notAtAll
		for _, n := range l.tags {
			best = min(best, fit(n, selector))
		}
		if best < tierCount {
			tiers[best] = append(tiers[best], l)
		}
	}
	for _, tier := range tiers {
		if len(tier) > 0 {
			return byImage(tier), nil
		}
	}
	return nil, whittle.WithHint(whittle.ErrNotFound.Errorf("no image is named %q", selector), thereAre(byImage(found)))
}

// byDigest are the images whose manifest, index or configuration has a digest
// that begins so. A whole digest may be of a blob that no index names.
func (p *picker) byDigest(ctx context.Context, found []*leaf, prefix string) ([]group, error) {
	matches := map[*leaf]whittle.Digest{}
	var in []*leaf
	for _, l := range found {
		for _, d := range append(slices.Clone(l.above), l.Digest) {
			if strings.HasPrefix(string(d), "sha256:"+prefix) {
				matches[l] = d
				in = append(in, l)
				break
			}
		}
	}
	if len(in) > 0 {
		return byDigest(in, func(l *leaf) whittle.Digest { return matches[l] }), nil
	}
	for _, l := range found {
		if err := p.read(ctx, l); err != nil {
			return nil, err
		}
		if l.doc != nil && l.doc.Config != nil && strings.HasPrefix(string(l.doc.Config.Digest), "sha256:"+prefix) {
			in = append(in, l)
		}
	}
	if len(in) > 0 {
		return byDigest(in, own), nil
	}
	if len(prefix) < 64 {
		return nil, whittle.WithHint(whittle.ErrNotFound.Errorf("no digest begins with %s", prefix), thereAre(byImage(found)))
	}
	deep, err := p.leaves(ctx, []descriptor{{Digest: whittle.Digest("sha256:" + prefix), Size: unknownSize}})
	return byImage(deep), err
}

// image distinguishes the images of a place, by their names and by the index or
// manifest that has them: manifests of one name are one image where each has
// its platform.
func (l *leaf) image() (label, key string) {
	owner := l.Digest
	switch {
	case l.named < len(l.above):
		owner = l.above[l.named]
	case l.Platform != nil:
		owner = ""
	}
	label = strings.Join(l.names, " = ")
	if label == "" && owner != "" {
		label = "@" + string(owner)
	}
	return label, label + "\x00" + string(owner)
}

// byImage groups manifests by the image that they are of, byDigest by digests.
func byImage(leaves []*leaf) []group { return grouped(leaves, (*leaf).image) }

func byDigest(leaves []*leaf, digest func(*leaf) whittle.Digest) []group {
	return grouped(leaves, func(l *leaf) (label, key string) { return "@" + string(digest(l)), string(digest(l)) })
}

func own(l *leaf) whittle.Digest { return l.Digest }

func grouped(leaves []*leaf, image func(*leaf) (label, key string)) []group {
	at := map[string]int{}
	var groups []group
	for _, l := range leaves {
		label, key := image(l)
		i, ok := at[key]
		if !ok {
			i = len(groups)
			at[key] = i
			groups = append(groups, group{label: label})
		}
		groups[i].leaves = append(groups[i].leaves, l)
	}
	return groups
}

// labels names images in a message, at most ten, each so that it can be
// selected.
func labels(groups []group) string {
	times := map[string]int{}
	for _, g := range groups {
		times[g.label]++
	}
	var names []string
	for i, g := range groups {
		if i == 10 {
			names = append(names, fmt.Sprintf("and %d more", len(groups)-10))
			break
		}
		name := g.label
		switch {
		case strings.HasPrefix(name, "@sha256:") && len(name) > 20:
			name = name[:20]
		case name == "":
			name = "one without a name"
		case times[name] > 1:
			name += " @sha256:" + g.leaves[0].Digest.Short()
		}
		names = append(names, name)
	}
	return strings.Join(names, ", ")
}

// thereAre is a hint that names the images of a place.
func thereAre(groups []group) string {
	if len(groups) == 1 {
		return "there is " + labels(groups)
	}
	return "there are " + labels(groups)
}

// one is the manifest to open: of the only image there is, or of the only one
// for a platform that was asked for.
func (p *picker) one(ctx context.Context, groups []group, selector string) (*leaf, error) {
	if len(groups) == 0 {
		return nil, whittle.ErrCorrupt.Errorf("the index names no image")
	}
	if len(groups) > 1 {
		images, err := p.images(ctx, groups)
		if err != nil {
			return nil, err
		}
		groups = images
	}
	if len(groups) == 1 {
		return p.choose(ctx, groups[0].leaves)
	}
	if p.o.Platform != nil {
		l, err := p.forPlatform(ctx, groups)
		if l != nil || err != nil {
			return l, err
		}
	}
	what := fmt.Sprintf("there are %d images", len(groups))
	if selector != "" {
		what = fmt.Sprintf("%q names %d images", selector, len(groups))
	}
	return nil, whittle.WithHint(whittle.ErrUsage.Errorf("%s: %s", what, labels(groups)), "put :NAME or @DIGEST behind the path")
}

// images skips what is no image, and what is completely in another image:
// an index and the manifests in it may both be entries.
func (p *picker) images(ctx context.Context, groups []group) ([]group, error) {
	var out []group
	for _, g := range groups {
		is := false
		for _, l := range g.leaves {
			if err := p.read(ctx, l); err != nil {
				return nil, err
			}
			is = is || l.artifact == ""
		}
		if is {
			out = append(out, g)
		}
	}
	if len(out) == 0 {
		return groups[:1], nil // which says what it is
	}
	inside := func(a, b group) bool {
		return !slices.ContainsFunc(a.leaves, func(l *leaf) bool {
			return l.artifact == "" && !slices.ContainsFunc(b.leaves, func(m *leaf) bool { return m.Digest == l.Digest })
		})
	}
	var separate []group
	for i, g := range out {
		redundant := false
		for j, other := range out {
			redundant = redundant || i != j && inside(g, other) && (j < i || !inside(other, g))
		}
		if !redundant {
			separate = append(separate, g)
		}
	}
	return separate, nil
}

// forPlatform is the manifest for the platform that was asked for, where just
// one of several images has one.
func (p *picker) forPlatform(ctx context.Context, groups []group) (*leaf, error) {
	var found *leaf
	for _, g := range groups {
		best, err := p.nearest(ctx, g.leaves)
		if err != nil {
			return nil, err
		}
		for _, l := range best {
			if found != nil && found.Digest != l.Digest {
				return nil, nil
			}
			found = l
		}
	}
	if found == nil {
		return nil, p.noPlatform(ctx, slices.Concat(leavesOf(groups)...))
	}
	return found, nil
}

func leavesOf(groups []group) [][]*leaf {
	var all [][]*leaf
	for _, g := range groups {
		all = append(all, g.leaves)
	}
	return all
}

// choose takes the manifest for the platform, or the only one there is where
// no platform was asked for.
func (p *picker) choose(ctx context.Context, leaves []*leaf) (*leaf, error) {
	best, err := p.nearest(ctx, leaves)
	if err != nil {
		return nil, err
	}
	if len(best) == 0 && p.o.Platform == nil {
		if best, err = p.present(ctx, leaves); err != nil {
			return nil, err
		}
		if len(best) > 1 {
			best = nil
		}
	}
	switch {
	case len(best) == 0:
		return nil, p.noPlatform(ctx, leaves)
	case len(best) == 1 || sameConfig(best):
		return best[0], nil // the same image compressed in several ways: the first, as Docker does
	}
	return nil, whittle.WithHint(whittle.ErrUsage.Errorf("there are %d images for %s: %s", len(best), p.o.platform(),
		labels(byDigest(best, own))), "put @DIGEST behind the path")
}

// nearest are the images that serve the platform best.
func (p *picker) nearest(ctx context.Context, leaves []*leaf) ([]*leaf, error) {
	var best []*leaf
	nearest := -1
	for _, l := range leaves {
		if l.Platform != nil && p.distance(l.platform()) < 0 {
			continue
		}
		there, err := p.present(ctx, []*leaf{l})
		if err != nil {
			return nil, err
		}
		if len(there) == 0 {
			continue
		}
		on, err := p.runsOn(ctx, l)
		if err != nil {
			return nil, err
		}
		switch d := p.distance(on); {
		case d < 0 || nearest >= 0 && d > nearest:
		case d == nearest:
			best = append(best, l)
		default:
			nearest, best = d, []*leaf{l}
		}
	}
	return best, nil
}

// distance is how well an image's platform serves the one that is looked for.
// An image that does not name its architecture is taken only if there is no other.
func (p *picker) distance(on whittle.Platform) int {
	want := p.o.platform()
	switch {
	case on.OS == "" && on.Architecture == "":
		return 1 << 20
	case on.OS == "":
		on.OS = want.OS
	}
	if d := want.Distance(on); d >= 0 || on.Variant != "" || on.Architecture != "arm" || want.Normalize().Architecture != "arm" || want.OS != on.OS {
		return d
	}
	return 1 << 10 // older builders write no variant for arm/v6
}

// present are the manifests that are there and images'.
func (p *picker) present(ctx context.Context, leaves []*leaf) ([]*leaf, error) {
	var there []*leaf
	for _, l := range leaves {
		if err := p.read(ctx, l); err != nil {
			return nil, err
		}
		if l.absent == nil && l.artifact == "" {
			there = append(there, l)
		}
	}
	return there, nil
}

func sameConfig(leaves []*leaf) bool {
	for _, l := range leaves {
		if l.doc.Config == nil || leaves[0].doc.Config == nil || l.doc.Config.Digest != leaves[0].doc.Config.Digest {
			return false
		}
	}
	return true
}

// noPlatform is the error where nothing fits: there is no image at all, its
// blob is not there, or it is for other platforms.
func (p *picker) noPlatform(ctx context.Context, leaves []*leaf) error {
	there, err := p.present(ctx, leaves)
	if err != nil {
		return err
	}
	var platforms []string
	for _, l := range there {
		on, err := p.runsOn(ctx, l)
		if err != nil {
			return err
		}
		if s := on.String(); !slices.Contains(platforms, s) {
			platforms = append(platforms, s)
		}
	}
	var absent, artifact *leaf
	for _, l := range leaves {
		switch {
		case l.absent != nil && (l.Platform == nil || p.distance(l.platform()) >= 0 || len(there) == 0):
			absent = l
		case l.artifact != "":
			artifact = l
		}
	}
	hint := "--platform picks one of " + strings.Join(platforms, ", ")
	switch {
	case absent != nil && len(there) > 0:
		return whittle.WithHint(absent.absent, hint)
	case absent != nil && errors.Is(absent.absent, whittle.ErrUnsupported):
		return absent.absent
	case absent != nil:
		return whittle.WithHint(absent.absent, "the copy is not whole: copy the image again")
	case len(there) > 0:
		return whittle.WithHint(whittle.ErrNotFound.Errorf("no image for %s", p.o.platform()), hint)
	case artifact != nil:
		return notImage(artifact.artifact)
	}
	return whittle.ErrCorrupt.Errorf("the index names no image")
}
