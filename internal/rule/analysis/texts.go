package analysis

import (
	"bytes"
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"

	"whittle.dev/whittle/internal/dockerfile"
	"whittle.dev/whittle/internal/python"
	"whittle.dev/whittle/internal/python/source/spelled"
	"whittle.dev/whittle/internal/recipe"
)

// Text is a file of the project. Everything in it that cannot be a command or a
// name is blank.
type Text struct {
	file string
	// image says that it is of the image's configuration, of the Dockerfile or of
	// installed distributions, and not a file.
	image bool
	text  []byte
	kind  kindOfText
	// starts says that it is Python that starts programs, or imports by name.
	starts bool
	// literals are the strings of Python, spelled those that it makes of parts.
	literals []spelled.Literal
	spelled  []spelled.String
}

// Line is the number of the first line with a word, 0 if there is none.
func (s *Text) Line(word string) int {
	if line := LineWith(s.text, word); line > 0 {
		return line
	}
	for _, made := range s.spelled {
		if LineWith([]byte(made.Text), word) > 0 {
			return made.Line
		}
	}
	return 0
}

// path says that the text contains a path, starting at the beginning of a name.
func (s *Text) path(part string) bool {
	starts := func(text string) bool {
		for from := 0; ; {
			i := strings.Index(text[from:], part)
			if i < 0 {
				return false
			}
			if at := from + i; at == 0 || !wordByte(text[at-1]) {
				return true
			}
			from += i + len(part)
		}
	}
	return starts(string(s.text)) || slices.ContainsFunc(s.spelled, func(made spelled.String) bool { return starts(made.Text) })
}

// OfImage says that it is of the image's configuration, its Dockerfile or its
// distributions.
func (s *Text) OfImage() bool { return s.image }

// Contains says that it contains another text.
func (s *Text) Contains(part string) bool {
	return bytes.Contains(s.text, []byte(part)) || slices.ContainsFunc(s.spelled, func(made spelled.String) bool { return strings.Contains(made.Text, part) })
}

// cachedTexts are the texts of an application; all says that they are complete.
type cachedTexts struct {
	texts Texts
	all   bool
}

// AllTexts are the texts in which the application may name something that it does
// not import: strings in its modules, scripts, settings, pickled objects, and the
// image's commands and instructions. Comments, documentation, tests, declarations
// and the settings of development tools do not count. ok is false if not all can be
// read, or there are too many.
func (p *Pass) AllTexts() (out Texts, ok bool) {
	if p.cached == nil {
		texts, all := readTexts(p)
		p.cached = &cachedTexts{texts, all}
	}
	return p.cached.texts, p.cached.all
}

// startsByName matches Python that starts programs, or imports modules by name.
var startsByName = regexp.MustCompile(`\b(subprocess|system|popen|exec[lv]p?e?|spawn\w*|check_call|check_output|create_subprocess_\w+|import_module|import_string|__import__|run_module|call_command|entry_points|plumbum|sh|invoke)\b`)

func readTexts(p *Pass) (out Texts, ok bool) {
	out = textsOfImage(p)
	if p.Files == nil {
		return out, true
	}
	readable := true
	tools := usedTools(out)
	want := func(at string) bool {
		return textKind(at) != otherText && (!forDevelopers(at) || tools[strings.ToLower(path.Base(at))]) && !p.Project.onlyDeclares(at)
	}
	ok = p.Project.each(want, func(at string) bool {
		t, ok := textOfFile(p, at)
		if t.text != nil {
			out = append(out, t)
		}
		readable = readable && ok
		return true
	})
	return out, ok && readable
}

// textOfFile is the text of a file of the project; ok is false if the file may name
// something but cannot be read.
func textOfFile(p *Pass, at string) (t Text, ok bool) {
	kind := textKind(at)
	t.file, t.kind = at, kind
	if kind == pickled {
		t.text, ok = p.Project.pickledWords(at)
		return t, ok
	}
	text := p.Project.File(at)
	if text == nil || path.Base(at) == "tasks.py" && bytes.Contains(text, []byte("invoke")) {
		return t, true
	}
	t.text = onlyNames(kind, text)
	if t.text != nil {
		t.text = withOptional(at, t.text, text)
	}
	if kind == pythonText && t.text != nil {
		t.spelled = spelled.Strings(text)
		t.literals, _ = spelled.Literals(text)
		t.starts = startsByName.Match(text)
	}
	return t, true
}

