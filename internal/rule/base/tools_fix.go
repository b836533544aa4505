package base

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/dockerfile"
	"whittle.dev/whittle/internal/recipe"
	"whittle.dev/whittle/internal/rule/analysis"
)

// builder is the only RUN that uses the tools. It is nil if there is none, or if there
// are several, which the advice then names.
func (t *tooling) builder() (in *dockerfile.Instruction, advice string) {
	if t.in == nil || t.in.Keyword != "RUN" {
		return nil, ""
	}
	var certain, perhaps []*dockerfile.Instruction
	chain := t.p.Recipe.Chain()
	for _, in := range chain[max(0, slices.Index(chain, t.in)):] {
		switch use := t.uses(in); {
		case use == always:
			certain = append(certain, in)
		case use == maybe:
			perhaps = append(perhaps, in)
		}
	}
	switch {
	case len(certain) == 1:
		return certain[0], ""
	case len(certain) == 0 && len(perhaps) == 1:
		return perhaps[0], ""
	case len(certain) > 1:
		return nil, fmt.Sprintf("build in a separate stage and copy the result: %s RUN steps build, %s and %s among them",
			numeral(len(certain)), t.p.Recipe.Name(certain[0]), t.p.Recipe.Name(certain[1]))
	}
	return nil, ""
}

func numeral(n int) string {
	if words := []string{"no", "one", "two", "three", "four", "five"}; n < len(words) {
		return words[n]
	}
	return fmt.Sprint(n)
}

// usage says how an instruction uses tools.
type usage uint8

const (
	never usage = iota
	maybe
	always
)

// uses says how a RUN uses the tools.
func (t *tooling) uses(in *dockerfile.Instruction) usage {
	script, err := in.Shell()
	switch {
	case in.Keyword != "RUN":
		return never
	case err != nil:
		return always
	}
	layer := t.p.Recipe.LayerOf(in)
	if t.named(in) || layer >= 0 && len(compiledBy(t.p, t.list, layer)) > 0 {
		return always
	}
	if slices.ContainsFunc(script.Commands(), mayBuild) {
		return maybe
	}
	return never
}

// mayUse says that a RUN may use the tools: it runs something of which nobody knows what
// it does.
func (t *tooling) mayUse() bool {
	chain := t.p.Recipe.Chain()
	return slices.ContainsFunc(chain[max(0, slices.Index(chain, t.in)):], func(in *dockerfile.Instruction) bool {
		if t.uses(in) != never {
			return true
		}
		commands, ok := recipe.RunCommands(in)
		return in.Keyword == "RUN" && (!ok || slices.ContainsFunc(commands, func(c recipe.RunCommand) bool { return !t.harmless(in, &c) }))
	})
}

// harmless says that a command is of the shell, of the base image or of a package, or
// installs packages: what else the project brings may build something.
func (t *tooling) harmless(in *dockerfile.Instruction, c *recipe.RunCommand) bool {
	name := c.Name()
	if mayBuild(c.Command) || name == "" && len(c.Words) > 0 || name == "." {
		return false
	}
	if len(c.Words) == 0 || plainPrograms[name] || strings.HasPrefix(name, "python") {
		return true
	}
	if _, ok := wrapped(t.p, in, &c.Command); ok {
		return true
	}
	return slices.ContainsFunc(t.p.Ledger.Tree.Nodes, func(n whittle.Node) bool {
		return path.Base(n.Path) == name && systemBin.MatchString(n.Path) && n.Item >= 0 && (t.p.Layers.IsBase(n.Layer) || t.p.Layers.OfSystem(n.Item))
	})
}

// systemBin matches programs in the folders of the system.
var systemBin = regexp.MustCompile(`^(usr/)?s?bin/[^/]+$`)

// plainPrograms are of the shell, or of packages that nearly every image has.
var plainPrograms = words(`: [ addgroup adduser apk apt apt-get cat cd chgrp chmod chown cp cut date dnf dpkg echo exit export false find getent grep groupadd
	groupmod head id install ln locale-gen ls mkdir mktemp mv printf pwd rm rmdir sed set shift sleep sort stat tail tar tee test touch tr true umask uname uniq unset
	update-ca-certificates useradd usermod wc yum`)

func words(list string) map[string]bool {
	out := map[string]bool{}
	for word := range strings.FieldsSeq(list) {
		out[word] = true
	}
	return out
}

// named says that the commands of a RUN run one of the tools, or fetch with it.
func (t *tooling) named(in *dockerfile.Instruction) bool {
	script, err := in.Shell()
	if err != nil || in.Keyword != "RUN" {
		return err != nil && in.Keyword == "RUN"
	}
	n := newNeeds(t.p, t.list, t.freed)
	n.building = in
	for _, c := range script.Commands() {
		n.installs(in, &c)
		if len(c.Words) > 0 {
			n.program(path.Base(c.Words[firstProgram(&c)].Value), "")
		}
	}
	return len(n.why) > 0
}

