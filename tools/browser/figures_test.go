package main

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode"
)

// The results as JSON, as far as reports show them. They are read here by their
// names in the schemas, and not by the types that wrote them.
type (
	sizes struct {
		Download              *int64
		Size, Visible, Wasted int64
	}
	inspection struct {
		Image  struct{ Ref string }
		Sizes  sizes
		Layers []struct {
			Index        int
			Size, Wasted int64
			Download     *int64
		}
		Packages []struct {
			Name      string
			Visible   int64
			Retained  *int64
			Requested bool
		}
	}
	saving  struct{ Low, High int64 }
	finding struct {
		Rule, Variant, Risk, Severity string
		Saving                        saving
		Breaks                        bool
	}
	ready struct {
		Totals []struct{ Total float64 }
	}
	study struct {
		Variants []struct {
			Name  string
			Build struct {
				Status  string
				Image   string
				Seconds float64
			}
			Change *struct {
				Size    int64
				Percent float64
			}
			Download struct{ Gzip *int64 }
			Inspect  *inspection
			Run      struct {
				Status  string
				Seconds *float64
			}
			Ready *ready
		}
		Findings  []finding
		Forecasts []struct {
			Strategy             string
			Predicted, Low, High int64
			Actual               *int64
			Ready                *ready
		}
		Best *struct {
			Sizes, Original sizes
			Percent         float64
		}
		Repair *struct {
			Steps []struct {
				Finding finding
				Status  string
				Saved   *int64
			}
			Verified *struct {
				Variants []struct {
					Name          string
					Before, After struct{ Sizes sizes }
				}
				Rounds []struct {
					Round     int
					Variant   string
					Rules     []string
					Predicted saving
					Saved     int64
				}
			}
		}
	}
	comparison struct {
		Images []struct {
			Ref   string
			Sizes sizes
		}
		Delta struct{ Visible, Wasted int64 }
		Rows  []struct {
			Owner        string
			VisibleDelta int64 `json:"visible_delta"`
			WastedDelta  int64 `json:"wasted_delta"`
		}
	}
)

// table has the texts of a table's cells.
func (p *tab) table(expression string) [][]string {
	p.Helper()
	return get[[][]string](p, `(t => t ? [...t.tBodies[0].rows].map(r => [...r.cells].map(c => c.textContent.trim())) : [])(%s)`, expression)
}

// holdSize fails where a text is not a size; where is what it is about.
func (p *tab) holdSize(where, text string, bytes int64) {
	p.Helper()
	if !shows(text, bytes) {
		p.Errorf("%s: %q is shown, the JSON has %d", where, text, bytes)
	}
}

func (p *tab) holdOptional(where, text string, bytes *int64) {
	p.Helper()
	if bytes == nil {
		if shows(text, 0) {
			p.Errorf("%s: %q is shown, the JSON has none", where, text)
		}
		return
	}
	p.holdSize(where, text, *bytes)
}

// showsRange says whether a text is a range of sizes: "12.3–15.0 MB".
func showsRange(text string, r saving) bool {
	if r.High <= 0 && r.Low < 0 {
		less, ok := strings.CutSuffix(text, " larger")
		return ok && showsRange(less, saving{-r.High, -r.Low})
	}
	if m := regexp.MustCompile(`^(.+) less to (.+) more$`).FindStringSubmatch(text); m != nil {
		return shows(m[1], r.High) && shows(m[2], -r.Low)
	}
	text = strings.TrimPrefix(text, "about ")
	low, high, ok := strings.Cut(text, "–")
	if !ok {
		return shows(text, r.Low) && shows(text, r.High)
	}
	if !strings.Contains(low, " ") {
		low += high[strings.LastIndexByte(high, ' '):]
	}
	return shows(low, r.Low) && shows(high, r.High)
}

func TestShowsRange(t *testing.T) {
	for _, c := range []struct {
		text string
		r    saving
		want bool
	}{{"5.0 MB", saving{5e6, 5e6}, true}, {"5.0–6.0 MB", saving{5e6, 6e6}, true}, {"900.0 kB–1.2 MB", saving{9e5, 12e5}, true}, {"5.0–6.0 MB", saving{5e6, 7e6}, false}, {"1.0 MB larger", saving{-1e6, -1e6}, true},
		{"2.0 MB less to 1.0 kB more", saving{-1e3, 2e6}, true}, {"5.0 MB", saving{1e6, 5e6}, false}} {
		if got := showsRange(c.text, c.r); got != c.want {
			t.Errorf("%q for %v: %v", c.text, c.r, got)
		}
	}
}

