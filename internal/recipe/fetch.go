package recipe

import (
	"path"
	"regexp"
	"slices"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/dockerfile"
)

// Located is a command of a RUN with the folder in which it runs, clean and
// relative to the root. Known says whether the script shows that folder.
type Located struct {
	RunCommand
	Dir   string
	Known bool
}

// Locate follows "cd" through the commands of a RUN, from the folder in which it
// starts. The last element, which has no words, is the end of the script. ok is
// false if the script cannot be read.
func Locate(in *dockerfile.Instruction, dir string) (out []Located, ok bool) {
	all, ok := RunCommands(in)
	l := Located{Dir: whittle.Join("", dir), Known: dir != "" && !strings.Contains(dir, "$")}
	for _, r := range all {
		l.RunCommand = r
		out = append(out, l)
		switch r.Name() {
		case "cd":
			switch {
			case r.Depth > 0 || r.Inner:
				l.Known = false
			case len(r.Words) == 2 && r.Words[1].Literal && strings.Trim(r.Words[1].Value, "-") != "" && !strings.HasPrefix(r.Words[1].Value, "~"):
				l.Known = l.Known || path.IsAbs(r.Words[1].Value)
				l.Dir = whittle.Join(l.Dir, r.Words[1].Value)
			default:
				l.Known = false
			}
		case "pushd", "popd", "eval", "exec":
			l.Known = false
		}
	}
	l.RunCommand = RunCommand{}
	return append(out, l), ok
}

// replaced matches what a shell replaces in a word, as far as that is one
// variable or one command.
var replaced = regexp.MustCompile(`\$\{[^}]*\}|\$[A-Za-z_][A-Za-z0-9_]*|\$\([^()]*\)|` + "`[^`]*`")

// Pattern is a word as a pattern of paths: what the shell replaces is "*". plain
// says that the shell replaces nothing, vague that it replaces all of the name.
func Pattern(w dockerfile.Word) (pattern string, plain, vague bool) {
	if w.Literal {
		return w.Value, !strings.ContainsAny(w.Value, "*?["), false
	}
	pattern = strings.NewReplacer(`"`, "", `'`, "", `\`, "").Replace(replaced.ReplaceAllString(w.Text, "*"))
	return pattern, false, strings.Trim(path.Base(pattern), "*") == ""
}

// Path is the path in the image that a word names where the command runs, as a
// pattern of [path.Match]. ok is false if the folder is not known.
func (l *Located) Path(w dockerfile.Word) (pattern string, ok bool) {
	pattern, _, _ = Pattern(w)
	if pattern == "" || strings.HasPrefix(pattern, "~") || !path.IsAbs(pattern) && !l.Known {
		return "", false
	}
	return whittle.Join(l.Dir, pattern), true
}

// Fetch is a file that a command downloads.
type Fetch struct {
	Located
	// Text is the file as a word of the command's shell, in its folder; it is
	// empty if no word says it. Pattern is its path in the image, with "*" for
	// what the shell replaces.
	Text, Pattern string
}

// maxFetched bounds the files and repositories that the commands of one RUN are
// read for: each is looked for in a layer.
const maxFetched = 20

// Fetches are the files that commands of curl and wget save, the first 20.
func Fetches(commands []Located) (out []Fetch) {
	for _, l := range commands {
		if len(out) > maxFetched {
			return out[:maxFetched]
		}
		var files []dockerfile.Word
		switch l.Name() {
		case "curl":
			files = l.curl()
		case "wget":
			files = l.wget()
		}
		for _, w := range files {
			if pattern, ok := l.Path(w); ok {
				f := Fetch{Located: l, Text: w.Text, Pattern: pattern}
				if _, _, vague := Pattern(w); vague && strings.Contains(w.Text, "://") {
					f.Text = ""
				}
				out = append(out, f)
			}
		}
	}
	return out
}

// curl are the files that a command of curl saves (curl(1)).
func (l *Located) curl() (files []dockerfile.Word) {
	words := l.Words[l.Program:]
	remote := false
	for i := 1; i < len(words); i++ {
		w := words[i].Text
		short := strings.HasPrefix(w, "-") && !strings.HasPrefix(w, "--")
		switch {
		case w == "--output" || short && strings.HasSuffix(w, "o"):
			if i+1 < len(words) {
				i++
				files = append(files, words[i])
			}
		case w == "--remote-name", w == "--remote-name-all", short && strings.Contains(w, "O"):
			remote = true
		case w == "--output-dir":
			return nil
		}
	}
	if remote && len(files) == 0 {
		return remoteNames(words)
	}
	if len(files) == 0 {
		files = l.written()
	}
	return files
}

// wget are the files that a command of wget saves (wget(1)).
func (l *Located) wget() (files []dockerfile.Word) {
	words := l.Words[l.Program:]
	dir := ""
	for i := 1; i < len(words); i++ {
		w := words[i].Text
		short := strings.HasPrefix(w, "-") && !strings.HasPrefix(w, "--")
		name, value, joined := strings.Cut(w, "=")
		switch {
		case name == "--output-document" && joined:
			return saved(dockerfile.Word{Text: value, Value: value, Literal: words[i].Literal}, l)
		case w == "--output-document" || short && strings.HasSuffix(w, "O"):
			if i+1 < len(words) {
				return saved(words[i+1], l)
			}
		case short && strings.HasSuffix(w, "O-"):
			return l.written()
		case name == "--directory-prefix" && joined:
			dir = value
		case (w == "--directory-prefix" || short && strings.HasSuffix(w, "P")) && i+1 < len(words):
			i++
			dir = words[i].Text
		}
	}
	files = remoteNames(words)
	for i := range files {
		if dir != "" {
			files[i].Text = inFolder(strings.TrimSuffix(dir, "/"), files[i].Text)
			files[i].Value = path.Join(dir, files[i].Value)
		}
	}
	return files
}

func saved(w dockerfile.Word, l *Located) []dockerfile.Word {
	if w.Text == "-" {
		return l.written()
	}
	return []dockerfile.Word{w}
}

// written is the file that standard output goes to.
func (l *Located) written() (files []dockerfile.Word) {
	for _, r := range l.Redirects {
		if r.Op == ">" && r.Target.Text != "/dev/null" {
			files = append(files, r.Target)
		}
	}
	return files
}

// remoteNames are the names at the ends of URLs. Those with a query are not
// known.
func remoteNames(words []dockerfile.Word) (files []dockerfile.Word) {
	for _, w := range words[1:] {
		text := strings.Trim(w.Text, `"`)
		if strings.HasPrefix(text, "-") || strings.ContainsAny(text, " ?#'\"") || !strings.Contains(text, "://") && !strings.HasPrefix(text, "$") {
			continue
		}
		if strings.Count(w.Text, `"`) != 0 && len(text) != len(w.Text)-2 {
			continue
		}
		name := text[strings.LastIndexByte(text, '/')+1:]
		if name == "" || strings.Count(name, "{") != strings.Count(name, "}") {
			continue
		}
		out := dockerfile.Word{Text: name, Literal: w.Literal}
		switch {
		case w.Literal:
			out.Value = name
		case len(text) != len(w.Text):
			out.Text = `"` + name + `"`
		}
		files = append(files, out)
	}
	return files
}

