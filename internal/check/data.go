package check

import (
	"fmt"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/python/imports"
	"whittle.dev/whittle/internal/python/source"
	"whittle.dev/whittle/internal/start"
)

// data sees that time zones and locales that the application asks for are there.
func data() group {
	return group{run: checkData, checks: []Check{
		{ID: whittle.CheckMissingTimeZone, Severity: whittle.SeverityError, Title: "the application needs a time zone, but the image has no time zone database",
			Text: "`zoneinfo` reads `/usr/share/zoneinfo` or the distribution `tzdata`. Slim images may have neither: declare `tzdata`."},
		{ID: whittle.CheckMissingLocale, Severity: whittle.SeverityWarning, Title: "a locale is set that the image does not have",
			Text: "`LANG`, `LC_ALL` or `locale.setlocale` name a locale that is not installed. `C.UTF-8` is always there."},
	}}
}

// checkData sees that the time zones and locales that the application names
// are in the image.
func checkData(s *state) []whittle.Problem {
	var out []whittle.Problem
	s.ownCalls(func(st *start.Process, r start.Root, walk *imports.Reach, n *imports.Node, c *source.Call) {
		if p, ok := localeProblem(s, r, n, c); ok {
			p.ReachedFrom = reached(s, st, r, walk.Chain(n))
			out = append(out, adjust(st, p))
		}
		if c.Func != "ZoneInfo" && !strings.HasSuffix(c.Func, ".ZoneInfo") || len(c.Args) == 0 || hasZone(s, c.Args[0], r.Importer) {
			return
		}
		p := whittle.Problem{Rule: whittle.CheckMissingTimeZone, Severity: whittle.SeverityError, Path: s.owners.Shown(n.File), Line: c.Line, ReachedFrom: reached(s, st, r, walk.Chain(n)),
			Message: fmt.Sprintf("%s:%d asks for the time zone %s; the image has no time zone data", s.owners.Shown(n.File), c.Line, c.Args[0]),
			Fix:     "add the distribution tzdata to the dependencies, or install the OS package tzdata", Distribution: "tzdata"}
		if c.Context&(source.Lazy|source.Guarded|source.Caught) != 0 || source.Hold(c.Conditions, r.Importer.Runtime) != source.Yes {
			p.Severity = whittle.SeverityWarning
		}
		out = append(out, adjust(st, p))
	})
	for _, name := range []string{"LC_ALL", "LANG"} {
		if v := s.trace.Env[name]; v != "" && !hasLocale(s, v) {
			out = append(out, whittle.Problem{Rule: whittle.CheckMissingLocale, Severity: whittle.SeverityWarning, Message: fmt.Sprintf("%s=%s is set, and the image does not have that locale", name, v),
				Fix: "use C.UTF-8, or generate the locale (package locales) in the final stage", ReachedFrom: []string{"ENV " + name}})
			break
		}
	}
	return out
}

// localeProblem is that of a call of setlocale by name where nothing catches
// that it fails. It is a warning: the name may come from a table of several.
func localeProblem(s *state, r start.Root, n *imports.Node, c *source.Call) (whittle.Problem, bool) {
	if c.Func != "setlocale" && c.Func != "locale.setlocale" || len(c.Args) == 0 {
		return whittle.Problem{}, false
	}
	// A locale may be given as a pair of language and encoding.
	name := strings.TrimPrefix(strings.Join(c.Args[:min(len(c.Args), 2)], "."), "locale=")
	if name == "" || c.Context&(source.Guarded|source.Caught|source.TypeChecking) != 0 || source.Hold(c.Conditions, r.Importer.Runtime) == source.No || hasLocale(s, name) {
		return whittle.Problem{}, false
	}
	at := s.owners.Shown(n.File)
	return whittle.Problem{Rule: whittle.CheckMissingLocale, Severity: whittle.SeverityWarning, Path: at, Line: c.Line,
		Message: fmt.Sprintf("%s:%d asks for the locale %s, which the image does not have", at, c.Line, name),
		Fix:     "generate the locale (package locales) in the final stage, or use C.UTF-8"}, true
}

// hasZone looks where zoneinfo does: the system's data, then tzdata.
// https://docs.python.org/3/library/zoneinfo.html#data-sources
func hasZone(s *state, zone string, im *imports.Importer) bool {
	for _, dir := range []string{"usr/share/zoneinfo", "usr/lib/zoneinfo", "usr/share/lib/zoneinfo", "etc/zoneinfo"} {
		if _, _, ok := s.files.Stat(whittle.Join("", dir+"/"+zone)); ok {
			return true
		}
	}
	n, f := im.Import("tzdata.zoneinfo")
	if f != nil {
		return false
	}
	if n == nil {
		return true // cannot be looked into
	}
	for _, dir := range n.Dirs {
		if _, _, ok := s.files.Stat(whittle.Join(dir, zone)); ok {
			return true
		}
	}
	return false
}

// hasLocale says whether the C library would find a locale. An archive of
// locales is not looked into.
func hasLocale(s *state, name string) bool {
	base, charset, _ := strings.Cut(name, ".")
	if base == "C" || base == "POSIX" || base == "" {
		return true
	}
	if _, _, ok := s.files.Stat("usr/lib/locale/locale-archive"); ok {
		return true
	}
	if _, _, musl := s.files.Stat("etc/alpine-release"); musl {
		return true // musl takes any name
	}
	charset = strings.ReplaceAll(strings.ToLower(charset), "-", "")
	for _, dir := range []string{name, base + "." + charset, base} {
		if _, _, ok := s.files.Stat("usr/lib/locale/" + dir); ok {
			return true
		}
	}
	return false
}
