package restage

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/dockerfile"
	"whittle.dev/whittle/internal/recipe"
)

// scripts edits the RUNs of a plan.
type scripts struct{ *Plan }

func (r *Plan) scripts() scripts { return scripts{r} }

// sketch is a RUN apart from its file, on which edits are made one after the other.
type sketch struct {
	file *dockerfile.File
	left int
}

// maxSketched bounds the edits of one RUN, each of which parses it again.
const maxSketched = 200

// newSketch has the line ends of the file, also where the RUN is one line.
func newSketch(s *Step, lineEnd string) (*sketch, error) {
	text := "FROM scratch" + lineEnd
	if s.shell != nil {
		text += s.shell.Text() + lineEnd
	}
	f, err := dockerfile.Parse("Dockerfile", []byte(text+s.In.Text()))
	if err != nil {
		return nil, err
	}
	return &sketch{f, maxSketched}, nil
}

// sketched is a RUN with its commands, of which each is known for what it does.
func (r *Plan) sketched(s *Step) (*sketch, []dockerfile.Command, error) {
	k, err := newSketch(s, r.lineEnd())
	if err != nil {
		return nil, nil, err
	}
	commands, err := k.commands()
	if err == nil && len(commands) != len(s.Parts) {
		err = fmt.Errorf("its commands are not understood")
	}
	return k, commands, err
}

func (k *sketch) in() *dockerfile.Instruction {
	ins := k.file.Stages[0].Instructions
	return &ins[len(ins)-1]
}

// commands are those of the RUN as it is now.
func (k *sketch) commands() ([]dockerfile.Command, error) {
	script, err := k.in().Shell()
	if err != nil {
		return nil, err
	}
	return script.Commands(), nil
}

// edit makes edits of the command at a place.
func (k *sketch) edit(at int, edits func(in *dockerfile.Instruction, c dockerfile.Command) ([]whittle.Edit, error)) error {
	if k.left--; k.left < 0 {
		return fmt.Errorf("it takes more than %d edits", maxSketched)
	}
	commands, err := k.commands()
	if err != nil {
		return err
	}
	made, err := edits(k.in(), commands[at])
	if err != nil {
		return placeless(err)
	}
	text, err := dockerfile.Apply(k.file.Source, made)
	if err != nil {
		return placeless(err)
	}
	k.file, err = dockerfile.Parse("Dockerfile", text)
	return err
}

// placeless is an error without the place in the sketch, which is none of the file's.
func placeless(err error) error {
	text := err.Error()
	if place, rest, ok := strings.Cut(text, ": "); ok && strings.HasPrefix(place, "Dockerfile:") {
		return errors.New(rest)
	}
	return err
}

// remove takes out the command at a place, with the comments above it, which the
// other stage keeps.
func (k *sketch) remove(at int) error {
	commands, err := k.commands()
	if err != nil {
		return err
	}
	from := k.in().Span.Start
	if at > 0 {
		from = commands[at-1].Span.End
	}
	if err := k.uncomment(from, commands[at].Span.End); err != nil {
		return err
	}
	return k.edit(at, func(in *dockerfile.Instruction, c dockerfile.Command) ([]whittle.Edit, error) {
		return in.RemoveCommand(c)
	})
}

// uncomment takes out the comment lines of a part of the RUN.
func (k *sketch) uncomment(from, to int) error {
	src := k.file.Source
	var edits []whittle.Edit
	for _, c := range k.in().Comments {
		if c.Start < from || c.End > to {
			continue
		}
		start, end := c.Start, c.End
		for start > 0 && src[start-1] != '\n' {
			start--
		}
		for end < len(src) && src[end-1] != '\n' {
			end++
		}
		edits = append(edits, whittle.Edit{Span: whittle.Span{Start: start, End: end}})
	}
	if len(edits) == 0 {
		return nil
	}
	text, err := whittle.Splice(src, edits)
	if err != nil {
		return err
	}
	k.file, err = dockerfile.Parse("Dockerfile", text)
	return err
}

// one makes an operation that gives one edit fit for [sketch.edit].
func one(e whittle.Edit, err error) ([]whittle.Edit, error) { return []whittle.Edit{e}, err }

// fate is what becomes of a command in the image.
type fate uint8

const (
	stays  fate = iota // the image is what it is by it
	goes               // it belongs to installing
	serves             // it does nothing alone: it sets up or tidies what others do
	tidies             // it serves the package manager of the system
)

