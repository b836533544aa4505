// Package presence reads tests of whether a module can be imported:
// find_spec('x') is None, not HAS_X, 'x' in sys.modules. Texts have single
// spaces between their tokens and strings in single quotes.
package presence

import (
	"slices"
	"strings"
)

// Guard is what is there after a test: a module, a distribution by its metadata, or
// what has a name like that of a flag.
type Guard struct{ Module, Distribution, Flag string }

// Covers says that a module is there with what a guard says.
func (g Guard) Covers(module string) bool {
	t := top(module)
	switch {
	case t == "":
		return false
	case g.Module != "":
		return top(g.Module) == t
	case g.Distribution != "":
		return plain(g.Distribution) == plain(t)
	}
	return slices.Contains(flagWords(g.Flag), plain(t))
}

// Flag is a name whose truth says whether modules are there: by a test, or as a
// try statement sets it.
type Flag struct {
	Test   string
	Guards []Guard
	// Absent says that the modules are there where the name is false.
	Absent bool
}

// Flags are those of a module by their names.
type Flags map[string]Flag

// maxSteps bounds how many tests are looked at for one, maxGuards what one says.
const (
	maxSteps  = 200
	maxGuards = 20
)

// Found is what is there where a test holds, or where it does not. What cannot
// be told of it is left out.
func (f Flags) Found(test string, holds bool) []Guard {
	r := reader{f, maxSteps}
	out := r.found(test, holds)
	return out[:min(len(out), maxGuards)]
}

// reader goes through a test and those that its flags stand for.
type reader struct {
	flags Flags
	left  int // steps
}

func (r *reader) found(test string, holds bool) []Guard {
	if r.left--; r.left < 0 || strings.Contains(test, "…") {
		return nil
	}
	if same, negated, ok := choice(test); ok {
		return r.found(same, holds != negated)
	}
	for _, op := range []string{"or", "and"} {
		if left, right, ok := Cut(test, op); ok {
			if holds != (op == "and") {
				return nil // one of the two, and not known which
			}
			return append(r.found(left, holds), r.found(right, holds)...)
		}
	}
	if rest, ok := strings.CutPrefix(test, "not "); ok {
		return r.found(rest, !holds)
	}
	if strings.HasPrefix(test, "[ ") {
		if one := missing(test); one != "" && !holds {
			return r.found(one, holds)
		}
		return nil
	}
	if rest, ok := strings.CutPrefix(test, "None is "); ok {
		other, not := strings.CutPrefix(rest, "not ")
		return r.found(other, holds == not)
	}
	for _, c := range comparisons {
		if left, ok := strings.CutSuffix(test, c.text); ok {
			return r.found(left, holds != c.not)
		}
	}
	if left, right, ok := Cut(test, ":="); ok && word(left) {
		return r.found(right, holds)
	}
	for _, in := range []string{" not in sys . modules", " in sys . modules"} {
		if left, ok := strings.CutSuffix(test, in); ok {
			if holds != strings.HasPrefix(in, " in") {
				return nil
			}
			return modules(left)
		}
	}
	return r.primary(test, holds)
}

// choice is the test that a conditional expression of truths is the same as,
// or the opposite of; of others it is empty.
func choice(test string) (same string, negated, ok bool) {
	value, rest, ok := Cut(test, "if")
	if !ok {
		return "", false, false
	}
	middle, other, _ := Cut(rest, "else")
	switch {
	case value == "True" && (other == "False" || other == "None"):
		return middle, false, true
	case value == "False" && other == "True":
		return middle, true, true
	}
	return "", false, true
}

// missing is the test of each of a list of literals: that of
// [m for m in ("a", "b") if find_spec(m) is None].
func missing(test string) string {
	inner, ok := strings.CutSuffix(strings.TrimPrefix(test, "[ "), " ]")
	_, loop, isLoop := Cut(inner, "for")
	v, list, in := strings.Cut(loop, " in ")
	list, one, tested := Cut(list, "if")
	if !ok || !isLoop || !in || !tested {
		return ""
	}
	return strings.Replace(one, "( "+v+" )", list, 1)
}

