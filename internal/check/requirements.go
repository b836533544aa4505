package check

import (
	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/pep"
	"whittle.dev/whittle/internal/python"
	"whittle.dev/whittle/internal/python/imports"
)

// checkRequirements compares what imported distributions require with what is
// installed: compiled code, and imports under names that are made up when they
// run, are not seen otherwise.
func checkRequirements(s *state) []whittle.Problem {
	var out []whittle.Problem
	for _, st := range s.starts {
		if st.python == nil {
			continue
		}
		used := map[int]bool{}
		for _, r := range st.python.roots {
			for _, n := range imports.Walk(true, r.node).Nodes {
				if i, ok := s.owners.owner[n.File]; ok {
					used[i] = true
				}
			}
		}
		env := st.python.finder.Interpreter.Environment(s.Config.Platform().Machine())
		for i := range s.Distributions {
			if used[i] && s.Distributions[i].VendoredBy == "" {
				out = append(out, s.owners.requirementsOf(st, &s.Distributions[i], env)...)
			}
		}
	}
	return out
}

// applies says whether a requirement's marker holds for certain. Where the
// interpreter's patch level is not known, it has to hold for the lowest and for
// the highest.
func applies(r pep.Requirement, i python.Interpreter, env pep.Environment) bool {
	holds, err := r.Marker.Evaluate(env, "")
	if err != nil || !holds || i.Numbers()[2] >= 0 {
		return err == nil && holds
	}
	env.PythonFullVersion = i.Series + ".999"
	env.ImplementationVersion = env.PythonFullVersion
	holds, err = r.Marker.Evaluate(env, "")
	return err == nil && holds
}
