package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/report/page"
)

// aCause is what several problems have in common: one missing module, or one
// distribution that nothing declares, wherever it shows.
type aCause struct {
	problems []whittle.Problem
}

// causesOf groups problems by what is to be done about: a module that is
// missing is one cause, however many lines import it, and so is a distribution
// of which several modules are. The order is that of their first problems.
func causesOf(problems []whittle.Problem) []aCause {
	type key struct {
		severity    whittle.Severity
		rule, thing string
	}
	at := map[key]int{}
	var out []aCause
	for i, p := range problems {
		k := key{p.Severity, p.Rule, cmp.Or(p.Distribution, p.Module)}
		if k.thing == "" || p.Name != "" {
			k.thing = fmt.Sprint("\x00", i)
		}
		n, ok := at[k]
		if !ok {
			n = len(out)
			at[k] = n
			out = append(out, aCause{})
		}
		out[n].problems = append(out[n].problems, p)
	}
	return out
}

func (c aCause) first() *whittle.Problem { return &c.problems[0] }

// spots are all places where the cause shows.
func (c aCause) spots() []whittle.Location {
	var out []whittle.Location
	for i := range c.problems {
		out = append(out, c.problems[i].Spots()...)
	}
	return out
}

// starts are those that the cause is reached from, each once.
func (c aCause) starts() []string {
	var out []string
	for i := range c.problems {
		for _, s := range c.problems[i].Starts() {
			if !slices.Contains(out, s) {
				out = append(out, s)
			}
		}
	}
	return out
}

// inProduction says whether something that production starts shows the cause,
// or the whole image does.
func (c aCause) inProduction() bool {
	starts := c.starts()
	return len(starts) == 0 || slices.ContainsFunc(starts, func(s string) bool { return !strings.HasPrefix(s, "console script ") })
}

// shownBy says whether a run's problem is this cause: it names one of its
// modules and one of its places.
func (c aCause) shownBy(problem string) bool {
	for i := range c.problems {
		p := &c.problems[i]
		if p.Module == "" || !strings.Contains(problem, p.Module) {
			continue
		}
		if slices.ContainsFunc(p.Spots(), func(at whittle.Location) bool { return at.Path != "" && strings.Contains(problem, "("+lineOf(at)+")") }) {
			return true
		}
	}
	return false
}

// things are what is missing: the modules' names, those of one distribution
// together.
func (c aCause) things() string {
	const most = 3
	var names []string
	for _, p := range c.problems {
		name, _, ok := strings.Cut(p.Message, " is imported by ")
		if !ok {
			name = p.Module
		}
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	if rest := len(names) - most; rest > 0 {
		names = append(names[:most], fmt.Sprintf("%d more", rest))
	}
	return strings.Join(names, ", ")
}

// entry is a cause on a few lines: "rich: src/commands/anonymize.py:5–8 and 2
// more files", why, and what to do. whole adds the way to it and all its places.
func (c aCause) entry(whole bool) page.Entry {
	p := c.first()
	at := placesLine(c.spots())
	e := page.Entry{Title: p.Rule + ": " + p.Message}
	if why := reasonOf(p); p.Module != "" && at != "" {
		e.Title = c.things() + ": " + at
		e.Text = cmp.Or(why, p.Message) + " (" + p.Rule + ")"
	} else if len(p.Places) > 0 {
		e.Title = p.Rule + ": " + at
		e.Text = p.Message
	}
	if p.Fix != "" && !strings.HasSuffix(p.Message, p.Fix) {
		e.Text = strings.TrimPrefix(e.Text+". To do: "+p.Fix, ". ")
	}
	if !whole {
		return e
	}
	if len(p.ReachedFrom) > 1 {
		e.Notes = append(e.Notes, "Reached by "+strings.Join(p.ReachedFrom, " → "))
	}
	if spots := c.spots(); len(spots) > 1 {
		for _, s := range spots {
			e.Places = append(e.Places, page.Place{Path: lineOf(s), What: s.Module})
		}
	}
	return e
}

// reasonOf is what a message says behind what is imported where, which an entry
// says before it: "nothing declares rich; declare rich>=13,<14". It is empty for
// messages of another form.
func reasonOf(p *whittle.Problem) string {
	_, rest, ok := strings.Cut(p.Message, fmt.Sprintf(" is imported by %s:%d", p.Path, p.Line))
	if !ok {
		return ""
	}
	if strings.HasPrefix(rest, ", reached from ") {
		if _, rest, ok = strings.Cut(rest, "; "); !ok {
			return ""
		}
	}
	rest = strings.TrimLeft(rest, ",; ")
	if strings.HasPrefix(rest, "when ") {
		return "imported " + rest
	}
	return rest
}

func lineOf(at whittle.Location) string {
	if at.Line > 0 {
		return fmt.Sprintf("%s:%d", at.Path, at.Line)
	}
	return at.Path
}

// placesLine names the first file with its lines and counts the other files:
// "src/a.py:5–8, 12 and 2 more files".
func placesLine(spots []whittle.Location) string {
	lines, files := []int{}, []string{}
	for _, s := range spots {
		if s.Path == "" {
			continue
		}
		if !slices.Contains(files, s.Path) {
			files = append(files, s.Path)
		}
		if s.Path == files[0] && s.Line > 0 {
			lines = append(lines, s.Line)
		}
	}
	if len(files) == 0 {
		return ""
	}
	out := files[0]
	if l := linesText(lines); l != "" {
		out += ":" + l
	}
	if rest := len(files) - 1; rest > 0 {
		out += fmt.Sprintf(" and %d more %s", rest, page.Plural(rest, "files"))
	}
	return out
}

// linesText lists lines, those that follow one another as a range: "5–8, 12".
func linesText(lines []int) string {
	const most = 3
	lines = slices.Compact(slices.Sorted(slices.Values(lines)))
	var runs []string
	for i := 0; i < len(lines); {
		j := i
		for j+1 < len(lines) && lines[j+1] == lines[j]+1 {
			j++
		}
		if len(runs) == most {
			runs = append(runs, "…")
			break
		}
		if i == j {
			runs = append(runs, fmt.Sprint(lines[i]))
		} else {
			runs = append(runs, fmt.Sprintf("%d–%d", lines[i], lines[j]))
		}
		i = j + 1
	}
	return strings.Join(runs, ", ")
}

// causesSection lists causes under a heading, at most some of them, where 0 is
// all. What is not listed is counted by its check.
func causesSection(d *page.Document, title string, causes []aCause, most int, whole bool) {
	if len(causes) == 0 {
		return
	}
	shown := causes
	if most > 0 && len(causes) > most {
		shown = causes[:most]
	}
	es := page.Entries{Tight: true}
	for _, c := range shown {
		es.Rows = append(es.Rows, c.entry(whole))
	}
	if rest := causes[len(shown):]; len(rest) > 0 {
		es.Rows = append(es.Rows, page.Entry{Title: fmt.Sprintf("%d more (%s): --all lists them", len(rest), countedRules(rest))})
	}
	d.Add(page.Heading{Level: 2, Text: title}, es)
}

// countedRules counts causes by their checks: "3 optional-import, 1 lazy-import".
func countedRules(causes []aCause) string {
	counts := map[string]int{}
	var rules []string
	for _, c := range causes {
		r := c.first().Rule
		if counts[r] == 0 {
			rules = append(rules, r)
		}
		counts[r]++
	}
	for i, r := range rules {
		rules[i] = fmt.Sprintf("%d %s", counts[r], r)
	}
	return strings.Join(rules, ", ")
}
