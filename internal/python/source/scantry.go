package source

import "slices"

// finish ends a compound statement: what its handlers catch is known now.
func (s *scan) finish(c *chain) {
	if c == nil {
		return
	}
	s.current().ends = c.allEnd && (c.hasElse || c.keyword == "with" || c.keyword == "try")
	s.current().exit = goesOn
	if c.hasElse || c.keyword == "with" || c.keyword == "try" {
		for i, e := range c.exits {
			if i == 0 {
				s.current().exit = e
			}
			s.current().exit = worse(s.current().exit, e)
		}
	}
	s.bindings().guards(c)
	if c.keyword != "try" {
		return
	}
	guards, catches, goesOn := false, false, false
	for _, h := range c.handlers {
		if h.broad && !h.ends {
			s.broad(c)
		}
		goesOn = goesOn || !h.ends
		guards = guards || h.catches && !h.ends
		catches = catches || h.catches
		if h.catches {
			s.mark(h.facts, c, Handler, TryHandler)
		}
	}
	if goesOn {
		s.markCalls(c.body, c, Caught)
	}
	switch {
	case guards:
		s.mark(c.body, c, Guarded, TryBody)
		s.mark(c.orelse, c, 0, TryElse)
	case catches:
		s.mark(c.body, c, 0, TryThrough)
	}
}

// broad marks the imports of a try's body.
func (s *scan) broad(c *chain) {
	for i := c.body.imports[0]; i < c.body.imports[1]; i++ {
		if imp := &s.out.Imports[i]; (imp.Context&Lazy != 0) == (c.function > 0) {
			imp.Context |= Broad
		}
	}
}

// maxTries is how many try statements around an import are told apart.
const maxTries = 20

// further adds a try that is further out.
func further(tries []Try, t Try) []Try {
	switch len(tries) {
	default:
		return append(tries, t)
	case maxTries: // what those further out do is not known
		return append(tries, Try{0, TryHandler})
	case maxTries + 1:
		return tries
	}
}

// mark notes the try of what stands in a clause itself, and not in a function
// that is defined there.
func (s *scan) mark(f facts, c *chain, context Context, part TryPart) {
	for i := f.imports[0]; i < f.imports[1]; i++ {
		imp := &s.out.Imports[i]
		if lazy := imp.Context&Lazy != 0; lazy != (c.function > 0) {
			continue
		}
		imp.Context |= context
		if part == TryElse {
			imp.Conditions = append(slices.Clip(imp.Conditions), Condition{Text: TrySucceeded})
		}
		imp.Tries = further(imp.Tries, Try{c.number, part})
	}
	for i := f.effects[0]; i < f.effects[1]; i++ {
		if e := &s.out.Effects[i]; (e.Context&Lazy != 0) == (c.function > 0) {
			e.Context |= context
			e.Tries = further(e.Tries, Try{c.number, part})
		}
	}
	s.markCalls(f, c, context)
}

func (s *scan) markCalls(f facts, c *chain, context Context) {
	for i := f.calls[0]; i < f.calls[1]; i++ {
		if call := &s.out.Calls[i]; (call.Context&Lazy != 0) == (c.function > 0) {
			call.Context |= context
		}
	}
}

// TrySucceeded is the condition of a try's else, which outcomes knows better.
const TrySucceeded = "try succeeded"
