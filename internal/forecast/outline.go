package forecast

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/dockerfile"
	"whittle.dev/whittle/internal/recipe"
)

// outline is a Dockerfile as strategies see it: which instructions install
// packages, and which make the image what it is besides.
type outline struct {
	file *dockerfile.File
	// install is the stage that installs, nil where nothing is installed;
	// final is the one that becomes the image. They may be the same.
	install, final *dockerfile.Stage
	// before are the install stage's instructions up to the last that
	// installs, after those that follow. Empty where the stages are the same.
	before, after []step
	// runtime are the final stage's.
	runtime []step
	// others are the stages that neither installs nor is the image.
	others []*dockerfile.Stage
	// followed counts the instructions that were read.
	followed int
	// kept has the others that what is kept copies from, mounts or builds on, by
	// their numbers.
	kept map[int]bool
	// arguments are the values of the build's arguments, by name.
	arguments map[string]string
}

// maxStages bounds the stages of a Dockerfile, maxSteps the instructions of
// those that are followed, with what they build on.
const (
	maxStages = 100
	maxSteps  = 5000
)

// step is an instruction with what it does about packages.
type step struct {
	in       *dockerfile.Instruction
	role     recipe.Role
	installs []recipe.PackageInstall
	// parts are the commands of a RUN that installs, in their order.
	parts []part
	// venv is the virtual environment that it makes, empty where it makes none.
	venv string
	// known are the variables before it, dir is the working directory.
	known variables
	dir   string
	// shell is the SHELL above it, nil without one.
	shell *dockerfile.Instruction
	// text is the instruction with the comment lines right above it.
	text string
}

// part is one command of a RUN.
type part struct {
	recipe.PackageAction
	name, text string
	// system says that it is about the operating system's packages, names are
	// those that it installs.
	system bool
	names  []string
}

// officialPython is the official image of Python, by its short name or a long
// one, with its version.
var officialPython = regexp.MustCompile(`^(?:docker\.io/)?(?:library/)?python:(3\.[0-9]+(?:\.[0-9]+)?)((?:-[a-z]+)*)$`)

// readOutline reads a Dockerfile. An error says what is not understood, with its
// line.
func readOutline(f *dockerfile.File, target string, arguments map[string]string) (*outline, error) {
	final, err := f.Target(target)
	if err != nil {
		return nil, err
	}
	if len(f.Stages) > maxStages {
		return nil, fmt.Errorf("it has %d stages, more than %d", len(f.Stages), maxStages)
	}
	final = flattened(f, final)
	if f.Escape != '\\' {
		return nil, fmt.Errorf("the escape character is not a backslash")
	}
	r := &outline{file: f, final: final, arguments: arguments}
	if r.runtime, err = r.steps(final); err != nil {
		return nil, err
	}
	if hasRole(r.runtime, recipe.Installing) {
		r.install = final
	}
	for i := range f.Stages {
		st := &f.Stages[i]
		if st.Index == final.Index {
			continue
		}
		if !r.copiesFrom(st) {
			r.others = append(r.others, st)
			continue
		}
		flat := flattened(f, st)
		steps, err := r.steps(flat)
		if err != nil {
			return nil, err
		}
		if !hasRole(steps, recipe.Installing) {
			r.others = append(r.others, st)
			continue
		}
		st = flat
		if r.install != nil {
			return nil, fmt.Errorf("packages are installed in %s and in %s", r.file.StageName(r.install.Index), r.file.StageName(st.Index))
		}
		r.install = st
		last := 0
		for i := range steps {
			if steps[i].role == recipe.Installing {
				last = i
			}
		}
		r.before, r.after = steps[:last+1], steps[last+1:]
	}
	r.keep()
	return r, r.check()
}

// at names an instruction by its place: "Dockerfile:12".
func (r *outline) at(in *dockerfile.Instruction) string {
	return fmt.Sprintf("%s:%d", r.file.Name, in.Line)
}

