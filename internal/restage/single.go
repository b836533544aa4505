package restage

import (
	"cmp"
	"errors"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/dockerfile"
	"whittle.dev/whittle/internal/recipe"
)

// Single is the original's Dockerfile, edited so that the RUN that installs the
// packages also installs what only building needs and removes it at its end, and keeps
// no cache. Lines that need no change stay as they are.
type Single struct {
	*Plan
	// uses says that the RUN uses tools that another installs.
	tools []tools
	// moved are comments of RUNs that are gone, for the one that installs.
	moved []string
	// uncached are the RUNs whose cache no edit keeps out of the image.
	uncached map[whittle.Span]bool
}

// tools are the commands that install and remove what only building needs.
type tools struct {
	names []string
	// words are the names as written, with versions; head is the command before them.
	words []string
	head  string
	// update is the command that fetches the index, removal starts the command that
	// removes, cleaning are those that delete what the package manager keeps.
	update, removal string
	cleaning        []string
	apk             bool
	in              *dockerfile.Instruction
}

// NewSingle plans the edit of a Dockerfile that installs in the image's own stage.
// Errors say what is in its way, with the line.
func NewSingle(in Input) (*Single, error) {
	switch {
	case in.Install == nil:
		return nil, errors.New("the Dockerfile installs no Python packages")
	case in.Two():
		return nil, fmt.Errorf("%s installs the packages already, and the image takes them from there", in.File.StageName(in.Install.Index))
	}
	r := &Single{Plan: &Plan{Input: in, changed: map[int]string{}, base: cmp.Or(in.Slim, in.Final.Base)}, uncached: map[whittle.Span]bool{}}
	for i := range r.Runtime {
		r.plan = append(r.plan, placed{Step: &r.Runtime[i]})
	}
	for _, word := range r.Clean.KeepTests {
		if !Plain(word) {
			return nil, fmt.Errorf("%.40q cannot be written into a Dockerfile", word)
		}
	}
	r.findTools()
	if err := r.gather(); err != nil {
		return nil, err
	}
	for i := range r.plan {
		p := &r.plan[i]
		p.final = p.In.Text()
		if p.In.Keyword != "RUN" {
			continue
		}
		if err := r.edit(p, i); err != nil {
			return nil, fmt.Errorf("%s: %w", r.At(p.In), err)
		}
	}
	if len(r.left) > 0 {
		return nil, fmt.Errorf("the image loads libraries of %s, which no instruction would install", strings.Join(r.left, ", "))
	}
	return r, nil
}

// findTools finds what only building needs, of what is installed before the last
// packages are.
func (r *Single) findTools() {
	r.Plan.tools()
	last := r.lastInstall()
	for i := range r.plan {
		s := r.plan[i].Step
		for _, name := range requested(s) {
			if i > last {
				r.Build = slices.DeleteFunc(r.Build, func(n string) bool { return n == name })
			}
		}
	}
	if len(r.Build) == 0 {
		r.Used, r.left = nil, nil
	}
}

// removed are the system packages that a RUN removes, and those of a virtual package
// that it removes.
func removed(s *Step) (names []string) {
	script, err := s.In.Shell()
	if err != nil {
		return nil
	}
	virtual := map[string][]string{}
	for _, c := range script.Commands() {
		m, ok := readManager(&c)
		if ok && m.installs && m.virtual >= 0 && m.virtual < len(c.Words) {
			virtual[strings.TrimPrefix(c.Words[m.virtual].Value, "--virtual=")] = m.packages(&c)
		}
		if !ok || !m.removes {
			continue
		}
		for _, n := range m.packages(&c) {
			names = append(append(names, n), virtual[n]...)
		}
	}
	return names
}

// gather reads the tools that the RUNs before the one that uses them install.
func (r *Single) gather() error {
	if len(r.Build) == 0 {
		return nil
	}
	var user *Step
	for i := range r.plan {
		s := r.plan[i].Step
		t, err := r.toolsOf(s)
		switch {
		case err != nil:
			return fmt.Errorf("%s: %w", r.At(s.In), err)
		case s.Role == recipe.Installing && user != nil && len(r.tools) > 0:
			return fmt.Errorf("%s and %s install packages, and each may need %s", r.At(user.In), r.At(s.In), strings.Join(r.Build, ", "))
		case s.Role == recipe.Installing:
			user = s
		}
		if t == nil || s.Role == recipe.Installing {
			continue
		}
		if user != nil {
			return fmt.Errorf("%s and %s use %s", r.At(user.In), "a later RUN", strings.Join(t.names, ", "))
		}
		r.tools = append(r.tools, *t)
	}
	if user == nil || len(r.tools) == 0 {
		return nil
	}
	for _, t := range r.tools {
		if t.in.Stage != user.In.Stage {
			return fmt.Errorf("%s installs %s for %s, in another stage", r.At(t.in), strings.Join(t.names, ", "), r.At(user.In))
		}
	}
	return r.alone(user.In.Stage)
}

