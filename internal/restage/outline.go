// Package restage reads a Dockerfile by what its instructions do about Python
// packages, and edits it as a strategy has it: a stage of its own installs them and
// the image gets only their environment ([New]); one stage removes what only building
// needs ([NewSingle]); or the image has no shell ([NewBare]).
package restage

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

// Outline is a Dockerfile as strategies see it: which instructions install
// packages, and what the others contribute to the image.
type Outline struct {
	File *dockerfile.File
	// Install is the stage that installs packages, nil where none does; Final is
	// the one that becomes the image. They may be the same.
	Install, Final *dockerfile.Stage
	// Before are the instructions of the stage that installs, up to the last that
	// does; After are those that follow. Both are empty where the two stages are
	// the same.
	Before, After []Step
	// Runtime are the instructions of the final stage.
	Runtime []Step
	// Others are the stages that neither install packages nor become the image.
	Others []*dockerfile.Stage
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

// Step is an instruction with what it does about packages.
type Step struct {
	In       *dockerfile.Instruction
	Role     recipe.Role
	Installs []recipe.PackageInstall
	// Parts are the commands of a RUN, in their order.
	Parts []Part
	// venv is the virtual environment that it makes, empty where it makes none.
	venv string
	// known are the variables before it, dir is the working directory.
	known variables
	dir   string
	// joined says that its commands can only be parted where they are: they are joined
	// by other words than &&, or set up what comes after them.
	joined bool
	// shell is the SHELL above it, nil without one.
	shell *dockerfile.Instruction
	// Text is the instruction with the comment lines right above it.
	Text string
}

// Part is one command of a RUN, with what it does about packages.
type Part struct {
	recipe.PackageAction
	name, Text string
	// System says that it is about the operating system's packages, Names are
	// those that it installs.
	System bool
	Names  []string
}

// OfficialPython matches the name of an official Python image, short or long. Its
// groups are the version and the variant ("-slim-bookworm").
var OfficialPython = regexp.MustCompile(`^(?:docker\.io/)?(?:library/)?python:(3\.[0-9]+(?:\.[0-9]+)?)((?:-[a-z]+)*)$`)

// ReadOutline reads a Dockerfile for a target stage and the values of the build's
// arguments. An error says what is not understood, with its line.
func ReadOutline(f *dockerfile.File, target string, arguments map[string]string) (*Outline, error) {
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
	r := &Outline{File: f, Final: final, arguments: arguments}
	if r.Runtime, err = r.steps(final); err != nil {
		return nil, err
	}
	if hasRole(r.Runtime, recipe.Installing) {
		r.Install = final
	}
	for i := range f.Stages {
		st := &f.Stages[i]
		if st.Index == final.Index {
			continue
		}
		if !r.copiesFrom(st) {
			r.Others = append(r.Others, st)
			continue
		}
		flat := flattened(f, st)
		steps, err := r.steps(flat)
		if err != nil {
			return nil, err
		}
		if !hasRole(steps, recipe.Installing) {
			r.Others = append(r.Others, st)
			continue
		}
		st = flat
		if r.Install != nil {
			return nil, fmt.Errorf("packages are installed in %s and in %s", r.File.StageName(r.Install.Index), r.File.StageName(st.Index))
		}
		r.Install = st
		last := 0
		for i := range steps {
			if steps[i].Role == recipe.Installing {
				last = i
			}
		}
		r.Before, r.After = steps[:last+1], steps[last+1:]
	}
	r.keep()
	return r, r.check()
}

// At names an instruction by its place: "Dockerfile:12".
func (r *Outline) At(in *dockerfile.Instruction) string {
	return fmt.Sprintf("%s:%d", r.File.Name, in.Line)
}

// check refuses what strategies cannot carry over.
func (r *Outline) check() error {
	r.markCopies()
	if r.Two() && !hasRole(r.Runtime, recipe.CopiesPackages) {
		return fmt.Errorf("what the image takes from %s is not understood", r.File.StageName(r.Install.Index))
	}
	user := false
	for _, st := range r.InstallSteps() {
		user = user || st.In.Keyword == "USER" && len(st.In.Args) > 0 && st.In.Args[0].Value != "root" && st.In.Args[0].Value != "0"
		if st.Role == recipe.Installing && user {
			return fmt.Errorf("%s: packages are installed by a user who is not root", r.At(st.In))
		}
	}
	return nil
}

// Printable returns an error if an instruction cannot be carried over into a
// Dockerfile that is written anew.
func (r *Outline) Printable() error {
	steps := slices.Concat(r.Before, r.Runtime)
	for i := range steps {
		if k := steps[i].In.Keyword; k == "ONBUILD" || k == "SHELL" {
			return fmt.Errorf("%s: %s is not understood", r.At(steps[i].In), k)
		}
		if s := &steps[i]; s.joined && s.Role == recipe.Installing && slices.ContainsFunc(s.Parts, func(p Part) bool {
			return p.Role == recipe.Keeps && !slices.Contains([]string{"set", "true", "echo"}, p.name)
		}) {
			return fmt.Errorf("%s: it installs packages and does other things too", r.At(s.In))
		}
	}
	return nil
}

// Two says whether packages are installed in a stage other than the image's.
func (r *Outline) Two() bool { return r.Install != nil && r.Install != r.Final }

// InstallSteps returns the steps of the stage that installs, up to the last that
// does if it is not the image's stage.
func (r *Outline) InstallSteps() []Step {
	if r.Two() {
		return r.Before
	}
	return r.Runtime
}

// Installs returns all commands that install packages, in order.
func (r *Outline) Installs() (out []recipe.PackageInstall) {
	for _, st := range r.InstallSteps() {
		if st.Role == recipe.Installing {
			out = append(out, st.Installs...)
		}
	}
	return out
}

func hasRole(steps []Step, want recipe.Role) bool {
	return slices.ContainsFunc(steps, func(s Step) bool { return s.Role == want })
}

// copiesFrom says whether the image takes something from a stage.
func (r *Outline) copiesFrom(st *dockerfile.Stage) bool {
	return slices.ContainsFunc(r.Runtime, func(s Step) bool { return r.Copied(s.In, st) })
}

// Copied says whether an instruction copies from a stage.
func (r *Outline) Copied(in *dockerfile.Instruction, st *dockerfile.Stage) bool {
	return in.Keyword == "COPY" && slices.ContainsFunc(in.Flag("from"), func(name string) bool {
		return st.Name != "" && strings.EqualFold(name, st.Name) || name == fmt.Sprint(st.Index)
	})
}

// steps reads the instructions of a stage.
func (r *Outline) steps(st *dockerfile.Stage) ([]Step, error) {
	var out []Step
	if r.followed += len(st.Instructions); r.followed > maxSteps {
		return nil, fmt.Errorf("its stages have more than %d instructions", maxSteps)
	}
	at := st.Head.Span.End
	values, dir := newVariables(), ""
	var shell *dockerfile.Instruction
	for i := range st.Instructions {
		in := &st.Instructions[i]
		if i == 0 || st.Instructions[i-1].Stage != in.Stage {
			at, values = r.File.Stages[in.Stage].Head.Span.End, values.below()
		}
		s := Step{In: in, Text: r.commented(at, in), known: values, dir: dir, shell: shell}
		at = in.Span.End
		if in.Keyword == "SHELL" {
			shell = in
		}
		values = values.after(in, r.arguments)
		if in.Keyword == "WORKDIR" && len(in.Args) == 1 {
			dir = FromDir(dir, values.expanded(in.Args[0].Value))
		}
		switch in.Keyword {
		case "RUN":
			if err := s.run(); err != nil {
				return nil, fmt.Errorf("%s: %w", r.At(in), err)
			}
		case "COPY":
			if from := in.Flag("from"); len(from) == 1 && strings.Contains(from[0], "/uv") && !strings.HasPrefix(from[0], "/") {
				s.Role = recipe.FetchesInstaller
			}
		}
		out = append(out, s)
	}
	return out, nil
}

// commented is an instruction with the comment lines right above it.
func (r *Outline) commented(from int, in *dockerfile.Instruction) string {
	gap := strings.Split(string(r.File.Source[from:in.Span.Start]), "\n")
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

// Flags returns the flags that a generated instruction takes over from this one:
// secrets, mounted files, the network. Mounts of caches are left out: they are made
// anew.
func (s *Step) Flags() (out []string) {
	for _, f := range s.In.Flags {
		if f.Name == "mount" && strings.Contains(f.Value, "type=cache") {
			continue
		}
		out = append(out, string(s.Source(f.Span)))
	}
	return out
}

// Source returns a part of the instruction as it is written.
func (s *Step) Source(span whittle.Span) []byte {
	return []byte(s.In.Text()[span.Start-s.In.Span.Start : span.End-s.In.Span.Start])
}

// run reads what a RUN does. One that does something about packages does
// nothing else.
func (s *Step) run() error {
	script, err := s.In.Shell()
	if err != nil {
		if strings.Contains(s.In.Text(), "pip") || strings.Contains(s.In.Text(), "uv ") || strings.Contains(s.In.Text(), "poetry") {
			return err
		}
		return nil // no packages: kept as it is
	}
	roles := map[recipe.Role]bool{}
	apart, listed, read := true, true, s.known.reader(s.In.Text())
	for _, c := range script.Commands() {
		c = read(c)
		a, err := recipe.ReadPackageCommand(&c)
		if err != nil {
			return err
		}
		listed = listed && c.Depth == 0 && slices.Contains([]string{"", "&&", ";", "\n"}, c.Before.Text)
		apart = apart && c.Depth == 0 && (c.Before.Text == "" || c.Before.Text == "&&") && len(c.Words) > 0 && c.Name() != "cd" && c.Name() != "export"
		s.Parts = append(s.Parts, partOf(a, &c, string(s.Source(c.Span))))
		if name := c.Name(); name == "set" || name == "true" || name == "echo" {
			continue
		}
		if a.Role != recipe.Keeps && (c.Depth > 0 || !slices.Contains([]string{"", "&&", ";", "\n"}, c.Before.Text)) {
			return fmt.Errorf("%s runs on a condition", c.Name())
		}
		roles[a.Role] = true
		switch a.Role {
		case recipe.Installing:
			s.Installs = append(s.Installs, a.Install)
		case recipe.MakesVenv:
			s.venv = a.Install.Dir
		}
	}
	s.joined = !apart
	return s.settle(roles, apart || listed)
}

// partOf is a command as a part of a RUN.
func partOf(a recipe.PackageAction, c *dockerfile.Command, text string) Part {
	p := Part{PackageAction: a, name: c.Name(), Text: text}
	words, literal := recipe.Values(c.Words)
	if !literal || len(words) == 0 || a.Role != recipe.Keeps {
		return p
	}
	switch p.name {
	case "apt-get", "apt":
		p.System = true
		if a, ok := recipe.ReadApt(c); ok && a.Verb == "install" {
			p.Names = a.Packages()
		}
	case "rm":
		p.System = strings.Contains(text, "/var/lib/apt/lists")
	case "set":
		p.System = true
	}
	return p
}

// settle gives the step one role of its commands'. apart says that they can be
// told from each other.
func (s *Step) settle(roles map[recipe.Role]bool, apart bool) error {
	switch {
	case roles[recipe.Keeps] && roles[recipe.Installing] && apart:
		s.Role = recipe.Installing
	case roles[recipe.Keeps] && (roles[recipe.Installing] || roles[recipe.PreparesInstaller] || roles[recipe.MakesVenv]):
		return fmt.Errorf("it installs packages and does other things too")
	case roles[recipe.Keeps]:
		s.Role = recipe.Keeps
		if roles[recipe.Cleans] {
			return fmt.Errorf("it deletes packages and does other things too")
		}
	case roles[recipe.Installing]:
		s.Role = recipe.Installing
	case roles[recipe.MakesVenv]:
		s.Role = recipe.MakesVenv
	case roles[recipe.PreparesInstaller]:
		s.Role = recipe.PreparesInstaller
	case roles[recipe.Cleans]:
		s.Role = recipe.Cleans
	}
	if s.Role == recipe.Keeps && onlyBuildTools(s.In) {
		s.Role = recipe.InstallsBuildTools
	}
	return nil
}

// Mixed returns the commands of a RUN that installs packages which do something
// else; own leaves out those that are about the operating system's packages.
func (s *Step) Mixed(own bool) (out []string) {
	if s.Role != recipe.Installing {
		return nil
	}
	for _, p := range s.Parts {
		if p.Role == recipe.Keeps && p.name != "set" && !(own && p.System) {
			out = append(out, p.Text)
		}
	}
	return out
}

// markCopies finds the instructions that bring the packages into the image.
func (r *Outline) markCopies() {
	if !r.Two() {
		return
	}
	dirs := r.folders()
	for i := range r.Runtime {
		s := &r.Runtime[i]
		if !r.Copied(s.In, r.Install) || len(s.In.Args) < 2 {
			continue
		}
		all := true
		for _, a := range s.In.Args[:len(s.In.Args)-1] {
			src := path.Clean(s.known.expanded(a.Value))
			all = all && (slices.Contains(dirs, src) || strings.Contains(src, "/site-packages") || strings.HasPrefix(src+"/", "/usr/local/bin/"))
		}
		if all {
			s.Role = recipe.CopiesPackages
		}
	}
}

// folders are where the packages are installed, as a whole.
func (r *Outline) folders() []string {
	out := []string{"/usr/local"}
	for _, s := range r.Before {
		if s.venv != "" {
			out = append(out, FromDir(s.dir, s.venv))
		}
		for _, in := range s.Installs {
			if in.Tool != recipe.Pip && in.Tool != recipe.UVPip {
				out = append(out, FromDir(s.dir, ".venv"))
			}
			if in.Dir != "" {
				out = append(out, path.Clean(in.Dir))
			}
		}
	}
	return out
}

// OwnVenv returns the folder of the virtual environment that the Dockerfile makes
// itself, or that uv makes in the project's folder; empty where there is none.
func (r *Outline) OwnVenv() string {
	steps := r.InstallSteps()
	for _, s := range steps {
		dir := s.venv
		for _, in := range s.Installs {
			if in.Tool == recipe.UVSync {
				dir = ".venv"
			}
		}
		if dir != "" {
			return FromDir(s.dir, dir)
		}
	}
	return ""
}

// FromDir returns the absolute path of a folder that is named from a working
// directory.
func FromDir(dir, to string) string {
	if path.IsAbs(to) {
		return path.Clean(to)
	}
	return path.Join("/"+dir, to)
}

// Starts returns the commands of CMD and ENTRYPOINT, as far as they can be read.
func (r *Outline) Starts() (out []dockerfile.Command) {
	for i := range r.Runtime {
		in := r.Runtime[i].In
		if in.Keyword != "CMD" && in.Keyword != "ENTRYPOINT" {
			continue
		}
		if script, err := in.Shell(); err == nil {
			out = append(out, script.Commands()...)
		}
	}
	return out
}

// Workdir returns the working directory after some steps, "" for the base image's.
func Workdir(steps []Step) string {
	dir := ""
	for _, s := range steps {
		if dir = s.dir; s.In.Keyword == "WORKDIR" && len(s.In.Args) == 1 {
			dir = FromDir(dir, s.known.expanded(s.In.Args[0].Value))
		}
	}
	return dir
}

// FreeName returns a name that no stage of the Dockerfile has: the given one, with
// "-2" behind it as often as needed.
func (r *Outline) FreeName(name string) string {
	for slices.ContainsFunc(r.File.Stages, func(st dockerfile.Stage) bool { return st.Name == name }) {
		name += "-2"
	}
	return name
}

// FromContext says whether an instruction copies from the build context, and
// returns the sources that it names.
func FromContext(in *dockerfile.Instruction) (sources []string, ok bool) {
	if in.Keyword != "COPY" && in.Keyword != "ADD" || len(in.Flag("from")) > 0 || len(in.Args) < 2 || len(in.Heredocs) > 0 {
		return nil, false
	}
	for _, a := range in.Args[:len(in.Args)-1] {
		sources = append(sources, a.Value)
	}
	return sources, true
}
