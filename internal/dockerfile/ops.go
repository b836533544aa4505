package dockerfile

import (
	"bytes"
	"fmt"
	"path"
	"slices"
	"strings"

	"whittle.dev/whittle"
)

// InsertBefore puts lines before an instruction, above the comment block that
// is directly above it. text has no final line end; its line ends become
// the file's.
func (f *File) InsertBefore(in *Instruction, text string) whittle.Edit {
	at := block(f, in)
	return whittle.Edit{Span: whittle.Span{Start: at, End: at}, New: f.lines(text) + f.lineEnd()}
}

// InsertAfter puts lines after an instruction. text has no final line end;
// its line ends become the file's. Behind a last instruction that ends in an
// escape character nothing can follow: Apply refuses the edit.
func (f *File) InsertAfter(in *Instruction, text string) whittle.Edit {
	return f.insertAfter(in, f.lines(text))
}

// insertAfter is InsertAfter of lines as they are.
func (f *File) insertAfter(in *Instruction, text string) whittle.Edit {
	if in.line.open && strings.HasSuffix(strings.TrimSpace(in.line.text), string(f.Escape)) {
		beyond := len(f.Source) + 1
		return whittle.Edit{Span: whittle.Span{Start: beyond, End: beyond}}
	}
	if start, closed, ok := closed(f, in); ok {
		return whittle.Edit{Span: whittle.Span{Start: start, End: in.Span.End}, New: f.lineEnd() + text + closed}
	}
	at := f.nextLine(in.Span.End)
	if f.Source[at-1] != '\n' { // the file ends without a line end
		at = in.Span.End
		return whittle.Edit{Span: whittle.Span{Start: at, End: at}, New: f.lineEnd() + text}
	}
	return whittle.Edit{Span: whittle.Span{Start: at, End: at}, New: text + f.lineEnd()}
}

// Remove deletes an instruction with its lines, and one of the two blank lines
// around it. Its comments stay as lines in its place: those between its
// continued lines, and those of the shell if the script can be parsed. Only those
// that accept findings at it ([Ignore]) go with it, as they would be about the next
// instruction. For a trigger, the whole ONBUILD is removed.
func (f *File) Remove(in *Instruction) []whittle.Edit {
	kept := slices.DeleteFunc(comments(in), accepts)
	start := in.from
	var edits []whittle.Edit
	for at := between(f, in); at < in.from; at = f.nextLine(at) {
		if line := (whittle.Span{Start: at, End: f.nextLine(at)}); accepts(string(f.Source[line.Start:line.End])) {
			edits = append(edits, whittle.Edit{Span: line})
		}
	}
	for n := len(edits); n > 0 && edits[n-1].Span.End == start; n = len(edits) {
		start, edits = edits[n-1].Span.Start, edits[:n-1]
	}
	return append(edits, vacate(f, start, f.nextLine(in.Span.End), kept))
}

// RemoveFrom is [File.Remove] with all that is above the instruction from an offset on.
func (f *File) RemoveFrom(in *Instruction, from int) []whittle.Edit {
	edits := f.Remove(in)
	last := edits[len(edits)-1]
	edits = slices.DeleteFunc(edits[:len(edits)-1], func(e whittle.Edit) bool { return e.Span.Start >= from })
	last.Span.Start = min(last.Span.Start, from)
	return append(edits, last)
}

// accepts says whether a line is a comment that accepts findings.
func accepts(line string) bool {
	text, ok := strings.CutPrefix(strings.TrimSpace(line), "#")
	text, says := strings.CutPrefix(strings.TrimSpace(text), "whittle:")
	return ok && says && strings.HasPrefix(strings.TrimSpace(text), "ignore=")
}

