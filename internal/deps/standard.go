package deps

import (
	"fmt"
	"slices"
	"strconv"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/manifest"
	"whittle.dev/whittle/internal/python"
	"whittle.dev/whittle/internal/python/source"
)

// minorOf is the version of Python 3 of the images that Dockerfiles make, 0
// where they do not say it or differ.
func minorOf(t *tree) int {
	minor := 0
	for _, r := range t.images {
		switch {
		case r.develops || r.file == nil:
		case r.minor == 0 || minor != 0 && r.minor != minor:
			return 0
		default:
			minor = r.minor
		}
	}
	return minor
}

// onLinux says that the project is made to run in an image.
func onLinux(t *tree) bool {
	return slices.ContainsFunc(t.images, func(r *image) bool { return !r.develops })
}

// standard reports a module of the standard library that the project's Python
// does not have.
func (t *tree) standard(u *unit, file string, imp *source.Import, way route) {
	if way.level > inCall {
		return
	}
	p := whittle.Problem{Rule: whittle.CheckMissingModule, Path: file, Line: imp.Line, Module: source.Top(imp.Module), ReachedFrom: way.steps}
	at := fmt.Sprintf("%s is imported by %s:%d", imp.Module, file, imp.Line)
	if python.OnWindowsAlone(imp.Module) {
		p.Message, p.Fix = at+"; it is there on Windows alone", `import it under "if sys.platform == 'win32':"`
		p.Severity = atLevel(way.level, whittle.SeverityInfo, "", "")
		if onLinux(t) {
			p.Severity = atLevel(way.level, whittle.SeverityError, "", "")
		}
		if p.Severity == whittle.SeverityInfo {
			t.doubt("on which platform it is to run: %s:%d imports %s, which Windows alone has", file, imp.Line, imp.Module)
		}
		if p.Severity != "" {
			t.report(p)
		}
		return
	}
	module := imp.Module
	since, until := python.StandardSpan(module)
	for _, n := range imp.Names {
		if since == 0 && until == 0 {
			module = imp.Module + "." + n
			since, until = python.StandardSpan(module)
		}
	}
	if since == 0 && until == 0 || replaced(t, u, imp.Module) || way.level != atStart {
		return
	}
	minors, where := u.minors, "requires-python allows"
	if m := minorOf(t); m != 0 {
		minors, where = []int{m}, "the Dockerfile's"
	}
	var without []int
	for _, m := range minors {
		if m < since || until != 0 && m >= until {
			without = append(without, m)
		}
	}
	if len(without) == 0 {
		return
	}
	at = fmt.Sprintf("%s is imported by %s:%d", module, file, imp.Line)
	p.Severity = whittle.SeverityWarning
	if len(without) == len(minors) {
		p.Severity = whittle.SeverityError
	}
	when := "is new in 3." + strconv.Itoa(since)
	if until != 0 {
		when = "is gone since 3." + strconv.Itoa(until)
	}
	p.Message = fmt.Sprintf("%s; it %s, and %s Python 3.%d", at, when, where, without[0])
	if until != 0 {
		p.Message = fmt.Sprintf("%s; it %s, and %s Python 3.%d", at, when, where, without[len(without)-1])
	}
	p.Fix = "import what replaces it, or narrow requires-python"
	t.report(p)
}

// replaced says that a distribution that is there has a module that the
// standard library no longer has: setuptools distutils, legacy-cgi cgi.
func replaced(t *tree, u *unit, module string) bool {
	a := t.closureOf(u)
	top := source.Top(module)
	if top == "distutils" && t.isUnit("setuptools") {
		return true
	}
	for name := range a.runs {
		if replaces(name, top) {
			return true
		}
	}
	return false
}

// replaces says that a distribution replaces a module that the standard library
// no longer has, by its name: legacy-cgi, audioop-lts, pyasyncore.
func replaces(distribution, top string) bool {
	return anyOf(words(distribution), []string{top, "py" + top}) || top == "distutils" && distribution == "setuptools" || top == "cgitb" && distribution == "legacy-cgi"
}

// platforms are the values of sys.platform that a condition is asked for.
var platforms = []struct{ platform, os, system string }{{"linux", "posix", "Linux"}, {"darwin", "posix", "Darwin"}, {"win32", "nt", "Windows"}}

// runtimes are those that a unit may run under.
func runtimes(t *tree, u *unit) []source.Runtime {
	minors := u.minors
	if m := minorOf(t); m != 0 {
		minors = []int{m}
	}
	if len(minors) == 0 {
		minors = python.Minors(">=3.8")
	}
	var out []source.Runtime
	for i, p := range platforms {
		if i > 0 && onLinux(t) {
			break
		}
		for _, m := range minors {
			out = append(out, source.Runtime{Version: [3]int{3, m, 9}, Platform: p.platform, OSName: p.os, System: p.system, Implementation: "cpython"})
		}
	}
	return out
}

// holds says whether conditions hold wherever a unit may run: Yes or No where
// they do in every runtime, or in none.
func (t *tree) holds(u *unit, conditions []source.Condition) source.Truth {
	if len(conditions) == 0 {
		return source.Yes
	}
	yes, no, n := 0, 0, 0
	for _, rt := range runtimes(t, u) {
		n++
		switch source.Hold(conditions, rt) {
		case source.Yes:
			yes++
		case source.No:
			no++
		}
	}
	switch n {
	case yes:
		return source.Yes
	case no:
		return source.No
	}
	return source.Maybe
}

// applies says whether the marker of a dependency may hold where a unit runs.
func (t *tree) applies(u *unit, d *manifest.Dependency) bool {
	return slices.ContainsFunc(runtimes(t, u), func(rt source.Runtime) bool { return marked(d, rt) })
}

// machines are values of platform_machine: a project does not say on which it
// runs.
var machines = []string{"x86_64", "aarch64", "AMD64", "arm64", "armv7l", "i686", "ppc64le", "s390x", "riscv64"}

// marked says whether the marker of a dependency may hold in a runtime, on some
// machine.
func marked(d *manifest.Dependency, rt source.Runtime) bool {
	series := fmt.Sprintf("3.%d", rt.Version[1])
	return slices.ContainsFunc(machines, func(machine string) bool {
		env := python.Interpreter{Series: series, Version: series + ".9", Implementation: "cpython"}.Environment(machine)
		env.SysPlatform, env.OSName, env.PlatformSystem = rt.Platform, rt.OSName, rt.System
		ok, err := d.Marker.Evaluate(env, "")
		return ok || err != nil
	})
}

// onLinuxToo says that the marker of a dependency may hold on Linux.
func onLinuxToo(t *tree, u *unit, d *manifest.Dependency) bool {
	return slices.ContainsFunc(runtimes(t, u), func(rt source.Runtime) bool { return rt.Platform == platforms[0].platform && marked(d, rt) })
}
