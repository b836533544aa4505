package check

import (
	"fmt"
	"path"
	"strings"

	"whittle.dev/whittle"
)

// bytecode sees that bytecode belongs to the interpreter.
func bytecode() group {
	return group{run: checkBytecode, checks: []Check{
		{ID: whittle.CheckStaleBytecode, Severity: whittle.SeverityInfo, Title: "the interpreter cannot use the bytecode",
			Text: "Another version of Python than the image's made the `.pyc` files, so the interpreter ignores them."},
	}}
}

// checkBytecode finds __pycache__ files of interpreters that the image does
// not start: they weigh, and do nothing.
func checkBytecode(s *state) []whittle.Problem {
	tags := map[string]bool{}
	for _, st := range s.starts {
		if st.Python != nil {
			tags["cpython-"+strings.ReplaceAll(st.Python.Finder.Interpreter.Series, ".", "")] = true
			tags["pypy"+strings.ReplaceAll(st.Python.Finder.Interpreter.Series, ".", "")] = true
		}
	}
	if len(tags) == 0 {
		return nil
	}
	count, first := map[string]int{}, map[string]string{}
	for _, p := range s.Root.Paths() {
		if path.Base(path.Dir(p)) != "__pycache__" || !strings.HasSuffix(p, ".pyc") {
			continue
		}
		parts := strings.Split(path.Base(p), ".")
		if len(parts) < 3 {
			continue
		}
		tag := parts[1]
		if !tags[tag] && s.serves(p, tags) {
			if count[tag] == 0 {
				first[tag] = p
			}
			count[tag]++
		}
	}
	var out []whittle.Problem
	for tag, n := range count {
		out = append(out, whittle.Problem{Rule: whittle.CheckStaleBytecode, Severity: whittle.SeverityInfo, Path: "/" + first[tag],
			Message: fmt.Sprintf("%d bytecode files of %s are of no use to the interpreter that runs", n, tag), Fix: "do not copy __pycache__ (list it in .dockerignore), and compile with the image's own interpreter"})
	}
	return out
}

// serves says that a bytecode file lies on the path of a started interpreter,
// and not in the library of another.
func (s *state) serves(p string, _ map[string]bool) bool {
	for _, st := range s.starts {
		if st.Python == nil {
			continue
		}
		for _, dir := range st.Python.Finder.Path {
			if dir != "" && strings.HasPrefix(p, dir+"/") {
				return true
			}
		}
	}
	return false
}
