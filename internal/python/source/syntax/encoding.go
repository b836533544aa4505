package syntax

import (
	"bytes"
	"regexp"
	"strings"
	"unicode/utf8"
)

// decoded is a text in UTF-8; opaque says that it is in another encoding, of
// which only ASCII is understood.
type decoded struct {
	src    []byte
	opaque bool
	// bad is the line of a byte that is not UTF-8, 0 for none: in a comment
	// importing passes over it, and running does not.
	bad int
}

var cookie = regexp.MustCompile(`^[ \t\f]*#.*?coding[:=][ \t]*([-_.a-zA-Z0-9]+)`)

// decode finds the encoding of a text (PEP 263) and sees that it is in it.
func decode(src []byte) decoded {
	if i := bytes.IndexByte(src, 0); i >= 0 {
		fail(1+bytes.Count(src[:i], []byte("\n")), "a NUL byte")
	}
	bom := bytes.HasPrefix(src, []byte("\xef\xbb\xbf"))
	if bom {
		src = src[3:]
	}
	name := ""
	rest := src
	for line := range 2 {
		text, more, ok := bytes.Cut(rest, []byte("\n"))
		if !bytes.Contains(text, []byte("coding")) {
			// as most lines
		} else if m := cookie.FindSubmatch(text); m != nil {
			name = strings.ReplaceAll(strings.ToLower(string(m[1])), "_", "-")
			break
		}
		blank := strings.TrimLeft(string(text), " \t\f\r")
		if !ok || line == 0 && blank != "" && blank[0] != '#' {
			break
		}
		rest = more
	}
	switch {
	case bom && name != "" && name != "utf-8" && !strings.HasPrefix(name, "utf-8-"):
		fail(1, "encoding %s is declared, and a byte order mark says UTF-8", name)
	case name == "" || name == "utf-8" || name == "utf8" || strings.HasPrefix(name, "utf-8-"):
		return decoded{src: src, bad: invalid(src)}
	case name == "latin-1" || name == "iso-8859-1" || name == "iso-latin-1" || strings.HasPrefix(name, "latin-1-") || strings.HasPrefix(name, "iso-8859-1-"):
		return decoded{src: src, opaque: true}
	}
	if single.MatchString(name) {
		return decoded{src: src, opaque: true}
	}
	for i, c := range src {
		if c >= utf8.RuneSelf {
			doubt(1+bytes.Count(src[:i], []byte("\n")), "encoding %s is not understood", name)
		}
	}
	if !known.MatchString(name) {
		doubt(1, "encoding %s is not known", name)
	}
	return decoded{src: src}
}

// single are encodings of one byte a character that have all of them, or
// nearly.
var single = regexp.MustCompile(`^(iso-?8859-\d+|latin-?\d+|cp125\d|windows-125\d|koi8-[rut]|cp437|cp850)$`)

// known are encodings that CPython has and that agree with ASCII.
var known = regexp.MustCompile(`^(us-)?ascii$|^(iso-?8859|latin|cp|windows|koi8|mac|gb|big5|euc|shift|l\d|646|u8|utf)`)

// invalid is the line of the first byte that is not UTF-8, 0 for none.
func invalid(src []byte) int {
	if utf8.Valid(src) {
		return 0
	}
	line := 1
	for i := 0; i < len(src); {
		r, size := utf8.DecodeRune(src[i:])
		if r == utf8.RuneError && size == 1 {
			return line
		}
		if r == '\n' {
			line++
		}
		i += size
	}
	return 0
}
