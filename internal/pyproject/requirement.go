package pyproject

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"whittle"
)

// maxRequirement bounds the text of a requirement in bytes.
const maxRequirement = 16 << 10

// requirement is a requirement in its parts, unread: only names are compared.
// https://packaging.python.org/en/latest/specifications/dependency-specifiers/
type requirement struct {
	// text is as written, without white space around it.
	text string
	// name is normalized, as are the extras; written is the name as it is.
	name, written string
	extras        []string
	specifiers    string
	url, marker   string
}

// parseRequirement takes a requirement apart. What is none is
// [whittle.ErrUsage].
func parseRequirement(s string) (requirement, error) {
	r := requirement{text: strings.Trim(s, " \t")}
	bad := func(what string) (requirement, error) {
		return requirement{}, fmt.Errorf("%.80q is no requirement, %s: %w", s, what, whittle.ErrUsage)
	}
	if len(s) > maxRequirement {
		return bad("it is too long")
	}
	if !printable(r.text) {
		return bad("it has control characters")
	}
	n := nameLength(r.text)
	if n == 0 {
		return bad("it has no name")
	}
	r.written, r.name = r.text[:n], normalize(r.text[:n])
	rest := strings.TrimLeft(r.text[n:], " \t")
	if strings.HasPrefix(rest, "[") {
		inside, after, ok := strings.Cut(rest[1:], "]")
		if !ok {
			return bad("its extras do not end")
		}
		for e := range strings.SplitSeq(inside, ",") {
			e = strings.Trim(e, " \t")
			if e == "" && strings.Trim(inside, " \t") == "" {
				break
			}
			if e == "" || nameLength(e) != len(e) {
				return bad("an extra has no name")
			}
			r.extras = append(r.extras, normalize(e))
		}
		rest = strings.TrimLeft(after, " \t")
	}
	if url, ok := strings.CutPrefix(rest, "@"); ok {
		url = strings.TrimLeft(url, " \t")
		end := strings.IndexAny(url, " \t")
		if end < 0 {
			end = len(url)
		}
		r.url, rest = url[:end], strings.TrimLeft(url[end:], " \t")
		if r.url == "" || rest != "" && rest[0] != ';' {
			return bad("its address is none")
		}
	} else if rest != "" && strings.IndexByte("<>=!~;(", rest[0]) < 0 {
		return bad("something stands behind its name")
	}
	specifiers, marker, _ := strings.Cut(rest, ";")
	r.specifiers, r.marker = strings.Trim(specifiers, " \t"), strings.Trim(marker, " \t")
	return r, nil
}

// printable says that text is UTF-8 of one line.
func printable(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(c rune) bool {
		return c != '\t' && unicode.IsControl(c) || c == '\u2028' || c == '\u2029'
	})
}

// nameLength is the length of the name that a text starts with, 0 if it
// starts with none.
func nameLength(s string) int {
	end := 0
	for i := range len(s) {
		c := s[i]
		switch {
		case c|0x20 >= 'a' && c|0x20 <= 'z' || c >= '0' && c <= '9':
			end = i + 1
		case i > 0 && strings.IndexByte("._-", c) >= 0:
		default:
			return end
		}
	}
	return end
}

// normalize is the form in which names are compared (PEP 503).
func normalize(name string) string {
	var b strings.Builder
	gap := false
	for _, c := range strings.ToLower(strings.Trim(name, " \t")) {
		if strings.ContainsRune("._-", c) {
			gap = true
			continue
		}
		if gap {
			b.WriteByte('-')
		}
		gap = false
		b.WriteRune(c)
	}
	return b.String()
}

// nameOf is the normalized name of a requirement, empty where it is none.
func nameOf(s string) string {
	r, err := parseRequirement(s)
	if err != nil {
		return ""
	}
	return r.name
}

// covers says that what is there asks for all that is wanted.
func (r requirement) covers(want requirement) bool {
	if r.name != want.name || r.marker != "" && plain(r.marker) != plain(want.marker) {
		return false
	}
	return !slices.ContainsFunc(want.extras, func(e string) bool { return !slices.Contains(r.extras, e) })
}

// plain is a marker without white space, with one kind of quotes.
func plain(marker string) string {
	return strings.ReplaceAll(strings.Join(strings.Fields(marker), ""), "'", `"`)
}

// place is the index at which a name is to be inserted: where the order of the
// names wants it if there are two and they are sorted, else at the end. Empty
// names do not count.
func place(names []string, name string) int {
	last, count := "", 0
	at := -1
	end := 0
	for i, n := range names {
		if n == "" {
			continue
		}
		if n < last {
			return len(names)
		}
		last = n
		count++
		end = i + 1
		if at < 0 && n > name {
			at = i
		}
	}
	switch {
	case count < 2:
		return len(names)
	case at < 0:
		return end
	}
	return at
}

