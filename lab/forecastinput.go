package lab

import (
	"cmp"
	"context"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"whittle"
	"whittle/internal/dockerfile"
	"whittle/internal/ledger"
	"whittle/internal/plan"
	"whittle/internal/project"
	"whittle/internal/python"
)

// forecastInput is what is known of a variant's image and its project.
func (w *workshop) forecastInput(ctx context.Context, v project.Variant, x advised) (in *plan.Project, notes []string, err error) {
	in = &plan.Project{Name: w.project.Name, Variant: v.Name, Dockerfile: x.pass.Dockerfile, Target: v.Target, Declared: x.pass.Declared,
		Ledger: x.pass.Ledger, Steps: x.pass.Steps, Root: x.pass.Root, Graph: x.pass.Graph, Env: x.environment,
		Clean: plan.Cleanup{Bytecode: true, Tests: true, KeepTests: x.pass.ImportedTests()}}
	if in.Context, err = sentFiles(w.dir, x.pass.Ignore); err != nil {
		return nil, nil, err
	}
	if in.Texts, err = requirementTexts(w.dir, x.pass.Declared); err != nil {
		return nil, nil, err
	}
	if in.Fixed, in.Saving, err = w.fixedText(v, x); err != nil {
		return nil, nil, err
	}
	notes = w.otherBases(ctx, in, x)
	return in, notes, ctx.Err()
}

// sentFiles are the sizes of the files that a build gets, by path.
func sentFiles(dir string, ignore *dockerfile.Ignore) (map[string]int64, error) {
	out := map[string]int64{}
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		rel, err := filepath.Rel(dir, p)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		if ignore.Ignore(rel) {
			return nil
		}
		info, err := d.Info()
		if err == nil {
			out[rel] = info.Size()
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("reading the build context: %w: %w", err, whittle.ErrUsage)
	}
	return out, nil
}

// requirementTexts are the requirements files that a project's declarations
// were read from.
func requirementTexts(dir string, declared *python.Declared) (map[string][]byte, error) {
	out := map[string][]byte{}
	if declared == nil {
		return out, nil
	}
	for _, name := range declared.Files {
		if !strings.HasSuffix(name, ".txt") || !filepath.IsLocal(filepath.FromSlash(name)) {
			continue
		}
		text, err := whittle.Folder(dir).ReadFile(name)
		if err != nil {
			return nil, fmt.Errorf("reading %s: %w: %w", name, err, whittle.ErrUsage)
		}
		out[name] = text
	}
	return out, nil
}

// fixedText is a variant's Dockerfile with all fixes up to the workshop's risk,
// and what they save together. Where no proof makes the others, only those
// count that change nothing but the Dockerfile.
func (w *workshop) fixedText(v project.Variant, x advised) ([]byte, whittle.Saving, error) {
	var fixes []*whittle.Fix
	var changes []whittle.LayerChange
	for _, f := range x.findings {
		if f.Fix != nil && w.reachable(f.Fix) && within(f.Risk, cmp.Or(w.risk, whittle.RiskLow)) && (w.risk != "" || touchesOnly(f.Fix, v.Dockerfile)) {
			fixes, changes = append(fixes, f.Fix), append(changes, f.Change)
		}
	}
	files, err := w.files(x.trial.state, fixes)
	if err != nil {
		return nil, whittle.Saving{}, err
	}
	out, conflicts, err := plan.Merge(files, w.dockerfiles(), fixes)
	if err != nil {
		return nil, whittle.Saving{}, err
	}
	for i := len(conflicts) - 1; i >= 0; i-- {
		n := conflicts[i].Fix
		changes = append(changes[:n], changes[n+1:]...)
	}
	saving, err := ledger.Saving(x.pass.Indexes, changes...)
	return out[v.Dockerfile], saving, err
}
