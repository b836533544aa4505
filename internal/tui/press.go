package tui

import (
	"slices"
	"strings"

	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"

	"whittle.dev/whittle/internal/view"
)

// press does what a key is for.
func (m *model) press(k tea.KeyPressMsg) tea.Cmd {
	on := m.keys
	if m.prompt != nil {
		return m.pressPrompt(k)
	}
	m.note = ""
	switch {
	case k.String() == "ctrl+c":
		return tea.Quit
	case key.Matches(k, on.suspend):
		return suspend()
	case m.over != nil:
		if m.over.press(k, on) {
			m.over = nil
		}
		return nil
	case key.Matches(k, on.quit):
		return tea.Quit
	case key.Matches(k, on.help):
		m.over = helpPager(on, m.width)
		return nil
	case m.image == nil:
		return nil
	}
	m.touched = true
	if m.move(k) {
		return m.moved()
	}
	return m.act(k)
}

// move moves the cursor of the pane that has the focus, or the focus.
func (m *model) move(k tea.KeyPressMsg) bool {
	on, t := m.keys, &m.lists[m.focus]
	page := max(t.height-1, 1)
	switch {
	case key.Matches(k, on.up):
		t.move(-1)
	case key.Matches(k, on.down):
		t.move(1)
	case key.Matches(k, on.pageUp):
		t.move(-page)
	case key.Matches(k, on.pageDown):
		t.move(page)
	case key.Matches(k, on.top):
		t.to(0)
	case key.Matches(k, on.bottom):
		t.to(t.rows - 1)
	case key.Matches(k, on.next):
		m.look((m.focus + 1) % panes)
	case key.Matches(k, on.previous):
		m.look((m.focus + panes - 1) % panes)
	default:
		return false
	}
	return true
}

// look gives a pane the focus.
func (m *model) look(p pane) {
	if m.focus != cardPane {
		m.before = m.focus
	}
	m.focus = p
	m.place()
}

// moved shows what belongs to the row that the cursor is on now.
func (m *model) moved() tea.Cmd {
	if m.focus != cardPane {
		m.lists[cardPane].to(0)
	}
	return nil
}

// act does what the other keys are for.
func (m *model) act(k tea.KeyPressMsg) tea.Cmd {
	on := m.keys
	switch {
	case key.Matches(k, on.group):
		return m.groupBy(view.Keys()[k.String()[0]-'1'])
	case key.Matches(k, on.enter):
		return m.enter()
	case key.Matches(k, on.back):
		return m.back()
	case key.Matches(k, on.cancel):
		return m.clear()
	case key.Matches(k, on.sort):
		m.order = (m.order + 1) % orders
		sortRows(m.groups, m.order)
		m.fill()
		m.note = "sorted by " + m.order.String()
	case key.Matches(k, on.filter):
		return m.filter()
	case key.Matches(k, on.wasted):
		m.wasted = !m.wasted
		return m.refresh()
	case key.Matches(k, on.base):
		return m.hideBase()
	case key.Matches(k, on.difference):
		return m.difference()
	case key.Matches(k, on.needs):
		m.toggleNeeds()
	case key.Matches(k, on.invert):
		m.invertNeeds()
	case key.Matches(k, on.without):
		tools{m}.remove()
	case key.Matches(k, on.undo):
		if !m.gone.undo() {
			m.note = "nothing was taken out: x takes out the row"
		}
	case key.Matches(k, on.view):
		return tools{m}.view()
	case key.Matches(k, on.extract):
		return tools{m}.extract()
	case key.Matches(k, on.open):
		return tools{m}.open()
	case key.Matches(k, on.diff):
		return tools{m}.diff()
	case key.Matches(k, on.html):
		return tools{m}.html()
	}
	return nil
}

// groupBy changes the grouping.
func (m *model) groupBy(by view.Key) tea.Cmd {
	m.want.by, m.want.group = by, ""
	m.look(groupsPane)
	return m.refresh()
}

// enter goes into the row: a group's contents, a folder, the card of a file.
func (m *model) enter() tea.Cmd {
	switch m.focus {
	case groupsPane:
		if r, ok := m.group(); ok {
			m.needs = nil
			m.want.group = r.Name
			m.look(contentsPane)
			return m.refresh()
		}
	case contentsPane:
		if m.needs != nil {
			m.needs.toggle(m.lists[contentsPane].cursor)
			m.lists[contentsPane].set(len(m.needs.rows))
			return nil
		}
		r, ok := m.content()
		switch {
		case !ok:
		case own(r).Folder:
			m.to(m.shown.descend(join(m.folder, r.Name)), "")
		default:
			m.look(cardPane)
		}
	case findingsPane:
		m.look(cardPane)
	}
	return nil
}

