package lab

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/host"
	"whittle.dev/whittle/internal/patch"
)

// openRepository opens the repository that commits go to, and checks before
// anything is built whether they can be made. It is nil if none are wanted, or a
// series is only shown and there is no repository.
func openRepository(ctx context.Context, env *host.Env, o FixOptions) (host.Repository, error) {
	if !o.Commits {
		return nil, nil
	}
	if env.Repository == nil {
		return nil, whittle.ErrUnsupported.Errorf("commits need git")
	}
	r, err := env.Repository(ctx, o.Dir)
	if err == nil && o.Write {
		if _, err = r.Author(ctx); err == nil {
			err = r.Clean(ctx)
		}
	}
	switch {
	case err == nil:
		return r, nil
	case o.Write || ctx.Err() != nil:
		return nil, err
	}
	return nil, nil // the patches say from where they are
}

// concern is the fixes of one rule in one round.
type concern struct {
	rule  string
	steps []whittle.RepairStep
}

// series is a repair as commits. Each commit is what the state gains by the fixes of
// one rule, on top of those before; generated files are made again for each.
func (p *prover) series(ctx context.Context, r *whittle.Repair, repository host.Repository) (*whittle.RepairSeries, error) {
	out := &whittle.RepairSeries{Date: p.workshop.bench.env.Time().Format(time.RFC3339), Commits: []whittle.RepairCommit{}}
	if repository != nil {
		out.Prefix = repository.Prefix()
		out.Author, _ = repository.Author(ctx) // Clean has checked it where commits are made
	}
	now := state(nil)
	for _, round := range rounds(r.Steps) {
		base := now
		var chosen []whittle.RepairStep
		for _, c := range concerns(r.Steps, round) {
			chosen = append(chosen, c.steps...)
			next, err := p.applied(ctx, base, inOrder(r.Steps, chosen))
			if err != nil {
				return nil, err
			}
			files, err := p.workshop.between(now, next)
			if err != nil {
				return nil, err
			}
			if now = next; len(files) > 0 {
				out.Commits = append(out.Commits, whittle.RepairCommit{Subject: subject(c.steps), Body: body(c.steps, r.Verified, round), Rule: c.rule, Files: files})
			}
		}
	}
	rest, err := p.workshop.between(now, p.state)
	if err != nil {
		return nil, err
	}
	if len(rest) > 0 {
		var names []string
		for _, f := range rest {
			names = append(names, f.Path)
		}
		out.Commits = append(out.Commits, whittle.RepairCommit{Subject: fitted("Make the image smaller: "+strings.Join(names, ", "), maxSubject), Body: measured(r.Verified, 0), Files: rest})
	}
	return out, nil
}

// rounds are the rounds with applied fixes.
func rounds(steps []whittle.RepairStep) []int {
	found := map[int]bool{}
	for _, s := range steps {
		if s.Status == whittle.Applied {
			found[s.Round] = true
		}
	}
	return slices.Sorted(maps.Keys(found))
}

// concerns are the applied fixes of a round by rule, in the order of their first.
func concerns(steps []whittle.RepairStep, round int) (out []concern) {
	for _, s := range steps {
		if s.Status != whittle.Applied || s.Round != round || s.Finding.Fix == nil {
			continue
		}
		i := slices.IndexFunc(out, func(c concern) bool { return c.rule == s.Finding.Rule })
		if i < 0 {
			i = len(out)
			out = append(out, concern{rule: s.Finding.Rule})
		}
		out[i].steps = append(out[i].steps, s)
	}
	return out
}

// inOrder are the chosen steps in the order of all, in which they were applied:
// what several insert at one place depends on it.
func inOrder(all, chosen []whittle.RepairStep) (fixes []*whittle.Fix) {
	for _, s := range all {
		if slices.ContainsFunc(chosen, func(c whittle.RepairStep) bool { return c.Finding.Fix == s.Finding.Fix }) && s.Status == whittle.Applied {
			fixes = append(fixes, s.Finding.Fix)
		}
	}
	return fixes
}

// applied is a state with some fixes, and with the generated files that they need.
func (p *prover) applied(ctx context.Context, base state, fixes []*whittle.Fix) (state, error) {
	files, err := p.workshop.copy.Files(base, fixes)
	if err != nil {
		return nil, err
	}
	changed, _, err := patch.Merge(files, p.workshop.dockerfiles(), fixes)
	if err != nil {
		return nil, err
	}
	var remake []string
	for _, f := range fixes {
		for _, name := range f.Remake {
			if !slices.Contains(remake, name) {
				remake = append(remake, name)
			}
		}
	}
	return p.workshop.remake(ctx, base.With(changed), remake)
}

// between are the differences between two states.
func (w *workshop) between(from, to state) ([]whittle.FileChange, error) {
	before, after := map[string][]byte{}, map[string][]byte{}
	for _, s := range []state{from, to} {
		for name := range s {
			for where, in := range map[*map[string][]byte]state{&before: from, &after: to} {
				text, err := w.copy.Content(in, name)
				if err != nil {
					return nil, err
				}
				if text != nil {
					(*where)[name] = text
				}
			}
		}
	}
	return patch.Changes(before, after), nil
}

