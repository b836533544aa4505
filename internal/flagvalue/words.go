package flagvalue

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"whittle.dev/whittle"
)

// Names are one or several, with commas between them. The option may be repeated.
func Names(all *[]string) pflag.Value { return names{all} }

// Seconds is a time of more than nothing.
func Seconds(d *time.Duration) pflag.Value { return seconds{d} }

// Choice is one of several words, or none.
func Choice(word *string, among []string) pflag.Value { return choice{word, among} }

// Words are all that a [Choice] takes; nil if the value is none.
func Words(v pflag.Value) []string {
	if c, ok := v.(interface{ Words() []string }); ok {
		return c.Words()
	}
	return nil
}

// names are one or several, with commas between them. The flag may be repeated.
type names struct{ of *[]string }

func (n names) String() string {
	if n.of == nil {
		return ""
	}
	return strings.Join(*n.of, ",")
}

func (n names) Type() string { return "strings" }

// Repeatable says that each line of a variable is one.
func (n names) Repeatable() bool { return true }

func (n names) Set(s string) error {
	for name := range strings.SplitSeq(s, ",") {
		if name = strings.TrimSpace(name); name == "" {
			return errors.New("one or several names are wanted, with commas between them")
		}
		*n.of = append(*n.of, name)
	}
	return nil
}

// seconds is a time of more than nothing.
type seconds struct{ d *time.Duration }

func (t seconds) String() string {
	if t.d == nil {
		return ""
	}
	return t.d.String()
}

func (t seconds) Type() string { return "duration" }

func (t seconds) Set(s string) error {
	d, err := time.ParseDuration(s)
	if err != nil || d <= 0 {
		return errors.New("a time is wanted, such as 10s or 2m")
	}
	*t.d = d
	return nil
}

// choice is one of several words, or none.
type choice struct {
	word  *string
	among []string
}

func (c choice) String() string {
	if c.word == nil {
		return ""
	}
	return *c.word
}

func (c choice) Type() string { return "string" }

func (c choice) Set(s string) error {
	if !slices.Contains(c.among, s) {
		text := "it is none of " + strings.Join(c.among, ", ")
		if near := whittle.Nearest(s, c.among); near != "" {
			text += fmt.Sprintf("; did you mean %q?", near)
		}
		return errors.New(text)
	}
	*c.word = s
	return nil
}

// Words are all that it takes.
func (c choice) Words() []string { return c.among }
