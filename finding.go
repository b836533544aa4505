package whittle

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"slices"
)

// Risk is how likely a fix is to change what the image does.
type Risk string

// The risks, the least first. Only fixes of at most RiskLow are applied
// without being asked for; whatever the risk, fix --verify has the last word.
const (
	// RiskNone: what runs cannot see the difference.
	RiskNone Risk = "none"
	// RiskLow: only something unusual could see it, and verifying shows it.
	RiskLow Risk = "low"
	// RiskMedium: it may be needed in a way that files do not show.
	RiskMedium Risk = "medium"
	// RiskHigh: it changes what the image is for; a person has to decide.
	RiskHigh Risk = "high"
)

// AtMost says whether the risk is at most another one.
func (r Risk) AtMost(most Risk) bool {
	order := []Risk{RiskNone, RiskLow, RiskMedium, RiskHigh}
	return slices.Index(order, r) <= slices.Index(order, most)
}

// Finding is a rule's statement with evidence and a saving. Evidence is never
// empty, and a saving is never above what the evidence accounts for.
type Finding struct {
	Rule string `json:"rule"`
	// Variant is the study's variant that it was found in, empty elsewhere.
	Variant string `json:"variant,omitempty"`
	// Message is one sentence: what is where, and what it costs.
	Message  string     `json:"message"`
	Evidence []Evidence `json:"evidence"`
	// Saving is what the change saves alone; findings overlap, so that
	// savings do not add up: see [Advice.Total].
	Saving Saving `json:"saving"`
	// Breaks says that the finding is about a run that fails, not about bytes.
	Breaks bool `json:"breaks,omitempty"`
	// Starts are those that it keeps from running, as the check names them:
	// "ENTRYPOINT". Empty where it is about bytes.
	Starts []string `json:"starts,omitempty"`
	Risk   Risk     `json:"risk"`
	// Caution says in one sentence what the risk is, or what to look at.
	Caution string `json:"caution,omitempty"`
	// SlowsStart says that the fix removes what a start would make again: starts are
	// slower, by what is not known before it is measured.
	SlowsStart bool `json:"slows_start,omitempty"`
	// Untouched says that no run of a trace touched what the fix removes.
	Untouched bool `json:"untouched,omitempty"`
	// Advice says in one sentence what to do.
	Advice string `json:"advice"`
	// Fix is nil where no edit is safe enough to be proposed.
	Fix *Fix `json:"fix,omitempty"`
	// Alternative is another way to do it, nil where there is none.
	Alternative *Alternative `json:"alternative,omitempty"`
	// Fingerprint survives edits of sizes and line numbers: the same finding
	// has the same one in the next image.
	Fingerprint string `json:"fingerprint"`
	// Change is what the finding takes out of the layers' indexes; the saving
	// is what replaying it gives.
	Change LayerChange `json:"-"`
	// At are the bytes of the Dockerfile that it is about, empty for those of the
	// first evidence with a line.
	At Span `json:"-"`
	// Problems are those of the check that the finding is about, of which a
	// fix leaves none.
	Problems []Problem `json:"-"`
}

// Place is the first place in a file of the project that the finding names; both are
// zero where it names none, the line alone where it is about the whole file.
func (f *Finding) Place() (file string, line int) {
	for _, e := range f.Evidence {
		if e.File != "" {
			return e.File, e.Line
		}
	}
	return "", 0
}

// InProduction says that the finding keeps something from running that
// production starts, and not only a console script or a command.
func (f *Finding) InProduction() bool { return slices.ContainsFunc(f.Starts, IsProduction) }

// Safe says that the fix is made without being asked for: its risk is low, and no start
// is slower with it.
func (f *Finding) Safe() bool {
	return f.Fix != nil && f.Risk.AtMost(RiskLow) && !f.SlowsStart
}

// About makes the finding one about problems of a check, with the starts that
// they are reached from.
func (f *Finding) About(problems ...Problem) {
	f.Problems = problems
	for _, p := range problems {
		for _, start := range p.Starts() {
			if !slices.Contains(f.Starts, start) {
				f.Starts = append(f.Starts, start)
			}
		}
	}
}

// Alternative is another way to do what a finding asks for, which was not
// chosen as it makes the image larger, or changes more.
type Alternative struct {
	// Advice says in one sentence what to do.
	Advice string `json:"advice"`
	// Saving is what it does to the image; negative is growth. It is nil where
	// that is not known.
	Saving *Saving `json:"saving,omitempty"`
	Fix    *Fix    `json:"fix,omitempty"`
}

