package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"whittle.dev/whittle/internal/limits"
	"whittle.dev/whittle/internal/report/page"
)

// isLimit says whether an option of every command is a limit. Those are in the page of
// limits, and not in each command's help.
func isLimit(f *pflag.Flag) bool {
	return strings.HasPrefix(f.Name, "max-") || strings.HasPrefix(f.Name, "build-") || f.Name == "engine-keep"
}

// limitsCommand prints the page of "whittle help limits", or the limits as JSON.
func limitsCommand(a *app, root *cobra.Command) *cobra.Command {
	var b strings.Builder
	b.WriteString(`whittle limits what it takes of your machine. If something exceeds a limit, the
result is an error that names the limit and its option, and no figure is guessed.
Only you can change a limit, by its option; a project cannot. If whittle itself
needs more memory than GOMEMLIMIT, its control group or this machine allows, it
ends with exit code 3.
`)
	about, list := "", limitList{Schema: "whittle.limits/v1"}
	for _, l := range limits.Bounds() {
		list.Limits = append(list.Limits, listedLimit{l.About, l.What, l.Value, l.Option})
		if l.About != about {
			about = l.About
			fmt.Fprintf(&b, "\n%s\n", about)
		}
		fmt.Fprintln(&b, strings.TrimRight(fmt.Sprintf("  %-57s %12s  %s", l.What, l.Value, l.Option), " "))
	}
	only := pflag.NewFlagSet("limits", pflag.ContinueOnError)
	only.SortFlags = false
	root.PersistentFlags().VisitAll(func(f *pflag.Flag) {
		if isLimit(f) {
			only.AddFlag(f)
		}
	})
	b.WriteString("\nOptions of every command\n" + only.FlagUsagesWrapped(80))
	return &cobra.Command{Use: "limits", Short: "The limits, and which option changes each", Long: b.String(), Args: none, RunE: func(*cobra.Command, []string) error {
		return a.printer.Show(list, func(w io.Writer, _ page.Style) error {
			_, err := io.WriteString(w, b.String())
			return err
		})
	}}
}

// withoutLimits leaves the options that are limits out of the help.
func withoutLimits(root *cobra.Command) {
	usage := root.UsageFunc()
	root.SetUsageFunc(func(cmd *cobra.Command) error {
		hidden := map[*pflag.Flag]bool{}
		root.PersistentFlags().VisitAll(func(f *pflag.Flag) {
			if hidden[f] = f.Hidden; isLimit(f) {
				f.Hidden = true
			}
		})
		defer func() {
			for f, was := range hidden {
				f.Hidden = was
			}
		}()
		return usage(cmd)
	})
}
