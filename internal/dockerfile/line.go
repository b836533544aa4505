package dockerfile

import (
	"bytes"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"whittle.dev/whittle"

	"github.com/moby/buildkit/frontend/dockerfile/parser"
)

// logical is one instruction's logical line as BuildKit's parser joins it: without
// comments, continuations and line ends. offs has the file's offset of each byte of
// text.
type logical struct {
	text     string
	offs     []int
	comments []whittle.Span // comment lines between the continued ones
	open     bool           // the file ends where a continuation was to come
}

// span is the file's range of text[a:b]; an empty one is before byte a.
func (l *logical) span(a, b int) whittle.Span {
	switch {
	case b > a:
		return whittle.Span{Start: l.offs[a], End: l.offs[b-1] + 1}
	case a < len(l.offs):
		return whittle.Span{Start: l.offs[a], End: l.offs[a]}
	case len(l.offs) > 0:
		end := l.offs[len(l.offs)-1] + 1
		return whittle.Span{Start: end, End: end}
	}
	return whittle.Span{}
}

// splitLines returns where each line starts, and at last the end of the file.
func splitLines(src []byte) []int {
	starts := []int{0}
	for i, c := range src {
		if c == '\n' && i+1 < len(src) {
			starts = append(starts, i+1)
		}
	}
	return append(starts, len(src))
}

// readLogical puts together the logical line that starts at the given line
// (from 0), and returns the line after it. The rules are those of BuildKit's
// parser: https://docs.docker.com/reference/dockerfile/#format
func readLogical(src []byte, lines []int, at int, escape byte) (l logical, next int) {
	var text []byte
	for first := true; at < len(lines)-1; first = false {
		start := lines[at]
		line := bytes.TrimRight(src[start:lines[at+1]], "\r\n")
		at++
		if start == 0 && bytes.HasPrefix(line, bom) {
			start, line = len(bom), line[len(bom):]
		}
		bare := bytes.TrimLeftFunc(line, unicode.IsSpace)
		if !first && (len(bare) == 0 || bare[0] == '#') {
			if end := start + len(line); len(bare) > 0 {
				l.comments = append(l.comments, whittle.Span{Start: end - len(bare), End: end})
			}
			continue
		}
		if first {
			start += len(line) - len(bare)
			line = bare
		}
		line, l.open = cutContinuation(line, escape)
		text = append(text, line...)
		for i := range line {
			l.offs = append(l.offs, start+i)
		}
		if !l.open {
			break
		}
	}
	l.text = string(text)
	return l, at
}

var bom = []byte("\xef\xbb\xbf")

// cutContinuation cuts an escape character that ends the line, and the blanks
// after it, unless another escape character comes before it.
func cutContinuation(line []byte, escape byte) ([]byte, bool) {
	t := bytes.TrimRight(line, " \t")
	if n := len(t); n > 0 && t[n-1] == escape && (n == 1 || t[n-2] != escape) {
		return t[:n-1], true
	}
	return line, false
}

// refuse refuses input for which BuildKit's parser takes more than linear time:
// ONBUILD within ONBUILD and nested substitutions beside a heredoc are read once
// for each level. It looks at every line that could
// start an instruction and at every run of continued lines, whatever the
// escape character and the heredocs turn out to be.
func (f *File) refuse(lines []int) error {
	const substitutions = 2000
	var heredoc, more bool
	deep := f.onbuilds()
	var count int
	for at := 0; at < len(lines)-1; at++ {
		line := f.Source[lines[at]:lines[at+1]]
		bare := bytes.TrimSpace(line)
		if more && (len(bare) == 0 || bare[0] == '#') {
			continue
		}
		if !more {
			heredoc, count = false, 0
		}
		heredoc = heredoc || bytes.Contains(line, []byte("<<"))
		count += bytes.Count(line, []byte("${"))
		more = len(bare) > 0 && (bare[len(bare)-1] == '\\' || bare[len(bare)-1] == '`')
		if heredoc && count > substitutions || deep >= 0 && deep < lines[at+1] {
			return &ParseError{File: f.Name, Line: at + 1, Text: "the instruction is nested too deeply", Over: true}
		}
	}
	return nil
}

// onbuilds is where a line starts from which ONBUILD follows ONBUILD too often,
// over continuations; -1 where none does. It reads each byte once: a chain that
// starts within another one is shorter.
func (f *File) onbuilds() int {
	const keyword, most = "ONBUILD", 100
	rest := f.Source
	for len(rest) > 0 {
		start := len(f.Source) - len(rest)
		for n := 0; ; n++ {
			if n >= most {
				return start
			}
			rest = bytes.TrimLeft(rest, "\\`\xef\xbb\xbf \t\v\f\r\n\u0085\u00a0")
			if len(rest) < len(keyword) || !strings.EqualFold(string(rest[:len(keyword)]), keyword) {
				break
			}
			rest = rest[len(keyword):]
		}
		end := bytes.IndexByte(rest, '\n')
		if end < 0 {
			break
		}
		rest = rest[end+1:]
	}
	return -1
}

