package start

import (
	"strings"

	"whittle.dev/whittle/internal/shell"
)

// section is one of an INI file.
type section struct {
	name   string
	values map[string]string
	lines  [][2]string // the same in the order of the file
}

// sections reads an INI file as Python's configparser does, but for what it
// interpolates: a value continues in lines that are indented.
func sections(text string) []section {
	var out []section
	var more []string // the lines that the last value goes on in
	ended := func() {
		if len(more) == 0 {
			return
		}
		sec := &out[len(out)-1]
		last := &sec.lines[len(sec.lines)-1]
		last[1] = strings.Join(append([]string{last[1]}, more...), " ")
		sec.values[last[0]] = last[1]
		more = nil
	}
	for raw := range strings.SplitSeq(text, "\n") {
		line := strings.TrimSpace(raw)
		switch {
		case line == "" || line[0] == '#' || line[0] == ';':
		case line[0] == '[' && strings.HasSuffix(line, "]"):
			ended()
			out = append(out, section{name: line[1 : len(line)-1], values: map[string]string{}})
		case len(out) == 0:
		case raw[0] == ' ' || raw[0] == '\t':
			if len(out[len(out)-1].lines) > 0 {
				more = append(more, line)
			}
		default:
			ended()
			i := strings.IndexAny(line, "=:")
			if i < 0 {
				i = len(line)
			}
			name := strings.ToLower(strings.TrimSpace(line[:i]))
			value := strings.TrimSpace(strings.TrimLeft(line[i:], "=:"))
			if j := strings.Index(value, " ;"); j >= 0 {
				value = strings.TrimSpace(value[:j])
			}
			sec := &out[len(out)-1]
			sec.values[name] = value
			sec.lines = append(sec.lines, [2]string{name, value})
		}
	}
	ended()
	return out
}

// commandWords splits a command line as a shell would; ok is false where that takes a
// shell.
func commandWords(line string) (out []string, ok bool) {
	trace, err := shell.Follow(line, shell.Process{}, noHost{})
	if err != nil || len(trace.Launches) != 1 || len(trace.Doubts) > 0 || strings.Contains(line, "$") {
		return nil, false
	}
	return trace.Launches[0].Args, !trace.Launches[0].Open
}

// noHost knows nothing.
type noHost struct{}

func (noHost) Read(string) (string, bool)                  { return "", false }
func (noHost) Test(string, string) shell.Truth             { return shell.Maybe }
func (noHost) Which(string, string, string) (string, bool) { return "", false }
func (noHost) Glob(string) []string                        { return nil }
func (noHost) Output([]string) (string, bool)              { return "", false }
