package forecast

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"whittle.dev/whittle/internal/dockerfile"
	"whittle.dev/whittle/internal/recipe"
	"whittle.dev/whittle/internal/restage"
)

// twoStage is a generated Dockerfile that installs into a virtual environment
// in one stage and copies it into the other.
type twoStage struct {
	*restage.Outline
	dest destination
	// head is the comment at the top, without its "#".
	head []string
	// builder and final are the FROM lines; prelude comes below the builder's.
	builder, final string
	prelude        []string
	// build and run give the text of an instruction of each stage that is kept;
	// an empty one skips it.
	build, run func(s *restage.Step) (string, error)
	// elsewhere says that the bases are not the original's.
	elsewhere bool
	// start comes below the final FROM line, finish at the end of the builder;
	// stages comes above both.
	start, finish []string
	stages        string
	// texts are the requirements files that were read.
	texts map[string][]byte
	// quiet keeps Python in RUNs from writing bytecode.
	quiet []string
}

// sameBases builds both stages on the original's bases.
func (t *twoStage) sameBases() {
	t.final = t.Outline.Head(t.Outline.Final)
	if !t.Two() {
		t.builder = "FROM " + restage.PlatformFlag(t.Outline.Final) + t.Outline.Final.Base + " AS " + t.builderLabel()
		return
	}
	t.builder = t.Outline.Head(t.Outline.Install)
}

// builderLabel is what COPY --from names.
func (t *twoStage) builderLabel() string {
	if t.Two() {
		return t.Outline.Install.Label()
	}
	return t.FreeName(restage.BuilderName)
}

func asWritten(s *restage.Step) (string, error) { return s.Text, nil }

// text writes the Dockerfile.
func (t *twoStage) text() (string, error) {
	w := &textWriter{}
	w.top(t.Outline, t.head)
	w.arguments(t.Outline, t.builder, t.final)
	if t.stages != "" {
		w.paragraph(t.stages)
	}
	for i := range t.File.Stages {
		st := &t.File.Stages[i]
		if t.Needed(st) {
			w.paragraph(string(t.File.Source[st.Span.Start:st.Span.End]))
		}
		if t.Two() && st.Index == t.Outline.Install.Index {
			if err := t.writeBuilder(w, t.Before); err != nil {
				return "", err
			}
		}
		if st.Index == t.Outline.Final.Index {
			if t.Outline.Install == t.Outline.Final {
				if err := t.writeBuilder(w, t.Runtime[:restage.LastInstall(t.Runtime)+1]); err != nil {
					return "", err
				}
			}
			if err := t.writeFinal(w); err != nil {
				return "", err
			}
		}
	}
	return w.String(), nil
}

// writeBuilder writes the stage that installs.
func (t *twoStage) writeBuilder(w *textWriter, steps []restage.Step) error {
	w.paragraph(t.builder)
	w.lines(t.prelude...)
	narrow := narrowed(steps, t.texts)
	made := t.dest.venv == "" || slices.ContainsFunc(t.Installs(), func(in recipe.PackageInstall) bool { return in.Tool == recipe.UVSync })
	for i := range steps {
		s := &steps[i]
		switch s.Role {
		case recipe.Keeps, recipe.InstallsBuildTools, recipe.PreparesInstaller, recipe.FetchesInstaller:
			if s.Role == recipe.PreparesInstaller && s.OnlyPip() {
				continue
			}
			if _, ok := restage.FromContext(s.In); ok && narrow != "" {
				w.lines("# Only what is installed from: a change elsewhere does not install it all again.", narrow)
				narrow = ""
				continue
			}
			if ends(s.In) {
				continue
			}
			text, err := t.build(s)
			if err != nil {
				return fmt.Errorf("%s: %w", t.Outline.At(s.In), err)
			}
			w.lines(text)
		case recipe.Installing:
			run, err := t.installRun(w, s, made)
			if err != nil {
				return fmt.Errorf("%s: %w", t.Outline.At(s.In), err)
			}
			made = true
			w.lines(run)
		}
	}
	if err := t.writeAfter(w); err != nil {
		return err
	}
	w.lines(t.finish...)
	return nil
}