// quote writes a string of TOML, with the preferred quotes where it can.
func quote(s string, preferred byte) string {
	literal := !strings.ContainsRune(s, '\'') && !strings.ContainsFunc(s, func(c rune) bool { return c != '\t' && unicode.IsControl(c) })
	basic := !strings.ContainsAny(s, `"\`)
	if literal && (preferred == '\'' || !basic) {
		return "'" + s + "'"
	}
	var b strings.Builder
	b.WriteByte('"')
	for _, c := range s {
		switch {
		case c == '"' || c == '\\':
			b.WriteByte('\\')
			b.WriteRune(c)
		case c != '\t' && unicode.IsControl(c):
			fmt.Fprintf(&b, `\u%04X`, c)
		default:
			b.WriteRune(c)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// keyText writes one part of a key.
func keyText(name string) string {
	bare := name != "" && !strings.ContainsFunc(name, func(c rune) bool {
		return c >= utf8.RuneSelf || !unicode.IsLetter(c) && !unicode.IsDigit(c) && c != '-' && c != '_'
	})
	if bare {
		return name
	}
	return quote(name, '"')
}

// toPoetry writes a requirement as the value of a key of Poetry's.
// https://python-poetry.org/docs/dependency-specification/
func (r requirement) toPoetry(q byte) (string, error) {
	version := strings.Join(strings.Fields(strings.Trim(r.specifiers, "()")), "")
	switch {
	case strings.Contains(version, "==="):
		return "", unsupported("Poetry has no ===")
	case r.url != "" && !strings.HasPrefix(r.url, "https://") && !strings.HasPrefix(r.url, "http://"):
		return "", unsupported("the address %.80q has another form in Poetry", r.url)
	case version == "":
		version = "*"
	}
	if r.url == "" && len(r.extras) == 0 && r.marker == "" {
		return quote(version, q), nil
	}
	fields := []string{"version = " + quote(version, q)}
	if r.url != "" {
		fields[0] = "url = " + quote(r.url, q)
	}
	if len(r.extras) > 0 {
		quoted := make([]string, len(r.extras))
		for i, e := range r.extras {
			quoted[i] = quote(e, q)
		}
		fields = append(fields, "extras = ["+strings.Join(quoted, ", ")+"]")
	}
	if r.marker != "" {
		fields = append(fields, "markers = "+quote(r.marker, q))
	}
	return "{" + strings.Join(fields, ", ") + "}", nil
}

// fromPoetry writes what Poetry declares as PEP 508 has it; ok is false where
// that has no counterpart.
func fromPoetry(name string, v any) (string, bool) {
	table, isTable := v.(map[string]any)
	if !isTable {
		text, ok := v.(string)
		if !ok {
			return "", false
		}
		specifiers, ok := constraint(text)
		return name + specifiers, ok
	}
	var extras []string
	version, marker := "*", ""
	for key, v := range table {
		ok := false
		switch key {
		case "version":
			version, ok = v.(string)
		case "markers":
			marker, ok = v.(string)
		case "extras":
			extras, ok = stringList(v)
		}
		if !ok {
			return "", false
		}
	}
	if len(extras) > 0 {
		name += "[" + strings.Join(extras, ",") + "]"
	}
	specifiers, ok := constraint(version)
	if marker != "" {
		specifiers += " ; " + marker
	}
	return name + specifiers, ok
}

func stringList(v any) ([]string, bool) {
	list, ok := v.([]any)
	var out []string
	for _, e := range list {
		s, isString := e.(string)
		ok = ok && isString
		out = append(out, s)
	}
	return out, ok
}

// constraint turns a version constraint of Poetry's into specifiers.
func constraint(text string) (string, bool) {
	var out []string
	for part := range strings.SplitSeq(text, ",") {
		part = strings.TrimSpace(part)
		op := part[:len(part)-len(strings.TrimLeft(part, "<>=!~^"))]
		version := strings.TrimSpace(part[len(op):])
		switch {
		case part == "*":
			continue
		case version == "" || strings.ContainsAny(version, " |\t"):
			return "", false
		case op == "^" || op == "~":
			upper, ok := caret(op, version)
			if !ok {
				return "", false
			}
			out = append(out, ">="+version, "<"+upper)
		case op == "" || op == "=":
			out = append(out, "=="+version)
		default:
			out = append(out, op+version)
		}
	}
	return strings.Join(out, ","), true
}

// caret is the version below which "^1.2" or "~1.2" stays; ok is false where
// that is no release.
func caret(op, version string) (string, bool) {
	parts := strings.Split(version, ".")
	keep := 0
	if op == "~" {
		keep = min(1, len(parts)-1)
	} else {
		for keep < len(parts)-1 && parts[keep] == "0" {
			keep++
		}
	}
	for _, p := range parts {
		if n, err := strconv.Atoi(p); err != nil || n < 0 || strconv.Itoa(n) != p {
			return "", false
		}
	}
	n, _ := strconv.Atoi(parts[keep])
	return strings.Join(append(slices.Clone(parts[:keep]), strconv.Itoa(n+1)), "."), true
}
