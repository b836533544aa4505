package gate

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/project/settings"
)

// Input is what a gate judges.
type Input struct {
	Image whittle.ImageFacts
	Now   *whittle.Baseline
	// Before is the baseline, nil without one; its Name is as the user names it.
	Before *whittle.Baseline
	Name   string
	// Check is nil where it was not asked whether the image runs.
	Check *whittle.Check
	// Findings are those of the rules that are not ignored, Ignored say what is.
	Findings []whittle.Finding
	Ignored  []whittle.Ignored
	Settings settings.Gate
	// Allowed is growth over the baseline that somebody has accepted.
	Allowed []whittle.Allowance
	// Unmeasured says why the image's start or build was not timed.
	Unmeasured map[settings.On]string
	// Places say where a package comes from: a requirement's file and line, and why it
	// is there. nil says nothing.
	Places func(kind, name string) (file string, line int, why string)
	// Saves is how many bytes findings save together, at least, of the size or of what
	// is wasted. nil is not known.
	Saves func(on settings.On, findings []whittle.Finding) int64
}

// Judge says whether an image keeps its budgets, runs, and has no finding that the
// settings forbid.
func Judge(in Input) *whittle.Gate {
	g := &whittle.Gate{Schema: whittle.GateSchema, Image: in.Image, Sizes: in.Now.Sizes, Status: whittle.GatePasses, Budgets: []whittle.BudgetRow{}, Ignored: in.Ignored}
	c := compare(in.Before, in.Now)
	c.places = in.Places
	if in.Before != nil {
		g.Baseline = &whittle.GateBaseline{Name: in.Name, Ref: in.Before.Ref, Digest: in.Before.Digest, Sizes: in.Before.Sizes, Base: c.baseChange(), Allowed: in.Allowed}
	}
	for i := range in.Settings.Budgets {
		g.Budgets = append(g.Budgets, in.budget(c, &in.Settings.Budgets[i]))
	}
	in.note(g, c)
	g.Check = in.check(g)
	for i := range in.Findings {
		f := &in.Findings[i]
		switch {
		case in.Settings.Findings.Fail.Selects(f):
			g.Findings = append(g.Findings, about(f, whittle.GateFails))
		case in.Settings.Findings.Warn.Selects(f):
			g.Findings = append(g.Findings, about(f, whittle.GateWarns))
		}
	}
	g.Decide(in.Settings.Informational)
	return g
}

// note says what was allowed and ignored, and which budgets are about nothing.
func (in *Input) note(g *whittle.Gate, c *compared) {
	g.Notes = append(g.Notes, in.Settings.Notes...)
	for _, a := range in.Allowed {
		g.Notes = append(g.Notes, fmt.Sprintf("growth by %s over %s is allowed: %s (%s)", whittle.Bytes(a.Bytes), in.Name, a.Reason, a.Day))
	}
	if len(in.Settings.Budgets) == 0 && in.Settings.Findings == (settings.Findings{}) {
		g.Notes = append(g.Notes, "there are no budgets: gate.budgets of whittle.yaml names them")
	}
	g.Notes = append(g.Notes, whittle.IgnoredNotes(in.Ignored)...)
	for i := range in.Ignored {
		if text := in.Ignored[i].Idle(); text != "" {
			g.Notes = append(g.Notes, text)
		}
	}
	for i := range in.Settings.Budgets {
		if b := &in.Settings.Budgets[i]; b.On == settings.OnPackage {
			if n := c.strange(b.Name); n != "" {
				g.Notes = append(g.Notes, n)
			}
		}
	}
}

// strange says that a budget names a package that is on neither side, where another
// one has nearly its name.
func (c *compared) strange(name string) string {
	var names []string
	for _, b := range []*whittle.Baseline{c.now, c.before} {
		if b == nil {
			continue
		}
		for i := range b.Owners {
			if o := &b.Owners[i]; isPackage(o, name) {
				return ""
			} else if packaged(o) {
				names = append(names, o.Name)
			}
		}
	}
	if near := whittle.Nearest(name, names); near != "" {
		return fmt.Sprintf("no package is named %s: did you mean %q?", name, near)
	}
	return ""
}

