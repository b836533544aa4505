package lab

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/absent"
	"whittle.dev/whittle/internal/audit"
	"whittle.dev/whittle/internal/bench"
	"whittle.dev/whittle/internal/dockerfile"
	"whittle.dev/whittle/internal/outdir"
	"whittle.dev/whittle/internal/project"
	"whittle.dev/whittle/internal/runs"
	"whittle.dev/whittle/internal/states"
)

// workshop builds and runs states of a project in a copy of it. The project's
// folder is not changed.
type workshop struct {
	bench *bench.Bench // of the project itself
	// others are the Dockerfiles of variants that the user did not select.
	others []string
	copy   *states.Copy
	images string // the folder of images and logs of trials
	guard  bool   // see [audit.AdviseOptions]
	// risk is the highest risk of the fixes that a forecast assumes; empty is low.
	risk whittle.Risk
	// objective is what fixes are judged by: see [StudyOptions].
	objective string
	// traces say what the runs of the first image of each variant touched that was seen to
	// run; trace is of the project's image, and was given: see [StudyOptions].
	traces map[string]*whittle.Trace
	trace  *whittle.Trace
	// traced counts the trials that were traced, by variant.
	traced map[string]int
	// trials are the builds so far, by variant and state.
	trials map[string]*trial
	// unseenBy are the files of the project that no build and no test of a variant gets.
	unseenBy map[string]func(rel string) bool
	// builds counts what was built, and made the images: those that are built side by side
	// are one build.
	builds, made int
	// remade are the states whose generated files were remade.
	remade  map[string]remade
	ignored map[string][]whittle.Ignored // in the images at the start, by variant
}

// tracedTrials is how many trials of a variant are traced until one runs: what fails runs
// twice.
const tracedTrials = 2

// state is a state of the project that a trial has built.
type state = states.State

// trial is one variant of one state, built and run.
type trial struct {
	*whittle.Variant
	state  state
	image  string // the name by which its image is opened; empty if there is none
	made   project.Variant
	source []byte // the Dockerfile
	// declared are the distributions that the project declares; nil if it
	// declares none.
	declared map[string]bool
	// times are those of all runs of its starts that were timed, by their names.
	times map[string]whittle.CommandRun
	// readied says that its start was timed for the time to ready.
	readied bool
}

// newWorkshop copies the project. The variants that the study has built become
// the trials of the state on disk.
func newWorkshop(ctx context.Context, s *study) (*workshop, error) {
	w := &workshop{bench: s.bench, others: s.others, objective: s.o.Objective, trace: s.o.Trace, traces: s.traces, traced: map[string]int{}, trials: map[string]*trial{}, unseenBy: map[string]func(string) bool{}, remade: map[string]remade{}, ignored: map[string][]whittle.Ignored{}}
	from := s.bench.Project.Dir
	dir, err := os.MkdirTemp(s.bench.Out.Dir, outdir.WorkPattern)
	if err != nil {
		return nil, whittle.ErrSystem.Errorf("making a folder for a copy of the project: %w", err)
	}
	if w.images, err = os.MkdirTemp(s.bench.Out.Dir, outdir.TrialsPattern); err != nil {
		return nil, errors.Join(whittle.ErrSystem.Errorf("making a folder for images: %w", err), os.RemoveAll(dir))
	}
	unread := s.bench.Unread(absent.Unseen(s.bench.Project))
	w.copy, err = states.NewCopy(ctx, from, dir, func(rel string, d fs.DirEntry) bool {
		return s.bench.OwnFolder(rel, d) || unread(rel, d) && hardLink(from, dir, rel)
	})
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir), os.RemoveAll(w.images))
	}
	w.copy.Parts = parts(s.bench)
	for i := range s.variants {
		v := &s.variants[i]
		t := &trial{Variant: v, made: s.bench.Project.Variants[i], source: s.bench.Sources[v.Name], declared: declaredNames(s.bench.Project.ContextDir(s.bench.Project.Variants[i]))}
		if v.Build.Status == whittle.Built {
			t.image = s.bench.ImageOf(v)
		}
		w.trials[trialKey(v.Name, nil)] = t
	}
	return w, nil
}

// parts are the Dockerfiles that are parts of other files of the project. Of one that
// cannot be edited it says why.
func parts(b *bench.Bench) map[string]states.Part {
	out := map[string]states.Part{}
	for _, v := range b.Project.Variants {
		if v.Inline == nil {
			continue
		}
		file, err := v.From.Find(b.Project.Dir, v.Inline)
		if err != nil {
			b.Env.Listener().Step(fmt.Sprintf("%s is not changed by fixes: %v", v.Dockerfile, err))
			continue
		}
		out[v.Dockerfile] = states.Part{File: file, Text: v.Inline, Put: v.From.Put}
	}
	return out
}

