package audit

import (
	"cmp"
	"context"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"unicode"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/build"
	"whittle.dev/whittle/internal/host"
	"whittle.dev/whittle/internal/inputs"
	"whittle.dev/whittle/internal/outdir"
	"whittle.dev/whittle/internal/pep"
	"whittle.dev/whittle/internal/project"
	"whittle.dev/whittle/internal/python"
	"whittle.dev/whittle/internal/runs"
	"whittle.dev/whittle/internal/trace"
)

// TracePatience is how long an image's own start is traced if it neither ends nor
// answers.
const TracePatience = runs.Patience

// TraceOptions are the options of [Trace].
type TraceOptions struct {
	// RunOptions are what is traced, and with what: the commands (run:) and requests of
	// the project, too. Patience is [TracePatience] if it is 0.
	RunOptions
	// Test also runs the project's tests.
	Test bool
}

// Trace runs what an image starts, and more commands, and says which files of the image
// they touch. A run that cannot be traced is an error; one that fails is a result, as
// it has touched something too.
func Trace(ctx context.Context, env *host.Env, name string, o TraceOptions) (*whittle.Trace, error) {
	w, err := readWorkload(env, o)
	if err != nil {
		return nil, err
	}
	env.Listener().Step("looking for a build engine") // before the image is read: it may take long
	if w.engine, err = env.Engine(ctx, true); err != nil {
		return nil, err
	}
	defer w.engine.Close()
	s, err := Open(ctx, env, name, InspectOptions{})
	if err != nil {
		return nil, err
	}
	defer s.Close()
	t, err := w.trace(ctx, s, name)
	if err != nil {
		return nil, err
	}
	t.finish()
	return t.out, nil
}

// TracedRun is a traced run of an image: the command, its result, and the process that it
// is judged as.
type TracedRun struct {
	Command build.Command
	Result  build.RunResult
	Process whittle.Process
}

// TraceOf says what runs that were traced touched of an image that was read.
func TraceOf(s *Subject, all []TracedRun) (*whittle.Trace, error) {
	t := newTraced(s)
	for _, r := range all {
		if err := t.note(r.Command, r.Result, r.Process); err != nil {
			return nil, err
		}
	}
	t.finish()
	return t.out, nil
}

// workload is what is run in an image.
type workload struct {
	env     *host.Env
	engine  host.Builder
	project *project.Project // nil without one
	options TraceOptions
	inputs  *inputs.Set
	// apart says that the tests are to be parted into several runs; tests are then the
	// runs that they are, once that is known.
	apart bool
	tests []build.Command
}

func readWorkload(env *host.Env, o TraceOptions) (*workload, error) {
	p, err := tracedProject(o)
	if err != nil {
		return nil, err
	}
	in, err := inputs.Read(env.Variables(), p, o.Inputs)
	return &workload{env: env, project: p, options: o, inputs: in}, err
}

// trace runs the workload in an image that was read.
func (w *workload) trace(ctx context.Context, s *Subject, name string) (*traced, error) {
	t := newTraced(s)
	t.workload = w
	return t, t.run(ctx, name)
}

// setUpBy says that the setup of the tests, which is not traced, names a distribution or
// one of its commands, as "pip install pytest" does.
func (w *workload) setUpBy(d *python.Distribution) bool {
	if !w.options.Test || w.project == nil {
		return false
	}
	names := []string{pep.Normalize(d.Name)}
	for _, e := range d.EntryPoints {
		names = append(names, pep.Normalize(e.Name))
	}
	words := strings.FieldsFunc(w.project.Test.Setup, func(c rune) bool {
		return !(c == '-' || c == '_' || c == '.' || unicode.IsLetter(c) || unicode.IsDigit(c))
	})
	return slices.ContainsFunc(words, func(word string) bool { return slices.Contains(names, pep.Normalize(word)) })
}

// tracedProject reads the project, which need not be one that can be built. It is nil
// without one.
func tracedProject(o TraceOptions) (*project.Project, error) {
	if o.Project == "" {
		if o.Test {
			return nil, whittle.WithHint(whittle.ErrUsage.Errorf("tests are those of a project, and no project is known"), "name its folder with --project")
		}
		return nil, nil
	}
	p, err := project.Load(o.Project, "")
	switch {
	case err != nil && o.Test:
		return nil, err
	case o.Test && p.Test == nil:
		return nil, whittle.WithHint(whittle.ErrUsage.Errorf("the project in %s names no tests", o.Project), "name them in its whittle.yaml (test:)")
	case err != nil:
		return nil, nil //nolint:nilerr // as for a check: the image can be traced without its project
	}
	p.Variants = nil // it is not built here
	return p, nil
}

