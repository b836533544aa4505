package view

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"whittle.dev/whittle"
)

// Query is a filter as people type it: terms that all have to hold.
//
//	query  = { term }
//	term   = [ "-" ] ( word | field ":" value { "," value } )
//	field  = "path" "size" "pkg" "cat" "ext" "wasted" "line" "layer" "base" "rule"
//
// A word is a part of the path, in either case. Of several values one has to
// hold; "-" negates the term. Quotes take what has spaces or commas, or begins
// with "-". Sizes, lines and layers are numbers, ranges ("2..5") or bounds
// (">1MB", "<=10kB").
type Query struct{ Terms []Term }

// Term is one term of a query.
type Term struct {
	Not bool
	// Field is empty where it is a word.
	Field  string
	Values []Value
}

// Value is a text, or a range from Low to High, both included.
type Value struct {
	// Text is a word, a name or a pattern; for a line it is the name of the file
	// where the query says it.
	Text      string
	Low, High int64
}

// Field describes a field of the grammar.
type Field struct {
	Name, Example, Text string
	parse               func(value string) (Value, string, string) // or what is wrong, and a hint
}

// Fields are the fields of the grammar.
func Fields() []Field {
	return []Field{
		{"path", "path:/usr/share", "a file, or all in a folder; * and ? match any characters, and without / at its start any part of a path", parseText},
		{"size", "size:>1MB", "the size: >1MB, <=10kB, 1MB..5MB", parseSize},
		{"pkg", "pkg:pandas", "what the package owns; * matches any characters", parseText},
		{"cat", "cat:tests", "a category, or a part of its name", parseText},
		{"ext", "ext:.so", "the file name's extension", parseExtension},
		{"wasted", "wasted:yes", "yes, no, or why: deleted, replaced, metadata, identical", parseWasted},
		{"line", "line:27", "the Dockerfile's lines: 27, 20..30, Dockerfile.dev:27", parseLine},
		{"layer", "layer:3", "the layer, from 0: 3, 2..5, >4", parseNumber},
		{"base", "base:no", "yes or no: the layers of the base image", oneOf("base", "yes", "no")},
		{"rule", "rule:pip-cache", "what a finding of the rule would remove", parseText},
	}
}

func fieldNamed(name string) (Field, bool) {
	for _, f := range Fields() {
		if f.Name == name {
			return f, true
		}
	}
	return Field{}, false
}

// QueryError says what is wrong where in a query.
type QueryError struct {
	// Text is the part of the query, and Start its offset in bytes.
	Text  string
	Start int
	// Problem is what is wrong, Instead what to write.
	Problem, Instead string
}

// Error says what is wrong where.
func (e *QueryError) Error() string {
	return fmt.Sprintf("filter, character %d, %q: %s", e.Start+1, whittle.Shorten(whittle.Printable(e.Text), 40), e.Problem)
}

// Hint says what to write instead.
func (e *QueryError) Hint() string { return e.Instead }

// Unwrap makes it an [whittle.ErrUsage].
func (e *QueryError) Unwrap() error { return whittle.ErrUsage }

// maxQuery is the length in bytes of the longest query.
const maxQuery = 4096

// ParseQuery reads a query. Its error is a [QueryError].
func ParseQuery(text string) (Query, error) {
	var q Query
	if len(text) > maxQuery {
		return q, &QueryError{text[:20], 0, fmt.Sprintf("a filter has at most %s bytes", whittle.Thousands(maxQuery)), "write a shorter one"}
	}
	s := scanner{text: text}
	for {
		s.space()
		if s.at == len(text) {
			return q, nil
		}
		t, err := s.term()
		if err != nil {
			return Query{}, err
		}
		q.Terms = append(q.Terms, t)
	}
}

// scanner reads a query.
type scanner struct {
	text string
	at   int
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }

func (s *scanner) space() {
	for s.at < len(s.text) && isSpace(s.text[s.at]) {
		s.at++
	}
}

func (s *scanner) fail(start int, problem, hint string) error {
	return &QueryError{s.text[start:s.at], start, problem, hint}
}

