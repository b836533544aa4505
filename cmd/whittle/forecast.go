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
		Short: "Say how large the image would be if it were built in other ways",
		Long: `forecast computes how large the image of the project in DIR (default: this
folder) would be if it were built in other ways (strategies): in one stage, in
two with a virtual environment, on Alpine, on a base with only Debian's Python,
and as one image for each extra. Each prediction has a lower and an upper bound,
and says what keeps the strategy from being built as it is. Sizes come from the
existing image, from the file lists of wheels in the package index, and from the
index of the Linux distribution. --json has the Dockerfiles.

It starts from the first variant that builds. --build also builds the strategies,
and shows the actual sizes.`,
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
	f.BoolVar(&o.Build, "build", false, "also build the strategies, and show the actual sizes")
	f.BoolVar(&o.Offline, "offline", false, "never ask a registry for the frontend of a # syntax= line")
	inputFlags(f, &o.Inputs)
	return cmd
}
