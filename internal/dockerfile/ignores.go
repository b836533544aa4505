package dockerfile

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"whittle.dev/whittle"
)

// Ignore is a comment that accepts findings at an instruction:
//
//	# whittle: ignore=RULE[,RULE] until=2027-03-01 reason="…"
//
// It is above the instruction, or between its continued lines.
type Ignore struct {
	Rules  []string
	Reason string
	// Until is as it is written; empty is for ever.
	Until string
	// Line is the comment's, counted from 1; the instruction has the lines From to To.
	Line     int
	From, To int
}

// ignoreKeys are what an ignore comment says.
var ignoreKeys = []string{"ignore", "until", "reason"}

// Ignores are the comments of the file that accept findings, in the order of its lines.
// Errors are [*ParseError]: a comment without a reason or a rule, of a form that is
// unknown, or below the last instruction.
func (f *File) Ignores() ([]Ignore, error) {
	if !bytes.Contains(f.Source, []byte("whittle:")) {
		return nil, nil
	}
	var out []Ignore
	lines := splitLines(f.Source)
	all := f.all()
	taken := make([]bool, len(lines)+1) // lines of instructions, by their numbers
	for _, in := range all {
		for n := in.Line; n <= in.EndLine && n < len(taken); n++ {
			taken[n] = true
		}
		for _, span := range in.ownComments() {
			i, ok, err := f.ignore(span, lineOf(lines, span.Start), in)
			if err != nil {
				return nil, err
			}
			if ok {
				out = append(out, i)
			}
		}
	}
	for at := header(f); at < len(f.Source); at = f.nextLine(at) {
		n := lineOf(lines, at)
		text := bytes.TrimSpace(f.Source[at:f.nextLine(at)])
		if n < len(taken) && taken[n] || len(text) == 0 || text[0] != '#' {
			continue
		}
		below := slices.IndexFunc(all, func(in *Instruction) bool { return in.Line > n })
		var in *Instruction
		if below >= 0 {
			in = all[below]
		}
		i, ok, err := f.ignore(whittle.Span{Start: at, End: f.nextLine(at)}, n, in)
		if err != nil {
			return nil, err
		}
		if ok {
			out = append(out, i)
		}
	}
	slices.SortStableFunc(out, func(a, b Ignore) int { return a.Line - b.Line })
	return out, nil
}

// ownComments are the comments between the lines of an instruction, those of a script
// in a heredoc among them.
func (in *Instruction) ownComments() []whittle.Span {
	out := in.Comments
	if in.Keyword == "RUN" && len(in.Heredocs) > 0 {
		if s, err := in.Shell(); err == nil {
			out = slices.Concat(out, s.Comments)
		}
	}
	return out
}

// ignore reads one comment; ok is false for those that say nothing to whittle.
func (f *File) ignore(span whittle.Span, line int, in *Instruction) (i Ignore, ok bool, err error) {
	text := strings.TrimSpace(string(f.Source[span.Start:span.End]))
	text, ok = strings.CutPrefix(strings.TrimSpace(strings.TrimPrefix(text, "#")), "whittle:")
	text = strings.TrimSpace(text)
	if first, _, assigns := strings.Cut(strings.SplitN(text, " ", 2)[0], "="); !ok || !assigns && first != "ignore" {
		return i, false, nil // it is prose
	}
	fail := func(hint, format string, args ...any) (Ignore, bool, error) {
		err := error(&ParseError{File: f.Name, Line: line, Text: fmt.Sprintf(format, args...)})
		return i, false, whittle.WithHint(err, hint)
	}
	const form = `write # whittle: ignore=RULE reason="why it is accepted"`
	i.Line = line
	words, err := assignments(text)
	if err != nil {
		return fail(form, "the comment for whittle cannot be read: %v", err)
	}
	seen := map[string]bool{}
	for _, w := range words {
		switch {
		case !slices.Contains(ignoreKeys, w[0]):
			return fail(whittle.DidYouMean(w[0], ignoreKeys, form), "the comment for whittle has no %.40q", w[0])
		case seen[w[0]]:
			return fail(form, "the comment for whittle has %s= twice", w[0])
		case w[0] == "ignore":
			for rule := range strings.SplitSeq(w[1], ",") {
				if rule = strings.TrimSpace(rule); rule == "" {
					return fail(form, "the comment for whittle names no rule")
				}
				i.Rules = append(i.Rules, rule)
			}
		case w[0] == "until":
			i.Until = w[1]
		default:
			i.Reason = strings.TrimSpace(w[1])
		}
		seen[w[0]] = true
	}
	switch {
	case len(i.Rules) == 0:
		return fail(form, "the comment for whittle names no rule")
	case i.Reason == "":
		return fail(`add reason="why it is accepted"`, "ignoring %s has no reason", strings.Join(i.Rules, ", "))
	case in == nil:
		return fail("put it above an instruction", "ignoring %s is about no instruction: there is none below it", strings.Join(i.Rules, ", "))
	}
	i.From, i.To = in.Line, in.EndLine
	return i, true, nil
}

// assignments are the words NAME=VALUE of a comment. A value with blanks is in quotes,
// " or ', of the same kind at both ends.
func assignments(text string) (out [][2]string, err error) {
	for text = strings.TrimSpace(text); text != ""; text = strings.TrimSpace(text) {
		name, rest, ok := strings.Cut(text, "=")
		if !ok || strings.ContainsAny(name, " \t\"'") {
			return nil, fmt.Errorf("%.60q is not NAME=VALUE, and a value with blanks is in quotes", strings.Fields(text)[0])
		}
		value := ""
		if quote, size := quoteOf(rest); quote != "" {
			if value, text, ok = strings.Cut(rest[size:], quote); !ok {
				return nil, fmt.Errorf("the quote behind %s= has no end", name)
			}
			if text != "" && !isSpace(text[0]) {
				return nil, fmt.Errorf("there is no blank behind the value of %s", name)
			}
		} else if end := strings.IndexAny(rest, " \t"); end >= 0 {
			value, text = rest[:end], rest[end:]
		} else {
			value, text = rest, ""
		}
		out = append(out, [2]string{name, value})
	}
	return out, nil
}

// quoteOf is the quote that ends a text which begins with one, and how long that one
// is. Editors make curly ones.
func quoteOf(text string) (end string, size int) {
	for _, q := range [][2]string{{`"`, `"`}, {"'", "'"}, {"“", "”"}, {"„", "“"}, {"‘", "’"}} {
		if strings.HasPrefix(text, q[0]) {
			return q[1], len(q[0])
		}
	}
	return "", 0
}
