package check

import (
	"fmt"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/pep"
	"whittle.dev/whittle/internal/python"
	"whittle.dev/whittle/internal/python/imports"
	"whittle.dev/whittle/internal/start"
)

// requirements sees that installed distributions have what they require.
func requirements() group {
	return group{run: checkRequirements, checks: []Check{
		{ID: whittle.CheckMissingRequirement, Severity: whittle.SeverityWarning, Title: "a requirement of an installed distribution is not met",
			Text: "The metadata of a distribution that is used requires another one, which is not installed, or not in an allowed version; `pip check` reports the same. Install everything in one step, so that the resolver sees all requirements."},
	}}
}

// checkRequirements compares what imported distributions require with what is
// installed: compiled code, and imports under names that are made up when they
// run, are not seen otherwise.
func checkRequirements(s *state) []whittle.Problem {
	var out []whittle.Problem
	for _, st := range s.starts {
		if st.Python == nil {
			continue
		}
		used := map[int]bool{}
		for _, r := range st.Python.Roots {
			for _, n := range imports.Walk(true, r.Node).Nodes {
				if i, ok := s.owners.Owner[n.File]; ok {
					used[i] = true
				}
			}
		}
		env := st.Python.Finder.Interpreter.Environment(s.Config.Platform().Machine())
		for i := range s.Distributions {
			if used[i] && s.Distributions[i].VendoredBy == "" {
				out = append(out, s.requirementsOf(st, &s.Distributions[i], env)...)
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

func (s *state) requirementsOf(st *start.Process, d *python.Distribution, env pep.Environment) []whittle.Problem {
	var out []whittle.Problem
	for _, text := range d.Metadata.RequiresDist {
		r, err := pep.ParseRequirement(text)
		if err != nil {
			continue
		}
		if !applies(r, st.Python.Finder.Interpreter, env) {
			continue
		}
		name := pep.Normalize(r.Name)
		version, ok := s.installed(name)
		p := whittle.Problem{Rule: whittle.CheckMissingRequirement, Severity: whittle.SeverityWarning, Distribution: name, ReachedFrom: []string{st.Name}}
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
