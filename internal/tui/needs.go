package tui

import (
	"fmt"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/view"
)

// needs is the tree of requirements: each with what only it needs below it, or,
// inverted, with those that require it.
type needs struct {
	all      *view.Requirements
	inverted bool
	open     map[string]bool // by the path of positions
	rows     []need
}

// need is a line of the tree.
type need struct {
	at    int // its position in the requirements
	depth int
	path  string // of names, from the top
	more  bool   // that something is below it
}

func newNeeds(all *view.Requirements) *needs {
	n := &needs{all: all, open: map[string]bool{}}
	n.fill()
	return n
}

// fill makes the rows of what is open.
func (n *needs) fill() {
	n.rows = n.rows[:0]
	if n.inverted {
		var all []int
		for i := range n.all.List {
			all = append(all, i)
		}
		n.add(n.bySize(all), 0, "", nil)
		return
	}
	n.add(n.tops(), 0, "", nil)
}

// tops are the roots of the dominator tree, and what nobody needs.
func (n *needs) tops() []int {
	tops := n.all.Dominated(-1)
	var rest []int
	for i, r := range n.all.List {
		if !r.Needed {
			rest = append(rest, i)
		}
	}
	return append(tops, n.bySize(rest)...)
}

func (n *needs) below(at int) []int {
	if n.inverted {
		return n.all.Needing(at)
	}
	if !n.all.List[at].Needed {
		return nil
	}
	return n.all.Dominated(at)
}

// maxDepth is how deep the tree may be opened: requirements may be circular.
const maxDepth = 40

func (n *needs) add(list []int, depth int, path string, above []int) {
	for _, at := range list {
		circular := false
		for _, up := range above {
			circular = circular || up == at
		}
		below := n.below(at)
		r := need{at: at, depth: depth, path: path + "/" + n.all.List[at].Name, more: len(below) > 0 && !circular && depth < maxDepth}
		n.rows = append(n.rows, r)
		if r.more && n.open[r.path] {
			n.add(below, depth+1, r.path, append(above[:len(above):len(above)], at))
		}
	}
}

func (n *needs) bySize(list []int) []int {
	size := func(i int) int64 { return max(n.all.List[i].Retained, n.all.List[i].Own) }
	sortBy(list, size, func(i int) string { return n.all.List[i].Name })
	return list
}

// toggle opens or closes a row.
func (n *needs) toggle(row int) {
	if row < len(n.rows) && n.rows[row].more {
		n.open[n.rows[row].path] = !n.open[n.rows[row].path]
		n.fill()
	}
}

func (n *needs) title() string {
	if n.inverted {
		return "Requirements: below each, those that need it"
	}
	return "Requirements: size with what only it needs, own size"
}

// render are the rows that are shown.
func (n *needs) render(t *table, at rect, focused bool, th theme) []string {
	from, to := t.shown()
	to = min(to, len(n.rows))
	var most int64 = 1
	for _, r := range n.all.List {
		most = max(most, r.Retained)
	}
	out := make([]string, 0, max(to-from, 0))
	for i := from; i < to; i++ {
		r := n.rows[i]
		q := n.all.List[r.at]
		mark, sign := " ", "  "
		if i == t.cursor {
			mark = "›"
		}
		if r.more {
			sign = "▸ "
			if n.open[r.path] {
				sign = "▾ "
			}
		}
		l := mark + right(whittle.Bytes(max(q.Retained, q.Own)), 9) + " " + right(whittle.Bytes(q.Own), 9)
		if at.w >= 64 {
			l += " " + left(bar(max(q.Retained, q.Own), most, 10), 10)
		}
		name := strings.Repeat("  ", r.depth) + sign + plain(q.Name+" "+q.Version) + notes(q)
		l = left(l+" "+name, at.w)
		if i == t.cursor && focused {
			l = th.selected.Render(l)
		}
		out = append(out, l)
	}
	return out
}

func notes(q view.Requirement) string {
	switch {
	case !q.Needed:
		return " (nothing asks for it)"
	case q.Unused:
		return " (unused)"
	}
	return ""
}

// why is the chain of requirements that a distribution is there for.
func why(all *view.Requirements, at int) string {
	chain := all.Why(at)
	names := make([]string, len(chain))
	for i, c := range chain {
		names[i] = all.List[c].Name
	}
	if len(names) < 2 {
		if len(names) == 1 {
			return "asked for itself"
		}
		return "nothing asks for it"
	}
	return strings.Join(names, " → ")
}

// selected is the name of the distribution that the cursor is on, empty where
// there is none.
func (n *needs) selected(t table) string {
	if t.cursor >= len(n.rows) {
		return ""
	}
	return n.all.List[n.rows[t.cursor].at].Name
}

// removable is what x takes out of the tree: a distribution and what only it
// needs.
func (n *needs) removable(m *model) (string, func(m *view.Model) []*view.Selection) {
	t := m.lists[contentsPane]
	if t.cursor >= len(n.rows) {
		return "", nil
	}
	at := n.rows[t.cursor].at
	name := n.all.List[at].Name
	freed := n.all.Frees(at)
	self := false
	for _, f := range freed {
		self = self || f == at
	}
	if !self && n.all.List[at].Needed {
		m.note = fmt.Sprintf("%s is needed by others: i shows them", name)
		return "", nil
	}
	if !self {
		freed = append(freed, at)
	}
	names := map[string]bool{}
	for _, f := range freed {
		names[n.all.List[f].Name] = true
	}
	label := name
	if len(freed) > 1 {
		label += fmt.Sprintf(" and %d that only it needs", len(freed)-1)
	}
	return label, func(m *view.Model) (out []*view.Selection) {
		all := m.All()
		for id, o := range m.Owners {
			if at, ok := m.Requirements.Find(o.Name); ok && o.Ecosystem == "pypi" && names[m.Requirements.List[at].Name] {
				out = append(out, all.In(view.ByPackage, id))
			}
		}
		return out
	}
}

// toggleNeeds shows the tree of requirements in place of the contents, or them
// again.
func (m *model) toggleNeeds() {
	switch {
	case m.needs != nil:
		m.needs = nil
		m.place()
		m.fill()
		return
	case m.image.Requirements == nil:
		m.note = "the image has no Python distributions"
		if m.pending() {
			m.note = "the requirements are still being read"
		}
		return
	}
	m.needs = newNeeds(m.image.Requirements)
	m.lists[contentsPane].set(len(m.needs.rows))
	m.lists[contentsPane].to(0)
	m.look(contentsPane)
}

// invertNeeds turns the tree round; the cursor stays on the distribution.
func (m *model) invertNeeds() {
	if m.needs == nil {
		if m.toggleNeeds(); m.needs == nil {
			return
		}
	}
	n, t := m.needs, &m.lists[contentsPane]
	at := -1
	if t.cursor < len(n.rows) {
		at = n.rows[t.cursor].at
	}
	n.inverted = !n.inverted
	clear(n.open)
	n.fill()
	t.set(len(n.rows))
	for i, r := range n.rows {
		if r.at == at {
			t.to(i)
			if n.inverted {
				n.toggle(i)
				t.set(len(n.rows))
			}
			break
		}
	}
}