// term reads one term.
func (s *scanner) term() (Term, error) {
	start, t := s.at, Term{}
	if s.text[s.at] == '-' {
		t.Not = true
		s.at++
	}
	name, ok, err := s.field(start)
	if err != nil {
		return t, err
	}
	if !ok {
		word, err := s.value(" \t\r\n")
		if err == nil && word == "" {
			err = s.fail(start, "there is nothing to look for", `a word is wanted, or a field such as size:>1MB`)
		}
		t.Values = []Value{{Text: word}}
		return t, err
	}
	t.Field = name
	field, _ := fieldNamed(name)
	for {
		from := s.at
		text, err := s.value(", \t\r\n")
		if err != nil {
			return t, err
		}
		v, problem, hint := Value{}, "the value is missing", "write it as in "+field.Example
		if text != "" {
			v, problem, hint = field.parse(text)
		}
		if problem != "" {
			if s.at == from {
				from = start
			}
			return t, s.fail(from, problem, hint)
		}
		t.Values = append(t.Values, v)
		if s.at == len(s.text) || s.text[s.at] != ',' {
			return t, nil
		}
		s.at++
	}
}

// field reads the name of a field and its colon, if there is one.
func (s *scanner) field(start int) (string, bool, error) {
	end := s.at
	for end < len(s.text) && isLetter(s.text[end]) {
		end++
	}
	if end == s.at || end == len(s.text) || s.text[end] != ':' {
		return "", false, nil
	}
	name := strings.ToLower(s.text[s.at:end])
	from := s.at
	s.at = end + 1
	if _, ok := fieldNamed(name); ok {
		return name, true, nil
	}
	var names []string
	for _, f := range Fields() {
		names = append(names, f.Name)
	}
	known := "the fields are " + strings.Join(names, ", ") + "; a word with a colon goes into quotes"
	if other, ok := others[name]; ok {
		known = fmt.Sprintf("did you mean %q?", other)
	}
	s.at = end
	if start < from {
		from = start
	}
	return "", false, s.fail(from, fmt.Sprintf("there is no field %q", whittle.Shorten(name, 20)), whittle.DidYouMean(name, names, known))
}

// others are words that people try for a field.
var others = map[string]string{"package": "pkg", "packages": "pkg", "category": "cat", "extension": "ext", "type": "ext", "file": "path", "dir": "path", "directory": "path", "folder": "path",
	"name": "path", "bytes": "size", "dead": "wasted", "hidden": "wasted", "instruction": "line", "dockerfile": "line", "finding": "rule"}

func isLetter(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }

