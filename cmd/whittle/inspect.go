package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"whittle"
	"whittle/internal/report"
	"whittle/lab"
)

func (a *app) inspectCommand() *cobra.Command {
	var file, target, by string
	var rows int
	var duplicates bool
	cmd := &cobra.Command{
		Use:   "inspect IMAGE",
		Short: "Say where every byte of an image is, and which are dead",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			env, err := a.env()
			if err != nil {
				return err
			}
			o, err := dockerfileOption(file, target)
			if err != nil {
				return err
			}
			o.By, o.Duplicates = by, duplicates
			in, err := lab.Inspect(cmd.Context(), env, args[0], o)
			if err != nil {
				return err
			}
			return a.show(in, func(w io.Writer, st report.Style) error { return report.InspectionText(w, in, st, rows) })
		},
	}
	cmd.Flags().StringVarP(&file, "file", "f", "", "the Dockerfile that made the image, to name its lines")
	cmd.Flags().StringVar(&target, "target", "", "the stage of it that was built")
	cmd.Flags().IntVar(&rows, "rows", 15, "rows of each long table; 0 shows all")
	cmd.Flags().StringVar(&by, "by", "", "group all bytes by "+strings.Join(lab.Keys(), ", "))
	cmd.Flags().BoolVar(&duplicates, "duplicates", false, "find contents that stand at several places")
	return cmd
}

func dockerfileOption(file, target string) (lab.InspectOptions, error) {
	o := lab.InspectOptions{Dockerfile: file, Target: target}
	if file == "" {
		return o, nil
	}
	src, err := whittle.ReadFile(file, whittle.MaxText)
	if err != nil {
		return o, fmt.Errorf("reading the Dockerfile: %w: %w", err, whittle.ErrUsage)
	}
	o.Source = src
	return o, nil
}

func (a *app) compareCommand() *cobra.Command {
	var files []string
	var rows int
	var duplicates bool
	cmd := &cobra.Command{
		Use:   "compare A B [C…]",
		Short: "Say where the size difference between images comes from",
		Args:  cobra.MinimumNArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			env, err := a.env()
			if err != nil {
				return err
			}
			options := make([]lab.InspectOptions, len(args))
			for i := range options {
				if i < len(files) {
					if options[i], err = dockerfileOption(files[i], ""); err != nil {
						return err
					}
				}
				options[i].Duplicates = duplicates
			}
			c, err := lab.Compare(cmd.Context(), env, args, options)
			if err != nil {
				return err
			}
			return a.show(c, func(w io.Writer, st report.Style) error { return report.ComparisonText(w, c, st, rows) })
		},
	}
	cmd.Flags().StringArrayVarP(&files, "file", "f", nil, "the Dockerfiles that made the images, in their order, to name their lines")
	cmd.Flags().BoolVar(&duplicates, "duplicates", false, "find contents that stand at several places of the images together")
	cmd.Flags().IntVar(&rows, "rows", 20, "rows of each long table; 0 shows all")
	return cmd
}