// Evidence is one place that a finding speaks of: a path or a folder of the
// image, a line of a project's file, or both.
type Evidence struct {
	// Path is in the image; a folder means all that is counted in it.
	Path string `json:"path,omitempty"`
	// Layer added it, -1 where no layer is meant.
	Layer int `json:"layer"`
	// Bytes and Files are what the place accounts for.
	Bytes int64 `json:"bytes"`
	Files int   `json:"files,omitempty"`
	// File and Line are in the project; Line counts from 1.
	File string `json:"file,omitempty"`
	Line int    `json:"line,omitempty"`
	// What says what is there, where the place does not: "gcc 14.2".
	What string `json:"what,omitempty"`
}

// Saving is a range in bytes on disk; Low equals High where it is exact. It
// is negative where the change makes the image larger.
type Saving struct {
	Low  int64 `json:"low"`
	High int64 `json:"high"`
}

// Exact says that the saving is known to the byte.
func (s Saving) Exact() bool { return s.Low == s.High }

// Fix is what to change in a project's files. It is made against one state of
// each file: applying it to another is an error.
type Fix struct {
	// Title says in a few words what it does: "move the clean-up into the
	// builder".
	Title   string  `json:"title"`
	Patches []Patch `json:"patches"`
	// Remake names generated files (lock files, compiled requirements) that
	// their tools have to make again of what the patches leave, in the order in
	// which they depend on each other. Without that the fix is not to be made.
	Remake []string `json:"remake,omitempty"`
}

// Patch is the change of one file.
type Patch struct {
	// File is relative to the project's folder, with slashes.
	File string `json:"file"`
	// Digest is that of the content that the edits are for; empty for a file
	// that is not there yet.
	Digest Digest `json:"digest,omitempty"`
	// Edits are sorted and do not overlap.
	Edits []Edit `json:"edits"`
}

// Edit replaces the bytes of a span of a file; an empty span inserts.
type Edit struct {
	Span Span   `json:"span"`
	New  string `json:"new"`
}

// LayerChange is what a fix does to the layers of an image, as far as it is about
// files: contents that are not there any more, and contents that are smaller.
// The zero value changes nothing.
type LayerChange struct {
	Remove []Content
	Shrink []Shrunk
	// Plus and Minus bound what else it does, in bytes on disk, where that
	// depends on a package index and not on the layers: between Minus and Plus
	// bytes are added.
	Minus, Plus int64
}

// Content is one regular file's bytes in a layer: a position in the entries of
// the layer's index.
type Content struct{ Layer, Entry int }

// Shrunk is content of which between Low and High bytes remain.
type Shrunk struct {
	Content
	Low, High int64
}

// Advice are the findings of one image.
type Advice struct {
	Schema string     `json:"schema"`
	Image  ImageFacts `json:"image"`
	Sizes  Sizes      `json:"sizes"`
	// Findings are those about a run that fails, then the largest saving first.
	Findings []Finding `json:"findings"`
	// Total is the saving of all findings together, Fixable that of those that
	// are safe to fix. Savings overlap: the sum of the findings' own
	// is more.
	Total   Saving `json:"total"`
	Fixable Saving `json:"fixable"`
	// Ignored are what the project accepts of these rules; such findings are not among
	// Findings.
	Ignored []Ignored `json:"ignored,omitempty"`
	// Rules are the names of those that were asked.
	Rules []string `json:"rules"`
	// Notes say what could not be looked at.
	Notes []string `json:"notes,omitempty"`
	// Next is a strategy that does more than the fixes, nil where none is known to.
	Next *NextStrategy `json:"next,omitempty"`
}

// AdviseSchema names the JSON form of [Advice].
const AdviseSchema = "whittle.advise/v2"

// Fingerprint names a finding by its rule and what identifies its place:
// package names, paths and the text of instructions, no sizes or lines.
func Fingerprint(rule string, place ...string) string {
	h := sha256.New()
	fmt.Fprintf(h, "%q", rule)
	for _, p := range place {
		fmt.Fprintf(h, " %q", p)
	}
	return fmt.Sprintf("%x", h.Sum(nil)[:8])
}

// Sort orders contents by layer and entry and drops repeated ones.
func (c *LayerChange) Sort() {
	byPlace := func(a, b Content) int { return cmp.Or(cmp.Compare(a.Layer, b.Layer), cmp.Compare(a.Entry, b.Entry)) }
	slices.SortFunc(c.Remove, byPlace)
	c.Remove = slices.Compact(c.Remove)
	slices.SortStableFunc(c.Shrink, func(a, b Shrunk) int { return byPlace(a.Content, b.Content) })
}

// ForecastSchema names the JSON form of [Forecasts].
const ForecastSchema = "whittle.forecast/v2"

// Forecasts are the sizes of images that nobody has built.
type Forecasts struct {
	Schema  string `json:"schema"`
	Project string `json:"project"`
	// Base is the variant or image that the strategies start from.
	Base      string     `json:"base"`
	Forecasts []Forecast `json:"forecasts"`
	Notes     []string   `json:"notes,omitempty"`
}

