package bench

import (
	"context"
	"fmt"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/audit"
	"whittle.dev/whittle/internal/build"
	"whittle.dev/whittle/internal/runs"
)

// Traced are the traced runs of a variant that was built and run: of all its runs, or
// none.
func (b *Bench) Traced(variant string) []audit.TracedRun { return b.traced[variant] }

// tracing runs the commands of a variant's image, under the tracer where that can be
// done. A run whose time counts is traced apart, once more; a run that fails under the
// tracer, or that cannot be traced, is repeated without it.
type tracing struct {
	bench *Bench
	out   *whittle.Variant
	// tracer is the program, empty if nothing is traced.
	tracer string
	traced []audit.TracedRun
}

// tracing traces the runs of a variant's image if it is a bench that traces, and the
// machine has a tracer for the platform.
func (b *Bench) tracing(platform whittle.Platform, out *whittle.Variant) *tracing {
	t := &tracing{bench: b, out: out}
	delete(b.traced, out.Name)
	if !b.Trace || b.engine.builder == nil {
		return t
	}
	tracer, err := build.Tracer(platform)
	if err != nil {
		t.give(err)
		return t
	}
	t.tracer = tracer
	return t
}

// give gives up, with a note why there is no trace.
func (t *tracing) give(why error) {
	t.tracer, t.traced = "", nil
	t.out.Build.Notes = append(t.out.Build.Notes, "its runs were not traced: "+whittle.OneLine(why.Error()))
}

// keep keeps the runs that were traced.
func (t *tracing) keep() {
	if len(t.traced) > 0 {
		t.bench.traced[t.out.Name] = t.traced
	}
}

// runner runs commands in the image of a build.
type runner func(ctx context.Context, d build.Definition, commands []build.Command) ([]build.RunResult, error)

// run runs jobs, and gives the result of each.
func (t *tracing) run(ctx context.Context, d build.Definition, jobs []job, run runner) ([]build.RunResult, error) {
	if t.tracer == "" {
		return run(ctx, d, commandsOf(jobs))
	}
	results, err := t.traceAll(ctx, d, jobs, run)
	if err == nil || ctx.Err() != nil {
		return results, err
	}
	why := err // the engine may not do what the tracer needs
	if results, err = run(ctx, d, commandsOf(jobs)); err == nil {
		t.give(why)
	}
	return results, err
}

func commandsOf(jobs []job) (out []build.Command) {
	for i := range jobs {
		out = append(out, jobs[i].Command)
	}
	return out
}

// isTimed says that the time of a run counts: for which image is slower, or ready sooner.
func isTimed(c *build.Command) bool { return c.Repeat > 0 || c.Watch != nil }

// traceAll runs jobs under the tracer.
func (t *tracing) traceAll(ctx context.Context, d build.Definition, jobs []job, run runner) ([]build.RunResult, error) {
	commands := commandsOf(jobs)
	at := make([]int, len(jobs)) // of each job's traced run
	for i := range jobs {
		if at[i] = i; !isTimed(&commands[i]) {
			commands[i].Trace = true
			continue
		}
		apart := commands[i]
		apart.Repeat, apart.Trace = 0, true
		if apart.Watch == nil {
			commands[i].Sites = nil // the traced run notes the imports
		} else {
			apart.Sites = nil // it notes them as in the images that it is compared with
		}
		at[i], commands = len(commands), append(commands, apart)
	}
	d.Tracer = t.tracer
	results, err := run(ctx, d, commands)
	if err != nil {
		return nil, err
	}
	plain, err := withoutTracer(ctx, d, jobs, run, func(i int) bool {
		r := &results[at[i]]
		return jobs[i].Watch == nil && (r.TraceErr != nil || r.Trace != nil && !r.OK())
	})
	if err != nil {
		return nil, err
	}
	for i, j := range jobs {
		traced, repeated := results[at[i]], plain[i]
		switch {
		case at[i] != i && repeated != nil:
			results[i].Imports = repeated.Imports
		case at[i] != i && j.Watch == nil:
			results[i].Imports = traced.Imports
		case repeated != nil:
			results[i] = *repeated
		case at[i] == i:
			results[i].Times, results[i].CPU = nil, nil // they are those of the tracer
		}
		t.note(j, commands[at[i]], traced, results[i])
	}
	return results[:len(jobs)], nil
}

// withoutTracer runs some of the jobs again, each once, and gives the results by the
// places of the jobs.
func withoutTracer(ctx context.Context, d build.Definition, jobs []job, run runner, wanted func(i int) bool) (map[int]*build.RunResult, error) {
	var commands []build.Command
	var places []int
	for i := range jobs {
		if wanted(i) {
			c := jobs[i].Command
			c.Repeat = 0
			commands, places = append(commands, c), append(places, i)
		}
	}
	out := map[int]*build.RunResult{}
	if len(places) == 0 {
		return out, nil
	}
	d.Tracer = ""
	results, err := run(ctx, d, commands)
	if err != nil {
		return nil, err
	}
	for n, i := range places {
		out[i] = &results[n]
	}
	return out, nil
}

// note adds a traced run of a job whose result is another one's, or its own. What fails
// under the tracer alone is no trace of what the job does.
func (t *tracing) note(j job, c build.Command, traced, result build.RunResult) {
	verdict := func(r build.RunResult) whittle.Verdict {
		run, _ := runs.Judge(whittle.StartCommand, j.Command, r, j.process)
		return run.Status
	}
	switch {
	case t.tracer == "": // it was given up
	case traced.TraceErr != nil:
		t.give(fmt.Errorf("%s: %w", j.Name, traced.TraceErr))
	case traced.Trace == nil: // it was not started
	case verdict(result) == whittle.Runs && verdict(traced) != whittle.Runs:
		t.give(fmt.Errorf("%s fails under the tracer", j.Name))
	default:
		t.traced = append(t.traced, audit.TracedRun{Command: c, Result: traced, Process: j.process})
	}
}
