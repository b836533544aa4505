package lab

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/bench"
	"whittle.dev/whittle/internal/forecast"
	"whittle.dev/whittle/internal/patch"
	"whittle.dev/whittle/internal/project"
	"whittle.dev/whittle/internal/runs"
)

// maxRounds bounds the rounds of a proof.
const maxRounds = 8

// prover applies fixes to a project, builds and runs the results, and keeps the
// fixes that do no harm.
type prover struct {
	workshop *workshop
	risk     whittle.Risk
	// proves says that changes are built and run.
	proves bool
	// study says that it shows how small the images can be: see [forecast.TooLittle].
	study bool
	// ask says whether a fix is wanted, before it is tried; nil tries all.
	ask func(context.Context, whittle.Finding) (bool, error)

	start   map[string]*trial // before any change, by variant
	now     map[string]*trial
	state   state
	steps   []whittle.RepairStep
	rounds  []whittle.VerifiedRound
	refused map[string]bool // fixes that are not tried again, by variant and fingerprint
	images  advisedImages
	// withheld are the fixes whose risk is too high, or that no run could prove
	// harmless, by variant and fingerprint.
	withheld map[string]whittle.RepairStep
}

// candidate is a fix that is tried in a round, with the variants whose images
// have its finding.
type candidate struct {
	finding  whittle.Finding
	variants []string
	// prints are the fingerprints of the findings, by variant.
	prints map[string]string
	// unimported says that the runs of each of these images noted what they import, and
	// that none imported a distribution that it removes.
	unimported bool
	// own says that it only changes the Dockerfile of its variant.
	own    bool
	status whittle.FixStatus
	reason string
	// timed are the starts without it and with it, if it makes them slower.
	timed []whittle.SlowerStart
	// shared are its effects on images of other variants, which do not have the
	// finding but install from the files that it changes.
	shared map[string]whittle.LayerChange
}

func newProver(w *workshop, rules []string, risk whittle.Risk, ask func(context.Context, whittle.Finding) (bool, error)) *prover {
	p := &prover{workshop: w, risk: risk, ask: ask, start: map[string]*trial{}, now: map[string]*trial{}, refused: map[string]bool{}, images: newAdvisedImages(w, rules), withheld: map[string]whittle.RepairStep{}}
	for _, v := range w.bench.Project.Variants {
		t := w.trials[trialKey(v.Name, nil)]
		p.start[v.Name], p.now[v.Name] = t, t
	}
	return p
}

// prove repeats rounds until no image has a finding that can be fixed, and then
// reports the fixes that were withheld.
func (p *prover) prove(ctx context.Context) error {
	p.proves = true
	first := 1
	if len(p.rounds) > 0 { // a strategy was the first
		first = 2
	}
	for n := first; n <= maxRounds; n++ {
		clear(p.withheld)
		more, err := p.round(ctx, n)
		if err != nil {
			return err
		}
		if !more {
			break
		}
	}
	p.reportWithheld()
	return nil
}

// tried is what became of the fixes of each rule that were tried; one that was reverted
// counts for all.
func (p *prover) tried() map[string]whittle.FixStatus {
	out := map[string]whittle.FixStatus{}
	for _, s := range p.steps {
		if s.Status != whittle.FixSkipped && out[s.Finding.Rule] != whittle.Reverted {
			out[s.Finding.Rule] = s.Status
		}
	}
	return out
}

func (p *prover) reportWithheld() {
	for _, key := range slices.Sorted(maps.Keys(p.withheld)) {
		p.steps = append(p.steps, p.withheld[key])
	}
}

// tooRisky says why a fix with a risk is not made, and which option makes it; it
// is empty if the fix may be made.
func (p *prover) tooRisky(r whittle.Risk) string {
	switch {
	case r.AtMost(p.risk):
		return ""
	case p.proves:
		return fmt.Sprintf("its risk is %s: --risk %s tries it", r, r)
	case r.AtMost(whittle.RiskMedium):
		return fmt.Sprintf("its risk is %s: whittle fix --verify tries it and keeps it if nothing fails, --risk %s makes it", r, r)
	}
	return fmt.Sprintf("its risk is %s: --risk %s makes it", r, r)
}

