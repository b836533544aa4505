package whittle

import (
	"strings"
	"unicode"
)

// OneLine is a text with each run of white space made one space: what a program
// printed, or an error of several lines, in a message of one.
func OneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// Printable is a name from an image, safe to show: what a terminal would obey is
// replaced, and no name is longer than a line (256 bytes).
func Printable(s string) string {
	const longest = 256
	if len(s) > longest {
		s = s[:longest]
	}
	return strings.Map(func(c rune) rune {
		if unicode.IsPrint(c) {
			return c
		}
		return unicode.ReplacementChar
	}, s)
}

// Shorten cuts a text to n characters, the last of which is then an ellipsis.
func Shorten(s string, n int) string {
	if r := []rune(s); len(r) > n {
		return string(r[:n-1]) + "…"
	}
	return s
}
