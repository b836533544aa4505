package report

import (
	"fmt"
	"io"
	"strings"

	"whittle"
)

// CheckText writes a check for a terminal.
func CheckText(w io.Writer, c *whittle.Check, st Style) error { return writeText(w, checkDoc(c), st) }

// CheckMarkdown writes a check as Markdown.
func CheckMarkdown(w io.Writer, c *whittle.Check) error { return writeMarkdown(w, checkDoc(c)) }

var verdicts = map[string]string{
	whittle.Runs:    "Nothing that it needs to start is missing.",
	whittle.Fails:   "It cannot run as it is.",
	whittle.Unknown: "Whether it runs cannot be said without running it.",
}

func checkDoc(c *whittle.Check) document {
	var d document
	title := c.Image
	if title == "" {
		title = "check"
	}
	d.add(heading{1, printable(title) + ": " + c.Verdict}, para(verdicts[c.Verdict]))
	for _, severity := range []struct{ name, title string }{{"error", "Errors"}, {"warning", "Warnings"}, {"info", "For your information"}} {
		var items list
		for _, p := range c.Problems {
			if p.Severity == severity.name {
				items = append(items, problemLine(p))
			}
		}
		if len(items) > 0 {
			d.add(heading{2, severity.title}, items)
		}
	}
	if len(c.Unknown) > 0 {
		var items list
		for _, u := range c.Unknown {
			items = append(items, printable(u))
		}
		d.add(heading{2, "Not followed"}, items)
	}
	return d
}

// problemLine is a problem with the way to it and what to do.
func problemLine(p whittle.Problem) string {
	line := fmt.Sprintf("%s: %s", p.Rule, printable(p.Message))
	if len(p.ReachedFrom) > 1 {
		line += ". Reached by " + printable(strings.Join(p.ReachedFrom, " → "))
	}
	if p.Fix != "" && !strings.Contains(p.Message, p.Fix) {
		line += ". To do: " + printable(p.Fix)
	}
	return line
}