// fact is the text of a figure of the head.
func (p *tab) fact(name string) string {
	p.Helper()
	return get[string](p, `([...document.querySelectorAll('.facts div')].find(d => d.querySelector('dt').textContent === %s)?.querySelector('dd').textContent || '').trim()`, quote(name))
}

// fields are the sizes in a text.
func fields(text string) []string {
	return regexp.MustCompile(`[+−-]?[0-9]+(\.[0-9]+)? [kMG]?B\b`).FindAllString(text, -1)
}

func (p *tab) holdFact(name string, want ...int64) {
	p.Helper()
	got := fields(p.fact(name))
	if len(got) < len(want) {
		p.Errorf("%s is %q", name, p.fact(name))
		return
	}
	for i, w := range want {
		p.holdSize(name, got[i], w)
	}
}

// TestFigures: each figure of a report is the JSON's.
func TestFigures(t *testing.T) {
	t.Run("inspection", func(t *testing.T) {
		for _, name := range []string{"known", "hostile", "files-40000", "files-500000"} {
			p, e := report(t, name), expected(t, name)
			var in inspection
			decode(t, filepath.Join(reports, name+".json"), &in)
			p.holdFact("Size", in.Sizes.Size)
			if in.Sizes.Download != nil {
				p.holdFact("Download", *in.Sizes.Download)
			} else if got := p.fact("Download"); got != "not known" {
				t.Errorf("the download is %q", got)
			}
			p.holdFact("Wasted", in.Sizes.Wasted)
			p.holdLayers(`document.querySelector('#layers table')`, &in)
			p.holdNeeds(&in)
			p.holdGroups(e)
		}
	})
	t.Run("known", func(t *testing.T) { // in figures that a person has added up
		p := report(t, "known")
		if got := p.fact("Size") + "; " + p.fact("Wasted"); !strings.HasPrefix(got, "21.8 MB") || !strings.Contains(got, "; 5.0 MB") || !strings.Contains(got, "23 %") {
			t.Errorf("size and wasted are %q", got)
		}
		tree := get[string](p, `document.querySelector('#requirements .tree').textContent`)
		for _, want := range []string{"6.4 MB  shop 1.0, itself 12.2 kB; without it 15.3 MB", "2.5 MB  unneeded 1.0; without it 19.3 MB", "because of shop → heavy → deep"} {
			if !strings.Contains(strings.Join(strings.Fields(tree), " "), strings.Join(strings.Fields(want), " ")) {
				t.Errorf("%q is not in %q", want, tree)
			}
		}
	})
	t.Run("advice", func(t *testing.T) {
		p := report(t, "advice")
		var advice struct {
			Findings []finding
			Total    saving
		}
		decode(t, filepath.Join(reports, "advice.json"), &advice)
		p.holdFindings(advice.Findings)
		if got := p.fact("Can go"); !showsRange(strings.TrimSpace(strings.TrimSuffix(got, fmt.Sprintf("%d findings", len(advice.Findings)))), advice.Total) {
			t.Errorf("the findings save %q together, the JSON has %v", got, advice.Total)
		}
	})
	t.Run("comparison", func(t *testing.T) {
		p := report(t, "comparison")
		var c comparison
		decode(t, filepath.Join(reports, "comparison.json"), &c)
		p.holdComparison(&c)
	})
	t.Run("study", func(t *testing.T) {
		p := report(t, "study")
		p.holdStudy(filepath.Join(reports, "study.json"))
	})
}

// holdLayers compares the table of layers.
func (p *tab) holdLayers(table string, in *inspection) {
	p.Helper()
	rows := p.table(table)
	if len(rows) != len(in.Layers) {
		p.Fatalf("%d rows for %d layers", len(rows), len(in.Layers))
	}
	for i, l := range in.Layers {
		where := fmt.Sprintf("layer %d", l.Index)
		if rows[i][0] != strconv.Itoa(l.Index) {
			p.Errorf("%s is row %q", where, rows[i])
		}
		p.holdSize(where, rows[i][1], l.Size)
		p.holdSize(where, rows[i][3], l.Wasted)
		p.holdOptional(where, rows[i][4], l.Download)
	}
}

