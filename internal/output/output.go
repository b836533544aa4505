package output

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/term"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/commandline"
	"whittle.dev/whittle/internal/flagvalue"
	"whittle.dev/whittle/internal/report/ci"
	"whittle.dev/whittle/internal/report/jsontext"
	"whittle.dev/whittle/internal/report/page"
)

// The formats of results, by the names of --format and -o.
const (
	Text        = "text"
	JSON        = "json"
	Markdown    = "md"
	SARIF       = "sarif"
	JUnit       = "junit"
	GitHub      = "github"
	CodeQuality = "gitlab-codequality"
	Comment     = "comment"
	Badge       = "badge"
	HTML        = "html"
	Concise     = "concise"
	CSV         = "csv"
	Parquet     = "parquet"
)

// Form is a format of a command's result, and what writes a result in it.
type Form[T any] struct {
	Name  string
	Write func(w io.Writer, st page.Style, result T) error
}

// Output is where a command's result goes, and in which formats: one on standard
// output, others in files. Of a command's table of formats the first is the usual one.
type Output[T any] struct {
	to    *Printer
	forms []Form[T]
	// format is that of standard output, empty where none was asked for.
	format string
	files  []flagvalue.OutputFile
	// Results and Outputs are what a step of GitHub's Actions tells without being asked:
	// annotations, and values for later steps. Nil tells nothing.
	Results func(result T) []ci.Result
	Outputs func(result T) Step
}

// New adds --format and -o to a command.
func New[T any](to *Printer, cmd *cobra.Command, forms ...Form[T]) *Output[T] {
	o := &Output[T]{to: to, forms: forms}
	var all []string
	for _, f := range forms {
		all = append(all, f.Name)
	}
	cmd.Flags().Var(formatFlag{flagvalue.Choice(&o.format, all), &to.JSON}, "format", "how the result is printed: "+strings.Join(all, ", "))
	cmd.Flags().VarP(flagvalue.Outputs(&o.files, all), "output", "o", "also write the result in a format to a file: html=report.html (repeatable)")
	cmd.PreRunE = func(cmd *cobra.Command, _ []string) error { return o.check(cmd) }
	return o
}

// Wants says whether the result is to be written in a format.
func (o *Output[T]) Wants(format string) bool {
	return o.printed() == format || slices.ContainsFunc(o.files, func(f flagvalue.OutputFile) bool { return f.Format == format })
}

// Only says that the result is to be written in no other format.
func (o *Output[T]) Only(format string) bool {
	return o.printed() == format && !slices.ContainsFunc(o.files, func(f flagvalue.OutputFile) bool { return f.Format != format })
}

// printed is the format of standard output.
func (o *Output[T]) printed() string {
	switch {
	case o.to.JSON:
		return JSON
	case o.format == "":
		return o.forms[0].Name
	}
	return o.format
}

// check looks at the options before anything is read.
func (o *Output[T]) check(cmd *cobra.Command) error {
	if o.to.JSON && o.format != "" && o.format != JSON {
		return misuse("leave one of them out, or write the other to a file: -o "+o.format+"=FILE", "--json and --format %s contradict each other", o.format)
	}
	if f, ok := o.to.Out.(*os.File); ok && o.format == HTML && term.IsTerminal(int(f.Fd())) {
		return misuse(cmd.CommandPath()+" … --format html > report.html", "an HTML report goes into a file, not to a terminal")
	}
	seen := map[string]bool{}
	for _, f := range o.files {
		if seen[filepath.Clean(f.Name)] {
			return misuse("name a file for each format", "-o names %s twice", f.Name)
		}
		seen[filepath.Clean(f.Name)] = true
		if err := commandline.Writable(f.Name); err != nil {
			return err
		}
	}
	if !o.Wants(Text) && !o.Wants(Markdown) && !o.to.JSON {
		for _, name := range TextOnly(cmd) {
			if cmd.Flags().Changed(name) {
				o.to.Note(fmt.Sprintf("--%s does nothing here: only text and md have it", name))
			}
		}
	}
	return nil
}

