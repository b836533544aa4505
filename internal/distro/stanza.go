package distro

import (
	"bufio"
	"errors"
	"io"
	"strings"

	"whittle.dev/whittle"
)

// Limits of one line in bytes, and of one stanza in lines.
const (
	maxLine        = 1 << 20
	maxStanzaLines = 1 << 20
)

// stanzas splits a text into paragraphs of "Name: value" lines, as dpkg, apt
// and apk write them, and calls each with the lines of one. Their slice is used
// again. name is how errors call the text.
func stanzas(name string, r io.Reader, each func(lines []string) error) error {
	sc := bufio.NewScanner(r)
	sc.Buffer(make([]byte, 64<<10), maxLine)
	var lines []string
	for sc.Scan() {
		if len(sc.Bytes()) > 0 {
			if lines = append(lines, sc.Text()); len(lines) > maxStanzaLines {
				return whittle.ErrLimit.Errorf("%s has a paragraph of more than %d lines", name, maxStanzaLines)
			}
			continue
		}
		if len(lines) > 0 {
			if err := each(lines); err != nil {
				return err
			}
			lines = lines[:0]
		}
	}
	switch err := sc.Err(); {
	case errors.Is(err, bufio.ErrTooLong):
		return whittle.ErrLimit.Errorf("%s has a line of more than %d bytes", name, maxLine)
	case err != nil:
		return err
	case len(lines) > 0:
		return each(lines)
	}
	return nil
}

// field is the value of a field of a stanza, with the lines that continue it.
// https://www.debian.org/doc/debian-policy/ch-controlfields.html
func field(lines []string, name string) string {
	for i, l := range lines {
		key, value, ok := strings.Cut(l, ":")
		if !ok || !strings.EqualFold(key, name) {
			continue
		}
		end := i + 1
		for end < len(lines) && strings.HasPrefix(lines[end], " ") {
			end++
		}
		if end == i+1 {
			return strings.TrimSpace(value)
		}
		return strings.TrimSpace(value + strings.Join(lines[i+1:end], ""))
	}
	return ""
}