// Forecast is the size of an image computed without building it, in bytes on
// disk.
type Forecast struct {
	// Strategy is a short name: "single-stage"; Title says what it is.
	Strategy  string `json:"strategy"`
	Title     string `json:"title"`
	Predicted int64  `json:"predicted"`
	Low       int64  `json:"low"`
	High      int64  `json:"high"`
	// Parts add up to Predicted.
	Parts []ForecastPart `json:"parts,omitempty"`
	// Actual is the size of the image where it was built afterwards.
	Actual *int64 `json:"actual"`
	// Ready is its time to ready: estimated, or measured where it was built; nil where
	// the image that it starts from was not measured.
	Ready *Ready `json:"ready,omitempty"`
	// Dockerfile is the text that would make it, empty where there is none.
	Dockerfile string `json:"dockerfile,omitempty"`
	// Skipped says why it cannot be built as it is: "duckdb has no musllinux
	// wheel for cp313".
	Skipped []string `json:"skipped,omitempty"`
	Notes   []string `json:"notes,omitempty"`
}

// ForecastPart is one part of a predicted size.
type ForecastPart struct {
	Name string `json:"name"`
	Low  int64  `json:"low"`
	High int64  `json:"high"`
	// Bytes is the prediction, Source where it is from: "measured in original",
	// "wheel's directory", "apt's Installed-Size".
	Bytes  int64  `json:"bytes"`
	Source string `json:"source"`
}

// FixSchema names the JSON form of [Repair].
const FixSchema = "whittle.fix/v2"

// Repair is what fix would change, or has changed, in a project.
type Repair struct {
	Schema  string `json:"schema"`
	Project string `json:"project"`
	// Written says that the files were changed.
	Written bool `json:"written"`
	// Steps are the fixes in the order in which they were applied, and those
	// that were not.
	Steps []RepairStep `json:"steps"`
	// Ignored are what the project accepts: such findings are not fixed.
	Ignored []Ignored `json:"ignored,omitempty"`
	// Files are the changed ones.
	Files []FileChange `json:"files"`
	// Verified is nil unless the change was built and run.
	Verified *Verification `json:"verified,omitempty"`
	// Series is the same change as commits, nil unless it was asked for.
	Series *RepairSeries `json:"series,omitempty"`
	// Next is a strategy that does more, nil where none is known to.
	Next *NextStrategy `json:"next,omitempty"`
	// Static says that no image was looked at: the savings of the findings are not known,
	// and 0.
	Static bool `json:"static,omitempty"`
}

// NextStrategy is a strategy that makes an image much smaller than the fixes do.
type NextStrategy struct {
	// Strategy is its name, Variant the image's.
	Strategy string `json:"strategy"`
	Variant  string `json:"variant"`
	// Predicted is the size with the strategy alone, Fixed that with the fixes, in
	// bytes.
	Predicted int64 `json:"predicted"`
	Fixed     int64 `json:"fixed"`
}

// RepairSeries is a change as commits, one for each concern.
type RepairSeries struct {
	// Author is "NAME <ADDRESS>" as git is configured; empty where that is not
	// known.
	Author string `json:"author,omitempty"`
	// Date is that of the commits, as RFC 3339 has it.
	Date string `json:"date"`
	// Prefix is the project's folder in git's work tree, with a slash at its end;
	// empty is its top.
	Prefix  string         `json:"prefix,omitempty"`
	Commits []RepairCommit `json:"commits"`
}

// RepairCommit is one commit: the fixes of one rule.
type RepairCommit struct {
	// Subject is a line of at most 72 characters, Body has further lines of at most
	// 72.
	Subject string `json:"subject"`
	Body    string `json:"body"`
	// Rule is empty where the changes are of none alone.
	Rule  string       `json:"rule,omitempty"`
	Files []FileChange `json:"files"`
	// Commit is the name of git's object, empty where nothing was committed.
	Commit string `json:"commit,omitempty"`
}

// FixStatus is what became of a fix.
type FixStatus string

// What becomes of fixes.
const (
	Applied    FixStatus = "applied"
	FixSkipped FixStatus = "skipped"  // not asked for, or in the way of another
	Reverted   FixStatus = "reverted" // verifying showed that it does harm
)

// RepairStep is one finding and what became of its fix.
type RepairStep struct {
	Finding Finding `json:"finding"`
	// Strategy is the strategy of [Forecasts] that it makes, empty where it is the
	// fix of a rule's finding; it is the finding's rule then.
	Strategy string    `json:"strategy,omitempty"`
	Status   FixStatus `json:"status"`
	// Reason says why it was skipped or reverted.
	Reason string `json:"reason,omitempty"`
	// Support says that no run touched what a fix that was made removes, or, where neither
	// files nor a trace nor what the runs import show that it does no harm, that only runs
	// that did not fail show it. It is empty otherwise.
	Support string `json:"support,omitempty"`
	// Saved is the actual difference in bytes on disk, nil where it was not
	// measured alone.
	Saved *int64 `json:"saved,omitempty"`
	// StartUp are the starts that were timed without the fix and with it; empty where
	// none was.
	StartUp []SlowerStart `json:"start_up,omitempty"`
	// Round counts from 1: a new image has new findings.
	Round int `json:"round,omitempty"`
}

