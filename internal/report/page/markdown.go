package page

import (
	"fmt"
	"io"
	"strings"
)

// WriteMarkdown writes a document as Markdown.
func WriteMarkdown(w io.Writer, d Document) error {
	var b strings.Builder
	for i, blk := range d {
		if i > 0 {
			b.WriteByte('\n')
		}
		switch blk := clean(blk).(type) {
		case Heading:
			fmt.Fprintf(&b, "%s %s\n", strings.Repeat("#", blk.Level), escapeMarkdown(blk.Text))
		case Para:
			b.WriteString(escapeMarkdown(string(blk)) + "\n")
		case List:
			for _, item := range blk {
				b.WriteString("- " + escapeMarkdown(item) + "\n")
			}
		case Code:
			markdownFence(&b, "text", blk)
		case verbatim:
			markdownFence(&b, blk.lang, blk.lines)
		case NextStep:
			b.WriteString("Next: " + escapeMarkdown(blk.does) + "\n\n")
			markdownFence(&b, "sh", []string{strings.Join(blk.command("", nil), " ")})
		case Entries:
			markdownEntries(&b, blk)
		case Table:
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

func markdownTable(b *strings.Builder, t Table) {
	t = t.withoutBars()
	for _, c := range t.Columns {
		b.WriteString("| " + c.Head + " ")
	}
	b.WriteString("|\n")
	for _, c := range t.Columns {
		b.WriteString(map[bool]string{true: "|--:", false: "|---"}[c.right])
	}
	b.WriteString("|\n")
	for _, r := range t.Rows {
		for _, c := range r {
			b.WriteString("| " + escapeMarkdown(c.Text) + " ")
		}
		b.WriteString("|\n")
	}
}

// escapeMarkdown keeps names from an image from becoming markup.
func escapeMarkdown(s string) string { return markdownEscapes.Replace(s) }

var markdownEscapes = strings.NewReplacer(`\`, `\\`, "`", "\\`", "*", `\*`, "_", `\_`, "|", `\|`, "<", "&lt;", ">", "&gt;", "&", "&amp;",
	"[", `\[`, "]", `\]`, "#", `\#`, "~", `\~`, "$", `\$`)
