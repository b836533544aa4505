package forecast

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/pep"
	"whittle.dev/whittle/internal/resolve"
	"whittle.dev/whittle/internal/restage"
)

// Weights are the distributions of a solution with their installed sizes, before
// any clean-up.
func Weights(res *resolve.Solution, in *resolve.Installation) []Weight {
	out := make([]Weight, 0, len(res.Choices))
	for i := range min(len(res.Choices), len(in.Parts)) {
		out = append(out, weightOf(&res.Choices[i], &in.Parts[i]))
	}
	return out
}

// CleanWeights are [Weights] after a clean-up; the directories of the wheels say
// which files are tests. Errors are the index's.
func CleanWeights(ctx context.Context, idx resolve.Index, res *resolve.Solution, in *resolve.Installation, clean restage.Cleanup) ([]Weight, error) {
	out := Weights(res, in)
	for i := range out {
		out[i].Cleaned = true
		c := &res.Choices[i]
		file := c.Wheel
		if file == nil {
			file = c.Like
		}
		if file == nil || !clean.Tests {
			continue
		}
		members, err := idx.Members(ctx, *file)
		if err != nil {
			return nil, fmt.Errorf("looking for the tests of %s: %w", c.Name, err)
		}
		out[i].without(members, clean)
	}
	return out, nil
}

// weightOf is a distribution as it is installed.
func weightOf(c *resolve.Choice, p *resolve.InstalledPart) Weight {
	files := p.Bytes - p.Bytecode
	w := Weight{Name: c.Name, Version: c.Version, Low: files, Bytes: files, High: files, Bytecode: p.Bytecode, Source: p.Source}
	if c.Wheel == nil && c.URL == "" {
		w.SourceOnly, w.NoSource = true, c.Source == nil
		w.Low, w.High = min(p.Low, files), max(p.High, files)
	}
	w.Pure = c.Wheel != nil && fitsAll(c.Wheel.Name)
	return w
}

// without subtracts the tests that a clean-up deletes, and the share of the
// bytecode that belongs to their sources.
func (w *Weight) without(members []whittle.WheelMember, clean restage.Cleanup) {
	var tests, testSources, sources int64
	for _, m := range members {
		source := strings.HasSuffix(m.Path, ".py")
		if source {
			sources += m.Size
		}
		top, _, _ := strings.Cut(m.Path, "/")
		if !strings.Contains("/"+m.Path, "/tests/") || slices.Contains(clean.KeepTests, top) {
			continue
		}
		tests += m.Size
		if source {
			testSources += m.Size
		}
	}
	tests = min(tests, w.Low)
	w.Low, w.Bytes, w.High = w.Low-tests, w.Bytes-tests, w.High-tests
	if sources > 0 {
		w.Bytecode -= int64(float64(w.Bytecode) * float64(testSources) / float64(sources))
	}
}

// fitsAll says whether a wheel holds no machine code, by its name.
func fitsAll(wheel string) bool {
	w, err := pep.ParseWheelName(wheel)
	return err == nil && !slices.ContainsFunc(w.Tags, func(t pep.Tag) bool { return t.Platform != "any" })
}
