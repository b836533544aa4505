package distribution

import (
	"path"
	"slices"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/manifest"
	"whittle.dev/whittle/internal/pep"
	"whittle.dev/whittle/internal/rule/analysis"
	"whittle.dev/whittle/internal/shell"
)

// installDeclared is the remedy in the Dockerfile: it also installs the extra,
// group or file that declares the dependency.
func installDeclared(p *analysis.Pass, d *manifest.Dependency, sources []installSource) (w remedy) {
	switch {
	case d.Kind == manifest.Optional:
		w.advice = "install the extra " + d.Extra
	case d.Group != "":
		w.advice = "install the group " + d.Group
	case strings.HasSuffix(d.File, ".txt"):
		w.advice = "install " + d.File + " too"
	default:
		return remedy{}
	}
	w.cost(p, declaredBeside(p, d)...)
	if p.Dockerfile == nil {
		return w
	}
	var edits []whittle.Edit
	for i := range sources {
		more, ok := widen(p, &sources[i], d)
		if !ok {
			return w
		}
		edits = append(edits, more...)
	}
	if fix, ok := p.Recipe.Fix(w.advice, edits); ok {
		w.fix = fix
	}
	return w
}

// declaredBeside are the requirements that are installed together with a
// dependency if its whole extra, group or file is installed.
func declaredBeside(p *analysis.Pass, d *manifest.Dependency) []string {
	var out []string
	for _, other := range p.Dists.Declarations() {
		same := other.File == d.File && other.Kind == d.Kind && other.Extra == d.Extra && other.Group == d.Group
		if same && !(p.Declared != nil && pep.Normalize(other.Name) == pep.Normalize(p.Declared.Name)) {
			out = append(out, other.Text)
		}
	}
	return out
}

// widen makes a command also install the extra, group or file of a dependency.
// ok is false if it is not known how. A command that installs something else is
// not changed.
func widen(p *analysis.Pass, s *installSource, d *manifest.Dependency) (edits []whittle.Edit, ok bool) {
	c := s.command
	switch {
	case strings.HasSuffix(d.File, ".txt"):
		if s.file == "" {
			return nil, true
		}
		return widenFile(p, s, d.File)
	case s.file != "":
		return nil, true
	case byWords(&c):
		if d.Kind != manifest.Optional {
			return nil, false // pip knows groups since 25.1 only
		}
		w := c.Words[s.word]
		base, extras, listed := strings.Cut(strings.TrimSuffix(w.Value, "]"), "[")
		if listed {
			extras += ","
		}
		return []whittle.Edit{s.run.ReplaceWord(w, `"`+base+"["+extras+d.Extra+`]"`)}, !strings.ContainsAny(w.Value, "\"\\$`") && w.Literal
	}
	option := map[string]map[bool]string{"uv": {true: "--extra", false: "--group"}, "poetry": {true: "--extras", false: "--with"},
		"pdm": {true: "-G", false: "-G"}}[c.Tool][d.Kind == manifest.Optional]
	name := d.Extra + d.Group
	if option == "" || name == "" || d.Extra != "" && d.Group != "" {
		return nil, false
	}
	if d.Kind == manifest.Development && c.Has("--only", "--only-group", "--without", "--no-group") {
		return nil, false // it says which groups it means
	}
	e, err := s.run.AddWords(c.Command, len(c.Words)-1, option, shell.Quote(name))
	return []whittle.Edit{e}, err == nil
}

// widenFile makes a command also install another requirements file, which must
// be beside the one that it installs in the stage.
func widenFile(p *analysis.Pass, s *installSource, file string) ([]whittle.Edit, bool) {
	w := s.command.Words[s.word]
	named := strings.TrimPrefix(strings.TrimPrefix(w.Value, "--requirement="), "-r")
	if !strings.HasSuffix("/"+path.Clean(named), "/"+s.file) || path.Dir(s.file) != path.Dir(file) || !p.Recipe.InContext(file) {
		return nil, false
	}
	copies, ok := alsoCopied(p, s, file)
	if !ok {
		return nil, false
	}
	e, err := s.run.AddWords(s.command.Command, s.word, "-r", shell.Quote(path.Join(path.Dir(named), path.Base(file))))
	return append(copies, e), err == nil
}

// alsoCopied are the edits that copy a file of the project to the folder in
// which a command's stage has another one; none if it is copied already.
func alsoCopied(p *analysis.Pass, s *installSource, file string) ([]whittle.Edit, bool) {
	for _, in := range p.Recipe.ChainOf(&p.Dockerfile.Stages[s.run.Stage]) {
		c, ok := p.Recipe.ReadCopy(in)
		if in == s.run {
			break
		}
		if !ok || !c.FromContext() {
			continue
		}
		covers := func(name string) int {
			return slices.IndexFunc(c.Sources, func(source string) bool {
				clean := strings.Trim(path.Clean("/"+source), "/")
				match, err := path.Match(clean, name)
				return clean == "" || whittle.Under(name, clean) || err == nil && match
			})
		}
		k := covers(s.file)
		switch last := in.Args[len(in.Args)-1].Value; {
		case k < 0:
		case covers(file) >= 0:
			return nil, true
		case in.JSON || c.Sources[k] != s.file && path.Clean(c.Sources[k]) != s.file || !strings.HasSuffix(last, "/") && last != "." && last != "..":
			return nil, false
		default:
			text := string(p.Dockerfile.Source[in.Args[k].Span.Start:in.Args[k].Span.End])
			return []whittle.Edit{in.ReplaceArg(k, text+" "+file)}, !strings.ContainsAny(file, " \"'$\\*?[")
		}
	}
	return nil, false
}