// installRun is the RUN of a step that installs; made says that the
// environment is there already.
func (t *twoStage) installRun(w *textWriter, s *restage.Step, made bool) (string, error) {
	w.lines("")
	var first []string
	if !made {
		w.lines("# The environment has no pip: the builder's own installs into it.")
		first = []string{"python -m venv --without-pip " + t.dest.venv}
	}
	run, err := t.dest.runInstall(s, func(p *restage.Part) bool { return p.System || t.Two() }, s.Flags(), first, nil)
	if err == nil && t.elsewhere && len(s.Mixed(false)) > 0 {
		err = fmt.Errorf("it installs packages and does other things too")
	}
	return run, err
}

// writeAfter writes what the builder runs after installing, where the image copies
// a result of it.
func (t *twoStage) writeAfter(w *textWriter) error {
	if !t.Two() || !slices.ContainsFunc(t.Runtime, func(s restage.Step) bool { return s.Role == recipe.Keeps && t.Copied(s.In, t.Outline.Install) }) {
		return nil
	}
	if t.dest.venv != "" {
		w.lines("", t.path())
	}
	for i := range t.After {
		s := &t.After[i]
		if s.Role != recipe.Keeps || ends(s.In) {
			continue
		}
		text, err := t.build(s)
		if err != nil {
			return fmt.Errorf("%s: %w", t.Outline.At(s.In), err)
		}
		w.lines(text)
	}
	return nil
}

// path puts the environment's programs first.
func (t *twoStage) path() string { return fmt.Sprintf("ENV PATH=%q", t.dest.venv+"/bin:$PATH") }

// narrowed is a COPY of the requirements alone that replaces one of the whole
// context; empty where more files are needed.
func narrowed(steps []restage.Step, texts map[string][]byte) string {
	var files []string
	broad := 0
	for i := range steps {
		for _, in := range steps[i].Installs {
			if len(in.Projects) > 0 || in.Editable || in.Tool == recipe.UVSync || in.Tool == recipe.Poetry {
				return ""
			}
			files = append(files, in.Files...)
		}
		if sources, ok := restage.FromContext(steps[i].In); ok {
			broad++
			if len(sources) != 1 || path.Clean(sources[0]) != "." {
				return ""
			}
		}
		if steps[i].Role == recipe.Keeps && steps[i].In.Keyword == "RUN" {
			return ""
		}
	}
	if broad != 1 || len(files) == 0 || slices.ContainsFunc(files, func(f string) bool {
		return !restage.Plain(f) || strings.Contains(f, "/") || !restage.SelfContained(texts[f])
	}) {
		return ""
	}
	slices.Sort(files)
	return "COPY " + strings.Join(slices.Compact(files), " ") + " ./"
}

// ends says that an instruction is about how the image starts, which a builder does
// not need.
func ends(in *dockerfile.Instruction) bool {
	return slices.Contains([]string{"CMD", "ENTRYPOINT", "EXPOSE", "HEALTHCHECK", "USER", "VOLUME", "STOPSIGNAL", "LABEL"}, in.Keyword)
}

// writeFinal writes the stage that becomes the image.
func (t *twoStage) writeFinal(w *textWriter) error {
	w.paragraph(t.final)
	w.lines(t.start...)
	w.lines(t.quiet...)
	placed := t.Outline.Install == nil
	for i := range t.Runtime {
		s := &t.Runtime[i]
		_, context := restage.FromContext(s.In)
		if !placed && (s.Role == recipe.CopiesPackages || s.Role == recipe.Installing || context) {
			t.place(w)
			placed = true
		}
		switch s.Role {
		case recipe.Keeps, recipe.InstallsBuildTools:
			if s.Role == recipe.InstallsBuildTools && !t.Two() {
				continue
			}
			text, err := t.run(s)
			if err != nil {
				return fmt.Errorf("%s: %w", t.Outline.At(s.In), err)
			}
			if text != "" {
				w.lines(spaced(s, text)...)
			}
		case recipe.Installing:
			if err := t.writeMixed(w, s); err != nil {
				return fmt.Errorf("%s: %w", t.Outline.At(s.In), err)
			}
		}
	}
	return nil
}