// unproven says why a fix of more than low risk is not tried: an image that it
// changes was not started, or fails already, so that no run could show harm. A
// fix for a failure is always tried, and judged by what it repairs.
func (p *prover) unproven(v project.Variant, f *whittle.Finding) string {
	if f.Breaks || f.Risk.AtMost(whittle.RiskLow) {
		return ""
	}
	for _, other := range p.workshop.bench.Project.Variants {
		t := p.now[other.Name]
		if other.Name != v.Name && p.ownFix(v, f.Fix) || t.image == "" || runs.SeenRunning(t.Variant) || other.OnlyBase {
			continue
		}
		why := "was not run"
		if needs := t.Run.Needs(); needs != "" {
			why = "needs " + needs
		}
		if own := runs.OwnRun(t.Run); own != nil && own.Status == whittle.Fails {
			why = "does not run: " + own.Problem
		} else if t.Run.Status == whittle.Fails {
			why = "does not run: " + runs.Outcome(t.Variant).Problem
		}
		return fmt.Sprintf("a risk of %s needs a start that runs to show that it does no harm; that of %s %s", f.Risk, other.Name, why)
	}
	return ""
}

// round asks the rules about the current images, tries the fixes together, and
// reverts those that do harm. It says whether there were any fixes.
func (p *prover) round(ctx context.Context, n int) (bool, error) {
	if err := p.adviseAll(ctx); err != nil {
		return false, err
	}
	cands, err := p.candidates()
	if err != nil {
		return false, err
	}
	if len(cands) == 0 {
		return false, nil
	}
	if cands, err = p.confirmed(ctx, nextBatch(cands)); err != nil || len(cands) == 0 {
		return true, err // the user is not asked again about an unwanted fix
	}
	if err := p.predictShared(ctx, cands); err != nil {
		return false, err
	}
	accepted, err := p.bisectRound(ctx, cands)
	if err != nil {
		return false, err
	}
	if err := p.advance(ctx, n, cands, accepted); err != nil {
		return false, err
	}
	return true, nil // what was reverted is not tried again
}

func (p *prover) adviseAll(ctx context.Context) error {
	for _, v := range p.workshop.bench.Project.Variants {
		if _, _, err := p.images.advise(ctx, v, p.now[v.Name]); err != nil {
			return err
		}
	}
	return nil
}

// candidates are the fixes of the current images. A fix that several variants
// have in common is one candidate.
func (p *prover) candidates() ([]*candidate, error) {
	var out []*candidate
	byPatch := map[string]*candidate{}
	for _, v := range p.workshop.bench.Project.Variants {
		for _, f := range p.images.byVariant[v.Name].findings {
			if f.Fix == nil || p.refused[v.Name+" "+f.Fingerprint] || !p.workshop.inScope(f.Fix) {
				continue
			}
			if why := p.unwanted(v, &f); why != "" {
				p.withheld[v.Name+" "+f.Fingerprint] = whittle.RepairStep{Finding: f, Status: whittle.FixSkipped, Reason: why}
				continue
			}
			key, err := json.Marshal(f.Fix.Patches)
			if err != nil {
				return nil, fmt.Errorf("comparing fixes: %w", err)
			}
			c := byPatch[string(key)]
			if c == nil {
				c = &candidate{finding: f, own: p.ownFix(v, f.Fix), prints: map[string]string{}, unimported: true}
				byPatch[string(key)] = c
				out = append(out, c)
			}
			c.variants = append(c.variants, v.Name)
			c.prints[v.Name] = f.Fingerprint
			c.unimported = c.unimported && removesUnimported(p.images.byVariant[v.Name], &f)
		}
	}
	return out, nil
}

// unwanted says why a fix is not tried, and which option makes it; it is empty if the
// fix is a candidate.
func (p *prover) unwanted(v project.Variant, f *whittle.Finding) string {
	little := ""
	if len(p.images.rules) == 0 && p.workshop.startCounts() {
		little = forecast.TooLittle(f, runs.Outcome(p.now[v.Name].Variant).Sizes.Size, p.study)
	}
	if why := cmp.Or(little, p.tooRisky(f.Risk), p.unproven(v, f), p.untimed(f, p.now[v.Name])); why != "" {
		return why
	}
	if name, run := removesImported(p.images.byVariant[v.Name], f); name != "" && !f.Breaks {
		return fmt.Sprintf("%s imports %s", run, name)
	}
	return ""
}

