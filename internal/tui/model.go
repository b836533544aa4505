package tui

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	tea "charm.land/bubbletea/v2"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/view"
)

// model is the state of the terminal UI.
type model struct {
	o     Options
	ctx   context.Context
	send  func(tea.Msg)
	keys  keys
	theme theme
	fatal error // with which it ends

	// The image; before it is read, steps say what goes on.
	subject Subject // nil as long as layers are being read
	layers  int     // that were read, as long as others are
	image   *view.Model
	other   *view.Model
	steps   []string
	far     string // how far the last step is
	judging bool   // the rules are being asked
	reads   bool   // the subject is being asked for something else

	// The screen.
	width, height int
	at            [panes]rect
	focus, before pane // before is the one that had the focus before the card
	lists         [panes]table
	// touched says that a key or the pointer was used on the rows. Before it the
	// cursors stay at the top, since larger rows may come above the first ones.
	touched bool
	over    *pager
	prompt  *prompt
	note    string
	// writes are the files that are being written, left the lines about those that
	// were: they are printed when the screen is gone.
	writes sync.WaitGroup
	left   []string

	// What is shown: the shape that is wanted, and the answer to the last one.
	text              string // the filter
	wasted, hidesBase bool
	want              shape
	shown             *answer // the last that could be given
	wrong             error   // why none can be given now
	asked             int     // how many shapes were asked for, to know the last answer
	answered          int
	folder            string
	top               string // the folder from which on there is more than one
	order             order
	groups, contents  []row
	needs             *needs
	gone              gone
}

func newModel(ctx context.Context, o Options) *model {
	return &model{o: o, ctx: ctx, keys: newKeys(), theme: newTheme(), focus: groupsPane, want: shape{by: view.ByInstruction}, shown: &answer{}, folder: "/", top: "/",
		send: func(tea.Msg) {}}
}

// Messages of what goes on in the background.
type (
	firstMsg struct {
		model  *view.Model
		layers int
	}
	loadedMsg struct {
		subject Subject
		err     error
	}
	otherMsg struct {
		name  string
		model *view.Model
		err   error
	}
	judgedMsg struct {
		model *view.Model
		err   error
	}
	answerMsg struct {
		*answer
		nth int
	}
	textMsg struct {
		over *pager
		note string
		err  error
		// wrote is a report that was written.
		wrote *written
	}
)

// tell gives the program a message from the background.
func (m *model) tell(msg tea.Msg) { m.send(msg) }

// Init begins to read the image.
func (m *model) Init() tea.Cmd {
	return func() tea.Msg {
		s, err := m.o.Load(m.ctx, watcher{m.tell}, func(first *view.Model, layers int) { m.tell(firstMsg{first, layers}) })
		return loadedMsg{s, err}
	}
}

// Update implements [tea.Model].
func (m *model) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		m.width, m.height = msg.Width, msg.Height
		m.place()
		if m.prompt != nil {
			m.prompt.input.SetWidth(max(m.width-cells(m.prompt.input.Prompt)-1, 1))
		}
	case tea.KeyPressMsg:
		return m, m.press(msg)
	case tea.PasteMsg:
		if m.prompt != nil {
			return m, m.typed(msg)
		}
	case tea.MouseClickMsg:
		return m, m.click(msg.Mouse())
	case tea.MouseWheelMsg:
		m.wheel(msg.Mouse())
	case stepMsg:
		m.steps, m.far = append(m.steps, string(msg)), ""
		if len(m.steps) > 1000 {
			m.steps = slices.Delete(m.steps, 0, 500)
		}
	case doneMsg:
		m.far = msg.text
	default:
		return m, m.heard(msg)
	}
	return m, nil
}

// heard takes what was done in the background.
func (m *model) heard(msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case firstMsg:
		if m.subject != nil {
			return nil // it has come late
		}
		m.layers = msg.layers
		if m.image == nil {
			m.image = msg.model
			m.gone.start(m.image)
		} else {
			m.judged(msg.model)
		}
		return m.refresh()
	case loadedMsg:
		if msg.err != nil {
			m.fatal = msg.err
			return tea.Quit
		}
		m.subject, m.layers = msg.subject, 0
		m.judged(msg.subject.Model())
		m.judging = true
		next := []tea.Cmd{m.refresh(), m.judge()}
		return tea.Batch(next...)
	case judgedMsg:
		m.judging = false
		if msg.err != nil {
			m.note = "the rules could not be asked: " + whittle.OneLine(msg.err.Error())
		} else {
			m.judged(msg.model)
		}
		m.lists[findingsPane].set(len(m.findings()))
		if m.o.Other != "" && m.other == nil {
			return tea.Batch(m.refresh(), m.compare(m.o.Other))
		}
		return m.refresh()
	case otherMsg:
		m.reads, m.note = false, ""
		if msg.err != nil {
			m.note = whittle.OneLine(msg.err.Error())
			return nil
		}
		m.other, m.o.Other, m.want.both = msg.model, msg.name, true
		return m.refresh()
	case answerMsg:
		if msg.nth == m.asked {
			m.answered = msg.nth
			return m.show(msg.answer)
		}
	case textMsg:
		m.reads, m.note = false, msg.note
		if msg.err != nil {
			m.note = whittle.OneLine(msg.err.Error())
		}
		if msg.over != nil {
			m.over = msg.over
		}
		if msg.wrote != nil {
			m.over = msg.wrote.pager(m.width)
			m.left = append(m.left, fmt.Sprintf("%s has the HTML report; this view: %s", plain(msg.wrote.file), plain(msg.wrote.address)))
		} else if msg.err == nil && msg.note != "" {
			m.left = append(m.left, plain(msg.note))
		}
	}
	return nil
}

