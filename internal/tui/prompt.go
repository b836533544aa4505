package tui

import (
	"charm.land/bubbles/v2/textinput"
	tea "charm.land/bubbletea/v2"
)

// prompt asks for a line of text at the foot of the screen.
type prompt struct {
	input textinput.Model
	// change is told each state of the text, done the last one if it is accepted;
	// cancel, if it is not.
	change, done func(m *model, text string) tea.Cmd
	cancel       func(m *model) tea.Cmd
}

// ask opens a prompt.
func (m *model) prompting(label, text string, p prompt) tea.Cmd {
	in := textinput.New()
	in.Prompt = label
	in.CharLimit = 500
	in.KeyMap.Paste.SetEnabled(false) // it would run other programs; a terminal pastes by itself
	in.SetVirtualCursor(true)
	in.SetValue(text)
	in.CursorEnd()
	in.SetWidth(max(m.width-cells(label)-1, 1))
	styles := in.Styles()
	styles.Cursor.Blink = false
	in.SetStyles(styles)
	p.input = in
	m.prompt = &p
	return m.prompt.input.Focus()
}

// press gives a key to the prompt.
func (m *model) pressPrompt(k tea.KeyPressMsg) tea.Cmd {
	p := m.prompt
	switch k.String() {
	case "enter":
		m.prompt = nil
		return p.done(m, p.input.Value())
	case "esc", "ctrl+c":
		m.prompt = nil
		if p.cancel != nil {
			return p.cancel(m)
		}
		return nil
	}
	return m.typed(k)
}

// typed gives the prompt what was typed or pasted.
func (m *model) typed(msg tea.Msg) tea.Cmd {
	p := m.prompt
	before := p.input.Value()
	var cmd tea.Cmd
	p.input, cmd = p.input.Update(msg)
	if text := p.input.Value(); text != before && p.change != nil {
		return tea.Batch(cmd, p.change(m, text))
	}
	return cmd
}
