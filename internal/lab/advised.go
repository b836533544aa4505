package lab

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/audit"
	"whittle.dev/whittle/internal/project"
)

// advisedImages are the newest images of a proof, by variant, with what the
// rules found in them.
type advisedImages struct {
	workshop  *workshop
	rules     []string // empty is all
	byVariant map[string]advisedImage
}

func newAdvisedImages(w *workshop, rules []string) advisedImages {
	return advisedImages{workshop: w, rules: rules, byVariant: map[string]advisedImage{}}
}

// advisedImage is an image with its findings.
type advisedImage struct {
	image    *audit.Examined
	findings []whittle.Finding
	// trial is the build that gave the image, and what the fixes are for.
	trial *trial
}

// advise asks the rules about the image of a variant's trial, once for each
// image. ok is false if the trial has no image.
func (a *advisedImages) advise(ctx context.Context, v project.Variant, t *trial) (x advisedImage, ok bool, err error) {
	if x, ok = a.byVariant[v.Name]; ok && x.trial == t {
		return x, true, nil
	}
	if ok {
		delete(a.byVariant, v.Name)
		x.image.Subject.Close()
	}
	advice, image, err := a.workshop.advise(ctx, v, t, a.rules)
	if err != nil || image == nil {
		return advisedImage{}, false, err
	}
	x = advisedImage{image, advice.Findings, t}
	a.byVariant[v.Name] = x
	return x, true, nil
}

// close closes the images.
func (a *advisedImages) close() {
	for _, x := range a.byVariant {
		x.image.Subject.Close()
	}
}

// finding is a variant's finding that a candidate fixes; nil if the variant
// has none.
func (a *advisedImages) finding(variant string, c *candidate) *whittle.Finding {
	all := a.byVariant[variant].findings
	i := slices.IndexFunc(all, func(f whittle.Finding) bool {
		return f.Fingerprint == c.prints[variant] && f.Rule == c.finding.Rule
	})
	if i < 0 {
		return nil
	}
	return &all[i]
}

// changes are what fixes do to a variant's layers, whether or not its image has
// the findings.
func (a *advisedImages) changes(variant string, cands []*candidate) []whittle.LayerChange {
	var out []whittle.LayerChange
	for _, c := range cands {
		if f := a.finding(variant, c); f != nil {
			out = append(out, f.Change)
		} else if change, ok := c.shared[variant]; ok {
			out = append(out, change)
		}
	}
	return out
}

// hasFile says whether a file that a traceback names is in a variant's image or
// in the project.
func (a *advisedImages) hasFile(variant, file string) bool {
	if local := filepath.FromSlash(file); filepath.IsLocal(local) {
		if info, err := os.Stat(filepath.Join(a.workshop.copy.Dir, local)); err == nil && info.Mode().IsRegular() {
			return true
		}
	}
	x, ok := a.byVariant[variant]
	return ok && slices.ContainsFunc(x.image.Facts.Root.Paths(), func(at string) bool {
		return strings.HasSuffix("/"+at, "/"+strings.TrimPrefix(file, "/"))
	})
}
