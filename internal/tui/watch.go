package tui

import (
	"sync"
	"time"

	tea "charm.land/bubbletea/v2"

	"whittle.dev/whittle"
)

// Messages of what is going on in the background: a step begins, and how much of
// it is done.
type (
	stepMsg string
	doneMsg struct{ text string }
)

// watcher is a [whittle.Progress] that tells the screen.
type watcher struct{ send func(tea.Msg) }

// Step implements [whittle.Progress].
func (w watcher) Step(line string) { w.send(stepMsg(line)) }

// Begin implements [whittle.Progress].
func (w watcher) Begin(work whittle.Work) whittle.Task {
	return &watched{send: w.send, work: work}
}

// watched is a piece of work. It tells a few times a second how far it is.
type watched struct {
	send func(tea.Msg)
	work whittle.Work
	lock sync.Mutex
	last time.Time
}

// Say implements [whittle.Task].
func (w *watched) Say(string) {}

// Done implements [whittle.Task].
func (w *watched) Done(n, total int64) {
	w.lock.Lock()
	soon := time.Since(w.last) < 100*time.Millisecond
	if !soon {
		w.last = time.Now()
	}
	w.lock.Unlock()
	if soon {
		return
	}
	text := w.work.Name
	if w.work.Bytes {
		text = far(text, whittle.Bytes(n), whittle.Bytes(total), total)
	} else {
		text = far(text, whittle.Thousands(n), whittle.Thousands(total), total)
	}
	w.send(doneMsg{text})
}

func far(name, n, all string, total int64) string {
	if name != "" {
		name += ": "
	}
	if total > 0 {
		n += " of " + all
	}
	return name + n
}

// End implements [whittle.Task].
func (w *watched) End(string) { w.send(doneMsg{}) }
