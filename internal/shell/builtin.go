package shell

import (
	"path"
	"slices"
	"strconv"
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// builtins are the built-in commands of POSIX shells and Bash. Those that start
// nothing and print nothing of interest have a constant answer. It is a function,
// as a variable would refer to itself: built-ins run commands.
func builtins() map[string]func(*simpleCommand) Truth {
	always := func(status Truth) func(*simpleCommand) Truth {
		return func(*simpleCommand) Truth { return status }
	}
	all := map[string]func(*simpleCommand) Truth{
		":": always(Yes), "true": always(Yes), "false": always(No),
		"cd": (*simpleCommand).cd, "pushd": (*simpleCommand).cd, "popd": (*simpleCommand).lost, "pwd": (*simpleCommand).pwd,
		"echo": (*simpleCommand).echo, "printf": (*simpleCommand).printf,
		"set": (*simpleCommand).set, "shift": (*simpleCommand).shift, "unset": (*simpleCommand).unsetVars,
		"export": (*simpleCommand).export, "readonly": (*simpleCommand).export, "local": (*simpleCommand).export,
		"exit": (*simpleCommand).exit, "return": (*simpleCommand).returns, "break": (*simpleCommand).breaks, "continue": (*simpleCommand).breaks,
		".": (*simpleCommand).source, "source": (*simpleCommand).source, "eval": (*simpleCommand).eval,
		"test": (*simpleCommand).test, "[": (*simpleCommand).test,
		"type": func(c *simpleCommand) Truth { return c.which(c.args[1:]) }, "hash": func(c *simpleCommand) Truth { return c.which(c.args[1:]) },
		"read": (*simpleCommand).reads, "mapfile": (*simpleCommand).reads, "readarray": (*simpleCommand).reads, "getopts": (*simpleCommand).reads,
	}
	for _, name := range strings.Fields("trap umask ulimit shopt alias unalias jobs bg disown times enable complete bind caller history suspend dirs let") {
		all[name] = always(Yes)
	}
	all["which"] = all["type"]
	for _, name := range strings.Fields("wait kill fg") {
		all[name] = always(Maybe)
	}
	return all
}

func (c *simpleCommand) cd() Truth {
	var dirs []string
	for _, a := range c.args[1:] {
		if !strings.HasPrefix(a, "-") || a == "-" {
			dirs = append(dirs, a)
		}
	}
	sh := c.sh
	to := sh.vars["HOME"].Str
	if len(dirs) > 0 {
		to = dirs[0]
	}
	if len(c.args) > 1 && len(dirs) == 0 || to == "-" || to == "" || isUnknown(to) || c.open || isUnknown(sh.dir) && !strings.HasPrefix(to, "/") {
		sh.dir = unknown
		return Maybe
	}
	to = sh.abs(to)
	found := c.t.host.Test("-d", to)
	if found == No && !sh.touched {
		return No
	}
	sh.dir = to
	return found
}

// lost is a directory that is not followed.
func (c *simpleCommand) lost() Truth { c.sh.dir = unknown; return Maybe }

func (c *simpleCommand) pwd() Truth { return c.prints(c.sh.dir + "\n") }

func (c *simpleCommand) prints(text string) Truth {
	if c.t.print != nil && !slices.ContainsFunc(c.st.Redirs, func(r *syntax.Redirect) bool { return r.Op == syntax.DplOut || r.Op == syntax.RdrOut }) {
		c.t.print.WriteString(text)
	}
	return Yes
}

func (c *simpleCommand) echo() Truth {
	args := c.args[1:]
	end := "\n"
	for len(args) > 0 && (args[0] == "-n" || args[0] == "-e" || args[0] == "-ne") {
		if args[0] != "-e" {
			end = ""
		}
		args = args[1:]
	}
	return c.prints(strings.Join(args, " ") + end)
}

func (c *simpleCommand) printf() Truth {
	if len(c.args) == 3 && (c.args[1] == "%s" || c.args[1] == `%s\n`) {
		return c.prints(c.args[2])
	}
	if len(c.args) > 2 && c.args[1] == "-v" {
		c.sh.set(c.args[2], unknown)
		return Yes
	}
	if len(c.args) == 2 && !strings.ContainsAny(c.args[1], `%\`) {
		return c.prints(c.args[1])
	}
	return c.prints(unknown)
}

func (c *simpleCommand) set() Truth {
	args := c.args[1:]
	sh := c.sh
	for len(args) > 0 {
		a := args[0]
		if a == "--" || a == "-" {
			c.params(args[1:])
			return Yes
		}
		if len(a) < 2 || a[0] != '-' && a[0] != '+' {
			c.params(args)
			return Yes
		}
		args = args[1:]
		on := a[0] == '-'
		for _, f := range a[1:] {
			switch f {
			case 'e':
				sh.errexit = on
			case 'u':
				sh.nounset = on
			case 'a':
				sh.allexport = on
			case 'o':
				if len(args) > 0 {
					sh.option(args[0], on)
					args = args[1:]
				}
			}
		}
	}
	return Yes
}

func (sh *process) option(name string, on bool) {
	switch name {
	case "errexit":
		sh.errexit = on
	case "nounset":
		sh.nounset = on
	case "pipefail":
		sh.pipefail = on
	case "allexport":
		sh.allexport = on
	}
}

// params sets the parameters.
func (c *simpleCommand) params(args []string) {
	c.sh.params = slices.Clone(args)
	if c.open {
		c.sh.params = append(c.sh.params, unknown)
	}
}

func (c *simpleCommand) shift() Truth {
	n := 1
	if len(c.args) > 1 {
		var err error
		if n, err = strconv.Atoi(c.args[1]); err != nil {
			c.sh.params = []string{unknown}
			return Maybe
		}
	}
	if slices.Contains(c.sh.params, unknown) {
		c.sh.params = []string{unknown}
		return Maybe
	}
	if n < 0 || n > len(c.sh.params) {
		return No
	}
	c.sh.params = c.sh.params[n:]
	return Yes
}

func (c *simpleCommand) unsetVars() Truth {
	for _, name := range c.args[1:] {
		delete(c.sh.vars, name)
		delete(c.sh.funcs, name)
	}
	return Yes
}

// export is that of "command export"; the plain one is a separate clause.
func (c *simpleCommand) export() Truth {
	for _, a := range c.args[1:] {
		if name, value, ok := strings.Cut(a, "="); ok {
			c.sh.set(name, value)
			v := c.sh.vars[name]
			v.Exported = true
			c.sh.vars[name] = v
		}
	}
	return Yes
}

// exit ends the script. An exit with a certain failure is for a wrong use of the
// script: what comes after it is of interest.
func (c *simpleCommand) exit() Truth {
	code := ""
	if len(c.args) > 1 {
		code = c.args[1]
	}
	if n, err := strconv.Atoi(code); err == nil && n != 0 && c.sh.how == Must && (!c.sub || c.after) {
		c.t.stops(c.sh, c.line)
		return Maybe
	}
	if code != "0" && code != "" && !isUnknown(code) {
		c.sh.ended, c.sh.failed = true, true
		c.sh.weaken(Elsewhere)
		return No
	}
	c.sh.end()
	return Maybe
}

func (c *simpleCommand) returns() Truth {
	c.sh.returned = true
	c.sh.weaken(Elsewhere)
	status := Maybe
	switch {
	case len(c.args) < 2:
	case c.args[1] == "0":
		status = Yes
	case !isUnknown(c.args[1]):
		status = No
	}
	c.sh.status = &status
	return status
}

func (c *simpleCommand) breaks() Truth {
	if c.args[0] == "break" {
		c.sh.broke = true
		c.sh.weaken(Elsewhere)
		return Yes
	}
	c.sh.weaken(Perhaps)
	return Yes
}

// source runs a file in the same shell.
func (c *simpleCommand) source() Truth {
	name := unknown
	if len(c.args) > 1 {
		name = c.args[1]
	}
	if isUnknown(name) || c.open || isUnknown(c.sh.dir) && !strings.HasPrefix(name, "/") {
		c.t.doubt(c.sh, "its script sources a file that is only known when it runs")
		c.sh.stray()
		return Maybe
	}
	file := c.sh.abs(name)
	if path.Base(file) == "activate" && c.t.host.Test("-f", file) != No { // of a virtual environment
		c.sh.set("PATH", path.Dir(file)+":"+c.sh.vars["PATH"].Str)
		c.sh.set("VIRTUAL_ENV", path.Dir(path.Dir(file)))
		v := c.sh.vars["VIRTUAL_ENV"]
		v.Exported = true
		c.sh.vars["VIRTUAL_ENV"] = v
		return Yes
	}
	text, ok := c.t.host.Read(file)
	if !ok {
		c.t.doubt(c.sh, "its script sources "+file+", which could not be read")
		c.sh.stray()
		return Maybe
	}
	return c.text(file, text, c.args[2:])
}

// eval runs its arguments.
func (c *simpleCommand) eval() Truth {
	text := strings.Join(c.args[1:], " ")
	if isUnknown(text) || c.open {
		c.t.doubt(c.sh, "its script makes a command of what is only known when it runs")
		c.sh.stray()
		return Maybe
	}
	return c.text("eval", text, nil)
}

// text runs text in the same shell, with parameters where it has some.
func (c *simpleCommand) text(file, text string, params []string) Truth {
	if c.t.calls >= maxCalls {
		c.t.doubt(c.sh, "the files of its script source each other")
		c.sh.stray()
		return Maybe
	}
	stmts, err := c.t.parse(text)
	if err != nil {
		c.t.doubt(c.sh, file+", which its script sources, could not be read")
		c.sh.stray()
		return Maybe
	}
	c.t.calls++
	defer func() { c.t.calls-- }()
	saved, how, mayEnd := c.sh.params, c.sh.how, c.sh.mayEnd
	if len(params) > 0 {
		c.sh.params = params
	}
	status := c.t.list(c.sh, stmts, c.place)
	if len(params) > 0 {
		c.sh.params = saved
	}
	if c.sh.returned {
		c.sh.resume(how, mayEnd)
	}
	return status
}

// reads sets variables to what is read.
func (c *simpleCommand) reads() Truth {
	for _, a := range c.args[1:] {
		if !strings.HasPrefix(a, "-") && !isUnknown(a) {
			c.sh.set(a, unknown)
		}
	}
	if c.args[0] == "getopts" && len(c.sh.params) == 0 {
		return No
	}
	return Maybe
}