// hardLink links a file of the project into the copy, which takes no time and no
// space. Nothing writes to it, because fixes only change files that are at most
// as large as a text. It is false if the file cannot be linked, for example
// because the copy is on another file system.
func hardLink(from, to, rel string) bool {
	return os.Link(filepath.Join(from, rel), filepath.Join(to, rel)) == nil
}

// close removes the copy and what was built in it.
func (w *workshop) close() error {
	return errors.Join(os.RemoveAll(w.copy.Dir), os.RemoveAll(w.images))
}

func trialKey(variant string, s state) string { return variant + " " + string(s.Digest()) }

// traceOf is what the traced runs of a variant's image touched, nil without any, or if they
// failed: then they say nothing about what is needed.
func traceOf(v *whittle.Variant, image *audit.Subject, all []audit.TracedRun) (*whittle.Trace, error) {
	if len(all) == 0 || !runs.SeenRunning(v) {
		return nil, nil //nolint:nilnil // nil is no trace
	}
	t, err := audit.TraceOf(image, all)
	if err != nil {
		return nil, fmt.Errorf("variant %s: %w", v.Name, err)
	}
	return t, nil
}

// dockerfile is the text of a variant's Dockerfile in the copy. If the file is
// outside the project, it is read there, and v names its absolute path.
func (w *workshop) dockerfile(v *project.Variant) ([]byte, error) {
	if v.Inline != nil {
		v.Inline = w.copy.Text(v.Dockerfile, v.Inline)
		return v.Inline, nil
	}
	if _, ok := whittle.Inside(w.bench.Project.Dir, v.Dockerfile); !ok {
		v.Dockerfile = filepath.Join(w.bench.Project.Dir, v.Dockerfile)
		return whittle.ReadFile(v.Dockerfile, dockerfile.MaxSize)
	}
	return whittle.Folder(w.copy.Dir).Read(filepath.ToSlash(filepath.Clean(v.Dockerfile)), dockerfile.MaxSize)
}

// contextDir is the folder in the copy that the build of a variant gets.
func (w *workshop) contextDir(v project.Variant) string {
	here := *w.bench.Project
	here.Dir = w.copy.Dir
	return here.ContextDir(v)
}

// accepted are what the project accepts in the images at the start, each once.
func (w *workshop) accepted() (all []whittle.Ignored) {
	for _, v := range w.bench.Project.Variants {
		all = append(all, w.ignored[v.Name]...)
	}
	return whittle.MergeIgnored(all)
}

// advise asks the rules about a trial's image. It gives nil if there is none.
func (w *workshop) advise(ctx context.Context, v project.Variant, t *trial, only []string) (*whittle.Advice, *audit.Examined, error) {
	if t.image == "" || v.IsBase { // what is made of it may need what it has
		return nil, nil, nil
	}
	if err := w.copy.Checkout(t.state); err != nil {
		return nil, nil, err
	}
	o := audit.AdviseOptions{Project: w.copy.Dir, Only: only, Guard: w.guard, Trace: cmp.Or(w.trace, w.traces[v.Name]), Repeated: w.trace == nil, Ignores: w.bench.Project.Ignore, InspectOptions: audit.InspectOptions{Dockerfile: v.Dockerfile, Source: t.source, Target: v.Target, Args: v.Args, Context: v.Context}}
	for _, c := range w.bench.Project.Commands {
		o.Commands = append(o.Commands, c.Command)
	}
	if v := bench.Whole(v); len(v.Starts) > 0 {
		o.Started = func(own whittle.Process) (whittle.Process, [][]string) {
			return bench.Started(v, own)[0], bench.OtherCommands(v, own)
		}
	}
	x, err := audit.Examine(ctx, w.bench.Env, t.image, o)
	if err != nil {
		return nil, nil, fmt.Errorf("variant %s: %w", v.Name, err)
	}
	a, err := x.Advise(ctx, w.bench.Env, only)
	if err != nil {
		x.Subject.Close()
		return nil, nil, err
	}
	if a.Image.Ref = v.Name; t.state == nil {
		w.ignored[v.Name] = a.Ignored
	}
	for i := range a.Findings {
		a.Findings[i].Variant = v.Name
	}
	noteStandIn(a, t.Variant, x.Subject)
	return a, x, nil
}
