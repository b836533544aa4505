// Package syntax says whether CPython can compile a text. It checks the
// grammar of Python 3.8 to 3.14, and what the compiler checks after parsing.
// It makes no syntax tree.
//
// https://docs.python.org/3/reference/grammar.html
package syntax

import "fmt"

// Result says whether a text compiles.
type Result struct {
	// Text says what is wrong, and Line where. Text is empty if nothing is
	// wrong.
	Text string
	Line int
	// Unsure says that the text may still be correct, because it is not in
	// UTF-8, or nested too deeply to follow.
	Unsure bool
	// Needs is what it has that only later versions read.
	Needs Need
}

// Need is a form that Python has since 3.Minor; the latest of a text.
type Need struct {
	Minor, Line int
	What        string
}

const notUTF8 = "a byte that is not UTF-8, and no encoding is declared"

// failure ends the parse.
type failure struct {
	line   int
	text   string
	unsure bool
}

// Bounds.
const (
	maxDepth  = 700
	maxChain  = 900 // of operators, attributes, calls, elif
	maxBlocks = 20  // of loops, try and with in one function
	maxIndent = 99  // CPython's is 100
	maxOpen   = 200
	maxText   = 64 << 20 // bytes
)

// Check checks a text.
func Check(src []byte) (r Result) {
	if len(src) > maxText {
		return Result{Text: "it is too long", Line: 1, Unsure: true}
	}
	p, l := &parser{}, lexers.Get().(*lexer)
	defer func() {
		l.free()
		if e := recover(); e != nil {
			f, ok := e.(failure)
			if !ok {
				panic(e)
			}
			r = Result{Text: f.text, Line: f.line, Unsure: f.unsure, Needs: p.need}
		}
	}()
	text := decode(src)
	p.src = text.src
	p.asciiOnly = text.opaque
	p.t = l.tokens(text, &p.need)
	p.statements().file()
	if text.bad > 0 {
		doubt(text.bad, notUTF8)
	}
	return Result{Needs: p.need}
}

func fail(line int, format string, args ...any) {
	panic(failure{line: line, text: fmt.Sprintf(format, args...)})
}

func doubt(line int, format string, args ...any) {
	panic(failure{line: line, text: fmt.Sprintf(format, args...), unsure: true})
}

// since notes a form that older versions do not have.
func (n *Need) since(minor, line int, what string) {
	if minor > n.Minor {
		*n = Need{minor, line, what}
	}
}
