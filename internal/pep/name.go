package pep

import "strings"

// Normalize is a distribution's name in the form in which names are compared
// (PEP 503).
func Normalize(name string) string {
	var b strings.Builder
	dash := false
	for _, r := range strings.ToLower(name) {
		separator := r == '-' || r == '_' || r == '.'
		switch {
		case !separator:
			b.WriteRune(r)
		case !dash:
			b.WriteByte('-')
		}
		dash = separator
	}
	return b.String()
}

// CutName cuts the name of a distribution or an extra off the start of a text:
// letters and digits, with ".", "-" and "_" between them. It is empty where the
// text starts with none.
func CutName(text string) (name, rest string) {
	end := 0
	for i := range len(text) {
		switch c := text[i]; {
		case isLower(c|0x20) || isDigit(c):
			end = i + 1
		case i > 0 && (c == '.' || c == '-' || c == '_'):
		default:
			return text[:end], text[end:]
		}
	}
	return text[:end], text[end:]
}

// IsName says whether a text is a name and nothing more.
func IsName(text string) bool {
	name, rest := CutName(text)
	return name != "" && rest == ""
}
