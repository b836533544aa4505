package lab

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"

	"whittle"
	"whittle/internal/project"
)

// state is what a project would look like: the files that differ from those on
// disk, by path. It is not changed once it was built.
type state map[string][]byte

// with is the state with further files.
func (s state) with(files map[string][]byte) state {
	out := maps.Clone(s)
	if out == nil {
		out = state{}
	}
	maps.Copy(out, files)
	return out
}

func (s state) digest() whittle.Digest {
	h := sha256.New()
	for _, name := range slices.Sorted(maps.Keys(s)) {
		fmt.Fprintf(h, "%q %d ", name, len(s[name]))
		h.Write(s[name])
	}
	return whittle.SHA256([32]byte(h.Sum(nil)))
}

// workshop builds and runs states of a project that nobody has written, in a
// copy of it; the project's own folder is not touched.
type workshop struct {
	*study
	dir   string // the copy
	fresh map[string]bool
	guard bool // asks for guarded imports: see AdviseOptions
	// risk is the highest of the fixes that a forecast counts on; empty is low.
	risk whittle.Risk
	// trials are the outcomes so far, by variant and state.
	trials map[string]*trial
	builds int
}

// trial is one variant of one state, built and run.
type trial struct {
	*whittle.Variant
	state   state
	archive string // empty where there is no image
	source  []byte // the Dockerfile
}

// newWorkshop copies the project. The variants that the study has built are
// the trials of the state that is on disk.
func newWorkshop(s *study) (*workshop, error) {
	dir := s.out.path("work")
	if err := os.RemoveAll(dir); err != nil {
		return nil, fmt.Errorf("clearing the workshop: %w", err)
	}
	skip := func(rel string, d fs.DirEntry) bool { return filepath.Join(s.project.Dir, rel) == string(s.out) }
	if err := copyTree(s.project.Dir, dir, skip); err != nil {
		return nil, fmt.Errorf("copying the project: %w: %w", err, whittle.ErrUsage)
	}
	w := &workshop{study: s, dir: dir, fresh: map[string]bool{}, trials: map[string]*trial{}}
	for i := range s.variants {
		v := &s.variants[i]
		t := &trial{Variant: v, source: s.sources[v.Name]}
		if v.Build.Status == whittle.Built {
			t.archive = s.out.path(v.Build.Archive)
		}
		w.trials[trialKey(v.Name, nil)] = t
	}
	return w, nil
}

// close removes the copy and what was built in it.
func (w *workshop) close() error {
	return errors.Join(os.RemoveAll(w.dir), os.RemoveAll(w.out.path(trialsDir)))
}

// trialsDir is where images and logs of trials are, in the study's folder.
const trialsDir = "trials"

func trialKey(variant string, s state) string { return variant + " " + string(s.digest()) }

// try builds and runs a variant of a state.
func (w *workshop) try(ctx context.Context, v project.Variant, s state) (*trial, error) {
	key := trialKey(v.Name, s)
	if t, ok := w.trials[key]; ok {
		return t, nil
	}
	if err := w.lay(s); err != nil {
		return nil, err
	}
	source, err := os.ReadFile(filepath.Join(w.dir, filepath.FromSlash(v.Dockerfile)))
	if err != nil {
		return nil, fmt.Errorf("variant %s: %w: %w", v.Name, err, whittle.ErrUsage)
	}
	w.builds++
	out, err := openFolder(w.out.path(filepath.Join(trialsDir, fmt.Sprintf("%s-%d", v.Name, w.builds))))
	if err != nil {
		return nil, err
	}
	in := *w.study
	here := *w.project
	here.Dir = w.dir
	in.project, in.out, in.o.Quick, in.engine = &here, out, true, w.engine
	in.sources = map[string][]byte{v.Name: source}
	w.env.progress().Step(fmt.Sprintf("building %s with what was changed (build %d)", v.Name, w.builds))
	made, err := in.variant(ctx, v)
	w.engine = in.engine
	if err != nil {
		return nil, fmt.Errorf("variant %s: %w", v.Name, err)
	}
	t := &trial{Variant: made, state: s, source: source}
	if made.Build.Status == whittle.Built {
		t.archive = out.path(made.Build.Archive)
		img, err := open(ctx, w.env, "docker-archive:"+t.archive, InspectOptions{Dockerfile: v.Dockerfile, Source: source, Target: v.Target, Args: v.Args})
		if err != nil {
			return nil, err
		}
		made.Inspect = img.inspection()
		made.Inspect.Image.Ref = v.Name
		img.Close()
	}
	w.trials[key] = t
	return t, nil
}

// lay makes the copy look like a state.
func (w *workshop) lay(s state) error {
	for name := range w.fresh {
		if _, ok := s[name]; ok {
			continue
		}
		if err := w.restore(name); err != nil {
			return err
		}
	}
	for name, text := range s {
		if err := w.put(name, text); err != nil {
			return err
		}
	}
	return nil
}

// restore gives a file of the copy its content on disk back.
func (w *workshop) restore(name string) error {
	delete(w.fresh, name)
	text, err := os.ReadFile(filepath.Join(w.project.Dir, filepath.FromSlash(name)))
	if errors.Is(err, fs.ErrNotExist) {
		return os.Remove(filepath.Join(w.dir, filepath.FromSlash(name)))
	}
	if err != nil {
		return fmt.Errorf("reading %s: %w", name, err)
	}
	err = w.put(name, text)
	delete(w.fresh, name)
	return err
}