// traced is an image that is being traced.
type traced struct {
	workload *workload
	subject  *Subject
	out      *whittle.Trace
	// byRun has the absolute paths that each run touched.
	byRun []map[string]bool
	// touched and missing are absolute paths, of all runs.
	touched map[string]whittle.Touch
	missing map[string]bool
}

func newTraced(s *Subject) *traced {
	return &traced{subject: s, out: &whittle.Trace{Schema: whittle.TraceSchema, Image: s.facts(), Runs: []whittle.TraceRun{}},
		touched: map[string]whittle.Touch{}, missing: map[string]bool{}}
}

func (t *traced) run(ctx context.Context, name string) error {
	process := t.subject.Config().Config
	commands, err := t.commands(process)
	if err != nil {
		return err
	}
	tracer, err := build.Tracer(t.subject.Config().Platform())
	if err != nil {
		return err
	}
	d, remove, err := handOver(ctx, t.workload.env, t.subject.Image, name)
	if err != nil {
		return err
	}
	defer remove()
	d.Tracer = tracer
	t.workload.inputs.AddTo(&d)
	if len(d.Services) > 0 {
		bases, err := Bases(ctx, t.workload.env, t.workload.project.Bases)
		if err != nil {
			return err
		}
		maps.Copy(d.Bases, bases)
	}
	t.workload.env.Listener().Step(fmt.Sprintf("tracing what %s runs (%d)", name, len(commands)))
	results, err := t.workload.engine.Run(ctx, d, commands, build.RunOptions{Commands: t.workload.env.Listener()})
	if err != nil {
		return fmt.Errorf("tracing %s: %w", name, err)
	}
	for i, r := range results {
		if err := t.note(commands[i], r, process); err != nil {
			return err
		}
	}
	if !t.workload.options.Test {
		return nil
	}
	return t.test(ctx, d, process)
}

// commands are what is run but for the tests: what the image starts, the project's
// commands, and those that were asked for.
func (t *traced) commands(process whittle.Process) ([]build.Command, error) {
	var requests []build.Request
	var own []project.Command
	if t.workload.project != nil {
		requests, own = runs.Requests(t.workload.project.Requests), t.workload.project.Commands
	}
	var out []build.Command
	c, missing := runs.OwnStart(process, requests, cmp.Or(t.workload.options.Patience, TracePatience))
	if missing == "" {
		out = append(out, c)
	}
	for _, c := range own {
		out = append(out, build.Command{Name: c.Name, Args: c.Command, Timeout: runs.Limit})
	}
	for _, args := range t.workload.options.Commands {
		out = append(out, build.Command{Name: strings.Join(args, " "), Args: args, Timeout: runs.Limit})
	}
	if len(out) == 0 && !t.workload.options.Test {
		return nil, whittle.WithHint(whittle.ErrUsage.Errorf("nothing can be traced: %s", missing), "name what to run with --command")
	}
	for i := range out {
		out[i].Trace = true
	}
	return out, t.workload.inputs.SetEnvironment(out, own)
}

// maxTestRuns bounds the runs that the tests of a project are parted into: each starts the
// tests' program again.
const maxTestRuns = 8

// test traces the project's tests, as one run or, where they are to be parted, as several.
// Tests of which a part fails by itself, as one that needs the others, are one run.
func (t *traced) test(ctx context.Context, d build.Definition, process whittle.Process) error {
	w := t.workload
	commands, parting := w.tests, false
	if commands == nil && w.apart {
		for _, p := range runs.SplitTests(w.project, studies, maxTestRuns) {
			commands, parting = append(commands, build.Command{Name: p.Name, Args: p.Args, Timeout: runs.TestsLimit, Trace: true}), true
		}
	}
	whole := []build.Command{{Name: runs.Tests, Args: w.project.Test.Command, Timeout: runs.TestsLimit, Trace: true}}
	if commands == nil {
		commands = whole
	}
	results, err := t.runTests(ctx, d, process, commands)
	if err != nil {
		return err
	}
	if parting {
		if w.tests, results = passing(commands, results); w.tests == nil {
			w.tests = whole
			if results, err = t.runTests(ctx, d, process, whole); err != nil {
				return err
			}
		}
		commands = w.tests
	}
	for i, r := range results {
		if err := t.note(commands[i], r, process); err != nil {
			return err
		}
	}
	return nil
}