// Write writes the files, and prints the result.
func (o *Output[T]) Write(result T) error {
	o.to.endProgress()
	for _, f := range o.files {
		var b strings.Builder
		if err := o.in(f.Format, &b, page.Style{Color: o.to.Color == commandline.ColorAlways, Project: o.to.Project, Options: o.to.options()}, result); err != nil {
			return err
		}
		if err := commandline.Put(f.Name, b.String()); err != nil {
			return err
		}
		if f.Format == JSON {
			o.to.written = f.Name
		}
	}
	onGitHub := o.Outputs != nil && os.Getenv("GITHUB_ACTIONS") == "true"
	if onGitHub && o.printed() == Text { // others are for programs
		var text strings.Builder
		if err := o.in(o.printed(), &text, o.to.Style(), result); err != nil {
			return err
		}
		if _, err := io.WriteString(resultWriter{o.to.Out}, ci.Inert(text.String())); err != nil {
			return err
		}
	} else if err := o.in(o.printed(), resultWriter{o.to.Out}, o.to.Style(), result); err != nil {
		return err
	}
	if onGitHub {
		return o.tellGitHub(result)
	}
	return nil
}

// Alone says how the result is printed, if it is written nowhere else and depends on nothing but
// itself and as, which is a value that JSON tells from others: then [Output.Print] of what show
// gives is the same as Write. lists is what else texts for people depend on.
func (o *Output[T]) Alone(lists ...any) (as any, show func(T) ([]byte, error), ok bool) {
	if len(o.files) > 0 || o.Outputs != nil {
		return nil, nil, false
	}
	// Once: the terminal may have another width when the result is there.
	form, style := o.printed(), o.to.Style()
	switch form {
	case Text, Markdown:
		as = []any{form, style, lists}
	case JSON:
		as = form
	default:
		return nil, nil, false
	}
	return as, func(result T) ([]byte, error) {
		var b bytes.Buffer
		err := o.in(form, &b, style, result)
		return b.Bytes(), err
	}, true
}

// Print prints what show of Alone gave, if there was no error.
func (o *Output[T]) Print(text []byte, err error) error {
	if err != nil {
		return err
	}
	o.to.endProgress()
	_, err = resultWriter{o.to.Out}.Write(text)
	return err
}

// in writes the result in a format of the table.
func (o *Output[T]) in(format string, w io.Writer, st page.Style, result T) error {
	at := slices.IndexFunc(o.forms, func(f Form[T]) bool { return f.Name == format })
	return o.forms[at].Write(w, st, result)
}

// formatFlag is --format: json is the same as --json.
type formatFlag struct {
	pflag.Value
	json *bool
}

// Words are the formats.
func (f formatFlag) Words() []string { return flagvalue.Words(f.Value) }

func (f formatFlag) Set(s string) error {
	if err := f.Value.Set(s); err != nil {
		return err
	}
	*f.json = *f.json || s == JSON
	return nil
}

// AsJSON is the form of a result that is JSON as it is.
func AsJSON[T any](of func(T) any) Form[T] {
	return Form[T]{JSON, func(w io.Writer, _ page.Style, result T) error { return jsontext.Write(w, of(result)) }}
}

// InText are the usual formats of a result that is shown with at most some rows.
func InText[T any](rows *int, text func(w io.Writer, v T, st page.Style, rows int) error, markdown func(w io.Writer, v T, rows int) error) []Form[T] {
	return []Form[T]{
		{Text, func(w io.Writer, st page.Style, v T) error { return text(w, v, st, *rows) }},
		AsJSON(func(v T) any { return v }),
		{Markdown, func(w io.Writer, _ page.Style, v T) error { return markdown(w, v, *rows) }},
	}
}

// textOnly are options of commands that only say how much of a result is printed as
// text.
var textOnly = []string{"rows", "all", "color"}

// TextOnly are the options of a command that only change how a result is printed as text.
func TextOnly(cmd *cobra.Command) []string {
	if cmd.Name() == "inspect" { // that of squeeze says what to do
		return append(slices.Clone(textOnly), "base")
	}
	return textOnly
}

// misuse is an error of the command line, with what to write instead.
func misuse(hint, format string, args ...any) error {
	return whittle.WithHint(whittle.ErrUsage.Errorf(format, args...), hint)
}
