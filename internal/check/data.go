package check

import (
	"fmt"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/python/imports"
	"whittle.dev/whittle/internal/python/source"
)

// checkData sees that the time zones and locales that the application names
// are in the image.
func checkData(s *state) []whittle.Problem {
	var out []whittle.Problem
	s.ownCalls(func(st *start, r root, walk *imports.Reach, n *imports.Node, c *source.Call) {
		if p, ok := localeProblem(s, r, n, c); ok {
			p.ReachedFrom = reached(s, st, r, walk.Chain(n))
			out = append(out, adjust(st, p))
		}
		if c.Func != "ZoneInfo" && !strings.HasSuffix(c.Func, ".ZoneInfo") || len(c.Args) == 0 || s.files.hasZone(c.Args[0], r.im) {
			return
		}
		p := whittle.Problem{Rule: whittle.CheckMissingTimeZone, Severity: whittle.SeverityError, Path: s.owners.shown(n.File), Line: c.Line, ReachedFrom: reached(s, st, r, walk.Chain(n)),
			Message: fmt.Sprintf("%s:%d asks for the time zone %s; the image has no time zone data", s.owners.shown(n.File), c.Line, c.Args[0]),
			Fix:     "add the distribution tzdata to the dependencies, or install the OS package tzdata", Distribution: "tzdata"}
		if c.Context&(source.Lazy|source.Guarded|source.Caught) != 0 || source.Hold(c.Conditions, r.im.Runtime) != source.Yes {
			p.Severity = whittle.SeverityWarning
		}
		out = append(out, adjust(st, p))
	})
	for _, name := range []string{"LC_ALL", "LANG"} {
		if v := s.env[name]; v != "" && !s.files.hasLocale(v) {
			out = append(out, whittle.Problem{Rule: whittle.CheckMissingLocale, Severity: whittle.SeverityWarning, Message: fmt.Sprintf("%s=%s is set, and the image does not have that locale", name, v),
				Fix: "use C.UTF-8, or generate the locale (package locales) in the final stage", ReachedFrom: []string{"ENV " + name}})
			break
		}
	}
	return out
}

// localeProblem is that of a call of setlocale by name where nothing catches
// that it fails. It is a warning: the name may come from a table of several.
func localeProblem(s *state, r root, n *imports.Node, c *source.Call) (whittle.Problem, bool) {
	if c.Func != "setlocale" && c.Func != "locale.setlocale" || len(c.Args) == 0 {
		return whittle.Problem{}, false
	}
	// A locale may be given as a pair of language and encoding.
	name := strings.TrimPrefix(strings.Join(c.Args[:min(len(c.Args), 2)], "."), "locale=")
	if name == "" || c.Context&(source.Guarded|source.Caught|source.TypeChecking) != 0 || source.Hold(c.Conditions, r.im.Runtime) == source.No || s.files.hasLocale(name) {
		return whittle.Problem{}, false
	}
	at := s.owners.shown(n.File)
	return whittle.Problem{Rule: whittle.CheckMissingLocale, Severity: whittle.SeverityWarning, Path: at, Line: c.Line,
		Message: fmt.Sprintf("%s:%d asks for the locale %s, which the image does not have", at, c.Line, name),
		Fix:     "generate the locale (package locales) in the final stage, or use C.UTF-8"}, true
}
