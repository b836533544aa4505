package edit

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/pep"
)

// logical is one line of a requirements file.
type logical struct {
	pep.Line
	// name is the normalized name of the distribution, empty for an option, a
	// path, or nothing.
	name string
}

// requirements is a requirements file.
type requirementsFile struct {
	text
	lines []logical
}

// parseLines reads a requirements file, whose byte order mark is in front of
// the first line.
func parseLines(src []byte) (*requirementsFile, error) {
	if err := limited(src, maxText); err != nil {
		return nil, err
	}
	if !utf8.Valid(src) || bytes.IndexByte(src, 0) >= 0 {
		return nil, whittle.ErrUnsupported.Errorf("it is not in UTF-8")
	}
	// Python ends lines at these too; nobody means them to.
	if bytes.ContainsAny(src, "\v\f\x1c\x1d\x1e\u0085\u2028\u2029") || bytes.Count(src, []byte("\r")) != bytes.Count(src, []byte("\r\n")) {
		return nil, whittle.ErrUnsupported.Errorf("it has line ends that are none")
	}
	f := &requirementsFile{text: newText(src)}
	for l := range pep.Lines(src) {
		f.lines = append(f.lines, logical{l, lineName(l.Text)})
		if err := counted(len(f.lines)); err != nil {
			return nil, err
		}
	}
	return f, nil
}

// lineName is the distribution that a line asks for: by a requirement, or by
// an address with "#egg=".
func lineName(s string) string {
	if s == "" {
		return ""
	}
	if s[0] != '-' {
		requirement, _ := pep.SplitOptions(s)
		if name := nameOf(requirement); name != "" {
			return name
		}
	} else if !strings.HasPrefix(s, "-e ") && !strings.HasPrefix(s, "--editable") {
		return ""
	}
	if _, egg, ok := strings.Cut(s, "#egg="); ok {
		name, _ := pep.CutName(egg)
		return pep.Normalize(name)
	}
	return ""
}

// AddLine adds a requirement to a requirements file, in its sorted place where
// the requirements are sorted, else behind the last of them; a nil or empty
// file becomes one of one line. Options such as "--hash" may follow the
// requirement: a file in which others have hashes takes none without. Where
// the distribution is there already, with these extras and for this marker or
// any, there is no edit. Includes and constraints are not followed.
func AddLine(src []byte, requirement string) ([]whittle.Edit, error) {
	fail := func(err error) ([]whittle.Edit, error) {
		return nil, fmt.Errorf("adding %.80q to a requirements file: %w", requirement, err)
	}
	if len(requirement) > maxRequirement || !printable(requirement) || pep.CommentAt(requirement) >= 0 || strings.HasSuffix(requirement, `\`) {
		return fail(whittle.ErrUsage.Errorf("it is no requirement of one line"))
	}
	requirement = strings.Trim(requirement, " \t")
	bare, options := pep.SplitOptions(requirement)
	want, err := parseRequirement(bare)
	if err != nil {
		return fail(err)
	}
	f, err := parseLines(src)
	if err != nil {
		return fail(err)
	}
	var at []int
	var names []string
	hashes := false
	for i := range f.lines {
		l := &f.lines[i]
		hashes = hashes || strings.Contains(l.Text, "--hash=") || strings.Contains(l.Text, "--hash ") || l.Text == "--require-hashes"
		if l.name == "" {
			continue
		}
		have, _ := pep.SplitOptions(l.Text)
		if r, err := parseRequirement(have); l.name == want.Name && (err != nil || r.covers(want)) {
			return nil, nil
		}
		at, names = append(at, i), append(names, l.name)
	}
	if hashes && !strings.Contains(options, "--hash") {
		return fail(whittle.WithHint(whittle.ErrUnsupported.Errorf("the others have hashes"), "add it where the file is compiled from"))
	}
	edits := []whittle.Edit{f.addLines(f.lineFor(at, place(names, want.Name)), requirement)}
	return checkLines(f, edits, fail, nil, requirement)
}

// lineFor is the offset at which a new line comes in front of the k-th of some
// lines, or behind the last.
func (f *requirementsFile) lineFor(at []int, k int) int {
	switch {
	case len(at) == 0:
		return len(f.src)
	case k > 0:
		return f.annotated(at[k-1])
	}
	// Comments right above are about the line, those at the top about the file.
	i := at[0]
	for i > 0 && f.lines[i-1].Text == "" && f.lines[i-1].Comment != "" {
		i--
	}
	if i == 0 {
		i = at[0]
	}
	return f.lines[i].Start
}

// annotated is the end of a line and of the indented comments right behind it,
// in which pip-compile says where it is from.
func (f *requirementsFile) annotated(i int) int {
	for i+1 < len(f.lines) {
		if next := &f.lines[i+1]; !next.Indented || next.Text != "" || next.Comment == "" {
			break
		}
		i++
	}
	return f.lines[i].End
}

// RemoveLine removes a distribution from a requirements file: the line with
// its continuations, the comment at its end, and the indented comments right
// below, in which pip-compile says where it is from. Several lines for
// several markers all go. What is not there is no edit.
func RemoveLine(src []byte, name string) ([]whittle.Edit, error) {
	fail := func(err error) ([]whittle.Edit, error) {
		return nil, fmt.Errorf("removing %.80q from a requirements file: %w", name, err)
	}
	norm := pep.Normalize(name)
	if !pep.IsName(norm) {
		return fail(whittle.ErrUsage.Errorf("it is no name"))
	}
	f, err := parseLines(src)
	if err != nil {
		return fail(err)
	}
	var spans []whittle.Span
	gone := map[int]bool{}
	for i := range f.lines {
		if f.lines[i].name != norm {
			continue
		}
		end := f.annotated(i)
		for j := i; j < len(f.lines) && f.lines[j].End <= end; j++ {
			gone[j] = true
		}
		spans = append(spans, f.openEnd(whittle.Span{Start: f.lines[i].Start, End: end}))
	}
	if len(spans) == 0 {
		return nil, nil
	}
	return checkLines(f, deletions(spans), fail, gone, "")
}

// checkLines applies edits and reads what comes out: the lines that are gone
// are those that should be, and the one that is new is alone.
func checkLines(f *requirementsFile, edits []whittle.Edit, fail func(error) ([]whittle.Edit, error), gone map[int]bool, added string) ([]whittle.Edit, error) {
	out, err := splice(f.src, edits)
	if err != nil {
		return fail(err)
	}
	now, err := parseLines(out)
	if err != nil {
		return fail(err)
	}
	same := func(a, b logical) bool { return a.Text == b.Text && a.Comment == b.Comment }
	var want []logical
	for i, l := range f.lines {
		if !gone[i] {
			want = append(want, l)
		}
	}
	got := now.lines
	if added != "" {
		i := 0
		for i < len(want) && i < len(got) && same(want[i], got[i]) {
			i++
		}
		if i == len(got) || got[i].Text != added || got[i].Comment != "" {
			return fail(whittle.ErrUnsupported.Errorf("the new line would not stand alone"))
		}
		got = slices.Delete(slices.Clone(got), i, i+1)
	}
	if !slices.EqualFunc(want, got, same) {
		return fail(whittle.ErrUnsupported.Errorf("another line would change"))
	}
	return edits, nil
}
