package check

import (
	"fmt"
	"path"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/python"
	"whittle.dev/whittle/internal/start"
)

// interpreter sees that the interpreter finds the modules that it starts with.
func interpreter() group {
	return group{run: checkInterpreter, also: []string{whittle.CheckMissingModule}}
}

// Modules that CPython imports before any code of a program, found by taking
// each away from 3.8 to 3.13. From 3.11 on most are compiled into the program.
var (
	startup    = []string{"encodings", "encodings.aliases", "encodings.utf_8"}
	before310  = []string{"encodings.latin_1"}
	before311  = []string{"codecs", "io", "abc"}
	siteImport = []string{"site", "os", "stat", "posixpath", "genericpath", "_collections_abc", "_sitebuiltins"}
)

// checkInterpreter sees that an interpreter finds the modules that it needs before
// it runs any code.
func checkInterpreter(s *state) []whittle.Problem {
	var out []whittle.Problem
	seen := map[string]bool{}
	for _, st := range s.starts {
		if st.Python == nil || len(st.Python.Roots) == 0 {
			continue
		}
		if p, ok := homeProblem(s, st); ok {
			out = append(out, adjust(st, p))
			continue
		}
		im := st.Python.Roots[0].Importer
		for _, name := range startupOf(im.Finder.Interpreter, im.Finder.Process.NoSite) {
			_, f := im.Import(name)
			if f == nil || seen[st.Name+f.Module] {
				continue
			}
			seen[st.Name+f.Module] = true
			out = append(out, adjust(st, whittle.Problem{Rule: whittle.CheckMissingModule, Module: f.Module, Path: "/" + im.Finder.Interpreter.Lib,
				Message: fmt.Sprintf("Python %s cannot start: its own module %s is not in /%s", im.Finder.Interpreter.Series, f.Module, im.Finder.Interpreter.Lib),
				Fix:     "do not delete parts of the standard library that the interpreter needs to start"}))
		}
	}
	return out
}

func startupOf(i python.Interpreter, noSite bool) []string {
	if i.Implementation != "cpython" {
		return nil
	}
	out := startup
	minor := i.Numbers()[1]
	if minor < 10 {
		out = append(out[:len(out):len(out)], before310...)
	}
	if minor < 11 {
		out = append(out[:len(out):len(out)], before311...)
		if !noSite {
			out = append(out, siteImport...)
		}
	}
	return out
}

// homeProblem is that of a PYTHONHOME without a standard library.
// https://docs.python.org/3/using/cmdline.html#envvar-PYTHONHOME
func homeProblem(s *state, st *start.Process) (whittle.Problem, bool) {
	home, _, _ := strings.Cut(st.Env["PYTHONHOME"], ":")
	if home == "" {
		return whittle.Problem{}, false
	}
	i := st.Python.Roots[0].Importer.Finder.Interpreter
	dir := path.Join(s.files.Real(whittle.Join(st.Dir, home)), "lib", path.Base(i.Lib))
	if real := s.files.Real(dir); real == i.Lib {
		return whittle.Problem{}, false
	}
	if s.files.Real(dir+"/encodings") != "" {
		st.Doubt("what is in the standard library of PYTHONHOME=" + home)
		return whittle.Problem{}, false
	}
	return whittle.Problem{Rule: whittle.CheckMissingModule, Module: "encodings", Path: home,
		Message: fmt.Sprintf("Python %s cannot start: PYTHONHOME=%s has no standard library for it", i.Series, home),
		Fix:     "leave PYTHONHOME out"}, true
}
