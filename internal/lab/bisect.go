package lab

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/project"
	"whittle.dev/whittle/internal/runs"
)

// bisector finds the fixes of a round that do no harm.
type bisector struct {
	*prover
	// order is that in which fixes are merged: of two that conflict, the first wins.
	order []*candidate
	// conflicting are in the way of fixes before them.
	conflicting []*candidate
	accepted    []*candidate
	// passed are the images with the accepted fixes, by variant.
	passed map[string]*trial
}

// group are fixes that some variants are the judges of.
type group struct {
	*search
	variants []project.Variant
}

// bisectRound gives the fixes of a round that do no harm. It tries all at once, and parts
// them only if that does harm. Those that make starts slower come after all others: most
// of them are taken back, and so they are judged alone.
func (p *prover) bisectRound(ctx context.Context, cands []*candidate) ([]*candidate, error) {
	b := &bisector{prover: p, order: slices.Clone(cands), passed: maps.Clone(p.now)}
	slow := func(c *candidate) bool { return c.slowsStart() && p.workshop.startCounts() }
	slices.SortStableFunc(b.order, func(x, y *candidate) int { return whittle.CompareBools(slow(x), slow(y)) })
	_, merged, err := p.mergeEdits(b.order)
	if err != nil {
		return nil, err
	}
	b.conflicting = without(b.order, func(c *candidate) bool { return slices.Contains(merged, c) })
	slices.SortStableFunc(b.order, func(x, y *candidate) int {
		return cmp.Or(whittle.CompareBools(slow(x), slow(y)), whittle.CompareBools(slices.Contains(b.conflicting, x), slices.Contains(b.conflicting, y)))
	})
	if err := b.apart(ctx, without(b.order, slow)); err != nil {
		return nil, err
	}
	if err := b.apart(ctx, without(b.order, func(c *candidate) bool { return !slow(c) })); err != nil {
		return nil, err
	}
	err = b.confirm(ctx)
	return b.accepted, err
}

// without are the fixes that are not of a kind.
func without(cands []*candidate, kind func(*candidate) bool) []*candidate {
	return slices.DeleteFunc(slices.Clone(cands), kind)
}

// apart finds the fixes that do no harm: of those of shared files with all variants, and
// then of each variant's own with that variant, of all variants in the same builds. If
// there are both, it tries all of them together first.
func (b *bisector) apart(ctx context.Context, cands []*candidate) error {
	all := b.workshop.bench.Project.Variants
	own := func(c *candidate) bool { return c.own }
	if n := len(without(cands, own)); n > 0 && n < len(cands) {
		var err error
		if cands, err = b.together(ctx, cands); err != nil {
			return err
		}
	}
	if err := b.bisect(ctx, []group{{newSearch(without(cands, own), b.conflicting), all}}); err != nil {
		return err
	}
	var groups []group
	for _, v := range all {
		others := func(c *candidate) bool { return !c.own || c.variants[0] != v.Name }
		groups = append(groups, group{newSearch(without(cands, others), b.conflicting), []project.Variant{v}})
	}
	return b.bisect(ctx, groups)
}

// together tries all fixes at once, until all of them repair their failures. It gives those
// to take apart, if they do harm.
func (b *bisector) together(ctx context.Context, cands []*candidate) (left []*candidate, err error) {
	g := group{&search{left: cands}, b.workshop.bench.Project.Variants}
	for len(g.left) > 0 && g.harmful == 0 {
		if err := b.test(ctx, []group{g}); err != nil {
			return nil, err
		}
	}
	return g.left, nil
}

// bisect tests groups until nothing is left of them.
func (b *bisector) bisect(ctx context.Context, groups []group) error {
	for {
		groups = slices.DeleteFunc(groups, func(g group) bool { return len(g.left) == 0 })
		if len(groups) == 0 {
			return nil
		}
		if err := b.test(ctx, groups); err != nil {
			return err
		}
	}
}