// textsOfImage are the commands, the environment and the instructions of the image,
// without commands that install, because installing a distribution is not using it.
func textsOfImage(p *Pass) (out Texts) {
	if p.Config != nil {
		c := &p.Config.Config
		words := slices.Concat(c.Entrypoint, c.Cmd, c.Env)
		if c.Healthcheck != nil {
			words = append(words, c.Healthcheck.Test...)
		}
		out = append(out, Text{file: "the image's configuration", image: true, text: []byte(strings.Join(words, "\n")), kind: lineText})
	}
	out = append(out, textsOfEntryPoints(p)...)
	if p.Dockerfile == nil {
		return out
	}
	return append(out, textOfDockerfile(p, func(int) bool { return true }))
}

// ShippedTexts are those of [Pass.AllTexts], without the stages of the Dockerfile
// that the image does not need.
func (p *Pass) ShippedTexts() (out Texts, ok bool) {
	all, ok := p.AllTexts()
	for _, t := range all {
		if p.Dockerfile != nil && t.file == p.Dockerfile.Name {
			t = textOfDockerfile(p, p.Recipe.Ships)
		}
		out = append(out, t)
	}
	return out, ok
}

// textOfDockerfile are the commands and variables of some stages.
func textOfDockerfile(p *Pass, want func(stage int) bool) Text {
	text := blanks(p.Dockerfile.Source)
	for i := range p.Dockerfile.Stages {
		if !want(i) {
			continue
		}
		for j := range p.Dockerfile.Stages[i].Instructions {
			in := &p.Dockerfile.Stages[i].Instructions[j]
			switch in.Keyword {
			case "RUN":
				keepCommands(p, in, text)
			case "CMD", "ENTRYPOINT", "HEALTHCHECK", "ENV":
				copy(text[in.Span.Start:in.Span.End], p.Dockerfile.Source[in.Span.Start:in.Span.End])
			case "COPY", "ADD":
				keepDocuments(p, in, text, nil)
			}
		}
	}
	return Text{file: p.Dockerfile.Name, image: true, text: text, kind: lineText}
}

// textsOfEntryPoints are the modules in the entry points of the application's own
// distributions.
func textsOfEntryPoints(p *Pass) (out Texts) {
	if p.Graph == nil {
		return nil
	}
	for i := range p.Graph.Distributions {
		d := &p.Graph.Distributions[i]
		if len(d.EntryPoints) == 0 || d.VendoredBy != "" || !p.Dists.IsApplication(d) {
			continue
		}
		var modules []string
		for _, e := range d.EntryPoints {
			modules = append(modules, e.Module)
		}
		out = append(out, Text{file: "entry points of " + d.Name, image: true, text: []byte(strings.Join(modules, "\n"))})
	}
	return out
}

// keepCommands keeps the commands of a RUN that install nothing.
func keepCommands(p *Pass, in *dockerfile.Instruction, text []byte) {
	s, err := in.Shell()
	if err != nil {
		copy(text[in.Span.Start:in.Span.End], p.Dockerfile.Source[in.Span.Start:in.Span.End])
		return
	}
	installs, _ := recipe.InstallCommands(in)
	installs = append(installs, recipe.WheelCommands(s.Commands())...)
	for _, c := range s.Commands() {
		if !slices.ContainsFunc(installs, func(i recipe.InstallCommand) bool { return i.Span == c.Span }) {
			copy(text[c.Span.Start:c.Span.End], p.Dockerfile.Source[c.Span.Start:c.Span.End])
		}
	}
	keepDocuments(p, in, text, s.Commands())
}

// keepDocuments keeps the heredocs of an instruction, which it may write to files,
// except the one that is its script.
func keepDocuments(p *Pass, in *dockerfile.Instruction, text []byte, commands []dockerfile.Command) {
	for _, h := range in.Heredocs {
		if b := h.Body; !slices.ContainsFunc(commands, func(c dockerfile.Command) bool { return b.Start <= c.Span.Start && c.Span.End <= b.End }) {
			copy(text[b.Start:b.End], p.Dockerfile.Source[b.Start:b.End])
		}
	}
}

// Texts are the texts of [Pass.AllTexts] that can be read.
func (p *Pass) Texts() Texts {
	texts, _ := p.AllTexts()
	return texts
}

// StartPrograms are the names of programs that the image may start: the words of its
// commands and of the project's scripts, and the first words of strings in Python.
// What only a RUN or a configuration file names is not among them.
func (p *Pass) StartPrograms() map[string]bool {
	if p.programs == nil {
		p.programs = startPrograms(p, p.Texts())
	}
	return p.programs
}

