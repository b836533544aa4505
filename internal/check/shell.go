package check

import (
	"path"
	"slices"
	"strings"

	"whittle"

	"whittle/internal/dockerfile"
)

// shellRun follows the commands of one script.
type shellRun struct {
	s      *state
	st     *start
	file   string
	text   string
	params []string
	env    map[string]string
	dir    string
	depth  int
	errexit,
	strays bool // set -e; something changed the directory or environment in an unknown way
}

// run follows the commands in order. What stands in a condition, a function or
// before "||", or whose failure the script survives, is not an error.
func (r *shellRun) run(commands []dockerfile.Command) {
	for i := range commands {
		c := &commands[i]
		for _, a := range c.Assigns {
			if k, v, ok := strings.Cut(a.Value, "="); ok && a.Literal && (len(c.Words) == 0 || c.Name() == "export") {
				r.env[k] = v
			}
		}
		words := r.words(c)
		if len(words) == 0 {
			continue
		}
		if r.builtin(words) {
			continue
		}
		if words[0] == "exec" {
			if words = words[1:]; len(words) == 0 || strings.HasPrefix(words[0], "-") {
				continue
			}
		}
		fatal := i == len(commands)-1 || r.errexit || c.After.Text == "&&"
		if c.After.Text == "||" {
			fatal = gives(commands[i+1:], c.Depth)
		}
		survives := !fatal || c.Depth > 0 || c.Before.Text == "||" || c.Negated || c.After.Text == "|"
		r.start(words, c, survives || r.strays)
	}
}

// gives says whether the commands after "||" end the script with a failure:
// "|| exit 1", "|| { echo …; exit 1; }".
func gives(after []dockerfile.Command, depth int) bool {
	for i := range after {
		c := &after[i]
		if i > 0 && c.Depth <= depth {
			break
		}
		if c.Name() == "exit" || c.Name() == "false" {
			return len(c.Words) < 2 || c.Words[1].Value != "0"
		}
		if c.Depth <= depth {
			break
		}
	}
	return false
}

// start follows one command.
func (r *shellRun) start(words []string, c *dockerfile.Command, optional bool) {
	st := &start{name: r.st.name, role: r.st.role, argv: words, env: clone(r.env), dir: r.dir, optional: optional || r.st.optional}
	for _, a := range c.Assigns {
		if k, v, ok := strings.Cut(a.Value, "="); ok && a.Literal {
			st.env[k] = v
		}
	}
	if words[0] == unknownWord {
		if !optional {
			r.st.unknown = append(r.st.unknown, "a command of its script is only known when it runs")
		}
		return
	}
	if optional && c.Depth > 0 && !strings.Contains(words[0], "/") {
		if _, ok := r.s.lookup(&start{env: st.env, dir: st.dir}, words[0]); !ok {
			return // a function of the script, or a program that it does without
		}
	}
	r.s.follow(st, r.depth+1)
	if r.st.program == "" || !optional {
		r.st.program = st.program
	}
}

// words are the command's words; one that the shell expands is unknownWord,
// but for the script's own parameters.
func (r *shellRun) words(c *dockerfile.Command) []string {
	var out []string
	for _, w := range c.Words {
		switch {
		case w.Literal:
			out = append(out, w.Value)
		case w.Text == `"$@"` || w.Text == `$@` || w.Text == `"${@}"` || w.Text == `$*` || w.Text == `"$*"`:
			out = append(out, r.params...)
		case r.expand(w.Text) != "":
			out = append(out, r.expand(w.Text))
		default:
			out = append(out, unknownWord)
		}
	}
	return out
}

// expand resolves "$NAME" and "${NAME:-default}" where the value is known.
func (r *shellRun) expand(text string) string {
	text = strings.Trim(text, `"`)
	name, ok := strings.CutPrefix(text, "$")
	if !ok {
		return ""
	}
	if inner, braced := strings.CutPrefix(name, "{"); braced {
		name = strings.TrimSuffix(inner, "}")
	}
	name, fallback, _ := strings.Cut(name, ":-")
	if strings.Trim(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") != "" || strings.Contains(fallback, "$") {
		return ""
	}
	if v := r.env[name]; v != "" {
		return v
	}
	return fallback
}

// builtin follows what the shell does itself.
func (r *shellRun) builtin(words []string) bool {
	switch words[0] {
	case "cd":
		if len(words) > 1 && words[1] != unknownWord {
			r.dir = whittle.Join(r.dir, words[1])
		} else {
			r.strays = true
		}
		return true
	case "set":
		for _, w := range words[1:] {
			if strings.HasPrefix(w, "-") && strings.Contains(w, "e") || w == "errexit" {
				r.errexit = true
			}
		}
		return true
	case "export":
		for _, w := range words[1:] {
			if k, v, ok := strings.Cut(w, "="); ok {
				r.env[k] = v
			}
		}
		return true
	case ".", "source":
		if len(words) > 1 && path.Base(words[1]) == "activate" { // a virtual environment
			dir := path.Dir(whittle.Join(r.dir, words[1]))
			r.env["PATH"] = "/" + dir + ":" + searchPath(r.env)
			return true
		}
		r.strays = true
		return true
	case "eval":
		r.strays = true
		return true
	}
	return slices.Contains(shellBuiltins, words[0])
}

// shellBuiltins are those of POSIX sh and Bash that start nothing.
var shellBuiltins = strings.Fields(`: [ [[ alias bg break builtin caller case command complete continue declare dirs do done
	echo enable esac exit false fc fg fi for function getopts hash help history if in jobs kill let local logout mapfile popd
	printf pushd pwd read readarray readonly return select shift shopt suspend test then time times trap true type typeset
	ulimit umask unalias unset until wait while`)