// verdict is what a test says of a group's fixes: reason is what harm they do, empty if
// they do none, and failed those that do not repair their failures, or whose
// generated files cannot be remade, with the reasons.
type verdict struct {
	reason string
	failed map[*candidate]string
}

// test builds what each group asks for next beside the accepted fixes, of all groups in
// one build, and notes the verdicts in the groups.
func (b *bisector) test(ctx context.Context, groups []group) error {
	asked := make([][]*candidate, len(groups))
	all := slices.Clone(b.accepted)
	for i, g := range groups {
		asked[i] = g.next()
		all = append(all, asked[i]...)
	}
	after, merged, err := b.merge(ctx, without(b.order, func(c *candidate) bool { return !slices.Contains(all, c) }))
	if err != nil {
		return err
	}
	out := make([]verdict, len(groups))
	remade := true
	for i := range groups {
		out[i].failed = notRemade(asked[i], merged)
		remade = remade && len(out[i].failed) == 0
	}
	if remade { // else the others are tried again
		if out, err = b.judgeAll(ctx, groups, asked, merged, after); err != nil {
			return err
		}
	}
	for i, g := range groups {
		if remade || len(out[i].failed) > 0 {
			b.note(g, asked[i], merged, out[i])
		}
	}
	b.accepted = without(b.order, func(c *candidate) bool { return !slices.Contains(b.accepted, c) })
	return nil
}

// judgeAll builds the variants of groups in a state, and judges the asked fixes of each.
func (b *bisector) judgeAll(ctx context.Context, groups []group, asked [][]*candidate, merged []*candidate, s state) ([]verdict, error) {
	var all []wanted
	for _, g := range groups {
		all = append(all, inState(g.variants, s)...)
	}
	trials, err := b.workshop.tryAll(ctx, all)
	if err != nil {
		return nil, err
	}
	out := make([]verdict, len(groups))
	for i, g := range groups {
		is := trials[:len(g.variants)]
		trials = trials[len(g.variants):]
		made := without(asked[i], func(c *candidate) bool { return !slices.Contains(merged, c) })
		if out[i], err = b.judge(ctx, made, g.variants, is); err != nil {
			return nil, err
		}
		if out[i].reason != "" || len(out[i].failed) > 0 {
			continue
		}
		for j, v := range g.variants {
			b.passed[v.Name] = is[j]
		}
	}
	return out, nil
}

// note records the verdict about the asked fixes of a group.
func (b *bisector) note(g group, asked, merged []*candidate, v verdict) {
	switch {
	case len(v.failed) > 0:
		for c, why := range v.failed {
			b.revert(c, why)
		}
		g.drop(func(c *candidate) bool { return v.failed[c] != "" })
	case v.reason == "":
		for _, c := range asked {
			if slices.Contains(merged, c) {
				b.accepted = append(b.accepted, c)
			}
		}
		g.passed(len(asked))
	default:
		if c := g.search.failed(len(asked)); c != nil {
			b.revert(c, v.reason)
		}
	}
}

// confirm builds what was accepted, unless it was built, since the fixes of each variant
// were judged by it alone. Own fixes of a variant that does not do as well with the
// files of the others are reverted.
func (b *bisector) confirm(ctx context.Context) error {
	all := b.workshop.bench.Project.Variants
	for range all {
		s, _, err := b.merge(ctx, b.accepted)
		if err != nil {
			return err
		}
		trials, err := b.workshop.tryAll(ctx, inState(all, s))
		if err != nil {
			return err
		}
		was := len(b.accepted)
		for i, v := range all {
			why := ""
			if is := trials[i]; is != b.passed[v.Name] {
				why = worse(b.passed[v.Name], is, true)
			}
			if why == "" {
				continue
			}
			b.accepted = slices.DeleteFunc(b.accepted, func(c *candidate) bool {
				if c.own && c.variants[0] == v.Name {
					b.revert(c, v.Name+": with the fixes of other variants: "+why)
					return true
				}
				return false
			})
		}
		if len(b.accepted) == was {
			return nil
		}
	}
	return nil
}

