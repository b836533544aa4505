package shell

import (
	"regexp"
	"strconv"
	"strings"

	"mvdan.cc/sh/v3/expand"
	"mvdan.cc/sh/v3/syntax"
)

// test is "test" or "[", by its arguments.
func (c *simpleCommand) test() Truth {
	args := c.args[1:]
	if c.args[0] == "[" {
		if len(args) == 0 || args[len(args)-1] != "]" {
			return Maybe
		}
		args = args[:len(args)-1]
	}
	if c.open {
		return Maybe
	}
	e := testArgs{c: c, args: args}
	status := e.or()
	if len(e.args) > 0 {
		return Maybe
	}
	return status
}

// testArgs reads the expression of a test.
// https://pubs.opengroup.org/onlinepubs/9699919799/utilities/test.html
type testArgs struct {
	c    *simpleCommand
	args []string
}

func (e *testArgs) next(word string) bool {
	if len(e.args) > 0 && e.args[0] == word {
		e.args = e.args[1:]
		return true
	}
	return false
}

func (e *testArgs) or() Truth {
	status := e.and()
	for e.next("-o") {
		status = either(status, e.and())
	}
	return status
}

func (e *testArgs) and() Truth {
	status := e.not()
	for e.next("-a") {
		status = both(status, e.not())
	}
	return status
}

func (e *testArgs) not() Truth {
	if len(e.args) > 1 && !isBinary(e.args[1]) && e.next("!") {
		return negate(e.not())
	}
	return e.primary()
}

func isBinary(op string) bool {
	switch op {
	case "=", "==", "!=", "<", ">", "-eq", "-ne", "-lt", "-le", "-gt", "-ge", "-nt", "-ot", "-ef":
		return true
	}
	return false
}

func (e *testArgs) primary() Truth {
	switch {
	case len(e.args) == 0:
		return No
	case len(e.args) >= 3 && isBinary(e.args[1]):
		a, op, b := e.args[0], e.args[1], e.args[2]
		e.args = e.args[3:]
		return compare(a, op, b)
	case len(e.args) >= 3 && e.next("("):
		status := e.or()
		if !e.next(")") {
			return Maybe
		}
		return status
	case len(e.args) >= 2 && len(e.args[0]) == 2 && e.args[0][0] == '-':
		op, arg := e.args[0], e.args[1]
		e.args = e.args[2:]
		return e.c.t.unary(e.c.sh, op, arg)
	}
	word := e.args[0]
	e.args = e.args[1:]
	return filled(word)
}

// filled says that a word is not empty.
func filled(word string) Truth {
	if strings.Trim(word, unknown) == "" && word != "" {
		return Maybe
	}
	return truth(word != "")
}

// unary is a test of one word.
func (t *tracer) unary(sh *process, op, arg string) Truth {
	switch op {
	case "-z":
		return negate(filled(arg))
	case "-n":
		return filled(arg)
	case "-v":
		return truth(environ{t, sh}.Get(arg).IsSet())
	case "-t":
		return No // a container has no terminal, unless it is asked for
	case "-e", "-f", "-d", "-x", "-s", "-r", "-L", "-h":
		if isUnknown(arg) || arg != "" && arg[0] != '/' && isUnknown(sh.dir) {
			return Maybe
		}
		if arg == "" {
			return No
		}
		found := t.host.Test(op, sh.abs(arg))
		if found == No && sh.touched {
			return Maybe
		}
		return found
	}
	return Maybe
}

// compare is a test of two words.
func compare(a, op, b string) Truth {
	switch op {
	case "=", "==":
		return same(a, b)
	case "!=":
		return negate(same(a, b))
	case "<", ">":
		if isUnknown(a + b) {
			return Maybe
		}
		return truth(op == "<" && a < b || op == ">" && a > b)
	}
	x, err := strconv.Atoi(strings.TrimSpace(a))
	y, other := strconv.Atoi(strings.TrimSpace(b))
	if err != nil || other != nil {
		return Maybe
	}
	switch op {
	case "-eq":
		return truth(x == y)
	case "-ne":
		return truth(x != y)
	case "-lt":
		return truth(x < y)
	case "-le":
		return truth(x <= y)
	case "-gt":
		return truth(x > y)
	case "-ge":
		return truth(x >= y)
	}
	return Maybe
}