// holdNeeds compares the tree of requirements.
func (p *tab) holdNeeds(in *inspection) {
	p.Helper()
	type need struct{ Name, Retained, Text string }
	shown := get[[]need](p, `[...document.querySelectorAll('#requirements .tree li')].map(li => { const s = li.querySelector('summary, .leaf'); return {Name: s.querySelector('strong').textContent, Retained: s.querySelector('.n').textContent, Text: s.textContent}; })`)
	n := 0
	for _, q := range in.Packages {
		if q.Retained == nil {
			continue
		}
		n++
		i := slices.IndexFunc(shown, func(s need) bool {
			return s.Name == q.Name || strings.ContainsFunc(q.Name, func(r rune) bool { return !unicode.IsPrint(r) || r == unicode.ReplacementChar }) && shows(s.Retained, *q.Retained)
		})
		if i < 0 {
			p.Errorf("%s is not among the requirements", q.Name)
			continue
		}
		p.holdSize(q.Name, shown[i].Retained, *q.Retained)
		own := q.Visible
		if m := regexp.MustCompile(`, itself ([^;]+);`).FindStringSubmatch(shown[i].Text); m != nil {
			p.holdSize(q.Name+" itself", m[1], own)
		} else if own != *q.Retained {
			p.Errorf("%s has itself %d, which is not in %q", q.Name, own, shown[i].Text)
		}
		if m := regexp.MustCompile(`without it ([0-9.]+ [kMG]?B)`).FindStringSubmatch(shown[i].Text); m != nil {
			p.holdSize("without "+q.Name, m[1], in.Sizes.Size-*q.Retained)
		} else {
			p.Errorf("%q does not say what is without it", shown[i].Text)
		}
	}
	if n != len(shown) {
		p.Errorf("%d requirements are shown, the JSON has %d", len(shown), n)
	}
}

// holdGroups compares the tables of an image's bytes by a key with package view.
func (p *tab) holdGroups(e expectation) {
	p.Helper()
	for key, want := range e.Groups {
		rows := p.table(fmt.Sprintf(`[...document.querySelectorAll('#treemap details.group')].find(d => d.querySelector('summary').textContent === %s)?.querySelector('table')`, quote("By "+key)))
		if len(rows) < min(len(want), 40) {
			p.Errorf("by %s: %d rows, want %d", key, len(rows), len(want))
			continue
		}
		var left sum
		for i, w := range want {
			if i >= 40 || i >= len(rows) {
				left.Size, left.Wasted, left.Files = left.Size+w.Size, left.Wasted+w.Wasted, left.Files+w.Files
				continue
			}
			r := rows[i]
			if r[0] != strings.TrimSpace(w.Name) || !shows(r[1], w.Size) || !shows(r[4], w.Wasted) || !counts(r[5], w.Files) {
				p.Errorf("by %s: %q is shown, want %+v", key, r, w)
			}
		}
		if len(want) > 40 {
			if r := rows[len(rows)-1]; len(rows) != 41 || !shows(r[1], left.Size) || !shows(r[4], left.Wasted) || !counts(r[5], left.Files) {
				p.Errorf("by %s: the others are %q, want %+v", key, r, left)
			}
		}
	}
}

// holdFindings compares the list of findings.
func (p *tab) holdFindings(want []finding) {
	p.Helper()
	type row struct{ Rule, Risk, Variant, Saving string }
	rows := get[[]row](p, `[...document.querySelectorAll('details.finding')].map(d => ({Rule: d.dataset.rule, Risk: d.dataset.risk, Variant: d.dataset.variant, Saving: d.querySelector('summary .n').textContent}))`)
	if len(rows) != len(want) {
		p.Errorf("%d findings are shown, the JSON has %d", len(rows), len(want))
	}
	for _, f := range want {
		i := slices.IndexFunc(rows, func(r row) bool {
			return r.Rule == f.Rule && r.Variant == f.Variant && r.Risk == f.Risk && (f.Breaks || showsRange(r.Saving, f.Saving))
		})
		if i < 0 {
			p.Errorf("%+v is not in %v", f, rows)
			continue
		}
		rows = slices.Delete(rows, i, i+1)
	}
}

