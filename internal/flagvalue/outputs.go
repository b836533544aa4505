package flagvalue

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"whittle.dev/whittle"
)

// OutputFile is a file for a format.
type OutputFile struct{ Format, Name string }

// Outputs are FORMAT=FILE for some formats. The option may be repeated.
func Outputs(files *[]OutputFile, formats []string) pflag.Value { return outputs{files, formats} }

// OutputFormats are the formats of a value of [Outputs]; ok is false for others.
func OutputFormats(v pflag.Value) (formats []string, ok bool) {
	o, ok := v.(outputs)
	return o.formats, ok
}

// outputs is FORMAT=FILE.
type outputs struct {
	files   *[]OutputFile
	formats []string
}

func (o outputs) String() string {
	if o.files == nil {
		return ""
	}
	var all []string
	for _, f := range *o.files {
		all = append(all, f.Format+"="+f.Name)
	}
	return strings.Join(all, " ")
}

func (o outputs) Type() string { return "format=file" }

// Repeatable says that each line of a variable is one.
func (o outputs) Repeatable() bool { return true }

func (o outputs) Set(s string) error {
	format, file, ok := strings.Cut(s, "=")
	known := "the formats are " + strings.Join(o.formats, ", ")
	switch {
	case ok && !slices.Contains(o.formats, format):
		if near := whittle.Nearest(format, o.formats); near != "" {
			return fmt.Errorf("there is no format %q; did you mean %q?", format, near)
		}
		return fmt.Errorf("there is no format %q; %s", format, known)
	case !ok && slices.Contains(o.formats, s), ok && file == "":
		return fmt.Errorf("a file is wanted: %s=FILE", format)
	case !ok:
		return errors.New("a format and a file are wanted: FORMAT=FILE; " + known)
	case file == "-":
		return fmt.Errorf("for standard output there is --format %s", format)
	}
	*o.files = append(*o.files, OutputFile{format, file})
	return nil
}