// alone refuses to take tools out of a stage that another, which is not the image's,
// builds on.
func (r *Single) alone(stage int) error {
	own := r.File.Ancestry(&r.File.Stages[r.Final.Index])
	for i := range r.File.Stages {
		st := &r.File.Stages[i]
		if st.Index != r.Final.Index && !slices.Contains(own, st.Index) && slices.Contains(r.File.Ancestry(st), stage) {
			return fmt.Errorf("%s builds on %s and may need %s", r.File.StageName(st.Index), r.File.StageName(stage), strings.Join(r.Build, ", "))
		}
	}
	return nil
}

// toolsOf reads the command of a RUN that installs tools; nil where there is none.
func (r *Single) toolsOf(s *Step) (*tools, error) {
	if s.In.Keyword != "RUN" || s.Role == recipe.Installing {
		return nil, nil
	}
	script, err := s.In.Shell()
	if err != nil {
		return nil, nil // it was read before: no packages
	}
	var out *tools
	var update string
	var cleaning []string
	read := s.known.reader(s.In.Text())
	for _, c := range script.Commands() {
		c = read(c)
		m, ok := readManager(&c)
		switch a, apt := recipe.ReadApt(&c); {
		case apt && a.Verb == "update":
			update = asWritten(&c)
		case apt && strings.HasSuffix(a.Verb, "clean"), !ok && c.Name() == "rm" && r.tidying(&c):
			cleaning = append(cleaning, asWritten(&c))
		case ok && m.installs:
			t, err := r.toolsIn(&c, &m)
			if t != nil && out != nil {
				err = fmt.Errorf("%s installs tools twice", c.Name())
			}
			if err != nil {
				return nil, err
			}
			out = cmp.Or(out, t)
		}
	}
	if out == nil {
		return nil, nil
	}
	out.in, out.update, out.cleaning = s.In, cmp.Or(update, out.update), cleaning
	if len(cleaning) == 0 && !out.apk {
		out.cleaning = []string{"rm -rf /var/lib/apt/lists/*"}
	}
	return out, nil
}

// toolsIn are the tools that a command of the package manager installs; nil where
// there is none among its packages.
func (r *Single) toolsIn(c *dockerfile.Command, m *manager) (*tools, error) {
	program := strings.Join(prefix(c), " ")
	out := &tools{apk: m.apk, update: program + " update", removal: removal(program, m.apk)}
	head, packages := assigns(c), m.packages(c)
	for i, w := range c.Words {
		k := slices.Index(m.names, i)
		switch {
		case k < 0:
			head = append(head, w.Text)
		case slices.Contains(r.Build, packages[k]):
			out.names, out.words = append(out.names, packages[k]), append(out.words, w.Text)
		}
	}
	if len(out.names) == 0 {
		return nil, nil
	}
	if i := slices.IndexFunc(c.Words, func(w dockerfile.Word) bool { return !w.Literal }); i >= 0 {
		return nil, fmt.Errorf("%s is known only while it builds", c.Words[i].Text)
	}
	switch {
	case m.virtual >= 0:
		out.removal += " " + strings.TrimPrefix(c.Words[m.virtual].Value, "--virtual=")
	case m.apk && len(out.names) > 1:
		head = append(head, "--virtual", ".build-deps")
		out.removal += " .build-deps"
	default:
		out.removal += " " + strings.Join(out.names, " ")
	}
	out.head = strings.Join(head, " ")
	return out, nil
}

// removal starts the command that removes packages with what they brought.
func removal(program string, apk bool) string {
	if apk {
		return program + " del"
	}
	before, ok := strings.CutSuffix(program, "apt")
	if ok {
		program = before + "apt-get"
	}
	return program + " purge -y --auto-remove"
}

