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
