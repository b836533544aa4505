package edit

import (
	"bytes"
	"strings"

	"whittle.dev/whittle"
)

// array is an array or an inline table in the source.
type array struct {
	*document
	open, close int
	items       []item
}

// array finds the array at a path.
func (d *document) array(path []string) (*array, error) {
	v, ok := d.find(path)
	if !ok || d.src[v.Start] != '[' {
		return nil, whittle.ErrUnsupported.Errorf("the list is written in a way that cannot be edited")
	}
	return d.bracketed(v.Start), nil
}

func (d *document) bracketed(open int) *array {
	a := &array{document: d, open: open}
	a.items, a.close = d.items(open)
	return a
}

// quotes is what the neighbours of an index use.
func (a *array) quotes(k int) byte {
	var out []byte
	for _, i := range []int{k - 1, k, k - 2, k + 1} {
		if i >= 0 && i < len(a.items) {
			out = append(out, quotesOf(a.src, a.items[i].Start))
		}
	}
	return preferred(append(out, a.style().quotes)...)
}

// lead is what is in front of an item on its line where that is a comma
// and white space alone.
func (a *array) lead(i int) string {
	if i <= 0 || i >= len(a.items) {
		return ""
	}
	s := string(a.src[a.lineStart(a.items[i].Start):a.items[i].Start])
	if strings.Trim(s, " \t") != "," {
		return ""
	}
	return s
}

// alone says that an item ends its line: no other one and no bracket follows
// on it.
func (a *array) alone(i int) bool {
	end := a.lineEnd(a.items[i].End)
	return a.close >= end && (i+1 == len(a.items) || a.items[i+1].Start >= end)
}

// insert puts text in front of the item k, or behind the last one, in the
// array's own style.
func (a *array) insert(k int, text, comment string) ([]whittle.Edit, error) {
	switch {
	case len(a.items) == 0:
		return a.fill(text, comment)
	case k == 0:
		return a.insertFirst(text, comment)
	}
	p := a.items[k-1]
	more := k < len(a.items)
	lead := a.lead(k - 1)
	if lead == "" {
		lead = a.lead(k)
	}
	indent, starts := a.indent(p.Start)
	switch {
	case lead != "" && a.alone(k-1) && (p.comma < 0 || !a.sameLine(p.End, p.comma)):
		return []whittle.Edit{a.addLines(a.nextLine(p.End), lead+text+comment)}, nil
	case starts && a.alone(k-1) && (p.comma < 0 || a.sameLine(p.End, p.comma)):
		edits := []whittle.Edit{}
		tail := ","
		if p.comma < 0 {
			edits = append(edits, insertion(p.End, ","))
			tail = ""
		}
		return append(edits, a.addLines(a.nextLine(p.End), indent+text+tail+comment)), nil
	}
	sep := a.separator()
	if starts && !more {
		sep = a.eol + indent
	}
	if lead != "" {
		sep = ""
	}
	return a.behind(p, sep, lead, text, comment)
}

// behind puts text behind an item on its line.
func (a *array) behind(p item, sep, lead, text, comment string) ([]whittle.Edit, error) {
	var e whittle.Edit
	switch {
	case lead != "":
		e = insertion(p.End, a.eol+lead+text)
	case p.comma >= 0:
		e = insertion(p.comma+1, sep+text+",")
	default:
		e = insertion(p.End, ","+sep+text)
	}
	return a.noted(e, comment)
}

// noted adds a comment at the end of the line on which the list ends, if the
// edit is there too and nothing else is behind it.
func (a *array) noted(e whittle.Edit, comment string) ([]whittle.Edit, error) {
	if comment == "" {
		return []whittle.Edit{e}, nil
	}
	end := a.lineEnd(a.close)
	if !a.sameLine(e.Span.End, a.close) || len(bytes.Trim(a.src[a.close+1:end], " \t")) > 0 {
		return nil, whittle.ErrUnsupported.Errorf("the comment on its line has no place in the other list")
	}
	return []whittle.Edit{e, insertion(a.close+1, comment)}, nil
}

// separator is the white space between the first two items, where they are on
// one line.
func (a *array) separator() string {
	if len(a.items) > 1 {
		s := string(a.src[a.items[0].comma+1 : a.items[1].Start])
		if strings.Trim(s, " \t") == "" {
			return s
		}
	}
	return " "
}

