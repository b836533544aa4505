package restage

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/dockerfile"
	"whittle.dev/whittle/internal/recipe"
)

// Debian is an image of Debian's Python alone: packages of a suite, unpacked.
type Debian struct {
	// Suite is Debian's name of it ("trixie"), Packages are their names.
	Suite    string
	Packages []string
	// Ships says whether the Python packages have a program.
	Ships func(program string) bool
}

// Bare is a Dockerfile whose image has no shell: its FROM is "scratch", a stage makes
// the root file system, and another installs the packages.
type Bare struct {
	Debian
	// plan is the edit that the packages are installed in a stage of their own by,
	// nil where none are installed; in has what was known before it.
	plan *Plan
	in   Input
	// out is the Dockerfile with that edit, which this one is made on.
	out *Outline
	// root is the stage of the image whose FROM changes, inherited are the
	// instructions of those that it builds on.
	root      *dockerfile.Stage
	inherited []string
	// environment is the stage that changes the interpreter of the packages, empty
	// where the one that installs does.
	environment string
	// system are instructions of the stage that makes the root, with comments;
	// accounts says that they need adduser.
	system   []string
	accounts bool
	edits    []whittle.Edit
	// Notes say what is written in another form.
	Notes []string
}

const systemStage = "system"

// NewBare plans the edit of a Dockerfile. Errors say what cannot be without a shell,
// with the line.
func NewBare(in Input, base Debian) (*Bare, error) {
	in.Slim, in.Quiet, in.bare = "", nil, true
	b := &Bare{Debian: base, in: in}
	text, index := string(in.File.Source), in.Final.Index
	if in.Install != nil {
		plan, err := New(in)
		if err != nil {
			return nil, err
		}
		if plan.leaf {
			return nil, fmt.Errorf("other stages build on %s, which installs the packages", in.File.StageName(plan.split.Index))
		}
		if text, err = plan.Text(); err != nil {
			return nil, err
		}
		if b.plan = plan; plan.Apart() {
			index++ // the stage that installs comes first
		}
	}
	f, err := dockerfile.Parse(in.File.Name, []byte(text))
	if err != nil {
		return nil, err
	}
	f = f.With(in.arguments)
	if b.out, err = ReadOutline(f, fmt.Sprint(index), in.arguments); err != nil {
		return nil, err
	}
	b.findRoot()
	if b.out.Install != nil && b.shared() {
		b.environment = b.out.FreeName("debian-" + b.out.Install.Label())
	}
	if err := b.refused(); err != nil {
		return nil, err
	}
	for i := range b.out.Runtime {
		s := &b.out.Runtime[i]
		if err := b.place(s, Workdir(b.out.Runtime[:i])); err != nil {
			return nil, fmt.Errorf("%s: %w", b.at(s.In), err)
		}
	}
	return b, b.stages()
}

// at names an instruction by its place in the original's Dockerfile.
func (b *Bare) at(in *dockerfile.Instruction) string {
	for i := range b.in.Runtime {
		own := b.in.Runtime[i].In
		text := own.Text()
		if b.plan != nil {
			if left, there := b.plan.Left(own); there {
				text = left
			}
		}
		if text == in.Text() {
			return b.in.At(own)
		}
	}
	return b.in.File.Name
}

// findRoot finds the lowest stage of the image that no other than the image's builds
// on.
func (b *Bare) findRoot() {
	f := b.out.File
	final := &f.Stages[b.out.Final.Index]
	b.root = final
	own := f.Ancestry(final)
	for b.root.From != nil {
		below := *b.root.From
		if slices.ContainsFunc(f.Stages, func(st dockerfile.Stage) bool {
			return !slices.Contains(own, st.Index) && (slices.Contains(f.Ancestry(&st), below) || b.copiesOf(&st, below))
		}) {
			return
		}
		b.root = &f.Stages[below]
	}
}

