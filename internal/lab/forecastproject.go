package lab

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/dockerfile/ignore"
	"whittle.dev/whittle/internal/forecast"
	"whittle.dev/whittle/internal/otherbases"
	"whittle.dev/whittle/internal/project"
	"whittle.dev/whittle/internal/rule/base"
	"whittle.dev/whittle/internal/rule/sitepackages"
)

// forecastInput is the input of a forecast: a variant's image, and its project
// with the assumed fixes.
func (w *workshop) forecastInput(ctx context.Context, v project.Variant, x advisedImage, c *assumed) (in *forecast.Project, notes []string, err error) {
	in, notes, err = w.projectInput(ctx, v, x, c)
	if err != nil {
		return nil, nil, err
	}
	compiled := c.tried["python-bytecode"]
	in.Clean.Bytecode = in.Clean.Bytecode && compiled != whittle.Reverted && (compiled == whittle.Applied || !w.startCounts())
	in.Clean.Tests = in.Clean.Tests && c.tried["python-tests"] != whittle.Reverted
	if err := in.DropLittle(); err != nil && !errors.Is(err, whittle.ErrUnsupported) { // Strategies says that, too
		return nil, nil, fmt.Errorf("forecasting %s: %w", v.Name, err)
	}
	r, err := w.requirementsDiff(v, x, c.state)
	if err != nil {
		return nil, nil, err
	}
	return in, append(notes, otherbases.Reader{Env: w.bench.Env, Layouts: w.bench.Bases}.Add(ctx, in, x.image, r.added)...), ctx.Err()
}

// projectInput is the input without what is known of other bases.
func (w *workshop) projectInput(ctx context.Context, v project.Variant, x advisedImage, c *assumed) (in *forecast.Project, notes []string, err error) {
	in = &forecast.Project{Name: w.bench.Project.Name, Variant: v.Name, Target: v.Target, Arguments: v.Args,
		Ledger: x.image.Facts.Ledger, Root: x.image.Facts.Root, Graph: x.image.Facts.Graph, Env: x.image.Environment,
		Clean: forecast.Cleanup{Bytecode: true, Tests: true, KeepTests: sitepackages.ImportedTests(x.image.Facts)}, Fixed: c.text, Saving: c.saving}
	r, err := w.requirementsDiff(v, x, c.state)
	if err != nil {
		return nil, nil, err
	}
	if err := w.copy.Checkout(x.trial.state); err != nil {
		return nil, nil, err
	}
	context := w.contextDir(v)
	in.Own = "/" // not in the context
	if own, ok := v.InContext(v.Dockerfile); ok {
		in.Own = own
	}
	if in.Before, err = forecast.ContextFiles(context, x.image.Facts.Ignore); err != nil {
		return nil, nil, err
	}
	next, err := w.projectFiles(v, c.state)
	if err != nil {
		return nil, nil, err
	}
	in.Declared, in.Dockerfile = next.declared, next.dockerfile
	if x.image.Facts.Declared == nil {
		in.Declared = nil
	}
	in.Steps = moveSteps(x.image.Facts.Steps, x.image.Facts.Dockerfile, next.dockerfile, c.edits)
	file, err := ignore.Load(context, filepath.Join(w.copy.Dir, filepath.FromSlash(v.Dockerfile)))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, nil, err
	}
	in.Ignored = file.Excludes
	if in.Context, err = forecast.ContextFiles(context, file); err != nil {
		return nil, nil, err
	}
	if in.Texts, err = forecast.RequirementTexts(context, in.Declared); err != nil {
		return nil, nil, err
	}
	if system, ok := base.NewRuntime(x.image.Facts); ok {
		in.System = system
	}
	in.Names = base.Naming(x.image.Facts, func(file string) bool {
		_, sent := in.Context[file]
		return sent && !strings.HasPrefix(file, ".") && file != v.Dockerfile
	})
	notes = append(notes, c.notes...)
	var full string
	if in.Slim, full = slimBase(x); full != "" {
		notes = append(notes, full)
	}
	in.Removed = map[string]bool{}
	for _, i := range r.removed {
		in.Removed[x.image.Facts.Graph.Distributions[i].Name] = true
	}
	var known bool
	if in.Added, known = r.weights(ctx, w.bench.Env, x.image, in.Clean); !known {
		notes = append(notes, "no sizes are known of what the fixes add: "+strings.Join(r.added, ", "))
	}
	return in, notes, ctx.Err()
}

// slimBase is a smaller base image that the image could use, nil if there is none
// or strategies cannot use it; why is the reason for the latter.
func slimBase(x advisedImage) (smaller *forecast.SlimBase, why string) {
	i := slices.IndexFunc(x.findings, func(f whittle.Finding) bool { return f.Rule == "big-base" })
	slim, ok := base.Slim(x.image.Facts)
	if i < 0 || !ok {
		return nil, ""
	}
	if slim.From == "" {
		return nil, fmt.Sprintf("the base image stays as it is: how FROM would name %s is not known, as it is pinned by a digest or put together of arguments", slim.Name)
	}
	if len(slim.Uses) > 0 {
		return nil, "the base image stays as it is: " + slim.Uses[0]
	}
	return &forecast.SlimBase{Name: slim.From, Full: slim.Full, Saving: x.findings[i].Saving, Install: slim.Install, InstallAll: slim.InstallAll, Builds: slim.Builds}, ""
}
