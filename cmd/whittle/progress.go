package main

import (
	"os"

	"golang.org/x/term"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/commandline"
	"whittle.dev/whittle/internal/progress"
	"whittle.dev/whittle/internal/report/page"
)

// progress shows what is going on, on standard error.
func (a *app) progress() whittle.Progress {
	if a.quiet {
		return nil
	}
	if a.shown == nil {
		o := progress.Options{Out: a.printer.Err, Printable: page.Plain}
		if f, ok := a.printer.Err.(*os.File); ok && term.IsTerminal(int(f.Fd())) && os.Getenv("TERM") != "dumb" {
			o.Size = func() (columns, rows int) {
				columns, rows, _ = term.GetSize(int(f.Fd())) // 0 and 0 where it does not say
				return columns, rows
			}
			o.Color = commandline.Colored(a.printer.Color, f, os.Environ())
		}
		a.shown = progress.New(o)
		a.printer.Err = a.shown // what else is written there keeps clear of it
	}
	return a.shown
}

// endProgress ends the progress: what is printed now is the result.
func (a *app) endProgress() {
	if a.shown != nil {
		a.shown.Close()
	}
}
