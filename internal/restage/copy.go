package restage

import (
	"path"
	"slices"
	"strings"

	"whittle.dev/whittle/internal/dockerfile"
	"whittle.dev/whittle/internal/recipe"
)

// copies decides which stages the files go to that a plan's instructions copy.
type copies struct{ *Plan }

// place decides about a COPY that comes before the last install. What only says
// what to install is for the builder. What the builder certainly does not read, and
// the whole context where requirements alone are read, is for the image.
func (r copies) place(p *placed, at int) {
	p.builder = ownerless(p.In)
	sources, context := FromContext(p.In)
	if !context {
		if len(p.In.Flag("from")) > 0 && r.stageOf(p.In) != nil && !r.local() && !r.builderReads(p.Step) {
			p.builder = "" // such as a front end that another stage has built
		}
		return
	}
	files := r.places(p.Step, sources)
	switch {
	case len(files) > 0 && r.onlyInputs(files) && (r.comesAgain(at, files) || r.onlyRequirements(files)) && !r.named(at, files):
		p.final = ""
	case r.narrow(p.Step, sources) != "":
		p.builder = r.narrow(p.Step, sources)
		p.bare = true
	case !r.local() && r.selfContained() && !r.holdsInputs(files) && len(files) > 0 && !r.builderReads(p.Step):
		p.builder = ""
	}
}

// ownerless is a COPY without the owner of the files, who is not in the builder.
func ownerless(in *dockerfile.Instruction) string {
	text := in.Text()
	for _, f := range slices.Backward(in.Flags) {
		if f.Name != "chown" {
			continue
		}
		from, to := f.Span.Start-in.Span.Start, f.Span.End-in.Span.Start
		text = text[:from] + strings.TrimLeft(text[to:], " \t")
	}
	return text
}

// stageOf is the stage that an instruction copies from.
func (r copies) stageOf(in *dockerfile.Instruction) *dockerfile.Stage {
	for i := range r.File.Stages {
		if st := &r.File.Stages[i]; r.Copied(in, st) {
			return st
		}
	}
	return nil
}

// local says that a folder of the context is installed, so that what is copied may
// become part of a package.
func (r copies) local() bool {
	for _, in := range r.Installs() {
		if len(in.Projects) > 0 || in.Editable || in.Tool != recipe.Pip && in.Tool != recipe.UVPip {
			return true
		}
		for _, w := range in.Args {
			if w = strings.Trim(w, `"'`); strings.HasPrefix(w, "/") || strings.HasPrefix(w, ".") || strings.HasSuffix(w, ".whl") || strings.HasPrefix(w, "--find-links") || w == "-f" {
				return true
			}
		}
	}
	return false
}

// selfContained says that the requirements files that are read name no other files.
func (r copies) selfContained() bool {
	for _, in := range r.Installs() {
		for _, f := range in.Files {
			if !SelfContained(r.Texts[path.Clean(f)]) && !SelfContained(r.Texts[path.Base(f)]) {
				return false
			}
		}
	}
	return true
}

// places maps the files of the context that a COPY takes to their places in the
// image. It is nil where they are not known.
func (r copies) places(s *Step, sources []string) map[string]string {
	out := map[string]string{}
	to := s.known.expanded(s.In.Args[len(s.In.Args)-1].Value)
	if strings.Contains(to, "$") {
		return nil
	}
	folder := strings.HasSuffix(to, "/") || to == "." || len(sources) > 1
	dest := FromDir(s.dir, to)
	for _, source := range sources {
		source = s.known.expanded(source)
		if strings.Contains(source, "$") {
			return nil
		}
		clean := strings.TrimPrefix(path.Clean("/"+source), "/")
		found := false
		for name := range r.Context {
			switch {
			case clean == "": // the whole context
				out[name], found = path.Join(dest, name), true
			case name == clean && !folder:
				out[name], found = dest, true
			case strings.HasPrefix(name, clean+"/"):
				out[name], found = path.Join(dest, name[len(clean)+1:]), true
			case !strings.Contains(name, "/") || path.Dir(name) == path.Dir(clean):
				if ok, err := path.Match(clean, name); ok && err == nil {
					out[name], found = path.Join(dest, path.Base(name)), true
				}
			}
		}
		if !found {
			return nil
		}
	}
	return out
}

// lockFiles say what to install and are read by installers only.
var lockFiles = []string{"uv.lock", "poetry.lock", "pdm.lock", "Pipfile.lock", "Pipfile"}

// metadataFiles are what a project says of itself to installers, and maybe to others.
var metadataFiles = []string{"pyproject.toml", "setup.py", "setup.cfg", "MANIFEST.in", "poetry.toml", ".python-version"}

