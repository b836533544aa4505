package source

import (
	"strconv"
	"strings"
)

// Hold says whether a statement under some conditions runs, as far as they go.
func Hold(conditions []Condition, rt Runtime) Truth {
	out := Yes
	for _, c := range conditions {
		switch c.Holds(rt) {
		case No:
			return No
		case Maybe:
			out = Maybe
		}
	}
	return out
}

// Holds evaluates a test for a runtime. It knows the version, the platform,
// the implementation, TYPE_CHECKING and __name__; what else a test asks is
// Maybe, by the rules of three-valued logic.
func (c Condition) Holds(rt Runtime) Truth {
	e := evaluator{src: []byte(c.Text), rt: rt}
	l := NewLexer(e.src)
	if !l.Next() {
		return Maybe
	}
	e.t = l.Tokens
	t := e.or(0)
	if e.i != len(e.t) || l.Broken != "" {
		return Maybe
	}
	if c.Not {
		return Not(t)
	}
	return t
}

// evaluator is a parser by descent of a test.
type evaluator struct {
	src []byte
	rt  Runtime
	t   []Token
	i   int
}

// maxTest bounds how deep a test nests.
const maxTest = 40

func (e *evaluator) text() string {
	if e.i >= len(e.t) || e.t[e.i].Kind == StringToken || e.t[e.i].Kind == FormatToken {
		return ""
	}
	return string(e.src[e.t[e.i].Start:e.t[e.i].End])
}

func (e *evaluator) take(texts ...string) bool {
	for k, want := range texts {
		if e.i+k >= len(e.t) || e.t[e.i+k].Kind == StringToken || string(e.src[e.t[e.i+k].Start:e.t[e.i+k].End]) != want {
			return false
		}
	}
	e.i += len(texts)
	return true
}

func (e *evaluator) or(depth int) Truth {
	out := e.and(depth)
	for e.take("or") {
		switch t := e.and(depth); {
		case out == Yes || t == Yes:
			out = Yes
		case out == Maybe || t == Maybe:
			out = Maybe
		}
	}
	return out
}

func (e *evaluator) and(depth int) Truth {
	out := e.not(depth)
	for e.take("and") {
		switch t := e.not(depth); {
		case out == No || t == No:
			out = No
		case out == Maybe || t == Maybe:
			out = Maybe
		}
	}
	return out
}

func (e *evaluator) not(depth int) Truth {
	if depth > maxTest {
		e.i = len(e.t) + 1
		return Maybe
	}
	if e.take("not") {
		return Not(e.not(depth + 1))
	}
	return e.comparison(depth)
}

// value is what an operand comes to: a string, a tuple of numbers, a number or
// a truth; kind 0 is not known.
type value struct {
	kind    byte // 's', 'v' (tuple), 'n', 't', 'l' (tuple of strings)
	s       string
	v       []int
	n       int
	t       Truth
	list    []string
	release bool // sys.version_info itself: five parts, of which three are numbers
}

func (e *evaluator) comparison(depth int) Truth {
	left := e.operand(depth)
	result, compared := Yes, false
	for {
		op := e.text()
		switch {
		case op == "not" && e.take("not", "in"):
			op = "not in"
		case op == "is" && e.take("is", "not"):
			op = "!="
		case op == "is":
			op = "=="
			e.i++
		case op == "in", op == "==", op == "!=", op == "<", op == "<=", op == ">", op == ">=":
			e.i++
		default:
			if !compared {
				return left.truth()
			}
			return result
		}
		right := e.operand(depth)
		compared = true
		switch t := compare(left, op, right); {
		case t == No:
			result = No
		case t == Maybe && result == Yes:
			result = Maybe
		}
		left = right
	}
}

func (v value) truth() Truth {
	switch v.kind {
	case 't':
		return v.t
	case 'n':
		return TruthOf(v.n != 0)
	case 's':
		return TruthOf(v.s != "")
	}
	return Maybe
}

