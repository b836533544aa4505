package ignore

import (
	"bytes"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"whittle.dev/whittle"
)

// text is a file with the places of its patterns.
type text struct {
	src   []byte
	eol   string // as its first line ends
	rules []rule
}

// rule is one pattern.
type rule struct {
	// start is where its line starts, and above where the comment lines right
	// above it do; end is after the line's end.
	above, start, end int
	pattern           string
	// except says that the line starts with "!".
	except bool
	parts  []string
}

func readText(src []byte) (*text, error) {
	if len(src) > MaxSize {
		return nil, whittle.ErrLimit.Errorf("more than %s", whittle.Bytes(MaxSize))
	}
	if !utf8.Valid(src) || bytes.IndexByte(src, 0) >= 0 {
		return nil, whittle.ErrUnsupported.Errorf("it is not in UTF-8")
	}
	f := &text{src: src, eol: "\n"}
	if i := bytes.IndexByte(src, '\n'); i > 0 && src[i-1] == '\r' {
		f.eol = "\r\n"
	}
	at := 0
	if bytes.HasPrefix(src, byteOrderMark) {
		at = len(byteOrderMark)
	}
	above := at
	for line := range bytes.Lines(src[at:]) {
		r := rule{above: above, start: at, end: at + len(line)}
		at = r.end
		words := strings.TrimSpace(string(line))
		switch {
		case line[0] == '#': // after white space it is part of a pattern
			continue
		case words == "":
			above = at
			continue
		}
		above = at
		r.pattern, r.except = strings.CutPrefix(words, "!")
		if strings.TrimSpace(r.pattern) == "" {
			return nil, whittle.ErrUnsupported.Errorf("it has an exception from nothing, which Docker refuses")
		}
		r.parts = patternParts(r.pattern)
		f.rules = append(f.rules, r)
		if len(f.rules) > MaxPatterns {
			return nil, whittle.ErrLimit.Errorf("more than %d patterns", MaxPatterns)
		}
	}
	return f, nil
}

// patternParts cleans a pattern as Docker does and splits it.
func patternParts(pattern string) []string {
	p := path.Clean(strings.TrimSpace(pattern))
	if p == ".." || strings.HasPrefix(p, "../") {
		return nil // nothing of the context
	}
	if p = strings.Trim(p, "/"); p == "" || p == "." {
		return nil
	}
	return strings.Split(p, "/")
}

// Add adds patterns to a .dockerignore, nil for one that is not there:
// those that its lines do not cover. They come in front of the first
// exception (a line that starts with "!"), so that all exceptions go on
// working. Where an exception includes everything that a pattern would match, or
// the file excludes everything but its exceptions, they come after it;
// that is [whittle.ErrUnsupported] where the same exception or a finer one
// would be undone. A pattern that leaves everything out is [whittle.ErrUsage].
func Add(src []byte, patterns ...string) ([]whittle.Edit, error) {
	fail := func(err error) ([]whittle.Edit, error) {
		return nil, fmt.Errorf("adding %.200q to .dockerignore: %w", patterns, err)
	}
	f, err := readText(src)
	if err != nil {
		return fail(err)
	}
	added := map[int][]string{}
	var news [][]string
	for _, p := range patterns {
		p = strings.TrimSpace(p)
		parts := patternParts(p)
		if err := validPattern(p, parts); err != nil {
			return fail(err)
		}
		if slices.ContainsFunc(news, func(have []string) bool { return wholly(have, parts) }) {
			continue
		}
		at, needed, err := f.placeFor(p, parts)
		if err != nil {
			return fail(err)
		}
		if needed {
			news = append(news, parts)
			added[at] = append(added[at], p)
		}
	}
	var edits []whittle.Edit
	for at, lines := range added {
		edits = append(edits, whittle.InsertLines(f.src, at, f.eol, lines...))
	}
	if len(edits) == 0 {
		return nil, nil
	}
	slices.SortFunc(edits, func(a, b whittle.Edit) int { return a.Span.Start - b.Span.Start })
	if err := f.check(edits, added); err != nil {
		return fail(err)
	}
	return edits, nil
}

// maxParts is how many names a pattern that is added may have between slashes.
const maxParts = 64

var byteOrderMark = []byte("\xef\xbb\xbf")

func validPattern(p string, parts []string) error {
	if catchAll(parts) {
		return whittle.ErrUsage.Errorf("%q leaves everything out", p)
	}
	_, err := path.Match(p, ".")
	if err != nil || len(p) > maxPattern || len(parts) == 0 || len(parts) > maxParts || !utf8.ValidString(p) || strings.ContainsFunc(p, unprintable) ||
		strings.ContainsAny(p, "\\\t") || p[0] == '#' || p[0] == '!' {
		return whittle.ErrUsage.Errorf("%.80q is no pattern", p)
	}
	return nil
}

