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
	b.WriteString(`What whittle takes of your machine is bounded. What goes beyond a limit is an error
that names it and its option; no figure is guessed for it. A project cannot change
these: only you can, by options. Where whittle itself needs more memory than
GOMEMLIMIT, its control group or this machine allows, it ends with exit code 3.
`)
	about := ""
	for _, l := range lab.Bounds() {
		if l.About != about {
			about = l.About
			fmt.Fprintf(&b, "\n%s\n", about)
		}
		fmt.Fprintln(&b, strings.TrimRight(fmt.Sprintf("  %-57s %12s  %s", l.What, l.Value, l.Option), " "))
	}
	return &cobra.Command{Use: "limits", Short: "What is bounded, by how much, and which option changes it", Long: b.String()}
}