// check judges whether the image runs.
func (in *Input) check(g *whittle.Gate) *whittle.GateCheck {
	if in.Check == nil || in.Settings.Check == "off" {
		return nil
	}
	out := &whittle.GateCheck{Status: whittle.GatePasses, Verdict: in.Check.Verdict}
	switch {
	case in.Check.Verdict == whittle.Fails, in.Check.Verdict == whittle.Unknown && in.Settings.Check == "unknown-too":
		out.Status = whittle.GateFails
	case in.Check.Verdict == whittle.Unknown:
		why := ""
		if len(in.Check.Unknown) > 0 {
			why = ": " + in.Check.Unknown[0]
		}
		g.Notes = append(g.Notes, "whether it runs is unknown"+why)
	}
	for _, p := range in.Check.Problems {
		if p.Severity == whittle.SeverityError && out.Status == whittle.GateFails {
			out.Problems = append(out.Problems, p)
		}
	}
	return out
}

// budget judges one budget.
func (in *Input) budget(c *compared, b *settings.Budget) whittle.BudgetRow {
	row := whittle.BudgetRow{On: b.String(), Unit: string(b.On.Unit()), Status: whittle.GatePasses}
	if b.On == settings.OnNewPackage {
		in.newPackages(c, b, &row)
		return row
	}
	actual, ok := figure(c.now, b)
	if !ok {
		row.Status, row.Missing, row.Text = whittle.GateUnmeasured, "image", fmt.Sprintf("%s is not known: %s", b, cmp.Or(in.Unmeasured[b.On], missing(b)))
		return row
	}
	row.Actual = actual
	limit := math.Inf(1)
	if b.Max != nil {
		limit = amount(b, b.Max)
	}
	var grown string
	was, known := figureOf(c.before, b)
	if known {
		row.Was = &was
		row.Causes = c.causes(b)
	}
	if known && b.Grow != nil {
		if most := round(b, was+in.growth(b, was)); most < limit {
			limit, grown = most, fmt.Sprintf(" (%s in %s)", write(b, was), in.Name)
		}
	}
	switch {
	case b.Grow == nil || known:
	case c.before != nil:
		row.Status, row.Missing = whittle.GateUnmeasured, "baseline"
		row.Text = fmt.Sprintf("%s %s; %s does not have it to compare with: --update-baseline keeps it", b, write(b, actual), in.Name)
		if math.IsInf(limit, 1) || actual <= limit {
			return bounded(row, limit)
		}
	case math.IsInf(limit, 1):
		row.Status = whittle.GateSkipped
		row.Text = fmt.Sprintf("%s %s; there is no baseline to compare with", b, write(b, actual))
		return row
	}
	in.against(c, b, &row, limit, grown)
	return row
}

// bounded is a row with its limit, if it has one.
func bounded(row whittle.BudgetRow, limit float64) whittle.BudgetRow {
	if !math.IsInf(limit, 1) {
		row.Limit = limit
	}
	return row
}

// against compares a figure with its limit.
func (in *Input) against(c *compared, b *settings.Budget, row *whittle.BudgetRow, limit float64, grown string) {
	row.Limit = limit
	switch over := row.Actual - limit; {
	case over > 0:
		row.Status = whittle.GateFails
		is, most := write(b, row.Actual), write(b, limit)
		if is == most { // the difference is less than what is shown
			is, most = whittle.Thousands(int64(row.Actual))+" B", whittle.Thousands(int64(limit))+" B"
		}
		row.Text = fmt.Sprintf("%s %s, over %s%s by %s", b, is, most, grown, write(b, over))
		if row.Was == nil {
			row.Causes = c.causes(b)
		}
		in.back(b, row, over)
	case over == 0:
		row.Text = fmt.Sprintf("%s %s, exactly at the limit%s", b, write(b, row.Actual), grown)
	default:
		row.Text = fmt.Sprintf("%s %s of %s%s", b, write(b, row.Actual), write(b, limit), grown)
	}
}

// growth is by how much a figure may grow: both the share and the least amount must
// be exceeded to fail, and what was allowed comes on top.
func (in *Input) growth(b *settings.Budget, was float64) float64 {
	most := was * b.Grow.Share
	if b.Grow.Amount != nil {
		most = amount(b, b.Grow.Amount)
	}
	if b.GrowMin != nil {
		most = max(most, amount(b, b.GrowMin))
	}
	if Allows(b) {
		most += float64(in.allowed())
	}
	return most
}

// Allows says that allowed growth counts for a budget: for bytes that may grow, not
// for what is wasted.
func Allows(b *settings.Budget) bool {
	return b.On == settings.OnNewPackage || b.Grow != nil && b.On.Unit() == settings.UnitBytes && b.On != settings.OnWasted
}

