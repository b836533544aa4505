package report

import (
	"fmt"
	"io"
	"strings"
	"time"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/report/page"
)

// nobody is the author of patches where git's user is not known.
const nobody = "whittle <whittle@localhost>"

// RepairSeries writes the commits of a repair as mail, one after the other, which
// git am applies at the top of the work tree.
// https://git-scm.com/docs/git-format-patch
func RepairSeries(w io.Writer, r *whittle.Repair) error {
	s := r.Series
	author := nobody
	if s.Author != "" {
		author = page.Plain(s.Author)
	}
	date, err := time.Parse(time.RFC3339, s.Date)
	if err != nil {
		return whittle.ErrUsage.Errorf("the date of the series: %w", err)
	}
	for i, c := range s.Commits {
		number := ""
		if len(s.Commits) > 1 {
			number = fmt.Sprintf(" %d/%d", i+1, len(s.Commits))
		}
		var b strings.Builder
		fmt.Fprintf(&b, "From %040d Mon Sep 17 00:00:00 2001\n", 0)
		fmt.Fprintf(&b, "From: %s\nDate: %s\nSubject: [PATCH%s] %s\n", author, date.Format(time.RFC1123Z), number, page.Plain(c.Subject))
		b.WriteString("MIME-Version: 1.0\nContent-Type: text/plain; charset=UTF-8\nContent-Transfer-Encoding: 8bit\n\n")
		for line := range strings.Lines(c.Body) {
			if strings.HasPrefix(line, "From ") {
				b.WriteByte('>')
			}
			b.WriteString(page.Plain(strings.TrimRight(line, "\n")) + "\n")
		}
		b.WriteString("---\n\n")
		for _, f := range c.Files {
			b.WriteString(mailedDiff(s.Prefix, f))
		}
		b.WriteString("-- \nwhittle\n\n")
		if _, err := io.WriteString(w, b.String()); err != nil {
			return err
		}
	}
	return nil
}

// mailedDiff is a file's diff with git's head, by its path in the work tree.
func mailedDiff(prefix string, f whittle.FileChange) string {
	if f.Diff == "" {
		return ""
	}
	name := prefix + f.Path
	head := fmt.Sprintf("diff --git %s %s\n", quotedPath("a/"+name), quotedPath("b/"+name))
	from := quotedPath("a/" + name)
	if f.Created {
		head += "new file mode 100644\n"
		from = "/dev/null"
	}
	_, hunks, _ := strings.Cut(f.Diff, "\n") // its own two lines of names
	_, hunks, _ = strings.Cut(hunks, "\n")
	var b strings.Builder
	for line := range strings.Lines(hunks) {
		b.WriteString(page.Copyable(strings.TrimSuffix(line, "\n")) + "\n")
	}
	return head + "--- " + from + "\n+++ " + quotedPath("b/"+name) + "\n" + b.String()
}

// quotedPath is a path as git writes it in a diff.
func quotedPath(p string) string {
	special := false
	var b strings.Builder
	for i := range len(p) {
		switch c := p[i]; {
		case c == '"' || c == '\\':
			special = true
			b.WriteString("\\" + string(c))
		case c < ' ' || c >= 0x7f:
			special = true
			fmt.Fprintf(&b, "\\%03o", c)
		default:
			b.WriteByte(c)
		}
	}
	if !special {
		return p
	}
	return `"` + b.String() + `"`
}
