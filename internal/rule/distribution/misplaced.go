package distribution

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/edit"
	"whittle.dev/whittle/internal/manifest"
	"whittle.dev/whittle/internal/pep"
	"whittle.dev/whittle/internal/rule/analysis"
)

// MisplacedDependency is the rule misplaced-dependency: a distribution that is
// imported at start is declared where the image does not install it.
func MisplacedDependency() analysis.Rule {
	return analysis.Rule{
		ID:    "misplaced-dependency",
		Title: "A distribution that is imported at start and declared for something else",
		Text: `An image does not run if a module is missing that a start imports. If an extra, a group or a requirements file declares the distribution
that has the module, but the image does not install it, there are two ways out. Its line can move to the dependencies that the image
installs, with its specifiers and markers, or the image can install what declares it. The fix is the one that makes the image smaller; the
finding also describes the other.`,
		Before: "dependencies = [\"click>=8\"]\n[project.optional-dependencies]\nscreenshots = [\"rich>=13,<14\", \"pillow\"]\n",
		After:  "dependencies = [\"click>=8\", \"rich>=13,<14\"]\n[project.optional-dependencies]\nscreenshots = [\"pillow\"]\n",
		Run:    findMisplaced,
	}
}

func findMisplaced(p *analysis.Pass) []whittle.Finding {
	if p.Check == nil || p.Guard {
		return nil
	}
	all := p.Dists.Declarations()
	sources := installSources(p)
	var out []whittle.Finding
	seen := map[string]bool{}
	for i := range p.Check.Problems {
		q := &p.Check.Problems[i]
		name := pep.Normalize(q.Distribution)
		imports := q.Rule == whittle.CheckMissingModule || q.Rule == whittle.CheckHealthcheckCannotRun && q.Module != ""
		if !imports || q.Severity != "error" || name == "" || seen[name] {
			continue
		}
		if declaresAny(p) && q.Rule == whittle.CheckMissingModule {
			if q = p.Project.OwnPlace(*q); !p.Project.OwnPath(q.Path) {
				continue
			}
		}
		places := slices.DeleteFunc(slices.Clone(all), func(d *manifest.Dependency) bool { return pep.Normalize(d.Name) != name })
		if len(places) == 0 || slices.ContainsFunc(places, func(d *manifest.Dependency) bool { return installsPlace(p, sources, d) }) {
			continue
		}
		seen[name] = true
		out = append(out, misplaced(p, q, places[0], sources))
	}
	return out
}

// declaresAny says that the project's files are known. A folder that declares
// nothing is not the image's project.
func declaresAny(p *analysis.Pass) bool { return p.Declared != nil && len(p.Declared.Files) > 0 }

// declaredFor says where a dependency is declared: "the extra screenshots
// (pyproject.toml:12)".
func declaredFor(d *manifest.Dependency) string {
	at := d.File
	if d.Line > 0 {
		at = fmt.Sprintf("%s:%d", d.File, d.Line)
	}
	switch {
	case d.Kind == manifest.Optional:
		return fmt.Sprintf("the extra %s (%s)", d.Extra, at)
	case d.Group != "":
		return fmt.Sprintf("the group %s (%s)", d.Group, at)
	}
	return at
}

// misplaced reports a distribution that is declared where the image does not
// install it, with the smaller of two fixes.
func misplaced(p *analysis.Pass, q *whittle.Problem, d *manifest.Dependency, sources []installSource) whittle.Finding {
	where := q.Starts()
	at := fmt.Sprintf("%s:%d", q.Path, q.Line)
	if q.Path == "" || q.Line == 0 {
		at = analysis.List(where)
	}
	f := whittle.Finding{
		Breaks:      true,
		Message:     fmt.Sprintf("%s imports %s, and only %s declares %s, which the image does not install", at, q.Module, declaredFor(d), d.Name),
		Risk:        whittle.RiskLow,
		Fingerprint: whittle.Fingerprint("misplaced-dependency", d.Name),
		Evidence:    []whittle.Evidence{{Layer: -1, File: q.Path, Line: q.Line, What: "import of " + q.Module}, declaredAt(p, d)},
	}
	if q.Path == "" {
		f.Evidence = f.Evidence[1:]
	}
	f.About(*q)
	if len(q.ReachedFrom) > 1 {
		f.Message += "; reached from " + strings.Join(q.ReachedFrom, " → ")
	}
	move, install := moveLine(p, q, d), installDeclared(p, d, sources)
	first, second := move, install
	if first.fix == nil && second.fix != nil || (first.fix == nil) == (second.fix == nil) && second.smaller(first) {
		first, second = second, first
	}
	if first.advice == "" {
		first, second = second, first
	}
	f.Advice, f.Fix = first.advice, first.fix
	f.Change.Minus, f.Change.Plus = first.low, first.high
	if second.advice != "" {
		f.Alternative = &whittle.Alternative{Advice: second.advice, Fix: second.fix}
		if second.known {
			f.Alternative.Saving = &whittle.Saving{Low: -second.high, High: -second.low}
		}
	}
	return f
}

