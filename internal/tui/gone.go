package tui

import (
	"fmt"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/view"
)

// gone is what was taken out of the image with x, and what it is without it.
type gone struct {
	account *view.Without
	out     []removal
}

// removal is one use of x.
type removal struct {
	label string
	// requirement is the distribution, where it is one with what only it needs.
	requirement string
	// of selects what goes, in the model of the image that is shown now.
	of    func(m *view.Model) []*view.Selection
	steps int
}

func (g *gone) any() bool { return len(g.out) > 0 }

// start begins with nothing taken out.
func (g *gone) start(m *view.Model) { g.account, g.out = m.Without(), nil }

// again does the same to another model of the image.
func (g *gone) again(m *view.Model) {
	g.account = m.Without()
	for i := range g.out {
		g.out[i].steps = g.take(m, g.out[i])
	}
}

func (g *gone) take(m *view.Model, r removal) (steps int) {
	for _, s := range r.of(m) {
		g.account.Remove(s)
		steps++
	}
	return steps
}

// add takes something out, and says how many bytes that saves.
func (g *gone) add(m *view.Model, r removal) int64 {
	before := g.account.Size()
	r.steps = g.take(m, r)
	saved := before - g.account.Size()
	if saved == 0 {
		for range r.steps {
			g.account.Undo()
		}
		return 0
	}
	g.out = append(g.out, r)
	return saved
}

// undo puts back what was taken out last.
func (g *gone) undo() bool {
	if len(g.out) == 0 {
		return false
	}
	last := g.out[len(g.out)-1]
	g.out = g.out[:len(g.out)-1]
	for range last.steps {
		g.account.Undo()
	}
	return true
}

// text is the running total: "1.09 GB → 580.0 MB (-514.2 MB) without pandas and 2
// more".
func (g *gone) text(size int64) string {
	now := g.account.Size()
	names := plain(g.out[len(g.out)-1].label)
	if n := len(g.out); n > 1 {
		names += fmt.Sprintf(" and %d more", n-1)
	}
	return fmt.Sprintf("%s → %s (%s) without %s", whittle.Bytes(size), whittle.Bytes(now), whittle.SignedBytes(now-size), names)
}

// remove takes out what the cursor is on.
func (m tools) remove() {
	label, of := m.removable()
	r := removal{label: label, of: of}
	if m.focus == contentsPane && m.needs != nil {
		r.requirement = m.needs.selected(m.lists[contentsPane])
	}
	if of == nil {
		if m.note == "" {
			m.note = "there is nothing to take out"
		}
		return
	}
	linked := m.gone.account.Linked
	saved := m.gone.add(m.image, r)
	switch {
	case saved == 0:
		m.note = plain(label) + " is out already, or has no bytes"
	case m.gone.account.Linked > linked:
		m.note = fmt.Sprintf("%s saves %s; %s of it have other names, by hard links", plain(label), whittle.Bytes(saved), whittle.Bytes(m.gone.account.Linked-linked))
	default:
		m.note = plain(label) + " saves " + whittle.Bytes(saved)
	}
}

// removable is what x takes out: its name, and its files.
func (m tools) removable() (string, func(m *view.Model) []*view.Selection) {
	query, by, group := m.shown.query, m.shown.by, m.shown.group
	inside := func(m *view.Model) *view.Selection {
		s := selection(m, query)
		if group == "" {
			return s
		}
		return s.In(by, groupID(s, by, group))
	}
	switch {
	case m.focus == groupsPane:
		r, ok := m.group()
		if !ok || r.B == nil {
			break
		}
		return r.Name, func(m *view.Model) []*view.Selection {
			s := selection(m, query)
			return []*view.Selection{s.In(by, groupID(s, by, r.Name))}
		}
	case m.focus == contentsPane && m.needs != nil:
		return m.needs.removable(m.model)
	case m.focus == contentsPane || m.focus == cardPane:
		r, ok := m.content()
		if !ok || r.B == nil {
			break
		}
		dir, name, folder := m.folder, r.Name, r.B.Folder
		path := join(dir, name)
		return path, func(m *view.Model) []*view.Selection {
			if folder {
				at, ok := m.FindFolder(path)
				if !ok {
					return nil
				}
				return []*view.Selection{inside(m).Below(at)}
			}
			return []*view.Selection{m.Only(filesNamed(m, dir, name)...)}
		}
	case m.focus == findingsPane:
		all := m.findings()
		if at := m.lists[findingsPane].cursor; at < len(all) {
			rule := all[at].Rule
			q := view.Query{Terms: []view.Term{{Field: "rule", Values: []view.Value{{Text: rule}}}}}
			return rule, func(m *view.Model) []*view.Selection { return []*view.Selection{m.Select(q)} }
		}
	}
	return "", nil
}

// filesNamed are the items of a name in a folder: models of more layers count them anew.
func filesNamed(m *view.Model, dir, name string) (items []int) {
	folder, ok := m.FindFolder(dir)
	for i := 0; ok && i < m.Len(); i++ {
		if m.Folder(i) == folder && m.Name(i) == name {
			items = append(items, i)
		}
	}
	return items
}

// selection is what a query selects; one that cannot be read, nothing.
func selection(m *view.Model, query string) *view.Selection {
	q, err := view.ParseQuery(strings.TrimSpace(query))
	if err != nil {
		return m.Only()
	}
	return m.Select(q)
}

// groupID is the position of a group by its name, -1 where it is not there.
func groupID(s *view.Selection, by view.Key, name string) int {
	for _, r := range s.By(by) {
		if r.Name == name {
			return r.ID
		}
	}
	return -1
}