// prefix are the words of a command up to the package manager's name.
func prefix(c *dockerfile.Command) (words []string) {
	for _, w := range c.Words {
		words = append(words, w.Text)
		if slices.Contains([]string{"apt-get", "apt", "aptitude", "apk"}, path.Base(w.Value)) {
			break
		}
	}
	return words
}

func assigns(c *dockerfile.Command) (words []string) {
	for _, a := range c.Assigns {
		words = append(words, a.Text)
	}
	return words
}

// asWritten is a command on one line.
func asWritten(c *dockerfile.Command) string {
	words := assigns(c)
	for _, w := range c.Words {
		words = append(words, w.Text)
	}
	return strings.Join(words, " ")
}

// edit decides about a RUN.
func (r *Single) edit(p *placed, at int) (err error) {
	s := p.Step
	if s.Role == recipe.Installing {
		p.final, err = r.installing(s, at)
		return err
	}
	if len(r.tools) == 0 {
		return nil
	}
	if p.final, err = r.scripts().remainder(s); err == nil && p.final != p.In.Text() {
		r.moved = append(r.moved, r.comments(p)...)
	}
	return err
}

// comments are the comment lines of a RUN that are not in what is left of it: where
// nothing is left, those above it, too.
func (r *Single) comments(p *placed) (out []string) {
	if p.final == "" {
		_, rest := parted(r.above(p.In))
		for line := range strings.Lines(rest) {
			if line = strings.TrimSpace(line); strings.HasPrefix(line, "#") {
				out = append(out, line)
			}
		}
	}
	for _, c := range p.In.Comments {
		line := strings.TrimSpace(string(r.File.Source[c.Start:c.End]))
		if strings.HasPrefix(line, "#") && !strings.Contains(p.final, line) {
			out = append(out, line)
		}
	}
	return out
}

// installing is the RUN that installs: with the tools, and without what it leaves
// behind.
func (r *Single) installing(s *Step, at int) (string, error) {
	k, commands, err := r.sketched(s)
	if err != nil {
		return "", err
	}
	for i := len(commands) - 1; i >= 0; i-- {
		if p := &s.Parts[i]; p.Role == recipe.Installing {
			if err := r.lean(k, i, p.Install.Tool, s.In); err != nil {
				return "", err
			}
		}
	}
	if err := r.ownTools(k, s); err != nil {
		return "", err
	}
	if err := r.deleteTests(k, s); err != nil {
		return "", err
	}
	if len(r.tools) > 0 && len(s.In.Heredocs) > 0 {
		return "", fmt.Errorf("it is a heredoc, into which nothing puts the installation of %s", strings.Join(r.Build, ", "))
	}
	if len(r.tools) > 0 {
		before, after := r.surroundings(at)
		if err := k.edit(0, func(in *dockerfile.Instruction, _ dockerfile.Command) ([]whittle.Edit, error) {
			return in.Surround(before, after)
		}); err != nil {
			return "", err
		}
		if !strings.Contains(s.In.Text(), "\n") {
			return r.joined(k.in().Text()), nil
		}
	}
	return k.in().Text(), nil
}

// joined is a RUN of one line that got more, joined as the file joins its commands.
func (r *Single) joined(text string) string {
	return strings.ReplaceAll(text, " && \\"+r.lineEnd()+"    ", r.joint(r.lineEnd()))
}

// lean keeps a command from leaving a cache, and bytecode where that is to go.
func (r *Single) lean(k *sketch, at int, tool recipe.Tool, in *dockerfile.Instruction) error {
	if r.Cached != nil && r.Cached(in) {
		if err := r.withoutCache(k, at, tool, in); err != nil {
			return err
		}
	}
	switch tool {
	case recipe.Pip:
		return r.scripts().notCompiled(k, at)
	case recipe.UVPip, recipe.UVSync:
		return r.scripts().uncompiled(k, at)
	}
	return nil
}