// value reads up to a character that ends it, without its quotes.
func (s *scanner) value(ends string) (string, error) {
	var b strings.Builder
	for s.at < len(s.text) && strings.IndexByte(ends, s.text[s.at]) < 0 {
		if s.text[s.at] != '"' {
			b.WriteByte(s.text[s.at])
			s.at++
			continue
		}
		start := s.at
		for s.at++; s.at < len(s.text) && s.text[s.at] != '"'; s.at++ {
			if s.text[s.at] == '\\' && s.at+1 < len(s.text) && strings.IndexByte(`"\`, s.text[s.at+1]) >= 0 {
				s.at++
			}
			b.WriteByte(s.text[s.at])
		}
		if s.at == len(s.text) {
			return "", s.fail(start, "the quote is not closed", `write " at its end`)
		}
		s.at++
	}
	return b.String(), nil
}

func parseText(v string) (Value, string, string) { return Value{Text: v}, "", "" }

func parseExtension(v string) (Value, string, string) {
	v = strings.ToLower(v)
	if v != none && v != "none" {
		return Value{Text: "." + strings.TrimPrefix(v, ".")}, "", ""
	}
	return Value{Text: none}, "", ""
}

// none is the extension of files that have none.
const none = "(none)"

func oneOf(field string, words ...string) func(string) (Value, string, string) {
	return func(v string) (Value, string, string) {
		if v = strings.ToLower(v); slices.Contains(words, v) {
			return Value{Text: v}, "", ""
		}
		all := field + " is " + strings.Join(words, ", ")
		return Value{}, fmt.Sprintf("%s is not %q", field, whittle.Shorten(whittle.Printable(v), 20)), whittle.DidYouMean(v, words, all)
	}
}

func parseWasted(v string) (Value, string, string) {
	return oneOf("wasted", "yes", "no", whittle.Deleted.String(), whittle.Replaced.String(), whittle.Metadata.String(), whittle.Identical.String())(v)
}

func parseSize(v string) (Value, string, string) {
	return parseRange(v, "a size", "write it as in size:>1MB or size:10kB..1MB", func(s string) (int64, bool) {
		if n, err := strconv.ParseInt(s, 10, 64); err == nil {
			return n, n >= 0
		}
		n, err := whittle.ParseBytes(s)
		return n, err == nil
	})
}

func number(s string) (int64, bool) {
	n, err := strconv.ParseInt(s, 10, 64)
	return n, err == nil && n >= 0 && s[0] != '+'
}

func parseNumber(v string) (Value, string, string) {
	return parseRange(v, "a number", "write it as in layer:3, layer:2..5 or layer:>4", number)
}

func parseLine(v string) (Value, string, string) {
	file := ""
	if i := strings.LastIndexByte(v, ':'); i >= 0 {
		file, v = v[:i], v[i+1:]
	}
	out, problem, hint := parseRange(v, "a line", "write it as in line:27, line:20..30 or line:Dockerfile.dev:27", number)
	out.Text = file
	return out, problem, hint
}

// parseRange reads a number, a range or a bound.
func parseRange(v, what, hint string, parse func(string) (int64, bool)) (Value, string, string) {
	bad := func(s string) (Value, string, string) {
		return Value{}, fmt.Sprintf("%q is not %s", whittle.Shorten(whittle.Printable(s), 20), what), hint
	}
	out := Value{High: math.MaxInt64}
	if low, high, ok := strings.Cut(v, ".."); ok {
		if out.Low, ok = parse(low); !ok {
			return bad(low)
		}
		if out.High, ok = parse(high); !ok {
			return bad(high)
		}
	} else {
		rest := strings.TrimLeft(v, "<>=")
		n, ok := parse(rest)
		if !ok {
			return bad(rest)
		}
		switch v[:len(v)-len(rest)] {
		case "", "=":
			out.Low, out.High = n, n
		case ">=":
			out.Low = n
		case "<=":
			out.High = n
		case ">":
			out.Low = n + 1
		case "<":
			out.High = n - 1
		default:
			return bad(v)
		}
	}
	if out.Low > out.High || out.Low < 0 {
		return Value{}, fmt.Sprintf("nothing is in the range %q", whittle.Shorten(whittle.Printable(v), 30)), "put the smaller number first"
	}
	return out, "", ""
}

// String is the query in one form: reading it gives the same query.
func (q Query) String() string {
	terms := make([]string, len(q.Terms))
	for i, t := range q.Terms {
		terms[i] = t.String()
	}
	return strings.Join(terms, " ")
}

// String is the term as [Query.String] has it.
func (t Term) String() string {
	not := ""
	if t.Not {
		not = "-"
	}
	if t.Field == "" {
		return not + quote(t.Values[0].Text, ":")
	}
	values := make([]string, len(t.Values))
	for i, v := range t.Values {
		values[i] = v.text(t.Field)
	}
	return not + t.Field + ":" + strings.Join(values, ",")
}

func (v Value) text(field string) string {
	if field != "size" && field != "line" && field != "layer" {
		return quote(v.Text, ",")
	}
	text := fmt.Sprintf("%d..%d", v.Low, v.High)
	switch {
	case v.Low == v.High:
		text = strconv.FormatInt(v.Low, 10)
	case v.High == math.MaxInt64:
		text = fmt.Sprintf(">=%d", v.Low)
	case v.Low == 0:
		text = fmt.Sprintf("<=%d", v.High)
	}
	if v.Text != "" {
		text = quote(v.Text, ",") + ":" + text
	}
	return text
}

// quote puts a text that has one of some characters, or a space or a quote, into
// quotes.
func quote(s, special string) string {
	if s != "" && s[0] != '-' && !strings.ContainsAny(s, "\" \t\r\n"+special) {
		return s
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}
