package source

import "strings"

// pathEffect notes changes of sys.path.
func (es effects) pathEffect(t []Token, i, next, last int, full string, b *block) {
	list := ""
	switch {
	case strings.HasPrefix(full, "sys.path") && (len(full) == 8 || full[8] == '.'):
		list = strings.TrimPrefix(full[8:], ".")
	case full == "site.addsitedir" && next < len(t) && es.s.is(t[next], "("):
		es.effect(Effect{Kind: SiteDir, Text: es.s.expr(es.s.argument(t, next, 0))}, t, i, b)
		return
	case full == "os.chdir" && next < len(t) && es.s.is(t[next], "("):
		es.effect(Effect{Kind: ChangeDir, Text: es.s.expr(es.s.argument(t, next, 0))}, t, i, b)
		return
	default:
		return
	}
	switch {
	case list == "" && i == 0 && last == next: // sys.path = …, sys.path += …
		kind := PathSet
		if es.s.is(t[last], "+=") {
			kind = PathExtend
		} else if !es.s.is(t[last], "=") {
			kind = PathUnknown
		}
		es.effect(Effect{Kind: kind, Text: es.s.expr(t[last+1:])}, t, i, b)
	case list == "" && next < len(t) && es.s.is(t[next], "["):
		es.pathItem(t, i, next, last, b)
	case es.handedOn(t, i, next, list):
		es.effect(Effect{Kind: PathAppend, Text: "…"}, t, i, b)
	case list == "" || next >= len(t) || !es.s.is(t[next], "("):
	default:
		es.pathMethod(t, i, next, list, b)
	}
}

// pathItem notes an assignment to, or the deletion of, items of sys.path.
func (es effects) pathItem(t []Token, i, next, last int, b *block) {
	end := es.s.closing(t, next)
	index := es.s.expr(t[next+1 : end])
	switch {
	case es.s.is(t[0], "del") && i == 1:
		es.effect(Effect{Kind: PathPop, Text: index}, t, i, b)
	case i != 0 || last != end+1:
	case (index == "0 : 0" || index == ": 0") && es.s.is(t[last], "="):
		es.effect(Effect{Kind: PathPrefix, Text: es.s.expr(t[last+1:])}, t, i, b)
	case index == ":" && es.s.is(t[last], "="):
		es.effect(Effect{Kind: PathSet, Text: es.s.expr(t[last+1:])}, t, i, b)
	default:
		es.effect(Effect{Kind: PathUnknown}, t, i, b)
	}
}

func (es effects) pathMethod(t []Token, i, next int, method string, b *block) {
	first := es.s.argument(t, next, 0)
	switch method {
	case "append":
		es.effect(Effect{Kind: PathAppend, Text: es.s.expr(first)}, t, i, b)
	case "extend":
		es.effect(Effect{Kind: PathExtend, Text: es.s.expr(first)}, t, i, b)
	case "insert":
		es.effect(Effect{Kind: PathInsert, Name: es.s.expr(first), Text: es.s.expr(es.s.argument(t, next, 1))}, t, i, b)
	case "remove":
		es.effect(Effect{Kind: PathRemove, Text: es.s.expr(first)}, t, i, b)
	case "pop":
		index := "- 1"
		if len(first) > 0 {
			index = es.s.expr(first)
		}
		es.effect(Effect{Kind: PathPop, Text: index}, t, i, b)
	case "clear", "sort", "reverse":
		es.effect(Effect{Kind: PathUnknown}, t, i, b)
	}
}

// handedOn says that a method of sys.path that changes it is an argument of
// another call, partial(sys.path.insert, 0), or that the list itself is one of
// a function of the text.
func (es effects) handedOn(t []Token, i, next int, method string) bool {
	if i == 0 || !es.s.is(t[i-1], "(") && !es.s.is(t[i-1], ",") || next < len(t) && !es.s.is(t[next], ")") && !es.s.is(t[next], ",") {
		return false
	}
	return method == "append" || method == "insert" || method == "extend"
}

// byName notes getattr(sys, "path"), setattr(sys, "path", …), vars(sys) and
// __import__("sys").path, which change it as a rule.
func (es effects) byName(t []Token, i, next int, full string, b *block) {
	is := func(k int, text string) bool { return k < len(t) && t[k].Kind != StringToken && es.s.is(t[k], text) }
	literal := func(k int, text string) bool {
		return k < len(t) && t[k].Kind == StringToken && es.s.literal(t[k]) == text
	}
	found := false
	switch full {
	case "getattr", "setattr":
		arg := es.s.argument(t, next, 0)
		found = len(arg) == 1 && arg[0].Kind == NameToken && es.s.canonical(es.s.text(arg[0])) == "sys" && literal(next+3, "path")
	case "__import__", "importlib.import_module":
		found = is(next, "(") && literal(next+1, "sys") && is(next+2, ")") && is(next+3, ".") && is(next+4, "path")
	case "vars":
		arg := es.s.argument(t, next, 0)
		found = len(arg) == 1 && arg[0].Kind == NameToken && es.s.canonical(es.s.text(arg[0])) == "sys" && is(next+3, "[") && literal(next+4, "path")
	case "sys.__dict__":
		found = is(next, "[") && literal(next+1, "path")
	}
	if found {
		es.effect(Effect{Kind: PathAppend, Text: "…"}, t, i, b)
	}
}
