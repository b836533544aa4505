package recipe

import (
	"slices"
	"strings"

	"whittle.dev/whittle/internal/dockerfile"
)

// Clone is a "git clone".
type Clone struct {
	Fetch
	// Verb is the position of the word "clone".
	Verb int
	// Shallow says that it does not bring all of the history, or not in .git.
	Shallow bool
}

// cloneValues are the options of git clone that take the next word as their
// value (git-clone(1)).
var cloneValues = []string{"-b", "--branch", "-o", "--origin", "-u", "--upload-pack", "-c", "--config", "-j", "--jobs", "--reference", "--reference-if-able",
	"--separate-git-dir", "--template", "--depth", "--shallow-since", "--shallow-exclude", "--filter", "--server-option"}

// GitVerb is the subcommand of a command of git, with its position; ok says that
// it is git.
func (r *RunCommand) GitVerb() (verb string, at int, ok bool) {
	if r.Name() != "git" {
		return "", 0, false
	}
	for i := r.Program + 1; i < len(r.Words); i++ {
		switch w := r.Words[i].Text; {
		case w == "-C" || w == "-c" || w == "--git-dir" || w == "--work-tree":
			i++
		case !strings.HasPrefix(w, "-"):
			return r.Words[i].Value, i, true
		}
	}
	return "", 0, true
}

// Clones are the commands that clone a repository with all of its history.
func Clones(commands []Located) (out []Clone) {
	return slices.DeleteFunc(AllClones(commands), func(c Clone) bool { return c.Shallow })
}

// AllClones are the commands that clone a repository into a folder that a word
// names, the first 20.
func AllClones(commands []Located) (out []Clone) {
	for _, l := range commands {
		if len(out) == maxFetched {
			break
		}
		verb, at, ok := l.GitVerb()
		if !ok || verb != "clone" || at != l.Program+1 && l.Words[l.Program+1].Text == "-C" {
			continue
		}
		var names []dockerfile.Word
		shallow := false
		for i := at + 1; i < len(l.Words); i++ {
			w := l.Words[i].Text
			name, _, joined := strings.Cut(w, "=")
			switch {
			case slices.Contains([]string{"--depth", "--shallow-since", "--shallow-exclude", "--bare", "--mirror", "--separate-git-dir"}, name):
				shallow = true
				if slices.Contains(cloneValues, w) {
					i++
				}
			case slices.Contains(cloneValues, w) && !joined:
				i++
			case strings.HasPrefix(w, "-"):
			default:
				names = append(names, l.Words[i])
			}
		}
		if len(names) == 0 || len(names) > 2 {
			continue
		}
		folder := names[len(names)-1]
		if len(names) == 1 {
			var ok bool
			if folder, ok = cloneName(names[0]); !ok {
				continue
			}
		}
		folder.Text, folder.Value = strings.TrimSuffix(folder.Text, "/"), strings.TrimSuffix(folder.Value, "/")
		if pattern, ok := l.Path(folder); ok {
			out = append(out, Clone{Fetch: Fetch{Located: l, Text: folder.Text, Pattern: pattern}, Verb: at, Shallow: shallow})
		}
	}
	return out
}

// cloneName is the folder that git makes for an address: "tool" of
// "https://example.org/tool.git".
func cloneName(address dockerfile.Word) (folder dockerfile.Word, ok bool) {
	text := strings.Trim(address.Text, `"'`)
	text = strings.TrimSuffix(strings.TrimSuffix(text, "/"), ".git")
	text = text[strings.LastIndexAny(text, "/:")+1:]
	if text == "" || strings.ContainsAny(text, "\"'`$(){}*? ") {
		return folder, false
	}
	return dockerfile.Word{Text: text, Value: text, Literal: true}, true
}