// to shows a folder's contents, with the cursor on one of them.
func (m *model) to(folder, name string) {
	m.folder = folder
	m.fill()
	m.lists[contentsPane].to(max(indexOf(m.contents, name), 0))
}

// back goes out of a folder, and from the top to the groups.
func (m *model) back() tea.Cmd {
	switch {
	case m.focus == cardPane:
		m.look(m.before)
	case m.focus == findingsPane:
		m.look(groupsPane)
	case m.focus == contentsPane && m.needs != nil:
		m.toggleNeeds()
	case m.focus == contentsPane && len(m.folder) > len(m.top):
		from := m.folder
		up := above(from)
		for len(up) > len(m.top) && len(m.shown.children(up)) == 1 {
			from, up = up, above(up)
		}
		m.to(up, from[strings.LastIndexByte(from, '/')+1:])
	case m.want.group != "":
		m.want.group = ""
		m.look(groupsPane)
		return m.refresh()
	default:
		m.look(groupsPane)
	}
	return nil
}

// join is a name in a folder, above the folder that a path is in.
func join(folder, name string) string { return strings.TrimSuffix(folder, "/") + "/" + name }
func above(path string) string        { return path[:max(strings.LastIndexByte(path, '/'), 1)] }

// clear takes back what hides something, one at a time.
func (m *model) clear() tea.Cmd {
	switch {
	case m.needs != nil:
		m.toggleNeeds()
		return nil
	case m.text != "":
		m.text = ""
	case m.wasted || m.hidesBase:
		m.wasted, m.hidesBase = false, false
	case m.want.both:
		m.want.both = false
	case m.want.group != "":
		m.want.group = ""
	default:
		return nil
	}
	return m.refresh()
}

// filter asks for a filter. Each letter shows the sum of what matches.
func (m *model) filter() tea.Cmd {
	was := m.text
	change := func(m *model, text string) tea.Cmd {
		m.text = text
		return m.refresh()
	}
	return m.prompting("/", m.text, prompt{change: change, done: change, cancel: func(m *model) tea.Cmd { return change(m, was) }})
}

// hideBase hides the base image's layers, where they are known.
func (m *model) hideBase() tea.Cmd {
	if !slices.ContainsFunc(m.image.Layers, func(l view.Layer) bool { return l.Base }) {
		m.note = "which layers are the base image's is not known: --file names the Dockerfile"
		return nil
	}
	m.hidesBase = !m.hidesBase
	return m.refresh()
}

// difference shows the difference to the other image, or what this one is again.
func (m *model) difference() tea.Cmd {
	if m.other != nil {
		m.want.both = !m.want.both
		return m.refresh()
	}
	if m.reads || m.subject == nil {
		m.note = stillRead
		return nil
	}
	return m.prompting("difference to image: ", m.o.Other, prompt{done: func(m *model, name string) tea.Cmd {
		if name = strings.TrimSpace(name); name == "" {
			return nil
		}
		return m.compare(name)
	}})
}

// group, content and requirement are what the cursor of a list is on.
func (m *model) group() (row, bool)   { return selected(m.groups, m.lists[groupsPane]) }
func (m *model) content() (row, bool) { return selected(m.contents, m.lists[contentsPane]) }

func selected(rows []row, t table) (row, bool) {
	if t.cursor >= len(rows) {
		return row{}, false
	}
	return rows[t.cursor], true
}

// click gives the pane the focus and puts its cursor on the row; a second click
// on the row goes into it.
func (m *model) click(at tea.Mouse) tea.Cmd {
	if m.over != nil || m.prompt != nil || m.image == nil || at.Button != tea.MouseLeft {
		return nil
	}
	m.touched = true
	for p, r := range m.at {
		if !r.has(at.X, at.Y) {
			continue
		}
		again := m.focus == pane(p)
		line := m.lists[p].at(at.Y - m.listAt(pane(p)).y)
		was := m.lists[p].cursor
		if again && line >= 0 && line == was && pane(p) != cardPane {
			return m.enter()
		}
		if line >= 0 {
			m.lists[p].to(line)
		}
		m.look(pane(p))
		return m.moved()
	}
	return nil
}

// wheel scrolls what is under the pointer.
func (m *model) wheel(at tea.Mouse) {
	by := 3
	switch at.Button {
	case tea.MouseWheelUp:
		by = -3
	case tea.MouseWheelDown:
	default:
		return
	}
	if m.over != nil {
		m.over.table.scroll(by)
		return
	}
	m.touched = true
	for p, r := range m.at {
		if r.has(at.X, at.Y) {
			m.lists[p].scroll(by)
		}
	}
}
