package check

import (
	"slices"

	"whittle.dev/whittle"
)

// Strays are the problems of an image whose check is not one of those that
// their group says it reports.
func Strays(img *Image) []whittle.Problem {
	s := newState(img)
	var out []whittle.Problem
	for _, g := range groups() {
		own := append([]string{whittle.CheckHealthcheckCannotRun}, g.also...)
		for _, c := range g.checks {
			own = append(own, c.ID)
		}
		for _, p := range g.run(s) {
			if !slices.Contains(own, p.Rule) {
				out = append(out, p)
			}
		}
	}
	return out
}
