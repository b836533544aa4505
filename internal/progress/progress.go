// Package progress shows what is going on: on a terminal as a few lines at its
// end, which are drawn again when something changes, elsewhere as one line for
// what begins or is finished, and a sign of life if there was none for a while.
package progress

import (
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/charmbracelet/x/ansi"

	"whittle.dev/whittle"
)

const (
	// redraw is how often a terminal is drawn again if something has changed. The
	// times that it shows have changed after a second.
	redraw = 200 * time.Millisecond
	// Silence is how long nothing is printed off a terminal while something goes on.
	Silence = 30 * time.Second
	// worthATime is how long a step takes at least that is told off a terminal when
	// it ends: its line was printed when it began.
	worthATime = 10 * time.Second
	// maxTasks bounds the tasks that are kept. Further ones are not shown.
	maxTasks = 4096
	// longest bounds the line of what is finished, in cells, where there is no terminal;
	// on a narrow one it has at least narrowest cells.
	longest   = 160
	narrowest = 40
	// maxSaid bounds a line that a task says, in bytes.
	maxSaid = 1000
)

// Options say where to and how progress is shown.
type Options struct {
	// Out is where to, as a rule standard error.
	Out io.Writer
	// Size gives the columns and rows of the terminal, 0 if they are not known; nil
	// says that Out is no terminal.
	Size func() (columns, rows int)
	// Color says that a terminal may show colors.
	Color bool
	// Printable makes a text safe for a terminal.
	Printable func(string) string
	// Now is the clock; nil is [time.Now]. Tick, if not nil, replaces the ticker
	// that makes the display look at it.
	Now  func() time.Time
	Tick <-chan time.Time
}

// Display is a [whittle.Progress] that is seen. What else goes to the same place
// is written to it, so that neither damages the other.
type Display struct {
	o Options

	mu     sync.Mutex
	tasks  []*task
	step   string
	began  time.Time // of the step
	last   time.Time // when something was printed
	frame  []string  // what is on the terminal now
	hidden bool      // the cursor is behind a text, such as a question
	closed bool
	stop   chan struct{}
	ended  chan struct{}
}

// New makes a display. Nothing runs before something is shown; [Display.Close]
// ends it.
func New(o Options) *Display {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Printable == nil {
		o.Printable = whittle.Printable
	}
	return &Display{o: o}
}

// Step implements [whittle.Progress].
func (d *Display) Step(line string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return
	}
	d.start()
	d.hidden = false
	d.endStep()
	d.step, d.began = d.o.Printable(whittle.OneLine(line)), d.o.Now()
	if d.o.Size == nil {
		d.print(d.step)
	}
	d.draw()
}

// endStep leaves the line of the step that has ended. The lock is held.
func (d *Display) endStep() {
	took := d.o.Now().Sub(d.began)
	switch {
	case d.step == "":
	case took >= worthATime:
		d.print(d.step + ": " + elapsed(took))
	case d.o.Size != nil:
		d.print(d.step)
	}
	d.step = ""
}

// Begin implements [whittle.Progress].
func (d *Display) Begin(w whittle.Work) whittle.Task {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed || len(d.tasks) >= maxTasks {
		return whittle.Unseen{}
	}
	d.start()
	w.Name = d.o.Printable(whittle.OneLine(w.Name))
	t := &task{on: d, work: w, began: d.o.Now()}
	d.tasks = append(d.tasks, t)
	return t
}

// Write writes what is no progress to the same place. After a text without a
// line's end, nothing is drawn until something begins: it may be a question.
func (d *Display) Write(p []byte) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.erase("")
	n, err := d.o.Out.Write(p)
	d.last = d.o.Now()
	d.hidden = len(p) > 0 && p[len(p)-1] != '\n'
	d.draw()
	return n, err
}

// Close ends the display and leaves the terminal as if it had printed lines only.
// What begins later is not shown; what is written is.
func (d *Display) Close() {
	d.mu.Lock()
	if !d.closed {
		d.tasks = nil
		d.endStep()
		d.erase("")
	}
	d.closed = true
	stop := d.stop
	d.stop = nil
	d.mu.Unlock()
	if stop != nil {
		close(stop)
		<-d.ended
	}
}

// start begins to look at the clock. The lock is held.
func (d *Display) start() {
	if d.stop != nil {
		return
	}
	d.stop, d.ended = make(chan struct{}), make(chan struct{})
	d.last = d.o.Now()
	tick, end := d.o.Tick, func() {}
	if tick == nil {
		every := redraw
		if d.o.Size == nil {
			every = time.Second
		}
		ticker := time.NewTicker(every)
		tick, end = ticker.C, ticker.Stop
	}
	go func(stop, ended chan struct{}) {
		defer close(ended)
		defer end()
		for {
			select {
			case <-stop:
				return
			case <-tick:
				d.Look()
			}
		}
	}(d.stop, d.ended)
}

// Look brings what is shown up to date with the clock.
func (d *Display) Look() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return
	}
	if d.o.Size != nil {
		d.draw()
	} else if d.o.Now().Sub(d.last) >= Silence {
		d.print(d.alive())
	}
}

// print writes a line that stays. The lock is held.
func (d *Display) print(line string) {
	if line == "" {
		return
	}
	d.erase("whittle: " + line + "\n")
	d.last = d.o.Now()
}

// task is a [whittle.Task] on a display, whose lock guards it.
type task struct {
	on    *Display
	work  whittle.Work
	began time.Time
	done  int64
	said  string
	ended bool
}

// Done implements [whittle.Task].
func (t *task) Done(n, total int64) {
	t.on.mu.Lock()
	defer t.on.mu.Unlock()
	t.done, t.work.Total = n, total
}

// Say implements [whittle.Task].
func (t *task) Say(line string) {
	if line = strings.TrimSpace(line); line == "" {
		return
	}
	if len(line) > maxSaid {
		line = line[:maxSaid]
	}
	line = t.on.o.Printable(whittle.OneLine(ansi.Strip(strings.ToValidUTF8(line, ""))))
	t.on.mu.Lock()
	defer t.on.mu.Unlock()
	t.said = line
}

// End implements [whittle.Task].
func (t *task) End(note string) {
	d := t.on
	d.mu.Lock()
	defer d.mu.Unlock()
	if t.ended {
		return
	}
	t.ended = true
	d.tasks = slices.DeleteFunc(d.tasks, func(other *task) bool { return other == t })
	took := d.o.Now().Sub(t.began)
	if d.closed || t.work.Name == "" || took < t.work.Kept {
		return
	}
	end := note
	switch {
	case note == "":
		end = elapsed(took)
	case took >= 100*time.Millisecond:
		end = note + ", " + elapsed(took)
	}
	room := longest
	if d.o.Size != nil {
		columns, _ := d.size()
		room = max(columns, narrowest)
	}
	room -= ansi.StringWidth("whittle: : " + end)
	d.print(ansi.Truncate(t.work.Name, room, "…") + ": " + end)
	d.draw()
}
