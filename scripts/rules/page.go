package main

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"

	"whittle.dev/whittle/internal/rule/analysis"
)

// index is the page that lists the others.
const index = "README.md"

const made = "<!-- Made by `go run ./scripts/rules -w` from internal/rule. Change the rule, not this page. -->\n\n"

var ident = regexp.MustCompile(`^[a-z][a-z0-9]*(-[a-z0-9]+)*$`)

// render makes a page of each rule and one that lists them, by file name.
func render(rules []analysis.Rule) (map[string][]byte, error) {
	pages := map[string][]byte{}
	var list strings.Builder
	list.WriteString(made + "# Rules\n\n`whittle advise` uses these rules, in this order; `whittle fix --only RULE` makes the fixes of one.\n")
	if len(rules) > 0 {
		list.WriteString("\n| Rule | What it finds |\n|---|---|\n")
	}
	for _, r := range rules {
		name := r.ID + ".md"
		if err := complete(r); err != nil {
			return nil, fmt.Errorf("rule %q: %w", r.ID, err)
		}
		if pages[name] != nil {
			return nil, fmt.Errorf("rule %q: there are two of that name", r.ID)
		}
		pages[name] = page(r)
		fmt.Fprintf(&list, "| [%s](%s) | %s |\n", r.ID, name, strings.ReplaceAll(strings.TrimSpace(r.Title), "|", `\|`))
	}
	pages[index] = []byte(list.String())
	return pages, nil
}

// complete says what a rule lacks to have a page.
func complete(r analysis.Rule) error {
	title := strings.TrimSpace(r.Title)
	switch {
	case !ident.MatchString(r.ID):
		return errors.New("a name is of small letters, digits and dashes")
	case title == "" || strings.Contains(title, "\n"):
		return errors.New("the title is not one line")
	case strings.TrimSpace(r.Text) == "":
		return errors.New("it has no text")
	case (r.Before == "") != (r.After == ""):
		return errors.New("of before and after one is empty")
	}
	return nil
}

// page is a rule's page: its title, its text, and an example where it has one.
func page(r analysis.Rule) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "%s# %s\n\n**%s.**\n\n%s\n", made, r.ID, strings.TrimSuffix(strings.TrimSpace(r.Title), "."), wrap(r.Text))
	if r.Before != "" {
		lang := language(r.Before + "\n" + r.After)
		fmt.Fprintf(&b, "\n## Before\n\n%s\n## After\n\n%s", fenced(lang, r.Before), fenced(lang, r.After))
	}
	b.WriteString("\n[All rules](" + index + ")\n")
	return []byte(b.String())
}

var instruction = regexp.MustCompile(`(?m)^(FROM|RUN|COPY|ADD|ENV|ARG|WORKDIR|USER|CMD|ENTRYPOINT) `)

// language is what the lines of an example look like.
func language(s string) string {
	switch {
	case instruction.MatchString(s):
		return "dockerfile"
	case strings.HasPrefix(s, "[") || strings.Contains(s, "\n["):
		return "toml"
	}
	return "text"
}

// fenced is lines of a file between fences that none of them can close.
func fenced(lang, s string) string {
	fence := "```"
	for strings.Contains(s, fence) {
		fence += "`"
	}
	return fence + lang + "\n" + strings.TrimRight(s, "\n") + "\n" + fence + "\n"
}

// columns is the length of the longest line of a page's text.
const columns = 150

// wrap is a text of one paragraph in lines of at most [columns] characters.
func wrap(text string) string {
	var b strings.Builder
	length := 0
	for _, word := range strings.Fields(text) {
		n := utf8.RuneCountInString(word)
		switch {
		case length == 0:
		case length+1+n > columns:
			b.WriteByte('\n')
			length = 0
		default:
			b.WriteByte(' ')
			length++
		}
		b.WriteString(word)
		length += n
	}
	return b.String()
}