// nextBatch are the fixes that a round tries. Fixes for what keeps images from
// running have a separate first round, because harm shows only in an image that
// runs. Fixes of files that variants share come next, because cleaning up
// depends on what is installed. Of two fixes that conflict, the first wins, so
// those for what production starts come first.
func nextBatch(all []*candidate) []*candidate {
	all = slices.Clone(all)
	slices.SortStableFunc(all, func(a, b *candidate) int {
		return -whittle.CompareBools(a.finding.InProduction(), b.finding.InProduction())
	})
	for _, first := range []func(*candidate) bool{
		func(c *candidate) bool { return c.finding.Breaks },
		func(c *candidate) bool { return !c.own },
	} {
		if some := slices.DeleteFunc(slices.Clone(all), func(c *candidate) bool { return !first(c) }); len(some) > 0 {
			return some
		}
	}
	return all
}

// confirmed are the candidates that the user wants; the others are refused.
func (p *prover) confirmed(ctx context.Context, cands []*candidate) ([]*candidate, error) {
	if p.ask == nil {
		return cands, nil
	}
	var out []*candidate
	for _, c := range cands {
		yes, err := p.ask(ctx, c.finding)
		if err != nil {
			return nil, err
		}
		if yes {
			out = append(out, c)
			continue
		}
		p.refuse(c)
		p.steps = append(p.steps, whittle.RepairStep{Finding: c.finding, Status: whittle.FixSkipped, Reason: "not wanted"})
	}
	return out, nil
}

// inScope says that a fix only edits files of the project, and no Dockerfile of a
// variant that the user did not select.
func (w *workshop) inScope(f *whittle.Fix) bool {
	return !slices.ContainsFunc(f.Patches, func(p whittle.Patch) bool {
		_, ok := whittle.Inside(w.bench.Project.Dir, p.File)
		_, part := w.copy.Parts[p.File]
		inline := func(v project.Variant) bool { return v.Inline != nil && v.Dockerfile == p.File && !part }
		return !ok || slices.Contains(w.others, p.File) || slices.ContainsFunc(w.bench.Project.Variants, inline)
	})
}

func (p *prover) refuse(c *candidate) {
	for v, print := range c.prints {
		p.refused[v+" "+print] = true
	}
}

// touchesOnly says that a fix only edits one file.
func touchesOnly(f *whittle.Fix, file string) bool {
	return !slices.ContainsFunc(f.Patches, func(p whittle.Patch) bool { return p.File != file })
}

// ownFix says that a fix only edits the Dockerfile of one variant.
func (p *prover) ownFix(v project.Variant, f *whittle.Fix) bool {
	return touchesOnly(f, v.Dockerfile) && !slices.ContainsFunc(p.workshop.bench.Project.Variants, func(other project.Variant) bool {
		return other.Name != v.Name && slices.ContainsFunc(other.WithBuilds(), func(o project.Variant) bool { return o.Dockerfile == v.Dockerfile })
	})
}

// merge is the current state with some fixes and with the generated files that
// they need remade. A fix whose files cannot be remade is marked as reverted. One
// that conflicts with an earlier one is marked as skipped, and is tried in the
// next round.
func (p *prover) merge(ctx context.Context, cands []*candidate) (state, []*candidate, error) {
	next, out, err := p.mergeEdits(cands)
	if err != nil {
		return nil, nil, err
	}
	var remake []string
	for _, c := range out {
		for _, name := range c.finding.Fix.Remake {
			if !slices.Contains(remake, name) {
				remake = append(remake, name)
			}
		}
	}
	made, err := p.workshop.remake(ctx, next, remake)
	switch {
	case err == nil:
		return made, out, nil
	case ctx.Err() != nil:
		return nil, nil, ctx.Err()
	}
	needsRemake := func(c *candidate) bool { return len(c.finding.Fix.Remake) > 0 }
	for _, c := range out {
		if needsRemake(c) {
			c.status, c.reason = whittle.Reverted, fmt.Sprintf("%s could not be made again: %s", strings.Join(c.finding.Fix.Remake, ", "), whittle.OneLine(err.Error()))
		}
	}
	return p.mergeEdits(slices.DeleteFunc(out, needsRemake))
}

// mergeEdits is the current state with the edits of fixes.
func (p *prover) mergeEdits(cands []*candidate) (state, []*candidate, error) {
	if len(cands) == 0 {
		return p.state, nil, nil
	}
	fixes := make([]*whittle.Fix, len(cands))
	for i, c := range cands {
		fixes[i] = c.finding.Fix
	}
	files, err := p.workshop.copy.Files(p.state, fixes)
	if err != nil {
		return nil, nil, err
	}
	changed, conflicts, err := patch.Merge(files, p.workshop.dockerfiles(), fixes)
	if err != nil {
		return nil, nil, err
	}
	out := slices.Clone(cands)
	for _, c := range slices.Backward(conflicts) {
		cands[c.Fix].status, cands[c.Fix].reason = whittle.FixSkipped, "it is in the way of another fix: "+c.Reason
		out = slices.Delete(out, c.Fix, c.Fix+1)
	}
	return p.state.With(changed), out, nil
}

