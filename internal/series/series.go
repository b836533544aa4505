// Package series parts the fixes of a repair into commits, and writes their messages.
package series

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"whittle.dev/whittle"
)

// Concern is the fixes of one rule in one round.
type Concern struct {
	Rule  string
	Steps []whittle.RepairStep
}

// Rounds are the rounds with applied fixes.
func Rounds(steps []whittle.RepairStep) []int {
	found := map[int]bool{}
	for _, s := range steps {
		if s.Status == whittle.Applied {
			found[s.Round] = true
		}
	}
	return slices.Sorted(maps.Keys(found))
}

// Concerns are the applied fixes of a round by rule, in the order of their first.
func Concerns(steps []whittle.RepairStep, round int) (out []Concern) {
	for _, s := range steps {
		if s.Status != whittle.Applied || s.Round != round || s.Finding.Fix == nil {
			continue
		}
		i := slices.IndexFunc(out, func(c Concern) bool { return c.Rule == s.Finding.Rule })
		if i < 0 {
			i = len(out)
			out = append(out, Concern{Rule: s.Finding.Rule})
		}
		out[i].Steps = append(out[i].Steps, s)
	}
	return out
}

// InOrder are the chosen steps in the order of all, in which they were applied:
// what several insert at one place depends on it.
func InOrder(all, chosen []whittle.RepairStep) (fixes []*whittle.Fix) {
	for _, s := range all {
		if slices.ContainsFunc(chosen, func(c whittle.RepairStep) bool { return c.Finding.Fix == s.Finding.Fix }) && s.Status == whittle.Applied {
			fixes = append(fixes, s.Finding.Fix)
		}
	}
	return fixes
}

// MaxSubject and maxBody are the longest lines of a commit's message.
const (
	MaxSubject = 72
	maxBody    = 72
)

// Subject is what the fixes of a concern do, as an imperative sentence.
func Subject(steps []whittle.RepairStep) string {
	var titles []string
	for _, s := range steps {
		if t := whittle.OneLine(s.Finding.Fix.Title); !slices.Contains(titles, t) {
			titles = append(titles, t)
		}
	}
	text := capitalized(strings.Join(titles, ", "))
	if utf8.RuneCountInString(text) <= MaxSubject {
		return text
	}
	more := ""
	if len(titles) > 1 {
		more = fmt.Sprintf(", and %d more", len(titles)-1)
	}
	return Fitted(capitalized(titles[0]), MaxSubject-len(more)) + more
}

func capitalized(text string) string {
	first, size := utf8.DecodeRuneInString(text)
	return string(unicode.ToUpper(first)) + text[size:]
}

// Fitted is a text of at most so many characters, cut after a word.
func Fitted(text string, most int) string {
	runes := []rune(text)
	if len(runes) <= most {
		return text
	}
	cut := string(runes[:most-1])
	if i := strings.LastIndexByte(cut, ' '); i > most/2 {
		cut = cut[:i]
	}
	return strings.TrimRight(cut, " ,;:") + "…"
}

// Body says of each fix why it is made and what it saves.
func Body(steps []whittle.RepairStep, v *whittle.Verification, round int) string {
	var parts []string
	for i, s := range steps {
		if i == maxParts {
			parts = append(parts, fmt.Sprintf("And %d more of the same kind.", len(steps)-maxParts))
			break
		}
		text := capitalized(strings.TrimSuffix(whittle.OneLine(s.Finding.Message), ".")) + "."
		saving := s.Finding.Saving
		switch {
		case s.Saved != nil:
			text += fmt.Sprintf(" Saves %s, as measured.", whittle.Bytes(*s.Saved))
		case saving.Low != saving.High:
			text += fmt.Sprintf(" Predicted to save %s to %s.", whittle.Bytes(saving.Low), whittle.Bytes(saving.High))
		case saving.High > 0:
			text += fmt.Sprintf(" Predicted to save %s.", whittle.Bytes(saving.High))
		}
		if c := whittle.OneLine(s.Finding.Caution); c != "" {
			text += " To know: " + strings.TrimSuffix(c, ".") + "."
		}
		if s.Support != "" {
			text += " " + capitalized(s.Support) + "."
		}
		for _, t := range s.StartUp {
			text += " Measured: " + t.String() + "."
		}
		parts = append(parts, wrapped(text))
	}
	if slices.ContainsFunc(steps, func(s whittle.RepairStep) bool { return s.Saved == nil }) {
		if text := Measured(v, round); text != "" {
			parts = append(parts, text)
		}
	}
	from := fmt.Sprintf("Found by whittle (rule %s).", steps[0].Finding.Rule)
	if steps[0].Strategy != "" {
		from = fmt.Sprintf("Made by whittle (strategy %s).", steps[0].Strategy)
	}
	parts = append(parts, wrapped(from))
	return strings.Join(parts, "\n\n")
}

// maxParts is how many fixes a message describes.
const maxParts = 10

// Measured says what the fixes of a round saved together in a build; round 0 is the
// whole series. It is empty if nothing was built.
func Measured(v *whittle.Verification, round int) string {
	if v == nil {
		return ""
	}
	var lines []string
	if round == 0 {
		for _, row := range v.Variants {
			lines = append(lines, wrapped(fmt.Sprintf("Measured: the image %s is %s smaller with all commits of this series.", row.Name, whittle.Bytes(row.Saved))))
		}
		return strings.Join(lines, "\n")
	}
	for _, row := range v.Rounds {
		if row.Round == round {
			lines = append(lines, wrapped(fmt.Sprintf("Measured: the image %s is %s smaller with the commits for %s together.", row.Variant, whittle.Bytes(row.Saved), strings.Join(slices.Compact(slices.Sorted(slices.Values(row.Rules))), ", "))))
		}
	}
	return strings.Join(lines, "\n")
}

// wrapped breaks a text into lines. No line begins with what git or mail would read
// as something else.
func wrapped(text string) string {
	var b strings.Builder
	column := 0
	for i, word := range strings.Fields(text) {
		special := word == "From" || strings.HasPrefix(word, "---") || strings.HasPrefix(word, "diff") || strings.HasPrefix(word, "#") || strings.HasPrefix(word, ">")
		switch n := utf8.RuneCountInString(word); {
		case i == 0:
			column = n
		case column+1+n > maxBody && !special:
			b.WriteByte('\n')
			column = n
		default:
			b.WriteByte(' ')
			column += 1 + n
		}
		b.WriteString(word)
	}
	return b.String()
}