// copiesOf says that a stage copies from another, by its number.
func (b *Bare) copiesOf(st *dockerfile.Stage, from int) bool {
	return slices.ContainsFunc(st.Instructions, func(in dockerfile.Instruction) bool { return b.out.Copied(&in, &b.out.File.Stages[from]) })
}

// refused is why the packages cannot be used by another interpreter, or the stages
// cannot be told.
func (b *Bare) refused() error {
	f := b.out.File
	for i := range f.Stages {
		st := &f.Stages[i]
		for j := range st.Instructions {
			if n := numbered(&st.Instructions[j]); n >= b.root.Index {
				return fmt.Errorf("%s: it names a stage by its number, which a further stage changes", b.at(&st.Instructions[j]))
			}
		}
	}
	if len(b.root.Head.Comments) > 0 || strings.Contains(b.root.Head.Text(), "\n") {
		return fmt.Errorf("%s: FROM has more than one line", b.in.File.Name)
	}
	for _, s := range slices.Concat(b.out.Before, b.out.After) {
		if s.In.Keyword == "USER" && len(s.In.Args) > 0 && !recipe.IsRoot(s.In.Args[0].Value) {
			return fmt.Errorf("%s: %s has another user than root", b.at(s.In), f.StageName(b.out.Install.Index))
		}
	}
	for _, w := range append([]string{b.Suite}, b.Packages...) {
		if !Plain(w) {
			return fmt.Errorf("the index of Debian names a package %.40q", w)
		}
	}
	return nil
}

// shared says that another image gets the environment, too, whose interpreter this one
// changes.
func (b *Bare) shared() bool {
	f := b.out.File
	own := f.Ancestry(&f.Stages[b.out.Final.Index])
	return slices.ContainsFunc(f.Stages, func(st dockerfile.Stage) bool {
		mine := slices.Contains(own, st.Index) && st.Index >= b.root.Index
		return !mine && b.copiesOf(&st, b.out.Install.Index) ||
			st.Index != b.out.Install.Index && slices.Contains(f.Ancestry(&st), b.out.Install.Index)
	})
}

// place decides about an instruction of the image. dir is its working directory.
func (b *Bare) place(s *Step, dir string) error {
	text := s.In.Text()
	switch s.In.Keyword {
	case "RUN":
		own := s.In.Stage >= b.root.Index
		if !own && s.Role != recipe.Keeps { // for what builds on the stage
			return nil
		}
		commands, err := b.move(s, dir)
		if err != nil {
			return err
		}
		b.system = append(b.system, strings.TrimSuffix(s.Text, text)+commands)
		text = ""
	case "CMD", "ENTRYPOINT", "HEALTHCHECK":
		var err error
		if text, err = b.exec(s); err != nil {
			return err
		}
	case "ONBUILD", "SHELL":
		return fmt.Errorf("%s is for a shell, and there is none", s.In.Keyword)
	case "COPY":
		text = b.copied(s.In)
	case "ENV":
		if SetsPath(s.In) {
			return fmt.Errorf("ENV sets PATH anew, and Python is in another place")
		}
	}
	if s.In.Stage < b.root.Index {
		if text != "" && s.Role != recipe.FetchesInstaller {
			b.inherited = append(b.inherited, strings.TrimSuffix(s.Text, s.In.Text())+text)
		}
		return nil
	}
	switch {
	case text == "": // with the comments above it, and the blank lines above those
		above := len(b.above(s.In))
		b.edits = append(b.edits, whittle.Edit{Span: whittle.Span{Start: s.In.Span.Start - above - len(b.nl()), End: s.In.Span.End}})
	case text != s.In.Text():
		b.edits = append(b.edits, whittle.Edit{Span: s.In.Span, New: text})
	}
	return nil
}