func compare(a value, op string, b value) Truth {
	switch {
	case a.kind == 's' && b.kind == 's':
		switch op {
		case "==":
			return TruthOf(a.s == b.s)
		case "!=":
			return TruthOf(a.s != b.s)
		case "in":
			return TruthOf(strings.Contains(b.s, a.s))
		case "not in":
			return TruthOf(!strings.Contains(b.s, a.s))
		}
	case a.kind == 's' && b.kind == 'l' && (op == "in" || op == "not in"):
		for _, s := range b.list {
			if s == a.s {
				return TruthOf(op == "in")
			}
		}
		return TruthOf(op != "in")
	case a.kind == 'n' && b.kind == 'n':
		return ordered(a.n-b.n, op)
	case a.kind == 'v' && b.kind == 'v':
		return compareTuples(a, op, b)
	}
	return Maybe
}

func ordered(n int, op string) Truth {
	switch op {
	case "==":
		return TruthOf(n == 0)
	case "!=":
		return TruthOf(n != 0)
	case "<":
		return TruthOf(n < 0)
	case "<=":
		return TruthOf(n <= 0)
	case ">":
		return TruthOf(n > 0)
	case ">=":
		return TruthOf(n >= 0)
	}
	return Maybe
}

// compareTuples compares as Python does; sys.version_info has two more parts
// than are known.
func compareTuples(a value, op string, b value) Truth {
	for i := range min(len(a.v), len(b.v)) {
		if a.v[i] < 0 || b.v[i] < 0 {
			return Maybe
		}
		if a.v[i] != b.v[i] {
			return ordered(a.v[i]-b.v[i], op)
		}
	}
	la, lb := len(a.v), len(b.v)
	if a.release {
		la += 2
	}
	if b.release {
		lb += 2
	}
	return ordered(la-lb, op)
}

