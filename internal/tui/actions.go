package tui

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/view"
)

// tools are what keys do with the row that the cursor is on.
type tools struct{ *model }

// maxViewed is how many bytes of a file v shows.
const maxViewed = 1 << 20

// stillRead is what is said of a key that has to wait.
const stillRead = "an image is being read: try again when it is done"

// file is the visible file that the cursor is on; it notes why there is none.
func (m tools) file() (string, bool) {
	r, ok := m.content()
	switch {
	case m.subjectPane() != contentsPane || m.needs != nil || !ok:
		m.note = "choose a file in the contents first"
	case r.B == nil:
		m.note = r.Name + " is not in this image"
	case r.B.Folder:
		m.note = r.Name + " is a folder: Enter goes into it"
	case m.reads || m.subject == nil:
		m.note = stillRead
	default:
		if cause, _ := m.image.Fate(r.B.ID); cause != whittle.Visible {
			m.note = "the file is wasted: it is not in the image's root, and is not read"
			return "", false
		}
		return m.image.Path(r.B.ID), true
	}
	return "", false
}

// view shows a file.
func (m tools) view() tea.Cmd {
	name, ok := m.file()
	if !ok {
		return nil
	}
	m.reads, m.note = true, "reading "+name+" …"
	s := m.subject
	return func() tea.Msg {
		into := &limited{most: maxViewed}
		err := s.Copy(m.ctx, name, into)
		if err != nil && !into.full {
			return textMsg{err: err}
		}
		return textMsg{over: textPager(name, into.Bytes(), into.full)}
	}
}

// errFull ends the copy of a file of which enough is there.
var errFull = errors.New("enough was read")

// limited takes so many bytes.
type limited struct {
	bytes.Buffer
	most int
	full bool
}

func (l *limited) Write(p []byte) (int, error) {
	if room := l.most - l.Len(); len(p) > room {
		l.full = true
		n, _ := l.Buffer.Write(p[:room])
		return n, errFull
	}
	return l.Buffer.Write(p)
}

// extract asks where to write a file to, and writes it.
func (m tools) extract() tea.Cmd {
	name, ok := m.file()
	if !ok {
		return nil
	}
	offered := strings.Map(func(r rune) rune {
		if r == '/' || r == '\\' || plain(string(r)) != string(r) {
			return '_'
		}
		return r
	}, path.Base(name))
	return m.prompting("extract to: ", offered, prompt{done: func(_ *model, answer string) tea.Cmd {
		if strings.TrimSpace(answer) == "" {
			return nil
		}
		to := chosen(answer, offered)
		m.reads, m.note = true, "extracting "+name+" …"
		s := m.subject
		return m.writing(func() tea.Msg {
			n, err := writeNew(to, func(w io.Writer) error { return s.Copy(m.ctx, name, w) })
			if err != nil {
				return textMsg{err: err}
			}
			return textMsg{note: fmt.Sprintf("%s in %s", whittle.Bytes(n), to)}
		})
	}})
}

// line is the line of a project's file that the cursor is about.
func (m tools) line() (file string, line int) {
	switch p := m.subjectPane(); {
	case p == findingsPane:
		if at := m.lists[p].cursor; at < len(m.findings()) {
			return m.findings()[at].Place()
		}
	case p == groupsPane:
		if r, ok := m.group(); ok && r.B != nil && m.shown.by == view.ByInstruction {
			return m.origin(r.B.ID)
		}
	case m.needs == nil:
		if r, ok := m.content(); ok && r.B != nil && !r.B.Folder {
			return m.origin(m.image.Layer(r.B.ID))
		}
	}
	return "", 0
}

func (m tools) origin(layer int) (string, int) {
	if o := m.image.Layers[layer].Origin; o != nil {
		return o.File, o.Line
	}
	return "", 0
}

// open opens the line in the user's editor.
func (m tools) open() tea.Cmd {
	file, line := m.line()
	if file == "" {
		m.note = "no line of a Dockerfile is known for this: --file names the Dockerfile"
		return nil
	}
	name := filepath.FromSlash(file)
	if !filepath.IsAbs(name) {
		name = filepath.Join(m.o.Folder, name)
	}
	args := editor(m.o.lookup("VISUAL", "EDITOR"), name, line)
	if args == nil {
		m.note = fmt.Sprintf("%s:%d; set EDITOR to open it", file, line)
		return nil
	}
	cmd := exec.CommandContext(m.ctx, args[0], args[1:]...)
	return tea.Exec(program{cmd}, func(err error) tea.Msg {
		if err != nil {
			return textMsg{err: whittle.ErrSystem.Errorf("opening %s:%d with %s: %w", file, line, args[0], err)}
		}
		return textMsg{}
	})
}

// program runs in place of the screen. It takes a moment, also if it ends at once, as
// editors with a window of their own do: bubbletea stops the clock of the old screen
// when it gets to it, and on a busy machine that is after it has started the new one,
// which then stays blank.
type program struct{ *exec.Cmd }

const moment = 250 * time.Millisecond

// Run implements [tea.ExecCommand].
func (p program) Run() error {
	start := time.Now()
	err := p.Cmd.Run()
	time.Sleep(moment - time.Since(start))
	return err
}

func (p program) SetStdin(r io.Reader)  { p.Stdin = r }
func (p program) SetStdout(w io.Writer) { p.Stdout = w }
func (p program) SetStderr(w io.Writer) { p.Stderr = w }

// editor is the command that opens a line of a file, nil without an editor. Its
// words are split at spaces; no shell sees them.
func editor(command, file string, line int) []string {
	args := strings.Fields(command)
	if len(args) == 0 {
		return nil
	}
	if strings.HasPrefix(file, "-") || strings.HasPrefix(file, "+") {
		file = "." + string(filepath.Separator) + file
	}
	line = max(line, 1)
	switch strings.TrimSuffix(filepath.Base(args[0]), ".exe") {
	case "code", "codium", "cursor", "windsurf":
		return append(args, "--goto", fmt.Sprintf("%s:%d", file, line))
	case "subl", "zed", "hx", "helix":
		return append(args, fmt.Sprintf("%s:%d", file, line))
	case "idea", "pycharm", "goland", "webstorm":
		return append(args, "--line", fmt.Sprint(line), file)
	}
	return append(args, fmt.Sprintf("+%d", line), file)
}

// writing is a command that writes a file: the program does not end before the
// file is complete, or gone.
func (m tools) writing(do func() tea.Msg) tea.Cmd {
	m.writes.Add(1)
	return func() tea.Msg {
		defer m.writes.Done()
		return do()
	}
}

// diff shows what a finding's fix changes.
func (m tools) diff() tea.Cmd {
	all, at := m.findings(), m.lists[findingsPane].cursor
	switch {
	case m.subjectPane() != findingsPane || at >= len(all):
		m.note = "choose a finding first"
		return nil
	case all[at].Fix == nil:
		m.note = "the finding has no fix: " + whittle.OneLine(all[at].Advice)
		return nil
	}
	f, s, th := &all[at], m.subject, m.theme
	return func() tea.Msg {
		text, err := s.Diff(f)
		if err != nil {
			return textMsg{err: err}
		}
		return textMsg{over: diffPager(plain(f.Rule+": "+f.Fix.Title), text, th)}
	}
}
