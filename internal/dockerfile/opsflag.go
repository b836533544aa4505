package dockerfile

import (
	"slices"
	"strings"

	"whittle.dev/whittle"
)

// SetFlag adds a flag to ADD, COPY, FROM, HEALTHCHECK or RUN, or replaces its
// value; an empty value writes the name alone. Of flags that may be given several
// times it adds another one, as [Instruction.AddFlag] does. A flag that is
// there already gives no edits. Values with blanks or quotes are refused.
func (in *Instruction) SetFlag(name, value string) ([]whittle.Edit, error) {
	if repeatable(name) {
		return in.AddFlag(name, value)
	}
	text, err := flagText(in, name, value)
	if err != nil {
		return nil, err
	}
	for i, f := range in.Flags {
		if f.Name != name {
			continue
		}
		if f.Value == value {
			return nil, nil
		}
		want := slices.Clone(in.Flags)
		want[i].Value = value
		return flagged(in, []whittle.Edit{{Span: f.Span, New: in.keeping(f.Span) + text}}, want)
	}
	return in.addFlag(name, value, text)
}

// flagged gives the edits if the instruction then has the wanted flags and the
// same arguments: a quote that does not end takes in more than it should.
func flagged(in *Instruction, edits []whittle.Edit, want []Flag) ([]whittle.Edit, error) {
	now, err := in.with(edits)
	if err != nil {
		return nil, err
	}
	sameFlag := func(a, b Flag) bool { return a.Name == b.Name && a.Value == b.Value }
	sameArg := func(a, b Arg) bool { return a.Value == b.Value }
	if !slices.EqualFunc(now.Flags, want, sameFlag) || !slices.EqualFunc(now.Args, in.Args, sameArg) {
		return nil, in.unsupported("%s would not have the flags that it should", in.Keyword)
	}
	return edits, nil
}

// AddFlag adds a flag that may be given several times: --mount, --exclude,
// --device. One with the same value gives no edits.
func (in *Instruction) AddFlag(name, value string) ([]whittle.Edit, error) {
	text, err := flagText(in, name, value)
	if err != nil {
		return nil, err
	}
	if !repeatable(name) && len(in.Flag(name)) > 0 {
		return nil, in.unsupported("%s takes --%s only once", in.Keyword, name)
	}
	if slices.Contains(in.Flag(name), value) {
		return nil, nil
	}
	return in.addFlag(name, value, text)
}

func repeatable(name string) bool {
	switch name {
	case "mount", "exclude", "device":
		return true
	}
	return false
}

// flagText is a flag as it is written.
func flagText(in *Instruction, name, value string) (string, error) {
	if err := in.editable(); err != nil {
		return "", err
	}
	switch in.Keyword {
	case "ADD", "COPY", "FROM", "HEALTHCHECK", "RUN":
	default:
		return "", in.unsupported("%s takes no flags", in.Keyword)
	}
	if strings.Trim(name, "abcdefghijklmnopqrstuvwxyz-") != "" || strings.Trim(name, "-") != name || name == "" {
		return "", in.misuse("%.80q is no name of a flag", name)
	}
	if strings.ContainsAny(value, " \t\r\n\v\f\u0085\u00a0'\"\\") || strings.Contains(value, "<<") {
		return "", in.unsupported("the value %.80q of --%s would need quotes", value, name)
	}
	if value == "" {
		return "--" + name, nil
	}
	return "--" + name + "=" + value, nil
}

// addFlag puts a flag after the others, on a separate line where the one
// before it ends its line.
func (in *Instruction) addFlag(name, value, text string) ([]whittle.Edit, error) {
	at := keywordEnd(in)
	lead := " "
	if n := len(in.Flags); n > 0 {
		last := in.Flags[n-1].Span
		at = last.End
		if indent, ok := in.ownLine(last); ok {
			lead = ` \` + in.file.lineEnd() + indent
		}
	}
	want := append(slices.Clone(in.Flags), Flag{Name: name, Value: value})
	return flagged(in, []whittle.Edit{{Span: whittle.Span{Start: at, End: at}, New: lead + text}}, want)
}

// keywordEnd is the offset after the keyword.
func keywordEnd(in *Instruction) int {
	i, _ := slices.BinarySearch(in.line.offs, in.Span.Start)
	return in.line.offs[i+len(in.Keyword)-1] + 1
}

// ownLine says that only a continuation follows s on its line, and how a
// line of the same kind is indented.
func (in *Instruction) ownLine(s whittle.Span) (indent string, ok bool) {
	src := in.file.Source
	rest := src[s.End:in.file.nextLine(s.End)]
	if string(trimmed(rest)) != string(in.file.Escape) {
		return "", false
	}
	start := in.file.lineStart(s.Start)
	if blank(src[start:s.Start]) {
		return string(src[start:s.Start]), true
	}
	i, _ := slices.BinarySearch(in.line.offs, s.End)
	for ; i < len(in.line.offs); i++ {
		if !isSpace(in.line.text[i]) {
			break
		}
	}
	if i == len(in.line.offs) {
		return "", false
	}
	at := in.line.offs[i]
	start = in.file.lineStart(at)
	if start <= s.End || !blank(src[start:at]) {
		return "", false
	}
	return string(src[start:at]), true
}

// keeping are the comment lines within a span, to be put before what replaces
// it: a line that is continued may be followed by comments.
func (in *Instruction) keeping(s whittle.Span) string {
	comments := in.commentLines(s)
	if len(comments) == 0 {
		return ""
	}
	nl := in.file.lineEnd()
	return `\` + nl + strings.Join(comments, nl) + nl
}

// commentLines are the comment lines within a span, with their indentation.
func (in *Instruction) commentLines(s whittle.Span) []string {
	var out []string
	for _, c := range in.line.comments {
		if c.Start >= s.Start && c.End <= s.End {
			out = append(out, string(in.file.Source[in.file.lineStart(c.Start):c.End]))
		}
	}
	return out
}

// ReplaceWord puts a text in the place of a word of the instruction's shell,
// as it is: [shell.Quote] makes one of a value. Comments within the word stay before
// it.
func (in *Instruction) ReplaceWord(w Word, text string) whittle.Edit {
	return whittle.Edit{Span: w.Span, New: in.keeping(w.Span) + text}
}

// ReplaceArg puts a text in the place of Args[i], as it is: with its quotes,
// and those of JSON. Comments within the argument stay before it.
func (in *Instruction) ReplaceArg(i int, text string) whittle.Edit {
	s := in.Args[i].Span
	return whittle.Edit{Span: s, New: in.keeping(s) + text}
}
