package check

import (
	"fmt"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/python"
	"whittle.dev/whittle/internal/python/imports"
	"whittle.dev/whittle/internal/python/source"
	"whittle.dev/whittle/internal/start"
)

// ownElsewhere reports a module that the project or the image has where the
// start does not look; it is never somebody else's. A distribution that the
// project names comes first, unless the module is there whole.
func ownElsewhere(s *state, p *whittle.Problem, r start.Root, f imports.Failure, n *python.Named, at, from string) bool {
	place, ok := locate(s, r.Importer, f)
	if !ok || n.By == python.Configured {
		return false
	}
	if up, _, sub := source.CutLast(f.Module); sub && !place.all && r.Importer != nil {
		if _, missing := r.Importer.Import(up); missing == nil {
			return false // the first part was found, where it was looked for
		}
	}
	wanted := wantedOf(f)
	whole := place.all && strings.Contains(wanted, ".")
	if n.Evident() && !whole {
		return false
	}
	p.Rule, p.Distribution = whittle.CheckNotOnPath, ""
	shown := place.at
	if place.copied {
		shown = "/" + place.at
	} else {
		p.Rule = whittle.CheckMissingSource
	}
	p.Message = fmt.Sprintf("%s is imported by %s%s; it is the project's own, %s, ", wanted, at, from, shown)
	if n.By == python.ByWheels || len(n.Candidates) > 0 {
		p.Message = fmt.Sprintf("%s is imported by %s%s; %s may be meant, the project's own, or the module of %s: ", wanted, at, from, shown, oneOf(n))
	}
	if !place.copied {
		p.Message += "which is not in the image"
		p.Fix = fmt.Sprintf("COPY %s into the image, to a folder that this start looks in%s", place.at, firstFolder(r, ": "))
		return true
	}
	p.Message += fmt.Sprintf("and this start does not look in /%s%s; streamlit and python FILE look in FILE's folder, python -m in the working directory, console scripts in neither", place.root, firstFolder(r, ", it begins with "))
	p.Fix = fmt.Sprintf("set PYTHONPATH=/%s, or start it by python -m with WORKDIR /%s, or package %s", place.root, place.root, source.Top(wanted))
	if place.full != "" {
		p.Fix = fmt.Sprintf("import it as %s, or set PYTHONPATH=/%s", place.full, place.root)
	}
	return true
}

// isOwnModule says that a missing module is the project's own, as far as no
// distribution that the project names has it.
func isOwnModule(s *state, r start.Root, f imports.Failure, n *python.Named) bool {
	if n.Evident() {
		return false
	}
	_, lies := locate(s, r.Importer, f)
	return lies || s.owners.OwnModules[source.Top(f.Module)]
}

// oneOf are the distributions that may be meant, in words.
func oneOf(n *python.Named) string {
	if n.Distribution != "" {
		return n.Distribution
	}
	return strings.Join(n.Candidates, " or ")
}

// firstFolder is where a process looks for modules first, behind some words.
func firstFolder(r start.Root, words string) string {
	if r.Importer == nil || len(r.Importer.Finder.Path) == 0 || strings.HasPrefix(r.Importer.Finder.Path[0]+"/", r.Importer.Finder.Interpreter.Lib+"/") {
		return ""
	}
	return words + "/" + r.Importer.Finder.Path[0]
}