// fateOf is the fate of a command of a RUN that was read.
func (r scripts) fateOf(p *Part, c *dockerfile.Command) fate {
	switch p.Role {
	case recipe.Keeps:
	default:
		return goes
	}
	words, literal := recipe.Values(c.Words)
	if len(words) == 0 {
		return serves
	}
	switch c.Name() {
	case "set", "true", ":", "echo", "cd", "export", ".", "source":
		return serves
	case "rm":
		if literal && !slices.ContainsFunc(words[1:], func(w string) bool { return !strings.HasPrefix(w, "-") && !temporary(w) }) {
			return tidies
		}
	}
	if m, ok := readManager(c); ok {
		switch {
		case m.removes && len(m.names) > 0:
			if r.allGo(m.packages(c)) {
				return goes
			}
		case m.installs && len(m.names) > 0:
		default:
			return tidies
		}
	}
	return stays
}

// temporary says that a path is below a folder of lists, caches or temporary files.
func temporary(p string) bool {
	return slices.ContainsFunc([]string{"/var/lib/apt/", "/var/cache/", "/tmp/", "/var/tmp/", "/root/.cache", "/var/log/", "/etc/apk/cache"}, func(dir string) bool { return strings.HasPrefix(p, dir) })
}

// manager is a command of apt or apk.
type manager struct {
	installs, removes bool
	// names are the positions of the packages' names, virtual is the position of
	// apk's name for them all, -1 without one.
	names   []int
	virtual int
	apk     bool
}

// readManager reads a command of apt or apk; ok is false for any other.
func readManager(c *dockerfile.Command) (m manager, ok bool) {
	m.virtual = -1
	if a, ok := recipe.ReadApt(c); ok {
		m.installs, m.removes = a.Verb == "install", slices.Contains([]string{"purge", "remove", "autoremove"}, a.Verb)
		for i := a.At + 1; (m.installs || m.removes) && i < len(c.Words); i++ {
			if w := c.Words[i].Text; !strings.HasPrefix(w, "-") && !strings.HasPrefix(c.Words[i-1].Text, "-t") && c.Words[i-1].Text != "-o" {
				m.names = append(m.names, i)
			}
		}
		return m, true
	}
	verb, at, ok := recipe.Verb(c, "apk")
	if !ok {
		return m, false
	}
	m.apk, m.installs, m.removes = true, verb == "add", verb == "del"
	for i := at + 1; (m.installs || m.removes) && i < len(c.Words); i++ {
		switch w := c.Words[i].Text; {
		case w == "--virtual" || w == "-t":
			i++
			m.virtual = i
		case strings.HasPrefix(w, "--virtual="):
			m.virtual = i
		case slices.Contains([]string{"--repository", "-X", "-p", "--root", "--wait"}, w):
			i++
		case !strings.HasPrefix(w, "-"):
			m.names = append(m.names, i)
		}
	}
	return m, true
}

// packages are the names without versions.
func (m *manager) packages(c *dockerfile.Command) (out []string) {
	for _, i := range m.names {
		name := c.Words[i].Value
		if at := strings.IndexAny(name, "=/<>~@"); at > 0 {
			name = name[:at]
		}
		out = append(out, name)
	}
	return out
}

// requested are the system packages that a RUN installs by name.
func requested(s *Step) (names []string) {
	script, err := s.In.Shell()
	if err != nil {
		return nil
	}
	for _, c := range script.Commands() {
		if m, ok := readManager(&c); ok && m.installs && c.Depth == 0 {
			names = append(names, m.packages(&c)...)
		}
	}
	return names
}

// allGo says that none of some packages stays in the image.
func (r scripts) allGo(names []string) bool {
	return !slices.ContainsFunc(names, func(n string) bool { return !slices.Contains(r.Build, n) && !strings.HasPrefix(n, ".") })
}

// compiles is the first command of a RUN, besides those that install, that may need
// the tools of builds; empty if there is none.
func compiles(s *Step) string {
	script, err := s.In.Shell()
	if err != nil {
		return "its script"
	}
	read := s.known.reader(s.In.Text())
	for i, c := range script.Commands() {
		c = read(c)
		if i < len(s.Parts) && s.Parts[i].Role != recipe.Keeps {
			continue
		}
		name := c.Name()
		if len(c.Words) == 0 || slices.Contains(importless, name) && !slices.Contains([]string{"npm", "node"}, name) || slices.Contains([]string{"python", "python3", ".", "source", "gosu", "id", "groupmod"}, name) {
			continue
		}
		if _, ok := readManager(&c); ok {
			continue
		}
		return name
	}
	return ""
}

