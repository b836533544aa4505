package shell

import (
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

	"mvdan.cc/sh/v3/expand"
	"mvdan.cc/sh/v3/syntax"
)

// call follows a simple command: an assignment, a function, a built-in, or a
// program.
func (t *tracer) call(sh *process, st *syntax.Stmt, c *syntax.CallExpr, p place) Truth {
	if len(c.Args) == 0 {
		status := Yes
		for _, a := range c.Assigns {
			status = t.assign(sh, a, false)
		}
		return status
	}
	args, open := t.fields(sh, c.Args)
	unset := t.unset
	if len(args) == 0 {
		// $COMMAND that nothing sets.
		t.doubt(sh, fmt.Sprintf("what line %d of its script starts is only given when it runs", st.Pos().Line()))
		return Maybe
	}
	own := sh
	if len(c.Assigns) > 0 {
		own = sh.copy()
		for _, a := range c.Assigns {
			t.assign(own, a, true)
		}
	}
	cmd := &simpleCommand{t: t, sh: own, st: st, args: args, open: open, place: p, line: st.Pos().Line(), unset: unset}
	status := cmd.run()
	if own != sh {
		sh.ended, sh.returned, sh.broke, sh.strayed, sh.how = own.ended, own.returned, own.broke, own.strayed, own.how
		sh.failed, sh.mayEnd, sh.touched, sh.status = own.failed, own.mayEnd, own.touched, own.status
		sh.made = own.made
		if _, isFunction := sh.funcs[args[0]]; isFunction {
			sh.dir, sh.vars = own.dir, own.vars
		}
	}
	return status
}

// simpleCommand is one command with its words expanded.
type simpleCommand struct {
	t     *tracer
	sh    *process
	st    *syntax.Stmt
	args  []string
	open  bool
	line  uint
	unset []string
	place
}

func (c *simpleCommand) run() Truth {
	name := c.args[0]
	switch name {
	case "exec":
		return c.exec()
	case "command":
		return c.command()
	case "builtin":
		if len(c.args) > 1 {
			c.args = c.args[1:]
			return c.run()
		}
		return Yes
	}
	if c.writes() {
		defer func() { c.sh.made = true }()
	}
	if body, ok := c.sh.funcs[name]; ok {
		return c.function(body)
	}
	if f, ok := c.t.builtins[name]; ok {
		return f(c)
	}
	return c.program(c.fatal(c.sh))
}

// program is a command that is no built-in.
func (c *simpleCommand) program(fatal bool) Truth {
	if c.t.print != nil {
		if out, ok := c.t.output(c.sh, c.args); ok && !c.open {
			c.t.print.WriteString(out)
			return Yes
		}
		c.t.print.WriteString(unknown)
	}
	if !readsOnly[path.Base(c.args[0])] {
		c.sh.touched = true
	}
	c.t.unset = c.unset
	c.t.launch(c.sh, c.args, c.open, c.line, c.input(), fatal)
	return likely
}

// writes says that a command is for writing a file: by its name, or as it prints
// text into one.
func (c *simpleCommand) writes() bool {
	name := path.Base(c.args[0])
	if makesFiles[name] {
		return true
	}
	if !prints[name] {
		return false
	}
	return slices.ContainsFunc(c.st.Redirs, func(r *syntax.Redirect) bool {
		return (r.Op == syntax.RdrOut || r.Op == syntax.AppOut || r.Op == syntax.RdrClob) && !strings.HasPrefix(r.Word.Lit(), "/dev/")
	})
}

var (
	makesFiles = names("cp mv ln install tar unzip gunzip git pip pip3 uv poetry pdm pipenv curl wget tee rsync dd aws gsutil envsubst gomplate j2 npm")
	prints     = names("cat echo printf sed awk envsubst base64 jq python python3 openssl")
)

// readsOnly are programs that write no files that a script tests for.
var readsOnly = names("chmod chown chgrp sleep date id ls cat grep egrep head tail wc sort tr cut awk nc ncat pg_isready redis-cli true false test env printenv uname hostname nproc stat ps kill ping")

func names(list string) map[string]bool {
	out := map[string]bool{}
	for _, name := range strings.Fields(list) {
		out[name] = true
	}
	return out
}

