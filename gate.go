package whittle

import (
	"fmt"
	"slices"
	"strings"
)

// BaselineSchema names the JSON form of [Baseline], GateSchema that of [Gate].
const (
	BaselineSchema = "whittle.baseline/v1"
	GateSchema     = "whittle.gate/v1"
)

// Baseline is what a gate keeps of an image, to compare the next one with: its sizes
// and who owns them, in a file that people can read and diff. Its JSON form is the
// contract whittle.baseline/v1.
type Baseline struct {
	Schema   string `json:"schema"`
	Ref      string `json:"ref"`
	Digest   Digest `json:"digest"`
	Platform string `json:"platform"`
	// Base is the base image, nil where no Dockerfile says which layers are its.
	Base  *BaselineBase `json:"base,omitempty"`
	Sizes Sizes         `json:"sizes"`
	// Files counts the contents of all layers.
	Files int `json:"files"`
	// Startup and Build are seconds, nil where nobody measured them.
	Startup *float64 `json:"startup,omitempty"`
	Build   *float64 `json:"build,omitempty"`
	// Steps are the layers, the lowest first; their sizes add up to Sizes.
	Steps []BaselineStep `json:"steps"`
	// Owners have the visible bytes, sorted by name; they add up to Sizes.Visible.
	Owners []BaselineOwner `json:"owners"`
	// Wasted add up to Sizes.Wasted.
	Wasted []BaselineWaste `json:"wasted"`
	// Directories are those that budgets are about.
	Directories []BaselineDirectory `json:"directories,omitempty"`
	// Allowed is growth that was accepted, with its reason, the last first.
	Allowed []Allowance `json:"allowed,omitempty"`
}

// BaselineBase is the base image of a [Baseline].
type BaselineBase struct {
	// Name is as FROM has it, at Line of File.
	Name string `json:"name"`
	File string `json:"file,omitempty"`
	Line int    `json:"line,omitempty"`
}

// BaselineStep is a layer of a [Baseline].
type BaselineStep struct {
	// Text is the instruction, as the history has it, and DiffID the layer.
	Text   string `json:"text"`
	DiffID Digest `json:"diff_id"`
	// File and Line are the Dockerfile's, where they are known.
	File string `json:"file,omitempty"`
	Line int    `json:"line,omitempty"`
	// Base says that it is the base image's.
	Base     bool   `json:"base,omitempty"`
	Download *int64 `json:"download,omitempty"`
	Size     int64  `json:"size"`
}

// BaselineWaste is what one layer has and one layer hides.
type BaselineWaste struct {
	// AddedBy and HiddenBy are positions in Steps.
	AddedBy  int   `json:"added_by"`
	HiddenBy int   `json:"hidden_by"`
	Cause    Cause `json:"cause"`
	Bytes    int64 `json:"bytes"`
	Files    int   `json:"files"`
}

// BaselineDirectory has the visible bytes in a folder that a budget is about.
type BaselineDirectory struct {
	Path    string `json:"path"`
	Visible int64  `json:"visible"`
	// Parts are the folder's own parts, by name; they add up to Visible.
	Parts map[string]int64 `json:"parts,omitempty"`
}

// BaselineOwner has the visible bytes of a package, or those that are of no package
// and that one instruction added.
type BaselineOwner struct {
	Owner
	// Step is the position in Steps of the instruction, nil for packages.
	Step *int `json:"step,omitempty"`
	// Layer is the position in Steps of the layer that has most of a package.
	Layer   int   `json:"layer,omitempty"`
	Visible int64 `json:"visible"`
	Files   int   `json:"files"`
	// Base and BaseFiles are how much of that is in the base image's layers.
	Base      int64 `json:"base,omitempty"`
	BaseFiles int   `json:"base_files,omitempty"`
}

// Allowance is growth that somebody accepted.
type Allowance struct {
	Bytes  int64  `json:"bytes"`
	Reason string `json:"reason"`
	// Day is when, 2026-11-29.
	Day string `json:"day"`
	// Over is the baseline that it was accepted over: compared with another one, it
	// does not count any more.
	Over Digest `json:"over"`
}