// same compares words with parts that may be unknown.
func same(a, b string) Truth {
	if isUnknown(a) || isUnknown(b) {
		return Maybe
	}
	return truth(a == b)
}

func negate(t Truth) Truth {
	switch t {
	case Yes:
		return No
	case No:
		return Yes
	}
	return Maybe
}

func both(a, b Truth) Truth {
	switch {
	case a == No || b == No:
		return No
	case a == Yes && b == Yes:
		return Yes
	}
	return Maybe
}

func either(a, b Truth) Truth { return negate(both(negate(a), negate(b))) }

// testExpr is the expression of [[ ]].
func (t *tracer) testExpr(sh *process, x syntax.TestExpr) Truth {
	switch x := x.(type) {
	case *syntax.Word:
		word, _ := t.literal(sh, x)
		return filled(word)
	case *syntax.ParenTest:
		return t.testExpr(sh, x.X)
	case *syntax.UnaryTest:
		if x.Op == syntax.TsNot {
			return negate(t.testExpr(sh, x.X))
		}
		w, ok := x.X.(*syntax.Word)
		if !ok {
			return Maybe
		}
		word, _ := t.literal(sh, w)
		return t.unary(sh, x.Op.String(), word)
	case *syntax.BinaryTest:
		return t.binaryTest(sh, x)
	}
	return Maybe
}

func (t *tracer) binaryTest(sh *process, x *syntax.BinaryTest) Truth {
	switch x.Op {
	case syntax.AndTest:
		return both(t.testExpr(sh, x.X), t.testExpr(sh, x.Y))
	case syntax.OrTest:
		return either(t.testExpr(sh, x.X), t.testExpr(sh, x.Y))
	}
	left, ok := x.X.(*syntax.Word)
	right, also := x.Y.(*syntax.Word)
	if !ok || !also {
		return Maybe
	}
	a, _ := t.literal(sh, left)
	switch x.Op {
	case syntax.TsMatch, syntax.TsMatchShort:
		return t.matches(sh, a, right)
	case syntax.TsNoMatch:
		return negate(t.matches(sh, a, right))
	case syntax.TsReMatch:
		expr, known := t.literal(sh, right)
		re, err := regexp.CompilePOSIX(expr)
		if !known || isUnknown(a) || err != nil {
			return Maybe
		}
		return truth(re.MatchString(a))
	}
	b, _ := t.literal(sh, right)
	return compare(a, x.Op.String(), b)
}

// arithmetic is (( … )): whether it comes to something other than zero. What
// it assigns is not known.
func (t *tracer) arithmetic(sh *process, x syntax.ArithmExpr) (status Truth) {
	plain := true
	syntax.Walk(x, func(n syntax.Node) bool {
		switch n := n.(type) {
		case *syntax.BinaryArithm:
			if n.Op == syntax.Assgn || strings.HasSuffix(n.Op.String(), "=") && n.Op != syntax.Eql && n.Op != syntax.Neq && n.Op != syntax.Leq && n.Op != syntax.Geq {
				plain = false
			}
		case *syntax.UnaryArithm:
			if n.Op == syntax.Inc || n.Op == syntax.Dec {
				plain = false
			}
		case *syntax.CmdSubst:
			plain = false
		case *syntax.Lit:
			if !plain && syntax.ValidName(n.Value) {
				sh.set(n.Value, unknown)
			}
		}
		return true
	})
	if !plain {
		return Maybe
	}
	defer func() {
		if recover() != nil { // the library's answer to what it does not know
			status = Maybe
		}
	}()
	n, err := expand.Arithm(&expand.Config{Env: environ{t, sh}}, x)
	if err != nil || t.vague(sh, x) {
		return Maybe
	}
	return truth(n != 0)
}

// vague says that an expression holds something that is not known.
func (t *tracer) vague(sh *process, x syntax.ArithmExpr) bool {
	found := false
	see := func(name string) {
		if v := (environ{t, sh}).Get(name); isUnknown(v.Str) {
			found = true
		}
	}
	syntax.Walk(x, func(n syntax.Node) bool {
		switch n := n.(type) {
		case *syntax.ParamExp:
			if n.Param != nil {
				see(n.Param.Value)
			}
		case *syntax.Lit:
			if syntax.ValidName(n.Value) {
				see(n.Value)
			}
		}
		return true
	})
	return found
}
