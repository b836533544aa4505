package edit

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/pep"
)

// maxRequirement bounds the text of a requirement in bytes.
const maxRequirement = 16 << 10

// requirement is a requirement in its parts: only names, extras and markers are
// compared.
type requirement struct {
	// text is as written, without white space around it.
	text string
	pep.Parts
}

// parseRequirement takes a requirement apart. What is none is
// [whittle.ErrUsage].
func parseRequirement(s string) (requirement, error) {
	text := strings.Trim(s, " \t")
	bad := func(why string) (requirement, error) {
		return requirement{}, whittle.ErrUsage.Errorf("%.80q is no requirement, %s", s, why)
	}
	if len(s) > maxRequirement {
		return bad("it is too long")
	}
	if !printable(text) {
		return bad("it has control characters")
	}
	parts, err := pep.SplitRequirement(text)
	if err != nil {
		return bad(err.Error())
	}
	return requirement{text, parts}, nil
}

// printable says that text is UTF-8 of one line.
func printable(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(c rune) bool {
		return c != '\t' && unicode.IsControl(c) || c == '\u2028' || c == '\u2029'
	})
}

// nameOf is the normalized name of a requirement, empty where it is none.
func nameOf(s string) string {
	r, err := parseRequirement(s)
	if err != nil {
		return ""
	}
	return r.Name
}

// covers says that what is there asks for all that is wanted.
func (r requirement) covers(want requirement) bool {
	if r.Name != want.Name || r.Marker != "" && plain(r.Marker) != plain(want.Marker) {
		return false
	}
	return !slices.ContainsFunc(want.Extras, func(e string) bool { return !slices.Contains(r.Extras, e) })
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
	version := strings.Join(strings.Fields(r.Specifiers), "")
	switch {
	case strings.Contains(version, "==="):
		return "", whittle.ErrUnsupported.Errorf("Poetry has no ===")
	case r.URL != "" && !strings.HasPrefix(r.URL, "https://") && !strings.HasPrefix(r.URL, "http://"):
		return "", whittle.ErrUnsupported.Errorf("the address %.80q has another form in Poetry", r.URL)
	case version == "":
		version = "*"
	}
	if r.URL == "" && len(r.Extras) == 0 && r.Marker == "" {
		return quote(version, q), nil
	}
	fields := []string{"version = " + quote(version, q)}
	if r.URL != "" {
		fields[0] = "url = " + quote(r.URL, q)
	}
	if len(r.Extras) > 0 {
		quoted := make([]string, len(r.Extras))
		for i, e := range r.Extras {
			quoted[i] = quote(e, q)
		}
		fields = append(fields, "extras = ["+strings.Join(quoted, ", ")+"]")
	}
	if r.Marker != "" {
		fields = append(fields, "markers = "+quote(r.Marker, q))
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
		specifiers, err := pep.ParseConstraint(text)
		return name + specifiers.String(), err == nil
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
	specifiers, err := pep.ParseConstraint(version)
	if name += specifiers.String(); marker != "" {
		name += " ; " + marker
	}
	return name, err == nil
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
