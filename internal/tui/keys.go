package tui

import "charm.land/bubbles/v2/key"

// keys are what can be pressed, with the words of the help.
type keys struct {
	up, down, pageUp, pageDown, top, bottom             key.Binding
	enter, back, next, previous                         key.Binding
	group                                               key.Binding
	sort, filter, wasted, base, difference              key.Binding
	needs, invert, without, undo                        key.Binding
	view, extract, open, diff, html, help, cancel, quit key.Binding
	suspend                                             key.Binding
}

func bind(help, words string, names ...string) key.Binding {
	return key.NewBinding(key.WithKeys(names...), key.WithHelp(help, words))
}

func newKeys() keys {
	return keys{
		up:         bind("↑ k", "up", "up", "k"),
		down:       bind("↓ j", "down", "down", "j"),
		pageUp:     bind("PgUp", "a page up", "pgup", "ctrl+b"),
		pageDown:   bind("PgDn", "a page down", "pgdown", "ctrl+f"),
		top:        bind("Home g", "first row", "home", "g"),
		bottom:     bind("End G", "last row", "end", "G"),
		enter:      bind("Enter → l", "into the row", "enter", "right", "l"),
		back:       bind("← h", "out again", "left", "h", "backspace"),
		next:       bind("Tab", "next pane", "tab"),
		previous:   bind("Shift+Tab", "pane before", "shift+tab"),
		group:      bind("1–5", "group by instruction, package, category, directory, extension", "1", "2", "3", "4", "5"),
		sort:       bind("s", "sort by size, wasted, files, name", "s"),
		filter:     bind("/", "filter, with the sum of what matches", "/"),
		wasted:     bind("w", "only what is wasted", "w"),
		base:       bind("b", "without the base image", "b"),
		difference: bind("d", "difference to a second image", "d"),
		needs:      bind("t", "requirements, and what only they need", "t"),
		invert:     bind("i", "requirements: who needs it", "i"),
		without:    bind("x", "the image without this, all layers of it; the head line has the total", "x"),
		undo:       bind("u", "undo the last x", "u"),
		view:       bind("v", "view the file", "v"),
		extract:    bind("e", "extract the file", "e"),
		open:       bind("o", "open Dockerfile:LINE in $EDITOR", "o"),
		diff:       bind("f", "diff of the finding's fix", "f"),
		html:       bind("H", "HTML report, with the address of this view", "H"),
		suspend:    bind("Ctrl-Z", "back to the shell; fg returns", "ctrl+z"),
		help:       bind("?", "this help", "?"),
		cancel:     bind("Esc", "close, or clear the filter", "esc"),
		quit:       bind("q", "quit", "q", "ctrl+c"),
	}
}

// short is the line at the foot of the screen.
func (k keys) short() []key.Binding {
	return []key.Binding{k.help, k.quit, k.filter, k.next, k.enter, k.back, k.group, k.sort, k.wasted, k.base, k.without, k.needs, k.view}
}

// full is the help, in groups with a title.
func (k keys) full() []helpGroup {
	return []helpGroup{
		{"Move", []key.Binding{k.up, k.down, k.pageUp, k.pageDown, k.top, k.bottom, k.enter, k.back, k.next, k.previous}},
		{"What is shown", []key.Binding{k.group, k.sort, k.filter, k.wasted, k.base, k.difference, k.cancel}},
		{"Try", []key.Binding{k.needs, k.invert, k.without, k.undo}},
		{"Look", []key.Binding{k.view, k.extract, k.open, k.diff, k.html}},
		{"", []key.Binding{k.help, k.suspend, k.quit}},
	}
}

type helpGroup struct {
	title string
	keys  []key.Binding
}
