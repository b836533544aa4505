// Package check finds what keeps an image from running, before anyone starts
// it. It follows what the image starts — entry point, command, health check,
// console scripts of the application, shell scripts on the way — to the
// programs, shared libraries and Python modules that they need, as the kernel,
// the dynamic loader and the interpreter would look for them.
//
// A check says that something is an error only where the start cannot go
// otherwise. What depends on conditions that files do not show is left out, or
// is a warning. Each check is one value of [All]; checks.go has the table.
package check

import (
	"context"
	"io/fs"
	"slices"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/elf"
	"whittle.dev/whittle/internal/project"
	"whittle.dev/whittle/internal/python"
	"whittle.dev/whittle/internal/python/source"
)

// Image is what the checks look at.
type Image struct {
	Root   whittle.Root
	Config *whittle.Config
	// Distributions are the installed Python distributions.
	Distributions []python.Distribution
	// Sources says what the Python text at a path imports.
	Sources func(path string) (*source.Facts, bool)
	// Binaries gives the ELF file at a path.
	Binaries func(path string) (*elf.File, bool)
	// Builtins are the modules compiled into the interpreter at a path, nil
	// where that is not known.
	Builtins func(path string) []string
	// Version is the full version of the interpreter at a path, of a series
	// ("3.13"), empty where that is not known; nil knows none.
	Version func(path, series string) string
	// Project is what the project's files declare, nil where there are none.
	Project *project.Declared
	// Folder is the project's folder, nil where it is not known.
	Folder fs.FS
	// Names knows which distribution has a module; nil is what is installed and
	// declared, and the table of wheels.
	Names *python.Names
	// Commands are further commands that have to work.
	Commands [][]string
	// Bound gives the specifiers to declare a distribution with, where no file
	// of the project pins it; nil knows none.
	Bound func(distribution string) (specifiers string, ok bool)
}

// Run runs all checks on an image.
func Run(ctx context.Context, img *Image) (*whittle.Check, error) {
	s := newState(img)
	s.findStarts()
	out := &whittle.Check{Schema: whittle.CheckSchema, Problems: []whittle.Problem{}}
	for _, c := range looks() {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		out.Problems = append(out.Problems, c.run(s)...)
	}
	out.Starts = s.verdicts(out.Problems)
	out.Problems = merge(out.Problems)
	out.Unknown = s.unknown((*start).decides)
	out.Verdict = verdict(out)
	return out, nil
}

// verdict: an error fails; what could not be followed is not known.
func verdict(c *whittle.Check) string {
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
// reached from it. A problem that none of them reaches is everyone's.
func (s *state) verdicts(problems []whittle.Problem) []whittle.Start {
	kinds := map[role]string{entry: whittle.StartEntry, healthcheck: whittle.StartHealthcheck, console: whittle.StartConsole, command: whittle.StartCommand}
	reached := func(p whittle.Problem, name string) bool { return len(p.ReachedFrom) > 0 && p.ReachedFrom[0] == name }
	named := func(p whittle.Problem) bool {
		return slices.ContainsFunc(s.starts, func(st *start) bool { return reached(p, st.name) })
	}
	out := []whittle.Start{}
	for _, st := range s.starts {
		if st.command == nil {
			continue
		}
		v := whittle.Start{Kind: kinds[st.role], Name: st.name, Command: st.command, Verdict: whittle.Runs}
		for _, other := range s.starts {
			if other.name != st.name {
				continue
			}
			if len(other.unknown) > 0 && other.decides() {
				v.Verdict = whittle.Unknown
			}
			if other.probe != nil {
				v.Probe = other.probe
			}
		}
		for _, p := range problems {
			if isError(p) && (reached(p, st.name) || !named(p)) {
				v.Verdict = whittle.Fails
			}
		}
		out = append(out, v)
	}
	return out
}

// unknown says what could not be followed of the starts that are asked for.
func (s *state) unknown(of func(*start) bool) []string {
	var out []string
	followed := false
	for _, st := range s.starts {
		followed = followed || st.program != "" && st.role != healthcheck
		for _, u := range st.unknown {
			if !of(st) {
				break
			}
			if line := st.name + ": " + u; !slices.Contains(out, line) {
				out = append(out, line)
			}
		}
	}
	if !followed && len(out) == 0 {
		out = append(out, "the image names nothing that it starts")
	}
	return out
}
