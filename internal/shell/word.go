package shell

import (
	"errors"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"mvdan.cc/sh/v3/expand"
	"mvdan.cc/sh/v3/pattern"
	"mvdan.cc/sh/v3/syntax"
)

// fields expands words to the arguments that a program gets. open says that
// how many they are is not known.
func (t *tracer) fields(sh *process, words []*syntax.Word) (out []string, open bool) {
	t.unset = nil
	for _, w := range words {
		after := len(out) > 0 && strings.HasPrefix(out[len(out)-1], "-")
		t.asksFor(sh, w, after)
		got, ok := t.expand(sh, w, func(cfg *expand.Config) ([]string, error) { return expand.Fields(cfg, w) })
		if !ok {
			got = []string{unknown}
		}
		if bare(w) && slices.ContainsFunc(got, isUnknown) && !after || slices.Contains(got, unknown) && isParams(w) {
			open = true
		}
		if out = append(out, got...); len(out) > 1000 {
			return out[:1000], true
		}
	}
	return out, open
}

// literal expands a word without splitting it.
func (t *tracer) literal(sh *process, w *syntax.Word) (string, bool) {
	if w == nil {
		return "", true
	}
	got, ok := t.expand(sh, w, func(cfg *expand.Config) ([]string, error) {
		s, err := expand.Literal(cfg, w)
		return []string{s}, err
	})
	if !ok || len(got[0]) > maxValue || isUnknown(got[0]) {
		if ok && len(got[0]) <= maxValue {
			return got[0], false
		}
		return unknown, false
	}
	return got[0], true
}

// document expands the text of a heredoc.
func (t *tracer) document(sh *process, w *syntax.Word) string {
	got, ok := t.expand(sh, w, func(cfg *expand.Config) ([]string, error) {
		s, err := expand.Document(cfg, w)
		return []string{s}, err
	})
	if !ok {
		return unknown
	}
	return got[0]
}

// expand runs an expansion of the shell's library. Where it
// fails, the result is unknown; it panics on parts of other dialects.
func (t *tracer) expand(sh *process, w *syntax.Word, f func(*expand.Config) ([]string, error)) (out []string, ok bool) {
	if !t.simple(sh, w) {
		return nil, false
	}
	defer func() {
		if recover() != nil {
			out, ok = nil, false
		}
	}()
	print := t.print
	cfg := &expand.Config{Env: environ{t, sh}, NoUnset: sh.nounset,
		CmdSubst:  func(to io.Writer, c *syntax.CmdSubst) error { return t.substitute(sh, to, c) },
		ProcSubst: func(*syntax.ProcSubst) (string, error) { return unknown, nil }}
	out, err := f(cfg)
	t.print = print
	if missing := (expand.UnsetParameterError{}); errors.As(err, &missing) {
		t.doubt(sh, "its script asks for $"+missing.Node.Param.Value+", which is only given when it runs")
		sh.stray()
	}
	return out, err == nil
}

// simple says that the library can expand a word in little time, and without the
// unknown values.
func (t *tracer) simple(sh *process, w *syntax.Word) bool {
	ok, braces := true, 0
	syntax.Walk(w, func(n syntax.Node) bool {
		switch n := n.(type) {
		case *syntax.CmdSubst, *syntax.ProcSubst:
			return false
		case *syntax.ExtGlob, *syntax.BraceExp:
			ok = false
		case *syntax.Lit:
			braces += strings.Count(n.Value, "{")
			ok = ok && !(strings.Contains(n.Value, "{") && strings.Contains(n.Value, ".."))
		case *syntax.ParamExp:
			if n.Param == nil || n.Excl || n.Width || n.Flags != nil || n.Names != 0 || n.Exp != nil && n.Exp.Op == syntax.OtherParamOps {
				ok = false
				return false
			}
			v := environ{t, sh}.Get(n.Param.Value)
			if v.Kind == expand.Associative || (n.Length || n.Slice != nil || n.Repl != nil || n.Index != nil) && (isUnknown(v.Str) || slices.ContainsFunc(v.List, isUnknown)) {
				ok = false
			}
		}
		return ok
	})
	return ok && braces <= 3
}

// asksFor notes the variables of a word that nothing sets, if the word needs them: a
// lone $OPTIONS is meant to be optional.
func (t *tracer) asksFor(sh *process, w *syntax.Word, after bool) {
	lone := len(w.Parts) == 1 && !after
	syntax.Walk(w, func(n syntax.Node) bool {
		switch n := n.(type) {
		case *syntax.CmdSubst, *syntax.ProcSubst, *syntax.ArithmExp:
			return false
		case *syntax.ParamExp:
			if n.Param == nil || n.Exp != nil || n.Length || n.Excl || lone && n == w.Parts[0] {
				return true
			}
			name := n.Param.Value
			if v := (environ{t, sh}).Get(name); !v.IsSet() && name != "@" && name != "*" && !slices.Contains(t.unset, name) {
				t.unset = append(t.unset, name)
			}
		}
		return true
	})
}