// GateStatus is how a part of a gate ended.
type GateStatus string

// The statuses, the worst first. What could not be measured is no pass.
const (
	GateFails      GateStatus = "fails"
	GateUnmeasured GateStatus = "unmeasured"
	GateWarns      GateStatus = "warns"
	GatePasses     GateStatus = "passes"
	GateSkipped    GateStatus = "skipped"
)

// Gate is the verdict about an image's budgets, with the causes. Its JSON form is the
// contract whittle.gate/v1.
type Gate struct {
	Schema string     `json:"schema"`
	Image  ImageFacts `json:"image"`
	Sizes  Sizes      `json:"sizes"`
	Status GateStatus `json:"status"`
	// Baseline is what it was compared with, nil without one.
	Baseline *GateBaseline `json:"baseline,omitempty"`
	Budgets  []BudgetRow   `json:"budgets"`
	// Check says whether the image runs, nil where it was not asked.
	Check *GateCheck `json:"check,omitempty"`
	// Findings are those that fail the gate or that it warns of.
	Findings []GateFinding `json:"findings,omitempty"`
	// Ignored are the entries of "ignore", with what they did.
	Ignored []Ignored `json:"ignored,omitempty"`
	Notes   []string  `json:"notes,omitempty"`
}

// GateBaseline identifies what a gate compared with.
type GateBaseline struct {
	Name   string `json:"name"`
	Ref    string `json:"ref"`
	Digest Digest `json:"digest"`
	Sizes  Sizes  `json:"sizes"`
	// Base says how the base image differs: empty where it is the same.
	Base string `json:"base,omitempty"`
	// Allowed is growth over it that was accepted.
	Allowed []Allowance `json:"allowed,omitempty"`
}

// BudgetRow is a budget and what the image has.
type BudgetRow struct {
	// On is what it bounds: "size", "package pyarrow"; Unit is bytes, count or seconds.
	On     string     `json:"on"`
	Unit   string     `json:"unit"`
	Status GateStatus `json:"status"`
	// Actual is the image's figure, Was the baseline's, Limit the largest that passes.
	// For new packages these are the bytes of those that count, and what is allowed.
	Actual float64  `json:"actual"`
	Was    *float64 `json:"was,omitempty"`
	Limit  float64  `json:"limit"`
	// Missing says where the figure is not known: "image" or "baseline".
	Missing string `json:"missing,omitempty"`
	// Text says it in one sentence, for example "size 361.2 MB, over 350.0 MB by 11.2 MB".
	Text string `json:"text"`
	// Causes add up to Actual less Was, or to Actual where there is no baseline.
	Causes []GateCause `json:"causes,omitempty"`
	// Back are findings that bring it under the limit, the least risk first; BackSaves
	// is what they save together of the figure, at least. Both are empty where it
	// passes, or where none are known.
	Back      []GateFinding `json:"back,omitempty"`
	BackSaves int64         `json:"back_saves,omitempty"`
}

// GateCause is one part of why a figure is what it is, or of why it has changed.
type GateCause struct {
	// Name is the package's or the instruction's, Kind its ecosystem ("pypi", "deb"),
	// "app" or "instruction" for files of no package, "base" for the base image,
	// "wasted" for what a layer hides, "directory", or "time".
	Name string `json:"name"`
	Kind string `json:"kind"`
	// From and To are the versions before and now, empty where it is not there.
	From string `json:"from,omitempty"`
	To   string `json:"to,omitempty"`
	// Change is what it adds, in the budget's unit; negative is less.
	Change float64 `json:"change"`
	// File and Line are where that comes from: a requirement, an instruction.
	File string `json:"file,omitempty"`
	Line int    `json:"line,omitempty"`
	// Why says how it came in, where that is known: "required by pandas", "new".
	Why string `json:"why,omitempty"`
}

// GateCheck is whether the image runs, as the gate judges it.
type GateCheck struct {
	Status  GateStatus `json:"status"`
	Verdict Verdict    `json:"verdict"`
	// Problems are the errors of what production starts.
	Problems []Problem `json:"problems,omitempty"`
}