// allowed is how much growth was accepted, in bytes.
func (in *Input) allowed() (n int64) {
	for _, a := range in.Allowed {
		n += a.Bytes
	}
	return n
}

// newPackages judges which packages are there that the baseline does not have. Those
// of another base image are one row.
func (in *Input) newPackages(c *compared, b *settings.Budget, row *whittle.BudgetRow) {
	if c.before == nil {
		row.Status, row.Text = whittle.GateSkipped, "new packages are not known without a baseline"
		return
	}
	least := amount(b, b.Min)
	had := map[key]bool{}
	for i := range c.before.Owners {
		had[keyOf(&c.before.Owners[i])] = true
	}
	summedUp := c.alsoOthers()
	var t table
	var names []string
	for _, o := range slices.SortedStableFunc(slices.Values(c.now.Owners), func(x, y whittle.BaselineOwner) int { return cmp.Compare(y.Visible, x.Visible) }) {
		if !packaged(&o) || had[keyOf(&o)] || summedUp(&o) || float64(o.Visible) < least {
			continue
		}
		names = append(names, fmt.Sprintf("%s (%s)", o.Name, whittle.Bytes(o.Visible)))
		row.Actual += float64(o.Visible)
		if c.otherBase && o.Base == o.Visible {
			c.addBase(&t, float64(o.Visible))
			continue
		}
		c.ownedBy(&t, c.now, &o, float64(o.Visible), false)
	}
	if len(names) == 0 {
		row.Text = "no new package of " + write(b, least) + " or more"
		return
	}
	row.Causes, row.Limit = t.causes(c), float64(in.allowed())
	if n := len(names); n > maxNames {
		names = append(names[:maxNames], fmt.Sprintf("%d more", n-maxNames))
	}
	row.Text = fmt.Sprintf("new packages of %s or more: %s", write(b, least), strings.Join(names, ", "))
	if row.Actual > row.Limit {
		row.Status = whittle.GateFails
	}
	if row.Limit > 0 {
		row.Text += fmt.Sprintf("; %s in all, and %s are allowed", write(b, row.Actual), write(b, row.Limit))
	}
}

// maxNames bounds the new packages that one line names.
const maxNames = 5

// back names findings that together save as many bytes as a budget is over: those of
// the least risk first, of these the largest. They are of no use for other figures than
// those of which it is known what they save.
func (in *Input) back(b *settings.Budget, row *whittle.BudgetRow, over float64) {
	if in.Saves == nil || b.On != settings.OnSize && b.On != settings.OnWasted {
		return
	}
	all := slices.Clone(in.Findings)
	slices.SortStableFunc(all, func(x, y whittle.Finding) int {
		return cmp.Or(whittle.CompareBools(!x.Risk.AtMost(whittle.RiskLow), !y.Risk.AtMost(whittle.RiskLow)), cmp.Compare(y.Saving.Low, x.Saving.Low))
	})
	var chosen []whittle.Finding
	for i := range all {
		if all[i].Saving.Low <= 0 || all[i].Fix == nil && all[i].Advice == "" {
			continue
		}
		if float64(row.BackSaves) >= over || len(chosen) == maxBack {
			break
		}
		saves := in.Saves(b.On, append(chosen, all[i]))
		if saves <= row.BackSaves {
			continue // it is part of the others, or about something else
		}
		chosen = append(chosen, all[i])
		row.BackSaves = saves
		row.Back = append(row.Back, about(&all[i], whittle.GatePasses))
	}
}

// maxBack bounds the findings that lead back under a limit.
const maxBack = 5

func about(f *whittle.Finding, s whittle.GateStatus) whittle.GateFinding {
	g := whittle.GateFinding{Status: s, Rule: f.Rule, Message: f.Message, Saving: f.Saving, Risk: f.Risk, Fingerprint: f.Fingerprint}
	g.File, g.Line = f.Place()
	return g
}

// baseChange says how the base image's layers differ.
func (c *compared) baseChange() string {
	if !c.otherBase {
		return ""
	}
	size := func(b *whittle.Baseline) (n int64) {
		for _, s := range b.Steps {
			if s.Base {
				n += s.Size
			}
		}
		return n
	}
	is := size(c.now)
	return fmt.Sprintf("the base image is another one: %s (%s)", whittle.SignedBytes(is-size(c.before)), whittle.Bytes(is))
}
