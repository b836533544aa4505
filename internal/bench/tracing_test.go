package bench

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/build"
	"whittle.dev/whittle/internal/imagetest"
	"whittle.dev/whittle/internal/trace"
)

// tracedEngine runs commands, and says of each how it was run. What fails under the tracer,
// and what never works, is named.
type tracedEngine struct {
	fails, never, untraced string
	broken                 bool // it can do nothing for the tracer
	ran                    []string
}

func (e *tracedEngine) run(_ context.Context, d build.Definition, commands []build.Command) (out []build.RunResult, err error) {
	if d.Tracer != "" && e.broken {
		return nil, errors.New("the engine gives back no file")
	}
	for _, c := range commands {
		how := c.Name
		r := build.RunResult{Name: c.Name, Times: make([]time.Duration, max(1, c.Repeat))}
		if c.Trace {
			how += " traced"
			r.Trace = &trace.Log{Touched: map[string]whittle.Touch{"/" + c.Name: whittle.TouchOpen}}
		}
		if len(c.Sites) > 0 {
			how += " noted"
			r.Imports = []build.Import{{Module: c.Name}}
		}
		switch {
		case c.Name == e.never, c.Trace && c.Name == e.fails:
			r.ExitCode = 1
		case c.Trace && c.Name == e.untraced:
			r.Trace, r.TraceErr = nil, errors.New("ptrace is not permitted")
		}
		e.ran = append(e.ran, how)
		out = append(out, r)
	}
	return out, nil
}

// TestTracing: runs whose times count are traced apart; what fails under the tracer, or
// cannot be traced, runs again without it, and then there is no trace, but a note.
func TestTracing(t *testing.T) {
	jobs := []job{{Command: build.Command{Name: "first", Repeat: 2, Sites: []string{"s"}}}, {Command: build.Command{Name: "second", Sites: []string{"s"}}}}
	for _, c := range []struct {
		name   string
		engine tracedEngine
		want   []string // what ran
		traced int
		note   string
	}{
		{"all work", tracedEngine{}, []string{"first", "second traced noted", "first traced noted"}, 2, ""},
		{"one fails under the tracer", tracedEngine{fails: "second"}, []string{"first", "second traced noted", "first traced noted", "second noted"}, 0, "second fails under the tracer"},
		{"the one that is timed does", tracedEngine{fails: "first"}, []string{"first", "second traced noted", "first traced noted", "first noted"}, 0, "first fails under the tracer"},
		{"one fails anyway", tracedEngine{never: "second"}, []string{"first", "second traced noted", "first traced noted", "second noted"}, 2, ""},
		{"ptrace is not permitted", tracedEngine{untraced: "second"}, []string{"first", "second traced noted", "first traced noted", "second noted"}, 0, "second: ptrace is not permitted"},
		{"the engine cannot", tracedEngine{broken: true}, []string{"first noted", "second noted"}, 0, "gives back no file"},
	} {
		t.Run(c.name, func(t *testing.T) {
			out := &whittle.Variant{}
			tr := &tracing{bench: &Bench{}, out: out, tracer: "/whittle"}
			results, err := tr.run(t.Context(), build.Definition{}, jobs, c.engine.run)
			imagetest.Must(t, err)
			if diff := cmp.Diff(c.want, c.engine.ran); diff != "" {
				t.Errorf("ran (-want +got):\n%s", diff)
			}
			if len(tr.traced) != c.traced || (len(out.Build.Notes) > 0) != (c.note != "") || c.note != "" && !strings.Contains(out.Build.Notes[0], c.note) {
				t.Errorf("%d traced, %q", len(tr.traced), out.Build.Notes)
			}
			for i, r := range results {
				if r.Name != jobs[i].Name || (r.ExitCode == 0) != (r.Name != c.engine.never) || r.Imports == nil && !c.engine.broken || !c.engine.broken && r.Imports[0].Module != r.Name {
					t.Errorf("%d: %+v", i, r)
				}
			}
			if first := results[0]; len(first.Times) != 2 || slices.Contains(c.want, "second traced noted") && c.traced == 2 && c.engine.never == "" && len(results[1].Times) != 0 {
				t.Errorf("times %v, %v", first.Times, results[1].Times)
			}
		})
	}
}
