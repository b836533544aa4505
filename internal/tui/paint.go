package tui

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"charm.land/lipgloss/v2"
	"github.com/charmbracelet/x/ansi"

	"whittle.dev/whittle/internal/report/page"
)

// theme are the styles. They use the terminal's own sixteen colours, which its
// user has chosen, and never a colour alone: what is selected has a mark too.
type theme struct {
	head, faint, selected, title, focused, bad, good, bar, wasted, added, removed, hunk lipgloss.Style
}

func newTheme() theme {
	s := lipgloss.NewStyle
	return theme{
		head:     s().Bold(true),
		faint:    s().Faint(true),
		selected: s().Reverse(true),
		title:    s(),
		focused:  s().Bold(true).Foreground(lipgloss.Cyan),
		bad:      s().Foreground(lipgloss.Red),
		good:     s().Foreground(lipgloss.Green),
		bar:      s().Foreground(lipgloss.Blue),
		wasted:   s().Foreground(lipgloss.Yellow),
		added:    s().Foreground(lipgloss.Green),
		removed:  s().Foreground(lipgloss.Red),
		hunk:     s().Foreground(lipgloss.Cyan),
	}
}

// plain is a text of the image or the project as one that a terminal obeys in
// nothing.
func plain(s string) string { return page.Plain(s) }

// cells is how many columns a text takes.
func cells(s string) int { return ansi.StringWidth(s) }

// first cuts a text to its first n columns. A character at its end that would
// take what follows into its own cell, as U+0600 does, is left out.
func first(s string, n int) string {
	if n <= 0 {
		return ""
	}
	s = ansi.Truncate(s, n, "…")
	for s != "" && cells(s+" ") != cells(s)+1 {
		_, size := utf8.DecodeLastRuneInString(s)
		s = s[:len(s)-size]
	}
	return s
}

// uncut is as much of a text as n columns have, at least one character.
func uncut(s string, n int) string {
	if head := ansi.Truncate(s, n, ""); head != "" {
		return head
	}
	_, size := utf8.DecodeRuneInString(s)
	return s[:size]
}

// middle cuts the middle out of a text so that it takes at most n columns: of a
// path, the end says most.
func middle(s string, n int) string {
	w := cells(s)
	if w <= n {
		return s
	}
	if n < 5 {
		return first(s, n)
	}
	head := (n - 1) / 3
	tail := ""
	for from := w - (n - 1 - head); from <= w; from++ { // a wide character may not be cut
		if tail = ansi.TruncateLeft(s, from, ""); cells(tail) <= n-1-head {
			break
		}
	}
	return ansi.Truncate(s, head, "") + "…" + tail
}

// left fills a text up to n columns, or cuts it.
func left(s string, n int) string {
	s = first(s, n)
	return s + blanks(n-cells(s))
}

// right puts a text at the right of n columns.
func right(s string, n int) string {
	s = first(s, n)
	return blanks(n-cells(s)) + s
}

func blanks(n int) string {
	if n <= 0 {
		return ""
	}
	return strings.Repeat(" ", n)
}

// eighths are blocks of one to seven eighths of a cell.
var eighths = []string{"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"}

// bar is part of whole as a bar of at most n cells. What is there is never
// drawn as nothing.
func bar(part, whole int64, n int) string {
	if part <= 0 || whole <= 0 || n <= 0 {
		return ""
	}
	units := int(float64(min(part, whole)) / float64(whole) * float64(n*8))
	units = max(units, 1)
	return strings.Repeat("█", units/8) + eighths[units%8]
}

// percent is a share: "82 %", "0.4 %".
func percent(part, whole int64) string {
	if whole <= 0 {
		return ""
	}
	p := float64(part) / float64(whole) * 100
	switch {
	case part == 0:
		return "0 %"
	case p > 0 && p < 0.1:
		return "<0.1 %"
	case p < 9.95 && p > -9.95:
		return strconv.FormatFloat(p, 'f', 1, 64) + " %"
	}
	return strconv.FormatFloat(p, 'f', 0, 64) + " %"
}

// wrap breaks a text at spaces into lines of at most n columns; longer words are
// broken too.
func wrap(s string, n int) []string {
	if n < 1 {
		return nil
	}
	return strings.Split(ansi.Wrap(s, n, "/,"), "\n")
}
