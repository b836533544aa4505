package main

import (
	"io"

	"github.com/spf13/cobra"

	"whittle.dev/whittle/internal/lab"
	"whittle.dev/whittle/internal/report"
)

func (a *app) forecastCommand() *cobra.Command {
	var o lab.ForecastOptions
	cmd := &cobra.Command{
		Use:   "forecast [DIR]",
		Short: "Say how large the image would be if it were made in other ways",
		Long: `forecast computes, without building, how large the image of the project in DIR
(default: this folder) would be in one stage, in two with a virtual environment,
on Alpine, on a base of nothing but Debian's Python, and split by extras. Each
has its error bound, and what keeps it from being built as it is. Sizes come from
the image that there is, from wheels' own directories in the package index, and
from the distribution's index. --json has the Dockerfiles.

It starts from the first variant that builds; --build builds the strategies, too,
and shows the actual sizes beside.`,
		Args: oneFolder,
		RunE: func(cmd *cobra.Command, args []string) error {
			o.Dir = projectDir(args)
			env, err := a.env()
			if err != nil {
				return err
			}
			f, err := lab.Forecast(cmd.Context(), env, o)
			if err != nil {
				return err
			}
			return a.show(f, func(w io.Writer, st report.Style) error { return report.ForecastsText(w, f, st) })
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.Config, "config", "", "read this file instead of DIR/whittle.yaml")
	f.StringVarP(&o.Out, "out", "o", "", "folder for images and logs (default DIR/.whittle)")
	f.StringSliceVar(&o.Only, "variant", nil, "start from this variant")
	f.BoolVar(&o.Build, "build", false, "build the strategies, too, and show the true sizes")
	f.BoolVar(&o.Offline, "offline", false, "never ask a registry for the frontend of a # syntax= line")
	inputFlags(f, &o.Inputs)
	return cmd
}
