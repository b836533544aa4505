package lab

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/absent"
	"whittle.dev/whittle/internal/audit"
	"whittle.dev/whittle/internal/bench"
	"whittle.dev/whittle/internal/outdir"
	"whittle.dev/whittle/internal/project"
)

// wanted is a variant that is to be built and run in a state.
type wanted struct {
	variant project.Variant
	state   state
}

// inState are variants in one state.
func inState(variants []project.Variant, s state) (all []wanted) {
	for _, v := range variants {
		all = append(all, wanted{v, s})
	}
	return all
}

// try builds and runs a variant of a state.
func (w *workshop) try(ctx context.Context, v project.Variant, s state) (*trial, error) {
	all, err := w.tryAll(ctx, []wanted{{v, s}})
	if err != nil {
		return nil, err
	}
	return all[0], nil
}

// tryAll builds and runs variants of states, and gives their trials in the same order.
// None is built that was built before. The others are one build if the copy of the
// project can have their states at once: they are made side by side, with the steps that
// they have in common made once.
func (w *workshop) tryAll(ctx context.Context, all []wanted) ([]*trial, error) {
	var builds []sharedBuild
	asked := map[string]bool{}
	for _, one := range all {
		key := w.key(one)
		if w.trials[key] != nil || asked[key] {
			continue
		}
		asked[key] = true
		i := 0
		for ; i < len(builds); i++ {
			next, ok, err := builds[i].with(w, one)
			if err != nil {
				return nil, err
			}
			if ok {
				builds[i] = next
				break
			}
		}
		if i == len(builds) {
			builds = append(builds, sharedBuild{[]wanted{one}, one.state})
		}
	}
	for _, b := range builds {
		if err := w.build(ctx, b); err != nil {
			return nil, err
		}
	}
	out := make([]*trial, len(all))
	for i, one := range all {
		out[i] = w.trials[w.key(one)]
	}
	return out, nil
}

// key is that of a trial: states have the same one if they differ only in Dockerfiles of
// other variants that the variant's builds and tests do not get.
func (w *workshop) key(one wanted) string {
	own := state{}
	for name, text := range one.state {
		if !slices.Contains(w.dockerfiles(), name) || !w.unseen(one.variant, name) {
			own[name] = text
		}
	}
	return trialKey(one.variant.Name, own)
}

// unseen says that a variant is not built by a file, and that its builds and tests do not
// get it.
func (w *workshop) unseen(v project.Variant, name string) bool {
	if slices.ContainsFunc(v.WithBuilds(), func(in project.Variant) bool { return in.Dockerfile == name }) {
		return false
	}
	if w.unseenBy[v.Name] == nil {
		only := *w.bench.Project
		only.Variants = v.WithBuilds()
		w.unseenBy[v.Name] = absent.Unseen(&only)
	}
	return w.unseenBy[v.Name](name)
}

// sharedBuild are variants that are built side by side.
type sharedBuild struct {
	all []wanted
	// state has the files of all their states.
	state state
}

// with is the build with another variant. It is not ok if the states differ in a file that
// the project has, or if one cannot be kept from seeing what only another has.
func (b sharedBuild) with(w *workshop, one wanted) (next sharedBuild, ok bool, err error) {
	if slices.ContainsFunc(b.all, func(have wanted) bool { return have.variant.Name == one.variant.Name }) {
		return b, false, nil
	}
	next = sharedBuild{append(slices.Clone(b.all), one), b.state.With(one.state)}
	for name, text := range next.state {
		for _, have := range next.all {
			own, has := have.state[name]
			if has && bytes.Equal(own, text) {
				continue
			}
			before, err := w.copy.Original(name)
			if err != nil {
				return b, false, err
			}
			if has || before != nil || len(have.variant.Contexts)+len(have.variant.Builds) > 0 {
				return b, false, nil
			}
		}
	}
	return next, true, nil
}

// without are the files that a variant of the build does not see: only other states have
// them.
func (b sharedBuild) without(one wanted) (names []string) {
	for _, name := range slices.Sorted(maps.Keys(b.state)) {
		if _, ok := one.state[name]; !ok {
			names = append(names, name)
		}
	}
	return names
}

// build builds and runs variants side by side.
func (w *workshop) build(ctx context.Context, b sharedBuild) error {
	if err := w.copy.Checkout(b.state); err != nil {
		return err
	}
	w.builds++
	var all []bench.Making
	var sources [][]byte
	var names []string
	for _, one := range b.all {
		v := one.variant
		source, err := w.dockerfile(&v)
		if err != nil {
			return whittle.ErrUsage.Errorf("variant %s: %w", v.Name, err)
		}
		w.made++
		out, err := outdir.Make(filepath.Join(w.images, fmt.Sprintf("%s-%d", v.Name, w.made)))
		if err != nil {
			return err
		}
		in := w.bench.InFolder(w.copy.Dir, out, map[string][]byte{v.Name: source})
		in.Without = b.without(one)
		if in.Trace = w.bench.Trace && w.traces[v.Name] == nil && w.traced[v.Name] < tracedTrials; in.Trace {
			w.traced[v.Name]++
		}
		all, sources, names = append(all, bench.Making{Bench: in, Variant: v}), append(sources, source), append(names, v.Name)
	}
	w.bench.Env.Listener().Step(fmt.Sprintf("building %s with what was changed (build %d)", strings.Join(names, ", "), w.builds))
	made, err := bench.Together(ctx, all)
	if err != nil {
		return err
	}
	for i, m := range all {
		t := &trial{Variant: made[i], state: b.all[i].state, made: m.Variant, source: sources[i], declared: declaredNames(w.bench.Project.ContextDir(m.Variant))}
		if err := w.read(ctx, m.Bench, t); err != nil {
			return err
		}
		w.trials[w.key(b.all[i])] = t
	}
	return nil
}

// read accounts for the bytes of a trial's image, if it has one, and keeps what its runs
// touched.
func (w *workshop) read(ctx context.Context, in *bench.Bench, t *trial) error {
	if t.Build.Status != whittle.Built {
		return nil
	}
	t.image = in.ImageOf(t.Variant)
	img, err := audit.Open(ctx, w.bench.Env, t.image, in.Inspected(t.made, t.source))
	if err != nil {
		return err
	}
	defer img.Close()
	t.Inspect = img.Inspection()
	t.Inspect.Image.Ref = t.Name
	trace, err := traceOf(t.Variant, img, in.Traced(t.Name))
	if trace != nil {
		w.traces[t.Name] = trace
	}
	return err
}
