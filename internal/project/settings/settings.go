// Package settings has what a project says about its gate, in whittle.yaml or in
// [tool.whittle] of pyproject.toml: budgets, the baseline, and what is ignored.
package settings

import (
	"fmt"
	"math"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"

	"whittle.dev/whittle"
)

// Gate is the key "gate".
type Gate struct {
	// Baseline is an image ("registry:…"), a file, "git:REF" for the baseline file
	// at a commit, or "none"; empty is the project's own file, where there is one.
	Baseline string   `yaml:"baseline"`
	Budgets  []Budget `yaml:"budgets"`
	// Check is "runs" (the default: an image that does not run fails), "unknown-too"
	// or "off".
	Check    string   `yaml:"check"`
	Findings Findings `yaml:"findings"`
	// Informational says that nothing fails: what would is a warning.
	Informational bool `yaml:"informational"`
	// Notes say what of the configuration does not count.
	Notes []string `yaml:"-"`
}

// Findings say which findings fail the gate, and which are warnings.
type Findings struct {
	Fail Threshold `yaml:"fail"`
	Warn Threshold `yaml:"warn"`
}

// Threshold selects findings: those of at most a risk that save at least so many
// bytes. The zero value selects none.
type Threshold struct {
	Risk  whittle.Risk `yaml:"risk"`
	Saves Bytes        `yaml:"saves"`
}

// Zero says that the threshold is not set.
func (t Threshold) Zero() bool { return t == Threshold{} }

// Selects says whether a finding is meant.
func (t Threshold) Selects(f *whittle.Finding) bool {
	if t.Zero() {
		return false
	}
	return (t.Risk == "" || f.Risk.AtMost(t.Risk)) && (f.Breaks || f.Saving.Low >= int64(t.Saves))
}

// Unit is what a budget counts.
type Unit string

// The units.
const (
	UnitBytes   Unit = "bytes"
	UnitCount   Unit = "count"
	UnitSeconds Unit = "seconds"
)

// On is what a budget is about.
type On string

// What budgets are about.
const (
	OnDownload   On = "download"
	OnSize       On = "size"
	OnWasted     On = "wasted"
	OnLayers     On = "layers"
	OnFiles      On = "files"
	OnStartup    On = "startup"
	OnBuild      On = "build"
	OnPackage    On = "package"
	OnDirectory  On = "directory"
	OnNewPackage On = "new-package"
)

// subject is what a budget may be about.
type subject struct {
	on   On
	unit Unit
	keys []string
}

// subjects are what budgets may be about, with the unit and the keys that each takes
// beside "on".
var subjects = []subject{
	{OnDownload, UnitBytes, []string{"max", "grow", "grow_min", "except"}},
	{OnSize, UnitBytes, []string{"max", "grow", "grow_min", "except"}},
	{OnWasted, UnitBytes, []string{"max", "grow", "grow_min", "except"}},
	{OnLayers, UnitCount, []string{"max", "grow", "grow_min", "except"}},
	{OnFiles, UnitCount, []string{"max", "grow", "grow_min"}},
	{OnStartup, UnitSeconds, []string{"max", "grow", "grow_min"}},
	{OnBuild, UnitSeconds, []string{"max", "grow", "grow_min"}},
	{OnPackage, UnitBytes, []string{"name", "max", "grow", "grow_min"}},
	{OnDirectory, UnitBytes, []string{"path", "max", "grow", "grow_min"}},
	{OnNewPackage, UnitBytes, []string{"min"}},
}

// Subjects are the words that "on" may have.
func Subjects() []string {
	out := make([]string, len(subjects))
	for i, s := range subjects {
		out[i] = string(s.on)
	}
	return out
}

// Unit is what a budget on o counts.
func (o On) Unit() Unit {
	for _, s := range subjects {
		if s.on == o {
			return s.unit
		}
	}
	return UnitBytes
}