// onlyInputs says that files say what to install.
func (r copies) onlyInputs(files map[string]string) bool {
	for name := range files {
		base := path.Base(name)
		if !r.isRequirements(name) && !slices.Contains(lockFiles, base) && !slices.Contains(metadataFiles, base) && !strings.HasPrefix(base, "README") && !strings.HasPrefix(base, "LICENSE") {
			return false
		}
	}
	return true
}

// onlyRequirements says that files are requirements and locks, which nothing reads
// but installers.
func (r copies) onlyRequirements(files map[string]string) bool {
	for name := range files {
		if !r.isRequirements(name) && !slices.Contains(lockFiles, path.Base(name)) {
			return false
		}
	}
	return true
}

// isRequirements says that an installing command reads a file as requirements or
// constraints.
func (r copies) isRequirements(name string) bool {
	if _, ok := r.Texts[name]; ok {
		return true
	}
	return slices.ContainsFunc(r.Installs(), func(in recipe.PackageInstall) bool {
		return slices.ContainsFunc(in.Files, func(f string) bool { return path.Base(f) == path.Base(name) })
	})
}

// holdsInputs says that some of the files say what to install.
func (r copies) holdsInputs(files map[string]string) bool {
	for name := range files {
		if r.isRequirements(name) || slices.Contains(lockFiles, path.Base(name)) || slices.Contains(metadataFiles, path.Base(name)) {
			return true
		}
	}
	return false
}

// comesAgain says that a later COPY of the stage brings all these files to the same
// places.
func (r copies) comesAgain(at int, files map[string]string) bool {
	left := len(files)
	for i := at + 1; i < len(r.plan); i++ {
		s := r.plan[i].Step
		sources, ok := FromContext(s.In)
		if !ok || s.In.Keyword != "COPY" {
			continue
		}
		again := r.places(s, sources)
		n := 0
		for name, to := range files {
			if again[name] == to {
				n++
			}
		}
		if n == left {
			return true
		}
	}
	return false
}

// named says that an instruction which is not about installing names one of the
// files.
func (r copies) named(at int, files map[string]string) bool {
	for i := range r.plan {
		s := r.plan[i].Step
		if i == at || s.Role != recipe.Keeps || slices.Contains([]string{"COPY", "LABEL", "ARG"}, s.In.Keyword) {
			continue
		}
		for name := range files {
			if strings.Contains(s.In.Text(), path.Base(name)) {
				return true
			}
		}
	}
	return false
}

// narrow is a COPY of the requirements alone instead of the whole context; empty
// where more may be read.
func (r copies) narrow(s *Step, sources []string) string {
	if len(sources) != 1 || path.Clean(sources[0]) != "." || len(s.In.Flags) > 0 || r.local() || !r.selfContained() {
		return ""
	}
	var files []string
	last := r.lastInstall()
	for i := range r.plan[:last+1] {
		o := r.plan[i].Step
		if o.In.Keyword == "RUN" && o.Role == recipe.Keeps && !r.indifferent(o) && compiles(o) != "" {
			return ""
		}
		for _, in := range o.Installs {
			files = append(files, in.Files...)
		}
	}
	if len(files) == 0 || slices.ContainsFunc(files, func(f string) bool { return !Plain(f) || strings.Contains(f, "/") }) {
		return ""
	}
	slices.Sort(files)
	keyword := s.In.Text()[:len("COPY")]
	return keyword + " " + strings.Join(slices.Compact(files), " ") + " ./"
}

// builderReads says that what the builder runs names the files, or the place, of a
// COPY.
func (r copies) builderReads(s *Step) bool {
	last := r.lastInstall()
	for i := range r.plan[:last+1] {
		o := r.plan[i].Step
		if o.In.Keyword != "RUN" || r.indifferent(o) {
			continue
		}
		if o.Role == recipe.Keeps && compiles(o) != "" {
			return true
		}
		for _, a := range s.In.Args {
			word := path.Base(a.Value)
			if word == "." || word == "/" || strings.Contains(word, "$") || strings.ContainsAny(word, "*?[") || strings.Contains(o.In.Text(), word) && word != "app" {
				if word != "." && word != "/" {
					return true
				}
			}
		}
	}
	return false
}

// brings says that a COPY brings folders of the context, which change more often than
// the packages do.
func (r copies) brings(s *Step) bool {
	sources, ok := FromContext(s.In)
	return ok && slices.ContainsFunc(sources, func(source string) bool {
		clean := strings.TrimPrefix(path.Clean("/"+s.known.expanded(source)), "/")
		if clean == "" {
			return true
		}
		for name := range r.Context {
			if strings.HasPrefix(name, clean+"/") {
				return true
			}
		}
		return false
	})
}
