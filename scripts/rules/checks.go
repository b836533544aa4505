package main

import (
	"fmt"
	"strings"

	"whittle.dev/whittle/internal/check"
)

const madeOfChecks = "<!-- Made by `go run ./scripts/rules -w` from internal/check. Change that, not this page. -->\n\n"

// renderChecks makes a page of each check and one that lists them, by file name.
func renderChecks(checks []check.Check) (map[string][]byte, error) {
	pages := map[string][]byte{}
	var list strings.Builder
	list.WriteString(madeOfChecks + "# Checks\n\n`whittle check` makes these checks, in this order. A check's severity is the worst that it reports.\n\n| Check | Severity | What is wrong |\n|---|---|---|\n")
	for _, c := range checks {
		if !ident.MatchString(c.ID) || c.Title == "" || strings.Contains(c.Title, "\n") || c.Text == "" || c.Severity == "" {
			return nil, fmt.Errorf("check %q: it has no title of one line, no text or no severity", c.ID)
		}
		name := c.ID + ".md"
		if pages[name] != nil {
			return nil, fmt.Errorf("check %q: there are two of that name", c.ID)
		}
		pages[name] = []byte(fmt.Sprintf("%s# %s\n\n**%s.** Worst severity: %s.\n\n%s\n\n[All checks](%s)\n", madeOfChecks, c.ID, capital(c.Title), c.Severity, wrap(c.Text), index))
		fmt.Fprintf(&list, "| [%s](%s) | %s | %s |\n", c.ID, name, c.Severity, strings.ReplaceAll(c.Title, "|", `\|`))
	}
	pages[index] = []byte(list.String())
	return pages, nil
}

// capital gives a sentence its first capital letter. USER is already one.
func capital(s string) string {
	if strings.HasPrefix(s, "USER") {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}