func declaredAt(p *analysis.Pass, d *manifest.Dependency) whittle.Evidence {
	e := whittle.Evidence{Layer: -1, File: d.File, Line: d.Line, What: d.Text}
	if p.Declared == nil || !slices.Contains(p.Declared.Files, d.File) {
		e.Path, e.File = d.File, "" // the image's own metadata
	}
	return e
}

// remedy is one way to install a distribution in the image. It adds between low
// and high bytes, if that is known.
type remedy struct {
	advice    string
	fix       *whittle.Fix
	low, high int64
	known     bool
}

func (w *remedy) smaller(than remedy) bool { return w.known && than.known && w.high < than.high }

// cost is the number of bytes that installing requirements adds to the image.
func (w *remedy) cost(p *analysis.Pass, requirements ...string) {
	if p.Growth != nil {
		w.low, w.high, w.known = p.Growth(requirements...)
	}
}

// moveLine is the remedy in the declarations: it moves the line to where the
// image installs it.
func moveLine(p *analysis.Pass, q *whittle.Problem, d *manifest.Dependency) (w remedy) {
	w.cost(p, d.Text)
	file, folder := installsFrom(p)
	src := p.Project.File("pyproject.toml")
	switch {
	case !declaresAny(p): // of an image whose project is not at hand
		w.advice = "declare " + d.Text + " in the project's dependencies"
		return w
	case src != nil && (folder || file == ""):
		to, ok := listFor(p, q, src)
		if !ok || d.Kind == manifest.Optional && to.Kind == "poetry" {
			return remedy{}
		}
		return toList(p, w, d, to)
	case file != "":
		for _, written := range p.Project.Written(file) {
			if path.Ext(written) != ".toml" {
				return toFile(p, w, d, written)
			}
			if to, ok := listFor(p, q, p.Project.File(written)); ok && written == "pyproject.toml" {
				return toList(p, w, d, to)
			}
		}
	}
	return remedy{}
}

// toList moves a line to a list of pyproject.toml. A line of an extra is moved
// to the dependencies, which are installed with every extra. Other lines are
// copied, because their list may be installed without the dependencies.
func toList(p *analysis.Pass, w remedy, d *manifest.Dependency, to edit.List) remedy {
	where := "the dependencies"
	if to.Kind == "optional" {
		where = "the extra " + to.Name
	}
	verb := "copy"
	bring := func(src []byte) ([]whittle.Edit, error) { return edit.AddRequirement(src, to, d.Text) }
	first := bring
	if from, ok := listOf(p.Project.File("pyproject.toml"), d); ok && d.File == "pyproject.toml" && from.Kind == "optional" && to.Kind == "dependencies" {
		verb = "move"
		first = func(src []byte) ([]whittle.Edit, error) { return edit.MoveRequirement(src, from, to, d.Name) }
	}
	patch, err := p.Project.Patch("pyproject.toml", []analysis.Change{first})
	if err != nil && verb == "move" {
		verb = "copy" // a comment would be lost, or the like
		patch, err = p.Project.Patch("pyproject.toml", []analysis.Change{bring})
	}
	if err != nil {
		return remedy{}
	}
	w.advice = fmt.Sprintf("%s %s from %s to %s of pyproject.toml", verb, d.Text, declaredFor(d), where)
	w.fix = projectFix(p, fmt.Sprintf("declare %s in %s", d.Text, where), []whittle.Patch{patch})
	return w
}

// toFile adds a line to the requirements file that the image installs. It is
// moved if its file includes that one, otherwise copied.
func toFile(p *analysis.Pass, w remedy, d *manifest.Dependency, file string) remedy {
	patch, err := p.Project.Patch(file, []analysis.Change{func(src []byte) ([]whittle.Edit, error) { return edit.AddLine(src, d.Text) }})
	if err != nil {
		return remedy{}
	}
	patches, verb := []whittle.Patch{patch}, "copy"
	if slices.Contains(p.Project.Included(d.File), file) && slices.Equal(p.Project.Written(d.File), []string{d.File}) {
		gone, err := p.Project.Patch(d.File, []analysis.Change{func(src []byte) ([]whittle.Edit, error) { return edit.RemoveLine(src, d.Name) }})
		if err == nil {
			patches, verb = append(patches, gone), "move"
		}
	}
	w.advice = fmt.Sprintf("%s %s from %s to %s", verb, d.Text, declaredFor(d), file)
	w.fix = projectFix(p, fmt.Sprintf("declare %s in %s", d.Text, file), patches)
	return w
}