// passing are the parts of tests that have some, if there are several and all of them
// pass; else nil.
func passing(commands []build.Command, results []build.RunResult) (parts []build.Command, of []build.RunResult) {
	for i, r := range results {
		switch {
		case r.ExitCode == runs.NoTests:
		case !r.OK():
			return nil, nil
		default:
			parts, of = append(parts, commands[i]), append(of, r)
		}
	}
	if len(parts) < 2 {
		return nil, nil
	}
	return parts, of
}

func (t *traced) runTests(ctx context.Context, d build.Definition, process whittle.Process, commands []build.Command) ([]build.RunResult, error) {
	w := t.workload
	if err := w.inputs.SetEnvironment(commands, nil); err != nil {
		return nil, err
	}
	w.env.Listener().Step("tracing the project's tests")
	return runs.InTests{Project: w.project, Process: process, Commands: commands, Skip: studies, Shown: w.env.Listener()}.Run(ctx, w.engine, d)
}

// studies says whether a path of a project is the folder of its studies.
func studies(_ string, d fs.DirEntry) bool { return d.IsDir() && d.Name() == outdir.Name }

// note adds a run.
func (t *traced) note(c build.Command, r build.RunResult, process whittle.Process) error {
	switch {
	case r.Err != nil:
		return whittle.ErrNotFound.Errorf("tracing %s in %s: %w", r.Name, t.out.Image.Ref, r.Err)
	case r.TraceErr != nil:
		return fmt.Errorf("%s in %s: %w", r.Name, t.out.Image.Ref, r.TraceErr)
	case r.Trace == nil: // the setup of the tests failed
		return whittle.ErrUnmeasured.Errorf("tracing %s in %s: %s", r.Name, t.out.Image.Ref, whittle.Shorten(whittle.OneLine(string(r.Stderr)), 300))
	}
	judged, _ := runs.Judge(whittle.StartEntry, c, r, process)
	run := whittle.TraceRun{Name: r.Name, Command: r.Args, Exit: r.ExitCode, Served: c.Watch != nil && !r.Trace.Ended && !r.TimedOut, Problem: judged.Problem}
	if n := len(r.Times); n > 0 {
		run.Seconds = r.Times[n-1].Seconds()
	}
	touched, missing := map[string]bool{}, map[string]bool{}
	for _, log := range []*trace.Log{r.Trace, r.CheckTrace} {
		if log == nil {
			continue
		}
		t.add(log, touched, missing)
		for program := range log.Unprivileged {
			t.out.Notes = append(t.out.Notes, fmt.Sprintf("%s did not get the privileges that its file gives (%s), as it was traced", program, r.Name))
		}
	}
	run.Touched, run.Missing = len(touched), len(missing)
	t.out.Runs, t.byRun = append(t.out.Runs, run), append(t.byRun, touched)
	return nil
}

// add adds a log. What the image does not have was made by the command, or is of the
// container; what it has is not missing, although the command may have removed it.
func (t *traced) add(log *trace.Log, touched, missing map[string]bool) {
	for p, how := range log.Touched {
		if _, err := t.subject.Lstat(strings.TrimPrefix(p, "/")); err == nil {
			t.touched[p] |= how
			touched[p] = true
		}
	}
	for p := range log.Missing {
		if _, err := t.subject.Lstat(strings.TrimPrefix(p, "/")); err != nil {
			t.missing[p], missing[p] = true, true
		}
	}
}

// finish sums up.
func (t *traced) finish() {
	out := t.out
	out.Touched = []whittle.TouchedPath{}
	for _, p := range slices.Sorted(maps.Keys(t.touched)) {
		out.Touched = append(out.Touched, whittle.TouchedPath{Path: p, How: t.touched[p]})
	}
	out.Missing = slices.AppendSeq([]string{}, maps.Keys(t.missing))
	slices.Sort(out.Missing)
	slices.Sort(out.Notes)
	out.Owners = t.subject.Account.Touched(t.touched)
}