// locate finds the places of a node's parts.
func (f *File) locate(n *parser.Node, lines []int) (Instruction, error) {
	l, next := readLogical(f.Source, lines, n.StartLine-1, byte(f.Escape))
	if l.text != n.Original || len(l.offs) == 0 {
		return Instruction{}, &ParseError{File: f.Name, Line: n.StartLine,
			Text: fmt.Sprintf("cannot place the instruction %.40q in the file", n.Original)}
	}
	in := f.dissect(n, l, 0)
	in.from = lines[n.StartLine-1]
	if in.from == 0 && bytes.HasPrefix(f.Source, bom) {
		in.from = len(bom)
	}
	in.Comments = inside(in.Span, l.comments)
	docs := placeOf(&in, n.Heredocs, lines, next)
	if in.Trigger != nil {
		in.Trigger.Heredocs = docs
	} else {
		in.Heredocs = docs
	}
	in.EndLine = n.EndLine
	in.Span.End = trimLineEnd(f.Source, lines[n.EndLine-1], lines[n.EndLine])
	in.Line = lineOf(lines, in.Span.Start)
	if t := in.Trigger; t != nil {
		t.from, t.nested = in.from, true
		t.Comments = inside(t.Span, l.comments)
		t.Span.End, t.EndLine, t.Line = in.Span.End, in.EndLine, lineOf(lines, t.Span.Start)
	}
	return in, nil
}

// inside skips the comments before the keyword: a lone escape
// character may start the logical line some lines above it.
func inside(span whittle.Span, comments []whittle.Span) []whittle.Span {
	for len(comments) > 0 && comments[0].Start < span.Start {
		comments = comments[1:]
	}
	return comments
}

// dissect splits the instruction that starts at byte from of the line.
func (f *File) dissect(n *parser.Node, l logical, from int) Instruction {
	from += len(l.text[from:]) - len(strings.TrimLeftFunc(l.text[from:], unicode.IsSpace))
	end := len(strings.TrimRightFunc(l.text, unicode.IsSpace))
	in := Instruction{Keyword: strings.ToUpper(n.Value), file: f, line: l, Stage: -1}
	if from < len(l.offs) {
		in.Span.Start = l.offs[from]
	}
	at := min(from+len(n.Value), end)
	flags, at := flagWords(l.text[:end], at, f.Escape)
	for i, w := range flags {
		if i >= len(n.Flags) {
			break
		}
		name, value, _ := strings.Cut(n.Flags[i], "=")
		in.Flags = append(in.Flags, Flag{Name: strings.TrimPrefix(name, "--"), Value: value, Span: l.span(w[0], w[1])})
	}
	at += len(l.text[at:end]) - len(strings.TrimLeftFunc(l.text[at:end], unicode.IsSpace))
	in.args = [2]int{at, end}
	in.JSON = n.Attributes["json"]
	if in.Keyword == "ONBUILD" && n.Next != nil && len(n.Next.Children) == 1 {
		t := f.dissect(n.Next.Children[0], l, at)
		in.Trigger = &t
		return in
	}
	for _, w := range in.words() {
		in.Args = append(in.Args, Arg{Value: l.text[w[0]:w[1]], Span: l.span(w[0], w[1])})
	}
	if in.JSON {
		jsonValues(&in, n)
	}
	return in
}

// jsonValues replaces the JSON literals of the arguments by their values.
func jsonValues(in *Instruction, n *parser.Node) {
	next := n.Next
	for i := range in.Args {
		if next == nil {
			break
		}
		in.Args[i].Value = next.Value
		next = next.Next
	}
}

// placeOf finds the heredocs' bodies, which follow the logical line in order.
func placeOf(in *Instruction, docs []parser.Heredoc, lines []int, at int) []Heredoc {
	var out []Heredoc
	for _, d := range docs {
		h := Heredoc{Name: d.Name, Expand: d.Expand, Chomp: d.Chomp}
		h.Body.Start = lines[at]
		h.Body.End = h.Body.Start + len(d.Content)
		for lines[at] < h.Body.End {
			at++
		}
		h.Terminator.End = trimLineEnd(in.file.Source, lines[at], lines[at+1])
		h.Terminator.Start = h.Terminator.End - len(d.Name)
		at++
		out = append(out, h)
	}
	return out
}

