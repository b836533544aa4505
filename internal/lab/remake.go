package lab

import (
	"context"
	"strings"

	"whittle.dev/whittle/internal/relock"
)

// remade is a state with its generated files remade, or why that failed.
type remade struct {
	state state
	err   error
}

// remake runs the tools that generate some files of a state.
func (w *workshop) remake(ctx context.Context, s state, files []string) (state, error) {
	if len(files) == 0 {
		return s, nil
	}
	key := string(s.Digest()) + " " + strings.Join(files, " ")
	if r, ok := w.remade[key]; ok {
		return r.state, r.err
	}
	out, err := s, error(nil)
	for _, file := range files {
		var text []byte
		if text, err = w.remakeFile(ctx, out, file); err != nil {
			break
		}
		out = out.With(map[string][]byte{file: text})
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	w.remade[key] = remade{out, err}
	return out, err
}

func (w *workshop) remakeFile(ctx context.Context, s state, file string) ([]byte, error) {
	if err := w.copy.Checkout(s); err != nil {
		return nil, err
	}
	old, err := w.copy.Content(s, file)
	if err != nil {
		return nil, err
	}
	p := relock.Project{Dir: w.copy.Dir, Scratch: w.images, Skip: w.bench.OwnFolder, Builder: w.bench.Builder}
	here := w.bench.InFolder(w.copy.Dir, w.bench.Out, nil)
	for _, v := range w.bench.Project.Variants {
		text, err := w.dockerfile(&v)
		if err != nil {
			return nil, err
		}
		p.Sources = append(p.Sources, relock.Source{Text: text, Build: here.Definition(v)})
	}
	return relock.Make(ctx, w.bench.Env, p, file, old)
}
