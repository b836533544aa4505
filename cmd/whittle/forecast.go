package main

import (
	"io"

	"github.com/spf13/cobra"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/flagvalue"
	"whittle.dev/whittle/internal/lab"
	"whittle.dev/whittle/internal/output"
	"whittle.dev/whittle/internal/report"
	"whittle.dev/whittle/internal/report/page"
)

func (a *app) forecastCommand() *cobra.Command {
	var o lab.ForecastOptions
	var out *output.Output[*whittle.Forecasts]
	cmd := &cobra.Command{
		Use:   "forecast [DIR]",
		Short: "Say how large the image would be if it were built in other ways",
		Long: `forecast computes how large the image of the project in DIR (default: this
folder) would be if it were built in other ways (strategies): in one stage, in
two with a virtual environment, on Alpine, on a base with only Debian's Python,
and as one image for each extra. Each prediction has a lower and an upper bound,
and says what keeps the strategy from being built as it is. Sizes come from the
existing image, from the file lists of wheels in the package index, and from the
index of the Linux distribution. --json has the Dockerfiles.

It starts from the first variant that builds. --build also builds the strategies,
and shows the actual sizes. With --objective size, strategies also leave out what
starts would make again (bytecode).`,
		Args: oneFolder,
		RunE: func(cmd *cobra.Command, args []string) error {
			o.Dir = projectDir(args)
			a.about(cmd, o.Dir)
			if err := knownObjective(o.Objective); err != nil {
				return err
			}
			env, err := a.env()
			if err != nil {
				return err
			}
			f, err := lab.Forecast(cmd.Context(), env, o)
			if err != nil {
				return err
			}
			return out.Write(f)
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.Config, "config", "", "read this file instead of DIR/whittle.yaml")
	f.StringVar(&o.Out, "out", "", "folder for images and logs (default DIR/.whittle)")
	f.Var(flagvalue.Names(&o.Only), "variant", "start from this variant")
	f.BoolVar(&o.Build, "build", false, "also build the strategies, and show the actual sizes")
	objectiveFlags(f, &o.StudyOptions, "what strategies are for")
	f.BoolVar(&o.Offline, "builtin-frontend", false, "build with BuildKit's own frontend, whatever a # syntax= line says")
	inputFlags(f, &o.Inputs)
	out = output.New(&a.printer, cmd,
		output.Form[*whittle.Forecasts]{Name: output.Text, Write: func(w io.Writer, st page.Style, f *whittle.Forecasts) error { return report.ForecastsText(w, f, st) }},
		output.AsJSON(func(f *whittle.Forecasts) any { return f }),
		output.Form[*whittle.Forecasts]{Name: output.Markdown, Write: func(w io.Writer, _ page.Style, f *whittle.Forecasts) error { return report.ForecastsMarkdown(w, f) }},
		output.AsPage("Forecast", func(f *whittle.Forecasts) string { return f.Project }, func(f *whittle.Forecasts) any { return f }, report.ForecastsHTML))
	return cmd
}
