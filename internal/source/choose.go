package source

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"whittle.dev/whittle"
)

// pick opens the image of a place that the selector and the platform identify. The
// selector is a tag, a name or its end, "@" and the beginning of a digest, or
// empty. If several images match, it is an error.
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
	l, err := p.only(ctx, groups, selector)
	if err != nil {
		return nil, err
	}
	if err := p.configure(ctx, l); err != nil {
		return nil, err
	}
	img, err := manifestImage(from, l.Digest, l.doc, l.config)
	if err != nil {
		return nil, err
	}
	img.details = func(ctx context.Context) (Details, error) { return manifestDetails(ctx, from, l.doc, o) }
	return img, nil
}

// imageGroup is one image as a user sees it: the manifests of its platforms.
type imageGroup struct {
	label  string
	leaves []*leaf
}

// selected are the images that match a selector.
func (p *picker) selected(ctx context.Context, found []*leaf, selector string) ([]imageGroup, error) {
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
			best = min(best, tierOf(n, selector))
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
	return nil, whittle.WithHint(whittle.ErrNotFound.Errorf("no image is named %q", selector), availableHint(byImage(found)))
}

// byDigest are the images whose manifest, index or configuration has a digest with
// this prefix. A whole digest may be that of a blob that no index names.
func (p *picker) byDigest(ctx context.Context, found []*leaf, prefix string) ([]imageGroup, error) {
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
		return byDigest(in, manifestDigest), nil
	}
	if len(prefix) < 64 {
		return nil, whittle.WithHint(whittle.ErrNotFound.Errorf("no digest begins with %s", prefix), availableHint(byImage(found)))
	}
	deep, err := p.leaves(ctx, []descriptor{{Digest: whittle.Digest("sha256:" + prefix), Size: unknownSize}})
	return byImage(deep), err
}

// image is the label and the key of the image that a manifest belongs to. Images
// differ in their names and in the index or manifest that has the names. Manifests
// with one name and their own platforms are one image.
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

// byImage groups manifests by image, byDigest by digest.
func byImage(leaves []*leaf) []imageGroup { return grouped(leaves, (*leaf).image) }

func byDigest(leaves []*leaf, digest func(*leaf) whittle.Digest) []imageGroup {
	return grouped(leaves, func(l *leaf) (label, key string) { return "@" + string(digest(l)), string(digest(l)) })
}

func manifestDigest(l *leaf) whittle.Digest { return l.Digest }

func grouped(leaves []*leaf, image func(*leaf) (label, key string)) []imageGroup {
	at := map[string]int{}
	var groups []imageGroup
	for _, l := range leaves {
		label, key := image(l)
		i, ok := at[key]
		if !ok {
			i = len(groups)
			at[key] = i
			groups = append(groups, imageGroup{label: label})
		}
		groups[i].leaves = append(groups[i].leaves, l)
	}
	return groups
}

// labels lists at most ten images for a message, with names that select them.
func labels(groups []imageGroup) string {
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

// availableHint is a hint that lists the images of a place.
func availableHint(groups []imageGroup) string {
	if len(groups) == 1 {
		return "there is " + labels(groups)
	}
	return "there are " + labels(groups)
}

// only is the manifest to open: that of the only image, or of the only one for the
// platform that the user named.
func (p *picker) only(ctx context.Context, groups []imageGroup, selector string) (*leaf, error) {
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

// images removes the groups that are no images, and those whose manifests are all
// in another group: an index and the manifests in it may both be entries.
func (p *picker) images(ctx context.Context, groups []imageGroup) ([]imageGroup, error) {
	var out []imageGroup
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
		return groups[:1], nil // the error will name its kind
	}
	inside := func(a, b imageGroup) bool {
		return !slices.ContainsFunc(a.leaves, func(l *leaf) bool {
			return l.artifact == "" && !slices.ContainsFunc(b.leaves, func(m *leaf) bool { return m.Digest == l.Digest })
		})
	}
	var separate []imageGroup
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

// forPlatform is the manifest for the platform that the user named, if exactly one
// of several images has one.
func (p *picker) forPlatform(ctx context.Context, groups []imageGroup) (*leaf, error) {
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

func leavesOf(groups []imageGroup) [][]*leaf {
	var all [][]*leaf
	for _, g := range groups {
		all = append(all, g.leaves)
	}
	return all
}

// choose is the manifest for the platform. If the user named no platform, it may be
// the only manifest for another one.
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
		labels(byDigest(best, manifestDigest))), "put @DIGEST behind the path")
}

// nearest are the manifests whose platforms are closest to the one that is looked for.
func (p *picker) nearest(ctx context.Context, leaves []*leaf) ([]*leaf, error) {
	var best []*leaf
	nearest := -1
	for _, l := range leaves {
		if l.Platform != nil && p.distance(l.platform()) < 0 {
			continue
		}
		available, err := p.present(ctx, []*leaf{l})
		if err != nil {
			return nil, err
		}
		if len(available) == 0 {
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

// distance is the distance of an image's platform from the one that is looked for,
// negative if it does not run there. An image without an architecture is only
// taken if there is no other.
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

// present are the manifests of images whose blobs exist.
func (p *picker) present(ctx context.Context, leaves []*leaf) ([]*leaf, error) {
	var available []*leaf
	for _, l := range leaves {
		if err := p.read(ctx, l); err != nil {
			return nil, err
		}
		if l.absent == nil && l.artifact == "" {
			available = append(available, l)
		}
	}
	return available, nil
}

func sameConfig(leaves []*leaf) bool {
	for _, l := range leaves {
		if l.doc.Config == nil || leaves[0].doc.Config == nil || l.doc.Config.Digest != leaves[0].doc.Config.Digest {
			return false
		}
	}
	return true
}

// noPlatform is the error if no manifest fits: there is no image, its blob is
// missing, or it is for other platforms.
func (p *picker) noPlatform(ctx context.Context, leaves []*leaf) error {
	available, err := p.present(ctx, leaves)
	if err != nil {
		return err
	}
	var platforms []string
	for _, l := range available {
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
		case l.absent != nil && (l.Platform == nil || p.distance(l.platform()) >= 0 || len(available) == 0):
			absent = l
		case l.artifact != "":
			artifact = l
		}
	}
	hint := "--platform picks one of " + strings.Join(platforms, ", ")
	switch {
	case absent != nil && len(available) > 0:
		return whittle.WithHint(absent.absent, hint)
	case absent != nil && errors.Is(absent.absent, whittle.ErrUnsupported):
		return absent.absent
	case absent != nil:
		return whittle.WithHint(absent.absent, "the copy is not whole: copy the image again")
	case len(available) > 0:
		return whittle.WithHint(whittle.ErrNotFound.Errorf("no image for %s", p.o.platform()), hint)
	case artifact != nil:
		return notImage(artifact.artifact)
	}
	return whittle.ErrCorrupt.Errorf("the index names no image")
}