// withoutCache mounts the cache where the file has mounts already, and else gives the
// installer its own option. Poetry, PDM and pipenv have none that only leaves the cache
// out of the image.
func (r *Single) withoutCache(k *sketch, at int, tool recipe.Tool, in *dockerfile.Instruction) error {
	mounts := slices.ContainsFunc(r.Runtime, func(s Step) bool { return len(s.In.Flag("mount")) > 0 })
	flag := map[recipe.Tool]string{recipe.Pip: "--no-cache-dir", recipe.UVPip: "--no-cache", recipe.UVSync: "--no-cache"}[tool]
	if !mounts && flag == "" {
		r.uncached[in.Span] = true
		return nil
	}
	return k.edit(at, func(in *dockerfile.Instruction, c dockerfile.Command) (edits []whittle.Edit, err error) {
		if mounts {
			for _, folder := range tool.CacheFolders() {
				value := "type=cache,target=" + folder
				if slices.Contains(in.Flag("mount"), value) {
					continue
				}
				more, err := in.AddFlag("mount", value)
				if err != nil {
					return nil, err
				}
				edits = append(edits, more...)
			}
			return edits, nil
		}
		verb := slices.IndexFunc(c.Words, func(w dockerfile.Word) bool { return w.Value == "install" || w.Value == "sync" })
		if verb < 0 || slices.ContainsFunc(c.Words, func(w dockerfile.Word) bool { return w.Value == flag }) {
			return nil, nil
		}
		return one(in.AddWords(c, verb, flag))
	})
}

// ownTools removes, at the end of a RUN that installs packages, the tools that it
// installs itself.
func (r *Single) ownTools(k *sketch, s *Step) error {
	gone := removed(s)
	commands, err := k.commands()
	if err != nil {
		return err
	}
	var names []string
	program, apk := "", false
	for i := len(commands) - 1; i >= 0; i-- {
		c := commands[i]
		m, ok := readManager(&c)
		if !ok || !m.installs {
			continue
		}
		own := slices.DeleteFunc(m.packages(&c), func(n string) bool { return !slices.Contains(r.Build, n) || slices.Contains(gone, n) })
		if len(own) == 0 {
			continue
		}
		if c.Depth > 0 {
			return fmt.Errorf("%s runs on a condition", c.Name())
		}
		names, program, apk = append(own, names...), strings.Join(prefix(&c), " "), m.apk
		if m.virtual >= 0 {
			names = []string{strings.TrimPrefix(c.Words[m.virtual].Value, "--virtual=")}
		}
		for _, lib := range r.left {
			if err := k.edit(i, func(in *dockerfile.Instruction, c dockerfile.Command) ([]whittle.Edit, error) {
				now, _ := readManager(&c)
				return one(in.AddToList(c, now.names[0], lib))
			}); err != nil {
				return err
			}
		}
		r.left = nil
	}
	if len(names) == 0 {
		r.left = leftOver(r.left, gone, r.Build)
		return nil
	}
	if err := k.before(r.tidying, removal(program, apk)+" "+strings.Join(names, " ")); err != nil {
		return err
	}
	if apk || !r.Archives || strings.Contains(s.In.Text(), cleanArchives) {
		return nil
	}
	return k.before(r.tidying, cleanArchives)
}

// cleanArchives deletes what apt has downloaded, where the base does not have it done.
const cleanArchives = "apt-get clean"

// leftOver are the libraries that are still to be installed: none where a RUN removes
// all tools itself, and so has what it needs.
func leftOver(left, gone, build []string) []string {
	if !slices.ContainsFunc(build, func(n string) bool { return !slices.Contains(gone, n) }) {
		return nil
	}
	return left
}

// tidying says that a command only deletes what the package manager keeps.
func (r *Single) tidying(c *dockerfile.Command) bool {
	return r.scripts().fateOf(&Part{}, c) == tidies
}

// before puts a command at the end of the RUN, before what tidies up.
func (k *sketch) before(tidies func(c *dockerfile.Command) bool, command string) error {
	commands, err := k.commands()
	if err != nil {
		return err
	}
	first := len(commands)
	for first > 0 && tidies(&commands[first-1]) {
		first--
	}
	return k.edit(0, func(in *dockerfile.Instruction, _ dockerfile.Command) ([]whittle.Edit, error) {
		if first > 0 && first < len(commands) {
			if e, err := in.InsertCommand(commands[first], command); err == nil {
				return []whittle.Edit{e}, nil
			}
		}
		return one(in.AppendCommand(command))
	})
}

// surroundings are the commands before and after those of the RUN that installs.
func (r *Single) surroundings(at int) (before, after []string) {
	var cleaning []string
	for _, t := range r.tools {
		if !t.apk && len(before) == 0 {
			before = append(before, t.update)
		}
		before = append(before, t.head+" "+strings.Join(t.words, " "))
		after = append(after, t.removal)
		for _, c := range t.cleaning {
			if !slices.Contains(cleaning, c) {
				cleaning = append(cleaning, c)
			}
		}
	}
	if r.listsNeeded(at) {
		cleaning = slices.DeleteFunc(cleaning, func(c string) bool { return strings.HasPrefix(c, "rm ") })
	}
	if r.Archives = r.Archives || r.mounted(); r.Archives && !slices.ContainsFunc(cleaning, func(c string) bool { return strings.HasSuffix(c, " clean") }) {
		after = append(after, cleanArchives)
	}
	return before, append(after, cleaning...)
}