// Budget bounds one figure of an image: by Max, by its growth over the baseline, or
// both. A figure that equals its bound is within it.
type Budget struct {
	On On `yaml:"on"`
	// Name is the package's, Path the folder's.
	Name string `yaml:"name"`
	Path string `yaml:"path"`
	// Max is the largest value. Grow is the largest growth, a share ("1%") or an
	// amount; growth of at most GrowMin is allowed in any case.
	Max     *Amount `yaml:"max"`
	Grow    *Growth `yaml:"grow"`
	GrowMin *Amount `yaml:"grow_min"`
	// Min is the size from which on a new package counts.
	Min *Amount `yaml:"min"`
	// Except is "base": the base image's layers are not counted.
	Except string `yaml:"except"`
}

// String names what the budget is on: "size", "package pyarrow".
func (b Budget) String() string {
	s := string(b.On)
	if name := b.Name + b.Path; name != "" {
		s += " " + name
	}
	if b.Except != "" {
		s += " without the " + b.Except
	}
	return s
}

// Amount is a number of bytes, a count, or milliseconds, as the budget's unit is.
type Amount struct {
	text  string
	Value int64
}

// Growth is a bound of growth: a share of the baseline's figure, or an amount.
type Growth struct {
	// Share is the share, 0.01 for "1%"; it counts where Amount is nil.
	Share  float64
	Amount *Amount
}

// UnmarshalYAML keeps the text: what it means depends on the budget.
func (a *Amount) UnmarshalYAML(n *yaml.Node) error { return scalar(n, &a.text) }

// UnmarshalYAML reads a share, and keeps the text of an amount.
func (g *Growth) UnmarshalYAML(n *yaml.Node) error {
	var text string
	if err := scalar(n, &text); err != nil {
		return err
	}
	number, ok := strings.CutSuffix(strings.TrimSpace(text), "%")
	if !ok {
		g.Amount = &Amount{text: text}
		return nil
	}
	share, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
	if err != nil || !(share >= 0 && share <= 1e6) {
		return fmt.Errorf("%q is no share such as 1%%", text)
	}
	g.Share = share / 100
	return nil
}

// Bytes is a size that is written as "20MB", or as a number.
type Bytes int64

// UnmarshalYAML reads a size.
func (b *Bytes) UnmarshalYAML(n *yaml.Node) error {
	var text string
	if err := scalar(n, &text); err != nil {
		return err
	}
	v, err := whittle.ParseBytes(text)
	*b = Bytes(v)
	return err
}

func scalar(n *yaml.Node, to *string) error {
	if n.Kind != yaml.ScalarNode {
		return fmt.Errorf("a text or a number is wanted")
	}
	*to = n.Value
	return nil
}

// read sets the value of an amount in a unit.
func (a *Amount) read(u Unit) (err error) {
	if a == nil {
		return nil
	}
	switch text := strings.TrimSpace(a.text); u {
	case UnitBytes:
		if a.Value, err = whittle.ParseBytes(text); err != nil {
			return fmt.Errorf("%q: %w", text, err)
		}
	case UnitCount:
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil || n < 0 {
			return fmt.Errorf("%q is no whole number", text)
		}
		a.Value = n
	case UnitSeconds:
		if n, err := strconv.ParseFloat(text, 64); err == nil && n >= 0 && n < math.MaxInt32 {
			a.Value = int64(math.Round(n * 1000)) // seconds
			return nil
		}
		d, err := time.ParseDuration(strings.ReplaceAll(text, " ", ""))
		if err != nil || d < 0 {
			return fmt.Errorf("%q is no time such as 20s or 1.5s", text)
		}
		a.Value = d.Milliseconds()
	}
	return nil
}

// Ignore is an entry of "ignore", or a comment in a Dockerfile: findings that are
// known and accepted.
type Ignore struct {
	Rule string `yaml:"rule"`
	// Path and Package narrow it down to findings whose evidence is in the path (a
	// pattern with *, ** and ?), or about the package; empty is any.
	Path    string `yaml:"path"`
	Package string `yaml:"package"`
	Reason  string `yaml:"reason"`
	// Until is the last day on which it counts, 2027-03-01; empty is for ever.
	Until string `yaml:"until"`
	// Written is where a comment is, and Lines and Layers are those of its
	// instruction, to which it is narrowed down. Lines are the first and the last;
	// the zero value is any.
	Written whittle.Location `yaml:"-" json:"-"`
	Lines   [2]int           `yaml:"-" json:"-"`
	Layers  []int            `yaml:"-" json:"-"`
}