func unprintable(c rune) bool {
	return unicode.IsControl(c) || c == '\u2028' || c == '\u2029'
}

// placeFor is the offset at which a pattern has an effect and undoes no
// exception; it is not needed where everything that it matches is excluded.
func (f *text) placeFor(p string, parts []string) (at int, needed bool, err error) {
	// fine and everything: a line excludes everything that it matches, the latter
	// with all else; back is the last exception that includes it all again.
	fine, everything, back, first := false, false, -1, -1
	for i, r := range f.rules {
		if r.except && first < 0 {
			first = i
		}
		switch all := wholly(r.parts, parts); {
		case all && r.except:
			fine, everything, back = false, false, i
		case all && catchAll(r.parts):
			everything = true
		case all:
			fine = true
		}
	}
	switch {
	case fine:
		return 0, false, nil
	case everything:
		return f.inAllowed(parts)
	case back >= 0:
		return f.after(back, p, parts)
	case first < 0:
		return len(f.src), true, nil
	}
	return f.rules[first].above, true, nil
}

// after is the place after the exception that takes the pattern back, which
// has to be free of finer ones.
func (f *text) after(back int, p string, parts []string) (int, bool, error) {
	for _, r := range f.rules[:back+1] {
		if r.except && wholly(parts, r.parts) {
			return 0, false, whittle.ErrUnsupported.Errorf("%s would undo the exception !%s", p, r.pattern)
		}
	}
	return f.rules[back].end, true, nil
}

// inAllowed is the place in a file that excludes everything but its exceptions:
// the end, where the exceptions are folders that may hold what the pattern matches.
// Else the pattern is not needed or not safe.
func (f *text) inAllowed(parts []string) (int, bool, error) {
	folders := false
	for _, r := range f.rules {
		if !r.except {
			continue
		}
		open := r.parts
		if n := len(open); n > 1 && (open[n-1] == "**" || open[n-1] == "*") {
			open = open[:n-1]
		}
		if !plainParts(open) || wholly(parts, open) {
			return 0, false, nil
		}
		folders = true
	}
	// A pattern of one place that no exception includes is excluded already.
	return len(f.src), folders && parts[0] == "**", nil
}

func plainParts(parts []string) bool {
	return !slices.ContainsFunc(parts, func(p string) bool { return strings.ContainsAny(p, `*?[\`) })
}

// catchAll says that a pattern matches everything.
func catchAll(parts []string) bool {
	return len(parts) == 1 && (parts[0] == "*" || parts[0] == "**")
}

// wholly says that all that the pattern n matches is matched by the pattern e,
// or lies in a folder that is. It never says so where that is not the case,
// and may miss that it is.
func wholly(e, n []string) bool {
	if len(e) == 0 || len(n) == 0 {
		return false
	}
	if catchAll(e) {
		return true
	}
	// As in matching with stars: go back to the last "**" when stuck.
	i, j, star, from := 0, 0, -1, 0
	for i < len(e) {
		switch {
		case e[i] == "**":
			star, from = i, j
			i++
			continue
		case j < len(n) && partCovers(e[i], n[j]):
			i++
			j++
			continue
		}
		if star < 0 || from >= len(n) {
			return false
		}
		from++
		i, j = star+1, from
	}
	// "a/**" is what is in a, not a itself.
	return e[len(e)-1] != "**" || j < len(n)
}

// partCovers compares one part of two patterns.
func partCovers(e, n string) bool {
	switch {
	case strings.Contains(n, "**"):
		return e == n && n != "**"
	case e == n || e == "*":
		return true
	case strings.ContainsAny(n, `*?[\`) || strings.Contains(e, "**") || strings.ContainsAny(e, `[\`):
		return false
	}
	ok, err := path.Match(e, n)
	return ok && err == nil
}

// check applies edits and reads what comes out: the lines that were there, in
// their order, and the new ones.
func (f *text) check(edits []whittle.Edit, added map[int][]string) error {
	out, err := whittle.Splice(f.src, edits)
	if err != nil {
		return whittle.ErrUnsupported.Errorf("%v", err)
	}
	now, err := readText(out)
	if err != nil {
		return err
	}
	var want []string
	places := slices.Sorted(maps.Keys(added))
	flush := func(until int) {
		for ; len(places) > 0 && places[0] <= until; places = places[1:] {
			want = append(want, added[places[0]]...)
		}
	}
	for _, r := range f.rules {
		flush(r.start)
		want = append(want, r.line())
	}
	flush(len(f.src))
	if !slices.EqualFunc(want, now.rules, func(w string, r rule) bool { return w == r.line() }) {
		return whittle.ErrUnsupported.Errorf("another line would change")
	}
	return nil
}

func (r *rule) line() string {
	if r.except {
		return "!" + r.pattern
	}
	return r.pattern
}
