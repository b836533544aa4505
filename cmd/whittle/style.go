package main

import (
	"os"
	"slices"

	"github.com/spf13/cobra"

	"whittle.dev/whittle/internal/commandline"
	"whittle.dev/whittle/internal/report/page"
)

// style is how text is printed on standard output.
func (a *app) style() page.Style {
	return page.Style{Color: commandline.Colored(a.color, a.out, os.Environ()), Width: commandline.Columns(a.out, os.Getenv("COLUMNS")), Project: a.project, Options: a.options(), Written: a.written}
}

// repeated are the options that a command about the project repeats to be about
// the same: of fix those that choose fixes, too.
var repeated = []string{"config", "variant", "only", "strategy", "risk", "guard-imports", "objective"}

// options are those that the command to type next repeats.
func (a *app) options() []string {
	if a.platform == nil {
		return a.again
	}
	return append(slices.Clone(a.again), "--platform="+a.platform.String())
}

// about notes which project a result is about, and by which options.
func (a *app) about(cmd *cobra.Command, dir string) {
	a.project = dir
	chosen := repeated
	if cmd.Name() != "fix" {
		chosen = []string{"config", "variant", "objective"}
	}
	for _, name := range chosen {
		f := cmd.Flags().Lookup(name)
		if f != nil && f.Changed {
			a.again = append(a.again, "--"+name+"="+f.Value.String())
		}
	}
}