func (w *workshop) put(name string, text []byte) error {
	if !filepath.IsLocal(filepath.FromSlash(name)) {
		return fmt.Errorf("a fix names %s, outside the project: %w", name, whittle.ErrUsage)
	}
	w.fresh[name] = true
	return replaceFile(filepath.Join(w.dir, filepath.FromSlash(name)), text)
}

// replaceFile writes a file whole and keeps the mode that it had.
func replaceFile(file string, text []byte) error {
	info, err := os.Stat(file)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("writing %s: %w", file, err)
	}
	if err := WriteFile(file, text); err != nil {
		return err
	}
	if info != nil {
		return os.Chmod(file, info.Mode().Perm())
	}
	return nil
}

// advise asks the rules about a trial's image. It is nil where there is none.
func (w *workshop) advise(ctx context.Context, v project.Variant, t *trial, only []string) (*whittle.Advice, *examined, error) {
	if t.archive == "" {
		return nil, nil, nil
	}
	if err := w.lay(t.state); err != nil {
		return nil, nil, err
	}
	o := AdviseOptions{Project: w.dir, Only: only, Guard: w.guard, InspectOptions: InspectOptions{Dockerfile: v.Dockerfile, Source: t.source, Target: v.Target, Args: v.Args}}
	for _, c := range w.project.Commands {
		o.Commands = append(o.Commands, c.Command)
	}
	x, err := examine(ctx, w.env, "docker-archive:"+t.archive, o)
	if err != nil {
		return nil, nil, fmt.Errorf("variant %s: %w", v.Name, err)
	}
	a, err := x.advise(ctx, w.env, only)
	if err != nil {
		x.Close()
		return nil, nil, err
	}
	a.Image.Ref = v.Name
	for i := range a.Findings {
		a.Findings[i].Variant = v.Name
	}
	return a, x, nil
}

// files are the contents, in a state, of the files that fixes are for.
func (w *workshop) files(s state, fixes []*whittle.Fix) (map[string][]byte, error) {
	out := map[string][]byte{}
	for _, f := range fixes {
		for _, p := range f.Patches {
			if text, ok := s[p.File]; ok {
				out[p.File] = text
				continue
			}
			if !filepath.IsLocal(filepath.FromSlash(p.File)) {
				return nil, fmt.Errorf("a fix names %s, outside the project: %w", p.File, whittle.ErrUsage)
			}
			text, err := os.ReadFile(filepath.Join(w.project.Dir, filepath.FromSlash(p.File)))
			switch {
			case errors.Is(err, fs.ErrNotExist):
			case err != nil:
				return nil, fmt.Errorf("reading %s: %w", p.File, err)
			default:
				out[p.File] = text
			}
		}
	}
	return out, nil
}

// outcome says how a trial came out.
func outcome(t *trial) whittle.Outcome {
	o := whittle.Outcome{Build: t.Build.Status, Verdict: whittle.Unknown, Problem: t.Build.Reason}
	if t.Inspect != nil {
		o.Size = t.Inspect.Size
	}
	if t.Build.Status != whittle.Built {
		o.Verdict = whittle.Fails
		return o
	}
	o.Commands = len(t.Run.Commands)
	for _, c := range t.Run.Commands {
		if c.Status == whittle.Runs {
			o.Passed++
		} else {
			o.Problem = cmp.Or(o.Problem, c.Name+": "+c.Problem)
		}
	}
	o.Verdict = t.Run.Status
	if t.Check != nil {
		if t.Check.Verdict == whittle.Fails || o.Commands == 0 {
			o.Verdict = t.Check.Verdict
		}
		if len(t.Check.Problems) > 0 && t.Check.Problems[0].Severity == "error" {
			o.Problem = cmp.Or(o.Problem, t.Check.Problems[0].Message)
		}
	}
	return o
}

// verdictRank orders verdicts, the better the higher.
func verdictRank(v string) int {
	return slices.Index([]string{whittle.Fails, whittle.Unknown, whittle.Runs}, v)
}

// worse says why a change must not stay: what ran before does not any more, or
// the image is larger and nothing runs that did not before. It is empty where
// the change may stay. A change that is to mend an image may make it larger
// while it does not run: another one may be missing.
func worse(before, after *trial, mending bool) string {
	b, a := outcome(before), outcome(after)
	if b.Build == whittle.Built && a.Build != whittle.Built {
		return "it does not build any more: " + a.Problem
	}
	for _, was := range before.Run.Commands {
		for _, is := range after.Run.Commands {
			if was.Name == is.Name && was.Status == whittle.Runs && is.Status != whittle.Runs {
				return fmt.Sprintf("%s does not run any more: %s", is.Name, cmp.Or(is.Problem, path.Join(is.Tail...)))
			}
		}
	}
	if verdictRank(a.Verdict) < verdictRank(b.Verdict) {
		return "its files show that it cannot run any more: " + a.Problem
	}
	better := mending && b.Verdict != whittle.Runs || verdictRank(a.Verdict) > verdictRank(b.Verdict) || a.Passed > b.Passed
	if grown := a.Size.Unpacked - b.Size.Unpacked; grown > 0 && !better {
		return fmt.Sprintf("the image is %s larger", whittle.Bytes(grown))
	}
	return ""
}