// StartedPrograms are those of [Pass.StartPrograms] without the scripts that only people
// start.
func (p *Pass) StartedPrograms() map[string]bool {
	people := p.Unstarted().Files()
	return startPrograms(p, slices.DeleteFunc(slices.Clone(p.Texts()), func(t Text) bool { return slices.Contains(people, t.file) }))
}

// StartWords are the words that the image starts with: of ENTRYPOINT, CMD and HEALTHCHECK.
func (p *Pass) StartWords() []string {
	if p.Config == nil {
		return nil
	}
	c := &p.Config.Config
	words := slices.Concat(c.Entrypoint, c.Cmd)
	if c.Healthcheck != nil {
		words = append(words, c.Healthcheck.Test...)
	}
	return words
}

func startPrograms(p *Pass, texts Texts) map[string]bool {
	out := map[string]bool{}
	if p.Config != nil {
		out = (Texts{{text: []byte(strings.Join(p.StartWords(), "\n"))}}).Programs()
	}
	for _, t := range texts {
		base := strings.ToLower(path.Base(t.file))
		if t.image {
			continue
		}
		switch path.Ext(base) {
		case ".py", ".sh", ".bash":
		case "":
			if base == "makefile" && !out["make"] {
				continue
			}
		case ".json":
			if base != "package.json" || !out["npm"] && !out["yarn"] && !out["pnpm"] {
				continue
			}
		default:
			continue
		}
		maps.Copy(out, (Texts{t}).Programs())
	}
	return out
}

// Texts are texts in which an application may name something.
type Texts []Text

// NamesPlace says that a text names a folder or file of the project: by its path or
// its name, or a file by its folder or its extension.
func (s Texts) NamesPlace(at string, file bool) bool {
	words, parts := []string{path.Base(at)}, []string{at}
	if file {
		parts = append(parts, "*"+path.Ext(at))
		if dir := path.Dir(at); dir != "." {
			words, parts = append(words, path.Base(dir)), append(parts, dir+"/")
		}
	}
	return slices.ContainsFunc(s, func(t Text) bool {
		return slices.ContainsFunc(words, func(w string) bool { return t.Line(w) > 0 }) || slices.ContainsFunc(parts, t.path)
	})
}

// Where is the first of the files that contains a text, of those that want selects;
// empty where none does.
func (s Texts) Where(part string, want func(file string) bool) string {
	for i := range s {
		if want(s[i].file) && s[i].Contains(part) {
			return s[i].file
		}
	}
	return ""
}

// Parts are the paths and the dotted names that the application writes and that have a name as
// a part: all parts of each.
func (s Texts) Parts(name string) (out [][]string) {
	add := func(text string) {
		if text = text[:min(len(text), 1000)]; !strings.Contains(text, name) {
			return
		}
		parts := strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(`./\:`, r) })
		if slices.Contains(parts, name) {
			out = append(out, parts)
		}
	}
	for i := range s {
		for _, made := range s[i].spelled {
			if !strings.ContainsAny(made.Text, " \t\n") {
				add(made.Text)
			}
		}
		for _, l := range s[i].literals {
			if text := s[i].text[l.Start:l.End]; !bytes.ContainsAny(text, " \t\n") {
				add(string(text))
			}
		}
	}
	return out
}

// OfProject are the texts of files of the project that want selects by their paths,
// without the image's commands and instructions.
func (s Texts) OfProject(want func(file string) bool) (out Texts) {
	for _, t := range s {
		if !t.image && want(t.file) {
			out = append(out, t)
		}
	}
	return out
}

// Programs are the words with which a text may start a program: the first word of a
// literal, every word of a script. Of a path it is the last part.
func (s Texts) Programs() map[string]bool {
	out := map[string]bool{}
	for i := range s {
		t := &s[i]
		for _, made := range t.spelled {
			out[firstWord(made.Text)] = true
		}
		for _, l := range t.literals {
			out[firstWord(string(t.text[l.Start:l.End]))] = true
		}
		if t.literals == nil {
			for _, w := range strings.FieldsFunc(string(t.text), func(r rune) bool { return strings.ContainsRune(" \t\r\n;|&(){}<>\"'`$=,[]", r) }) {
				out[path.Base(w)] = true
			}
		}
	}
	return out
}

func firstWord(text string) string {
	words := strings.Fields(text[:min(len(text), 200)])
	if len(words) == 0 {
		return ""
	}
	return path.Base(words[0])
}