// copied is a COPY of the environment from the stage that changes its interpreter.
func (b *Bare) copied(in *dockerfile.Instruction) string {
	text := in.Text()
	if b.environment == "" || !b.out.Copied(in, b.out.Install) {
		return text
	}
	for _, f := range in.Flags {
		if f.Name == "from" {
			at, end := f.Span.Start-in.Span.Start, f.Span.End-in.Span.Start
			return text[:at] + "--from=" + b.environment + text[end:]
		}
	}
	return text
}

// above are the lines between an instruction and the one before it.
func (b *Bare) above(in *dockerfile.Instruction) string {
	return (&Plan{Input: Input{Outline: b.out}}).above(in)
}

func (b *Bare) nl() string { return (&Plan{Input: Input{Outline: b.out}}).lineEnd() }

// move is what a RUN does with accounts and folders, for the stage that makes the root.
func (b *Bare) move(s *Step, dir string) (string, error) {
	script, err := s.In.Shell()
	if err != nil {
		return "", err
	}
	if len(s.In.Flags) > 0 || script.Exec || len(s.In.Heredocs) > 0 {
		return "", fmt.Errorf("there is no shell to run it")
	}
	var out []string
	same := true
	for _, c := range script.Commands() {
		words, literal := recipe.Values(c.Words)
		if !literal || c.Depth > 0 || len(words) == 0 || len(c.Redirects) > 0 || !slices.Contains([]string{"", "&&"}, c.Before.Text) {
			return "", fmt.Errorf("there is no shell to run it")
		}
		switch path.Base(words[0]) {
		case "useradd", "groupadd", "adduser", "addgroup":
			b.accounts = b.accounts || strings.HasPrefix(path.Base(words[0]), "add")
			out = append(out, asWritten(&c))
		case "mkdir", "chown":
			more, err := inRoot(words, dir)
			if err != nil {
				return "", err
			}
			same = false
			for _, folder := range more {
				if !slices.ContainsFunc(out, func(c string) bool { return makes(c, folder) }) {
					out = append(out, folder)
				}
			}
		default:
			return "", fmt.Errorf("there is no shell to run %s", words[0])
		}
	}
	if same {
		return s.In.Text(), nil
	}
	return s.In.Text()[:len("RUN")] + " " + b.chain(out), nil
}

// makes says that a command makes all folders that another does.
func makes(command, other string) bool {
	have := strings.Fields(command)
	return have[0] == "mkdir" && !slices.ContainsFunc(strings.Fields(other), func(w string) bool { return !slices.Contains(have, w) })
}

// inRoot are the commands of mkdir or chown in the root that is being made.
func inRoot(words []string, dir string) (commands []string, err error) {
	var flags, paths []string
	owner := ""
	for _, w := range words[1:] {
		switch {
		case strings.HasPrefix(w, "-"):
			if w == "-R" || w == "--recursive" {
				return nil, fmt.Errorf("there is no shell to run %s %s, which is about files that are copied before", words[0], w)
			}
			if path.Base(words[0]) == "mkdir" && w != "-p" && w != "--parents" {
				return nil, fmt.Errorf("there is no shell to run mkdir %s", w)
			}
			flags = append(flags, w)
		case path.Base(words[0]) == "chown" && owner == "":
			owner = w
		case !Plain(w):
			return nil, fmt.Errorf("there is no shell to run %s", words[0])
		default:
			paths = append(paths, "/rootfs"+FromDir(dir, w))
		}
	}
	if len(paths) == 0 {
		return nil, fmt.Errorf("there is no shell to run %s", words[0])
	}
	commands = []string{"mkdir -p " + strings.Join(paths, " ")}
	if owner != "" {
		commands = append(commands, "chown "+strings.Join(append(append(flags, owner), paths...), " "))
	}
	return commands, nil
}

// chain joins commands as the file joins its own.
func (b *Bare) chain(commands []string) string { return strings.Join(commands, b.in.joint(b.nl())) }