// remainder is what is left of a RUN in the image, empty if nothing is.
func (r scripts) remainder(s *Step) (string, error) {
	k, err := newSketch(s, r.lineEnd())
	if err != nil {
		return "", err
	}
	commands, err := k.commands()
	if err != nil {
		if s.Role == recipe.Keeps {
			return s.In.Text(), nil // it was read before: no packages
		}
		return "", err
	}
	if len(commands) != len(s.Parts) {
		return s.In.Text(), nil
	}
	fates := make([]fate, len(commands))
	read := s.known.reader(s.In.Text())
	content, manages, changes := false, false, false
	for i := range commands {
		c := read(commands[i])
		fates[i] = r.fateOf(&s.Parts[i], &c)
		if m, ok := readManager(&c); ok && fates[i] == stays && m.installs {
			left := r.kept(&m, &c)
			if len(left) == 0 {
				fates[i] = goes
			} else {
				manages = true
			}
			changes = changes || len(left) != len(m.names)
		}
		content, changes = content || fates[i] == stays, changes || fates[i] == goes
	}
	switch {
	case !changes:
		return s.In.Text(), nil
	case !content && !r.keepsIndex(s, commands, fates):
		return "", nil
	}
	if err := r.leave(k, fates, manages); err != nil {
		return "", err
	}
	return hoisted(k.in().Text()), nil
}

// leave takes the commands out of a RUN that go; manages says that the package manager
// still installs something.
func (r scripts) leave(k *sketch, fates []fate, manages bool) error {
	commands, err := k.commands()
	if err != nil {
		return err
	}
	for i := len(commands) - 1; i >= 0; i-- {
		switch {
		case fates[i] == goes, fates[i] == tidies && !manages:
			if commands[i].Depth > 0 {
				return fmt.Errorf("%s runs on a condition", commands[i].Name())
			}
			if err := k.remove(i); err != nil {
				return err
			}
		case fates[i] == stays:
			if err := r.trim(k, i); err != nil {
				return err
			}
		}
	}
	return nil
}

// keepsIndex keeps what fetches apt's index in a RUN of which nothing else is left, if
// a later RUN installs from it.
func (r scripts) keepsIndex(s *Step, commands []dockerfile.Command, fates []fate) (kept bool) {
	at := slices.IndexFunc(r.plan, func(p placed) bool { return p.In.Span == s.In.Span })
	if at < 0 || !r.listsNeeded(at) {
		return false
	}
	for i := range commands {
		a, ok := recipe.ReadApt(&commands[i])
		if ok && a.Verb == "update" {
			fates[i], kept = stays, true
		}
	}
	return kept
}

// hoisted is a RUN whose first line, where it was left with nothing, is joined with
// the next; comments between them come above it.
func hoisted(text string) string {
	first, rest, ok := strings.Cut(text, "\n")
	head, open := strings.CutSuffix(strings.TrimRight(first, "\r"), "\\")
	if head = strings.TrimSpace(head); !ok || !open || strings.Contains(head, " ") || strings.Contains(head, "\t") {
		return text
	}
	comments := ""
	for {
		line, after, more := strings.Cut(rest, "\n")
		if !more || !strings.HasPrefix(strings.TrimSpace(line), "#") {
			break
		}
		comments, rest = comments+strings.TrimLeft(line, " \t")+"\n", after
	}
	return comments + head + " " + strings.TrimLeft(rest, " \t")
}

// kept are the packages of an install that the image has, with the libraries that
// its tools have brought.
func (r scripts) kept(m *manager, c *dockerfile.Command) (out []string) {
	dropped := false
	for _, n := range m.packages(c) {
		if slices.Contains(r.Build, n) {
			dropped = true
			continue
		}
		out = append(out, n)
	}
	if dropped && m.virtual < 0 {
		out = append(out, r.left...)
	}
	return out
}

// trim takes the tools out of a command that installs or removes packages, and puts
// the libraries into one that installs.
func (r scripts) trim(k *sketch, at int) error {
	commands, err := k.commands()
	if err != nil {
		return err
	}
	c := commands[at]
	m, ok := readManager(&c)
	if !ok || !m.installs && !m.removes {
		return nil
	}
	names := m.packages(&c)
	if r.allGo(names) && m.removes || !slices.ContainsFunc(names, func(n string) bool { return slices.Contains(r.Build, n) }) {
		return nil
	}
	if m.installs && m.virtual < 0 {
		if err := r.putLibraries(k, at, names); err != nil {
			return err
		}
	}
	return r.takeTools(k, at)
}

