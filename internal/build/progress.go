package build

import (
	"context"
	"fmt"
	"io"
	"math"
	"strings"
	"sync"
	"time"

	bkclient "github.com/moby/buildkit/client"
	"github.com/moby/buildkit/util/progress/progressui"
	digest "github.com/opencontainers/go-digest"

	"whittle.dev/whittle"
)

const (
	tailLines  = 20   // last lines of a step that are kept
	tailLine   = 2000 // bytes of a line that are kept
	maxTails   = 4096 // steps whose last lines are kept
	slowStep   = 5 * time.Second
	noteworthy = time.Second // an internal step this long is shown
	lookAtDisk = 250 * time.Millisecond
	scarceDisk = 1 << 30 // bytes that a step may write between two looks
)

// Progress says where a build shows how far it is.
type Progress struct {
	// W is where to; nil shows nothing. On a terminal it is BuildKit's own
	// view, elsewhere one line for each step.
	W io.Writer
	// Label is printed before each line, or in the view's title.
	Label string
}

// Step is one step of a build as the engine ran it.
type Step struct {
	Name               string
	Started, Completed time.Time
	// Cached steps took their result from an earlier build.
	Cached bool
	// Error is why the step failed.
	Error string
}

// Duration is how long the step took, 0 where it did not end.
func (s Step) Duration() time.Duration {
	if s.Completed.IsZero() || s.Started.IsZero() {
		return 0
	}
	return s.Completed.Sub(s.Started)
}

// Dockerfile says whether the step is one of the Dockerfile's, not of the
// machinery around them.
func (s Step) Dockerfile() bool {
	return strings.HasPrefix(s.Name, "[") && !strings.HasPrefix(s.Name, "[internal]") &&
		!strings.HasPrefix(s.Name, "[auth]") && !strings.HasPrefix(s.Name, "[context ")
}

// recorder keeps what a build reports, and passes it on to its displays.
type recorder struct {
	mu       sync.Mutex
	order    []digest.Digest
	steps    map[digest.Digest]*Step
	tails    map[digest.Digest]*tail
	warnings []string
	free     func() int64 // bytes of the engine's disk; nil where nobody knows
	least    int64        // the least that was seen

	stream   stream
	displays []chan *bkclient.SolveStatus
	wg       sync.WaitGroup
}

// record starts a recorder; the channel goes to the solve, which closes it. free
// says how many bytes the engine's disk has left; nil where nobody knows.
// What v hides is neither kept nor shown.
func record(log io.Writer, p Progress, free func() int64, v *redactor) (*recorder, chan *bkclient.SolveStatus) {
	r := &recorder{stream: stream{v, map[pieceKey][]byte{}}, steps: map[digest.Digest]*Step{}, tails: map[digest.Digest]*tail{}, free: free, least: math.MaxInt64}
	if log != nil {
		_ = r.display(log, progressui.PlainMode, "") // plain never fails to begin
	}
	var lines *compact
	if p.W != nil && r.display(p.W, progressui.TtyMode, p.Label) != nil {
		lines = &compact{w: p.W, label: p.Label, said: map[digest.Digest]time.Time{}}
	}
	ch := make(chan *bkclient.SolveStatus)
	r.wg.Go(func() { r.run(ch, lines) })
	return r, ch
}

func (r *recorder) display(w io.Writer, mode progressui.DisplayMode, label string) error {
	var opts []progressui.DisplayOpt
	if label != "" {
		opts = append(opts, progressui.WithPhase(label))
	}
	d, err := progressui.NewDisplay(w, mode, opts...)
	if err != nil {
		return err
	}
	ch := make(chan *bkclient.SolveStatus, 16)
	r.displays = append(r.displays, ch)
	// The display ends with its channel, and shows a cancelled build's end too.
	r.wg.Go(func() { _, _ = d.UpdateFrom(context.Background(), ch) })
	return nil
}

func (r *recorder) run(ch <-chan *bkclient.SolveStatus, lines *compact) {
	defer func() {
		for _, d := range r.displays {
			close(d)
		}
	}()
	tick := time.NewTicker(slowStep)
	defer tick.Stop()
	look := time.NewTicker(lookAtDisk)
	defer look.Stop()
	for {
		select {
		case status, ok := <-ch:
			if !ok {
				r.pass(&bkclient.SolveStatus{Logs: r.stream.rest("")}, lines)
				return
			}
			r.lookAtDisk() // a step's last words may be that there is no room
			r.pass(r.stream.status(status), lines)
		case now := <-tick.C:
			lines.slow(r.list(), now)
		case <-look.C:
			r.lookAtDisk()
		}
	}
}

// lookAtDisk notes how full the engine's disk is: what a step that failed wrote
// is gone before anyone can ask.
func (r *recorder) lookAtDisk() {
	if r.free == nil {
		return
	}
	free := r.free()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.least = min(r.least, free)
}

// scarce says whether the engine's disk was all but full at some time.
func (r *recorder) scarce() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.least < scarceDisk
}

// pass notes a report and shows it.
func (r *recorder) pass(status *bkclient.SolveStatus, lines *compact) {
	r.update(status)
	lines.update(status)
	for _, d := range r.displays {
		d <- status
	}
}