// exec is a CMD, ENTRYPOINT or HEALTHCHECK without a shell. Plain words in the shell's
// form get the other form; what only a shell does is an error.
func (b *Bare) exec(s *Step) (string, error) {
	script, err := s.In.Shell()
	if err != nil {
		return "", err
	}
	commands := script.Commands()
	if len(commands) == 0 {
		return s.In.Text(), nil // HEALTHCHECK NONE, CMD []
	}
	other := map[string]string{"CMD": "ENTRYPOINT", "ENTRYPOINT": "CMD"}[s.In.Keyword]
	both := slices.ContainsFunc(b.out.Runtime, func(o Step) bool { return o.In.Keyword == other })
	if script.Exec {
		if name := commands[0].Name(); !(s.In.Keyword == "CMD" && both) && !b.has(name) {
			return "", fmt.Errorf("%s starts %s, which is not in an image without a shell", s.In.Keyword, name)
		}
		return s.In.Text(), nil
	}
	words, literal := recipe.Values(commands[0].Words)
	if len(commands) != 1 || !literal || commands[0].Negated || len(commands[0].Assigns)+len(commands[0].Redirects) > 0 ||
		slices.ContainsFunc(commands[0].Words, func(w dockerfile.Word) bool { return w.Text == w.Value && strings.ContainsAny(w.Text, "*?[~{") }) {
		return "", fmt.Errorf("%s needs a shell, and there is none", s.In.Keyword)
	}
	if both {
		return "", fmt.Errorf("%s is in shell form, so that the shell runs it and not %s: there is no shell", s.In.Keyword, other)
	}
	if len(words) > 0 && words[0] == "exec" {
		words = words[1:]
	}
	if len(words) == 0 || !b.has(path.Base(words[0])) {
		return "", fmt.Errorf("%s starts %s, which is not in an image without a shell", s.In.Keyword, commands[0].Name())
	}
	list, err := jsonList(words)
	if err != nil {
		return "", err
	}
	b.Notes = append(b.Notes, fmt.Sprintf("%s: %s is in exec form, as there is no shell", b.at(s.In), s.In.Keyword))
	text, start := s.In.Text(), s.In.Span.Start
	at, end := commands[0].Span.Start-start, commands[0].Span.End-start
	return text[:at] + list + text[end:], nil
}

func jsonList(words []string) (string, error) {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	if err := e.Encode(words); err != nil {
		return "", err
	}
	return strings.ReplaceAll(strings.TrimSpace(out.String()), `","`, `", "`), nil
}

// has says whether the image has a program: the interpreter, or one of the packages.
func (b *Bare) has(name string) bool {
	return name == "python" || name == "python3" || b.Ships != nil && b.Ships(name)
}

// stages makes the edits of FROM, of the stage that makes the root, and of the one
// that installs.
func (b *Bare) stages() error {
	f, nl := b.out.File, b.nl()
	words := strings.Fields(b.root.Head.Text())
	from := words[0] + " scratch"
	if as := slices.IndexFunc(words, func(w string) bool { return strings.EqualFold(w, "AS") }); as > 0 {
		from += " " + strings.Join(words[as:], " ")
	}
	r := &Plan{Input: Input{Outline: b.out}}
	system := b.out.FreeName(systemStage)
	lines := append([]string{from, r.keyword("COPY") + "--from=" + system + " /rootfs /"}, b.locale(r)...)
	lines = append(lines, b.inherited...)
	b.edits = append(b.edits, whittle.Edit{Span: b.root.Head.Span, New: strings.Join(lines, nl)})
	above := b.systemStage(r, system)
	if b.out.Install != nil {
		venv := b.plan.venv
		if !Plain(venv) {
			return fmt.Errorf("%.40q cannot be written into a Dockerfile", venv)
		}
		const comment = "# The interpreter of the environment is Debian's from here on."
		run := r.keyword("RUN") + b.chain([]string{"ln -sf /usr/bin/python3 " + venv + "/bin/python", "sed -i 's|^home = .*|home = /usr/bin|' " + venv + "/pyvenv.cfg"})
		st := &f.Stages[b.out.Install.Index]
		switch {
		case b.environment != "" && st.Name == "":
			return fmt.Errorf("%s has no name, and another image gets its packages, too", f.StageName(st.Index))
		case b.environment != "":
			above = slices.Concat([]string{comment, r.keyword("FROM") + st.Label() + " " + r.keyword("AS") + b.environment, run, ""}, above)
		case len(st.Instructions) == 0:
			return errors.New("the stage that installs is not understood")
		default:
			end := st.Instructions[len(st.Instructions)-1].Span.End
			b.edits = append(b.edits, whittle.Edit{Span: whittle.Span{Start: end, End: end}, New: nl + comment + nl + run})
		}
	}
	b.edits = append(b.edits, f.InsertBefore(&b.root.Head, strings.Join(above, nl)+nl))
	return nil
}