// trimLineEnd is where the line [start, end) ends without its line end.
func trimLineEnd(src []byte, start, end int) int {
	return start + len(bytes.TrimRight(src[start:end], "\r\n"))
}

// lineOf is the number, from 1, of the line that holds the offset.
func lineOf(lines []int, offset int) int {
	lo, hi := 0, len(lines)-1
	for lo+1 < hi {
		if mid := (lo + hi) / 2; lines[mid] <= offset {
			lo = mid
		} else {
			hi = mid
		}
	}
	return lo + 1
}

// flagWords finds the words that start with "--" at the beginning of the
// arguments, and where the rest starts.
func flagWords(text string, at int, escape rune) (words [][2]int, rest int) {
	for {
		for at < len(text) && isSpace(text[at]) {
			at++
		}
		if !strings.HasPrefix(text[at:], "--") {
			return words, at
		}
		start, plain, quote := at, 0, byte(0)
		for ; at < len(text); at++ {
			c := text[at]
			if quote == 0 && isSpace(c) {
				break
			}
			switch {
			case quote == 0 && (c == '\'' || c == '"'):
				quote = c
			case quote != 0 && c == quote:
				quote = 0
			case rune(c) == escape:
				at++
				plain++
			default:
				plain++
			}
		}
		at = min(at, len(text))
		if plain == len("--") {
			return words, at
		}
		words = append(words, [2]int{start, at})
	}
}

// isSpace is unicode.IsSpace of a byte taken as a rune, as BuildKit does it.
func isSpace(c byte) bool { return unicode.IsSpace(rune(c)) }

// words finds the arguments in the line.
func (in *Instruction) words() [][2]int {
	at, end := in.args[0], in.args[1]
	if at >= end {
		return nil
	}
	switch in.Keyword {
	case "HEALTHCHECK":
		sep := at
		for sep < end && !isSpace(in.line.text[sep]) {
			sep++
		}
		words := [][2]int{{at, sep}}
		for sep < end && isSpace(in.line.text[sep]) {
			sep++
		}
		if in.JSON {
			return append(words, jsonStrings(in.line.text, sep, end)...)
		}
		if sep < end {
			words = append(words, [2]int{sep, end})
		}
		return words
	case "ENV", "LABEL":
		words := shellWords(in.line.text, at, end, in.file.Escape)
		if len(words) > 0 && !strings.Contains(in.line.text[words[0][0]:words[0][1]], "=") {
			return blankWords(in.line.text, at, end, 2)
		}
		return words
	case "ARG":
		return shellWords(in.line.text, at, end, in.file.Escape)
	}
	if in.JSON {
		return jsonStrings(in.line.text, at, end)
	}
	switch in.Keyword {
	case "ADD", "COPY", "EXPOSE", "FROM", "VOLUME":
		return blankWords(in.line.text, at, end, -1)
	}
	return [][2]int{{at, end}}
}

// jsonStrings finds the strings of a JSON array that is known to hold strings
// only.
func jsonStrings(text string, at, end int) (words [][2]int) {
	for ; at < end; at++ {
		if text[at] != '"' {
			continue
		}
		start := at
		for at++; at < end && text[at] != '"'; at++ {
			if text[at] == '\\' {
				at++
			}
		}
		words = append(words, [2]int{start, min(at+1, end)})
	}
	return words
}

// blankWords splits at blanks, into at most n words.
func blankWords(text string, at, end, n int) (words [][2]int) {
	const blanks = "\t\v\f\r "
	for at < end {
		stop := at
		for stop < end && strings.IndexByte(blanks, text[stop]) < 0 {
			stop++
		}
		if len(words)+1 == n {
			stop = end
		}
		words = append(words, [2]int{at, stop})
		for at = stop; at < end && strings.IndexByte(blanks, text[at]) >= 0; {
			at++
		}
	}
	return words
}

// shellWords splits at spaces outside quotes, as ENV, LABEL and ARG do.
func shellWords(text string, at, end int, escape rune) (words [][2]int) {
	start, quote := -1, rune(0)
	for at < end {
		ch, width := utf8.DecodeRuneInString(text[at:end])
		if start < 0 {
			if unicode.IsSpace(ch) {
				at += width
				continue
			}
			start = at
		}
		switch {
		case quote == 0 && unicode.IsSpace(ch):
			words = append(words, [2]int{start, at})
			start = -1
		case quote == 0 && (ch == '\'' || ch == '"'):
			quote = ch
		case ch == quote:
			quote = 0
		case ch == escape && quote != '\'' && at+width < end:
			at += width
			_, width = utf8.DecodeRuneInString(text[at:end])
		}
		at += width
	}
	if start >= 0 {
		words = append(words, [2]int{start, end})
	}
	return words
}
