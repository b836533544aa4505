package audit

import (
	"fmt"
	"slices"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/dockerfile"
	"whittle.dev/whittle/internal/project"
	"whittle.dev/whittle/internal/project/settings"
)

// Ignores are the findings that a project accepts: those of its configuration, and
// those of the comments in a Dockerfile, which may be nil.
func Ignores(configured []settings.Ignore, f *dockerfile.File) ([]settings.Ignore, error) {
	for i := range configured {
		if err := KnownRules([]string{configured[i].Rule}); err != nil {
			return nil, fmt.Errorf("ignore[%d]: %w", i, err)
		}
	}
	out := slices.Clone(configured)
	if f == nil {
		return out, nil
	}
	comments, err := f.Ignores()
	if err != nil {
		return nil, err
	}
	for _, c := range comments {
		for _, rule := range c.Rules {
			i := settings.Ignore{Rule: rule, Reason: c.Reason, Until: c.Until, Written: whittle.Location{Path: f.Name, Line: c.Line}, Lines: [2]int{c.From, c.To}}
			_, err := i.Day()
			if err == nil {
				err = KnownRules([]string{rule})
			}
			if err != nil {
				return nil, whittle.ErrUsage.Of(fmt.Errorf("%s:%d: %w", f.Name, c.Line, err))
			}
			out = append(out, i)
		}
	}
	return out, nil
}

// ignores are what the options' project accepts.
func (o *AdviseOptions) ignores() ([]settings.Ignore, error) {
	configured := o.Ignores
	if configured == nil && o.Project != "" {
		var err error
		if configured, err = project.ReadIgnores(o.Project); err != nil {
			return nil, err
		}
	}
	if o.Source == nil {
		return Ignores(configured, nil)
	}
	f, err := dockerfile.Parse(o.Dockerfile, o.Source)
	if err != nil {
		return nil, err
	}
	return Ignores(configured, f)
}

// inLayers adds to the comments' entries the layers that their instructions made.
func inLayers(all []settings.Ignore, steps []whittle.Step) {
	for i := range all {
		e := &all[i]
		for _, s := range steps {
			if o := s.Origin; s.Layer >= 0 && o != nil && e.Written.Line > 0 && o.File == e.Written.Path && o.Line >= e.Lines[0] && o.Line <= e.Lines[1] {
				e.Layers = append(e.Layers, s.Layer)
			}
		}
	}
}
