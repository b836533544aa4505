package lab

import (
	"context"
	"fmt"
	"slices"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/project"
	"whittle.dev/whittle/internal/runs"
)

// bisectRound finds the fixes of a round that do no harm. It tries all at once, and parts
// them only if that does harm. Those that make starts slower come after all others: most
// of them are taken back, and so they are judged alone.
func (p *prover) bisectRound(ctx context.Context, cands []*candidate) ([]*candidate, error) {
	var slow, others []*candidate
	for _, c := range cands {
		if c.slowsStart() && p.workshop.startCounts() {
			slow = append(slow, c)
		} else {
			others = append(others, c)
		}
	}
	reason, others, accepted, err := p.evaluateRepairing(ctx, nil, others, p.workshop.bench.Project.Variants)
	if err == nil && reason != "" {
		accepted, err = p.apart(ctx, nil, others)
	}
	if err != nil {
		return nil, err
	}
	return p.apart(ctx, accepted, slow)
}

// apart bisects the fixes of shared files with all variants, and then each variant's own
// fixes with that variant. It gives the accepted ones with those that do no harm.
func (p *prover) apart(ctx context.Context, accepted, cands []*candidate) ([]*candidate, error) {
	all := p.workshop.bench.Project.Variants
	var shared []*candidate
	for _, c := range cands {
		if !c.own {
			shared = append(shared, c)
		}
	}
	accepted, err := p.bisect(ctx, accepted, shared, all)
	if err != nil {
		return nil, err
	}
	for _, v := range all {
		var own []*candidate
		for _, c := range cands {
			if c.own && c.variants[0] == v.Name {
				own = append(own, c)
			}
		}
		if accepted, err = p.bisect(ctx, accepted, own, []project.Variant{v}); err != nil {
			return nil, err
		}
	}
	return accepted, nil
}

// bisect adds the candidates that do no harm to the accepted ones. It halves the
// set until it has found each candidate that does harm.
func (p *prover) bisect(ctx context.Context, accepted, cands []*candidate, variants []project.Variant) ([]*candidate, error) {
	reason, cands, merged, err := p.evaluateRepairing(ctx, accepted, cands, variants)
	switch {
	case err != nil:
		return nil, err
	case len(cands) == 0:
		return accepted, nil
	case reason == "":
		return merged, nil
	case len(cands) == 1:
		p.revert(cands[0], reason)
		return accepted, nil
	}
	half := len(cands) / 2
	if accepted, err = p.bisect(ctx, accepted, cands[:half], variants); err != nil {
		return nil, err
	}
	return p.bisect(ctx, accepted, cands[half:], variants)
}

func (p *prover) revert(c *candidate, reason string) {
	c.status, c.reason = whittle.Reverted, reason
	p.workshop.bench.Env.Listener().Step(fmt.Sprintf("reverted: %s: %s", c.finding.Fix.Title, reason))
}

// evaluateRepairing reverts the fixes that do not repair their failures, and
// evaluates the rest again, until all of the rest do.
func (p *prover) evaluateRepairing(ctx context.Context, accepted, cands []*candidate, variants []project.Variant) (reason string, rest, merged []*candidate, err error) {
	for len(cands) > 0 {
		reason, failed, merged, err := p.evaluate(ctx, accepted, cands, variants)
		if err != nil || len(failed) == 0 {
			return reason, cands, merged, err
		}
		for c, why := range failed {
			p.revert(c, why)
		}
		cands = slices.DeleteFunc(slices.Clone(cands), func(c *candidate) bool { return failed[c] != "" })
	}
	return "", nil, accepted, nil
}

// evaluate builds the variants with the accepted fixes and further ones. reason
// says what harm the further ones do, and is empty if they do none. merged are
// all fixes that do not conflict. failed are those that do not repair their
// failures, or whose generated files cannot be remade, with the reasons.
func (p *prover) evaluate(ctx context.Context, accepted, cands []*candidate, variants []project.Variant) (reason string, failed map[*candidate]string, merged []*candidate, err error) {
	before, _, err := p.merge(ctx, accepted)
	if err != nil {
		return "", nil, nil, err
	}
	after, merged, err := p.merge(ctx, append(slices.Clone(accepted), cands...))
	if err != nil {
		return "", nil, nil, err
	}
	if failed = notRemade(cands, merged); len(failed) > 0 {
		return "", failed, nil, nil
	}
	was, is := make([]*trial, len(variants)), make([]*trial, len(variants))
	for i, v := range variants {
		if was[i], err = p.workshop.try(ctx, v, before); err != nil {
			return "", nil, nil, err
		}
		if is[i], err = p.workshop.try(ctx, v, after); err != nil {
			return "", nil, nil, err
		}
	}
	repairs := slices.ContainsFunc(cands, func(c *candidate) bool { return c.finding.Breaks })
	for i, v := range variants {
		if why := worse(was[i], is[i], repairs); why != "" {
			p.workshop.bench.Env.Listener().Step(fmt.Sprintf("%s: %d fixes together do harm (%s)", v.Name, len(cands), why))
			return v.Name + ": " + why, nil, nil, nil
		}
	}
	if failed = p.images.notRepaired(cands, merged, variants, was, is); len(failed) > 0 {
		return "", failed, nil, nil
	}
	if !repairs {
		if reason, err = p.shortfall(accepted, cands, variants, was, is); reason == "" && err == nil {
			reason, err = p.slowdown(ctx, cands, variants, was, is)
		}
	}
	return reason, nil, merged, err
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
func (a *advisedImages) notRepaired(cands, merged []*candidate, variants []project.Variant, was, is []*trial) map[*candidate]string {
	out := map[*candidate]string{}
	for _, c := range cands {
		if !slices.Contains(merged, c) {
			continue // it conflicts with another
		}
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
func (p *prover) shortfall(accepted, cands []*candidate, variants []project.Variant, was, is []*trial) (string, error) {
	var predicted, saved int64
	for i, v := range variants {
		x, ok := p.images.byVariant[v.Name]
		if !ok || was[i].image == "" || is[i].image == "" {
			continue
		}
		all, err := x.image.Saving(p.images.changes(v.Name, append(slices.Clone(accepted), cands...))...)
		if err != nil {
			return "", err
		}
		before, err := x.image.Saving(p.images.changes(v.Name, accepted)...)
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
