package source

import "strings"

// pathEffect notes changes of sys.path.
func (s *scan) pathEffect(t []Token, i, next, last int, full string, b *block) {
	list := ""
	switch {
	case strings.HasPrefix(full, "sys.path") && (len(full) == 8 || full[8] == '.'):
		list = strings.TrimPrefix(full[8:], ".")
	case full == "site.addsitedir" && next < len(t) && s.is(t[next], "("):
		s.effect(Effect{Kind: SiteDir, Text: s.expr(s.argument(t, next, 0))}, t, i, b)
		return
	case full == "os.chdir" && next < len(t) && s.is(t[next], "("):
		s.effect(Effect{Kind: ChangeDir, Text: s.expr(s.argument(t, next, 0))}, t, i, b)
		return
	default:
		return
	}
	switch {
	case list == "" && i == 0 && last == next: // sys.path = …, sys.path += …
		kind := PathSet
		if s.is(t[last], "+=") {
			kind = PathExtend
		} else if !s.is(t[last], "=") {
			kind = PathUnknown
		}
		s.effect(Effect{Kind: kind, Text: s.expr(t[last+1:])}, t, i, b)
	case list == "" && next < len(t) && s.is(t[next], "["):
		s.pathItem(t, i, next, last, b)
	case s.handedOn(t, i, next, last, list):
		s.effect(Effect{Kind: PathAppend, Text: "…"}, t, i, b)
	case list == "" || next >= len(t) || !s.is(t[next], "("):
	default:
		s.pathMethod(t, i, next, list, b)
	}
}

// pathItem notes an assignment to, or the deletion of, items of sys.path.
func (s *scan) pathItem(t []Token, i, next, last int, b *block) {
	end := s.closing(t, next)
	index := s.expr(t[next+1 : end])
	switch {
	case s.is(t[0], "del") && i == 1:
		s.effect(Effect{Kind: PathPop, Text: index}, t, i, b)
	case i != 0 || last != end+1:
	case (index == "0 : 0" || index == ": 0") && s.is(t[last], "="):
		s.effect(Effect{Kind: PathPrefix, Text: s.expr(t[last+1:])}, t, i, b)
	case index == ":" && s.is(t[last], "="):
		s.effect(Effect{Kind: PathSet, Text: s.expr(t[last+1:])}, t, i, b)
	default:
		s.effect(Effect{Kind: PathUnknown}, t, i, b)
	}
}

func (s *scan) pathMethod(t []Token, i, next int, method string, b *block) {
	first := s.argument(t, next, 0)
	switch method {
	case "append":
		s.effect(Effect{Kind: PathAppend, Text: s.expr(first)}, t, i, b)
	case "extend":
		s.effect(Effect{Kind: PathExtend, Text: s.expr(first)}, t, i, b)
	case "insert":
		s.effect(Effect{Kind: PathInsert, Name: s.expr(first), Text: s.expr(s.argument(t, next, 1))}, t, i, b)
	case "remove":
		s.effect(Effect{Kind: PathRemove, Text: s.expr(first)}, t, i, b)
	case "pop":
		index := "- 1"
		if len(first) > 0 {
			index = s.expr(first)
		}
		s.effect(Effect{Kind: PathPop, Text: index}, t, i, b)
	case "clear", "sort", "reverse":
		s.effect(Effect{Kind: PathUnknown}, t, i, b)
	}
}

// handedOn says that a method of sys.path that changes it is an argument of
// another call, partial(sys.path.insert, 0), or that the list itself is one of
// a function of the text.
func (s *scan) handedOn(t []Token, i, next, last int, method string) bool {
	if i == 0 || !s.is(t[i-1], "(") && !s.is(t[i-1], ",") || next < len(t) && !s.is(t[next], ")") && !s.is(t[next], ",") {
		return false
	}
	return method == "append" || method == "insert" || method == "extend"
}

// byName notes getattr(sys, "path"), setattr(sys, "path", …), vars(sys) and
// __import__("sys").path, which change it as a rule.
func (s *scan) byName(t []Token, i, next int, full string, b *block) {
	is := func(k int, text string) bool { return k < len(t) && t[k].Kind != StringToken && s.is(t[k], text) }
	literal := func(k int, text string) bool {
		return k < len(t) && t[k].Kind == StringToken && s.literal(t[k]) == text
	}
	found := false
	switch full {
	case "getattr", "setattr":
		arg := s.argument(t, next, 0)
		found = len(arg) == 1 && arg[0].Kind == NameToken && s.canonical(s.text(arg[0])) == "sys" && literal(next+3, "path")
	case "__import__", "importlib.import_module":
		found = is(next, "(") && literal(next+1, "sys") && is(next+2, ")") && is(next+3, ".") && is(next+4, "path")
	case "vars":
		arg := s.argument(t, next, 0)
		found = len(arg) == 1 && arg[0].Kind == NameToken && s.canonical(s.text(arg[0])) == "sys" && is(next+3, "[") && literal(next+4, "path")
	case "sys.__dict__":
		found = is(next, "[") && literal(next+1, "path")
	}
	if found {
		s.effect(Effect{Kind: PathAppend, Text: "…"}, t, i, b)
	}
}
