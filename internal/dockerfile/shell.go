package dockerfile

import (
	"fmt"
	"path"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/shell"

	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"mvdan.cc/sh/v3/syntax"
)

// Script is what an instruction runs: the commands of a shell, or the one
// command of a JSON array. All its spans are of the Dockerfile.
type Script struct {
	// Exec says that no shell runs it (JSON form).
	Exec bool
	// Comments are the shell's own comments; those between
	// continued lines are the instruction's.
	Comments []whittle.Span
	commands []Command
}

// Commands are the simple commands in the order of the text, those within
// groups, loops, functions and substitutions included.
func (s *Script) Commands() []Command { return s.commands }

// Command is one simple command.
type Command struct {
	// Span reaches from the first to the last byte of the command's
	// assignments, words and redirections, heredoc bodies excluded.
	Span whittle.Span
	// Assigns are the variables set for the command, or for the shell where
	// there are no words.
	Assigns []Word
	// Words are the program and its arguments.
	Words     []Word
	Redirects []Redirect
	// Before and After are the operators to its neighbors in the same list or
	// pipeline, empty at its ends.
	Before, After Operator
	// Depth is 0 for the script's own list, and more inside groups,
	// conditions, loops, functions and substitutions.
	Depth int
	// Negated says that it follows "!".
	Negated bool
}

// Name is the base name of the program, empty where only the shell knows it.
func (c *Command) Name() string {
	if len(c.Words) == 0 || !c.Words[0].Literal {
		return ""
	}
	return path.Base(c.Words[0].Value)
}

// Literals are the values of the words; ok is false where one of them is only
// known to the shell that runs the command.
func (c *Command) Literals() (words []string, ok bool) {
	for _, w := range c.Words {
		if !w.Literal {
			return nil, false
		}
		words = append(words, w.Value)
	}
	return words, true
}

// Word is one word of a command.
type Word struct {
	Span whittle.Span
	// Text is the word as the shell reads it: continuations are gone, quotes
	// are not.
	Text string
	// Value is the word with its quotes resolved; globs stay as they are. It
	// is empty unless Literal, that is where the shell expands something else.
	Value   string
	Literal bool
}

// Redirect is a redirection such as 2>/dev/null.
type Redirect struct {
	Span whittle.Span
	// Op is the operator, with the file descriptor where one is written: "2>".
	Op     string
	Target Word
}

// Operator joins two commands: "&&", "||", "|", "|&", ";", "&" or "\n".
type Operator struct {
	Text string
	Span whittle.Span
}

// Shell reads what the instruction runs: RUN, CMD, ENTRYPOINT and
// HEALTHCHECK CMD, in shell, heredoc or JSON form. What no POSIX-like shell
// runs (SHELL ["powershell"], a heredoc that starts with #!/usr/bin/python3),
// and what does not parse, is [whittle.ErrUnsupported].
func (in *Instruction) Shell() (*Script, error) {
	args := in.Args
	switch in.Keyword {
	case "RUN", "CMD", "ENTRYPOINT":
	case "HEALTHCHECK":
		if len(args) == 0 || !strings.EqualFold(args[0].Value, "CMD") {
			return &Script{}, nil
		}
		args = args[1:]
	default:
		return nil, in.unsupported("%s runs no command", in.Keyword)
	}
	if in.JSON {
		return in.exec(args), nil
	}
	if len(args) == 0 {
		return &Script{}, nil
	}
	l, lang, err := in.dialect()
	if err != nil {
		return nil, err
	}
	return in.read(l, lang)
}

// dialect is the script and the dialect that it is read in.
func (in *Instruction) dialect() (logical, syntax.LangVariant, error) {
	l, err := in.script()
	if err != nil {
		return l, syntax.LangBash, err
	}
	lang, ok := language(in.shell)
	if !ok && !strings.HasPrefix(l.text, "#!") {
		return l, lang, in.unsupported("%s is not a shell that whittle reads", in.shell[0])
	}
	return l, lang, nil
}

// exec is the one command of the JSON form.
func (in *Instruction) exec(args []Arg) *Script {
	if len(args) == 0 {
		return &Script{Exec: true}
	}
	c := Command{Span: whittle.Span{Start: args[0].Span.Start, End: args[len(args)-1].Span.End}}
	for _, a := range args {
		text := string(in.file.Source[a.Span.Start:a.Span.End])
		c.Words = append(c.Words, Word{Span: a.Span, Text: text, Value: a.Value, Literal: true})
	}
	return &Script{Exec: true, commands: []Command{c}}
}