// putLibraries adds the libraries that are not written yet to an install. names are
// the packages that it installs so far.
func (r scripts) putLibraries(k *sketch, at int, names []string) error {
	sorted := slices.IsSorted(names)
	for _, lib := range r.left {
		if slices.Contains(names, lib) {
			continue
		}
		if !sorted {
			done, err := r.instead(k, at, lib)
			if err != nil {
				return err
			}
			if done {
				continue
			}
		}
		err := k.edit(at, func(in *dockerfile.Instruction, c dockerfile.Command) ([]whittle.Edit, error) {
			now, _ := readManager(&c)
			return one(in.AddToList(c, now.names[0], lib))
		})
		if err != nil {
			return err
		}
	}
	r.left = nil
	return nil
}

// takeTools removes the packages that only building needs from a command of the
// package manager, one after the other.
func (r scripts) takeTools(k *sketch, at int) error {
	for {
		commands, err := k.commands()
		if err != nil {
			return err
		}
		m, _ := readManager(&commands[at])
		i := slices.IndexFunc(m.packages(&commands[at]), func(n string) bool { return slices.Contains(r.Build, n) })
		if i < 0 {
			return nil
		}
		word := m.names[i]
		if err := k.uncomment(commands[at].Words[word-1].Span.End, commands[at].Words[word].Span.Start); err != nil {
			return err
		}
		err = k.edit(at, func(in *dockerfile.Instruction, c dockerfile.Command) ([]whittle.Edit, error) {
			return in.RemoveWords(c, word, word+1)
		})
		if err != nil {
			return err
		}
	}
}

// instead puts a library in the place of the tool whose name is the most like its
// own. It is not done where the image gets no other name at that place.
func (r scripts) instead(k *sketch, at int, lib string) (done bool, err error) {
	err = k.edit(at, func(in *dockerfile.Instruction, c dockerfile.Command) ([]whittle.Edit, error) {
		m, _ := readManager(&c)
		best, length := -1, 2
		for i, name := range m.packages(&c) {
			if n := common(name, lib); slices.Contains(r.Build, name) && n > length {
				best, length = m.names[i], n
			}
		}
		if best < 0 {
			return nil, nil
		}
		done = true
		return []whittle.Edit{in.ReplaceWord(c.Words[best], lib)}, nil
	})
	return done, err
}

// common is how many bytes two words have in common from their start.
func common(a, b string) (n int) {
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}

// installing is a RUN of the builder: it installs into the environment, and leaves
// to the image what it does besides after that.
func (r scripts) installing(s *Step) (string, error) {
	k, commands, err := r.sketched(s)
	if err != nil {
		return "", err
	}
	done := false
	for i := len(commands) - 1; i >= 0; i-- {
		p, c := &s.Parts[i], &commands[i]
		switch {
		case p.Role == recipe.Installing:
			err = r.redirect(k, i, p)
			done = true
		case p.Role == recipe.MakesVenv && r.pipless:
			err = r.withoutPip(k, i)
		case p.Role == recipe.Cleans:
			err = r.rewrite(k, i)
		case !done && p.Role == recipe.Keeps && r.fateOf(p, c) == stays && r.split != nil:
			if _, ok := readManager(c); !ok {
				err = k.remove(i)
			}
		}
		if err != nil {
			return "", err
		}
	}
	if err := r.cleanUp(k, s); err != nil {
		return "", err
	}
	return k.in().Text(), nil
}

// redirect makes a command install into the environment, without what it compiles
// where that is to go.
func (r scripts) redirect(k *sketch, at int, p *Part) error {
	in := p.Install
	switch in.Tool {
	case recipe.Pip:
		return r.redirectPip(k, at)
	case recipe.UVPip:
		return r.redirectUV(k, at)
	case recipe.Poetry:
		if !r.Moved {
			return nil
		}
		return k.edit(at, func(in *dockerfile.Instruction, c dockerfile.Command) ([]whittle.Edit, error) {
			return []whittle.Edit{in.ReplaceWord(c.Words[0], "VIRTUAL_ENV="+r.venv+" "+c.Words[0].Text)}, nil
		})
	case recipe.UVSync:
		return r.uncompiled(k, at)
	case recipe.Pipenv:
		before := ""
		if r.Moved { // pipenv --system installs for the first Python of the PATH
			before = "PATH=" + r.venv + "/bin:$PATH "
		}
		if r.Clean.Bytecode { // pip reads the variable of an option that starts with "no" as the option without it
			before += "PIP_NO_COMPILE=0 "
		}
		return k.edit(at, func(in *dockerfile.Instruction, c dockerfile.Command) ([]whittle.Edit, error) {
			return []whittle.Edit{in.ReplaceWord(c.Words[0], before+c.Words[0].Text)}, nil
		})
	case recipe.PDM:
		if r.Moved {
			return fmt.Errorf("pdm installs into the interpreter's own folder")
		}
	}
	return nil
}

