package lab

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/absent"
	"whittle.dev/whittle/internal/audit"
	"whittle.dev/whittle/internal/dockerfile"
	"whittle.dev/whittle/internal/outdir"
	"whittle.dev/whittle/internal/project"
	"whittle.dev/whittle/internal/states"
)

// workshop builds and runs states of a project in a copy of it. The project's
// folder is not changed.
type workshop struct {
	bench *bench // of the project itself
	// others are the Dockerfiles of variants that the user did not select.
	others []string
	copy   *states.Copy
	images string // the folder of images and logs of trials
	guard  bool   // see [audit.AdviseOptions]
	// risk is the highest risk of the fixes that a forecast assumes; empty is low.
	risk whittle.Risk
	// objective is what fixes are judged by: see [StudyOptions].
	objective string
	// trials are the builds so far, by variant and state.
	trials map[string]*trial
	builds int
	// remade are the states whose generated files were remade.
	remade  map[string]remade
	ignored map[string][]whittle.Ignored // in the images at the start, by variant
}

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
}

// newWorkshop copies the project. The variants that the study has built become
// the trials of the state on disk.
func newWorkshop(ctx context.Context, s *study) (*workshop, error) {
	w := &workshop{bench: s.bench, others: s.others, objective: s.o.Objective, trials: map[string]*trial{}, remade: map[string]remade{}, ignored: map[string][]whittle.Ignored{}}
	from := s.bench.project.Dir
	dir, err := os.MkdirTemp(s.bench.out.Dir, outdir.WorkPattern)
	if err != nil {
		return nil, whittle.ErrSystem.Errorf("making a folder for a copy of the project: %w", err)
	}
	if w.images, err = os.MkdirTemp(s.bench.out.Dir, outdir.TrialsPattern); err != nil {
		return nil, errors.Join(whittle.ErrSystem.Errorf("making a folder for images: %w", err), os.RemoveAll(dir))
	}
	unread := s.bench.unread(absent.Unseen(s.bench.project))
	w.copy, err = states.NewCopy(ctx, from, dir, func(rel string, d fs.DirEntry) bool {
		return s.bench.ownFolder(rel, d) || unread(rel, d) && hardLink(from, dir, rel)
	})
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir), os.RemoveAll(w.images))
	}
	w.copy.Parts = s.bench.parts()
	for i := range s.variants {
		v := &s.variants[i]
		t := &trial{Variant: v, made: s.bench.project.Variants[i], source: s.bench.sources[v.Name], declared: declaredNames(s.bench.project.ContextDir(s.bench.project.Variants[i]))}
		if v.Build.Status == whittle.Built {
			t.image = s.bench.imageOf(v)
		}
		w.trials[trialKey(v.Name, nil)] = t
	}
	return w, nil
}

// parts are the Dockerfiles that are parts of other files of the project. Of one that
// cannot be edited it says why.
func (b *bench) parts() map[string]states.Part {
	out := map[string]states.Part{}
	for _, v := range b.project.Variants {
		if v.Inline == nil {
			continue
		}
		file, err := v.From.Find(b.project.Dir, v.Inline)
		if err != nil {
			b.env.Listener().Step(fmt.Sprintf("%s is not changed by fixes: %v", v.Dockerfile, err))
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

// ownFolder says whether a path in the project is the folder of a study.
func (b *bench) ownFolder(rel string, d fs.DirEntry) bool {
	at := filepath.Join(b.project.Dir, rel)
	return d.IsDir() && (at == b.out.Dir || d.Name() == outdir.Name || slices.Contains(b.inputs.CacheFolders(), at))
}

func trialKey(variant string, s state) string { return variant + " " + string(s.Digest()) }

// try builds and runs a variant of a state.
func (w *workshop) try(ctx context.Context, v project.Variant, s state) (*trial, error) {
	key := trialKey(v.Name, s)
	if t, ok := w.trials[key]; ok {
		return t, nil
	}
	if err := w.copy.Checkout(s); err != nil {
		return nil, err
	}
	source, err := w.dockerfile(&v)
	if err != nil {
		return nil, whittle.ErrUsage.Errorf("variant %s: %w", v.Name, err)
	}
	w.builds++
	out, err := outdir.Make(filepath.Join(w.images, fmt.Sprintf("%s-%d", v.Name, w.builds)))
	if err != nil {
		return nil, err
	}
	in := w.bench.inFolder(w.copy.Dir, out, map[string][]byte{v.Name: source})
	w.bench.env.Listener().Step(fmt.Sprintf("building %s with what was changed (build %d)", v.Name, w.builds))
	made, err := in.buildAndRun(ctx, v)
	if err != nil {
		return nil, fmt.Errorf("variant %s: %w", v.Name, err)
	}
	t := &trial{Variant: made, state: s, made: v, source: source, declared: declaredNames(w.bench.project.ContextDir(v))}
	if made.Build.Status == whittle.Built {
		t.image = in.imageOf(made)
		img, err := audit.Open(ctx, w.bench.env, t.image, in.inspected(v, source))
		if err != nil {
			return nil, err
		}
		made.Inspect = img.Inspection()
		made.Inspect.Image.Ref = v.Name
		img.Close()
	}
	w.trials[key] = t
	return t, nil
}

// dockerfile is the text of a variant's Dockerfile in the copy. If the file is
// outside the project, it is read there, and v names its absolute path.
func (w *workshop) dockerfile(v *project.Variant) ([]byte, error) {
	if v.Inline != nil {
		v.Inline = w.copy.Text(v.Dockerfile, v.Inline)
		return v.Inline, nil
	}
	if _, ok := whittle.Inside(w.bench.project.Dir, v.Dockerfile); !ok {
		v.Dockerfile = filepath.Join(w.bench.project.Dir, v.Dockerfile)
		return whittle.ReadFile(v.Dockerfile, dockerfile.MaxSize)
	}
	return whittle.Folder(w.copy.Dir).Read(filepath.ToSlash(filepath.Clean(v.Dockerfile)), dockerfile.MaxSize)
}

// contextDir is the folder in the copy that the build of a variant gets.
func (w *workshop) contextDir(v project.Variant) string {
	here := *w.bench.project
	here.Dir = w.copy.Dir
	return here.ContextDir(v)
}

// accepted are what the project accepts in the images at the start, each once.
func (w *workshop) accepted() (all []whittle.Ignored) {
	for _, v := range w.bench.project.Variants {
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
	o := audit.AdviseOptions{Project: w.copy.Dir, Only: only, Guard: w.guard, Trace: w.bench.trace, Ignores: w.bench.project.Ignore, InspectOptions: audit.InspectOptions{Dockerfile: v.Dockerfile, Source: t.source, Target: v.Target, Args: v.Args, Context: v.Context}}
	for _, c := range w.bench.project.Commands {
		o.Commands = append(o.Commands, c.Command)
	}
	if v := whole(v); len(v.Starts) > 0 {
		o.Started = func(own whittle.Process) (whittle.Process, [][]string) {
			return started(v, own)[0], otherCommands(v, own)
		}
	}
	x, err := audit.Examine(ctx, w.bench.env, t.image, o)
	if err != nil {
		return nil, nil, fmt.Errorf("variant %s: %w", v.Name, err)
	}
	a, err := x.Advise(ctx, w.bench.env, only)
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
