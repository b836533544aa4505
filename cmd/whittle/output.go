package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"whittle.dev/whittle"
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
	files  []outputFile
	// results and outputs are what a step of GitHub's Actions tells without being asked:
	// annotations, and values for later steps. Nil tells nothing.
	results func(result T) []ci.Result
	outputs func(result T) step
}

// outputFile is a file for a format.
type outputFile struct{ format, name string }

// newOutput adds --format and -o to a command.
func newOutput[T any](a *app, cmd *cobra.Command, forms ...form[T]) *output[T] {
	o := &output[T]{app: a, forms: forms}
	var all []string
	for _, f := range forms {
		all = append(all, f.name)
	}
	cmd.Flags().Var(formatFlag{choice{&o.format, all}, &a.json}, "format", "how the result is printed: "+strings.Join(all, ", "))
	cmd.Flags().VarP(outputFlag{&o.files, all}, "output", "o", "also write the result in a format to a file: html=report.html (repeatable)")
	cmd.PreRunE = func(cmd *cobra.Command, _ []string) error { return o.check(cmd) }
	return o
}

// wants says whether the result is to be written in a format.
func (o *output[T]) wants(format string) bool {
	return o.printed() == format || slices.ContainsFunc(o.files, func(f outputFile) bool { return f.format == format })
}

// only says that the result is to be written in no other format.
func (o *output[T]) only(format string) bool {
	return o.printed() == format && !slices.ContainsFunc(o.files, func(f outputFile) bool { return f.format != format })
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
		if seen[filepath.Clean(f.name)] {
			return usage("name a file for each format", "-o names %s twice", f.name)
		}
		seen[filepath.Clean(f.name)] = true
		if err := writable(f.name); err != nil {
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

// writable says whether a file can be written, as far as that is known before it is.
func writable(name string) error {
	if info, err := os.Stat(name); err == nil && info.IsDir() {
		return usage("name a file in it", "-o: %s is a folder", name)
	}
	dir := filepath.Dir(name)
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return usage("make it, or name another one", "-o: %s is not in a folder that exists: there is no folder %s", name, dir)
	}
	return nil
}

// write writes the files, and prints the result.
func (o *output[T]) write(result T) error {
	o.app.endProgress()
	for _, f := range o.files {
		var b strings.Builder
		if err := o.in(f.format, &b, page.Style{Color: o.app.color == colorAlways, Project: o.app.project, Options: o.app.options()}, result); err != nil {
			return err
		}
		if err := put(f.name, b.String()); err != nil {
			return err
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

// put writes a file, whole or not at all; what is not a regular file, such as a pipe
// or a terminal, is written to as it is.
func put(name, text string) error {
	if info, err := os.Stat(name); err == nil && !info.Mode().IsRegular() {
		f, err := os.OpenFile(name, os.O_WRONLY, 0)
		if err == nil {
			_, err = io.WriteString(f, text)
			err = errors.Join(err, f.Close())
		}
		if err != nil {
			return whittle.ErrSystem.Errorf("writing %s: %w", name, err)
		}
		return nil
	}
	if target, err := filepath.EvalSymlinks(name); err == nil {
		name = target // a link stays one
	}
	return whittle.WriteFile(name, []byte(text))
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

// outputFlag is -o FORMAT=FILE.
type outputFlag struct {
	files   *[]outputFile
	formats []string
}

func (o outputFlag) String() string {
	if o.files == nil {
		return ""
	}
	var all []string
	for _, f := range *o.files {
		all = append(all, f.format+"="+f.name)
	}
	return strings.Join(all, " ")
}

func (o outputFlag) Type() string { return "format=file" }

// Repeatable says that each line of a variable is one.
func (o outputFlag) Repeatable() bool { return true }

func (o outputFlag) Set(s string) error {
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
	*o.files = append(*o.files, outputFile{format, file})
	return nil
}

// asJSON is the form of a result that is JSON as it is.
func asJSON[T any](of func(T) any) form[T] {
	return form[T]{formatJSON, func(w io.Writer, _ page.Style, result T) error { return jsontext.Write(w, of(result)) }}
}