// check refuses what strategies cannot carry over.
func (r *outline) check() error {
	r.markCopies()
	if r.two() && !hasRole(r.runtime, recipe.CopiesPackages) {
		return fmt.Errorf("what the image takes from %s is not understood", r.file.StageName(r.install.Index))
	}
	user := false
	for _, st := range r.installSteps() {
		user = user || st.in.Keyword == "USER" && len(st.in.Args) > 0 && st.in.Args[0].Value != "root" && st.in.Args[0].Value != "0"
		if st.role == recipe.Installing && user {
			return fmt.Errorf("%s: packages are installed by a user who is not root", r.at(st.in))
		}
	}
	return nil
}

// printable refuses what a Dockerfile that is written anew cannot have.
func (r *outline) printable() error {
	steps := slices.Concat(r.before, r.runtime)
	for i := range steps {
		if k := steps[i].in.Keyword; k == "ONBUILD" || k == "SHELL" {
			return fmt.Errorf("%s: %s is not understood", r.at(steps[i].in), k)
		}
	}
	return nil
}

// two says that packages are installed in a stage of their own.
func (r *outline) two() bool { return r.install != nil && r.install != r.final }

// installSteps are the steps of the stage that installs.
func (r *outline) installSteps() []step {
	if r.two() {
		return r.before
	}
	return r.runtime
}

// installs are all commands that install, in order.
func (r *outline) installs() (out []recipe.PackageInstall) {
	for _, st := range r.installSteps() {
		if st.role == recipe.Installing {
			out = append(out, st.installs...)
		}
	}
	return out
}

func hasRole(steps []step, want recipe.Role) bool {
	return slices.ContainsFunc(steps, func(s step) bool { return s.role == want })
}

// copiesFrom says whether the image takes something from a stage.
func (r *outline) copiesFrom(st *dockerfile.Stage) bool {
	return slices.ContainsFunc(r.runtime, func(s step) bool { return r.copied(s.in, st) })
}

// copied says whether an instruction copies from a stage.
func (r *outline) copied(in *dockerfile.Instruction, st *dockerfile.Stage) bool {
	return in.Keyword == "COPY" && slices.ContainsFunc(in.Flag("from"), func(name string) bool {
		return st.Name != "" && strings.EqualFold(name, st.Name) || name == fmt.Sprint(st.Index)
	})
}

// steps reads the instructions of a stage.
func (r *outline) steps(st *dockerfile.Stage) ([]step, error) {
	var out []step
	if r.followed += len(st.Instructions); r.followed > maxSteps {
		return nil, fmt.Errorf("its stages have more than %d instructions", maxSteps)
	}
	at := st.Head.Span.End
	values, dir := newVariables(), ""
	var shell *dockerfile.Instruction
	for i := range st.Instructions {
		in := &st.Instructions[i]
		if i == 0 || st.Instructions[i-1].Stage != in.Stage {
			at, values = r.file.Stages[in.Stage].Head.Span.End, values.below()
		}
		s := step{in: in, text: r.commented(at, in), known: values, dir: dir, shell: shell}
		at = in.Span.End
		if in.Keyword == "SHELL" {
			shell = in
		}
		values = values.after(in, r.arguments)
		if in.Keyword == "WORKDIR" && len(in.Args) == 1 {
			dir = fromDir(dir, values.expanded(in.Args[0].Value))
		}
		switch in.Keyword {
		case "RUN":
			if err := s.run(); err != nil {
				return nil, fmt.Errorf("%s: %w", r.at(in), err)
			}
		case "COPY":
			if from := in.Flag("from"); len(from) == 1 && strings.Contains(from[0], "/uv") && !strings.HasPrefix(from[0], "/") {
				s.role = recipe.FetchesInstaller
			}
		}
		out = append(out, s)
	}
	return out, nil
}

