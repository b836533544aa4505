package pypi

import (
	"bytes"
	"html"
	"iter"
	"strings"
)

// tag is an HTML start tag; names are in small letters, values unescaped.
type tag struct {
	name string
	attr map[string]string
}

// tags are the start tags of a page. It is no parser of HTML: listings are
// flat, and all that is asked of them is their anchors. Comments and scripts
// are passed over, as they may hold what looks like anchors.
func tags(page []byte) iter.Seq[tag] {
	return func(yield func(tag) bool) {
		for rest := page; ; {
			open := bytes.IndexByte(rest, '<')
			if open < 0 {
				return
			}
			rest = rest[open+1:]
			if after, ok := bytes.CutPrefix(rest, []byte("!--")); ok {
				_, rest, ok = bytes.Cut(after, []byte("-->"))
				if !ok {
					return
				}
				continue
			}
			if len(rest) == 0 || !isLetter(rest[0]) {
				continue
			}
			var t tag
			t, rest = readTag(rest)
			if !yield(t) {
				return
			}
			if t.name == "script" || t.name == "style" {
				rest = skipRaw(rest, t.name)
			}
		}
	}
}

func isLetter(b byte) bool { return 'a' <= b|0x20 && b|0x20 <= 'z' }

func isSpace(b byte) bool { return b == ' ' || b == '\t' || b == '\n' || b == '\r' || b == '\f' }

// skipRaw goes behind the text of an element that holds no tags.
func skipRaw(b []byte, name string) []byte {
	end := "</" + name
	for i := range b {
		if b[i] == '<' && len(b)-i >= len(end) && strings.EqualFold(string(b[i:i+len(end)]), end) {
			return b[i:]
		}
	}
	return nil
}

// readTag reads behind a "<" up to the ">" that ends the tag.
func readTag(b []byte) (tag, []byte) {
	n := until(b, func(c byte) bool { return isSpace(c) || c == '>' || c == '/' })
	t := tag{name: strings.ToLower(string(b[:n])), attr: map[string]string{}}
	b = b[n:]
	for {
		b = b[until(b, func(c byte) bool { return !isSpace(c) && c != '/' }):]
		if len(b) == 0 {
			return t, nil
		}
		if b[0] == '>' {
			return t, b[1:]
		}
		// An attribute's name may begin with "=", so that this always moves on.
		n := 1 + until(b[1:], func(c byte) bool { return isSpace(c) || c == '>' || c == '/' || c == '=' })
		key := strings.ToLower(string(b[:n]))
		var value string
		value, b = readValue(b[n:])
		if _, twice := t.attr[key]; !twice {
			t.attr[key] = html.UnescapeString(value)
		}
	}
}

// readValue reads the value of an attribute behind its name, empty where it
// has none.
func readValue(b []byte) (string, []byte) {
	after := b[until(b, func(c byte) bool { return !isSpace(c) }):]
	if len(after) == 0 || after[0] != '=' {
		return "", b
	}
	after = after[1:]
	after = after[until(after, func(c byte) bool { return !isSpace(c) }):]
	if len(after) == 0 {
		return "", nil
	}
	if quote := after[0]; quote == '"' || quote == '\'' {
		value, rest, _ := bytes.Cut(after[1:], []byte{quote})
		return string(value), rest
	}
	n := until(after, func(c byte) bool { return isSpace(c) || c == '>' })
	return string(after[:n]), after[n:]
}

// until is the position of the first byte that is fit, the length where none is.
func until(b []byte, fit func(byte) bool) int {
	for i, c := range b {
		if fit(c) {
			return i
		}
	}
	return len(b)
}
