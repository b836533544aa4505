package shell

import (
	"errors"
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// Scripts that are larger, or that open more brackets, are not read: the shell
// parser calls itself for each level of nesting.
const (
	maxScript   = 256 << 10
	maxBrackets = 20_000
	// maxRereads is how often a script is read because of its comments.
	maxRereads = 20
)

// Parse is the tree of a script. Its errors are one line.
func Parse(text string, lang syntax.LangVariant) (*syntax.File, error) {
	if len(text) > maxScript || strings.Count(text, "(")+strings.Count(text, "{")+strings.Count(text, "[") > maxBrackets {
		return nil, errors.New("it is too large")
	}
	for range maxRereads {
		file, err := syntax.NewParser(syntax.Variant(lang), syntax.KeepComments(true)).Parse(strings.NewReader(text), "")
		if err != nil {
			var at syntax.ParseError
			if errors.As(err, &at) {
				return nil, errors.New(at.Text)
			}
			return nil, err
		}
		plain := endComments(file, text)
		if plain == text {
			return file, nil
		}
		text = plain
	}
	return nil, errors.New("its comments end in too many backslashes")
}

// endComments puts a blank in the place of a backslash that ends a comment:
// the parser takes the next line for a part of the comment's command, which no
// shell does.
func endComments(file *syntax.File, text string) string {
	var out []byte
	syntax.Walk(file, func(n syntax.Node) bool {
		c, ok := n.(*syntax.Comment)
		if !ok {
			return true
		}
		line, _, more := strings.Cut(text[min(int(c.Pos().Offset()), len(text)):], "\n")
		line = strings.TrimSuffix(line, "\r")
		if more && strings.HasSuffix(line, `\`) {
			if out == nil {
				out = []byte(text)
			}
			out[int(c.Pos().Offset())+len(line)-1] = ' '
		}
		return true
	})
	if out == nil {
		return text
	}
	return string(out)
}