// commented is an instruction with the comment lines right above it.
func (r *outline) commented(from int, in *dockerfile.Instruction) string {
	gap := strings.Split(string(r.file.Source[from:in.Span.Start]), "\n")
	first := len(gap) - 1
	for first > 0 && strings.HasPrefix(strings.TrimSpace(gap[first-1]), "#") {
		first--
	}
	var b strings.Builder
	for _, line := range gap[first : len(gap)-1] {
		b.WriteString(strings.TrimSpace(line) + "\n")
	}
	return b.String() + in.Text()
}

// flags are those of an instruction that a generated one keeps: secrets, files
// that are mounted, the network. Its caches are made anew.
func (s *step) flags() (out []string) {
	for _, f := range s.in.Flags {
		if f.Name == "mount" && strings.Contains(f.Value, "type=cache") {
			continue
		}
		out = append(out, string(s.source(f.Span)))
	}
	return out
}

// source is a part of the instruction as it is written.
func (s *step) source(span whittle.Span) []byte {
	return []byte(s.in.Text()[span.Start-s.in.Span.Start : span.End-s.in.Span.Start])
}

// run reads what a RUN does. One that does something about packages does
// nothing else.
func (s *step) run() error {
	script, err := s.in.Shell()
	if err != nil {
		if strings.Contains(s.in.Text(), "pip") || strings.Contains(s.in.Text(), "uv ") || strings.Contains(s.in.Text(), "poetry") {
			return err
		}
		return nil // no packages: kept as it is
	}
	roles := map[recipe.Role]bool{}
	apart, read := true, s.known.reader(s.in.Text())
	for _, c := range script.Commands() {
		c = read(c)
		a, err := recipe.ReadPackageCommand(&c)
		if err != nil {
			return err
		}
		apart = apart && c.Depth == 0 && (c.Before.Text == "" || c.Before.Text == "&&") && len(c.Words) > 0 && c.Name() != "cd" && c.Name() != "export"
		s.parts = append(s.parts, partOf(a, &c, string(s.source(c.Span))))
		if name := c.Name(); name == "set" || name == "true" || name == "echo" {
			continue
		}
		if a.Role != recipe.Keeps && (c.Depth > 0 || !slices.Contains([]string{"", "&&", ";", "\n"}, c.Before.Text)) {
			return fmt.Errorf("%s runs on a condition", c.Name())
		}
		roles[a.Role] = true
		switch a.Role {
		case recipe.Installing:
			s.installs = append(s.installs, a.Install)
		case recipe.MakesVenv:
			s.venv = a.Install.Dir
		}
	}
	return s.settle(roles, apart)
}

// partOf is a command as a part of a RUN.
func partOf(a recipe.PackageAction, c *dockerfile.Command, text string) part {
	p := part{PackageAction: a, name: c.Name(), text: text}
	words, literal := recipe.Values(c.Words)
	if !literal || len(words) == 0 || a.Role != recipe.Keeps {
		return p
	}
	switch p.name {
	case "apt-get", "apt":
		p.system = true
		if a, ok := recipe.ReadApt(c); ok && a.Verb == "install" {
			p.names = a.Packages()
		}
	case "rm":
		p.system = strings.Contains(text, "/var/lib/apt/lists")
	case "set":
		p.system = true
	}
	return p
}

// settle gives the step one role of its commands'. apart says that they can be
// told from each other.
func (s *step) settle(roles map[recipe.Role]bool, apart bool) error {
	switch {
	case roles[recipe.Keeps] && roles[recipe.Installing] && apart:
		s.role = recipe.Installing
	case roles[recipe.Keeps] && (roles[recipe.Installing] || roles[recipe.PreparesInstaller] || roles[recipe.MakesVenv]):
		return fmt.Errorf("it installs packages and does other things too")
	case roles[recipe.Keeps]:
		s.role = recipe.Keeps
		if roles[recipe.Cleans] {
			return fmt.Errorf("it deletes packages and does other things too")
		}
	case roles[recipe.Installing]:
		s.role = recipe.Installing
	case roles[recipe.MakesVenv]:
		s.role = recipe.MakesVenv
	case roles[recipe.PreparesInstaller]:
		s.role = recipe.PreparesInstaller
	case roles[recipe.Cleans]:
		s.role = recipe.Cleans
	}
	if s.role == recipe.Keeps && onlyBuildTools(s.in) {
		s.role = recipe.InstallsBuildTools
	}
	return nil
}