// FileChange is a file before and after.
type FileChange struct {
	Path string `json:"path"`
	// Diff is a unified diff.
	Diff          string `json:"diff"`
	Before, After []byte `json:"-"`
	// Created says that the file was not there.
	Created bool `json:"created,omitempty"`
}

// Verification holds images before and after a change against each other.
type Verification struct {
	Variants []VerifiedVariant `json:"variants"`
	// Rounds say, for each round and variant with applied fixes, what they
	// were to save together and what they did.
	Rounds []VerifiedRound `json:"rounds"`
	// Builds counts what was built to find out, in a study its strategies too, and Images
	// the images of these builds: those of one build are built side by side.
	Builds int `json:"builds"`
	Images int `json:"images"`
}

// VerifiedRound is what the fixes of one round did to one variant.
type VerifiedRound struct {
	Round   int    `json:"round"`
	Variant string `json:"variant"`
	// Rules are those whose fixes were applied, in order.
	Rules     []string `json:"rules"`
	Predicted Saving   `json:"predicted"`
	// Saved is the actual difference in bytes on disk; negative is growth.
	Saved int64 `json:"saved"`
}

// VerifiedVariant is one variant before and after.
type VerifiedVariant struct {
	Name   string  `json:"name"`
	Before Outcome `json:"before"`
	After  Outcome `json:"after"`
	// Predicted is the predicted saving, Saved the actual one, in bytes on disk.
	Predicted Saving `json:"predicted"`
	Saved     int64  `json:"saved"`
	// SecondsBefore and SecondsAfter are the start-up times of the first command,
	// nil where it did not run in both.
	SecondsBefore *float64 `json:"seconds_before,omitempty"`
	SecondsAfter  *float64 `json:"seconds_after,omitempty"`
	// Slower are the starts that are clearly slower after, in repeated runs.
	Slower []SlowerStart `json:"slower,omitempty"`
	// Rows say where the difference is.
	Rows []CompareRow `json:"rows,omitempty"`
}

// SlowerStart is how long a start takes before and after: the medians of repeated
// runs, in seconds.
type SlowerStart struct {
	Start  string  `json:"start"`
	Before float64 `json:"before"`
	After  float64 `json:"after"`
	// CPUBefore and CPUAfter are the times that processors worked, of all together,
	// nil where that is not known. They decide whether a start is slower.
	CPUBefore *float64 `json:"cpu_before,omitempty"`
	CPUAfter  *float64 `json:"cpu_after,omitempty"`
}

// String is "start-up of CMD 2.3 → 3.2 s (+39 %)", with hundredths below one second, or
// "start-up of CMD 2.1 → 3.0 s of CPU (+43 %), 2.3 → 3.2 s in all".
func (s SlowerStart) String() string {
	digits := func(n float64) string {
		if n < 1 {
			return fmt.Sprintf("%.2f", n)
		}
		return fmt.Sprintf("%.1f", n)
	}
	pair := func(before, after float64, of string) string {
		out := fmt.Sprintf("%s → %s s%s", digits(before), digits(after), of)
		if before > 0 {
			out += fmt.Sprintf(" (%+.0f %%)", (after-before)*100/before)
		}
		return out
	}
	out := "start-up of " + s.Start + " "
	if s.CPUBefore == nil || s.CPUAfter == nil {
		return out + pair(s.Before, s.After, "")
	}
	return out + pair(*s.CPUBefore, *s.CPUAfter, " of CPU") + fmt.Sprintf(", %s → %s s in all", digits(s.Before), digits(s.After))
}

// Outcome is how one image came out.
type Outcome struct {
	Sizes Sizes `json:"sizes"`
	// Build is "built", "failed" or "skipped", Verdict "runs", "fails" or
	// "unknown"; it runs only where that was seen. Problem is the first thing
	// that is wrong.
	Build   BuildStatus `json:"build"`
	Verdict Verdict     `json:"verdict"`
	Problem string      `json:"problem,omitempty"`
	// Start says how the image's own start went, or why it was not run.
	Start string `json:"start,omitempty"`
	// Requests are what the start answered to the paths that the project names.
	Requests []RequestRun `json:"requests,omitempty"`
	// Passed and Commands count the commands that passed, and all.
	Passed   int `json:"passed"`
	Commands int `json:"commands"`
	// Ready is its time to ready, nil where that was not measured.
	Ready *Ready `json:"ready,omitempty"`
}