// Move puts an instruction, with the comment block directly above it, after
// another one, byte for byte. That may be in another stage. It is refused if
// the instruction would mean something else there (another shell), for FROM,
// SHELL and ONBUILD, and before the first FROM. An instruction that is already
// there gives no edits.
func (f *File) Move(in, after *Instruction) ([]whittle.Edit, error) {
	if err := movable(in, after, after.EndLine); err != nil {
		return nil, err
	}
	start, end := block(f, in), f.nextLine(in.Span.End)
	if start == f.nextLine(after.Span.End) {
		return nil, nil
	}
	text := string(f.Source[start:in.Span.End])
	if at, closed, ok := closed(f, in); ok {
		text = string(f.Source[start:at]) + closed
	}
	edits := []whittle.Edit{vacate(f, start, end, nil), f.insertAfter(after, text)}
	if after.Span.Start < in.Span.Start {
		slices.Reverse(edits)
	}
	now, err := in.edited(edits)
	if err != nil {
		return nil, err
	}
	if !inOrder(now.all(), f.all(), in, after) {
		return nil, in.unsupported("%s would not be the same after line %d", in.Keyword, after.EndLine)
	}
	return edits, nil
}

// movable is an error if an instruction cannot be moved next to another one.
func movable(in *Instruction, to *Instruction, line int) error {
	for _, i := range []*Instruction{in, to} {
		if err := i.editable(); err != nil {
			return err
		}
		if i.Stage < 0 {
			return i.unsupported("%s before the first FROM is not moved", i.Keyword)
		}
	}
	switch {
	case in.Keyword == "FROM" || in.Keyword == "SHELL":
		return in.unsupported("%s is not moved", in.Keyword)
	case !slices.Equal(in.shell, to.shell):
		return in.unsupported("another shell runs after line %d", line)
	case in.Span == to.Span:
		return in.misuse("%s cannot come after itself", in.Keyword)
	}
	return nil
}

// MoveBefore puts an instruction, with the comment block directly above it,
// before another one of its stage that is above it, and that one's
// comments. first, if it is not empty, is a further instruction of one line that
// comes right before the moved one, below its comments. A blank line parts them
// from what follows where one did from what is before. It is refused for what
// [File.Move] refuses.
func (f *File) MoveBefore(in, before *Instruction, first string) ([]whittle.Edit, error) {
	if err := movable(in, before, before.Line-1); err != nil {
		return nil, err
	}
	if before.Keyword == "FROM" || before.Stage != in.Stage || before.Span.Start > in.Span.Start || strings.ContainsAny(first, "\r\n") {
		return nil, in.misuse("%s cannot come before line %d", in.Keyword, before.Line)
	}
	start, end, at := block(f, in), f.nextLine(in.Span.End), block(f, before)
	text := string(f.Source[in.from:in.Span.End])
	if open, closed, ok := closed(f, in); ok {
		text = string(f.Source[in.from:open]) + closed
	}
	if first != "" {
		text = first + f.lineEnd() + text
	}
	text = string(f.Source[start:in.from]) + text + f.lineEnd()
	if above := f.lineStart(at - 1); at > 0 && blank(f.Source[above:at]) {
		text += f.lineEnd()
	}
	edits := []whittle.Edit{{Span: whittle.Span{Start: at, End: at}, New: text}, vacate(f, start, end, nil)}
	now, err := in.edited(edits)
	if err != nil {
		return nil, err
	}
	all, old := now.all(), f.all()
	i := slices.IndexFunc(old, func(o *Instruction) bool { return o.Span == before.Span })
	if first != "" {
		if i >= len(all) || strings.TrimSpace(all[i].line.text) != first {
			return nil, in.unsupported("%.80q does not fit before line %d", first, before.Line)
		}
		all = slices.Delete(all, i, i+1)
	}
	if !inOrder(all, old, in, old[i-1]) {
		return nil, in.unsupported("%s would not be the same before line %d", in.Keyword, before.Line)
	}
	return edits, nil
}

