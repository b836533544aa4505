package tui

import (
	"fmt"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/view"
)

// fact is a line of the card: a label and what is there.
type fact struct{ label, text string }

// labelWidth is the width of the longest label, and a space.
const labelWidth = 10

// card are the lines of the card of what is selected, in w columns.
func (m screen) card(w int) []string {
	var facts []fact
	switch subject := m.subjectPane(); {
	case subject == findingsPane:
		facts = m.findingCard()
	case subject == groupsPane:
		facts = m.groupCard()
	case m.needs != nil:
		facts = m.needCard()
	default:
		facts = m.contentCard()
	}
	var lines []string
	for _, f := range facts {
		if f.label == "" {
			lines = append(lines, wrap(plain(f.text), w)...)
			continue
		}
		for i, l := range wrap(plain(f.text), max(w-labelWidth, 8)) {
			label := ""
			if i == 0 {
				label = f.label
			}
			lines = append(lines, m.theme.faint.Render(left(label, labelWidth))+first(l, w-labelWidth))
		}
	}
	return lines
}

// subjectPane is the pane whose row the card is about: the one with the focus, or
// the one that had it before the card.
func (m *model) subjectPane() pane {
	if m.focus == cardPane {
		return m.before
	}
	return m.focus
}

func (m screen) groupCard() []fact {
	r, ok := m.group()
	if !ok {
		return nil
	}
	facts := append([]fact{{"", r.Name}}, m.sums(r)...)
	if m.shown.by == view.ByInstruction && r.B != nil {
		facts = append(facts, m.layer(r.B.ID)...)
	}
	if m.shown.by == view.ByPackage && r.B != nil {
		facts = append(facts, m.owner(r.B.ID)...)
	}
	return facts
}

// sums are the sizes of a row, in both images.
func (m screen) sums(r row) []fact {
	o := own(r)
	var facts []fact
	if m.shown.other != nil {
		var before int64
		if r.A != nil {
			before = r.A.Size()
		}
		facts = append(facts, fact{"change", fmt.Sprintf("%s: %s, and %s in %s", whittle.SignedBytes(r.Delta()), whittle.Bytes(o.Size()), whittle.Bytes(before), m.o.Other)})
	}
	all := m.image.Total.Size()
	facts = append(facts, fact{"size", fmt.Sprintf("%s, %s of the image", whittle.Bytes(o.Size()), percent(o.Size(), all))})
	if o.Files != 1 {
		facts = append(facts, fact{"files", whittle.Thousands(int64(o.Files))})
	}
	if o.Download > 0 {
		facts = append(facts, fact{"download", "about " + whittle.Bytes(o.Download) + ", its share of the layer"})
	}
	if o.Wasted > 0 {
		facts = append(facts, fact{"wasted", whittle.Bytes(o.Wasted) + ": hidden by a later layer, still downloaded and stored"})
	}
	return facts
}

func (m screen) layer(id int) []fact {
	if id < 0 || id >= len(m.image.Layers) {
		return nil
	}
	l := m.image.Layers[id]
	name := l.Name
	if l.Origin != nil {
		name += fmt.Sprintf(", layer %d", l.Index)
	}
	if l.Base {
		name += " (base image)"
	}
	facts := []fact{{"made by", name}}
	if text := whittle.StepText(l.CreatedBy, l.Comment); text != "" && !strings.Contains(l.Name, text) {
		facts = append(facts, fact{"", text})
	}
	return facts
}

// owner is a package, and why it is there.
func (m screen) owner(id int) []fact {
	if id < 0 || id >= len(m.image.Owners) {
		return nil
	}
	o := m.image.Owners[id]
	facts := []fact{{"package", o.String() + " (" + o.Ecosystem + ")"}}
	if all := m.image.Requirements; o.Ecosystem == "pypi" {
		if at, ok := all.Find(o.Name); ok {
			facts = append(facts, needFacts(all, at)...)
		}
	}
	return facts
}