// Day reads Until; it is the zero time where there is none.
func (i *Ignore) Day() (time.Time, error) {
	if i.Until == "" {
		return time.Time{}, nil
	}
	day, err := time.Parse(time.DateOnly, i.Until)
	if err != nil {
		return time.Time{}, fmt.Errorf("until: %q is no day such as 2027-03-01", i.Until)
	}
	return day, nil
}

// Validate reads the amounts of a gate, and says what is wrong in one line without
// the file's name: "gate.budgets[1]: …".
func (g *Gate) Validate() error {
	if err := oneOf("gate.check", g.Check, "", "runs", "unknown-too", "off"); err != nil {
		return err
	}
	for i := range g.Budgets {
		if err := g.Budgets[i].validate(); err != nil {
			return prefixed{fmt.Sprintf("gate.budgets[%d]", i), err}
		}
	}
	for key, t := range map[string]Threshold{"gate.findings.fail": g.Findings.Fail, "gate.findings.warn": g.Findings.Warn} {
		if err := oneOf(key+".risk", string(t.Risk), "", "none", "low", "medium", "high"); err != nil {
			return err
		}
	}
	return nil
}

// prefixed is an error with the key before it, whose hint stays.
type prefixed struct {
	key string
	error
}

func (p prefixed) Error() string { return p.key + ": " + p.error.Error() }
func (p prefixed) Unwrap() error { return p.error }

func oneOf(key, is string, words ...string) error {
	if slices.Contains(words, is) {
		return nil
	}
	words = slices.DeleteFunc(slices.Clone(words), func(w string) bool { return w == "" })
	all := strings.Join(words, ", ")
	return whittle.WithHint(whittle.ErrUsage.Errorf("%s is %q, and one of %s is wanted", key, whittle.Shorten(is, 40), all), whittle.DidYouMean(is, words, "write one of "+all))
}

func (b *Budget) validate() error {
	i := slices.IndexFunc(subjects, func(s subject) bool { return s.on == b.On })
	if i < 0 {
		return oneOf("on", string(b.On), Subjects()...)
	}
	s := subjects[i]
	if err := b.allowed(s.keys); err != nil {
		return err
	}
	var growth *Amount
	if b.Grow != nil {
		growth = b.Grow.Amount
	}
	for key, a := range map[string]*Amount{"max": b.Max, "min": b.Min, "grow_min": b.GrowMin, "grow": growth} {
		if err := a.read(s.unit); err != nil {
			return whittle.ErrUsage.Errorf("%s: %w", key, err)
		}
	}
	return nil
}

// allowed says whether the budget has the keys that its subject needs, and no other.
func (b *Budget) allowed(keys []string) error {
	has := map[string]bool{"name": b.Name != "", "path": b.Path != "", "max": b.Max != nil, "grow": b.Grow != nil, "grow_min": b.GrowMin != nil, "min": b.Min != nil, "except": b.Except != ""}
	for _, key := range []string{"name", "path", "max", "grow", "grow_min", "min", "except"} {
		switch {
		case has[key] && !slices.Contains(keys, key):
			return whittle.WithHint(whittle.ErrUsage.Errorf("a budget on %s has no %s", b.On, key), "its keys are on, "+strings.Join(keys, ", "))
		case !has[key] && (key == "name" || key == "path" || key == "min") && slices.Contains(keys, key):
			return whittle.WithHint(whittle.ErrUsage.Errorf("a budget on %s needs %s", b.On, key), fmt.Sprintf("write {on: %s, %s: …}", b.On, key))
		}
	}
	switch {
	case slices.Contains(keys, "max") && b.Max == nil && b.Grow == nil:
		return whittle.WithHint(whittle.ErrUsage.Errorf("a budget on %s bounds nothing", b.On), "give it max, or grow")
	case b.GrowMin != nil && b.Grow == nil:
		return whittle.WithHint(whittle.ErrUsage.Errorf("grow_min has no effect without grow"), "add grow, such as 1%")
	case b.Except != "" && b.Except != "base":
		return oneOf("except", b.Except, "base")
	case b.Path != "" && !path.IsAbs(b.Path):
		return whittle.WithHint(whittle.ErrUsage.Errorf("path: %q is no folder of the image", b.Path), "begin it with /")
	}
	return nil
}