// wait ends when the build's channel is closed and all is shown.
func (r *recorder) wait() { r.wg.Wait() }

func (r *recorder) update(status *bkclient.SolveStatus) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, v := range status.Vertexes {
		s := r.steps[v.Digest]
		if s == nil {
			s = &Step{}
			r.steps[v.Digest] = s
			r.order = append(r.order, v.Digest)
		}
		s.Name, s.Cached, s.Error = v.Name, v.Cached, v.Error
		// A step that the engine takes up again starts once more.
		if v.Started != nil && s.Started.IsZero() {
			s.Started = *v.Started
		}
		if v.Completed != nil {
			s.Completed = *v.Completed
		}
	}
	for _, l := range status.Logs {
		t := r.tails[l.Vertex]
		if t == nil {
			if len(r.tails) >= maxTails {
				continue
			}
			t = &tail{}
			r.tails[l.Vertex] = t
		}
		t.write(l.Data)
	}
	for _, w := range status.Warnings {
		r.warnings = append(r.warnings, string(w.Short))
	}
}

// list is all steps in the order in which the engine named them.
func (r *recorder) list() []Step {
	r.mu.Lock()
	defer r.mu.Unlock()
	steps := make([]Step, 0, len(r.order))
	for _, d := range r.order {
		steps = append(steps, *r.steps[d])
	}
	return steps
}

// failed is the name and the last lines of a step; with no digest, of the
// first step of the Dockerfile that has an error.
func (r *recorder) failed(dgst string) (name string, last []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, d := range r.order {
		if s := r.steps[d]; dgst == "" && s.Error != "" && s.Dockerfile() {
			dgst = d.String()
		}
	}
	if s := r.steps[digest.Digest(dgst)]; s != nil {
		name = s.Name
	}
	if t := r.tails[digest.Digest(dgst)]; t != nil {
		last = t.last()
	}
	return name, last
}

// unfinished is the name and the last lines of the step of the Dockerfile that
// ran when the build was cut short: the last that started and did not succeed.
func (r *recorder) unfinished() (name string, last []string) {
	r.mu.Lock()
	var found digest.Digest
	var began time.Time
	for _, d := range r.order {
		if s := r.steps[d]; s.Dockerfile() && !s.Started.IsZero() && s.Started.After(began) && (s.Completed.IsZero() || s.Error != "") {
			found, began = d, s.Started
		}
	}
	r.mu.Unlock()
	if found == "" {
		return "", nil
	}
	return r.failed(found.String())
}

// tail keeps the last lines of a stream.
type tail struct {
	lines []string
	line  []byte
	cr    bool
}

func (t *tail) write(p []byte) {
	for _, c := range p {
		if t.cr && c != '\n' {
			t.line = t.line[:0] // a progress bar that begins anew
		}
		t.cr = c == '\r'
		switch {
		case c == '\n':
			t.end()
		case t.cr:
		case len(t.line) < tailLine:
			t.line = append(t.line, c)
		}
	}
}

func (t *tail) end() {
	t.lines = append(t.lines, strings.ToValidUTF8(string(t.line), "�"))
	if len(t.lines) > tailLines {
		t.lines = append(t.lines[:0], t.lines[len(t.lines)-tailLines:]...)
	}
	t.line = t.line[:0]
}

func (t *tail) last() []string {
	if len(t.line) > 0 {
		t.end()
	}
	return append([]string(nil), t.lines...)
}

// compact writes one line for each step that ends. A nil one writes nothing.
type compact struct {
	w     io.Writer
	label string
	said  map[digest.Digest]time.Time
	slows map[string]bool
}

func (c *compact) update(status *bkclient.SolveStatus) {
	if c == nil {
		return
	}
	for _, v := range status.Vertexes {
		if v.Completed == nil || v.Started == nil || c.said[v.Digest].Equal(*v.Completed) {
			continue
		}
		c.said[v.Digest] = *v.Completed
		s := Step{Name: v.Name, Started: *v.Started, Completed: *v.Completed, Cached: v.Cached, Error: v.Error}
		switch {
		case s.Error != "":
			c.say("%7.1fs  %s  FAILED", s.Duration().Seconds(), s.Name)
		case s.Cached && s.Dockerfile():
			c.say("  cached  %s", s.Name)
		case s.Dockerfile() || s.Duration() >= noteworthy:
			c.say("%7.1fs  %s", s.Duration().Seconds(), s.Name)
		}
	}
}

// slow names the steps that have been running for long, once.
func (c *compact) slow(steps []Step, now time.Time) {
	if c == nil {
		return
	}
	for _, s := range steps {
		if s.Started.IsZero() || !s.Completed.IsZero() || now.Sub(s.Started) < slowStep || c.slows[s.Name] {
			continue
		}
		if c.slows == nil {
			c.slows = map[string]bool{}
		}
		c.slows[s.Name] = true
		c.say(" running  %s", s.Name)
	}
}

func (c *compact) say(format string, args ...any) {
	line := whittle.Shorten(whittle.OneLine(fmt.Sprintf(format, args...)), 160)
	if c.label != "" {
		line = c.label + ": " + line
	}
	_, _ = fmt.Fprintln(c.w, line)
}
