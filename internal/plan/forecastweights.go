package plan

import (
	"slices"

	"whittle/internal/python"
)

// Weights are a resolution's distributions with what they take, as [Project]
// has them.
func Weights(res *Resolution, in *Installation) []Weight {
	out := make([]Weight, 0, len(res.Choices))
	for i := range min(len(res.Choices), len(in.Parts)) {
		c, p := &res.Choices[i], &in.Parts[i]
		files := p.Bytes - p.Bytecode
		w := Weight{Name: c.Name, Version: c.Version, Low: files, Bytes: files, High: files, Bytecode: p.Bytecode, Source: p.Source}
		if c.Wheel == nil && c.URL == "" {
			w.SourceOnly, w.NoSource = true, c.Source == nil
			w.Low, w.High = min(p.Low, files), max(p.High, files)
		}
		w.Pure = c.Wheel != nil && fitsAll(c.Wheel.Name)
		out = append(out, w)
	}
	return out
}

// fitsAll says whether a wheel holds no machine code, by its name.
func fitsAll(wheel string) bool {
	w, err := python.ParseWheelName(wheel)
	return err == nil && !slices.ContainsFunc(w.Tags, func(t python.Tag) bool { return t.Platform != "any" })
}
