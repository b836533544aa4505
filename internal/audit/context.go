package audit

import (
	"path"
	"path/filepath"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/dockerfile"
)

// contextDir is the folder that a build got, of a project in dir.
func contextDir(dir, context string) string {
	if filepath.IsAbs(context) {
		return context
	}
	return filepath.Join(dir, filepath.FromSlash(context))
}

// FromProject names the files of findings from the project's folder. Rules name
// the Dockerfile and its own ignore file so, and all others from the build
// context.
func FromProject(found []whittle.Finding, context string, file *dockerfile.File) {
	if context == "" {
		return
	}
	moved := map[string]string{}
	move := func(name string) string {
		if name == "" || file != nil && strings.TrimSuffix(name, ".dockerignore") == file.Name {
			return name
		}
		moved[name] = path.Join(filepath.ToSlash(context), name)
		return moved[name]
	}
	for i := range found {
		f := &found[i]
		clear(moved)
		f.Evidence = slices.Clone(f.Evidence) // several findings may share one
		for j := range f.Evidence {
			f.Evidence[j].File = move(f.Evidence[j].File)
		}
		if f.Fix != nil {
			fix := *f.Fix
			fix.Patches, fix.Remake = slices.Clone(fix.Patches), slices.Clone(fix.Remake)
			for j := range fix.Patches {
				fix.Patches[j].File = move(fix.Patches[j].File)
			}
			for j := range fix.Remake {
				fix.Remake[j] = move(fix.Remake[j])
			}
			fix.Title = renamed(fix.Title, moved)
			f.Fix = &fix
		}
		for _, text := range []*string{&f.Message, &f.Advice, &f.Caution} {
			*text = renamed(*text, moved)
		}
	}
}

// renamed is a text with other names for files.
func renamed(text string, moved map[string]string) string {
	var b strings.Builder
	for text != "" {
		end := strings.IndexFunc(text, func(c rune) bool { return !ofName(c) })
		if end < 0 {
			end = len(text)
		}
		word := strings.TrimRight(text[:end], ".")
		if to, ok := moved[word]; ok {
			b.WriteString(to)
			text = text[len(word):]
			continue
		}
		_, n := utf8.DecodeRuneInString(text[end:])
		b.WriteString(text[:end+n])
		text = text[end+n:]
	}
	return b.String()
}

func ofName(c rune) bool {
	return unicode.IsLetter(c) || unicode.IsDigit(c) || strings.ContainsRune("_./+-@", c)
}

// startedAs is an image's configuration with another process.
func startedAs(c *whittle.Config, process *whittle.Process) *whittle.Config {
	if process == nil {
		return c
	}
	out := *c
	out.Config = *process
	return &out
}