// insertFirst puts text in front of the first item, and of the comment lines
// right above it, which are about that item.
func (a *array) insertFirst(text, comment string) ([]whittle.Edit, error) {
	first := a.items[0]
	indent, starts := a.indent(first.Start)
	if lead := a.lead(1); lead != "" {
		return a.noted(insertion(first.Start, text+a.eol+lead), comment)
	}
	if starts {
		return []whittle.Edit{a.addLines(a.aboveComments(first.Start), indent+text+","+comment)}, nil
	}
	sep := a.separator()
	if len(a.items) > 1 {
		if in, ok := a.indent(a.items[1].Start); ok {
			sep = a.eol + in
		}
	}
	return a.noted(insertion(first.Start, text+","+sep), comment)
}

// aboveComments is the start of an offset's line, or of the comment lines
// right above it.
func (t *text) aboveComments(at int) int {
	start := t.lineStart(at)
	for start > 0 {
		above := t.lineStart(start - 1)
		if !bytes.HasPrefix(bytes.TrimLeft(t.src[above:start], " \t"), []byte("#")) {
			break
		}
		start = above
	}
	return start
}

// fill puts text in an empty array.
func (a *array) fill(text, comment string) ([]whittle.Edit, error) {
	if a.sameLine(a.open, a.close) {
		return a.noted(insertion(a.open+1, text), comment)
	}
	indent, _ := a.indent(a.close)
	indent += a.style().indent
	// A comment line shows how the elements would stand.
	if last := a.lineStart(a.close) - 1; a.lineStart(last) > a.open {
		if end := a.lineStart(last); bytes.HasPrefix(bytes.TrimLeft(a.src[end:last], " \t"), []byte("#")) {
			indent = string(a.src[end : end+bytes.IndexByte(a.src[end:], '#')])
		}
	}
	return []whittle.Edit{a.addLines(a.lineStart(a.close), indent+text+","+comment)}, nil
}

// remove gives the spans to delete for some items to go.
func (a *array) remove(gone []bool) []whittle.Span {
	var spans []whittle.Span
	last := -1
	for i, it := range a.items {
		if !gone[i] {
			last = i
			continue
		}
		spans = append(spans, a.cut(i))
		if it.comma >= 0 && a.lead(i) == "" {
			spans = append(spans, whittle.Span{Start: it.comma, End: it.comma + 1})
		}
	}
	// The list ends without a comma, as it did.
	if n := len(a.items) - 1; last >= 0 && gone[n] && a.items[n].comma < 0 {
		spans = append(spans, whittle.Span{Start: a.items[last].comma, End: a.items[last].comma + 1})
	}
	return spans
}

// cut is the span of one item: its line or lines with the comment at the end
// where it has them for itself, else the item and the space beside it.
func (a *array) cut(i int) whittle.Span {
	it := a.items[i]
	_, starts := a.indent(it.Start)
	switch {
	case a.alone(i) && (starts || a.lead(i) != ""):
		return a.wholeLines(it.Start, it.End)
	case a.alone(i) && (i == 0 || !a.sameLine(a.items[i-1].End, it.Start)):
		return whittle.Span{Start: it.Start, End: a.lineEnd(it.End)}
	case i+1 < len(a.items) && a.sameLine(it.End, a.items[i+1].Start):
		return whittle.Span{Start: it.Start, End: a.items[i+1].Start}
	case i > 0 && a.items[i-1].comma >= 0 && a.sameLine(a.items[i-1].comma, it.Start):
		end := it.End
		if it.comma >= 0 && a.sameLine(it.End, it.comma) {
			end = it.comma + 1
		}
		return whittle.Span{Start: a.items[i-1].comma + 1, End: end}
	case i > 0 && i+1 == len(a.items) && len(bytes.TrimSpace(a.src[a.items[i-1].comma+1:it.Start])) == 0:
		// The closing bracket is behind it, and goes up.
		return whittle.Span{Start: a.items[i-1].comma + 1, End: it.End}
	}
	return it.Span
}

// style is how the file writes its lists.
type style struct {
	quotes byte
	indent string
	// long lists have a line for each element.
	long bool
}

// style looks at the first list that has an element.
func (d *document) style() style {
	s := style{quotes: '"', indent: "    "}
	for _, list := range d.lists() {
		l, err := d.resolve(list)
		if err != nil || l.table || len(l.array) == 0 {
			continue
		}
		a, err := d.array(l.path)
		if err != nil {
			continue
		}
		it := a.items[0]
		s.quotes = preferred(quotesOf(d.src, it.Start))
		if in, ok := d.indent(it.Start); ok {
			s.long = true
			outer, _ := d.indent(a.close)
			if in = strings.TrimPrefix(in, outer); in != "" {
				s.indent = in
			}
		}
		return s
	}
	return s
}
