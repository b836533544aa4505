// Package dockerfile reads Dockerfiles to the byte: stages, instructions and
// the shell of RUN with their spans in the file. It applies edits that change
// nothing else.
//
// BuildKit's own parser decides what is a Dockerfile and what an instruction
// says; this package adds the place of each part, which that parser does not
// keep. The format: https://docs.docker.com/reference/dockerfile/
//
// # Editing
//
// An edit is a splice of bytes; nothing is printed anew. Operations such as
// [File.Move], [Instruction.AppendCommand] and [Instruction.RemoveWords] make
// edits of a parsed file, [Apply] puts the edits of one change into it, and
// [Merge] those of several. What they promise:
//
//   - The result is a Dockerfile with the same directives, and the shell of
//     what was edited can be read if it could before.
//   - No other instruction changes, by a byte or by its stage.
//   - No comment is lost: not one above an instruction, between continued
//     lines or in a script. Where its line goes it comes before or after what
//     is left; only a word that holds a comment within a substitution takes it
//     along, and what goes with a script that whittle cannot read.
//   - Line ends, indentation, continuations and the place of operators are
//     those of the file.
//   - The instruction then says what was wanted: the operations that can fail
//     read their result back, and refuse the rest as unsupported. Lines and
//     words that are put in as they are (InsertBefore, InsertAfter, Remove,
//     ReplaceWord, ReplaceArg) are held by Apply alone.
//   - What is there already gives no edits (SetFlag, AddFlag, SetEnv, Move).
//
// Not edited are the triggers of ONBUILD, files with "# escape=`" and what runs
// under a shell of Windows. What a change does to the image is not judged here:
// that a command runs in another directory or as another user after Move is
// its caller's business.
package dockerfile

import (
	"errors"
	"fmt"
	"strings"

	"whittle.dev/whittle"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/linter"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
)

// MaxSize is the size in bytes of the largest Dockerfile that is read.
const MaxSize = 1 << 20

// File is a parsed Dockerfile. It is not changed after Parse.
type File struct {
	// Name is what messages and origins call the file.
	Name   string
	Source []byte
	// Escape is the escape character, '\\' or '`'.
	Escape rune
	// Syntax is the value of the "# syntax=" directive, empty without one.
	Syntax string
	// Meta are the ARG instructions before the first FROM.
	Meta   []Instruction
	Stages []Stage
	// Warnings are BuildKit's, in the order of the file.
	Warnings []Warning
}

// Warning is something that BuildKit accepts and advises against.
type Warning struct {
	Line int
	Text string
}

// Stage is one build stage. Base images and platforms that depend on build
// arguments are resolved with the file's defaults, or as [File.With] says.
type Stage struct {
	// Name is in lower case, and empty for a stage without one.
	Name  string
	Index int
	// Base and Platform are as written.
	Base, Platform string
	// BaseResolved and PlatformResolved are what they come to; empty where an
	// argument without a value decides.
	BaseResolved, PlatformResolved string
	// From is the index of the earlier stage that this one builds on, nil
	// where the base is an image.
	From *int
	// Head is the FROM instruction.
	Head Instruction
	// Span reaches from FROM to the end of the stage's last instruction.
	Span         whittle.Span
	Instructions []Instruction
}

// Label is the stage's name, or its number where it has none.
func (s *Stage) Label() string {
	if s.Name != "" {
		return s.Name
	}
	return fmt.Sprint(s.Index)
}

// StageName is a stage in a sentence: "the stage build", or "the first stage
// (Dockerfile:1)" where it has no name.
func (f *File) StageName(i int) string {
	st := &f.Stages[i]
	ordinals := [...]string{"first", "second", "third", "fourth", "fifth"}
	switch {
	case st.Name != "":
		return "the stage " + st.Name
	case i < len(ordinals):
		return fmt.Sprintf("the %s stage (%s:%d)", ordinals[i], f.Name, st.Head.Line)
	}
	return fmt.Sprintf("the stage at %s:%d", f.Name, st.Head.Line)
}

// Instruction is one instruction with its place in the file.
type Instruction struct {
	// Keyword is in upper case.
	Keyword string
	// Span has every byte from the keyword's first to the end of the last
	// line, heredoc bodies included, the final line end excluded.
	Span whittle.Span
	// Line and EndLine count from 1.
	Line, EndLine int
	// Stage is the stage's index, -1 before the first FROM.
	Stage int
	Flags []Flag
	// Args are the arguments as written, before variables are replaced: one
	// for a shell command or a plain string, the words of lists, the
	// NAME=VALUE words of ENV, LABEL and ARG, the strings of a JSON array.
	Args []Arg
	// JSON says that the arguments are a JSON array (after the CMD of a
	// HEALTHCHECK, which is then Args[0]).
	JSON     bool
	Heredocs []Heredoc
	// Comments are the comment lines between continued lines.
	Comments []whittle.Span
	// Trigger is the instruction that ONBUILD holds; its heredocs are there.
	Trigger *Instruction

	file   *File
	line   logical
	from   int      // where its first line starts: a lone escape character may come before the keyword
	nested bool     // it is the trigger of an ONBUILD
	args   [2]int   // where in line.text the arguments are, without flags
	shell  []string // what runs shell commands here; nil is the image's own
	parsed any      // BuildKit's view; not to be changed, so never expanded
}

// Flag is a flag such as --mount=type=cache,target=/x. Value is empty where
// there is no "=".
type Flag struct {
	Name, Value string
	Span        whittle.Span
}

// Arg is an argument. Its Span holds the quotes and, where the argument goes
// on over several lines, the continuations.
type Arg struct {
	Value string
	Span  whittle.Span
}

