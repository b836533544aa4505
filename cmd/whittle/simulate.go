package main

import (
	"io"

	"github.com/spf13/cobra"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/audit"
	"whittle.dev/whittle/internal/output"
	"whittle.dev/whittle/internal/report"
	"whittle.dev/whittle/internal/report/page"
)

func (a *app) simulateCommand() *cobra.Command {
	var o audit.SimulateOptions
	var out *output.Output[*whittle.Simulation]
	cmd := &cobra.Command{
		Use:   "simulate IMAGE",
		Short: "Say how large an image would be without some of its files",
		Long: `simulate computes the size of an image as if some of its files had never been
made. (Deleting them in a later layer would save nothing.) A pattern without /
matches at any depth; one with / begins at the root.

  whittle simulate app:1.0 --without '**/tests' --without '*.pyc'
  whittle simulate app:1.0 --without-distribution pygwalker

Each change is shown alone, and all together, because they overlap.`,
		Args: oneImage("whittle simulate python:3.13 --without '**/tests'", "run it for each of them"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(o.Without)+len(o.Distributions) == 0 {
				return usage("add --without PATTERN or --without-distribution NAME", "simulate: nothing is to go")
			}
			for _, pattern := range o.Without {
				if err := audit.CheckPattern(pattern); err != nil {
					return err
				}
			}
			env, err := a.env()
			if err != nil {
				return err
			}
			s, err := audit.Simulate(cmd.Context(), env, args[0], o)
			if err != nil {
				return err
			}
			return out.Write(s)
		},
	}
	cmd.Flags().StringArrayVar(&o.Without, "without", nil, "files to leave out: a folder, '**/tests', '*.pyc' (repeatable)")
	cmd.Flags().StringArrayVar(&o.Distributions, "without-distribution", nil, "a Python distribution to leave out, with all that only it needs (repeatable)")
	out = output.New(&a.printer, cmd,
		output.Form[*whittle.Simulation]{Name: output.Text, Write: func(w io.Writer, st page.Style, s *whittle.Simulation) error {
			return report.SimulationText(w, s, st)
		}},
		output.AsJSON(func(s *whittle.Simulation) any { return s }),
		output.Form[*whittle.Simulation]{Name: output.Markdown, Write: func(w io.Writer, _ page.Style, s *whittle.Simulation) error { return report.SimulationMarkdown(w, s) }},
		output.AsPage("Simulation", func(s *whittle.Simulation) string { return s.Image.Ref }, func(s *whittle.Simulation) any { return s }, report.SimulationHTML))
	return cmd
}