// primary is about a name, a call or a test in brackets.
func (r *reader) primary(test string, holds bool) []Guard {
	open := strings.IndexByte(test, '(')
	if called, ok := strings.CutSuffix(test, " ( )"); ok || open < 0 || !strings.HasSuffix(test, " )") {
		test = called
		if flag, ok := r.flags[test[strings.LastIndexByte(test, ' ')+1:]]; ok {
			switch {
			case flag.Test != "":
				return r.found(flag.Test, holds)
			case holds != flag.Absent:
				return flag.Guards
			}
			return nil
		}
		return named(test, holds)
	}
	name, inner := strings.TrimSpace(test[:open]), strings.TrimSpace(strings.TrimSuffix(test[open+1:], ")"))
	if !balanced(inner) {
		return nil
	}
	last := name[strings.LastIndexByte(name, ' ')+1:]
	switch {
	case name == "" || name == "bool":
		return r.found(inner, holds)
	case last == "find_spec" || last == "find_loader":
		if holds {
			return modules(inner)
		}
	case name == "all" && holds || name == "any" && !holds: // of find_spec(m) for m in ("a", "b")
		test, loop, ok := Cut(inner, "for")
		if v, list, in := strings.Cut(loop, " in "); ok && in {
			return r.found(strings.Replace(test, "( "+v+" )", list, 1), holds)
		}
	case holds && len(flagWords(last)) > 0 && strings.Contains(inner, "'"):
		return modules(inner)
	default:
		return named(name, holds)
	}
	return nil
}

// comparisons are ends of a test that do not change what it is about.
var comparisons = []struct {
	text string
	not  bool
}{{" is not None", false}, {" != None", false}, {" is None", true}, {" == None", true}, {" is True", false}, {" is False", true}, {" is not True", true}, {" is not False", false}}

// available are the words of a flag that say that something is there.
var available = []string{"has", "have", "available", "installed", "importable", "imported", "found", "exists", "with"}

// absent are those that say that it is not.
var absent = []string{"no", "not", "missing", "without", "unavailable"}

// flagWords are the words of a name that says whether something is there, and
// all of them but for the words that say so; nil for other names.
func flagWords(name string) []string {
	words := strings.FieldsFunc(strings.ToLower(name), func(r rune) bool { return r == '_' })
	kept := slices.DeleteFunc(slices.Clone(words), func(w string) bool {
		return slices.Contains(available, w) || w == "is" || w == "lib" || w == "module" || w == "package"
	})
	if len(kept) == len(words) || !slices.ContainsFunc(words, func(w string) bool { return slices.Contains(available, w) }) {
		return nil
	}
	return append(kept, strings.Join(kept, ""))
}

// named is about a name that nothing in the text explains: HAS_NUMPY of another
// module, is_torch_available().
func named(name string, holds bool) []Guard {
	last := name[strings.LastIndexByte(name, ' ')+1:]
	words := flagWords(last)
	if !holds || len(words) == 0 || slices.ContainsFunc(words, func(w string) bool { return slices.Contains(absent, w) }) {
		return nil
	}
	return []Guard{{Flag: last}}
}

// modules are the strings of a text that may be names of modules.
func modules(text string) []Guard {
	var out []Guard
	parts := strings.Split(text, "'")
	for i := 1; i+1 < len(parts) && len(out) < maxGuards; i += 2 {
		if top(parts[i]) != "" {
			out = append(out, Guard{Module: parts[i]})
		}
	}
	return out
}

// Cut cuts a test, as a scan of the text writes it, at the first of a word that stands
// outside brackets and strings.
func Cut(text, op string) (left, right string, ok bool) {
	depth, quoted := 0, false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '\\':
			i++
		case c == '\'':
			quoted = !quoted
		case quoted:
		case strings.IndexByte("([{", c) >= 0:
			depth++
		case strings.IndexByte(")]}", c) >= 0:
			depth--
		case depth == 0 && c == ' ' && strings.HasPrefix(text[i+1:], op+" "):
			return text[:i], text[i+len(op)+2:], true
		}
	}
	return "", "", false
}

func balanced(text string) bool {
	depth := 0
	for _, c := range []byte(text) {
		switch c {
		case '(':
			depth++
		case ')':
			if depth--; depth < 0 {
				return false
			}
		}
	}
	return depth == 0
}

func word(s string) bool { return s != "" && !strings.ContainsAny(s, " ('.") }

func top(module string) string { t, _, _ := strings.Cut(module, "."); return t }

// plain is a name as those of distributions and modules are alike.
func plain(name string) string {
	return strings.NewReplacer("_", "", "-", "", ".", "").Replace(strings.ToLower(name))
}