// WordsFor are the words that name a distribution: its name, its modules, its
// programs, and the groups of its entry points.
func WordsFor(d *python.Distribution) []string {
	names := []string{d.Name, strings.ReplaceAll(d.Name, "-", "_"), strings.ReplaceAll(d.Name, "-", ".")}
	names = append(names, d.ImportNames()...)
	for _, e := range d.EntryPoints {
		switch e.Group {
		case "console_scripts", "gui_scripts":
			names = append(names, e.Name)
		default:
			names = append(names, e.Group)
		}
	}
	for _, f := range d.Files {
		if dir := path.Dir(f); path.Base(dir) == "bin" || path.Base(dir) == "Scripts" {
			names = append(names, path.Base(f))
		}
	}
	slices.Sort(names)
	return slices.DeleteFunc(slices.Compact(names), general)
}

// Naming is the first place at which a text names a distribution: "start.py:4".
// Common are words that also mean something else (black): they count only where a
// command or a module may be named.
func (ts Texts) Naming(d *python.Distribution, common ...string) (where string, found bool) {
	names := WordsFor(d)
	for _, s := range ts {
		commands := s.kind == lineText || s.starts
		for _, name := range names {
			if slices.Contains(common, name) && !commands {
				continue
			}
			if line := s.Line(name); line > 0 {
				return fmt.Sprintf("%s:%d", s.file, line), true
			}
		}
	}
	return "", false
}

// general says that a word is too general to name a distribution, even if one has a
// module of that name.
func general(word string) bool {
	return len(word) < 3 || slices.Contains([]string{"bin", "lib", "src", "app", "api", "test", "tests", "doc", "docs", "data", "main", "core",
		"utils", "scripts", "example", "examples", "build", "static", "config", "tools", "benchmarks"}, word)
}

// LineWith is the number of the first line with a word, 0 if there is none.
func LineWith(text []byte, word string) int {
	for from := 0; ; {
		i := bytes.Index(text[from:], []byte(word))
		if i < 0 || word == "" {
			return 0
		}
		at := from + i
		end := at + len(word)
		if (at == 0 || !wordByte(text[at-1])) && (end == len(text) || !wordByte(text[end])) {
			return 1 + bytes.Count(text[:at], []byte("\n"))
		}
		from = end
	}
}

func wordByte(c byte) bool {
	return c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

// Without are the texts of other files than one.
func (s Texts) Without(file string) Texts {
	return slices.DeleteFunc(slices.Clone(s), func(t Text) bool { return t.file == file })
}

// Name says that one of the texts has a word.
func (s Texts) Name(word string) bool {
	return slices.ContainsFunc(s, func(t Text) bool { return t.Line(word) > 0 })
}

// Find are those of some words that the texts have, as [LineWith] finds them, in
// time that does not depend on how many words there are. They start with a letter,
// a digit or "_", have no blanks, and at most 128 bytes.
func (s Texts) Find(words map[string]bool) map[string]bool {
	out := map[string]bool{}
	look := func(text string) {
		for at := 0; at < len(text); {
			start := firstPart(text[at:])
			for end := at + len(start); start != "" && end <= min(len(text), at+128); end++ {
				if (end == len(text) || !wordByte(text[end])) && words[text[at:end]] {
					out[text[at:end]] = true
				}
				if end < len(text) && (text[end] == ' ' || text[end] == '\n' || text[end] == '\t') {
					break
				}
			}
			at += max(len(start), 1)
		}
	}
	for i := range s {
		look(string(s[i].text))
		for _, made := range s[i].spelled {
			look(made.Text)
		}
	}
	return out
}

// firstPart are the bytes of a word with which a text begins.
func firstPart(text string) string {
	n := 0
	for n < len(text) && wordByte(text[n]) {
		n++
	}
	return text[:n]
}

// Match says that a text has a match of a pattern.
func (s Texts) Match(pattern *regexp.Regexp) bool {
	return slices.ContainsFunc(s, func(t Text) bool {
		return pattern.Match(t.text) || slices.ContainsFunc(t.spelled, func(made spelled.String) bool { return pattern.MatchString(made.Text) })
	})
}

// commonWords are names of programs that are also common words: a text that has one need
// not run the program.
var commonWords = strings.Fields("file import display compare convert identify stream patch make test animate composite mogrify montage conjure link size split join sort " +
	"less top free kill watch w info more as ld ar nm strip g++ cc c++ gcc cpp perl python3 python python3-config ps session sq script col look strings")

// IsCommonWord says that the name of a program is also a common word, such as patch.
func IsCommonWord(name string) bool { return slices.Contains(commonWords, name) }
