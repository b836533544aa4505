package pep

import (
	"bytes"
	"encoding/binary"
	"iter"
	"strings"
	"unicode/utf16"
)

// Line is one line of a requirements file as pip joins it.
// https://pip.pypa.io/en/stable/reference/requirements-file-format/
type Line struct {
	// Start and End are offsets, the end behind the last line's end; Number
	// counts from 1.
	Start, End, Number int
	// Text is without the comment and the white space around it.
	Text, Comment string
	// Indented says that white space is in front.
	Indented bool
}

// Lines reads a requirements file. Lines end at "\n" or "\r\n"; a line with "\"
// at its end goes on in the next, but for a comment. A byte order mark is no
// part of the first line's text.
func Lines(src []byte) iter.Seq[Line] {
	return func(yield func(Line) bool) {
		at, number := 0, 1
		if bytes.HasPrefix(src, []byte("\ufeff")) {
			at = len("\ufeff")
		}
		for at < len(src) {
			l := joined(src, at, number)
			at, number = l.End, number+bytes.Count(src[at:l.End], []byte("\n"))
			if !yield(l) {
				return
			}
		}
	}
}

// UTF8 is a requirements file in UTF-8 if it begins with a mark that says
// UTF-16, as pip reads it; others are returned as they are.
// https://pip.pypa.io/en/stable/reference/requirements-file-format/#encoding
func UTF8(b []byte) []byte {
	if len(b) < 2 {
		return b
	}
	var order binary.ByteOrder
	switch {
	case b[0] == 0xff && b[1] == 0xfe:
		order = binary.LittleEndian
	case b[0] == 0xfe && b[1] == 0xff:
		order = binary.BigEndian
	default:
		return b
	}
	units := make([]uint16, 0, len(b)/2)
	for i := 2; i+1 < len(b); i += 2 {
		units = append(units, order.Uint16(b[i:]))
	}
	return []byte(string(utf16.Decode(units)))
}

// joined reads the line at an offset with those that continue it. A comment
// line ends a continuation, and has none.
func joined(src []byte, at, number int) Line {
	l := Line{Start: at, Number: number}
	var text strings.Builder
	for at < len(src) {
		line, _, ended := bytes.Cut(src[at:], []byte("\n"))
		if at += len(line); ended {
			at++
			line = bytes.TrimSuffix(line, []byte("\r"))
		}
		comment := bytes.HasPrefix(bytes.TrimLeft(line, " \t"), []byte("#"))
		if comment && text.Len() > 0 {
			text.WriteByte(' ')
		}
		if comment || !bytes.HasSuffix(line, []byte(`\`)) {
			text.Write(line)
			break
		}
		text.Write(bytes.Trim(line, `\`))
	}
	l.End, l.Text = at, text.String()
	l.Indented = strings.HasPrefix(l.Text, " ") || strings.HasPrefix(l.Text, "\t")
	if i := CommentAt(l.Text); i >= 0 {
		l.Text, l.Comment = l.Text[:i], strings.TrimLeft(l.Text[i:], " \t")
	}
	l.Text = strings.Trim(l.Text, " \t")
	return l
}

// CommentAt is where a comment starts in a line: at a "#" at the start or
// behind white space. It is -1 where there is none.
func CommentAt(line string) int {
	for i := range len(line) {
		if line[i] == '#' && (i == 0 || line[i-1] == ' ' || line[i-1] == '\t') {
			return i
		}
	}
	return -1
}

// SplitOptions parts a requirement from the options behind it ("--hash=…").
func SplitOptions(text string) (requirement, options string) {
	for i := 1; i+2 < len(text); i++ {
		if (text[i-1] == ' ' || text[i-1] == '\t') && text[i] == '-' && text[i+1] == '-' {
			return strings.TrimRight(text[:i], " \t"), text[i:]
		}
	}
	return text, ""
}
