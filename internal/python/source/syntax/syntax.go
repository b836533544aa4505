// Package syntax says whether CPython can compile a text: it holds a text to
// the grammar of Python 3.8 to 3.14 and to what the compiler checks besides. It
// makes no tree.
//
// https://docs.python.org/3/reference/grammar.html
package syntax

import "fmt"

// Result is what a text comes to.
type Result struct {
	// Text says what is wrong, and Line where, empty where nothing is.
	Text string
	Line int
	// Unsure says that it may be right after all: in a text that is not in
	// UTF-8, or too deep to follow.
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

// Check holds a text to the grammar.
func Check(src []byte) (r Result) {
	if len(src) > maxText {
		return Result{Text: "it is too long", Line: 1, Unsure: true}
	}
	p := &parser{}
	defer func() {
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
	p.t = tokens(text, &p.need)
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
