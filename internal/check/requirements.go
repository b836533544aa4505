package check

import (
	"fmt"

	"whittle"
	"whittle/internal/pep"
	"whittle/internal/python"
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
			for _, n := range python.Walk(true, r.node).Nodes {
				if i, ok := s.owner[n.File]; ok {
					used[i] = true
				}
			}
		}
		env := st.python.finder.Interpreter.Environment(s.Config.Platform().Machine())
		for i := range s.Distributions {
			if used[i] && s.Distributions[i].VendoredBy == "" {
				out = append(out, s.requirementsOf(st, &s.Distributions[i], env)...)
			}
		}
	}
	return out
}

func (s *state) requirementsOf(st *start, d *python.Distribution, env pep.Environment) []whittle.Problem {
	var out []whittle.Problem
	for _, text := range d.Metadata.RequiresDist {
		r, err := pep.ParseRequirement(text)
		if err != nil {
			continue
		}
		if !applies(r, st.python.finder.Interpreter, env) {
			continue
		}
		name := pep.Normalize(r.Name)
		version, ok := s.installed(name)
		p := whittle.Problem{Rule: "missing-requirement", Severity: Warning, Distribution: name, ReachedFrom: []string{st.name}}
		if ok {
			v, err := pep.ParseVersion(version)
			if err != nil || r.Specifiers.Contains(v, true) {
				continue
			}
			p.Message = fmt.Sprintf("%s %s requires %s; %s %s is installed", d.Name, d.Version, text, name, version)
		} else {
			p.Message = fmt.Sprintf("%s %s requires %s, which is not installed", d.Name, d.Version, r.Name)
		}
		p.Fix = "install " + r.Name + r.Specifiers.String()
		out = append(out, p)
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

// installed is the version of a distribution.
func (s *state) installed(name string) (string, bool) {
	for i := range s.Distributions {
		if d := &s.Distributions[i]; d.Name == name && d.VendoredBy == "" {
			return d.Version, true
		}
	}
	return "", false
}