// writeOrCommit writes a repair's files. If it has a series, it also makes the
// commits: git has their objects before a file is written, and they become part of
// the branch all at once after that. If they cannot, the files get their former
// contents.
func (s *study) writeOrCommit(ctx context.Context, r *whittle.Repair, force bool, repository host.Repository) error {
	if r.Series == nil || len(r.Series.Commits) == 0 {
		return s.write(ctx, r.Files, force)
	}
	commits := r.Series.Commits
	err := repository.Prepare(ctx, commits, s.bench.env.Time())
	if err == nil {
		err = s.write(ctx, r.Files, force)
	}
	if err == nil {
		if err = repository.Land(ctx, len(commits)); err == nil {
			return nil
		}
		err = errors.Join(err, s.unwrite(context.WithoutCancel(ctx), r.Files))
	}
	for i := range commits {
		commits[i].Commit = ""
	}
	return err
}

// unwrite gives files that were written their former contents.
func (s *study) unwrite(ctx context.Context, files []whittle.FileChange) error {
	places, err := s.places(files)
	if err != nil {
		return err
	}
	var back []whittle.FileChange
	var where []string
	folder := whittle.Folder(s.bench.project.Dir)
	for i, f := range files {
		now, err := folder.ReadFile(f.Path)
		switch {
		case err != nil || !bytes.Equal(now, f.After): // somebody else has changed it
		case f.Created:
			if err := folder.Remove(f.Path); err != nil {
				return err
			}
		default:
			back = append(back, whittle.FileChange{Path: f.Path, Before: f.After, After: f.Before})
			where = append(where, places[i])
		}
	}
	if len(back) == 0 {
		return nil
	}
	return s.bench.out.Commit(ctx, s.bench.project.Dir, back, where)
}

// maxSubject and maxBody are the longest lines of a commit's message.
const (
	maxSubject = 72
	maxBody    = 72
)

// subject is what the fixes of a concern do, as an imperative sentence.
func subject(steps []whittle.RepairStep) string {
	var titles []string
	for _, s := range steps {
		if t := whittle.OneLine(s.Finding.Fix.Title); !slices.Contains(titles, t) {
			titles = append(titles, t)
		}
	}
	text := capitalized(strings.Join(titles, ", "))
	if utf8.RuneCountInString(text) <= maxSubject {
		return text
	}
	more := ""
	if len(titles) > 1 {
		more = fmt.Sprintf(", and %d more", len(titles)-1)
	}
	return fitted(capitalized(titles[0]), maxSubject-len(more)) + more
}

func capitalized(text string) string {
	first, size := utf8.DecodeRuneInString(text)
	return string(unicode.ToUpper(first)) + text[size:]
}

// fitted is a text of at most so many characters, cut after a word.
func fitted(text string, most int) string {
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

// body says of each fix why it is made and what it saves.
func body(steps []whittle.RepairStep, v *whittle.Verification, round int) string {
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
		parts = append(parts, wrapped(text, maxBody))
	}
	if slices.ContainsFunc(steps, func(s whittle.RepairStep) bool { return s.Saved == nil }) {
		if text := measured(v, round); text != "" {
			parts = append(parts, text)
		}
	}
	parts = append(parts, wrapped(fmt.Sprintf("Found by whittle (rule %s).", steps[0].Finding.Rule), maxBody))
	return strings.Join(parts, "\n\n")
}

// maxParts is how many fixes a message describes.
const maxParts = 10

// measured says what the fixes of a round saved together in a build; round 0 is the
// whole series. It is empty if nothing was built.
func measured(v *whittle.Verification, round int) string {
	if v == nil {
		return ""
	}
	var lines []string
	if round == 0 {
		for _, row := range v.Variants {
			lines = append(lines, wrapped(fmt.Sprintf("Measured: the image %s is %s smaller with all commits of this series.", row.Name, whittle.Bytes(row.Saved)), maxBody))
		}
		return strings.Join(lines, "\n")
	}
	for _, row := range v.Rounds {
		if row.Round == round {
			lines = append(lines, wrapped(fmt.Sprintf("Measured: the image %s is %s smaller with the commits for %s together.", row.Variant, whittle.Bytes(row.Saved), strings.Join(slices.Compact(slices.Sorted(slices.Values(row.Rules))), ", ")), maxBody))
		}
	}
	return strings.Join(lines, "\n")
}

// wrapped breaks a text into lines. No line begins with what git or mail would read
// as something else.
func wrapped(text string, width int) string {
	var b strings.Builder
	column := 0
	for i, word := range strings.Fields(text) {
		special := word == "From" || strings.HasPrefix(word, "---") || strings.HasPrefix(word, "diff") || strings.HasPrefix(word, "#") || strings.HasPrefix(word, ">")
		switch n := utf8.RuneCountInString(word); {
		case i == 0:
			column = n
		case column+1+n > width && !special:
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
