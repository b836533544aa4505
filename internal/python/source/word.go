package source

import (
	"regexp"
	"strings"
	"unicode/utf8"
)

// IsIdentifier says whether a text is one name of Python, as far as its bytes
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

// CutLast parts the last name of a dotted one from what is before it: "a.b.c"
// is "a.b" and "c". ok is false of a name without a dot, which is last then.
func CutLast(name string) (owner, last string, ok bool) {
	i := strings.LastIndexByte(name, '.')
	if i < 0 {
		return "", name, false
	}
	return name[:i], name[i+1:], true
}

// NameSet is the set of the words of a text.
func NameSet(s string) map[string]bool {
	m := map[string]bool{}
	for _, n := range strings.Fields(s) {
		m[n] = true
	}
	return m
}

// Top is the first name of a dotted one: "a" of "a.b.c".
func Top(name string) string {
	top, _, _ := strings.Cut(name, ".")
	return top
}

var (
	dotted    = regexp.MustCompile(`^[A-Za-z_]\w*(\.[A-Za-z_]\w*)*$`)
	reference = regexp.MustCompile(`^[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_][\w.]*(\(.*\))?$`)
)

// IsDotted says that a word is a dotted name: "a.b".
func IsDotted(word string) bool { return dotted.MatchString(word) }

// IsReference says that a word names an object of a module as servers and
// entry points do: "a.b:c", or "a.b:c()" where it is called.
func IsReference(word string) bool { return reference.MatchString(word) }
