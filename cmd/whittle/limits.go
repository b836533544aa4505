package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"whittle.dev/whittle/internal/lab"
)

// limitsTopic is the page of "whittle help limits".
func limitsTopic() *cobra.Command {
	var b strings.Builder
	b.WriteString(`whittle limits what it takes of your machine. If something exceeds a limit, the
result is an error that names the limit and its option, and no figure is guessed.
Only you can change a limit, by its option; a project cannot. If whittle itself
needs more memory than GOMEMLIMIT, its control group or this machine allows, it
ends with exit code 3.
`)
	about := ""
	for _, l := range lab.Bounds() {
		if l.About != about {
			about = l.About
			fmt.Fprintf(&b, "\n%s\n", about)
		}
		fmt.Fprintln(&b, strings.TrimRight(fmt.Sprintf("  %-57s %12s  %s", l.What, l.Value, l.Option), " "))
	}
	return &cobra.Command{Use: "limits", Short: "The limits, and which option changes each", Long: b.String()}
}
