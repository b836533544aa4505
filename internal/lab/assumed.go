package lab

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/dockerfile"
	"whittle.dev/whittle/internal/ledger"
	"whittle.dev/whittle/internal/patch"
	"whittle.dev/whittle/internal/project"
)

// assumed are the fixes that a forecast assumes to be made: those for one
// variant's findings, up to the workshop's risk.
type assumed struct {
	// state is the project with the fixes that edit more than the Dockerfile, or
	// repair a failure: strategies start from it. edits are their edits of the
	// Dockerfile.
	state state
	edits []whittle.Edit
	// text is the Dockerfile with all fixes, nil if there are none, and saving
	// what they save together.
	text   []byte
	saving whittle.Saving
	notes  []string
	// tried is what became of the fixes of each rule that were tried: strategies do not do
	// again what was reverted, and nothing that makes starts slower that was not kept.
	tried map[string]whittle.FixStatus
}

// assumedFixes merges the fixes for a variant's findings. With remake, the
// generated files that they need are remade, and fixes whose files cannot be
// remade are skipped.
func (w *workshop) assumedFixes(ctx context.Context, v project.Variant, x advisedImage, remake bool) (*assumed, error) {
	var first, rest []whittle.Finding
	for _, f := range x.findings {
		switch {
		case f.Fix == nil || !w.inScope(f.Fix) || !f.Risk.AtMost(cmp.Or(w.risk, whittle.RiskLow)):
		case f.SlowsStart && w.startCounts(): // nobody has measured by how much
		case f.Breaks || !touchesOnly(f.Fix, v.Dockerfile):
			first = append(first, f)
		default:
			rest = append(rest, f)
		}
	}
	c := &assumed{state: x.trial.state}
	next, first, err := w.mergeFindings(x.trial.state, first)
	if err != nil {
		return nil, err
	}
	if remake {
		if next, first, err = w.remakeFor(ctx, x.trial.state, next, first, c); err != nil {
			return nil, err
		}
	}
	c.state = next
	for _, f := range first {
		for _, p := range f.Fix.Patches {
			for _, e := range p.Edits {
				if p.File == v.Dockerfile && !slices.Contains(c.edits, e) {
					c.edits = append(c.edits, e)
				}
			}
		}
	}
	all, merged, err := w.mergeFindings(x.trial.state, slices.Concat(first, rest))
	if err != nil || len(merged) == 0 {
		return c, err
	}
	changes := make([]whittle.LayerChange, len(merged))
	for i, f := range merged {
		changes[i] = f.Change
	}
	if c.saving, err = ledger.Saving(x.image.Facts.Indexes, changes...); err != nil {
		return nil, err
	}
	if c.text = all[v.Dockerfile]; c.text == nil {
		c.text = x.trial.source
	}
	if len(first) > 0 {
		titles := make([]string, len(first))
		for i, f := range first {
			titles[i] = f.Fix.Title
		}
		c.notes = append(c.notes, "all forecasts count on these fixes of the project: "+strings.Join(titles, "; "))
	}
	return c, nil
}

// mergeFindings is a state with the fixes for some findings, and the findings
// whose fixes do not conflict with an earlier one.
func (w *workshop) mergeFindings(s state, findings []whittle.Finding) (state, []whittle.Finding, error) {
	fixes := make([]*whittle.Fix, len(findings))
	for i, f := range findings {
		fixes[i] = f.Fix
	}
	files, err := w.copy.Files(s, fixes)
	if err != nil {
		return nil, nil, err
	}
	changed, conflicts, err := patch.Merge(files, w.dockerfiles(), fixes)
	if err != nil {
		return nil, nil, err
	}
	merged := slices.Clone(findings)
	for _, c := range slices.Backward(conflicts) {
		merged = slices.Delete(merged, c.Fix, c.Fix+1)
	}
	return s.With(changed), merged, nil
}

// remakeFor remakes the generated files that some fixes need. If that fails, it
// skips these fixes and adds a note.
func (w *workshop) remakeFor(ctx context.Context, s, merged state, findings []whittle.Finding, c *assumed) (state, []whittle.Finding, error) {
	var names []string
	for _, f := range findings {
		for _, name := range f.Fix.Remake {
			if !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	made, err := w.remake(ctx, merged, names)
	switch {
	case err == nil:
		return made, findings, nil
	case ctx.Err() != nil:
		return nil, nil, ctx.Err()
	}
	c.notes = append(c.notes, fmt.Sprintf("fixes that need %s are skipped: %s", strings.Join(names, ", "), whittle.OneLine(err.Error())))
	return w.mergeFindings(s, slices.DeleteFunc(findings, func(f whittle.Finding) bool { return len(f.Fix.Remake) > 0 }))
}

// moveSteps are the steps of an image with the positions of their instructions
// after edits of the Dockerfile. A step whose instruction was removed has no
// origin.
func moveSteps(steps []whittle.Step, before, after *dockerfile.File, edits []whittle.Edit) []whittle.Step {
	spans := map[int]whittle.Span{}
	for i := range after.Stages {
		for j := range after.Stages[i].Instructions {
			span := after.Stages[i].Instructions[j].Span
			spans[span.Start] = span
		}
	}
	out := slices.Clone(steps)
	for i := range out {
		o := out[i].Origin
		if o == nil || o.File != before.Name {
			continue
		}
		at, gone := o.Span.Start, false
		for _, e := range edits {
			if e.Span.End <= o.Span.Start {
				at += len(e.New) - (e.Span.End - e.Span.Start)
			}
			gone = gone || e.Span.Start <= o.Span.Start && e.Span.End >= o.Span.End
		}
		span, ok := spans[at]
		if gone || !ok {
			out[i].Origin = nil
			continue
		}
		next := *o
		next.Span = span
		out[i].Origin = &next
	}
	return out
}