// mayBuild says that a command may compile something without a trace of it.
func mayBuild(c dockerfile.Command) bool {
	if len(c.Words) == 0 {
		return false
	}
	word := c.Words[firstProgram(&c)].Value
	switch path.Base(word) {
	case "pip", "pip3", "make", "npm", "yarn", "pnpm", "cargo", "go", "cmake", "uv", "poetry", "pdm", "pipenv", "gem", "bundle", "cpan", "cpanm", "ninja", "meson",
		"configure", "perl", "ruby", "node", "conda", "mamba", "sh", "bash", "R", "Rscript":
		return true
	}
	if strings.HasPrefix(path.Base(word), "python") {
		return len(c.Words) < 2 || c.Words[1].Value != "-c" && !strings.HasPrefix(c.Words[1].Value, "manage.py")
	}
	return strings.HasPrefix(word, "./") || strings.HasSuffix(word, ".sh") || strings.HasPrefix(path.Base(word), "pip3.")
}

// fix removes the tools at the end of the RUN that builds. Tools that another RUN
// installs are installed there instead.
func (t *tooling) fix(builder *dockerfile.Instruction) (*whittle.Fix, whittle.LayerChange, bool) {
	from, ok := t.installed()
	if !ok || from.wrapped || t.in.Stage != builder.Stage || builder.JSON || len(t.in.Flag("mount")) > 0 && t.in != builder || t.takenBeside(builder) {
		return nil, whittle.LayerChange{}, false
	}
	var edits []whittle.Edit
	if t.in == builder {
		edits, ok = t.here(from)
	} else {
		edits, ok = t.there(from, builder)
	}
	if !ok {
		return nil, whittle.LayerChange{}, false
	}
	names := t.wordNames(from)
	fix, ok := t.p.Recipe.Fix(fmt.Sprintf("remove %s where it is no longer needed", analysis.List(names)), edits)
	if len(names) > 1 && ok {
		fix.Title = fmt.Sprintf("remove %s where they are no longer needed", analysis.List(names))
	}
	return fix, t.bookkeeping(builder), ok
}

// installed is the only command that installs tools.
func (t *tooling) installed() (*installing, bool) {
	commands, ok := readInstalling(t.p, t.in)
	if !ok || t.p.Libraries == nil {
		return nil, false
	}
	i := slices.IndexFunc(commands, func(c installing) bool { return len(t.words(&c)) > 0 })
	if i < 0 || slices.ContainsFunc(commands[i+1:], func(c installing) bool { return len(t.words(&c)) > 0 }) || t.takesMore(&commands[i]) {
		return nil, false
	}
	return &commands[i], true
}

// without takes the tools out of the RUN that installs them. What the image uses of
// what came with them takes their place.
func (t *tooling) without() (fix *whittle.Fix, names []string, ok bool) {
	from, ok := t.installed()
	if !ok || t.takenBeside(t.in) || from.virtual() != "" {
		return nil, nil, false
	}
	edits, ok := t.withoutTools(from, t.words(from))
	if !ok {
		return nil, nil, false
	}
	names = t.wordNames(from)
	title := "do not install " + analysis.List(names)
	if len(t.kept) > 0 {
		title = "install " + analysis.List(t.kept) + " instead of " + analysis.List(names)
	}
	fix, ok = t.p.Recipe.Fix(title, edits)
	return fix, names, ok
}

// takenBeside says that another stage takes files from this one, or is based on it: it
// may need the tools.
func (t *tooling) takenBeside(builder *dockerfile.Instruction) bool {
	chain := t.p.Recipe.Chain()
	for i := range t.p.Dockerfile.Stages {
		st := &t.p.Dockerfile.Stages[i]
		if st.Index != builder.Stage && slices.Contains(t.p.Dockerfile.Ancestry(st), builder.Stage) && !slices.Contains(t.ancestry(), st.Index) {
			return true
		}
	}
	return !slices.Contains(chain, builder)
}

// ancestry are the stages of the image.
func (t *tooling) ancestry() []int {
	st, err := t.p.Dockerfile.Target(t.p.Target)
	if err != nil {
		return nil
	}
	return t.p.Dockerfile.Ancestry(st)
}

// words are the positions of the tools among the words of a command.
func (t *tooling) words(c *installing) (out []int) {
	for _, k := range c.names {
		name := c.name(k)
		for _, n := range t.list.Providers[name] {
			if slices.Contains(t.freed, n) && (isVersionControl(name) || analysis.IsBuildTool(name)) {
				out = append(out, k)
				break
			}
		}
	}
	return out
}

func (t *tooling) wordNames(c *installing) (names []string) {
	for _, k := range t.words(c) {
		names = append(names, c.name(k))
	}
	return names
}

