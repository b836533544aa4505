package compose

import (
	"bytes"
	"errors"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v4"

	"whittle.dev/whittle/internal/project/block"
)

// literalHead is how a literal block begins whose indentation is that of its lines.
// https://yaml.org/spec/1.2.2/#81-block-scalar-styles
var literalHead = regexp.MustCompile(`^\|-?[ \t]*(#.*)?\r?\n$`)

// Inline finds the Dockerfile of a service in the text of a compose file. found is false
// if the file has none for it. Errors say why it cannot be edited.
func Inline(src []byte, service string) (b block.Block, found bool, err error) {
	var root yaml.Node
	dec := yaml.NewDecoder(bytes.NewReader(src))
	if err := dec.Decode(&root); err != nil || len(root.Content) == 0 {
		return b, false, nil
	}
	n := get(get(get(get(root.Content[0], "services"), service), "build"), "dockerfile_inline")
	if n == nil {
		return b, false, nil
	}
	if n.Kind != yaml.ScalarNode || n.Style&yaml.LiteralStyle == 0 || n.Anchor != "" {
		return b, true, errors.New("its text is no literal block (|)")
	}
	start := 0
	for range n.Line - 1 {
		start += bytes.IndexByte(src[start:], '\n') + 1
	}
	line, _, _ := bytes.Cut(src[start:], []byte("\n"))
	at := bytes.LastIndexByte(line, '|')
	if at < 0 || !literalHead.Match(append(bytes.Clone(line[at:]), '\n')) {
		return b, true, errors.New("its text is no plain literal block (|)")
	}
	indent := -1
	b, err = block.Read(src, min(start+len(line)+1, len(src)), func(line string) bool {
		own := len(line) - len(strings.TrimLeft(line, " "))
		if indent < 0 {
			indent = own
		}
		return own < indent
	})
	if err == nil && strings.TrimRight(b.Text(), "\n") != strings.TrimRight(n.Value, "\n") {
		err = errors.New("its text is not what its lines say")
	}
	return b, true, err
}
