package source

import (
	"strings"
	"unicode/utf8"
)

// isIdentifier says whether a text is one name of Python, as far as its bytes
// show.
func IsIdentifier(s string) bool {
	for i := range len(s) {
		c := s[i]
		if c|0x20 >= 'a' && c|0x20 <= 'z' || c == '_' || c >= utf8.RuneSelf || i > 0 && c >= '0' && c <= '9' {
			continue
		}
		return false
	}
	return s != ""
}

// cutLast parts a dotted name from its last part.
func CutLast(name string) (owner, last string, ok bool) {
	i := strings.LastIndexByte(name, '.')
	if i < 0 {
		return "", name, false
	}
	return name[:i], name[i+1:], true
}

// nameSet are the words of a text.
func NameSet(s string) map[string]bool {
	m := map[string]bool{}
	for _, n := range strings.Fields(s) {
		m[n] = true
	}
	return m
}
