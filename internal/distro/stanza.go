package distro

import (
	"bytes"
	"fmt"
	"strings"

	"whittle.dev/whittle"
)

// Limits of one line in bytes, and of one stanza in lines.
const (
	maxLine        = 1 << 20
	maxStanzaLines = 1 << 20
)

// stanzas parts a database into paragraphs of "Name: value" lines, as dpkg
// and apk write them, and calls each with every line of one.
func stanzas(name string, content []byte, each func(lines []string) error) error {
	var lines []string
	for len(content) > 0 {
		var line []byte
		line, content, _ = bytes.Cut(content, []byte("\n"))
		if len(line) > maxLine {
			return fmt.Errorf("%s has a line of %d bytes, more than %d: %w", name, len(line), maxLine, whittle.ErrLimit)
		}
		if len(line) > 0 {
			if lines = append(lines, string(line)); len(lines) > maxStanzaLines {
				return fmt.Errorf("%s has a paragraph of more than %d lines: %w", name, maxStanzaLines, whittle.ErrLimit)
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
	if len(lines) > 0 {
		return each(lines)
	}
	return nil
}

// field is the value of a "Name: value" line of a stanza.
func field(lines []string, name string) string {
	for _, l := range lines {
		if key, value, ok := strings.Cut(l, ":"); ok && strings.EqualFold(key, name) {
			return strings.TrimSpace(value)
		}
	}
	return ""
}
