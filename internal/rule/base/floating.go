package base

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/dockerfile"
	"whittle.dev/whittle/internal/rule/analysis"
)

// FloatingBase is the rule floating-base: the tag of the base image moves to another
// version of its language by itself.
func FloatingBase() analysis.Rule {
	return analysis.Rule{
		ID:    "floating-base",
		Title: "The base image's tag moves to another version by itself",
		Text: "Without a tag, or with one such as `latest`, `slim` or `3`, FROM names another version of the language after each of its releases: what was\n" +
			"built and tested with Python 3.13 runs with 3.14 one day, without wheels that fit, and nobody has changed a line. The fix names the version that the\n" +
			"image has, in all stages that name the language so. Newer patch releases still arrive. It saves no bytes.",
		Before: "FROM python:slim\n",
		After:  "FROM python:3.13-slim\n",
		Run:    floatingBases,
		Static: staticFloating,
	}
}

func floatingBases(p *analysis.Pass) []whittle.Finding {
	st := baseStage(p)
	if st == nil {
		return nil
	}
	o, ok := parseOfficial(st.BaseResolved)
	if !ok || !o.floats() {
		return nil
	}
	pinned, ok := pin(p, o)
	if !ok {
		return nil // which version the image has is not known
	}
	f := whittle.Finding{
		Message:  fmt.Sprintf("%s is %s today, and moves to another version by itself", st.BaseResolved, pinned),
		Evidence: []whittle.Evidence{{Layer: -1, File: p.Dockerfile.Name, Line: st.Head.Line, What: st.BaseResolved}},
		Risk:     whittle.RiskLow, Caution: "newer versions of the language no longer arrive by themselves",
		Advice:      "name the version that the image has: " + pinned,
		Fingerprint: whittle.Fingerprint("floating-base", st.BaseResolved),
	}
	if fix, ok := pinFix(p, o, pinned); ok {
		f.Fix = fix
	}
	return []whittle.Finding{f}
}

// staticFloating reports a tag that moves. Which version it is today, only an image says.
func staticFloating(p *analysis.Pass) []whittle.Finding {
	st := baseStage(p)
	if st == nil {
		return nil
	}
	o, ok := parseOfficial(st.BaseResolved)
	if !ok || !o.floats() {
		return nil
	}
	what := "of " + o.name
	if o.name == "debian" {
		what = "of Debian"
	}
	return []whittle.Finding{p.At(whittle.Finding{
		Message: fmt.Sprintf("%s names no version %s, and moves to another one by itself", st.BaseResolved, what),
		Risk:    whittle.RiskLow, Caution: "newer versions of the language no longer arrive by themselves", Advice: "name the version that is meant",
		Fingerprint: whittle.Fingerprint("floating-base", st.BaseResolved),
	}, &st.Head, whittle.Span{})}
}

// pin is the name with the version that the image has.
func pin(p *analysis.Pass, o official) (string, bool) {
	switch o.name {
	case "debian":
		o.version, o.codename = "", debianRelease(p)
		return o.String(), slices.Contains(releases, o.codename)
	default:
		o.version = languageVersion(p, o.String())
		return o.String(), o.version != ""
	}
}

// pinFix names the version in all stages whose base is the same language under a name
// that moves: stages with different versions do not fit together.
func pinFix(p *analysis.Pass, base official, pinned string) (*whittle.Fix, bool) {
	var edits []whittle.Edit
	for i := range p.Dockerfile.Stages {
		st := &p.Dockerfile.Stages[i]
		o, ok := parseOfficial(st.BaseResolved)
		if st.From != nil || !ok || o.name != base.name || !o.floats() {
			continue
		}
		name, ok := pin(p, o)
		if !ok {
			return nil, false
		}
		more, ok := renamed(p, st, name)
		if !ok {
			return nil, false
		}
		for _, e := range more {
			if !slices.Contains(edits, e) {
				edits = append(edits, e)
			}
		}
	}
	return p.Recipe.Fix("use "+pinned, edits)
}

// renamed makes a FROM line name another image: on the line, or in the default of the
// ARG that it is made of, if only FROM lines with the same image use that.
func renamed(p *analysis.Pass, st *dockerfile.Stage, name string) ([]whittle.Edit, bool) {
	if !strings.Contains(st.Base, "$") {
		return fromEdits(p, st, name)
	}
	m := wholeVariable.FindStringSubmatch(st.Base)
	if m == nil {
		return nil, false
	}
	same := 0
	for i := range p.Dockerfile.Stages {
		if p.Dockerfile.Stages[i].Base == st.Base {
			same++
		}
	}
	used := regexp.MustCompile(`\$\{?` + m[2] + m[3] + `\b`)
	if len(used.FindAllIndex(p.Dockerfile.Source, -1)) != same {
		return nil, false
	}
	return argumentEdits(p, st, name, same)
}
