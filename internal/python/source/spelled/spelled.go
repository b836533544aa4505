// Package spelled finds the strings of a text of Python: literal ones, and those
// that it makes of them.
package spelled

import (
	"strings"

	"whittle.dev/whittle/internal/python/source"
)

// String is a string that a source makes of literal ones.
type String struct {
	Text string
	// Line is the line that it starts on, from 1.
	Line int
}

// maxSpelled bounds the strings that are made of one source, in bytes: a table
// of texts names nothing. maxFilled bounds what is put into one literal, and
// that literal; maxFilling how many.
const (
	maxSpelled = 1 << 20
	maxFilled  = 4096
	maxFilling = 64
)

// Strings are the strings that a source makes of literal ones and of nothing
// else: 'a' 'b', 'a' + 'b', '.'.join(['a', 'b']), 'a%s' % 'b', 'a{}'.format('b').
// Escapes are left as they are written.
func Strings(src []byte) (out []String) {
	l := source.NewLexer(src)
	left := maxSpelled
	for l.Next() && left > 0 {
		for i := 0; i < len(l.Tokens); {
			if l.Tokens[i].Kind != source.StringToken {
				i++
				continue
			}
			s := speller{l: l, src: src, at: i}
			text := s.sum()
			if s.parts > 1 {
				out = append(out, String{text, l.Tokens[i].Line()})
				left -= len(text)
			}
			i = s.at
		}
	}
	return out
}

// speller reads a string expression of a logical line, from a string token on.
type speller struct {
	l     *source.Lexer
	src   []byte
	at    int
	parts int
}

// is says that a token is an operator or a name.
func (s *speller) is(i int, text string) bool {
	if i >= len(s.l.Tokens) {
		return false
	}
	t := s.l.Tokens[i]
	return t.Kind != source.StringToken && t.Kind != source.FormatToken && string(s.src[t.Start:t.End]) == text
}

func (s *speller) isString(i int) bool {
	return i < len(s.l.Tokens) && s.l.Tokens[i].Kind == source.StringToken
}

// plain reads one literal.
func (s *speller) plain() string {
	t := s.l.Tokens[s.at]
	s.at++
	s.parts++
	return string(s.src[t.Start:t.End])
}

// sum reads literals that are added, and those that stand side by side.
func (s *speller) sum() string {
	var b strings.Builder
	b.WriteString(s.term())
	for {
		switch {
		case s.isString(s.at):
		case s.is(s.at, "+") && s.isString(s.at+1):
			s.at++
		default:
			return b.String()
		}
		b.WriteString(s.term())
	}
}

// term reads a literal, and what is put into it.
func (s *speller) term() string {
	text := s.plain()
	if len(text) > maxFilled {
		return text
	}
	switch {
	case s.is(s.at, ".") && s.is(s.at+1, "join") && s.is(s.at+2, "("):
		if args := s.list(s.at + 2); args != nil {
			return strings.Join(args, text)
		}
	case s.is(s.at, ".") && s.is(s.at+1, "format") && s.is(s.at+2, "("):
		if args := s.list(s.at + 2); args != nil {
			return filled(text, "{}", args)
		}
	case s.is(s.at, "%") && s.isString(s.at+1):
		s.at++
		if arg := s.plain(); len(arg) <= maxFilled {
			return strings.Replace(text, "%s", arg, 1)
		}
	case s.is(s.at, "%") && s.is(s.at+1, "("):
		if args := s.list(s.at + 1); args != nil {
			return filled(text, "%s", args)
		}
	}
	return text
}

// list reads the literals in brackets, of a list in them too; it is nil where
// anything else is there, or too much.
func (s *speller) list(open int) (out []string) {
	depth, bytes := 0, 0
	for i := open; i < len(s.l.Tokens); i++ {
		switch t := s.l.Tokens[i]; {
		case t.Kind == source.StringToken:
			if bytes += int(t.End - t.Start); bytes > maxFilled || len(out) == maxFilling {
				return nil
			}
			out = append(out, string(s.src[t.Start:t.End]))
		case s.is(i, "(") || s.is(i, "["):
			depth++
		case s.is(i, ")") || s.is(i, "]"):
			if depth--; depth == 0 {
				s.at, s.parts = i+1, s.parts+len(out)
				return out
			}
		case !s.is(i, ","):
			return nil
		}
	}
	return nil
}

// filled is a text with arguments in the places of a mark.
func filled(text, mark string, args []string) string {
	for _, a := range args {
		text = strings.Replace(text, mark, a, 1)
	}
	return text
}