// bare says that a word is one unquoted expansion.
func bare(w *syntax.Word) bool {
	if len(w.Parts) != 1 {
		return false
	}
	switch w.Parts[0].(type) {
	case *syntax.ParamExp, *syntax.CmdSubst:
		return true
	}
	return false
}

// maxParams bounds the words that isParams prints, in bytes.
const maxParams = 4096

func isParams(w *syntax.Word) bool {
	if w.End().Offset()-w.Pos().Offset() > maxParams {
		return len(w.Parts) == 1 // it may well have them
	}
	return slices.Contains([]string{`"$@"`, `"${@}"`, `"$*"`}, printed(w)) || len(w.Parts) == 1 && strings.Contains(printed(w), "@")
}

func printed(w *syntax.Word) string {
	var b strings.Builder
	if err := syntax.NewPrinter().Print(&b, w); err != nil {
		return ""
	}
	return b.String()
}

// matches compares a word with a pattern of the shell.
func (t *tracer) matches(sh *process, word string, w *syntax.Word) Truth {
	pat, ok := t.expand(sh, w, func(cfg *expand.Config) ([]string, error) {
		s, err := expand.Pattern(cfg, w)
		return []string{s}, err
	})
	if !ok || isUnknown(pat[0]) {
		return Maybe
	}
	return match(pat[0], word)
}

func match(pat, word string) Truth {
	if strings.Trim(pat, "*") == "" && pat != "" {
		return Yes
	}
	if isUnknown(word) || len(pat) > 1000 {
		return Maybe
	}
	re, err := compile(pat)
	if err != nil {
		return Maybe
	}
	return truth(re.MatchString(word))
}

// compile makes a regular expression of a pattern.
func compile(pat string) (*regexp.Regexp, error) {
	expr, err := pattern.Regexp(pat, pattern.EntireString|pattern.ExtendedOperators)
	if err != nil {
		return nil, err
	}
	return regexp.Compile(expr)
}

func truth(b bool) Truth {
	if b {
		return Yes
	}
	return No
}

// environ gives the shell's library the variables.
type environ struct {
	t  *tracer
	sh *process
}

// Get implements [expand.Environ].
func (e environ) Get(name string) expand.Variable {
	str := func(s string) expand.Variable { return expand.Variable{Set: true, Kind: expand.String, Str: s} }
	sh := e.sh
	switch name {
	case "@", "*":
		return expand.Variable{Set: true, Kind: expand.Indexed, List: sh.params}
	case "#":
		if slices.Contains(sh.params, unknown) {
			return str(unknown)
		}
		return str(strconv.Itoa(len(sh.params)))
	case "0", "BASH_SOURCE":
		return str(sh.name)
	case "PWD":
		return str(sh.dir)
	case "IFS":
		if v, ok := sh.vars[name]; ok && !isUnknown(v.Str) {
			return v
		}
		return expand.Variable{}
	case "?", "$", "!", "-", "PPID", "RANDOM", "LINENO", "SECONDS", "HOSTNAME", "OLDPWD", "PIPESTATUS", "FUNCNAME":
		return str(unknown)
	case "UID", "EUID":
		if out, ok := e.t.host.Output([]string{"id", "-u"}); ok {
			return str(strings.TrimSpace(out))
		}
		return str(unknown)
	}
	if n, err := strconv.Atoi(name); err == nil {
		if slices.Contains(sh.params, unknown) {
			return str(unknown)
		}
		if n <= len(sh.params) {
			return str(sh.params[n-1])
		}
		return expand.Variable{}
	}
	if strings.HasPrefix(name, "HOME ") || strings.HasPrefix(name, "BASH") && name != "BASH_ENV" {
		return str(unknown)
	}
	return sh.vars[name]
}

// Each implements [expand.Environ].
func (e environ) Each(f func(string, expand.Variable) bool) {
	for name, v := range e.sh.vars {
		if !f(name, v) {
			return
		}
	}
}

// Set implements [expand.WriteEnviron], for ${NAME:=value}.
func (e environ) Set(name string, v expand.Variable) error {
	e.sh.set(name, v.Str)
	return nil
}

// set gives a variable a value; it stays exported.
func (sh *process) set(name, value string) {
	if len(value) > maxValue {
		value = unknown
	}
	sh.vars[name] = expand.Variable{Set: true, Kind: expand.String, Str: value, Exported: sh.vars[name].Exported || sh.allexport}
}