// input is the standard input, where the script says what it is.
func (c *simpleCommand) input() *string {
	var in *string
	if c.sh.piped {
		text := unknown
		in = &text
	}
	for _, r := range c.st.Redirs {
		text := unknown
		switch r.Op {
		case syntax.Hdoc, syntax.DashHdoc:
			if r.Hdoc != nil {
				text = c.t.document(c.sh, r.Hdoc)
			}
		case syntax.WordHdoc:
			text, _ = c.t.literal(c.sh, r.Word)
		case syntax.RdrIn:
			if file, ok := c.t.literal(c.sh, r.Word); ok {
				if file == "/dev/null" {
					text = ""
				} else if b, ok := c.t.host.Read(c.sh.abs(file)); ok {
					text = b
				}
			}
		default:
			continue
		}
		in = &text
	}
	return in
}

// exec replaces the shell.
func (c *simpleCommand) exec() Truth {
	rest := c.args[1:]
	for len(rest) > 0 && strings.HasPrefix(rest[0], "-") {
		flag := rest[0]
		rest = rest[1:]
		if flag == "--" {
			break
		}
		if strings.HasSuffix(flag, "a") && len(rest) > 0 {
			rest = rest[1:]
		}
	}
	if len(rest) == 0 {
		if c.open || len(c.args) > 1 {
			c.t.doubt(c.sh, fmt.Sprintf("what line %d of its script starts is only given when it runs", c.line))
			c.sh.stray()
		}
		return Yes // only redirections
	}
	c.args = rest
	fatal := !c.sub || c.after || c.tail
	status := c.program(fatal)
	c.sh.end()
	return status
}

// command is "command NAME" or "command -v NAME".
func (c *simpleCommand) command() Truth {
	rest := c.args[1:]
	for len(rest) > 0 && strings.HasPrefix(rest[0], "-") {
		if strings.ContainsAny(rest[0], "vV") {
			return c.which(rest[1:])
		}
		rest = rest[1:]
	}
	if len(rest) == 0 {
		return Yes
	}
	c.args = rest
	if f, ok := c.t.builtins[rest[0]]; ok {
		return f(c)
	}
	return c.program(c.fatal(c.sh))
}

// which is "which" and "command -v": where programs are.
func (c *simpleCommand) which(names []string) Truth {
	status := Yes
	for _, name := range names {
		if strings.HasPrefix(name, "-") {
			continue
		}
		found, where := c.find(name)
		if found != Yes {
			status = found
		}
		if c.t.print != nil && found != No {
			c.t.print.WriteString(where + "\n")
		}
	}
	return status
}

func (c *simpleCommand) find(name string) (Truth, string) {
	_, isFunction := c.sh.funcs[name]
	_, isBuiltin := c.t.builtins[name]
	search := c.sh.vars["PATH"].Str
	switch {
	case isUnknown(name) || isUnknown(search) || isUnknown(c.sh.dir):
		return Maybe, unknown
	case isFunction, isBuiltin, name == "exec", name == "command":
		return Yes, name
	}
	if p, ok := c.t.host.Which(name, search, c.sh.dir); ok {
		return Yes, p
	}
	return No, ""
}

// function calls a function of the script.
func (c *simpleCommand) function(body *syntax.Stmt) Truth {
	params := c.args[1:]
	if c.open {
		params = append(slices.Clone(params), unknown)
	}
	return c.t.body(c.sh, body, params, c.place)
}

// body follows the body of a function, or of a file with its own parameters.
func (t *tracer) body(sh *process, body *syntax.Stmt, params []string, p place) Truth {
	t.called[body] = true
	if sh.how == Elsewhere {
		if t.aside[body] {
			return Maybe
		}
		t.aside[body] = true
	}
	if t.calls >= maxCalls {
		t.doubt(sh, "the functions of its script call each other")
		sh.stray()
		return Maybe
	}
	t.calls++
	saved, how, mayEnd, splits := sh.params, sh.how, sh.mayEnd, sh.splits
	sh.params, sh.splits = params, false
	status := t.stmt(sh, body, p)
	switch {
	case sh.splits:
		status = Maybe
	case sh.returned && sh.status != nil:
		status = *sh.status
	}
	sh.params, sh.status, sh.splits = saved, nil, splits
	t.calls--
	sh.resume(how, mayEnd)
	return status
}