func needFacts(all *view.Requirements, at int) []fact {
	q := all.List[at]
	facts := []fact{{"keeps", whittle.Bytes(max(q.Retained, q.Own)) + ", with what only it needs"}, {"why", why(all, at)}}
	if q.Unused {
		facts = append(facts, fact{"use", "nothing that the image starts uses it"})
	}
	return facts
}

func (m screen) contentCard() []fact {
	r, ok := m.content()
	if !ok {
		return nil
	}
	facts := append([]fact{{"", join(m.folder, r.Name)}}, m.sums(r)...)
	if r.B == nil || r.B.Folder {
		return facts
	}
	item := r.B.ID
	if cause, by := m.shown.side.all.Model.Fate(item); cause != whittle.Visible {
		facts = append(facts, fact{"fate", fmt.Sprintf("%s by %s", cause, m.image.Layers[by].Name)})
	}
	facts = append(facts, m.layer(m.image.Layer(item))...)
	facts = append(facts, m.owner(m.image.Owner(item))...)
	facts = append(facts, fact{"category", m.image.Categories[m.image.Category(item)]})
	if m.image.Linked(item) {
		facts = append(facts, fact{"links", "its content has other names, by hard links"})
	}
	for _, f := range m.image.FindingsOf(item) {
		facts = append(facts, fact{"goes with", m.image.Advice.Findings[f].Rule})
	}
	return facts
}

func (m screen) needCard() []fact {
	t := m.lists[contentsPane]
	if t.cursor >= len(m.needs.rows) {
		return nil
	}
	all, at := m.needs.all, m.needs.rows[t.cursor].at
	q := all.List[at]
	facts := []fact{{"", q.Name + " " + q.Version}, {"size", whittle.Bytes(q.Own)}}
	facts = append(facts, needFacts(all, at)...)
	var names []string
	for _, n := range all.Needing(at) {
		names = append(names, all.List[n].Name)
	}
	if len(names) > 0 {
		facts = append(facts, fact{"needed by", strings.Join(names, ", ")})
	}
	return facts
}

func (m screen) findingCard() []fact {
	all, at := m.findings(), m.lists[findingsPane].cursor
	if at >= len(all) {
		if m.pending() {
			return []fact{{"", "the rules are asked when all layers are read"}}
		}
		return []fact{{"", "no findings"}}
	}
	f := &all[at]
	facts := []fact{{"", f.Message}}
	saving := whittle.Bytes(f.Saving.High)
	if !f.Saving.Exact() {
		saving = whittle.Bytes(f.Saving.Low) + "–" + saving
	}
	if !f.Breaks {
		facts = append(facts, fact{"saves", saving})
	}
	facts = append(facts, fact{"rule", f.Rule}, fact{"risk", string(f.Risk)}, fact{"do", f.Advice})
	if f.Caution != "" {
		facts = append(facts, fact{"caution", f.Caution})
	}
	if f.SlowsStart {
		facts = append(facts, fact{"start-up", "slower, not measured"})
	}
	if f.Fix != nil {
		facts = append(facts, fact{"fix", f.Fix.Title + " (f shows it)"})
	}
	for i, e := range f.Evidence {
		if i == maxEvidence {
			facts = append(facts, fact{"", fmt.Sprintf("and %d more places", len(f.Evidence)-i)})
			break
		}
		facts = append(facts, fact{"at", evidence(e)})
	}
	return facts
}

// maxEvidence is how many places of a finding the card shows.
const maxEvidence = 50

func evidence(e whittle.Evidence) string {
	var parts []string
	if e.File != "" {
		place := e.File
		if e.Line > 0 {
			place += fmt.Sprintf(":%d", e.Line)
		}
		parts = append(parts, place)
	}
	if e.Path != "" {
		parts = append(parts, "/"+strings.TrimPrefix(e.Path, "/"))
	}
	if e.What != "" {
		parts = append(parts, e.What)
	}
	if e.Bytes > 0 {
		parts = append(parts, whittle.Bytes(e.Bytes))
	}
	return strings.Join(parts, ", ")
}