// mounted says that what apt downloads was in a mount, which the RUN that installs now
// has not.
func (r *Single) mounted() bool {
	return slices.ContainsFunc(r.tools, func(t tools) bool { return !t.apk && len(t.in.Flag("mount")) > 0 })
}

// listsNeeded says that a later RUN installs by apt without fetching the index itself.
func (r *Plan) listsNeeded(at int) bool {
	for i := at + 1; i < len(r.plan); i++ {
		script, err := r.plan[i].In.Shell()
		if r.plan[i].In.Keyword != "RUN" || err != nil {
			continue
		}
		for _, c := range script.Commands() {
			a, ok := recipe.ReadApt(&c)
			switch {
			case ok && a.Verb == "update":
				return false
			case ok && a.Verb == "install":
				return true
			}
		}
	}
	return false
}

// deleteTests deletes the tests at the end of the last RUN that installs.
func (r *Single) deleteTests(k *sketch, s *Step) error {
	last := r.lastInstall()
	if !r.Clean.Tests || r.plan[last].In.Span != s.In.Span {
		return nil
	}
	dir := "/" + version.ReplaceAllString(r.Site, "/python3.*/")
	if venv := r.OwnVenv(); venv != "" {
		dir = venv
	}
	if !Plain(strings.ReplaceAll(dir, "*", "")) {
		return fmt.Errorf("%.40q cannot be written into a Dockerfile", dir)
	}
	return k.before(r.tidying, Deleting(dir, r.Site, r.Clean.KeepTests))
}

// version is the part of a path that another version of Python does not have.
var version = regexp.MustCompile(`/python3\.[0-9]+t?/`)

// Deleting is the command that deletes the tests of the packages in a folder, but for
// those of some packages; site is where these are.
func Deleting(dir, site string, keep []string) string {
	find := "find " + dir + " -type d -name tests"
	for _, k := range keep {
		find += fmt.Sprintf(" ! -path '*/%s/%s/*'", path.Base(site), k)
	}
	return find + " -prune -exec rm -rf {} +"
}

// KeepsCache says that the cache of a RUN's installer is in the image as before.
func (r *Single) KeepsCache(in *dockerfile.Instruction) bool { return r.uncached[in.Span] }

// Moves says that tools are installed by another RUN than they were.
func (r *Single) Moves() bool { return len(r.tools) > 0 }

// Text returns the new Dockerfile.
func (r *Single) Text() (string, error) {
	var edits []whittle.Edit
	nl := r.lineEnd()
	put := func(at, end int, text string) {
		edits = append(edits, whittle.Edit{Span: whittle.Span{Start: at, End: end}, New: text})
	}
	final := &r.File.Stages[r.Final.Index]
	if r.TakesSlim() {
		put(final.Head.Span.Start, final.Head.Span.End, strings.Replace(final.Head.Text(), final.Base, r.base, 1))
	}
	if len(r.Quiet) > 0 {
		put(final.Head.Span.End, final.Head.Span.End, nl+strings.Join(r.Quiet, nl))
	}
	moved := r.moved
	for i := range r.plan {
		p := &r.plan[i]
		blank, rest := parted(r.above(p.In))
		switch {
		case p.final == "": // with the comments above it, and the blank lines above those
			put(p.In.Span.Start-len(blank)-len(rest)-len(nl), p.In.Span.End, "")
			continue
		case p.Role == recipe.Installing && len(moved) > 0:
			put(p.In.Span.Start-len(rest), p.In.Span.Start-len(rest), strings.Join(moved, nl)+nl)
			moved = nil
		}
		if p.final != p.In.Text() {
			put(p.In.Span.Start, p.In.Span.End, p.final)
		}
	}
	slices.SortStableFunc(edits, func(a, b whittle.Edit) int { return a.Span.Start - b.Span.Start })
	out, err := whittle.Splice(r.File.Source, edits)
	return string(out), err
}

// Left returns the text of an instruction in the image's stage, empty where it is
// not there any more.
func (r *Single) Left(in *dockerfile.Instruction) string {
	text, _ := r.Plan.Left(in)
	return text
}
