package main

import (
	"github.com/spf13/cobra"
)

// repeated are the options that a command about the project repeats to be about
// the same: of fix those that choose fixes, too.
var repeated = []string{"config", "variant", "only", "strategy", "risk", "guard-imports", "objective"}

// about notes which project a result is about, and by which options.
func (a *app) about(cmd *cobra.Command, dir string) {
	a.printer.Project = dir
	chosen := repeated
	if cmd.Name() != "fix" {
		chosen = []string{"config", "variant", "objective"}
	}
	for _, name := range chosen {
		f := cmd.Flags().Lookup(name)
		if f != nil && f.Changed {
			a.printer.Options = append(a.printer.Options, "--"+name+"="+f.Value.String())
		}
	}
}
