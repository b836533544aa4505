package rule

import (
	"slices"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/dockerfile"
)

// verb is what a command does to files.
type verb uint8

const (
	other verb = iota // anything
	inert             // nothing that the presence of files could change
	deletes
	chmods
	chowns
	touches
	moves
)

// action is a simple command as far as its words say what it does.
type action struct {
	dockerfile.Command
	verb verb
	// paths are those that it works on, clean and relative, cut before the
	// first glob; all says that there are no others. Words has the positions
	// of their words.
	paths []string
	words []int
	all   bool
	// recursive says -R, whole that a path is named without a glob.
	recursive, whole bool
	// value is the mode, the owner, or the destination of what it moves.
	value string
}

// actions reads the commands of a RUN; dir is its working directory. ok is
// false where the script cannot be read, or has more than one plain list.
func (rc *recipe) actions(in *dockerfile.Instruction) (out []action, ok bool) {
	if in.Keyword != "RUN" || in.JSON {
		return nil, false
	}
	s, err := in.Shell()
	if err != nil || len(s.Commands()) == 0 {
		return nil, false
	}
	dir := rc.last(in, "WORKDIR")
	for _, c := range s.Commands() {
		if c.Depth > 0 {
			return nil, false
		}
		out = append(out, read(c, dir))
	}
	return out, true
}

// read says what one command does.
func read(c dockerfile.Command, dir string) action {
	a := action{Command: c}
	words := c.Words
	skip := 0
	if c.Name() == "xargs" {
		// Its paths are those of the command before the pipe.
		for skip = 1; skip < len(words) && strings.HasPrefix(words[skip].Value, "-"); skip++ {
		}
		if skip >= len(words) || c.Before.Text != "|" {
			return a
		}
		a.verb = verbOf(words[skip].Value)
		a.all = a.verb != other
		return a
	}
	if c.Name() == "find" {
		return readFind(a, dir)
	}
	if a.verb = verbOf(c.Name()); c.Name() == "ln" && !slices.ContainsFunc(words, func(w dockerfile.Word) bool {
		return strings.HasPrefix(w.Value, "-") && strings.Contains(w.Value, "s")
	}) {
		a.verb = other // a hard link needs its target
	}
	if a.verb <= inert {
		return a
	}
	a.all, a.whole = true, true
	for i := 1; i < len(words); i++ {
		w := words[i]
		if w.Literal && strings.HasPrefix(w.Value, "-") && len(w.Value) > 1 {
			short := !strings.HasPrefix(w.Value, "--")
			a.recursive = a.recursive || w.Value == "--recursive" || short && strings.ContainsAny(w.Value, "rR")
			if strings.HasPrefix(w.Value, "--reference") || a.verb == touches && short && strings.ContainsAny(w.Value, "drt") {
				a.all = false
			}
			continue
		}
		if (a.verb == chmods || a.verb == chowns) && a.value == "" {
			a.value = w.Value
			a.all = a.all && w.Literal
			continue
		}
		a.path(w, i, dir)
	}
	if a.verb == moves && len(a.paths) > 0 {
		last := len(a.paths) - 1
		a.value, a.paths, a.words = a.paths[last], a.paths[:last], a.words[:last]
	}
	return a
}

// path takes in a word that names a path.
func (a *action) path(w dockerfile.Word, i int, dir string) {
	v := w.Value
	if !w.Literal || v == "" || strings.HasPrefix(v, "~") {
		a.all = false
		return
	}
	if g := strings.IndexAny(v, "*?[{"); g >= 0 {
		a.whole = false
		v = v[:strings.LastIndexByte("/"+v[:g], '/')]
		if v == "" && strings.HasPrefix(w.Value, "/") {
			v = "/"
		}
	}
	if !strings.HasPrefix(v, "/") && dir == "" {
		a.all = false
		return
	}
	a.paths = append(a.paths, whittle.Join(dir, v))
	a.words = append(a.words, i)
}

// readFind reads the paths and what find does with what it finds.
func readFind(a action, dir string) action {
	words := a.Words
	i := 1
	for ; i < len(words); i++ {
		if v := words[i].Value; words[i].Literal && (strings.HasPrefix(v, "-") || v == "(" || v == "!" || v == `\(`) {
			break
		}
		a.path(words[i], i, dir)
	}
	a.all = len(a.paths) > 0 && len(a.paths) == i-1
	for ; i < len(words); i++ {
		found := other
		switch words[i].Value {
		case "-delete":
			found = deletes
		case "-exec", "-execdir", "-ok":
			if i+1 < len(words) {
				found = verbOf(words[i+1].Value)
			}
			if found <= inert {
				a.verb, a.all = other, false
				return a
			}
		default:
			continue
		}
		a.verb = max(a.verb, found)
	}
	if a.verb == other && a.After.Text == "|" {
		a.verb = inert // it only prints; what follows the pipe works on it
	}
	return a
}

func verbOf(name string) verb {
	name = name[strings.LastIndexByte(name, '/')+1:]
	switch name {
	case "rm", "rmdir", "unlink":
		return deletes
	case "chmod":
		return chmods
	case "chown", "chgrp":
		return chowns
	case "touch":
		return touches
	case "mv":
		return moves
	case "useradd", "groupadd", "adduser", "addgroup", "usermod", "mkdir", "echo", "printf", "true", ":", "set", "ln":
		return inert
	}
	return other
}

// idle says whether an instruction goes on as before when files that stand
// there while it runs are gone already, or look otherwise: it brings files or
// settings, or runs only commands that ask for none.
func (rc *recipe) idle(in *dockerfile.Instruction) bool {
	if in.Keyword != "RUN" {
		return true
	}
	acts, ok := rc.actions(in)
	return ok && !slices.ContainsFunc(acts, func(a action) bool { return a.verb == other })
}

// plainList says whether a script is one list of commands of which each runs
// only if those before it went well.
func plainList(acts []action) bool {
	for _, a := range acts {
		if after := a.After.Text; after != "&&" && after != "|" && after != "" || a.Negated {
			return false
		}
	}
	return true
}

// setting says whether an instruction only changes the configuration in a way
// that no command can see.
func setting(in *dockerfile.Instruction) bool {
	switch in.Keyword {
	case "LABEL", "EXPOSE", "CMD", "ENTRYPOINT", "HEALTHCHECK", "STOPSIGNAL", "MAINTAINER", "ONBUILD", "VOLUME":
		return in.Keyword != "VOLUME" // files below a volume are lost when a RUN comes after it
	}
	return false
}