// script is the text that the shell gets, with the place of each byte.
func (in *Instruction) script() (logical, error) {
	at, end := in.args[0], in.args[1]
	if in.Keyword == "HEALTHCHECK" {
		w := in.words()
		at = w[len(w)-1][0]
	}
	l := logical{text: in.line.text[at:end], offs: in.line.offs[at:end]}
	if len(in.Heredocs) == 0 {
		return l, nil
	}
	src := in.file.Source
	if h, err := parser.ParseHeredoc(l.text); err == nil && h != nil {
		body := in.Heredocs[0].Body
		script := plain(src, body, in.Heredocs[0].Chomp)
		if line, ok := strings.CutPrefix(script.text, "#!"); ok {
			line, _, _ = strings.Cut(line, "\n")
			if words := strings.Fields(line); len(words) == 0 || !isShell(words[len(words)-1]) && !isShell(words[0]) {
				return logical{}, in.unsupported("%.80s is not a shell that whittle reads", strings.TrimSpace(line))
			}
		}
		return script, nil
	}
	text := []byte(l.text)
	offs := append([]int(nil), l.offs...)
	before := lineEndBefore(src, in.Heredocs[0].Body.Start)
	for _, h := range in.Heredocs {
		for _, part := range []logical{
			{text: "\n", offs: []int{before}},
			plain(src, h.Body, false),
			plain(src, h.Terminator, false),
		} {
			text = append(text, part.text...)
			offs = append(offs, part.offs...)
		}
		before = h.Terminator.End
	}
	return logical{text: string(text), offs: offs}, nil
}

// lineEndBefore is the offset of the line end before the line at start.
func lineEndBefore(src []byte, start int) int {
	if start > 1 && src[start-2] == '\r' {
		return start - 2
	}
	return start - 1
}

// plain is a part of the file as it is, without leading tabs where they do not
// count.
func plain(src []byte, s whittle.Span, chomp bool) logical {
	var l logical
	text := make([]byte, 0, s.End-s.Start)
	tabs := chomp
	for i := s.Start; i < s.End; i++ {
		if tabs && src[i] == '\t' {
			continue
		}
		tabs = chomp && src[i] == '\n'
		text = append(text, src[i])
		l.offs = append(l.offs, i)
	}
	l.text = string(text)
	return l
}

// isShell says that a program is a shell that the parser knows.
func isShell(program string) bool {
	_, ok := shell.Dialect(program)
	return ok
}

// language is the dialect of a SHELL instruction. The image's own shell is
// assumed to be a POSIX one.
func language(command []string) (syntax.LangVariant, bool) {
	if len(command) == 0 {
		return syntax.LangBash, true
	}
	return shell.Dialect(command[0])
}

func (in *Instruction) unsupported(format string, args ...any) error {
	return whittle.ErrUnsupported.Errorf("%s:%d: %s", in.file.Name, in.Line, fmt.Sprintf(format, args...))
}

// parse is the shell's tree of the script.
func (in *Instruction) parse(l logical, lang syntax.LangVariant) (*syntax.File, error) {
	file, err := shell.Parse(l.text, lang)
	if err != nil {
		return nil, in.unsupported("the shell of %s cannot be read: %s", in.Keyword, brief(err.Error()))
	}
	return file, nil
}

// read takes the commands and comments out of the script.
func (in *Instruction) read(l logical, lang syntax.LangVariant) (*Script, error) {
	file, err := in.parse(l, lang)
	if err != nil {
		return nil, err
	}
	s := &Script{}
	r := scriptReader{line: l, script: s}
	r.list(file.Stmts, 0, Operator{}, Operator{})
	syntax.Walk(file, func(n syntax.Node) bool {
		if c, ok := n.(*syntax.Comment); ok {
			s.Comments = append(s.Comments, r.span(c.Pos(), c.End()))
		}
		return true
	})
	return s, nil
}

// ParseShell reads the text of a shell script, in the POSIX or Bash dialect.
// Spans are of the text. What does not parse is [whittle.ErrUnsupported].
func ParseShell(name, text string) (*Script, error) {
	in := scriptOf(name, text)
	return in.read(in.line, syntax.LangBash)
}

// Words are the words of a command line as a POSIX shell splits them, where
// they are the same whatever the environment.
func Words(line string) ([]string, error) {
	script, err := ParseShell("command", line)
	if err != nil {
		if strings.Contains(err.Error(), "quote") {
			return nil, whittle.WithHint(whittle.ErrUsage.Errorf("in %q, a quote is not closed", line), "close it, or put a backslash before it")
		}
		return nil, whittle.ErrUsage.Errorf("reading the command %q: %w", line, err)
	}
	if len(script.Commands()) != 1 {
		return nil, whittle.WithHint(whittle.ErrUsage.Errorf("%q is not one command", line), "put it into sh -c '…'")
	}
	words, ok := script.Commands()[0].Literals()
	if !ok {
		return nil, whittle.WithHint(whittle.ErrUsage.Errorf("a word of %q is only known to a shell", line), "put it into sh -c '…'")
	}
	return words, nil
}

// scriptOf is what runs the text of a shell script, without a Dockerfile.
func scriptOf(name, text string) *Instruction {
	l := logical{text: text, offs: make([]int, len(text))}
	for i := range l.offs {
		l.offs[i] = i
	}
	return &Instruction{Keyword: "script", Line: 1, file: &File{Name: name, Source: []byte(text)}, line: l, args: [2]int{0, len(text)}}
}
