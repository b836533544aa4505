package restage

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"whittle.dev/whittle/internal/dockerfile"
)

// variables are the values that a stage's ENV and ARG give to names, as far as
// they are known.
type variables struct {
	values map[string]string
	// env are the names that ENV sets, which no ARG changes.
	env map[string]bool
}

// maxVariables bounds how many are followed: every step has its own.
const maxVariables = 200

// newVariables are those at the start of a stage: the official Python images set
// some.
func newVariables() variables {
	v := variables{values: map[string]string{}, env: map[string]bool{}}
	for _, name := range []string{"PATH", "LANG", "GPG_KEY", "PYTHON_VERSION", "PYTHON_SHA256"} {
		v.env[name] = true
	}
	return v
}

// after are the variables after an instruction. arguments are those of the build.
func (v variables) after(in *dockerfile.Instruction, arguments map[string]string) variables {
	if in.Keyword != "ENV" && in.Keyword != "ARG" {
		return v
	}
	out := variables{maps.Clone(v.values), maps.Clone(v.env)}
	for _, a := range Assignments(in) {
		if _, there := out.env[a.Name]; !there && len(out.env) >= maxVariables {
			continue // over the limit: its value is not known
		}
		if in.Keyword == "ARG" && v.env[a.Name] {
			continue
		}
		value, ok := arguments[a.Name]
		if in.Keyword == "ENV" || !ok && a.set {
			value, ok = dockerfile.Expand(a.value, v.values)
		}
		if delete(out.values, a.Name); ok {
			out.values[a.Name] = value
		}
		out.env[a.Name] = in.Keyword == "ENV"
	}
	return out
}

// below are those that a stage inherits from the one that it builds on: not those
// of ARG.
func (v variables) below() variables {
	out := variables{maps.Clone(v.values), v.env}
	maps.DeleteFunc(out.values, func(name, _ string) bool { return !v.env[name] })
	return out
}

// Assignment is one NAME=VALUE of ENV or ARG as written; set says that there is
// a value.
type Assignment struct {
	Name, value string
	set         bool
}

// Assignments returns the assignments of an ENV or ARG. "ENV NAME VALUE" is the old form.
func Assignments(in *dockerfile.Instruction) (out []Assignment) {
	if in.Keyword == "ENV" && len(in.Args) == 2 && !strings.Contains(in.Args[0].Value, "=") {
		return []Assignment{{in.Args[0].Value, in.Args[1].Value, true}}
	}
	for _, a := range in.Args {
		name, value, set := strings.Cut(a.Value, "=")
		out = append(out, Assignment{name, value, set})
	}
	return out
}

// expanded is a word with its variables replaced, or as it is written where
// they are not known.
func (v variables) expanded(word string) string {
	if out, ok := dockerfile.Expand(word, v.values); ok {
		return out
	}
	return word
}

// reader replaces, in the commands of a script, the variables of the stage that the
// script does not set.
func (v variables) reader(script string) func(dockerfile.Command) dockerfile.Command {
	sets := map[string]bool{}
	return func(c dockerfile.Command) dockerfile.Command {
		c.Words = slices.Clone(c.Words)
		for i := range c.Words {
			w := &c.Words[i]
			if w.Literal {
				continue
			}
			value, ok := dockerfile.Expand(w.Text, v.values)
			if ok && Plain(strings.Map(bracketless, value)) && !v.assigned(w.Text, script, sets) {
				w.Value, w.Literal = value, true
			}
		}
		return c
	}
}

// bracketless skips what a shell would read as a pattern and requirements
// have around their extras.
func bracketless(c rune) rune {
	if strings.ContainsRune("[],=", c) {
		return -1
	}
	return c
}

// assigned says that a script may set one of the variables that a word uses. sets
// caches the answers.
func (v variables) assigned(word, script string, sets map[string]bool) bool {
	for name := range v.values {
		if !strings.Contains(word, "$"+name) && !strings.Contains(word, "${"+name) {
			continue
		}
		may, known := sets[name]
		if !known {
			may = slices.ContainsFunc([]string{name + "=", "for " + name, "read ", "getopts "}, func(by string) bool { return strings.Contains(script, by) })
			sets[name] = may
		}
		if may {
			return true
		}
	}
	return false
}

// Exported returns the shell command that gives the variables of an ENV to the commands
// of one RUN.
func Exported(in *dockerfile.Instruction) (string, error) {
	words := []string{"export"}
	for _, a := range Assignments(in) {
		value := strings.Trim(a.value, `"`)
		if strings.Contains(a.value, "'") || !Plain("x"+strings.Map(referenceless, value)) || !Plain(a.Name) {
			return "", fmt.Errorf("%s of the builder would be set in the image", a.Name)
		}
		if !Plain(value) {
			value = `"` + value + `"`
		}
		words = append(words, a.Name+"="+value)
	}
	return strings.Join(words, " "), nil
}

// referenceless skips what refers to variables.
func referenceless(c rune) rune {
	if strings.ContainsRune("${}", c) {
		return -1
	}
	return c
}

// flattened is a stage preceded by the instructions of those that it builds on,
// on the base image of the lowest.
func flattened(f *dockerfile.File, st *dockerfile.Stage) *dockerfile.Stage {
	if st.From == nil {
		return st
	}
	below := flattened(f, &f.Stages[*st.From])
	out := *st
	out.Base, out.BaseResolved, out.Platform, out.PlatformResolved = below.Base, below.BaseResolved, below.Platform, below.PlatformResolved
	out.Instructions = slices.Concat(below.Instructions, st.Instructions)
	return &out
}

// Head returns a stage's FROM line, with the base image of the lowest stage that it
// builds on.
func (r *Outline) Head(st *dockerfile.Stage) string {
	if st.From == nil {
		return st.Head.Text()
	}
	text := "FROM " + PlatformFlag(st) + st.Base
	if st.Name != "" {
		text += " AS " + st.Name
	}
	return text
}
