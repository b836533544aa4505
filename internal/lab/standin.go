package lab

import (
	"context"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/audit"
	"whittle.dev/whittle/internal/bench"
	"whittle.dev/whittle/internal/host"
	"whittle.dev/whittle/internal/project"
)

// standIns are the images that stand in for builds, by variant. They have to be
// there: that is known before anything is built.
func standIns(ctx context.Context, env *host.Env, p *project.Project, o StudyOptions) (map[string]string, error) {
	if len(o.Images) == 0 {
		return nil, nil
	}
	var names []string
	for _, v := range p.Variants {
		names = append(names, v.Name)
	}
	out := map[string]string{}
	for _, text := range o.Images {
		name, ref, ok := strings.Cut(text, "=")
		_, noFile := os.Lstat(text)
		switch {
		case ok && ref == "" || text == "":
			return nil, whittle.WithHint(whittle.ErrUsage.Errorf("--image %q names no image", text), "write --image VARIANT=IMAGE")
		case ok && slices.Contains(names, name):
		case ok && variantLike.MatchString(name) && noFile != nil:
			return nil, whittle.WithHint(whittle.ErrUsage.Errorf("--image %s: no variant is named %q", text, name), whittle.DidYouMean(name, names, "the variants are "+strings.Join(names, ", ")))
		case len(names) == 1:
			name, ref = names[0], text
		default:
			return nil, whittle.WithHint(whittle.ErrUsage.Errorf("--image %s does not say for which variant it stands in", text), "write --image VARIANT=IMAGE; the variants are "+strings.Join(names, ", "))
		}
		if out[name] != "" {
			return nil, whittle.ErrUsage.Errorf("two images stand in for variant %s", name)
		}
		img, err := env.Images.Open(ctx, ref)
		if err != nil {
			return nil, fmt.Errorf("--image %s: %w", text, err)
		}
		img.Close()
		out[name] = ref
	}
	return out, nil
}

// variantLike is what a variant may be named: no path, and no image with a scheme.
var variantLike = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*$`)

// isStrange says that an image stands in for a build and was evidently not made by
// its Dockerfile: no instruction that makes a layer is one of the image's steps.
func isStrange(v *whittle.Variant, s *audit.Subject) bool {
	return v.Build.Image != "" && s.Made > 0 && s.Matched == 0
}

// strangeNote says how far the steps of an image that stands in for a build are those
// of its Dockerfile. It is empty if all are.
func strangeNote(v *whittle.Variant, s *audit.Subject) string {
	switch {
	case v.Build.Image == "" || s.Matched == s.Made:
		return ""
	case s.Matched == 0:
		return fmt.Sprintf("%s was not made by %s, as none of its instructions is a step of the image: there are no fixes", v.Build.Image, v.Dockerfile)
	}
	return fmt.Sprintf("%d of the %d instructions of %s that make layers are no steps of %s: an argument has another value, or the file was changed since", s.Made-s.Matched, s.Made, v.Dockerfile, v.Build.Image)
}

// noteStandIn adds to advice what an image that stands in for a build leaves open. If
// its Dockerfile has not made it, there are no fixes.
func noteStandIn(a *whittle.Advice, v *whittle.Variant, s *audit.Subject) {
	if v.Build.Image == "" {
		return
	}
	if note := strangeNote(v, s); note != "" {
		a.Notes = append(a.Notes, note)
	}
	for _, note := range v.Build.Notes {
		if strings.HasPrefix(note, bench.NotRun) {
			a.Notes = append(a.Notes, note)
		}
	}
	if !isStrange(v, s) {
		return
	}
	for i := range a.Findings {
		a.Findings[i].Fix = nil
	}
	a.Fixable = whittle.Saving{}
}