func (w *workshop) dockerfiles() []string {
	var out []string
	for _, v := range w.bench.Project.Variants {
		out = append(out, v.Dockerfile)
	}
	return out
}

// advance applies the accepted fixes to the state for the next round, and records
// the result of each candidate.
func (p *prover) advance(ctx context.Context, round int, cands, accepted []*candidate) error {
	next, _, err := p.merge(ctx, accepted)
	if err != nil {
		return err
	}
	for _, c := range cands {
		step := whittle.RepairStep{Finding: c.finding, Status: whittle.Applied, StartUp: c.timed, Round: round}
		if !slices.Contains(accepted, c) {
			step.Status, step.Reason = c.status, c.reason
			if c.status == whittle.Reverted || len(accepted) == 0 {
				p.refuse(c)
			}
		}
		if step.Status == whittle.Applied {
			step.Support = support(&step.Finding, c.unimported)
		}
		if step.Status != whittle.FixSkipped || len(accepted) == 0 {
			p.steps = append(p.steps, step)
		}
	}
	p.state = next
	trials, err := p.workshop.tryAll(ctx, inState(p.workshop.bench.Project.Variants, next))
	if err != nil {
		return err
	}
	for i, v := range p.workshop.bench.Project.Variants {
		t := trials[i]
		if err := p.noteRound(round, v.Name, accepted, p.now[v.Name], t); err != nil {
			return err
		}
		if was := p.now[v.Name]; len(accepted) == 1 && accepted[0].variants[0] == v.Name && was.image != "" && t.image != "" {
			p.noteSaved(round, runs.Outcome(was.Variant).Sizes.Size-runs.Outcome(t.Variant).Sizes.Size)
		}
		p.now[v.Name] = t
	}
	return p.removeStale()
}

// support says what shows, besides the files, that a fix of more than low risk does no
// harm: a trace and what the runs imported, or only that no run failed. A fix for a
// failure is for the runs.
func support(f *whittle.Finding, unimported bool) string {
	switch {
	case f.Untouched && unimported:
		return "no run imported what it removes, and none touched a file of it"
	case f.Untouched:
		return "no traced run touched a file that it removes"
	case f.Breaks || unimported || f.Risk.AtMost(whittle.RiskLow):
		return ""
	}
	return "only runs that did not fail show that it does no harm"
}

// noteSaved records what the only fix of a round has saved.
func (p *prover) noteSaved(round int, saved int64) {
	for i := range p.steps {
		if s := &p.steps[i]; s.Round == round && s.Status == whittle.Applied {
			s.Saved = &saved
		}
	}
}

// noteRound records the predicted and the actual saving of a round's fixes in a
// variant.
func (p *prover) noteRound(round int, variant string, accepted []*candidate, was, is *trial) error {
	r := whittle.VerifiedRound{Round: round, Variant: variant}
	changes := p.images.changes(variant, accepted)
	for _, c := range accepted {
		_, touched := c.shared[variant]
		if _, ok := c.prints[variant]; ok || touched {
			r.Rules = append(r.Rules, c.finding.Rule)
		}
	}
	if len(changes) == 0 || is.image == "" || was.image == "" {
		return nil
	}
	var err error
	if r.Predicted, err = p.images.byVariant[variant].image.Saving(changes...); err != nil {
		return err
	}
	r.Saved = runs.Outcome(was.Variant).Sizes.Size - runs.Outcome(is.Variant).Sizes.Size
	p.rounds = append(p.rounds, r)
	return nil
}

// removeStale removes the images of trials, except those before the proof and the
// current ones.
func (p *prover) removeStale() error {
	for key, t := range p.workshop.trials {
		used := false
		for _, v := range p.workshop.bench.Project.Variants {
			used = used || t == p.now[v.Name] || t == p.start[v.Name]
		}
		file := strings.TrimPrefix(t.image, bench.ArchiveScheme)
		if used || t.image == "" || !strings.HasPrefix(file, p.workshop.images) {
			continue
		}
		if err := os.Remove(file); err != nil {
			return fmt.Errorf("removing a trial's image: %w", err)
		}
		delete(p.workshop.trials, key)
	}
	return nil
}
