package distribution

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/edit"
	"whittle.dev/whittle/internal/manifest"
	"whittle.dev/whittle/internal/pep"
	"whittle.dev/whittle/internal/python"
	"whittle.dev/whittle/internal/rule/analysis"
)

// UndeclaredDependency is the rule undeclared-dependency: a distribution is
// imported at start, but no file declares it.
func UndeclaredDependency() analysis.Rule {
	return analysis.Rule{
		ID:    "undeclared-dependency",
		Title: "A distribution that is imported at start and that no file declares",
		Text: `An image does not run if a module is missing that a start imports. If no file of the project declares the distribution that has the
module, the declaration is missing. The version bound comes from the lock file, or from the series of the newest release. whittle never
guesses from a module's name which distribution has it: the distribution is installed, locked or declared, or the only one whose wheels
are known to have the module. A module that the project itself has belongs to no distribution. The declaration goes into the project's
dependencies, into the extra without which the importing file cannot be imported anyway, or into the requirements file that the Dockerfile
installs.`,
		Before: "dependencies = [\n    \"click>=8\",\n]\n",
		After:  "dependencies = [\n    \"click>=8\",\n    \"rich>=13,<14\",\n]\n",
		Run:    findUndeclared,
	}
}

func findUndeclared(p *analysis.Pass) []whittle.Finding {
	if p.Check == nil || p.Declared == nil {
		return nil
	}
	var out []whittle.Finding
	seen := map[string]bool{}
	for i := range p.Check.Problems {
		q := p.Project.OwnPlace(p.Check.Problems[i])
		name := pep.Normalize(q.Distribution)
		if q.Rule != whittle.CheckMissingModule || q.Severity != "error" || name == "" || seen[name] || declares(p, name) || !p.Project.OwnPath(q.Path) || !certainName(p, cmp.Or(q.Wanted, q.Module), name) {
			continue
		}
		seen[name] = true
		out = append(out, undeclared(p, q, name))
	}
	return out
}

// certainName says that a module's distribution is not a guess: the project and
// the image name it, or it is the only one whose wheels have the module.
// Nothing is edited for other names.
func certainName(p *analysis.Pass, module, name string) bool {
	n := namesOf(p).Of(module)
	return n.Editable() && n.Distribution == name
}

// declares says whether a file of the project declares a distribution, for any
// purpose.
func declares(p *analysis.Pass, name string) bool {
	return slices.ContainsFunc(p.Dists.Declarations(), func(d *manifest.Dependency) bool { return pep.Normalize(d.Name) == name })
}

// undeclared reports a missing distribution, with the fix that declares it.
func undeclared(p *analysis.Pass, q *whittle.Problem, name string) whittle.Finding {
	requirement := name
	if p.Bound != nil {
		if bound, ok := p.Bound(name); ok {
			requirement += bound
		}
	}
	f := whittle.Finding{
		Breaks:      true,
		Message:     fmt.Sprintf("%s:%d imports %s, and no file declares %s", q.Path, q.Line, q.Module, name),
		Evidence:    []whittle.Evidence{{Layer: -1, File: q.Path, Line: q.Line, What: "import of " + q.Module}},
		Risk:        whittle.RiskLow,
		Advice:      "declare " + requirement,
		Fingerprint: whittle.Fingerprint("undeclared-dependency", name),
	}
	f.About(*q)
	if len(q.ReachedFrom) > 0 {
		f.Message += "; reached from " + strings.Join(q.ReachedFrom, " → ")
	}
	if p.Guard {
		return guarded(p, f, q, requirement)
	}
	if python.ForWindowsAlone(name) { // on Linux, nothing installs it
		f.Advice = "declare " + name + python.WindowsMarker + ", and import " + q.Module + " under \"if sys.platform == 'win32':\""
		return f
	}
	if p.Growth != nil {
		f.Change.Minus, f.Change.Plus, _ = p.Growth(requirement)
	}
	if patch, where, ok := declare(p, q, requirement); ok {
		f.Advice = "add " + requirement + " to " + where
		f.Fix = projectFix(p, "declare "+requirement, []whittle.Patch{patch})
	}
	afterRelease(p, &f)
	return f
}

// guarded is the finding with the other fix: the import is guarded, and says
// what to install. What needs the module still fails, but with a helpful
// message.
func guarded(p *analysis.Pass, f whittle.Finding, q *whittle.Problem, requirement string) whittle.Finding {
	message := fmt.Sprintf("%s is needed here, and is not installed: pip install '%s'", q.Module, requirement)
	patch, err := p.Project.Patch(q.Path, []analysis.Change{func(src []byte) ([]whittle.Edit, error) { return edit.GuardImport(src, q.Line, message) }})
	f.Problems = nil // it stays as it is
	f.Advice = "guard the import, so that it says what to install"
	f.Caution = "the image does not run any better by that"
	if err == nil {
		f.Fix = &whittle.Fix{Title: "guard the import of " + q.Module, Patches: []whittle.Patch{patch}}
	}
	return f
}

// declare is the edit that declares a requirement, in the requirements file
// that the Dockerfile installs or in a list of pyproject.toml.
func declare(p *analysis.Pass, q *whittle.Problem, requirement string) (patch whittle.Patch, where string, ok bool) {
	file, folder := installsFrom(p)
	if p.Project.File("pyproject.toml") != nil && (folder || file == "") {
		return declareIn(p, "pyproject.toml", q, requirement)
	}
	if file == "" && p.Project.File("requirements.txt") != nil {
		file = "requirements.txt"
	}
	written := p.Project.Written(file)
	if file == "" || len(written) == 0 {
		return patch, "", false
	}
	if file = written[0]; path.Base(file) == "pyproject.toml" {
		return declareIn(p, file, q, requirement)
	}
	patch, err := p.Project.Patch(file, []analysis.Change{func(src []byte) ([]whittle.Edit, error) { return edit.AddLine(src, requirement) }})
	return patch, file, err == nil
}

// declareIn is the edit that declares a requirement in a pyproject.toml.
func declareIn(p *analysis.Pass, file string, q *whittle.Problem, requirement string) (patch whittle.Patch, where string, ok bool) {
	list, ok := listFor(p, q, p.Project.File(file))
	if !ok {
		return patch, "", false
	}
	patch, err := p.Project.Patch(file, []analysis.Change{func(src []byte) ([]whittle.Edit, error) {
		return edit.AddRequirement(src, list, requirement)
	}})
	where = "the dependencies of " + file
	if list.Kind == "optional" {
		where = "the extra " + list.Name + " of " + file
	}
	return patch, where, err == nil
}
