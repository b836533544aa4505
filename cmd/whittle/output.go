package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"whittle.dev/whittle/internal/commandline"
	"whittle.dev/whittle/internal/flagvalue"
	"whittle.dev/whittle/internal/report/ci"
	"whittle.dev/whittle/internal/report/jsontext"
	"whittle.dev/whittle/internal/report/page"
)

// The formats of results, by the names of --format and -o.
const (
	formatText        = "text"
	formatJSON        = "json"
	formatMarkdown    = "md"
	formatSARIF       = "sarif"
	formatJUnit       = "junit"
	formatGitHub      = "github"
	formatCodeQuality = "gitlab-codequality"
	formatComment     = "comment"
	formatBadge       = "badge"
	formatHTML        = "html"
	formatConcise     = "concise"
)

// form is a format of a command's result, and what writes a result in it.
type form[T any] struct {
	name  string
	write func(w io.Writer, st page.Style, result T) error
}

// output is where a command's result goes, and in which formats: one on standard
// output, others in files. Of a command's table of formats the first is the usual one.
type output[T any] struct {
	app   *app
	forms []form[T]
	// format is that of standard output, empty where none was asked for.
	format string
	files  []flagvalue.OutputFile
	// results and outputs are what a step of GitHub's Actions tells without being asked:
	// annotations, and values for later steps. Nil tells nothing.
	results func(result T) []ci.Result
	outputs func(result T) step
}

// newOutput adds --format and -o to a command.
func newOutput[T any](a *app, cmd *cobra.Command, forms ...form[T]) *output[T] {
	o := &output[T]{app: a, forms: forms}
	var all []string
	for _, f := range forms {
		all = append(all, f.name)
	}
	cmd.Flags().Var(formatFlag{choice{&o.format, all}, &a.json}, "format", "how the result is printed: "+strings.Join(all, ", "))
	cmd.Flags().VarP(flagvalue.Outputs(&o.files, all), "output", "o", "also write the result in a format to a file: html=report.html (repeatable)")
	cmd.PreRunE = func(cmd *cobra.Command, _ []string) error { return o.check(cmd) }
	return o
}

// wants says whether the result is to be written in a format.
func (o *output[T]) wants(format string) bool {
	return o.printed() == format || slices.ContainsFunc(o.files, func(f flagvalue.OutputFile) bool { return f.Format == format })
}

// only says that the result is to be written in no other format.
func (o *output[T]) only(format string) bool {
	return o.printed() == format && !slices.ContainsFunc(o.files, func(f flagvalue.OutputFile) bool { return f.Format != format })
}

// printed is the format of standard output.
func (o *output[T]) printed() string {
	switch {
	case o.app.json:
		return formatJSON
	case o.format == "":
		return o.forms[0].name
	}
	return o.format
}

// check looks at the options before anything is read.
func (o *output[T]) check(cmd *cobra.Command) error {
	if o.app.json && o.format != "" && o.format != formatJSON {
		return usage("leave one of them out, or write the other to a file: -o "+o.format+"=FILE", "--json and --format %s contradict each other", o.format)
	}
	if f, ok := o.app.out.(*os.File); ok && o.format == formatHTML && term.IsTerminal(int(f.Fd())) {
		return usage(cmd.CommandPath()+" … --format html > report.html", "an HTML report goes into a file, not to a terminal")
	}
	seen := map[string]bool{}
	for _, f := range o.files {
		if seen[filepath.Clean(f.Name)] {
			return usage("name a file for each format", "-o names %s twice", f.Name)
		}
		seen[filepath.Clean(f.Name)] = true
		if err := commandline.Writable(f.Name); err != nil {
			return err
		}
	}
	if !o.wants(formatText) && !o.wants(formatMarkdown) && !o.app.json {
		for _, name := range ofText {
			if cmd.Flags().Changed(name) {
				o.app.note(fmt.Sprintf("--%s does nothing here: only text and md have it", name))
			}
		}
	}
	return nil
}

// write writes the files, and prints the result.
func (o *output[T]) write(result T) error {
	o.app.endProgress()
	for _, f := range o.files {
		var b strings.Builder
		if err := o.in(f.Format, &b, page.Style{Color: o.app.color == commandline.ColorAlways, Project: o.app.project, Options: o.app.options()}, result); err != nil {
			return err
		}
		if err := commandline.Put(f.Name, b.String()); err != nil {
			return err
		}
		if f.Format == formatJSON {
			o.app.written = f.Name
		}
	}
	onGitHub := o.outputs != nil && os.Getenv("GITHUB_ACTIONS") == "true"
	if onGitHub && o.printed() == formatText { // others are for programs
		var text strings.Builder
		if err := o.in(o.printed(), &text, o.app.style(), result); err != nil {
			return err
		}
		if _, err := io.WriteString(resultWriter{o.app.out}, ci.Inert(text.String())); err != nil {
			return err
		}
	} else if err := o.in(o.printed(), resultWriter{o.app.out}, o.app.style(), result); err != nil {
		return err
	}
	if onGitHub {
		return o.tellGitHub(result)
	}
	return nil
}

// in writes the result in a format of the table.
func (o *output[T]) in(format string, w io.Writer, st page.Style, result T) error {
	at := slices.IndexFunc(o.forms, func(f form[T]) bool { return f.name == format })
	return o.forms[at].write(w, st, result)
}

// formatFlag is --format: json is the same as --json.
type formatFlag struct {
	choice
	json *bool
}

func (f formatFlag) Set(s string) error {
	if err := f.choice.Set(s); err != nil {
		return err
	}
	*f.json = *f.json || s == formatJSON
	return nil
}

// asJSON is the form of a result that is JSON as it is.
func asJSON[T any](of func(T) any) form[T] {
	return form[T]{formatJSON, func(w io.Writer, _ page.Style, result T) error { return jsontext.Write(w, of(result)) }}
}
