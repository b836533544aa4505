// Package block edits a text that is in a file as whole lines with an indentation: a
// literal block of YAML, a heredoc of HCL.
package block

import (
	"errors"
	"slices"
	"strings"
)

// Block is where a text is in a file: whole lines from Start to End, in bytes, each
// with Indent before it, except for blank ones.
type Block struct {
	Start, End int
	Indent     string
	lines      []string // of the file
}

// Read finds the block whose lines begin at start, until one for which end is true or
// the file ends. Blank lines at its end are not part of it. Errors say in one line why
// there is none that can be edited.
func Read(src []byte, start int, end func(line string) bool) (Block, error) {
	b := Block{Start: start, End: start}
	at, known := start, false
	var lines []string
	for line := range strings.Lines(string(src[start:])) {
		blank := strings.TrimSpace(line) == ""
		if !blank && end(line) {
			break
		}
		own := line[:len(line)-len(strings.TrimLeft(line, " \t"))]
		if !blank && (!known || len(own) < len(b.Indent)) {
			b.Indent, known = own, true
		}
		if lines = append(lines, line); !blank {
			b.lines, b.End = lines, at+len(line)
		}
		at += len(line)
	}
	switch {
	case len(b.lines) == 0:
		return b, errors.New("its text is empty")
	case strings.Contains(strings.Join(b.lines, ""), "\r"):
		return b, errors.New("its lines end with CR LF")
	case !strings.HasSuffix(b.lines[len(b.lines)-1], "\n"):
		return b, errors.New("its last line does not end")
	}
	for _, line := range b.lines {
		if strings.TrimSpace(line) != "" && !strings.HasPrefix(line, b.Indent) {
			return b, errors.New("its lines are indented in several ways")
		}
	}
	return b, nil
}

// Text is the text of the block, which ends with a line feed.
func (b Block) Text() string {
	var out strings.Builder
	for _, line := range b.lines {
		if rest, ok := strings.CutPrefix(line, b.Indent); ok {
			out.WriteString(rest)
		} else {
			out.WriteString("\n")
		}
	}
	return out.String()
}

// With is the file with another text in the block. Lines that stay keep their bytes.
func (b Block) With(src []byte, text string) []byte {
	was := strings.SplitAfter(b.Text(), "\n")
	next := 0 // of the lines that were there
	var out strings.Builder
	out.Write(src[:b.Start])
	for line := range strings.Lines(strings.TrimRight(text, "\n") + "\n") {
		if at := slices.Index(was[next:], line); at >= 0 {
			out.WriteString(b.lines[next+at])
			next += at + 1
			continue
		}
		if strings.TrimSpace(line) != "" {
			out.WriteString(b.Indent)
		}
		out.WriteString(line)
	}
	out.Write(src[b.End:])
	return []byte(out.String())
}
