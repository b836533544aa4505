package imports

import (
	"regexp"
	"slices"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/python/source"
	"whittle.dev/whittle/internal/python/source/presence"
)

// tests evaluates conditions of one module that are about paths, variables of
// the environment and names that the text assigns.
type tests struct {
	im   *Importer
	n    *Node
	line int
}

func (im *Importer) tests(n *Node, line int) tests { return tests{im, n, line} }

// maxTested bounds tests within tests.
const maxTested = 40

// holds evaluates a test, in three-valued logic.
func (t tests) holds(text string, depth int) source.Truth {
	if depth > maxTested || strings.Contains(text, "…") || text == "" {
		return source.Maybe
	}
	rt := t.im.Runtime
	rt.Main = t.n.main
	if known := (source.Condition{Text: text}).Holds(rt); known != source.Maybe {
		return known
	}
	if text == "__package__ is None" && !t.n.bound("__package__") {
		return source.TruthOf(t.n.Name == "__main__")
	}
	if left, right, ok := presence.Cut(text, "or"); ok {
		return source.Not(both(source.Not(t.holds(left, depth+1)), source.Not(t.holds(right, depth+1))))
	}
	if left, right, ok := presence.Cut(text, "and"); ok {
		return both(t.holds(left, depth+1), t.holds(right, depth+1))
	}
	if rest, ok := strings.CutPrefix(text, "not "); ok {
		return source.Not(t.holds(rest, depth+1))
	}
	if inner, ok := enclosed(text, "( "); ok {
		return t.holds(inner, depth+1)
	}
	if inner, ok := enclosed(text, "bool ( "); ok {
		return t.holds(inner, depth+1)
	}
	if truth, ok := t.comparison(text); ok {
		return truth
	}
	if truth, ok := t.exists(text); ok {
		return truth
	}
	if truth := t.findable(text); truth != source.Maybe {
		return truth
	}
	if v, ok := t.assigned(text); ok {
		return tests{t.im, t.n, v.Line}.holds(v.Text, depth+1)
	}
	if s, ok := t.im.evaluate(t.n, text, t.line).text(); ok {
		return source.TruthOf(s != "")
	}
	return source.Maybe
}

// assigned is the one value that a name has.
func (t tests) assigned(name string) (*source.Value, bool) {
	if !source.IsIdentifier(name) {
		return nil, false
	}
	var found *source.Value
	for i := range t.n.Source.Values {
		if v := &t.n.Source.Values[i]; v.Name == name && v.Line < t.line {
			found = v
		}
	}
	return found, found != nil && found.Sure && found.Line > 0
}

var findSpec = regexp.MustCompile(`^(?:importlib \. util \. |util \. )?find_spec \( '(\w+)' \)( is not None| != None| is None| == None)?$`)

// findable evaluates importlib.util.find_spec of a module at the top.
func (t tests) findable(text string) source.Truth {
	m := findSpec.FindStringSubmatch(text)
	if m == nil || t.im.made.doubt != "" {
		return source.Maybe
	}
	found := t.im.Finder.Top(m[1]).Found
	if found == Opaque {
		return source.Maybe
	}
	if found == Missing {
		if f, _ := t.im.changer().unfound(nil, m[1], m[1]); f != Missing {
			return source.Maybe
		}
	}
	return source.TruthOf((found != Missing) != (m[2] == " is None" || m[2] == " == None"))
}

// enclosed is what stands in brackets that are all of a test.
func enclosed(text, open string) (string, bool) {
	rest, ok := strings.CutPrefix(text, open)
	if !ok || !strings.HasSuffix(rest, " )") {
		return "", false
	}
	rest = rest[:len(rest)-2]
	depth := 0
	for _, c := range []byte(rest) {
		switch {
		case strings.IndexByte("([{", c) >= 0:
			depth++
		case strings.IndexByte(")]}", c) >= 0:
			if depth--; depth < 0 {
				return "", false
			}
		}
	}
	return rest, true
}

// comparison evaluates equality and membership of strings.
func (t tests) comparison(text string) (source.Truth, bool) {
	for _, op := range []string{"not in", "in", "==", "!="} {
		left, right, ok := presence.Cut(text, op)
		if !ok {
			continue
		}
		a, known := t.im.evaluate(t.n, left, t.line).text()
		if !known {
			return source.Maybe, true
		}
		truth := source.Maybe
		switch v := t.im.evaluate(t.n, right, t.line); {
		case right == "sys . path":
			truth = t.onPath(a)
		case strings.HasSuffix(op, "in") && right == "os . environ":
			_, set := t.im.Finder.Process.Env[a]
			truth = source.TruthOf(set)
		case strings.HasSuffix(op, "in") && v.kind == 'l':
			truth = memberOf(a, v.list)
		case !strings.HasSuffix(op, "in"):
			if b, known := v.text(); known {
				truth = source.TruthOf(a == b)
			}
		}
		if op == "not in" || op == "!=" {
			truth = source.Not(truth)
		}
		return truth, true
	}
	return source.Maybe, false
}

func memberOf(s string, list []place) source.Truth {
	out := source.No
	for _, item := range list {
		switch v, known := item.text(); {
		case known && v == s:
			return source.Yes
		case !known && item.kind != 'n':
			out = source.Maybe
		}
	}
	return out
}

// at is where a path of the process is, "" for nowhere; known is false where
// the working directory is not.
func (t tests) at(s string) (real string, known bool) {
	if t.im.made.lost && !strings.HasPrefix(s, "/") {
		return "", false
	}
	real, ok := t.im.Finder.t.Follow("", whittle.Join(t.im.made.cwd, s))
	if !ok {
		return "", true
	}
	return real, true
}

func (t tests) onPath(s string) source.Truth {
	real, known := t.at(s)
	if !known {
		return source.Maybe
	}
	return source.TruthOf(slices.Contains(t.im.Finder.Path, real) && real != "")
}

// exists evaluates os.path.exists(x) and its kind, and x.exists().
func (t tests) exists(text string) (source.Truth, bool) {
	what := ""
	for _, f := range []string{"os . path . exists", "os . path . isdir", "os . path . isfile", "osp . exists", "path . exists", "path . isdir", "path . isfile", "exists", "isdir", "isfile"} {
		if rest, ok := enclosed(text, f+" ( "); ok {
			what = rest
		}
	}
	for _, f := range []string{" . exists ( )", " . is_dir ( )", " . is_file ( )"} {
		if rest, ok := strings.CutSuffix(text, f); ok {
			what = rest
		}
	}
	if what == "" {
		return source.Maybe, false
	}
	s, ok := t.im.evaluate(t.n, what, t.line).text()
	if !ok {
		return source.Maybe, true
	}
	real, known := t.at(s)
	if !known {
		return source.Maybe, true
	}
	return source.TruthOf(real != ""), true
}