func (b *bisector) revert(c *candidate, reason string) {
	c.status, c.reason = whittle.Reverted, reason
	b.workshop.bench.Env.Listener().Step(fmt.Sprintf("reverted: %s: %s", c.finding.Fix.Title, reason))
}

// judge says what further fixes do to images, compared with those with the accepted ones.
func (b *bisector) judge(ctx context.Context, cands []*candidate, variants []project.Variant, is []*trial) (out verdict, err error) {
	was := make([]*trial, len(variants))
	for i, v := range variants {
		was[i] = b.passed[v.Name]
	}
	repairs := slices.ContainsFunc(cands, func(c *candidate) bool { return c.finding.Breaks })
	for i, v := range variants {
		if why := worse(was[i], is[i], repairs); why != "" {
			b.workshop.bench.Env.Listener().Step(fmt.Sprintf("%s: %d fixes together do harm (%s)", v.Name, len(cands), why))
			return verdict{reason: v.Name + ": " + why}, nil
		}
	}
	if out.failed = b.images.notRepaired(cands, variants, was, is); len(out.failed) > 0 || repairs {
		return out, nil
	}
	if out.reason, err = b.shortfall(cands, variants, was, is); out.reason == "" && err == nil {
		out.reason, err = b.slowdown(ctx, cands, variants, was, is)
	}
	return out, err
}

// notRemade are the fixes whose generated files could not be remade, with the
// reasons.
func notRemade(cands, merged []*candidate) map[*candidate]string {
	out := map[*candidate]string{}
	for _, c := range cands {
		if len(c.finding.Fix.Remake) > 0 && c.status == whittle.Reverted && !slices.Contains(merged, c) {
			out[c] = c.reason
		}
	}
	return out
}

// notRepaired are the fixes for failures that have repaired them in none of the
// variants that have them, with the reasons.
func (a *advisedImages) notRepaired(cands []*candidate, variants []project.Variant, was, is []*trial) map[*candidate]string {
	out := map[*candidate]string{}
	for _, c := range cands {
		for i, v := range variants {
			f := a.finding(v.Name, c)
			if f == nil || !f.Breaks {
				continue
			}
			why := runs.NotRepaired(f.Problems, was[i].Variant, is[i].Variant, func(file string) bool { return a.hasFile(v.Name, file) })
			if why == "" {
				delete(out, c)
				break
			}
			out[c] = v.Name + ": " + why
		}
	}
	return out
}

// savedShare is the part of a predicted saving that must be reached, and
// savedSlack the bytes by which it may be missed in addition: in images that copy
// the whole project, the edits themselves take space.
const (
	savedShare = 0.95
	savedSlack = 20_000
)

// shortfall says how fixes have failed to make images smaller: several together
// save less than predicted, or a single one saves nothing. It is empty otherwise.
func (b *bisector) shortfall(cands []*candidate, variants []project.Variant, was, is []*trial) (string, error) {
	var predicted, saved int64
	for i, v := range variants {
		x, ok := b.images.byVariant[v.Name]
		if !ok || was[i].image == "" || is[i].image == "" {
			continue
		}
		all, err := x.image.Saving(b.images.changes(v.Name, append(slices.Clone(b.accepted), cands...))...)
		if err != nil {
			return "", err
		}
		before, err := x.image.Saving(b.images.changes(v.Name, b.accepted)...)
		if err != nil {
			return "", err
		}
		predicted += all.Low - before.Low
		saved += runs.Outcome(was[i].Variant).Sizes.Size - runs.Outcome(is[i].Variant).Sizes.Size
	}
	switch {
	case predicted <= 0 || float64(saved) >= float64(predicted)*savedShare-savedSlack:
		return "", nil
	case len(cands) == 1 && saved > 0:
		return "", nil // less than predicted, but not nothing
	case len(cands) == 1:
		return fmt.Sprintf("it was to save %s, and saves nothing", whittle.Bytes(predicted)), nil
	}
	return fmt.Sprintf("together they save %s of the %s that were predicted", whittle.Bytes(saved), whittle.Bytes(predicted)), nil
}
