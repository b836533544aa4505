package source

import (
	"slices"
	"strings"

	"whittle.dev/whittle/internal/python/source/presence"
)

// exit is how a block is left by its last statement.
type exit uint8

// The ways: on to the next one, well (return, continue, sys.exit(0)), by what
// skips a test, by a failure.
const (
	goesOn exit = iota
	leaves
	skips
	fails
)

// maxGuards bounds what is known to be there at one place.
const maxGuards = 50

// guard is what is known to be there in the rest of a block, since it is left otherwise.
type guard struct {
	presence.Guard
	exit exit
}

// flagged is a name that a clause of a try gives a constant.
type flagged struct {
	name              string
	truthy, inHandler bool
}

// found is a call that fails where a distribution is not installed, and how many
// of the imports come before it.
type found struct {
	distribution string
	at           int
}

// exitOf is how a simple statement leaves its block.
func (bs bindings) exitOf(t []Token) exit {
	s := bs.s
	first := t[0]
	switch {
	case first.Kind != NameToken:
		return goesOn
	case s.is(first, "return"), s.is(first, "continue"), s.is(first, "break"), bs.leaves(t):
		return leaves
	case s.is(first, "raise"):
		if slices.ContainsFunc(t, func(tok Token) bool {
			return tok.Kind == NameToken && tok.End-tok.Start >= 4 && strings.EqualFold(string(s.lexer.src[tok.Start:tok.Start+4]), "skip")
		}) {
			return skips
		}
		return fails
	case exits(s, t):
		return fails
	}
	for i := 1; i < min(len(t), 8); i++ {
		if !s.is(t[i], "(") {
			continue
		}
		switch name := t[i-1]; {
		case s.is(name, "skip"), s.is(name, "skipTest"):
			return skips
		case (s.is(first, "pytest") || s.is(first, "self")) && s.is(name, "fail"), s.is(first, "pytest") && s.is(name, "exit"),
			s.is(first, "parser") && (s.is(name, "error") || s.is(name, "exit")):
			return fails
		}
		break
	}
	return goesOn
}

// notes takes what a simple statement says of what is there: a flag, or the
// version of a distribution in the body of a try.
func (bs bindings) notes(t []Token, b *block) {
	s := bs.s
	name, value := bs.sets(t, b)
	if c := b.chain; c != nil && c.keyword == "try" {
		if len(value) == 1 && (s.is(value[0], "True") || s.is(value[0], "False") || s.is(value[0], "None")) {
			if len(c.flags) < maxGuards {
				c.flags = append(c.flags, flagged{name, s.is(value[0], "True"), b.keyword == "except"})
			}
			return
		}
		for i := 0; b.keyword == "try" && i+3 < len(t) && len(c.found) < maxGuards; i++ {
			if t[i+2].Kind == StringToken && t[i].Kind == NameToken && s.is(t[i+1], "(") && s.is(t[i+3], ")") && metadataCalls["importlib.metadata."+s.text(t[i])] || s.is(t[i], "get_distribution") && t[i+2].Kind == StringToken {
				c.found = append(c.found, found{s.literal(t[i+2]), len(s.out.Imports)})
			}
		}
	}
	if s.probes && (s.mentions(value, "find_spec") || s.mentions(value, "find_loader")) {
		s.flags[name] = presence.Flag{Test: s.join(value)}
	} else if len(value) > 0 && !s.is(t[0], "return") {
		delete(s.flags, name)
	}
}

// sets is the name that a statement gives a value: one that it assigns, or the
// function that returns it.
func (bs bindings) sets(t []Token, b *block) (name string, value []Token) {
	s := bs.s
	switch {
	case len(t) > 1 && s.is(t[0], "return") && b.function == 1:
		return b.in, t[1:]
	case len(t) < 3 || t[0].Kind != NameToken:
	case s.is(t[1], "="), s.is(t[1], ":"):
		if last, _ := bs.lastEqual(t); last > 0 {
			return s.text(t[0]), t[last+1:]
		}
	}
	return "", nil
}

