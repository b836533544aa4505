// Package dotenv reads files of variables, and texts that name variables, as compose
// does.
package dotenv

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"whittle.dev/whittle"
)

// MaxValue bounds the value of a variable, and MaxEnvironment all of an environment, in
// bytes: Linux gives a program no more (32 pages for one text, a quarter of a stack of
// 8 MiB for all).
// https://man7.org/linux/man-pages/man2/execve.2.html
const (
	MaxValue       = 128 << 10
	MaxEnvironment = 2 << 20
)

// Variable is a line of a file.
type Variable struct{ Name, Value string }

var variableName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.-]*$`)

// IsName says whether a variable can have a name.
func IsName(name string) bool { return variableName.MatchString(name) }

var reference = regexp.MustCompile(`\$(?:\$|\{([A-Za-z_]\w*)(?:(:?[-?+])([^{}]*))?\}|([A-Za-z_]\w*))`)

// errLong is the error of a value that no program can be given.
var errLong = whittle.ErrUsage.Errorf("the value is longer than %d bytes", MaxValue)

// Interpolate puts variables of the environment into a text, as compose does:
// https://docs.docker.com/reference/compose-file/interpolation/
// What they give is not read again, and the value has at most MaxValue bytes. hidden
// says that a part of it is a value of the environment.
func Interpolate(text string, lookup func(string) (string, bool)) (value string, hidden bool, err error) {
	var b strings.Builder
	for {
		at := reference.FindStringIndex(text)
		if at == nil {
			b.WriteString(text)
			break
		}
		found, secret, missing := resolve(text[at[0]:at[1]], lookup)
		hidden, err = hidden || secret, cmp.Or(err, missing)
		b.WriteString(text[:at[0]])
		b.WriteString(found)
		if text = text[at[1]:]; b.Len() > MaxValue {
			return "", hidden, errLong
		}
	}
	if b.Len() > MaxValue {
		return "", hidden, errLong
	}
	return b.String(), hidden, err
}

// resolve is what one reference stands for. hidden says that it is a value of
// the environment.
func resolve(text string, lookup func(string) (string, bool)) (value string, hidden bool, err error) {
	if text == "$$" {
		return "$", false, nil
	}
	p := reference.FindStringSubmatch(text)
	name := p[1] + p[4]
	found, ok := lookup(name)
	if strings.HasPrefix(p[2], ":") {
		ok = ok && found != ""
	}
	switch op := strings.TrimPrefix(p[2], ":"); {
	case op == "+" && ok:
		return p[3], false, nil
	case op == "+":
		return "", false, nil
	case ok:
		return found, true, nil
	case op == "-":
		return p[3], false, nil
	}
	return "", false, whittle.WithHint(whittle.ErrUsage.Errorf("${%s} is not set in whittle's environment", name), "set it, or write ${"+name+":-default}")
}

// Givable says whether a program can be given a value.
func Givable(value string) error {
	switch {
	case strings.Contains(value, "\x00"):
		return whittle.ErrUsage.Errorf("the value has a NUL byte")
	case len(value) > MaxValue:
		return errLong
	}
	return nil
}

// Parse reads lines of NAME=value, as compose has them: comments, export,
// quotes, and references to the environment and to the variables above.
// https://docs.docker.com/compose/how-tos/environment-variables/variable-interpolation/#env-file-syntax
func Parse(text []byte, lookup func(string) (string, bool)) ([]Variable, error) {
	r := envReader{rest: strings.ReplaceAll(strings.TrimPrefix(string(text), "\ufeff"), "\r\n", "\n"), lookup: lookup, known: map[string]string{}}
	for r.rest != "" {
		if err := r.next(); err != nil {
			return nil, err
		}
	}
	return r.out, nil
}

// envReader reads a file of variables.
type envReader struct {
	rest   string
	line   int
	lookup func(string) (string, bool)
	out    []Variable
	known  map[string]string // the last values of out
	size   int               // bytes of out
}

// next reads a line, or several where quotes go over them.
func (r *envReader) next() error {
	line, after, _ := strings.Cut(r.rest, "\n")
	whole := r.rest
	r.rest = after
	r.line++
	number := r.line
	if line = strings.TrimSpace(line); line == "" || strings.HasPrefix(line, "#") {
		return nil
	}
	line = strings.TrimSpace(strings.TrimPrefix(line, "export "))
	name, value, ok := strings.Cut(line, "=")
	if name = strings.TrimSpace(name); !IsName(name) {
		return whittle.ErrUsage.Errorf("%d: not NAME=value", number)
	}
	if !ok {
		if v, set := r.lookup(name); set {
			return r.keep(number, name, v)
		}
		return nil
	}
	value, raw, err := r.value(whole, strings.TrimSpace(value))
	if err != nil {
		return whittle.ErrUsage.Errorf("%d: %s: %w", number, name, err)
	}
	if !raw { // a password may have a $: what names nothing stays, and is in no error
		switch found, _, err := Interpolate(value, r.above); {
		case errors.Is(err, errLong):
			return fmt.Errorf("%d: %s: %w", number, name, err)
		case err == nil:
			value = found
		}
	}
	return r.keep(number, name, value)
}

// above is a variable as a line sees it.
func (r *envReader) above(name string) (string, bool) {
	if v, ok := r.known[name]; ok {
		return v, true
	}
	return r.lookup(name)
}

func (r *envReader) keep(number int, name, value string) error {
	if err := Givable(value); err != nil {
		return fmt.Errorf("%d: %s: %w", number, name, err)
	}
	if r.size += len(name) + len(value) + 2; r.size > MaxEnvironment {
		return whittle.ErrUsage.Errorf("%d: %s: the variables have more than %d bytes", number, name, MaxEnvironment)
	}
	r.known[name] = value
	r.out = append(r.out, Variable{Name: name, Value: value})
	return nil
}

// value takes quotes and comments from the value that a line begins; whole is
// the text from that line on, in which quotes may end later. raw says that it
// is in single quotes.
func (r *envReader) value(whole, begin string) (value string, raw bool, err error) {
	if begin == "" || begin[0] != '"' && begin[0] != '\'' {
		if i := strings.Index(begin, " #"); i >= 0 {
			begin = strings.TrimSpace(begin[:i])
		}
		return begin, false, nil
	}
	quoted := whole[strings.Index(whole, "=")+1:]
	quoted = quoted[strings.IndexByte(quoted, begin[0]):]
	end := quoteEnd(quoted)
	if end < 0 {
		return "", false, errors.New("the quote does not end")
	}
	value = quoted[1:end]
	r.line += strings.Count(value, "\n")
	_, r.rest, _ = strings.Cut(quoted[end:], "\n")
	if begin[0] == '\'' {
		return value, true, nil
	}
	return escapes.Replace(value), false, nil
}

// quoteEnd is where a quoted text ends that begins with its quote, -1 where it
// does not.
func quoteEnd(s string) int {
	for i := 1; i < len(s); i++ {
		switch {
		case s[i] == '\\' && s[0] == '"':
			i++
		case s[i] == s[0]:
			return i
		}
	}
	return -1
}

var escapes = strings.NewReplacer(`\n`, "\n", `\r`, "\r", `\t`, "\t", `\"`, `"`, `\\`, `\`, `\$`, "$$")