// redirectPip gives pip its interpreter.
// https://pip.pypa.io/en/stable/cli/pip/#cmdoption-python
func (r scripts) redirectPip(k *sketch, at int) error {
	if err := r.notCompiled(k, at); err != nil {
		return err
	}
	if !r.Moved && !r.pipless || r.plain { // it is the environment's own
		return nil
	}
	if err := r.withoutWord(k, at, "--user"); err != nil {
		return err
	}
	if r.split == nil { // the folder was only a way to the other stage
		if err := r.withoutPrefix(k, at); err != nil {
			return err
		}
	}
	return k.edit(at, func(in *dockerfile.Instruction, c dockerfile.Command) ([]whittle.Edit, error) {
		i := 0
		if strings.HasPrefix(c.Name(), "python") && len(c.Words) > 2 && c.Words[1].Value == "-m" {
			i = 2
		}
		if slices.ContainsFunc(c.Words, func(w dockerfile.Word) bool {
			return strings.HasPrefix(w.Value, "--python") || strings.HasPrefix(w.Value, "--prefix")
		}) {
			return nil, fmt.Errorf("%s says itself where it installs to", c.Name())
		}
		name := c.Words[i].Text
		if r.pipless && path.IsAbs(c.Words[i].Value) { // it is not in the environment any more
			name = path.Base(c.Words[i].Value)
		}
		return []whittle.Edit{in.ReplaceWord(c.Words[i], name+" --python "+r.venv)}, nil
	})
}

// notCompiled keeps pip from compiling where no bytecode is wanted.
func (r scripts) notCompiled(k *sketch, at int) error {
	if !r.Clean.Bytecode {
		return nil
	}
	return k.edit(at, func(in *dockerfile.Instruction, c dockerfile.Command) ([]whittle.Edit, error) {
		verb := slices.IndexFunc(c.Words, func(w dockerfile.Word) bool { return w.Value == "install" })
		if verb < 0 || slices.ContainsFunc(c.Words, func(w dockerfile.Word) bool { return w.Value == "--no-compile" }) {
			return nil, nil
		}
		return []whittle.Edit{in.ReplaceWord(c.Words[verb], c.Words[verb].Text+" --no-compile")}, nil
	})
}

// redirectUV gives uv pip its environment.
// https://docs.astral.sh/uv/reference/cli/#uv-pip-install--python
func (r scripts) redirectUV(k *sketch, at int) error {
	if err := r.uncompiled(k, at); err != nil || !r.Moved {
		return err
	}
	return k.edit(at, func(in *dockerfile.Instruction, c dockerfile.Command) ([]whittle.Edit, error) {
		for i, w := range c.Words {
			switch {
			case w.Value == "--system":
				return []whittle.Edit{in.ReplaceWord(c.Words[i], "--python "+r.venv)}, nil
			case w.Value == "--python", w.Value == "-p", strings.HasPrefix(w.Value, "--python="), strings.HasPrefix(w.Value, "--prefix"):
				return nil, fmt.Errorf("%s says itself where it installs to", c.Name())
			}
		}
		verb := slices.IndexFunc(c.Words, func(w dockerfile.Word) bool { return w.Value == "install" })
		return []whittle.Edit{in.ReplaceWord(c.Words[verb], c.Words[verb].Text+" --python "+r.venv)}, nil
	})
}

// uncompiled keeps uv from compiling where no bytecode is wanted.
func (r scripts) uncompiled(k *sketch, at int) error {
	if !r.Clean.Bytecode {
		return nil
	}
	for _, flag := range []string{"--compile-bytecode", "--compile"} {
		if err := r.withoutWord(k, at, flag); err != nil {
			return err
		}
	}
	if !slices.ContainsFunc(r.InstallSteps(), func(s Step) bool {
		return s.In.Keyword == "ENV" && strings.Contains(s.In.Text(), "UV_COMPILE_BYTECODE")
	}) {
		return nil
	}
	return k.edit(at, func(in *dockerfile.Instruction, c dockerfile.Command) ([]whittle.Edit, error) {
		return []whittle.Edit{in.ReplaceWord(c.Words[0], "UV_COMPILE_BYTECODE=0 "+c.Words[0].Text)}, nil
	})
}