func (p *tab) holdComparison(c *comparison) {
	p.Helper()
	tables := `[...document.querySelectorAll('#comparison table')]`
	images := p.table(tables + `.find(t => t.tHead.rows[0].cells[0].textContent === 'Image')`)
	if len(images) != len(c.Images) || len(images) < 2 {
		p.Fatalf("%d images are shown of %d", len(images), len(c.Images))
	}
	for i, image := range c.Images {
		p.holdSize(image.Ref, images[i][1], image.Sizes.Size)
		p.holdSize(image.Ref, images[i][2], image.Sizes.Visible)
		p.holdSize(image.Ref, images[i][3], image.Sizes.Wasted)
		p.holdOptional(image.Ref, images[i][4], image.Sizes.Download)
	}
	first, last := c.Images[0].Sizes, c.Images[len(c.Images)-1].Sizes
	p.holdFact("Size", first.Size, last.Size)
	p.holdFact("Wasted", first.Wasted, last.Wasted)
	rows := p.table(tables + `.find(t => t.tHead.rows[0].cells[0].textContent === 'What')`)
	if len(rows) != len(c.Rows)+1 {
		p.Fatalf("%d rows are shown of %d", len(rows), len(c.Rows))
	}
	for i, r := range c.Rows {
		p.holdSize(r.Owner, rows[i][3], r.VisibleDelta)
		p.holdSize(r.Owner, rows[i][4], r.WastedDelta)
	}
	p.holdSize("all", rows[len(c.Rows)][3], c.Delta.Visible)
	p.holdSize("all", rows[len(c.Rows)][4], c.Delta.Wasted)
}

// holdStudy compares a study's report with its JSON.
func (p *tab) holdStudy(file string) {
	p.Helper()
	var s study
	decode(p.T, file, &s)
	rows := p.table(`document.querySelectorAll('#variants table')[0]`)
	if len(rows) != len(s.Variants) || len(rows) == 0 {
		p.Fatalf("%d variants are shown of %d", len(rows), len(s.Variants))
	}
	layers := 0
	for i, v := range s.Variants {
		r := rows[i]
		if r[0] != v.Name {
			p.Errorf("%s is shown as %s", v.Name, r[0])
		}
		if v.Inspect == nil {
			if !strings.HasPrefix(r[1], v.Build.Status) {
				p.Errorf("%s was not built: %q", v.Name, r)
			}
			continue
		}
		p.holdSize(v.Name, r[1], v.Inspect.Sizes.Size)
		p.holdSize(v.Name, r[3], v.Inspect.Sizes.Visible)
		p.holdSize(v.Name, r[4], v.Inspect.Sizes.Wasted)
		if v.Change != nil {
			size, percent, _ := strings.Cut(r[5], ", ")
			p.holdSize(v.Name+" change", size, v.Change.Size)
			p.holdNumber(v.Name+" change", percent, v.Change.Percent, " %", 1)
		}
		p.holdOptional(v.Name+" download", r[6], v.Download.Gzip)
		if v.Build.Image == "" {
			p.holdNumber(v.Name+" build", r[7], v.Build.Seconds, " s", 1)
		}
		if v.Run.Seconds != nil {
			p.holdNumber(v.Name+" start", r[8], *v.Run.Seconds, " s", 2)
		}
		p.holdReady(v.Name, r[9], v.Ready)
		if v.Run.Status == "runs" != strings.Contains(r[10], "✓") {
			p.Errorf("%s %s, shown is %q", v.Name, v.Run.Status, r[10])
		}
		p.holdLayers(fmt.Sprintf(`document.querySelectorAll('#layers table:not(.text)')[%d]`, layers), v.Inspect)
		layers++
	}
	strategies := p.table(`document.querySelectorAll('#variants table')[1]`)
	if len(strategies) != len(s.Forecasts) {
		p.Errorf("%d strategies are shown of %d", len(strategies), len(s.Forecasts))
	}
	for i, f := range s.Forecasts[:min(len(s.Forecasts), len(strategies))] {
		r := strategies[i]
		p.holdSize(f.Strategy, r[2], f.Predicted)
		p.holdSize(f.Strategy, r[3], f.Low)
		p.holdSize(f.Strategy, r[4], f.High)
		p.holdOptional(f.Strategy, r[5], f.Actual)
		p.holdReady(f.Strategy, r[6], f.Ready)
	}
	p.holdFindings(s.Findings)
	if s.Best != nil {
		p.holdFact("Size", s.Best.Original.Size, s.Best.Sizes.Size)
	}
	p.holdRounds(&s)
}

