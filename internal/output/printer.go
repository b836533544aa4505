// Package output writes results of commands: on standard output, in files, and for the
// steps of GitHub's Actions. A format is one row of a command's table.
package output

import (
	"fmt"
	"io"
	"os"
	"slices"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/commandline"
	"whittle.dev/whittle/internal/report/jsontext"
	"whittle.dev/whittle/internal/report/page"
)

// Printer is where the results of a command go, and how they look.
type Printer struct {
	// Out takes results, Err everything else.
	Out, Err io.Writer
	// JSON says that the result is printed as JSON. Color is when text has colours, as
	// --color has it.
	JSON  bool
	Color string
	// Project is the folder of the project that the result is about, Options and Platform
	// what the next command repeats to be about the same.
	Project  string
	Options  []string
	Platform *whittle.Platform
	// Sources is the folder that the files of findings are relative to.
	Sources string
	// Version is that of whittle, without a v; empty if this is no release.
	Version string
	// EndProgress ends the progress: what is printed then is the result. Nil does nothing.
	EndProgress func()

	written string // the file of the result as JSON
}

// Style is how text is printed on standard output.
func (p *Printer) Style() page.Style {
	return page.Style{Color: commandline.Colored(p.Color, p.Out, os.Environ()), Width: commandline.Columns(p.Out, os.Getenv("COLUMNS")), Project: p.Project, Options: p.options(), Written: p.written}
}

func (p *Printer) options() []string {
	if p.Platform == nil {
		return p.Options
	}
	return append(slices.Clone(p.Options), "--platform="+p.Platform.String())
}

// Note says what is not an error, and not part of a result either.
func (p *Printer) Note(s string) { fmt.Fprintf(p.Err, "whittle: note: %s\n", page.Plain(s)) }

// Show prints a value as JSON, or as text.
func (p *Printer) Show(v any, text func(io.Writer, page.Style) error) error {
	p.endProgress()
	if p.JSON {
		return jsontext.Write(resultWriter{p.Out}, v)
	}
	return text(resultWriter{p.Out}, p.Style())
}

func (p *Printer) endProgress() {
	if p.EndProgress != nil {
		p.EndProgress()
	}
}

// resultWriter is where results go. That it takes nothing more, as the disk is full
// or the reader has gone, is no fault of the command line's.
type resultWriter struct{ w io.Writer }

func (r resultWriter) Write(p []byte) (int, error) {
	n, err := r.w.Write(p)
	if err != nil {
		err = whittle.ErrSystem.Errorf("writing the result: %w", err)
	}
	return n, err
}

// ErrorSchema names the JSON form of [Failure].
const ErrorSchema = "whittle.error/v1"

// Failure is an error as JSON: in one line each what is wrong and what to try, and the
// code with which commands end.
type Failure struct {
	Schema string `json:"schema"`
	Error  string `json:"error"`
	Hint   string `json:"hint"`
	Code   int    `json:"code"`
}
