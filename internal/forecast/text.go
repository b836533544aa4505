package forecast

import (
	"bytes"
	"fmt"
	"path"
	"slices"
	"strings"

	"whittle.dev/whittle/internal/dockerfile"
	"whittle.dev/whittle/internal/recipe"
)

// builderName is the stage that a generated Dockerfile installs in.
const builderName = "builder"

// twoStage is a generated Dockerfile that installs into a virtual environment
// in one stage and copies it into the other.
type twoStage struct {
	*outline
	dest destination
	// head is the comment at the top, without its "#".
	head []string
	// builder and final are the FROM lines; prelude comes below the builder's.
	builder, final string
	prelude        []string
	// build and run give the text of an instruction of each stage that is kept;
	// an empty one skips it.
	build, run func(s *step) (string, error)
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
	t.final = t.outline.head(t.outline.final)
	if !t.two() {
		t.builder = "FROM " + platformFlag(t.outline.final) + t.outline.final.Base + " AS " + t.builderLabel()
		return
	}
	t.builder = t.outline.head(t.outline.install)
}

func platformFlag(st *dockerfile.Stage) string {
	if st.Platform == "" {
		return ""
	}
	return "--platform=" + st.Platform + " "
}

// builderLabel is what COPY --from names.
func (t *twoStage) builderLabel() string {
	if t.two() {
		return t.outline.install.Label()
	}
	return t.freeName(builderName)
}

func asWritten(s *step) (string, error) { return s.text, nil }

