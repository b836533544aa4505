package build

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"sync"

	"github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/exporter/containerimage/exptypes"

	"whittle.dev/whittle"
)

// prepare is [Definition.prepare] for an engine, which may lack what d needs.
func (e *Engine) prepare(d Definition, o RunOptions) (*job, error) {
	if len(d.Bases)+len(d.Builds) > 0 && !e.info.NamedContexts {
		return nil, e.noContexts()
	}
	return d.prepare(logOr(o.Log))
}

// oneAtATime writes to w, which several builds share: those that a build is made of go
// on beside it.
type oneAtATime struct {
	mu *sync.Mutex
	w  io.Writer
}

func (o oneAtATime) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.w.Write(b)
}

// together are options for a build that is made of others, which write to the same
// log. A file, which may be a terminal, stays what it is.
func (o RunOptions) together(d Definition) RunOptions {
	if len(d.Builds) == 0 {
		return o
	}
	switch o.Log.(type) {
	case nil, *os.File, oneAtATime:
	default:
		o.Log = oneAtATime{&sync.Mutex{}, o.Log}
	}
	return o
}

// withLinked makes the builds whose results d uses, gives them to the job of d, and
// calls do. Each has a session of its own, which stays open until do has returned: the
// engine may ask for its files again. What goes wrong in one of them is an error about
// its own files.
func (e *Engine) withLinked(ctx context.Context, d Definition, j *job, o RunOptions, do func(context.Context) error) error {
	names := slices.Sorted(maps.Keys(d.Builds))
	var next func(ctx context.Context, i int) error
	next = func(ctx context.Context, i int) error {
		if i == len(names) {
			return do(ctx)
		}
		made := false
		var done error
		err := e.within(ctx, d.Builds[names[i]], o, func(ctx context.Context, img image) error {
			made = true
			if done = j.give(ctx, i, names[i], img); done == nil {
				done = next(ctx, i+1)
			}
			return nil
		})
		if made {
			return done
		}
		return fmt.Errorf("building %s, which %s is made of: %w", names[i], j.file, err)
	}
	return next(ctx, 0)
}

// give passes an image to a build as its named context, as buildx does for target:NAME.
// The options are those of BuildKit's frontend (frontend/dockerui/namedcontext.go).
func (j *job) give(ctx context.Context, number int, name string, img image) error {
	names, err := contextNames(name)
	if err != nil {
		return err
	}
	state := llb.Scratch()
	if img.ref != nil {
		if state, err = img.ref.ToState(); err != nil {
			return whittle.ErrEngine.Errorf("passing on %s: %w", name, err)
		}
	}
	def, err := state.Marshal(ctx)
	if err != nil {
		return whittle.ErrEngine.Errorf("passing on %s: %w", name, err)
	}
	input := fmt.Sprintf("whittle-input-%d", number)
	j.opt.FrontendInputs[input], j.inputs[input] = state, def.ToPB()
	for _, n := range names {
		j.opt.FrontendAttrs["context:"+n] = "input:" + input
	}
	text, err := json.Marshal(map[string][]byte{exptypes.ExporterImageConfigKey: img.text})
	if err == nil && len(img.text) > 0 {
		j.opt.FrontendAttrs["input-metadata:"+input] = string(text)
	}
	return err
}
