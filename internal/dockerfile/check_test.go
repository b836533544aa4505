package dockerfile

import (
	"bytes"
	"strings"

	"whittle.dev/whittle"
)

// checkFile holds a parsed file to what this package promises of spans.
func checkFile(t failer, f *File) {
	t.Helper()
	at := 0
	var joined []byte
	for _, in := range f.all() {
		s := in.Span
		if s.Start < at || s.End <= s.Start || s.End > len(f.Source) {
			t.Fatalf("%s in line %d: span %v after %d in a file of %d bytes", in.Keyword, in.Line, s, at, len(f.Source))
		}
		checkGap(t, f, f.Source[at:s.Start])
		joined = append(append(joined, f.Source[at:s.Start]...), in.Text()...)
		at = s.End
		checkInstruction(t, in)
		if in.Trigger != nil {
			checkInstruction(t, in.Trigger)
		}
	}
	checkGap(t, f, f.Source[at:])
	if joined = append(joined, f.Source[at:]...); !bytes.Equal(joined, f.Source) {
		t.Fatal("gaps and spans do not add up to the file")
	}
}

// checkGap sees that nothing between instructions is more than a blank, a
// comment or a lone escape character.
func checkGap(t failer, f *File, gap []byte) {
	t.Helper()
	for _, line := range bytes.Split(bytes.TrimPrefix(gap, bom), []byte("\n")) {
		line = bytes.TrimSpace(line)
		if len(line) > 0 && line[0] != '#' && string(line) != string(f.Escape) {
			t.Fatalf("%q stands between instructions", line)
		}
	}
}

func checkInstruction(t failer, in *Instruction) {
	t.Helper()
	within := func(what string, s whittle.Span) {
		t.Helper()
		if s.Start < in.Span.Start || s.End > in.Span.End || s.End < s.Start {
			t.Fatalf("%s of %s in line %d: %v is not within %v", what, in.Keyword, in.Line, s, in.Span)
		}
	}
	if in.Line < 1 || in.EndLine < in.Line {
		t.Fatalf("%s stands in lines %d to %d", in.Keyword, in.Line, in.EndLine)
	}
	at := in.Span.Start
	for _, f := range in.Flags {
		within("flag", f.Span)
		if f.Span.Start < at || f.Span.End == f.Span.Start {
			t.Fatalf("flag %s of %s in line %d stands at %v, after %d", f.Name, in.Keyword, in.Line, f.Span, at)
		}
		at = f.Span.End
	}
	for _, a := range in.Args {
		within("argument", a.Span)
		if a.Span.Start < at {
			t.Fatalf("argument %q of %s in line %d stands before %d", a.Value, in.Keyword, in.Line, at)
		}
		at = a.Span.End
		if !in.JSON {
			checkText(t, in.line, a.Span, a.Value)
		}
	}
	for _, c := range in.Comments {
		within("comment", c)
		if in.file.Source[c.Start] != '#' {
			t.Fatalf("comment at %v starts with %q", c, in.file.Source[c.Start])
		}
	}
	for _, h := range in.Heredocs {
		within("heredoc", h.Body)
		within("terminator", h.Terminator)
		if h.Body.Start < at || h.Body.End > h.Terminator.Start || string(in.file.Source[h.Terminator.Start:h.Terminator.End]) != h.Name {
			t.Fatalf("heredoc %q stands at %v and ends at %v", h.Name, h.Body, h.Terminator)
		}
		at = h.Terminator.End
	}
}

// checkText sees that the logical line holds the text where the span says.
func checkText(t failer, l logical, s whittle.Span, text string) {
	t.Helper()
	for i, off := range l.offs {
		if off != s.Start || i+len(text) > len(l.text) {
			continue
		}
		if l.text[i:i+len(text)] != text || len(text) > 0 && l.offs[i+len(text)-1]+1 != s.End {
			t.Fatalf("%q is not at %v, %q is", text, s, l.text[i:i+len(text)])
		}
		return
	}
	if text != "" {
		t.Fatalf("%q is nowhere: no byte of the line is from %d", text, s.Start)
	}
}

// checkShell holds a script to what this package promises of spans.
func checkShell(t failer, in *Instruction) {
	t.Helper()
	script, err := in.Shell()
	if err != nil {
		return
	}
	var l logical
	if !script.Exec && len(in.Args) > 0 {
		if l, err = in.script(); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range script.Commands() {
		if c.Span.Start < in.Span.Start || c.Span.End > in.Span.End || c.Span.End <= c.Span.Start {
			t.Fatalf("command at %v outside of %v", c.Span, in.Span)
		}
		at := c.Span.Start
		for _, w := range append(append([]Word(nil), c.Assigns...), c.Words...) {
			if w.Span.Start < at || w.Span.End > c.Span.End {
				t.Fatalf("word %q at %v, after %d, in a command at %v", w.Text, w.Span, at, c.Span)
			}
			at = w.Span.End
			if !script.Exec {
				checkText(t, l, w.Span, w.Text)
			}
		}
		for _, r := range c.Redirects {
			checkText(t, l, r.Target.Span, r.Target.Text)
			if r.Span.Start < c.Span.Start || r.Span.End > c.Span.End {
				t.Fatalf("redirection at %v in a command at %v", r.Span, c.Span)
			}
		}
		for _, op := range []Operator{c.Before, c.After} {
			if op.Text != "" && op.Text != "\n" {
				checkText(t, l, op.Span, op.Text)
			}
		}
	}
	for _, c := range script.Comments {
		if text := in.file.Source[c.Start:c.End]; !strings.HasPrefix(string(text), "#") {
			t.Fatalf("comment at %v is %q", c, text)
		}
	}
}
