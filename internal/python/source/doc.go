// Package source reads one text of Python: its tokens, what it imports, calls
// and binds, under which conditions, and what it does to the search path. It
// says what stands there and runs nothing; the text of a module becomes [Facts],
// which depend on nothing else and can be kept by its digest.
//
// https://docs.python.org/3/reference/lexical_analysis.html
package source