// inFolder is a word of a shell in a folder: of "x" in a it is "a/x".
func inFolder(dir, word string) string {
	if rest, ok := strings.CutPrefix(word, `"`); ok {
		return `"` + dir + "/" + rest
	}
	return dir + "/" + word
}

// At is a file's word for a command that runs elsewhere in the script; it is
// empty if that is not known.
func (f *Fetch) At(there *Located) string {
	switch {
	case f.Text == "":
		return ""
	case strings.HasPrefix(strings.Trim(f.Text, `"'`), "/"):
		return f.Text
	case !f.Known:
		return ""
	case there.Known && f.Dir == there.Dir:
		return f.Text
	}
	return inFolder(strings.TrimSuffix("/"+f.Dir, "/"), strings.TrimPrefix(f.Text, "./"))
}

// unpackers are programs that read an archive or an installer, and do not need it
// again; empty are those that do so with any options.
var unpackers = map[string][]string{
	"unzip": nil, "bsdtar": nil, "7z": {"x", "e"}, "7za": {"x", "e"}, "7zr": {"x", "e"}, "unrar": {"x", "e"}, "jar": {"xf", "xvf", "-xf"},
	"dpkg": {"-i", "--install", "--unpack"}, "gdebi": nil, "rpm": {"-i", "-ivh", "-Uvh", "-U", "--install", "--upgrade"},
	"pip": {"install"}, "pip3": {"install"}, "sh": nil, "bash": nil, "dash": nil, "ash": nil, "python": nil, "python3": nil,
}

// Unpacks says that a command unpacks or installs the files among its words.
func (r *RunCommand) Unpacks() bool {
	if s, ok := ReadSystem(*r); ok {
		return s.Installs()
	}
	words := r.Words[min(r.Program+1, len(r.Words)):]
	if r.Name() == "tar" {
		if len(words) == 0 {
			return false
		}
		first := words[0].Value
		return first == "--extract" || first == "--get" || !strings.HasPrefix(first, "--") && strings.Contains(first, "x") || slices.ContainsFunc(words, func(w dockerfile.Word) bool {
			return w.Value == "-x" || w.Value == "--extract" || strings.HasPrefix(w.Value, "-x")
		})
	}
	verbs, ok := unpackers[r.Name()]
	return ok && (verbs == nil || slices.ContainsFunc(words, func(w dockerfile.Word) bool { return slices.Contains(verbs, w.Value) }))
}

// LooksAt says that a command only reads or checks the files among its words, or
// changes their mode or owner.
func (r *RunCommand) LooksAt() bool {
	switch r.Name() {
	case "echo", "printf", "test", "[", "ls", "stat", "file", "chmod", "chown", "rm", "grep", "cat", "gpg", "gpgv", "gpg2", "openssl", "cosign", "curl", "wget":
		return true
	}
	return strings.HasSuffix(r.Name(), "sum") // sha256sum
}