// locale is the encoding that python's own images set, unless the Dockerfile does.
func (b *Bare) locale(r *Plan) []string {
	if slices.ContainsFunc(b.out.Runtime, func(s Step) bool {
		return s.In.Keyword == "ENV" && slices.ContainsFunc(Assignments(s.In), func(x Assignment) bool { return x.Name == "LANG" })
	}) {
		return nil
	}
	return []string{r.keyword("ENV") + "LANG=C.UTF-8"}
}

// systemStage are the lines of the stage that makes the root file system.
func (b *Bare) systemStage(r *Plan, name string) []string {
	needs := "ca-certificates"
	if b.accounts {
		needs += " adduser"
	}
	run := r.keyword("RUN")
	lines := []string{"# Debian's Python and what it links to, unpacked without what installs it.",
		r.keyword("FROM") + PlatformFlag(b.root) + "debian:" + b.Suite + "-slim " + r.keyword("AS") + name,
		run + b.chain([]string{"apt-get update", "apt-get install -y --no-install-recommends " + needs,
			"mkdir -p /debs /rootfs/etc/ssl/certs", "cd /debs", "apt-get download " + wrapped(b.Packages, b.nl()),
			`for deb in *.deb; do dpkg-deb -x "$deb" /rootfs || exit 1; done`,
			"for dir in bin lib lib64 sbin; do [ -e /rootfs/$dir ] || [ ! -e /rootfs/usr/$dir ] || ln -s usr/$dir /rootfs/$dir; done",
			"cp /etc/ssl/certs/ca-certificates.crt /rootfs/etc/ssl/certs/", "mkdir -p -m 1777 /rootfs/tmp"})}
	if b.out.Install == nil && slices.ContainsFunc(b.out.Runtime, func(s Step) bool { return strings.Contains(s.In.Text(), "python") }) {
		lines = append(lines, run+"ln -s python3 /rootfs/usr/bin/python") // Debian has no "python"
	}
	lines = append(lines, b.system...)
	return append(lines, run+b.chain([]string{"cp /etc/passwd /etc/group /etc/nsswitch.conf /rootfs/etc/", "cp -a /home /rootfs/"}))
}

// wrapped lists names over lines of a RUN.
func wrapped(names []string, nl string) string {
	var b strings.Builder
	width := 0
	for i, n := range names {
		if i > 0 {
			if width += len(n) + 1; width > 100 {
				b.WriteString(" \\" + nl + "       ")
				width = 0
			}
			b.WriteString(" ")
		}
		b.WriteString(n)
	}
	return b.String()
}

// HasPip says whether the environment has a pip of its own.
func (b *Bare) HasPip() bool { return b.plan != nil && b.plan.HasPip() }

// Text returns the new Dockerfile.
func (b *Bare) Text() (string, error) {
	edits := slices.Clone(b.edits)
	slices.SortStableFunc(edits, func(x, y whittle.Edit) int {
		return cmp.Or(x.Span.Start-y.Span.Start, x.Span.End-y.Span.End)
	})
	out, err := whittle.Splice(b.out.File.Source, edits)
	return string(out), err
}