// Heredoc is one inline document.
type Heredoc struct {
	Name string
	// Expand says that variables in the body are replaced; Chomp that leading
	// tabs do not count.
	Expand, Chomp bool
	// Body are the lines of the document with their line ends, Terminator is
	// the name that closes it.
	Body, Terminator whittle.Span
}

// Text is the instruction as it is in the file.
func (in *Instruction) Text() string {
	return string(in.file.Source[in.Span.Start:in.Span.End])
}

// Flag returns the values of a flag, in order; a flag without "=" has the
// value "".
func (in *Instruction) Flag(name string) []string {
	var values []string
	for _, f := range in.Flags {
		if f.Name == name {
			values = append(values, f.Value)
		}
	}
	return values
}

// Parsed is what BuildKit's parser makes of the instruction: a value of its
// package instructions, such as *instructions.RunCommand. It is not to be
// changed.
func (in *Instruction) Parsed() any { return in.parsed }

// ParseError says where a Dockerfile is wrong. It wraps [whittle.ErrUsage],
// and [whittle.ErrLimit] too where the file is over a limit.
type ParseError struct {
	File string
	// Line counts from 1; 0 is the file as a whole.
	Line int
	Text string
	// Over says that the file is over a limit.
	Over bool
}

func (e *ParseError) Error() string {
	if e.Line == 0 {
		return e.File + ": " + e.Text
	}
	return fmt.Sprintf("%s:%d: %s", e.File, e.Line, e.Text)
}

// Unwrap makes the error one of bad input.
func (e *ParseError) Unwrap() []error {
	if e.Over {
		return []error{whittle.ErrUsage, whittle.ErrLimit}
	}
	return []error{whittle.ErrUsage}
}

// Parse reads a Dockerfile; name is for messages. Its errors are [*ParseError].
func Parse(name string, src []byte) (*File, error) {
	if len(src) > MaxSize {
		return nil, &ParseError{File: name, Text: fmt.Sprintf("%s is over the limit of %s for a Dockerfile",
			whittle.Bytes(int64(len(src))), whittle.Bytes(MaxSize)), Over: true}
	}
	f := &File{Name: name, Source: src}
	lines := splitLines(src)
	if err := f.refuse(lines); err != nil {
		return nil, err
	}
	res, err := parser.Parse(strings.NewReader(string(src)))
	if err != nil {
		return nil, f.wrap(err, 0)
	}
	f.Escape = res.EscapeToken
	f.Syntax, _, _, _ = parser.ParseDirective("syntax", src)
	for _, w := range res.Warnings {
		f.Warnings = append(f.Warnings, Warning{Line: w.Location.Start.Line, Text: brief(w.Short)})
	}
	for _, n := range res.AST.Children {
		if err := f.add(n, lines); err != nil {
			return nil, err
		}
	}
	if len(f.Stages) == 0 {
		return nil, &ParseError{File: name, Text: "there is no FROM instruction"}
	}
	f.finish()
	return f, nil
}

// add takes one node of BuildKit's tree into the file.
func (f *File) add(n *parser.Node, lines []int) error {
	parsed, err := understand(n)
	if err != nil {
		return f.wrap(err, n.StartLine)
	}
	in, err := f.locate(n, lines)
	if err != nil {
		return err
	}
	in.parsed = parsed
	in.Stage = len(f.Stages) - 1
	if st, ok := parsed.(*instructions.Stage); ok {
		in.Stage++
		f.Stages = append(f.Stages, Stage{Name: st.Name, Index: in.Stage, Base: st.BaseName,
			Platform: st.Platform, Head: in, Span: in.Span})
		return nil
	}
	if in.Stage < 0 {
		if _, ok := parsed.(*instructions.ArgCommand); !ok {
			return &ParseError{File: f.Name, Line: in.Line, Text: in.Keyword + " comes before the first FROM"}
		}
		f.Meta = append(f.Meta, in)
		return nil
	}
	st := &f.Stages[in.Stage]
	st.Instructions = append(st.Instructions, in)
	st.Span.End = in.Span.End
	return nil
}

// understand is BuildKit's view of a node. Without a linter BuildKit panics at
// a comment such as "# check=skip=all" before an instruction.
func understand(n *parser.Node) (any, error) {
	return instructions.ParseInstructionWithLinter(n, linter.New(&linter.Config{}))
}

// finish resolves the stages with the file's defaults and sets the shell that
// runs each instruction.
func (f *File) finish() {
	f.resolve(nil)
	for i := range f.Stages {
		st := &f.Stages[i]
		var shell []string
		if st.From != nil {
			if prev := f.Stages[*st.From].Instructions; len(prev) > 0 {
				shell = prev[len(prev)-1].shell
			} else {
				shell = f.Stages[*st.From].Head.shell
			}
		}
		st.Head.shell = shell
		for j := range st.Instructions {
			in := &st.Instructions[j]
			if c, ok := in.parsed.(*instructions.ShellCommand); ok {
				shell = c.Shell
			}
			in.shell = shell
			if in.Trigger != nil {
				in.Trigger.Stage = in.Stage
			}
		}
	}
}

// wrap makes a ParseError of BuildKit's error; line is where it happened,
// unless the error knows better.
func (f *File) wrap(err error, line int) error {
	text := err.Error()
	var at *parser.LocationError
	if line == 0 && errors.As(err, &at) && len(at.Locations) > 0 && len(at.Locations[0]) > 0 {
		line = at.Locations[0][0].Start.Line
		if strings.Contains(text, "parser directive") || strings.Contains(text, "invalid escape token") {
			line++ // BuildKit counts the lines before a directive
		}
	}
	return &ParseError{File: f.Name, Line: line, Text: brief(text)}
}

// brief makes one line of at most a few hundred bytes.
func brief(text string) string {
	const most = 300
	text = whittle.OneLine(text)
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + "…"
	}
	return text
}
