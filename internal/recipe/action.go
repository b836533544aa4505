package recipe

import (
	"slices"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/dockerfile"
)

// Effect is what a command does to files.
type Effect uint8

// The effects, in the order of what find does with what it finds.
const (
	Unknown  Effect = iota // anything
	NoEffect               // nothing that the presence of files could change
	Deletes
	ChangesMode
	ChangesOwner
	ChangesTime
	Moves
)

// Action is a simple command as far as its words say what it does.
type Action struct {
	dockerfile.Command
	Effect Effect
	// Paths are those that it works on, clean and relative, cut before the
	// first glob; all says that there are no others. Words has the positions
	// of their words.
	Paths     []string
	PathWords []int
	Complete  bool
	// Recursive says -R, whole that a path is named without a glob.
	Recursive, Exact bool
	// Value is the mode, the owner, or the destination of what it moves.
	Value string
}

// Actions reads the commands of a RUN; dir is its working directory. ok is
// false where the script cannot be read, or has more than one plain list.
func (rc *Recipe) Actions(in *dockerfile.Instruction) (out []Action, ok bool) {
	if in.Keyword != "RUN" || in.JSON {
		return nil, false
	}
	s, err := in.Shell()
	if err != nil || len(s.Commands()) == 0 {
		return nil, false
	}
	dir := rc.Last(in, "WORKDIR")
	for _, c := range s.Commands() {
		if c.Depth > 0 {
			return nil, false
		}
		out = append(out, read(c, dir))
	}
	return out, true
}

// read says what one command does.
func read(c dockerfile.Command, dir string) Action {
	a := Action{Command: c}
	words := c.Words
	skip := 0
	if c.Name() == "xargs" {
		// Its paths are those of the command before the pipe.
		for skip = 1; skip < len(words) && strings.HasPrefix(words[skip].Value, "-"); skip++ {
		}
		if skip >= len(words) || c.Before.Text != "|" {
			return a
		}
		a.Effect = EffectOf(words[skip].Value)
		a.Complete = a.Effect != Unknown
		return a
	}
	if c.Name() == "find" {
		return readFind(a, dir)
	}
	if a.Effect = EffectOf(c.Name()); c.Name() == "ln" && !slices.ContainsFunc(words, func(w dockerfile.Word) bool {
		return strings.HasPrefix(w.Value, "-") && strings.Contains(w.Value, "s")
	}) {
		a.Effect = Unknown // a hard link needs its target
	}
	if a.Effect <= NoEffect {
		return a
	}
	a.Complete, a.Exact = true, true
	for i := 1; i < len(words); i++ {
		w := words[i]
		if w.Literal && strings.HasPrefix(w.Value, "-") && len(w.Value) > 1 {
			short := !strings.HasPrefix(w.Value, "--")
			a.Recursive = a.Recursive || w.Value == "--recursive" || short && strings.ContainsAny(w.Value, "rR")
			if strings.HasPrefix(w.Value, "--reference") || a.Effect == ChangesTime && short && strings.ContainsAny(w.Value, "drt") {
				a.Complete = false
			}
			continue
		}
		if (a.Effect == ChangesMode || a.Effect == ChangesOwner) && a.Value == "" {
			a.Value = w.Value
			a.Complete = a.Complete && w.Literal
			continue
		}
		a.path(w, i, dir)
	}
	if a.Effect == Moves && len(a.Paths) > 0 {
		last := len(a.Paths) - 1
		a.Value, a.Paths, a.PathWords = a.Paths[last], a.Paths[:last], a.PathWords[:last]
	}
	return a
}

// path takes in a word that names a path.
func (a *Action) path(w dockerfile.Word, i int, dir string) {
	v := w.Value
	if !w.Literal || v == "" || strings.HasPrefix(v, "~") {
		a.Complete = false
		return
	}
	if g := strings.IndexAny(v, "*?[{"); g >= 0 {
		a.Exact = false
		v = v[:strings.LastIndexByte("/"+v[:g], '/')]
		if v == "" && strings.HasPrefix(w.Value, "/") {
			v = "/"
		}
	}
	if !strings.HasPrefix(v, "/") && dir == "" {
		a.Complete = false
		return
	}
	a.Paths = append(a.Paths, whittle.Join(dir, v))
	a.PathWords = append(a.PathWords, i)
}

// readFind reads the paths and what find does with what it finds.
func readFind(a Action, dir string) Action {
	words := a.Words
	i := 1
	for ; i < len(words); i++ {
		if v := words[i].Value; words[i].Literal && (strings.HasPrefix(v, "-") || v == "(" || v == "!" || v == `\(`) {
			break
		}
		a.path(words[i], i, dir)
	}
	a.Complete = len(a.Paths) > 0 && len(a.Paths) == i-1
	for ; i < len(words); i++ {
		found := Unknown
		switch words[i].Value {
		case "-delete":
			found = Deletes
		case "-exec", "-execdir", "-ok":
			if i+1 < len(words) {
				found = EffectOf(words[i+1].Value)
			}
			if found <= NoEffect {
				a.Effect, a.Complete = Unknown, false
				return a
			}
		default:
			continue
		}
		a.Effect = max(a.Effect, found)
	}
	if a.Effect == Unknown && a.After.Text == "|" {
		a.Effect = NoEffect // it only prints; what follows the pipe works on it
	}
	return a
}

// EffectOf is the effect of a program, by its name or path.
func EffectOf(name string) Effect {
	name = name[strings.LastIndexByte(name, '/')+1:]
	switch name {
	case "rm", "rmdir", "unlink":
		return Deletes
	case "chmod":
		return ChangesMode
	case "chown", "chgrp":
		return ChangesOwner
	case "touch":
		return ChangesTime
	case "mv":
		return Moves
	case "useradd", "groupadd", "adduser", "addgroup", "usermod", "mkdir", "echo", "printf", "true", ":", "set", "ln":
		return NoEffect
	}
	return Unknown
}

// Indifferent says whether an instruction has the same effect when files that are
// there while it runs are gone already, or look otherwise: it brings files or
// settings, or runs only commands that ask for none.
func (rc *Recipe) Indifferent(in *dockerfile.Instruction) bool {
	if in.Keyword != "RUN" {
		return true
	}
	acts, ok := rc.Actions(in)
	return ok && !slices.ContainsFunc(acts, func(a Action) bool { return a.Effect == Unknown })
}

// IsPlainList says whether a script is one list of commands of which each runs
// only if those before it succeed.
func IsPlainList(acts []Action) bool {
	for _, a := range acts {
		if after := a.After.Text; after != "&&" && after != "|" && after != "" || a.Negated {
			return false
		}
	}
	return true
}

// OnlyConfigures says whether an instruction only changes the configuration in a way
// that no command can see.
func OnlyConfigures(in *dockerfile.Instruction) bool {
	switch in.Keyword {
	case "LABEL", "EXPOSE", "CMD", "ENTRYPOINT", "HEALTHCHECK", "STOPSIGNAL", "MAINTAINER", "ONBUILD", "VOLUME":
		return in.Keyword != "VOLUME" // files below a volume are lost when a RUN comes after it
	}
	return false
}

// Overlaps says that a path lies in one of others, or the other way round.
func Overlaps(at string, paths []string) bool {
	return slices.ContainsFunc(paths, func(q string) bool { return whittle.Under(at, q) || whittle.Under(q, at) })
}