// text writes the Dockerfile.
func (t *twoStage) text() (string, error) {
	w := &textWriter{}
	w.top(t.outline, t.head)
	w.arguments(t.outline, t.builder, t.final)
	if t.stages != "" {
		w.paragraph(t.stages)
	}
	for i := range t.file.Stages {
		st := &t.file.Stages[i]
		if t.needed(st) {
			w.paragraph(string(t.file.Source[st.Span.Start:st.Span.End]))
		}
		if t.two() && st.Index == t.outline.install.Index {
			if err := t.writeBuilder(w, t.before); err != nil {
				return "", err
			}
		}
		if st.Index == t.outline.final.Index {
			if t.outline.install == t.outline.final {
				if err := t.writeBuilder(w, t.runtime[:lastInstall(t.runtime)+1]); err != nil {
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

// needed says whether a stage is one of the others that are kept.
func (r *outline) needed(st *dockerfile.Stage) bool { return r.kept[st.Index] }

// keep finds the other stages that the kept ones copy from, mount or build on.
// Later stages come first, as they use earlier ones.
func (r *outline) keep() {
	r.kept = map[int]bool{}
	users := []*dockerfile.Stage{r.final}
	if r.two() {
		users = append(users, r.install)
	}
	uses := func(user, st *dockerfile.Stage) bool {
		for i := range user.Instructions {
			in := &user.Instructions[i]
			if r.copied(in, st) || slices.ContainsFunc(in.Flag("mount"), func(m string) bool { return strings.Contains(m, "from="+st.Label()) }) {
				return true
			}
		}
		return false
	}
	for _, st := range slices.Backward(r.others) {
		if slices.ContainsFunc(users, func(user *dockerfile.Stage) bool {
			own := user.Index != r.final.Index && !(r.two() && user.Index == r.install.Index)
			return own && user.From != nil && *user.From == st.Index || uses(user, st)
		}) {
			r.kept[st.Index] = true
			users = append(users, st)
		}
	}
}

func lastInstall(steps []step) int {
	last := -1
	for i := range steps {
		if steps[i].role == recipe.Installing {
			last = i
		}
	}
	return last
}

// writeBuilder writes the stage that installs.
func (t *twoStage) writeBuilder(w *textWriter, steps []step) error {
	w.paragraph(t.builder)
	w.lines(t.prelude...)
	narrow := narrowed(steps, t.texts)
	made := t.dest.venv == "" || slices.ContainsFunc(t.installs(), func(in recipe.PackageInstall) bool { return in.Tool == recipe.UVSync })
	for i := range steps {
		s := &steps[i]
		switch s.role {
		case recipe.Keeps, recipe.InstallsBuildTools, recipe.PreparesInstaller, recipe.FetchesInstaller:
			if s.role == recipe.PreparesInstaller && s.onlyPip() {
				continue
			}
			if _, ok := fromContext(s.in); ok && narrow != "" {
				w.lines("# Only what is installed from: a change elsewhere does not install it all again.", narrow)
				narrow = ""
				continue
			}
			if ends(s.in) {
				continue
			}
			text, err := t.build(s)
			if err != nil {
				return fmt.Errorf("%s: %w", t.outline.at(s.in), err)
			}
			w.lines(text)
		case recipe.Installing:
			run, err := t.installRun(w, s, made)
			if err != nil {
				return fmt.Errorf("%s: %w", t.outline.at(s.in), err)
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
func (t *twoStage) installRun(w *textWriter, s *step, made bool) (string, error) {
	w.lines("")
	var first []string
	if !made {
		w.lines("# The environment has no pip: the builder's own installs into it.")
		first = []string{"python -m venv --without-pip " + t.dest.venv}
	}
	run, err := t.dest.runInstall(s, func(p *part) bool { return p.system || t.two() }, s.flags(), first, nil)
	if err == nil && t.elsewhere && len(s.mixed(false)) > 0 {
		err = fmt.Errorf("it installs packages and does other things too")
	}
	return run, err
}

// writeAfter writes what the builder runs after installing, where the image copies
// a result of it.
func (t *twoStage) writeAfter(w *textWriter) error {
	if !t.two() || !slices.ContainsFunc(t.runtime, func(s step) bool { return s.role == recipe.Keeps && t.copied(s.in, t.outline.install) }) {
		return nil
	}
	if t.dest.venv != "" {
		w.lines("", t.path())
	}
	for i := range t.after {
		s := &t.after[i]
		if s.role != recipe.Keeps || ends(s.in) {
			continue
		}
		text, err := t.build(s)
		if err != nil {
			return fmt.Errorf("%s: %w", t.outline.at(s.in), err)
		}
		w.lines(text)
	}
	return nil
}

// path puts the environment's programs first.
func (t *twoStage) path() string { return fmt.Sprintf("ENV PATH=%q", t.dest.venv+"/bin:$PATH") }

// narrowed is a COPY of the requirements alone that replaces one of the whole
// context; empty where more files are needed.
func narrowed(steps []step, texts map[string][]byte) string {
	var files []string
	broad := 0
	for i := range steps {
		for _, in := range steps[i].installs {
			if len(in.Projects) > 0 || in.Editable || in.Tool == recipe.UVSync || in.Tool == recipe.Poetry {
				return ""
			}
			files = append(files, in.Files...)
		}
		if sources, ok := fromContext(steps[i].in); ok {
			broad++
			if len(sources) != 1 || path.Clean(sources[0]) != "." {
				return ""
			}
		}
		if steps[i].role == recipe.Keeps && steps[i].in.Keyword == "RUN" {
			return ""
		}
	}
	if broad != 1 || len(files) == 0 || slices.ContainsFunc(files, func(f string) bool { return !plain(f) || strings.Contains(f, "/") || !selfContained(texts[f]) }) {
		return ""
	}
	slices.Sort(files)
	return "COPY " + strings.Join(slices.Compact(files), " ") + " ./"
}

// selfContained says whether a requirements file names no other files.
func selfContained(text []byte) bool {
	for line := range bytes.Lines(text) {
		line = bytes.TrimSpace(line)
		if len(line) > 0 && (line[0] == '.' || line[0] == '/' || line[0] == '-' && !bytes.HasPrefix(line, []byte("--hash"))) || bytes.Contains(line, []byte("file:")) ||
			bytes.HasSuffix(line, []byte(".whl")) || bytes.HasSuffix(line, []byte(".tar.gz")) {
			return false
		}
	}
	return len(text) > 0
}

// onlyPip says that a RUN only upgrades pip: the base image's pip is enough.
func (s *step) onlyPip() bool {
	return !slices.ContainsFunc(s.parts, func(p part) bool { return p.Role == recipe.PreparesInstaller && !p.onlyPip() })
}

// onlyPip says so of a command.
func (p *part) onlyPip() bool {
	return len(p.Install.Args) > 0 && !slices.ContainsFunc(p.Install.Args, func(arg string) bool {
		name, _, _ := strings.Cut(strings.Trim(arg, `"'`), "=")
		name, _, _ = strings.Cut(name, ">")
		name, _, _ = strings.Cut(name, "<")
		return !slices.Contains(withInterpreter, name)
	})
}

// withInterpreter are the installers that come with an interpreter.
var withInterpreter = []string{"pip", "setuptools", "wheel"}

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
	placed := t.outline.install == nil
	for i := range t.runtime {
		s := &t.runtime[i]
		_, context := fromContext(s.in)
		if !placed && (s.role == recipe.CopiesPackages || s.role == recipe.Installing || context) {
			t.place(w)
			placed = true
		}
		switch s.role {
		case recipe.Keeps, recipe.InstallsBuildTools:
			if s.role == recipe.InstallsBuildTools && !t.two() {
				continue
			}
			text, err := t.run(s)
			if err != nil {
				return fmt.Errorf("%s: %w", t.outline.at(s.in), err)
			}
			if text != "" {
				w.lines(spaced(s, text)...)
			}
		case recipe.Installing:
			if err := t.writeMixed(w, s); err != nil {
				return fmt.Errorf("%s: %w", t.outline.at(s.in), err)
			}
		}
	}
	return nil
}

// writeMixed writes what a RUN does besides installing.
func (t *twoStage) writeMixed(w *textWriter, s *step) error {
	for _, p := range s.parts {
		for _, n := range p.names {
			if !slices.Contains(compilers(), n) {
				return fmt.Errorf("it installs %s together with Python's packages", n)
			}
		}
	}
	if own := s.mixed(true); len(own) > 0 {
		w.lines("", "RUN "+strings.Join(own, " && \\\n    "))
	}
	return nil
}

// place copies the environment into the image.
func (t *twoStage) place(w *textWriter) {
	w.lines("", "# All packages, and the only thing that the builder leaves.",
		"COPY --from="+t.builderLabel()+" "+t.owner()+t.dest.venv+" "+t.dest.venv)
	if !slices.ContainsFunc(t.runtime, func(s step) bool { return s.in.Keyword == "ENV" && strings.Contains(s.in.Text(), t.dest.venv+"/bin") }) {
		w.lines(t.path())
	}
}

// owner is the flag that gives the packages the owner that they have in the
// original.
func (t *twoStage) owner() string {
	for _, s := range t.runtime {
		if chown := s.in.Flag("chown"); s.role == recipe.CopiesPackages && len(chown) == 1 {
			return "--chown=" + chown[0] + " "
		}
	}
	return ""
}

// spaced separates groups of instructions by an empty line, as the original does.
func spaced(s *step, text string) []string {
	switch s.in.Keyword {
	case "ENV", "RUN", "WORKDIR", "CMD", "ENTRYPOINT", "USER":
		return []string{"", text}
	}
	return []string{text}
}

// textWriter makes the text of a Dockerfile.
type textWriter struct{ b strings.Builder }

// top writes the directives, the comment, and what comes before the first
// FROM.
func (w *textWriter) top(r *outline, head []string) {
	if r.file.Syntax != "" {
		w.b.WriteString("# syntax=" + r.file.Syntax + "\n\n")
	}
	for _, line := range head {
		w.b.WriteString("# " + line + "\n")
	}
}

// arguments writes the ARGs that FROM lines use.
func (w *textWriter) arguments(r *outline, from ...string) {
	for i := range r.others {
		if r.needed(r.others[i]) {
			from = append(from, r.file.Stages[r.others[i].Index].Head.Text())
		}
	}
	all := strings.Join(from, "\n")
	if !strings.Contains(all, "$") {
		return
	}
	for i := range r.file.Meta {
		w.b.WriteString(r.file.Meta[i].Text() + "\n")
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