// takesMore says that removing the tools would remove packages that are not among
// those that go: packages that were installed for others which are gone, and those
// that need a tool. apt and dnf remove them too.
func (t *tooling) takesMore(c *installing) bool {
	var roots []int
	for n := range t.list.List {
		if !t.automatic[n] && !slices.Contains(t.freed, n) {
			roots = append(roots, n)
		}
	}
	for _, name := range t.kept {
		roots = append(roots, t.list.Providers[name]...)
	}
	needed := t.list.Needed(roots, true)
	for n := range t.list.List {
		if t.automatic[n] && !needed[n] && !slices.Contains(t.freed, n) && t.list.List[n].Layer >= 0 {
			return true
		}
	}
	return c.virtual() != "" && c.manager == "apk" && t.in.Stage < 0
}

// here removes the tools at the end of the RUN that installs them.
func (t *tooling) here(c *installing) ([]whittle.Edit, bool) {
	edits, ok := t.keepEdits(c)
	if !ok {
		return nil, false
	}
	group, names := c.virtual(), t.wordNames(c)
	if c.manager == "apk" && group == "" && len(names) == len(c.names) && len(edits) == 0 && len(names) > 2 {
		edit, err := t.in.AddWords(c.Command, c.names[0]-1, "--virtual", ".build-deps")
		if err != nil {
			return nil, false
		}
		edits, group = append(edits, edit), ".build-deps"
	}
	for _, command := range removing(c, names, group) {
		edit, ok := beforeCleaning(t.in, command)
		if !ok {
			return nil, false
		}
		edits = append(edits, edit)
	}
	return edits, true
}

// beforeCleaning puts a command at the end of a RUN, before what deletes the files of
// the package manager.
func beforeCleaning(in *dockerfile.Instruction, command string) (whittle.Edit, bool) {
	if script, err := in.Shell(); err == nil {
		commands := script.Commands()
		first := len(commands)
		for first > 0 && cleans(&commands[first-1]) {
			first--
		}
		if first < len(commands) && first > 0 {
			if edit, err := in.InsertCommand(commands[first], command); err == nil {
				return edit, true
			}
		}
	}
	edit, err := in.AppendCommand(command)
	return edit, err == nil
}

// keepEdits add the packages that stay to the command that installs them with the
// tools. In a virtual group of apk they would go, too.
func (t *tooling) keepEdits(c *installing) (edits []whittle.Edit, ok bool) {
	if len(t.kept) > 0 && c.virtual() != "" {
		return nil, false
	}
	for _, name := range t.kept {
		edit, err := c.in.AddToList(c.Command, c.names[0], name)
		if err != nil {
			return nil, false
		}
		edits = append(edits, edit)
	}
	return edits, true
}

// removing are the commands that remove tools.
func removing(c *installing, names []string, group string) []string {
	list := strings.Join(names, " ")
	switch c.manager {
	case "apk":
		if group != "" {
			list = group
		}
		return []string{c.program() + " del " + list}
	case "dnf":
		verb := " remove -y "
		if strings.HasSuffix(c.program(), "yum") {
			verb = " autoremove -y "
		}
		return []string{c.program() + verb + list}
	}
	return []string{strings.Replace(c.program(), "apt", "apt-get", max(0, 1-strings.Count(c.program(), "apt-get"))) + " purge -y --auto-remove " + list}
}

// there installs the tools in the RUN that builds, and removes them at its end.
func (t *tooling) there(c *installing, builder *dockerfile.Instruction) ([]whittle.Edit, bool) {
	words := t.words(c)
	if !recipe.IsRoot(t.p.Recipe.Last(builder, "USER")) || c.virtual() != "" || strings.Contains(c.head(), "\n") {
		return nil, false
	}
	var tools []string
	for _, k := range words {
		tools = append(tools, c.Words[k].Text)
	}
	edits, ok := t.withoutTools(c, words)
	if !ok {
		return nil, false
	}
	before, after := []string{c.head() + " " + strings.Join(tools, " ")}, removing(c, t.wordNames(c), "")
	switch c.manager {
	case "apt":
		before = append([]string{c.program() + " update"}, before...)
		after = append(after, cleaning(t.in, "rm -rf /var/lib/apt/lists/*")...)
	case "apk":
		if len(tools) > 1 {
			before, after = []string{c.head() + " --virtual .build-deps " + strings.Join(tools, " ")}, removing(c, nil, ".build-deps")
		}
	case "dnf":
		after = append(after, cleaning(t.in, c.program()+" clean all")...)
	}
	more, err := builder.Surround(before, after)
	if err != nil {
		return nil, false
	}
	return append(edits, more...), true
}