// withoutWord removes a word of a command where it has it.
func (r scripts) withoutWord(k *sketch, at int, word string) error {
	return k.edit(at, func(in *dockerfile.Instruction, c dockerfile.Command) ([]whittle.Edit, error) {
		i := slices.IndexFunc(c.Words, func(w dockerfile.Word) bool { return w.Value == word })
		if i < 1 {
			return nil, nil
		}
		return in.RemoveWords(c, i, i+1)
	})
}

// withoutPrefix removes the option that says where pip installs to.
func (r scripts) withoutPrefix(k *sketch, at int) error {
	return k.edit(at, func(in *dockerfile.Instruction, c dockerfile.Command) ([]whittle.Edit, error) {
		for i, w := range c.Words {
			switch {
			case w.Value == "--prefix" && i+1 < len(c.Words):
				return in.RemoveWords(c, i, i+2)
			case strings.HasPrefix(w.Value, "--prefix="):
				return in.RemoveWords(c, i, i+1)
			}
		}
		return nil, nil
	})
}

// cleanUp deletes the tests at the end of the last RUN that installs.
func (r scripts) cleanUp(k *sketch, s *Step) error {
	steps := r.InstallSteps()
	last := LastInstall(steps)
	if !r.Clean.Tests || last < 0 || steps[last].In.Span != s.In.Span {
		return nil
	}
	commands, err := k.commands()
	if err != nil {
		return err
	}
	find := Deleting(r.venv, r.Site, r.Clean.KeepTests)
	return k.edit(len(commands)-1, func(in *dockerfile.Instruction, _ dockerfile.Command) ([]whittle.Edit, error) {
		return one(in.AppendCommand(find))
	})
}

// making is a RUN that makes the environment, without pip where that is not wanted.
func (r scripts) making(s *Step) (string, error) {
	if !r.pipless {
		return s.In.Text(), nil
	}
	k, err := newSketch(s, r.lineEnd())
	if err != nil {
		return "", err
	}
	commands, err := k.commands()
	if err != nil || len(commands) != len(s.Parts) {
		return s.In.Text(), err
	}
	for i := range commands {
		if s.Parts[i].Role == recipe.MakesVenv {
			if err := r.withoutPip(k, i); err != nil {
				return "", err
			}
		}
	}
	return k.in().Text(), nil
}

// withoutPip has venv make the environment without pip.
func (r scripts) withoutPip(k *sketch, at int) error {
	return k.edit(at, func(in *dockerfile.Instruction, c dockerfile.Command) ([]whittle.Edit, error) {
		i := slices.IndexFunc(c.Words, func(w dockerfile.Word) bool { return w.Value == "venv" })
		if i < 0 {
			return nil, fmt.Errorf("%s makes no environment", c.Name())
		}
		return []whittle.Edit{in.ReplaceWord(c.Words[i], c.Words[i].Text+" --without-pip")}, nil
	})
}

// movePaths is a RUN that cleans up the packages, where they are now.
func (r scripts) movePaths(s *Step) (string, error) {
	k, err := newSketch(s, r.lineEnd())
	if err != nil {
		return "", err
	}
	commands, err := k.commands()
	if err != nil {
		return "", err
	}
	for i := range commands {
		if err := r.rewrite(k, i); err != nil {
			return "", err
		}
	}
	return k.in().Text(), nil
}

// rewrite names the environment instead of the interpreter's folder in a command
// that works on packages.
func (r scripts) rewrite(k *sketch, at int) error {
	if !r.Moved {
		return nil
	}
	return k.edit(at, func(in *dockerfile.Instruction, c dockerfile.Command) (edits []whittle.Edit, err error) {
		for _, w := range c.Words {
			if rest, ok := strings.CutPrefix(w.Text, "/usr/local"); ok && (rest == "" || rest[0] == '/') {
				if !strings.Contains(rest, "/site-packages") && !strings.HasPrefix(rest, "/lib/python") && rest != "" && path.Clean(rest) != "/lib" {
					return nil, fmt.Errorf("%s names %s", c.Name(), w.Text)
				}
				edits = append(edits, in.ReplaceWord(w, r.venv+rest))
			}
		}
		return edits, nil
	})
}
