package main

import (
	"io"
	"strings"

	"github.com/spf13/cobra"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/audit"
	"whittle.dev/whittle/internal/report"
)

func (a *app) inspectCommand() *cobra.Command {
	var file, target, by string
	rows := count(15)
	var duplicates bool
	cmd := &cobra.Command{
		Use:   "inspect IMAGE",
		Short: "Say where every byte of an image is, and which bytes are wasted",
		Args:  oneImage("whittle inspect python:3.13", "to compare them: whittle compare A B"),
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
			in, err := audit.Inspect(cmd.Context(), env, args[0], o)
			if err != nil {
				return err
			}
			return a.show(in, func(w io.Writer, st report.Style) error { return report.InspectionText(w, in, st, int(rows)) })
		},
	}
	cmd.Flags().StringVarP(&file, "file", "f", "", "the Dockerfile that made the image, to name its lines")
	cmd.Flags().StringVar(&target, "target", "", "the stage of the Dockerfile that was built")
	cmd.Flags().Var(&rows, "rows", "rows of each long table; 0 shows all")
	cmd.Flags().Var(choice{&by, audit.Keys()}, "by", "group all bytes by "+strings.Join(audit.Keys(), ", "))
	cmd.Flags().BoolVar(&duplicates, "duplicates", false, "find contents that are at several places")
	return cmd
}

func dockerfileOption(file, target string) (audit.InspectOptions, error) {
	o := audit.InspectOptions{Dockerfile: file, Target: target}
	if file == "" && target != "" {
		return o, usage("add --file DOCKERFILE", "--target is a stage of the Dockerfile that --file names")
	}
	if file == "" {
		return o, nil
	}
	src, err := whittle.ReadFile(file, whittle.MaxText)
	if err != nil {
		return o, whittle.ErrUsage.Errorf("reading the Dockerfile: %w", err)
	}
	o.Source = src
	return o, nil
}

func (a *app) compareCommand() *cobra.Command {
	var files []string
	rows := count(20)
	var duplicates bool
	cmd := &cobra.Command{
		Use:   "compare A B [C…]",
		Short: "Say where the size difference between images comes from",
		Args:  severalImages,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(files) > len(args) {
				return usage("one for each image, in their order", "%d Dockerfiles for %d images", len(files), len(args))
			}
			env, err := a.env()
			if err != nil {
				return err
			}
			options := make([]audit.InspectOptions, len(args))
			for i := range options {
				if i < len(files) {
					if options[i], err = dockerfileOption(files[i], ""); err != nil {
						return err
					}
				}
				options[i].Duplicates = duplicates
			}
			c, err := audit.Compare(cmd.Context(), env, args, options)
			if err != nil {
				return err
			}
			return a.show(c, func(w io.Writer, st report.Style) error { return report.ComparisonText(w, c, st, int(rows)) })
		},
	}
	cmd.Flags().StringArrayVarP(&files, "file", "f", nil, "the Dockerfiles that made the images, in their order, to name their lines")
	cmd.Flags().BoolVar(&duplicates, "duplicates", false, "find contents that are at several places in all the images")
	cmd.Flags().Var(&rows, "rows", "rows of each long table; 0 shows all")
	return cmd
}