// cleaning are the commands with which a RUN deletes the files of the package manager,
// as written; usual is for a RUN that does not.
func cleaning(in *dockerfile.Instruction, usual string) (out []string) {
	script, err := in.Shell()
	if err != nil {
		return []string{usual}
	}
	for _, c := range script.Commands() {
		if cleans(&c) {
			var words []string
			for _, w := range c.Words {
				words = append(words, w.Text)
			}
			out = append(out, strings.Join(words, " "))
		}
	}
	if len(out) == 0 {
		out = append(out, usual)
	}
	return out
}

// withoutTools takes the tools out of the RUN that installs them, or the RUN out of
// the file if it installs nothing else. Packages that stay take their place.
func (t *tooling) withoutTools(c *installing, words []int) ([]whittle.Edit, bool) {
	if len(words) == len(c.names) && len(t.kept) == 0 {
		if !onlyInstalls(t.in) || t.fetchesForOthers() {
			return nil, false
		}
		return t.p.Dockerfile.Remove(t.in), true
	}
	if len(t.kept) == 0 {
		return recipe.WithoutWords(t.in, c.Command, words)
	}
	var left []string
	keep := slices.Clone(t.kept)
	for _, k := range c.names {
		switch tool := slices.Contains(words, k); {
		case tool && len(keep) > 0:
			left, keep = append(left, keep[0]), keep[1:]
		case !tool:
			left = append(left, c.Words[k].Text)
		}
	}
	if slices.IsSorted(texts(c)) {
		slices.Sort(left)
	}
	edits, ok := t.rewritten(c, left)
	for _, name := range keep {
		edit, err := c.in.AddToList(c.Command, c.names[0], name)
		if err != nil {
			return nil, false
		}
		edits = append(edits, edit)
	}
	return edits, ok
}

// fetchesForOthers says that a later RUN may install with the lists that this one has
// fetched.
func (t *tooling) fetchesForOthers() bool {
	if slices.ContainsFunc(cleaning(t.in, ""), func(c string) bool { return strings.Contains(c, "rm ") && strings.Contains(c, "/var/lib/apt/lists") }) {
		return false
	}
	chain := t.p.Recipe.Chain()
	return slices.ContainsFunc(chain[slices.Index(chain, t.in)+1:], func(in *dockerfile.Instruction) bool {
		commands, ok := recipe.RunCommands(in)
		return in.Keyword == "RUN" && (!ok || slices.ContainsFunc(commands, func(c recipe.RunCommand) bool {
			return slices.Contains([]string{"apt", "apt-get", "aptitude", "apk", "dnf", "yum"}, c.Name())
		}))
	})
}

// texts are the words of a command's packages, as written.
func texts(c *installing) (out []string) {
	for _, k := range c.names {
		out = append(out, c.Words[k].Text)
	}
	return out
}

// rewritten makes a list of packages a shorter one. The last words stay where they are,
// because an operator may follow the last one on its line.
func (t *tooling) rewritten(c *installing, left []string) (edits []whittle.Edit, ok bool) {
	gone := len(c.names) - len(left)
	for i, text := range left {
		if k := c.names[gone+i]; c.Words[k].Text != text {
			edits = append(edits, t.in.ReplaceWord(c.Words[k], text))
		}
	}
	if gone == 0 {
		return edits, true
	}
	if c.names[gone-1] != c.names[0]+gone-1 {
		return nil, false // an option is between them
	}
	more, err := t.in.RemoveWords(c.Command, c.names[0], c.names[gone-1]+1)
	return append(edits, more...), err == nil
}

// bookkeeping is how the databases and logs of the package manager differ after the
// fix: those of the layer may be smaller, and the RUN that builds writes some.
func (t *tooling) bookkeeping(builder *dockerfile.Instruction) (change whittle.LayerChange) {
	for i := range t.p.Ledger.Items {
		it := &t.p.Ledger.Items[i]
		if it.Layer != t.layer || it.Bytes == 0 || !isBookkeeping(it.Path) {
			continue
		}
		change.Shrink = append(change.Shrink, whittle.Shrunk{Content: t.p.Layers.Content(i), Low: 0, High: it.Bytes})
		if change.Plus += it.Bytes / 10; t.in != builder {
			change.Plus += it.Bytes
		}
	}
	const perPackage = 2_000 // lines of dpkg.log and apt's logs
	change.Plus += int64(len(t.freed)) * perPackage
	return change
}

// isBookkeeping says that a path is a database, a log or a cache of a package manager.
func isBookkeeping(at string) bool {
	for _, dir := range []string{"var/lib/dpkg", "var/lib/apt", "var/log", "var/cache", "lib/apk", "usr/lib/apk", "etc/apk", "var/lib/rpm", "usr/lib/sysimage", "var/lib/dnf", "etc/ld.so.cache"} {
		if whittle.Under(at, dir) && !strings.HasPrefix(at, "var/lib/dpkg/info/") {
			return true
		}
	}
	return false
}