// judge asks the rules in the background.
func (m *model) judge() tea.Cmd {
	s := m.subject
	return func() tea.Msg {
		judged, err := s.Judge(m.ctx)
		return judgedMsg{judged, err}
	}
}

// pending says that more follows of the image: layers, or what the rules find.
func (m *model) pending() bool { return m.subject == nil || m.judging }

// judged takes the model of more layers, or that which has findings.
func (m *model) judged(with *view.Model) {
	m.image = with
	m.gone.again(with)
}

// findings are those of the rules, none as long as they were not asked.
func (m *model) findings() []whittle.Finding {
	if m.image == nil || m.image.Advice == nil {
		return nil
	}
	return m.image.Advice.Findings
}

// compare reads the other image.
func (m *model) compare(name string) tea.Cmd {
	m.reads, m.note = true, "reading "+name+" …"
	return func() tea.Msg {
		other, err := m.o.Compare(m.ctx, name, watcher{m.tell})
		return otherMsg{name, other, err}
	}
}

// query is the whole filter: what was typed, and what keys add to it.
func (m *model) query() string {
	terms := []string{m.text}
	if m.wasted {
		terms = append(terms, "wasted:yes")
	}
	if m.hidesBase {
		terms = append(terms, "base:no")
	}
	return strings.TrimSpace(strings.Join(terms, " "))
}

// busy says that what is shown is not yet what is wanted.
func (m screen) busy() bool { return m.asked != m.answered }

// refresh asks for what is wanted now, in the background: with half a million
// files it may take longer than a key may.
func (m *model) refresh() tea.Cmd {
	if m.image == nil {
		return nil
	}
	m.want.query = m.query()
	m.asked++
	nth, mine, other, want, last := m.asked, m.image, m.other, m.want, m.shown
	if last.side == nil || last.side.all.Model != mine {
		last = nil
	}
	return func() tea.Msg { return answerMsg{ask(mine, other, want, last), nth} }
}

// show takes an answer. Cursors that were touched stay on what they were on, if it
// is there.
func (m *model) show(a *answer) tea.Cmd {
	if m.wrong = a.err; a.err != nil {
		return nil // what was shown stays while a filter is being typed
	}
	name := selectedName(m.groups, m.lists[groupsPane])
	was := m.shown.shape
	m.shown = a
	m.groups = a.groups
	sortRows(m.groups, m.order)
	m.lists[groupsPane].set(len(m.groups))
	if at := indexOf(m.groups, name); at >= 0 && was.by == a.by && m.touched {
		m.lists[groupsPane].to(at)
	} else {
		m.lists[groupsPane].to(0)
	}
	m.top = a.descend("/")
	if !m.touched || was.group != a.group || !strings.HasPrefix(m.folder+"/", strings.TrimSuffix(m.top, "/")+"/") || len(a.children(m.folder)) == 0 {
		m.folder = m.top
	}
	m.fill()
	if len(m.groups) == 0 && m.text != "" {
		if q, err := view.ParseQuery(m.text); err == nil {
			m.note = m.image.Hint(q)
		}
	}
	return nil
}

// fill shows the contents of the folder.
func (m *model) fill() {
	name := selectedName(m.contents, m.lists[contentsPane])
	m.contents = m.shown.children(m.folder)
	sortRows(m.contents, m.order)
	if m.needs != nil {
		return
	}
	m.lists[contentsPane].set(len(m.contents))
	at := 0
	if m.touched {
		at = max(indexOf(m.contents, name), 0)
	}
	m.lists[contentsPane].to(at)
}

func selectedName(rows []row, t table) string {
	if t.cursor < len(rows) {
		return rows[t.cursor].Name
	}
	return ""
}

func indexOf(rows []row, name string) int {
	return slices.IndexFunc(rows, func(r row) bool { return r.Name == name })
}

// inGroup is the size of what the contents add up to.
func (m screen) inGroup() int64 {
	if m.shown.side == nil {
		return 0
	}
	return m.shown.side.inside.Sum.Size()
}

// place lays the panes out.
func (m *model) place() {
	m.at = layout(m.width, m.height, m.focus)
	for p := range m.lists {
		m.lists[p].resize(m.listAt(pane(p)).h)
	}
}

// View implements [tea.Model].
func (m *model) View() tea.View {
	v := tea.NewView(screen{m}.render())
	v.AltScreen = true
	v.MouseMode = tea.MouseModeCellMotion
	v.WindowTitle = fmt.Sprintf("whittle explore %s", plain(m.o.Image))
	return v
}