// assign follows NAME=value; a program in $(…) may fail.
func (t *tracer) assign(sh *process, a *syntax.Assign, export bool) Truth {
	if a.Name == nil {
		return Yes
	}
	name := a.Name.Value
	old := sh.vars[name]
	switch {
	case a.Naked:
		if export {
			old.Exported = true
			sh.vars[name] = old
		}
		return Yes
	case a.Index != nil:
		sh.set(name, unknown)
	case a.Array != nil:
		var words []*syntax.Word
		known := true
		for _, e := range a.Array.Elems {
			known = known && e.Index == nil
			if e.Value != nil {
				words = append(words, e.Value)
			}
		}
		list, open := t.fields(sh, words)
		if open || !known {
			list = append(list, unknown)
		}
		if a.Append {
			list = append(slices.Clone(old.List), list...)
		}
		if len(list) > 1000 {
			list = []string{unknown}
		}
		sh.vars[name] = expand.Variable{Set: true, Kind: expand.Indexed, List: list}
		return Yes
	default:
		value, _ := t.literal(sh, a.Value)
		if a.Append {
			value = old.Str + value
		}
		sh.set(name, value)
	}
	v := sh.vars[name]
	v.Exported = v.Exported || export
	sh.vars[name] = v
	if a.Value != nil && hasSubstitution(a.Value) {
		return likely
	}
	return Yes
}

func hasSubstitution(w *syntax.Word) bool {
	found := false
	syntax.Walk(w, func(n syntax.Node) bool {
		if _, ok := n.(*syntax.CmdSubst); ok {
			found = true
		}
		return !found
	})
	return found
}

// declare follows export, local, declare, readonly and typeset.
func (t *tracer) declare(sh *process, d *syntax.DeclClause) Truth {
	export := d.Variant.Value == "export"
	for _, a := range d.Args {
		switch {
		case a.Naked && a.Value != nil: // "-x", or a word that makes a name
			if flag, _ := t.literal(sh, a.Value); strings.HasPrefix(flag, "-") && strings.Contains(flag, "x") {
				export = true
			} else if name, value, ok := strings.Cut(flag, "="); ok && !isUnknown(name) {
				sh.set(name, value)
				v := sh.vars[name]
				v.Exported = v.Exported || export
				sh.vars[name] = v
			} else if !strings.HasPrefix(flag, "-") && isUnknown(flag) {
				sh.stray() // export $(cat .env)
			}
		default:
			t.assign(sh, a, export)
		}
	}
	return Yes
}

// substitute is what $(…) prints.
func (t *tracer) substitute(sh *process, to io.Writer, c *syntax.CmdSubst) error {
	own := sh.copy()
	own.piped = false
	saved, print := t.unset, &strings.Builder{}
	before := t.print
	t.print = print
	t.list(own, c.Stmts, place{guard: true, sub: true, after: false})
	t.print, t.unset = before, saved
	text := print.String()
	if len(text) > maxValue || own.how > sh.how && !own.ended {
		text = unknown
	}
	_, err := io.WriteString(to, text)
	return err
}

// output is what some programs print, by their arguments alone.
func (t *tracer) output(sh *process, args []string) (string, bool) {
	if slices.ContainsFunc(args, isUnknown) {
		return "", false
	}
	rest := args[1:]
	if len(rest) > 0 && (rest[0] == "--" || rest[0] == "-f" || rest[0] == "-e") {
		rest = rest[1:]
	}
	switch path.Base(args[0]) {
	case "dirname":
		if len(rest) == 1 {
			return path.Dir(rest[0]) + "\n", true
		}
	case "basename":
		if len(rest) == 1 || len(rest) == 2 {
			base := path.Base(rest[0])
			if len(rest) == 2 {
				base = strings.TrimSuffix(base, rest[1])
			}
			return base + "\n", true
		}
	case "readlink", "realpath":
		if len(rest) == 1 && !isUnknown(sh.dir) {
			return sh.abs(rest[0]) + "\n", true
		}
	case "cat":
		if len(rest) == 1 && !isUnknown(sh.dir) {
			return t.host.Read(sh.abs(rest[0]))
		}
	}
	return t.host.Output(args)
}

func (sh *process) abs(p string) string {
	if strings.HasPrefix(p, "/") {
		return path.Clean(p)
	}
	return path.Clean("/" + sh.dir + "/" + p)
}