// inOrder says that the instructions are the old ones, with in moved after another.
func inOrder(now, old []*Instruction, in, after *Instruction) bool {
	if len(now) != len(old) {
		return false
	}
	same := func(a, b *Instruction) bool {
		return a.Keyword == b.Keyword && strings.TrimSpace(a.line.text) == strings.TrimSpace(b.line.text) && slices.Equal(a.shell, b.shell)
	}
	i := 0
	for _, o := range old {
		if o.Span == in.Span {
			continue
		}
		if !same(now[i], o) {
			return false
		}
		if i++; o.Span == after.Span {
			if !same(now[i], in) {
				return false
			}
			i++
		}
	}
	return true
}

// vacate removes the lines [start, end), and one blank line where two would
// come together. The kept comments take their place.
func vacate(f *File, start, end int, kept []string) whittle.Edit {
	nl := f.lineEnd()
	if len(kept) > 0 {
		text := strings.Join(kept, nl) + nl
		if start == header(f) && isDirective(kept[0]) {
			text = nl + text // a blank line keeps it from being a directive
		}
		return whittle.Edit{Span: whittle.Span{Start: start, End: end}, New: text}
	}
	src := f.Source
	below := f.nextLine(end)
	if start == header(f) && isDirective(string(src[end:below])) {
		return whittle.Edit{Span: whittle.Span{Start: start, End: end}, New: nl}
	}
	above := f.lineStart(start - 1)
	if start > 0 && blank(src[above:start]) && (end == len(src) || blank(src[end:below])) {
		if end < len(src) {
			end = below
		} else if above > 0 {
			start = above
		}
	}
	return whittle.Edit{Span: whittle.Span{Start: start, End: end}}
}

// comments are all comments of an instruction in the order of the file, the
// shell's where it can be read.
func comments(in *Instruction) []string {
	spans := slices.Clone(in.line.comments)
	run := in
	if in.Trigger != nil {
		run = in.Trigger
	}
	if s, err := run.Shell(); err == nil {
		spans = append(spans, s.Comments...)
	}
	slices.SortFunc(spans, func(a, b whittle.Span) int { return a.Start - b.Start })
	var out []string
	for _, s := range spans {
		if text := strings.TrimSpace(in.line.within(s, in.file.Source)); text != "" {
			out = append(out, text)
		}
	}
	return out
}

// within is the text of a span: without continuations if the span is in the
// logical line, else as it is in the file.
func (l *logical) within(s whittle.Span, src []byte) string {
	from, _ := slices.BinarySearch(l.offs, s.Start)
	to, _ := slices.BinarySearch(l.offs, s.End)
	if from < to && l.offs[from] == s.Start {
		return l.text[from:to]
	}
	return string(src[s.Start:s.End])
}

// closed is the end of an instruction without the escape characters at the end of
// the file, which would continue it with a new line. It starts at the first of them.
func closed(f *File, in *Instruction) (start int, text string, ok bool) {
	if !in.line.open || len(in.Heredocs) > 0 {
		return 0, "", false
	}
	last := len(strings.TrimRight(in.line.text, " \t\r\n\v\f"))
	if last == 0 {
		return 0, "", false
	}
	start = in.line.offs[last-1] + 1
	var b strings.Builder
	for at := start; at < in.Span.End; {
		end := min(f.nextLine(at), in.Span.End)
		line := f.Source[at:end]
		bare := bytes.TrimSpace(line)
		switch {
		case at == start: // blanks and the escape character after the last word
			b.Write(line[len(bytes.TrimRight(line, "\r\n")):])
		case string(bare) != string(f.Escape):
			b.Write(line)
		}
		at = end
	}
	return start, strings.TrimRight(b.String(), "\r\n"), true
}

// block is where an instruction starts, with the comment lines directly above
// it. Parser directives are not comments.
func block(f *File, in *Instruction) int {
	least, at := between(f, in), in.from
	for at > least {
		above := max(f.lineStart(at-1), least)
		if bare := bytes.TrimSpace(f.Source[above:at]); len(bare) == 0 || bare[0] != '#' {
			break
		}
		at = above
	}
	return at
}

// between is where the lines between an instruction and the one before it begin.
func between(f *File, in *Instruction) int {
	least := header(f)
	for _, other := range f.all() {
		if other.Span.End <= in.from {
			least = max(least, f.nextLine(other.Span.End))
		}
	}
	return least
}

