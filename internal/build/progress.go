package build

import (
	"context"
	"io"
	"math"
	"slices"
	"strings"
	"sync"
	"time"

	bkclient "github.com/moby/buildkit/client"
	"github.com/moby/buildkit/util/progress/progressui"
	digest "github.com/opencontainers/go-digest"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/build/redact"
)

const (
	tailLines  = 20          // last lines of a step that are kept
	tailLine   = 2000        // bytes of a line that are kept
	maxTails   = 4096        // steps whose last lines are kept
	noteworthy = time.Second // an internal step this long is shown
	lookAtDisk = 250 * time.Millisecond
	scarceDisk = 1 << 30 // bytes that a step may write between two looks
)

// Progress says where a build shows how far it is.
type Progress struct {
	// To is where to; nil shows nothing.
	To whittle.Progress
	// Label names what is built.
	Label string
	// Usual is how long the build took the last time, 0 if that is not known.
	Usual time.Duration
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
func record(log io.Writer, p Progress, free func() int64, v *redact.Redactor) (*recorder, chan *bkclient.SolveStatus) {
	r := &recorder{stream: stream{v, map[pieceKey][]byte{}}, steps: map[digest.Digest]*Step{}, tails: map[digest.Digest]*tail{}, free: free, least: math.MaxInt64}
	if log != nil {
		r.plainLog(log)
	}
	ch := make(chan *bkclient.SolveStatus)
	shown := newView(p, r.lastLine)
	r.wg.Go(func() { r.run(ch, shown) })
	return r, ch
}

// plainLog writes the full log.
func (r *recorder) plainLog(w io.Writer) {
	d, err := progressui.NewDisplay(w, progressui.PlainMode)
	if err != nil {
		return // plain never fails to begin
	}
	ch := make(chan *bkclient.SolveStatus, 16)
	r.displays = append(r.displays, ch)
	// It ends with its channel, and shows a cancelled build's end too.
	r.wg.Go(func() { _, _ = d.UpdateFrom(context.Background(), ch) })
}

func (r *recorder) run(ch <-chan *bkclient.SolveStatus, shown *view) {
	defer func() {
		for _, d := range r.displays {
			close(d)
		}
		shown.end()
	}()
	look := time.NewTicker(lookAtDisk)
	defer look.Stop()
	for {
		select {
		case status, ok := <-ch:
			if !ok {
				r.pass(&bkclient.SolveStatus{Logs: r.stream.rest("")}, shown)
				return
			}
			r.lookAtDisk() // a step's last words may be that there is no room
			r.pass(r.stream.status(status), shown)
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
func (r *recorder) pass(status *bkclient.SolveStatus, shown *view) {
	r.update(status)
	shown.update(status)
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

// lastLine is what a step printed last.
func (r *recorder) lastLine(d digest.Digest) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if t := r.tails[d]; t != nil {
		return t.now()
	}
	return ""
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

// now is the line that was printed last, of which the end may be missing.
func (t *tail) now() string {
	if line := strings.TrimSpace(strings.ToValidUTF8(string(t.line), "")); line != "" {
		return line
	}
	for _, line := range slices.Backward(t.lines) {
		if line = strings.TrimSpace(line); line != "" {
			return line
		}
	}
	return ""
}

func (t *tail) last() []string {
	if len(t.line) > 0 {
		t.end()
	}
	return append([]string(nil), t.lines...)
}
