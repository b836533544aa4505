package build

import (
	"context"
	"fmt"
	"strings"
	"time"

	bkclient "github.com/moby/buildkit/client"
	digest "github.com/opencontainers/go-digest"

	"whittle.dev/whittle"
)

// maxParts bounds the parts of a step whose bytes are counted, such as the
// layers of an image that it fetches.
const maxParts = 1000

// view shows a build's steps as they go on. A nil one shows nothing.
type view struct {
	to       whittle.Progress
	build    whittle.Task
	lastLine func(digest.Digest) string
	steps    map[digest.Digest]*viewed
	done     map[digest.Digest]bool // of the Dockerfile's steps
	// failed says that a step failed, stopped that one was stopped: because another
	// failed, or the build was interrupted.
	failed, stopped bool
}

// viewed is a step.
type viewed struct {
	task  whittle.Task // nil while it does not run
	ended time.Time    // when it did the last time
	parts map[string]part
}

// part are the bytes of a part of a step.
type part struct{ done, total int64 }

// newView begins to show a build. lastLine is what a step printed last.
func newView(p Progress, lastLine func(digest.Digest) string) *view {
	if p.To == nil {
		return nil
	}
	work := whittle.Work{Name: "building", Item: "step", Usual: p.Usual, Kept: noteworthy}
	if p.Label != "" {
		work.Name += " " + p.Label
	}
	return &view{to: p.To, build: p.To.Begin(work), lastLine: lastLine, steps: map[digest.Digest]*viewed{}, done: map[digest.Digest]bool{}}
}

// end ends what still goes on, as the build has ended.
func (v *view) end() {
	if v == nil {
		return
	}
	for _, s := range v.steps {
		if s.task != nil {
			s.task.End("stopped")
		}
	}
	switch {
	case v.failed:
		v.build.End("failed")
	case v.stopped:
		v.build.End("stopped")
	default:
		v.build.End("")
	}
}

func (v *view) update(status *bkclient.SolveStatus) {
	if v == nil {
		return
	}
	for _, x := range status.Vertexes {
		v.vertex(x)
	}
	for _, s := range status.Statuses {
		v.bytes(s)
	}
	for _, l := range status.Logs {
		if s := v.steps[l.Vertex]; s != nil && s.task != nil {
			s.task.Say(v.lastLine(l.Vertex))
		}
	}
	done := 0
	for _, d := range v.done {
		if d {
			done++
		}
	}
	v.build.Done(int64(done), int64(len(v.done)))
}

// vertex shows that a step has begun, or ended.
func (v *view) vertex(x *bkclient.Vertex) {
	step := Step{Name: x.Name, Cached: x.Cached, Error: x.Error}
	s := v.steps[x.Digest]
	if s == nil {
		if len(v.steps) >= maxTails {
			return
		}
		s = &viewed{}
		v.steps[x.Digest] = s
	}
	if step.Dockerfile() {
		v.done[x.Digest] = x.Completed != nil
	}
	if x.Started == nil || x.Completed != nil && s.ended.Equal(*x.Completed) {
		return
	}
	step.Started = *x.Started
	seen := s.task != nil
	if !seen {
		work := whittle.Work{Name: x.Name, Bytes: true}
		if !step.Dockerfile() {
			work.Kept = noteworthy
		}
		s.task = v.to.Begin(work)
	}
	if x.Completed == nil {
		return
	}
	step.Completed, s.ended = *x.Completed, *x.Completed
	note := ""
	switch {
	case strings.HasSuffix(step.Error, context.Canceled.Error()):
		v.stopped = true
		note = "stopped"
	case step.Error != "":
		v.failed = true
		note = "failed"
	case step.Cached:
		note = "cached"
	case !seen: // its time is not that of the task
		note = fmt.Sprintf("%.1f s", step.Duration().Seconds())
	}
	s.task.End(note)
	s.task = nil
}

// bytes adds up what a step has fetched or sent, as far as it says that.
func (v *view) bytes(x *bkclient.VertexStatus) {
	s := v.steps[x.Vertex]
	if s == nil || s.task == nil || x.Total <= 0 && x.Current <= 0 {
		return
	}
	if s.parts == nil {
		s.parts = map[string]part{}
	}
	if _, known := s.parts[x.ID]; !known && len(s.parts) >= maxParts {
		return
	}
	s.parts[x.ID] = part{x.Current, x.Total}
	var sum part
	for _, p := range s.parts {
		sum.done += p.done
		sum.total += max(p.done, p.total)
	}
	if sum.total == sum.done {
		sum.total = 0 // it says how much there was, not how much there is
	}
	s.task.Done(sum.done, sum.total)
}