// header is where the lines after the byte order mark, the "#!" line and the
// parser directives start.
func header(f *File) int {
	at := 0
	if bytes.HasPrefix(f.Source, bom) {
		at = len(bom)
	}
	for first := true; at < len(f.Source); first = false {
		next := f.nextLine(at)
		line := string(f.Source[at:next])
		if !isDirective(line) && !(first && strings.HasPrefix(line, "#!")) {
			break
		}
		at = next
	}
	return at
}

// isDirective says that a line would be a parser directive at the top of the
// file: https://docs.docker.com/reference/dockerfile/#parser-directives
func isDirective(line string) bool {
	line, ok := strings.CutPrefix(strings.TrimSpace(line), "#")
	name, value, found := strings.Cut(line, "=")
	if !ok || !found || strings.TrimSpace(value) == "" {
		return false
	}
	switch strings.ToLower(strings.TrimSpace(name)) {
	case "syntax", "escape", "check":
		return true
	}
	return false
}

// lineEnd is the line end that the file uses first.
func (f *File) lineEnd() string {
	if i := bytes.IndexByte(f.Source, '\n'); i > 0 && f.Source[i-1] == '\r' {
		return "\r\n"
	}
	return "\n"
}

// lines gives a text the file's line ends.
func (f *File) lines(text string) string {
	return strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "\n", f.lineEnd())
}

// nextLine is where the line after the one at the offset starts.
func (f *File) nextLine(at int) int {
	if i := bytes.IndexByte(f.Source[min(at, len(f.Source)):], '\n'); i >= 0 {
		return at + i + 1
	}
	return len(f.Source)
}

// lineStart is where the line that holds the offset starts.
func (f *File) lineStart(at int) int {
	start := bytes.LastIndexByte(f.Source[:max(at, 0)], '\n') + 1
	if start == 0 && bytes.HasPrefix(f.Source, bom) {
		return len(bom)
	}
	return start
}

func blank(line []byte) bool { return len(bytes.TrimSpace(line)) == 0 }

// editable is an error for what whittle does not edit: triggers, and images
// whose shell is one of Windows.
func (in *Instruction) editable() error {
	switch {
	case in.nested || in.Keyword == "ONBUILD":
		return in.unsupported("a trigger of ONBUILD is not edited")
	case in.file.Escape != '\\':
		return in.unsupported("a file whose escape character is %c is not edited", in.file.Escape)
	case windows(in.shell):
		return in.unsupported("%s is not a shell that whittle edits for", in.shell[0])
	}
	return nil
}

// windows says that a SHELL is one of Windows.
func windows(shell []string) bool {
	if len(shell) == 0 {
		return false
	}
	name := strings.ToLower(path.Base(strings.ReplaceAll(shell[0], `\`, "/")))
	switch strings.TrimSuffix(name, ".exe") {
	case "powershell", "pwsh", "cmd":
		return true
	}
	return false
}

// misuse is the error for a call that no Dockerfile could satisfy.
func (in *Instruction) misuse(format string, args ...any) error {
	return whittle.ErrUsage.Errorf("%s:%d: %s", in.file.Name, in.Line, fmt.Sprintf(format, args...))
}

// edited is the file with the edits.
func (in *Instruction) edited(edits []whittle.Edit) (*File, error) {
	after, err := in.file.apply(edits)
	if err != nil {
		return nil, in.unsupported("%s cannot be edited: %v", in.Keyword, err)
	}
	return after, nil
}

// with is the instruction with its own edits, which make no others.
func (in *Instruction) with(edits []whittle.Edit) (*Instruction, error) {
	after, err := in.edited(edits)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(in.file.all(), func(o *Instruction) bool { return o.Span == in.Span })
	all := after.all()
	if i < 0 || len(all) != len(in.file.all()) {
		return nil, in.unsupported("%s would be more than one instruction", in.Keyword)
	}
	return all[i], nil
}