// GateFinding is a finding that a gate speaks of.
type GateFinding struct {
	Status      GateStatus `json:"status"`
	Rule        string     `json:"rule"`
	Message     string     `json:"message"`
	Saving      Saving     `json:"saving"`
	Risk        Risk       `json:"risk"`
	File        string     `json:"file,omitempty"`
	Line        int        `json:"line,omitempty"`
	Fingerprint string     `json:"fingerprint"`
}

// Ignored is an entry of "ignore", or a comment in a Dockerfile, and what became of it.
type Ignored struct {
	Rule   string `json:"rule"`
	Reason string `json:"reason"`
	Until  string `json:"until,omitempty"`
	// File and Line are where it is written; Line is 0 in a configuration.
	File string `json:"file,omitempty"`
	Line int    `json:"line,omitempty"`
	// Findings counts those that it hides, or would hide. Expired says that its day is
	// over, so that it hides none.
	Findings int  `json:"findings"`
	Expired  bool `json:"expired,omitempty"`
}

// MergeIgnored are the entries of several images, each once, with all findings.
func MergeIgnored(images []Ignored) (out []Ignored) {
	for _, row := range images {
		i := slices.IndexFunc(out, func(o Ignored) bool {
			return o.Rule == row.Rule && o.Reason == row.Reason && o.File == row.File && o.Line == row.Line
		})
		if i < 0 {
			out = append(out, row)
		} else {
			out[i].Findings += row.Findings
		}
	}
	return out
}

// IgnoredNotes say which entries have ended, a line each, and in one line how many
// findings are ignored, and why.
func IgnoredNotes(all []Ignored) (notes []string) {
	n := 0
	var parts []string
	for _, r := range all {
		switch {
		case r.Expired:
			notes = append(notes, fmt.Sprintf("ignoring %s ended on %s (%s)", r.where(), r.Until, OneLine(r.Reason)))
		case r.Findings > 0:
			n += r.Findings
			if part := fmt.Sprintf("%s (%s)", r.Rule, OneLine(r.Reason)); !slices.Contains(parts, part) {
				parts = append(parts, part)
			}
		}
	}
	switch {
	case n == 1:
		notes = append(notes, "1 finding is ignored: "+parts[0])
	case n > 1:
		notes = append(notes, fmt.Sprintf("%d findings are ignored: %s", n, strings.Join(parts, ", ")))
	}
	return notes
}

// where is the rule with the place of a comment.
func (r *Ignored) where() string {
	if r.Line == 0 {
		return r.Rule
	}
	return fmt.Sprintf("%s at %s:%d", r.Rule, r.File, r.Line)
}

// Idle says in one line that the entry hides nothing, empty where it does.
func (r *Ignored) Idle() string {
	if r.Expired || r.Findings > 0 {
		return ""
	}
	return fmt.Sprintf("ignoring %s hides nothing any more (%s)", r.where(), OneLine(r.Reason))
}

// Failed counts the budgets and the findings that fail the gate.
func (g *Gate) Failed() (budgets, findings int) {
	for i := range g.Budgets {
		if g.Budgets[i].Status == GateFails {
			budgets++
		}
	}
	for i := range g.Findings {
		if g.Findings[i].Status == GateFails {
			findings++
		}
	}
	return budgets, findings
}

// Decide sets the status by the worst of the parts. If the gate only informs, what
// fails is a warning.
func (g *Gate) Decide(informational bool) {
	soften := func(s *GateStatus) {
		if informational && *s == GateFails {
			*s = GateWarns
		}
		order := []GateStatus{GateSkipped, GatePasses, GateWarns, GateUnmeasured, GateFails}
		if slices.Index(order, *s) > slices.Index(order, g.Status) {
			g.Status = *s
		}
	}
	for i := range g.Budgets {
		soften(&g.Budgets[i].Status)
	}
	if g.Check != nil {
		soften(&g.Check.Status)
	}
	for i := range g.Findings {
		soften(&g.Findings[i].Status)
	}
}