// mixed are the parts of a RUN that do other things than installing; own leaves
// out what is about the operating system's packages.
func (s *step) mixed(own bool) (out []string) {
	if s.role != recipe.Installing {
		return nil
	}
	for _, p := range s.parts {
		if p.Role == recipe.Keeps && p.name != "set" && !(own && p.system) {
			out = append(out, p.text)
		}
	}
	return out
}

// markCopies finds the instructions that bring the packages into the image.
func (r *outline) markCopies() {
	if !r.two() {
		return
	}
	dirs := r.folders()
	for i := range r.runtime {
		s := &r.runtime[i]
		if !r.copied(s.in, r.install) || len(s.in.Args) < 2 {
			continue
		}
		all := true
		for _, a := range s.in.Args[:len(s.in.Args)-1] {
			src := path.Clean(s.known.expanded(a.Value))
			all = all && (slices.Contains(dirs, src) || strings.Contains(src, "/site-packages") || strings.HasPrefix(src+"/", "/usr/local/bin/"))
		}
		if all {
			s.role = recipe.CopiesPackages
		}
	}
}

// folders are where the packages are installed, as a whole.
func (r *outline) folders() []string {
	out := []string{"/usr/local"}
	for _, s := range r.before {
		if s.venv != "" {
			out = append(out, fromDir(s.dir, s.venv))
		}
		for _, in := range s.installs {
			if in.Tool == recipe.UVSync {
				out = append(out, fromDir(s.dir, ".venv"))
			}
			if in.Dir != "" {
				out = append(out, path.Clean(in.Dir))
			}
		}
	}
	return out
}

// venv is the virtual environment that the Dockerfile makes itself, or uv does
// in the project's folder; empty where there is none.
func (r *outline) venv() string {
	steps := r.installSteps()
	for _, s := range steps {
		dir := s.venv
		for _, in := range s.installs {
			if in.Tool == recipe.UVSync {
				dir = ".venv"
			}
		}
		if dir != "" {
			return fromDir(s.dir, dir)
		}
	}
	return ""
}

// fromDir is a folder as seen from a working directory.
func fromDir(dir, to string) string {
	if path.IsAbs(to) {
		return path.Clean(to)
	}
	return path.Join("/"+dir, to)
}

// starts are the commands of CMD and ENTRYPOINT, as far as they can be read.
func (r *outline) starts() (out []dockerfile.Command) {
	for i := range r.runtime {
		in := r.runtime[i].in
		if in.Keyword != "CMD" && in.Keyword != "ENTRYPOINT" {
			continue
		}
		if script, err := in.Shell(); err == nil {
			out = append(out, script.Commands()...)
		}
	}
	return out
}

// workdir is the working directory after some steps, "" for the base image's.
func workdir(steps []step) string {
	dir := ""
	for _, s := range steps {
		if dir = s.dir; s.in.Keyword == "WORKDIR" && len(s.in.Args) == 1 {
			dir = fromDir(dir, s.known.expanded(s.in.Args[0].Value))
		}
	}
	return dir
}

// freeName is a name that no stage of the Dockerfile has.
func (r *outline) freeName(name string) string {
	for slices.ContainsFunc(r.file.Stages, func(st dockerfile.Stage) bool { return st.Name == name }) {
		name += "-2"
	}
	return name
}

// fromContext says whether an instruction copies from the build context, and
// what.
func fromContext(in *dockerfile.Instruction) (sources []string, ok bool) {
	if in.Keyword != "COPY" && in.Keyword != "ADD" || len(in.Flag("from")) > 0 || len(in.Args) < 2 || len(in.Heredocs) > 0 {
		return nil, false
	}
	for _, a := range in.Args[:len(in.Args)-1] {
		sources = append(sources, a.Value)
	}
	return sources, true
}