// guards notes what is there behind a statement of several clauses that is left
// otherwise.
func (bs bindings) guards(c *chain) {
	b := bs.s.current()
	switch c.keyword {
	case "with":
		if c.kept != nil {
			b.guards = c.kept
		}
	case "try":
		bs.tried(c, b)
	case "if":
		n := 0
		for n < len(c.exits) && c.exits[n] != goesOn {
			n++
		}
		switch {
		case c.hasElse && len(c.tests) == 1 && len(c.exits) == 2 && n == 0 && c.exits[1] != goesOn:
			b.guard(bs.s.flags.Found(c.tests[0].Text, true), c.exits[1])
		case len(c.tests)+int(btob(c.hasElse)) == len(c.exits):
			for i := range min(n, len(c.tests)) {
				b.guard(bs.s.flags.Found(c.tests[i].Text, false), c.exits[i])
			}
		}
	}
}

func (b *block) guard(found []presence.Guard, by exit) {
	for _, g := range found {
		if by != goesOn && len(b.guards) < maxGuards {
			b.guards = append(slices.Clip(b.guards), guard{g, by})
		}
	}
}

// tried is about what the body of a try imports, or asks the version of: it is
// there behind the try if the handlers leave, and where a flag says so.
func (bs bindings) tried(c *chain, b *block) {
	modules, distributions := leaves, leaves
	catches, asks, all, ends := false, false, true, false
	for _, h := range c.handlers {
		all = all && h.exit != goesOn
		ends = ends || h.unfound && h.exit >= skips && c.function == 0
		if h.catches {
			catches, modules = true, worse(modules, h.exit)
		}
		if h.catches || h.unfound {
			asks, distributions = true, worse(distributions, h.exit)
		}
	}
	if all {
		b.guards = c.kept
	}
	var imported, asked []presence.Guard
	for i := c.body.imports[0]; catches && i < c.body.imports[1] && len(imported) < maxGuards; i++ {
		if imp := &bs.s.out.Imports[i]; (imp.Context&Lazy != 0) == (c.function > 0) && imp.Level == 0 && len(imp.Conditions) <= len(b.conditions) {
			imported = append(imported, presence.Guard{Module: imp.Module})
		}
	}
	for _, f := range c.found {
		if !asks || ends {
			break
		}
		asked = append(asked, presence.Guard{Distribution: f.distribution})
		bs.foundIn([2]int{f.at, c.body.imports[1]}, f.distribution, c)
		bs.foundIn(c.orelse.imports, f.distribution, c)
	}
	said := slices.Concat(imported, asked)
	for _, f := range c.flags {
		bs.s.flags[f.name] = presence.Flag{Guards: said, Absent: f.truthy == f.inHandler}
	}
	if b.function > 0 || modules < skips {
		b.guard(imported, modules)
	}
	if b.function > 0 || distributions < skips {
		b.guard(asked, distributions)
	}
}

func worse(a, b exit) exit {
	if a == goesOn || b == goesOn {
		return goesOn
	}
	return max(a, b)
}

// foundIn notes a distribution at imports that only run where it is installed.
func (bs bindings) foundIn(imports [2]int, distribution string, c *chain) {
	for i := imports[0]; i < imports[1]; i++ {
		if imp := &bs.s.out.Imports[i]; (imp.Context&Lazy != 0) == (c.function > 0) && len(imp.Found) < maxGuards {
			imp.Found = append(imp.Found, distribution)
		}
	}
}

// guarded notes what an import is known of by the guards before it.
func (b *block) guarded(imp *Import) {
	for _, g := range b.guards {
		switch {
		case g.Distribution != "":
			imp.Found = append(imp.Found, g.Distribution)
		case imp.Level > 0 || !g.Covers(imp.Module):
		case g.exit == leaves || b.function > 0:
			imp.Context |= Guarded
		default:
			imp.Context |= Asked
		}
	}
}