// writeMixed writes what a RUN does besides installing.
func (t *twoStage) writeMixed(w *textWriter, s *restage.Step) error {
	for _, p := range s.Parts {
		for _, n := range p.Names {
			if !slices.Contains(restage.Compilers(), n) {
				return fmt.Errorf("it installs %s together with Python's packages", n)
			}
		}
	}
	if own := s.Mixed(true); len(own) > 0 {
		w.lines("", "RUN "+strings.Join(own, " && \\\n    "))
	}
	return nil
}

// place copies the environment into the image.
func (t *twoStage) place(w *textWriter) {
	w.lines("", "# All packages, and the only thing that the builder leaves.",
		"COPY --from="+t.builderLabel()+" "+t.owner()+t.dest.venv+" "+t.dest.venv)
	if !slices.ContainsFunc(t.Runtime, func(s restage.Step) bool {
		return s.In.Keyword == "ENV" && strings.Contains(s.In.Text(), t.dest.venv+"/bin")
	}) {
		w.lines(t.path())
	}
}

// owner is the flag that gives the packages the owner that they have in the
// original.
func (t *twoStage) owner() string {
	for _, s := range t.Runtime {
		if chown := s.In.Flag("chown"); s.Role == recipe.CopiesPackages && len(chown) == 1 {
			return "--chown=" + chown[0] + " "
		}
	}
	return ""
}

// spaced separates groups of instructions by an empty line, as the original does.
func spaced(s *restage.Step, text string) []string {
	switch s.In.Keyword {
	case "ENV", "RUN", "WORKDIR", "CMD", "ENTRYPOINT", "USER":
		return []string{"", text}
	}
	return []string{text}
}

// textWriter makes the text of a Dockerfile.
type textWriter struct{ b strings.Builder }

// top writes the directives, the comment, and what comes before the first
// FROM.
func (w *textWriter) top(r *restage.Outline, head []string) {
	if r.File.Syntax != "" {
		w.b.WriteString("# syntax=" + r.File.Syntax + "\n\n")
	}
	for _, line := range head {
		w.b.WriteString("# " + line + "\n")
	}
}

// arguments writes the ARGs that FROM lines use.
func (w *textWriter) arguments(r *restage.Outline, from ...string) {
	for i := range r.Others {
		if r.Needed(r.Others[i]) {
			from = append(from, r.File.Stages[r.Others[i].Index].Head.Text())
		}
	}
	all := strings.Join(from, "\n")
	if !strings.Contains(all, "$") {
		return
	}
	for i := range r.File.Meta {
		w.b.WriteString(r.File.Meta[i].Text() + "\n")
	}
}

// paragraph starts a stage.
func (w *textWriter) paragraph(text string) {
	if b := w.b.String(); b != "" && !strings.HasPrefix(b[strings.LastIndexByte(b[:len(b)-1], '\n')+1:], "#") && !strings.HasSuffix(b, "\n\n") {
		w.b.WriteString("\n")
	}
	w.b.WriteString(text + "\n")
}

// lines writes some lines; empty ones do not follow each other.
func (w *textWriter) lines(lines ...string) {
	for _, l := range lines {
		if l == "" && strings.HasSuffix(w.b.String(), "\n\n") {
			continue
		}
		w.b.WriteString(l + "\n")
	}
}

// String is the text that was written.
func (w *textWriter) String() string { return strings.TrimRight(w.b.String(), "\n") + "\n" }

// parses checks a generated text with the parser.
func parses(text string) error {
	f, err := dockerfile.Parse("Dockerfile", []byte(text))
	if err != nil {
		return fmt.Errorf("the generated Dockerfile does not parse: %w", err)
	}
	for i := range f.Stages {
		for j := range f.Stages[i].Instructions {
			in := &f.Stages[i].Instructions[j]
			if in.Keyword != "RUN" {
				continue
			}
			if _, err := in.Shell(); err != nil {
				return fmt.Errorf("the generated Dockerfile's shell does not parse: %w", err)
			}
		}
	}
	return nil
}
