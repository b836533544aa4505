package report

import (
	"fmt"
	"io"
	"strings"
)

func writeMarkdown(w io.Writer, d document) error {
	var b strings.Builder
	for i, blk := range d {
		if i > 0 {
			b.WriteByte('\n')
		}
		switch blk := clean(blk).(type) {
		case heading:
			fmt.Fprintf(&b, "%s %s\n", strings.Repeat("#", blk.level), escapeMarkdown(blk.text))
		case para:
			b.WriteString(escapeMarkdown(string(blk)) + "\n")
		case list:
			for _, item := range blk {
				b.WriteString("- " + escapeMarkdown(item) + "\n")
			}
		case code:
			markdownFence(&b, "text", blk)
		case verbatim:
			markdownFence(&b, blk.lang, blk.lines)
		case nextStep:
			b.WriteString("Next: " + escapeMarkdown(blk.does) + "\n\n")
			markdownFence(&b, "sh", []string{strings.Join(blk.command("", nil), " ")})
		case entries:
			markdownEntries(&b, blk)
		case table:
			markdownTable(&b, blk)
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// markdownFence writes lines as they are, between fences that none of them
// can close.
func markdownFence(b *strings.Builder, lang string, lines []string) {
	text := strings.Join(lines, "\n")
	fence := "```"
	for strings.Contains(text, fence) {
		fence += "`"
	}
	b.WriteString(fence + lang + "\n" + text + "\n" + fence + "\n")
}

func markdownTable(b *strings.Builder, t table) {
	t = t.withoutBars()
	for _, c := range t.columns {
		b.WriteString("| " + c.head + " ")
	}
	b.WriteString("|\n")
	for _, c := range t.columns {
		b.WriteString(map[bool]string{true: "|--:", false: "|---"}[c.right])
	}
	b.WriteString("|\n")
	for _, r := range t.rows {
		for _, c := range r {
			b.WriteString("| " + escapeMarkdown(c.text) + " ")
		}
		b.WriteString("|\n")
	}
}

// escapeMarkdown keeps names from an image from becoming markup.
func escapeMarkdown(s string) string { return markdownEscapes.Replace(s) }

var markdownEscapes = strings.NewReplacer(`\`, `\\`, "`", "\\`", "*", `\*`, "_", `\_`, "|", `\|`, "<", "&lt;", ">", "&gt;", "&", "&amp;",
	"[", `\[`, "]", `\]`, "#", `\#`, "~", `\~`, "$", `\$`)