// operand reads a primary with its attributes, calls and indexes.
func (e *evaluator) operand(depth int) value {
	if e.i >= len(e.t) || depth > maxTest {
		e.i = len(e.t) + 1
		return value{}
	}
	switch tok := e.t[e.i]; tok.Kind {
	case StringToken:
		e.i++
		s := strings.NewReplacer(`\\`, `\`, `\'`, `'`).Replace(string(e.src[tok.Start:tok.End]))
		if e.trailer() {
			return value{}
		}
		return value{kind: 's', s: s}
	case NumberToken:
		return e.numeric()
	case opToken:
		if e.take("(") || e.take("[") || e.take("{") {
			if depth > maxTest {
				break
			}
			return e.bracket(depth + 1)
		}
		e.i = len(e.t) + 1
		return value{}
	}
	return e.name()
}

func (e *evaluator) numeric() value {
	n, err := strconv.Atoi(strings.ReplaceAll(e.text(), "_", ""))
	e.i++
	if err != nil {
		return value{}
	}
	if e.take("**") { // 2 ** 32
		m, err := strconv.Atoi(e.text())
		e.i++
		if err != nil || n != 2 || m > 62 {
			return value{}
		}
		return value{kind: 'n', n: 1 << m}
	}
	if e.arithmetic() {
		return value{}
	}
	return value{kind: 'n', n: n}
}

// arithmetic skips an operator and its operand.
func (e *evaluator) arithmetic() bool {
	switch e.text() {
	case "+", "-", "*", "/", "%", "&", "|", "//", "<<", ">>", "^", "@":
		e.i++
		e.operand(1)
		return true
	}
	return false
}

// bracket reads a parenthesis: a test, or a tuple of literals.
func (e *evaluator) bracket(depth int) value {
	start := e.i
	var numbers []int
	var list []string
	literal := true
	for literal && e.i < len(e.t) {
		tok := e.t[e.i]
		switch {
		case tok.Kind == NumberToken:
			n, err := strconv.Atoi(e.text())
			if literal = err == nil; !literal {
				continue
			}
			numbers = append(numbers, n)
		case tok.Kind == StringToken:
			list = append(list, string(e.src[tok.Start:tok.End]))
		default:
			literal = false
			continue
		}
		e.i++
		comma := e.take(",")
		if closing := e.text(); closing == ")" || closing == "]" || closing == "}" {
			e.i++
			switch {
			case len(list) > 0 && len(numbers) > 0 || e.trailer():
				return value{}
			case len(numbers) == 1 && !comma:
				return value{kind: 'n', n: numbers[0]}
			case len(list) == 1 && !comma && closing == ")":
				return value{kind: 's', s: list[0]}
			case len(list) > 0:
				return value{kind: 'l', list: list}
			}
			return value{kind: 'v', v: numbers}
		}
		literal = comma
	}
	e.i = start
	t := e.or(depth + 1)
	if !e.take(")") {
		e.i = len(e.t) + 1
		return value{}
	}
	if e.trailer() {
		return value{}
	}
	return value{kind: 't', t: t}
}

// trailer skips attributes, calls and indexes; it says whether there were any.
func (e *evaluator) trailer() bool {
	found := false
	for {
		switch e.text() {
		case ".":
			e.i += 2
		case "(", "[":
			depth := e.t[e.i].Depth
			for e.i++; e.i < len(e.t) && e.t[e.i].Depth > depth; e.i++ {
			}
			e.i++
		default:
			return e.arithmetic() || found
		}
		found = true
	}
}

// name reads what starts with a name.
func (e *evaluator) name() value {
	start := e.i
	e.i++
	for e.i+1 < len(e.t) && e.text() == "." && e.t[e.i+1].Kind == NameToken {
		e.i += 2
	}
	var b strings.Builder
	for _, t := range e.t[start:e.i] {
		b.Write(e.src[t.Start:t.End])
	}
	name := b.String()
	v := e.known(name)
	if e.trailer() {
		return value{}
	}
	return v
}

// known is the value of a dotted name, with the calls and indexes that are
// understood.
func (e *evaluator) known(name string) value {
	rt := e.rt
	text := func(s string) value {
		if e.take("[") { // sys.platform[:3]
			e.i--
			return value{}
		}
		return value{kind: 's', s: s}
	}
	switch {
	case name == "sys.version_info":
		return e.version()
	case name == "sys.version_info.major":
		return value{kind: 'n', n: rt.Version[0]}
	case name == "sys.version_info.minor":
		return value{kind: 'n', n: rt.Version[1]}
	case name == "sys.version_info.micro" && rt.Version[2] >= 0:
		return value{kind: 'n', n: rt.Version[2]}
	case name == "sys.platform":
		return text(rt.Platform)
	case name == "sys.platform.startswith":
		return e.startswith(rt.Platform)
	case name == "os.name":
		return text(rt.OSName)
	case name == "platform.system" && e.take("(", ")"):
		return text(rt.System)
	case name == "platform.machine" && e.take("(", ")"):
		return text(rt.Machine)
	case name == "platform.python_implementation" && e.take("(", ")"):
		return text(map[string]string{"cpython": "CPython", "pypy": "PyPy"}[rt.Implementation])
	case name == "sys.implementation.name":
		return text(rt.Implementation)
	case name == "sys.maxsize":
		return value{kind: 'n', n: 1<<63 - 1}
	case name == "__name__":
		if rt.Main {
			return value{kind: 's', s: "__main__"}
		}
		return value{kind: 's', s: "a module"}
	case name == "True", name == "__debug__", name == "PY3", name == "six.PY3":
		return value{kind: 't', t: Yes}
	case name == "False", name == "None", name == "PY2", name == "six.PY2", name == "TYPE_CHECKING", strings.HasSuffix(name, ".TYPE_CHECKING"):
		return value{kind: 't', t: No}
	}
	return value{}
}

// version is sys.version_info, or a part of it.
func (e *evaluator) version() value {
	v := e.rt.Version[:]
	if !e.take("[") {
		return value{kind: 'v', v: v, release: true}
	}
	index := func() (int, bool) {
		n, err := strconv.Atoi(e.text())
		if err != nil {
			return 0, false
		}
		e.i++
		return n, n >= 0 && n <= len(v)
	}
	lo, ok := index()
	if ok && e.take("]") {
		if lo < len(v) && v[lo] >= 0 {
			return value{kind: 'n', n: v[lo]}
		}
		return value{}
	}
	if e.take(":") {
		if hi, ok := index(); ok && e.take("]") && lo <= hi {
			return value{kind: 'v', v: v[lo:hi]}
		}
	}
	e.i = len(e.t) + 1
	return value{}
}

func (e *evaluator) startswith(s string) value {
	if !e.take("(") {
		return value{}
	}
	v := e.operand(1)
	if !e.take(")") {
		e.i = len(e.t) + 1
		return value{}
	}
	switch v.kind {
	case 's':
		return value{kind: 't', t: TruthOf(strings.HasPrefix(s, v.s))}
	case 'l':
		for _, p := range v.list {
			if strings.HasPrefix(s, p) {
				return value{kind: 't', t: Yes}
			}
		}
		return value{kind: 't', t: No}
	}
	return value{}
}
