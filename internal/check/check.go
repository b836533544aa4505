// Package check finds what keeps an image from running, before anyone starts
// it. The checks look at the processes that package start follows from the
// image's configuration: at the programs, shared libraries and Python modules
// that they need, as the kernel, the dynamic loader and the interpreter would
// look for them. [Project] checks a project's folder without an image, by what
// package deps finds.
//
// A problem is an error only if the start certainly fails. What depends on
// conditions that files do not show is a warning, or unknown. Each check is one
// value of [All]; checks.go has the table.
package check

import (
	"context"
	"slices"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/start"
)

// Run runs all checks on an image.
func Run(ctx context.Context, img *Image) (*whittle.Check, error) {
	s := newState(img)
	out := &whittle.Check{Schema: whittle.CheckSchema, Problems: []whittle.Problem{}}
	for _, c := range groups() {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		out.Problems = append(out.Problems, c.run(s)...)
	}
	out.Starts = s.verdicts(out.Problems)
	out.Problems = merge(out.Problems)
	out.Unknown = s.unknown((*start.Process).Decides)
	out.Verdict = verdict(out)
	return out, nil
}

// verdict is that of a check: an error fails, and what could not be followed is
// unknown.
func verdict(c *whittle.Check) whittle.Verdict {
	switch {
	case slices.ContainsFunc(c.Problems, isError):
		return whittle.Fails
	case len(c.Unknown) > 0:
		return whittle.Unknown
	}
	return whittle.Runs
}

func isError(p whittle.Problem) bool { return p.Severity == whittle.SeverityError }

// verdicts are those of what the image starts, each by the problems that are
// reached from it. A problem that is reached from none counts for all.
func (s *state) verdicts(problems []whittle.Problem) []whittle.Start {
	kinds := map[start.Role]whittle.StartKind{start.Entry: whittle.StartEntry, start.Healthcheck: whittle.StartHealthcheck, start.Console: whittle.StartConsole, start.Command: whittle.StartCommand}
	reached := func(p whittle.Problem, name string) bool { return len(p.ReachedFrom) > 0 && p.ReachedFrom[0] == name }
	named := func(p whittle.Problem) bool {
		return slices.ContainsFunc(s.starts, func(st *start.Process) bool { return reached(p, st.Name) })
	}
	out := []whittle.Start{}
	for _, st := range s.starts {
		if st.Command == nil {
			continue
		}
		v := whittle.Start{Kind: kinds[st.Role], Name: st.Name, Command: st.Command, Verdict: whittle.Runs}
		for _, other := range s.starts {
			if other.Name != st.Name {
				continue
			}
			if len(other.Unknown) > 0 && other.Decides() {
				v.Verdict = whittle.Unknown
			}
			if other.Probe != nil {
				v.Probe = other.Probe
			}
		}
		for _, p := range problems {
			if isError(p) && (reached(p, st.Name) || !named(p)) {
				v.Verdict = whittle.Fails
			}
		}
		out = append(out, v)
	}
	return out
}

// unknown says what could not be followed of the starts that are asked for.
func (s *state) unknown(of func(*start.Process) bool) []string {
	var out []string
	followed := false
	for _, st := range s.starts {
		followed = followed || st.Program != "" && st.Role != start.Healthcheck
		for _, u := range st.Unknown {
			if !of(st) {
				break
			}
			if line := st.Name + ": " + u; !slices.Contains(out, line) {
				out = append(out, line)
			}
		}
	}
	if !followed && len(out) == 0 {
		out = append(out, "the image names nothing that it starts")
	}
	return out
}