// holdReady compares the time to ready at the first bandwidth.
func (p *tab) holdReady(where, text string, want *ready) {
	p.Helper()
	if want == nil || len(want.Totals) == 0 {
		if text != "" {
			p.Errorf("%s is ready after %q, the JSON has no time", where, text)
		}
		return
	}
	first, _, _ := strings.Cut(text, " at ")
	p.holdNumber(where+" ready", first, want.Totals[0].Total, " s", 1)
}

// holdRounds compares the waterfalls, whose bars lead from before to after.
func (p *tab) holdRounds(s *study) {
	p.Helper()
	if s.Repair == nil || s.Repair.Verified == nil {
		return
	}
	shown := 0
	for _, v := range s.Repair.Verified.Variants {
		if v.Before.Sizes.Size == 0 || v.After.Sizes.Size == 0 {
			continue
		}
		rows := p.table(fmt.Sprintf(`document.querySelectorAll('#waterfall table')[%d]`, shown))
		shown++
		if len(rows) < 2 {
			p.Errorf("%s has no waterfall", v.Name)
			continue
		}
		p.holdSize(v.Name+" before", rows[0][4], v.Before.Sizes.Size)
		p.holdSize(v.Name+" after", rows[len(rows)-1][4], v.After.Sizes.Size)
		for _, round := range s.Repair.Verified.Rounds {
			if round.Variant == v.Name && !slices.ContainsFunc(rows, func(r []string) bool { return shows(r[2], round.Saved) && showsRange(r[3], round.Predicted) }) {
				p.Errorf("%s: round %+v is not in %v", v.Name, round, rows)
			}
		}
	}
	for _, step := range s.Repair.Steps {
		if step.Saved == nil {
			continue
		}
		texts := get[[]string](p, `[...document.querySelectorAll('details.finding')].filter(d => d.dataset.rule === %s && d.dataset.variant === %s).map(d => d.textContent.match(/actual ([^,]+?)\.(?!\d)/)?.[1] || '')`, quote(step.Finding.Rule), quote(step.Finding.Variant))
		if len(texts) > 0 && !slices.ContainsFunc(texts, func(text string) bool { return shows(text, *step.Saved) }) {
			p.Errorf("%s saved %d, shown is %q", step.Finding.Rule, *step.Saved, texts)
		}
	}
}

// holdNumber compares a number with some digits and a unit.
func (p *tab) holdNumber(where, text string, want float64, unit string, digits int) {
	p.Helper()
	n, err := strconv.ParseFloat(strings.Replace(strings.TrimSuffix(text, unit), "−", "-", 1), 64)
	if err != nil || !strings.HasSuffix(text, unit) || math.Abs(n-want) > 0.5000001*math.Pow(0.1, float64(digits)) {
		p.Errorf("%s: %q is shown, the JSON has %g", where, text, want)
	}
}

// TestStudies holds the reports of true studies to their JSON: WHITTLE_STUDIES
// names the folders, with spaces between them.
func TestStudies(t *testing.T) {
	dirs := strings.Fields(os.Getenv("WHITTLE_STUDIES"))
	if len(dirs) == 0 {
		t.Skip("WHITTLE_STUDIES names no folders of studies")
	}
	for _, dir := range dirs {
		t.Run(filepath.Base(dir), func(t *testing.T) {
			p := open(t, fileURL(t, filepath.Join(dir, "report.html")))
			p.holdStudy(filepath.Join(dir, "report.json"))
			p.exercise()
			p.quiet()
			p.scan()
			if info, err := os.Stat(filepath.Join(dir, "report.html")); err != nil || info.Size() > 3_000_000 {
				t.Errorf("%v, %v", info, err)
			}
		})
	}
}