// ValidateIgnores says what is wrong with entries of "ignore", as [Gate.Validate]
// does. Whether there is such a rule is for the caller to say.
func ValidateIgnores(all []Ignore) error {
	for n := range all {
		i := &all[n]
		key := fmt.Sprintf("ignore[%d]", n)
		if i.Rule == "" {
			return whittle.WithHint(whittle.ErrUsage.Errorf("%s: it names no rule", key), "whittle advise --rules lists them")
		}
		if strings.TrimSpace(i.Reason) == "" {
			return whittle.WithHint(whittle.ErrUsage.Errorf("%s: ignoring %s has no reason", key, i.Rule), `add reason: "why it is accepted"`)
		}
		if _, err := i.Day(); err != nil {
			return whittle.ErrUsage.Errorf("%s: %w", key, err)
		}
	}
	return nil
}

// Hides says whether an entry is about a finding.
func (i *Ignore) Hides(f *whittle.Finding) bool {
	if i.Rule != f.Rule || i.Written.Line > 0 && !slices.ContainsFunc(f.Evidence, i.at) {
		return false
	}
	if i.Path != "" && !slices.ContainsFunc(f.Evidence, func(e whittle.Evidence) bool {
		return matches(i.Path, e.Path) || matches(i.Path, e.File)
	}) {
		return false
	}
	return i.Package == "" || slices.ContainsFunc(f.Evidence, func(e whittle.Evidence) bool {
		return slices.Contains(strings.FieldsFunc(strings.ToLower(e.What+" "+path.Base(e.Path)), func(r rune) bool { return strings.ContainsRune(" ,()/=", r) }), strings.ToLower(i.Package))
	})
}

// at says that evidence is at the comment's instruction: at its lines, or in its layers.
func (i *Ignore) at(e whittle.Evidence) bool {
	if e.File != "" {
		return e.File == i.Written.Path && e.Line >= i.Lines[0] && e.Line <= i.Lines[1]
	}
	return slices.Contains(i.Layers, e.Layer)
}

// Sift leaves out the findings that are ignored on a day, and says what each entry did.
func Sift(found []whittle.Finding, ignores []Ignore, today time.Time) (kept []whittle.Finding, rows []whittle.Ignored) {
	for _, e := range ignores {
		day, _ := e.Day() // it was validated
		rows = append(rows, whittle.Ignored{Rule: e.Rule, Reason: e.Reason, Until: e.Until, File: e.Written.Path, Line: e.Written.Line,
			Expired: !day.IsZero() && today.Format(time.DateOnly) > day.Format(time.DateOnly)})
	}
	kept = []whittle.Finding{}
	for _, f := range found {
		hidden := false
		for i := range ignores {
			if ignores[i].Hides(&f) {
				hidden = hidden || !rows[i].Expired
				rows[i].Findings++
			}
		}
		if !hidden {
			kept = append(kept, f)
		}
	}
	return kept, rows
}

// matches says whether a path, or a folder that it lies in, matches a pattern: * and ?
// stop at a slash, ** does not.
func matches(pattern, name string) bool {
	if name == "" {
		return false
	}
	p, n := strings.Split(strings.Trim(pattern, "/"), "/"), strings.Split(strings.Trim(name, "/"), "/")
	// reached has for each number of matched parts of the pattern whether the parts of
	// the name so far can be matched by them.
	reached := make([]bool, len(p)+1)
	reached[0] = true
	skip := func() {
		for k := range p {
			if reached[k] && p[k] == "**" {
				reached[k+1] = true
			}
		}
	}
	skip()
	for _, part := range n {
		if reached[len(p)] {
			return true // a folder that it lies in
		}
		next := make([]bool, len(p)+1)
		for k := range p {
			if !reached[k] {
				continue
			}
			if p[k] == "**" {
				next[k] = true
			} else if ok, err := path.Match(p[k], part); ok && err == nil {
				next[k+1] = true
			}
		}
		reached = next
		skip()
	}
	return reached[len(p)]
}
