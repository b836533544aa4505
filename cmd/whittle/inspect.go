package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/audit"
	"whittle.dev/whittle/internal/commandline"
	"whittle.dev/whittle/internal/dockerfile"
	"whittle.dev/whittle/internal/flagvalue"
	"whittle.dev/whittle/internal/host"
	"whittle.dev/whittle/internal/output"
	"whittle.dev/whittle/internal/report"
	"whittle.dev/whittle/internal/report/ci"
	"whittle.dev/whittle/internal/report/html"
	"whittle.dev/whittle/internal/report/page"
	"whittle.dev/whittle/internal/timeline"
	"whittle.dev/whittle/internal/view"
)

func (a *app) inspectCommand() *cobra.Command {
	var file, target, by string
	rows := 15
	var duplicates, all, base bool
	var keep timeline.Recording
	var out *output.Output[inspectResult]
	cmd := &cobra.Command{
		Use:   "inspect IMAGE",
		Short: "Say where every byte of an image is, and which bytes are wasted",
		Args:  oneImage("whittle inspect python:3.13", "to compare them: whittle compare A B"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if out.Only(output.HTML) {
				if err := unused(cmd, "an HTML report shows all", "by", "rows", "all", "base", "duplicates", "record", "db"); err != nil {
					return err
				}
			}
			if all {
				if err := unused(cmd, "--all shows all rows", "rows"); err != nil {
					return err
				}
				rows = 0
			}
			o, err := dockerfileOption(file, target)
			if err != nil {
				return err
			}
			env, err := a.env()
			if err != nil {
				return err
			}
			frugal()
			shown := inspectResult{image: args[0], dockerfile: file, options: o, rows: rows, base: all || base, asked: base}
			if out.Wants(output.HTML) {
				if shown.model, err = audit.View(cmd.Context(), env, args[0], audit.AdviseOptions{InspectOptions: o}); err != nil {
					return err
				}
			}
			if target != "" {
				a.printer.Options = append(a.printer.Options, "--target="+target)
			}
			if out.Only(output.HTML) {
				return out.Write(shown)
			}
			shown.options.By, shown.options.Duplicates = by, duplicates
			return a.printInspection(cmd.Context(), env, shown, &keep, out)
		},
	}
	out = output.New(&a.printer, cmd, inspectForms(a)...)
	recordFlags(cmd.Flags(), &keep)
	cmd.Flags().StringVarP(&file, "file", "f", "", "the Dockerfile that made the image, to name its lines")
	cmd.Flags().StringVar(&target, "target", "", "the stage of the Dockerfile that was built")
	cmd.Flags().Var(flagvalue.Bound(&rows), "rows", "rows of each long table; 0 shows all")
	cmd.Flags().BoolVar(&all, "all", false, "show everything: all rows, also small ones, and what each Python distribution consists of")
	cmd.Flags().BoolVar(&base, "base", false, "show each layer of the base image instead of their sum")
	cmd.Flags().Var(flagvalue.Choice(&by, audit.Keys()), "by", "group all bytes by "+strings.Join(audit.Keys(), ", "))
	cmd.Flags().BoolVar(&duplicates, "duplicates", false, "find contents that are at several places")
	return cmd
}

// printInspection inspects an image and prints that, from the cache if it can.
func (a *app) printInspection(ctx context.Context, env *host.Env, shown inspectResult, keep *timeline.Recording, out *output.Output[inspectResult]) (err error) {
	if as, printed, ok := out.Alone(shown.rows, shown.base); ok && !keep.On && !shown.asked {
		return out.Print(audit.InspectPrinted(ctx, env, shown.image, shown.options, as, func(in *whittle.Inspection) ([]byte, error) {
			shown.in = in
			return printed(shown)
		}))
	}
	if shown.in, err = keep.Inspect(ctx, env, shown.image, shown.options); err != nil {
		return err
	}
	if shown.asked && !slices.ContainsFunc(shown.in.Layers, func(l whittle.LayerRow) bool { return l.Origin != nil }) {
		a.printer.Note("--base has no effect, as it is not known which layers are the base image's: --file names the Dockerfile")
	}
	return a.save(ctx, keep, out.Write(shown))
}

// inspectResult is an inspection and how it is shown; the model is for HTML alone. asked is
// --base, base says that each layer of the base image is shown.
type inspectResult struct {
	image, dockerfile string
	options           audit.InspectOptions
	in                *whittle.Inspection
	model             *view.Model
	rows              int
	base, asked       bool
}

func inspectForms(a *app) []output.Form[inspectResult] {
	results := func(v inspectResult) []ci.Result { return ci.OfInspection(v.in) }
	return slices.Concat([]output.Form[inspectResult]{
		{Name: output.Text, Write: func(w io.Writer, st page.Style, v inspectResult) error {
			st.Base = v.base
			return report.InspectionText(w, v.in, st, v.rows)
		}},
		output.AsJSON(func(v inspectResult) any { return v.in }),
		{Name: output.Markdown, Write: func(w io.Writer, _ page.Style, v inspectResult) error {
			return report.InspectionMarkdown(w, v.in, v.rows)
		}},
	}, output.Findings[inspectResult]{
		Verb:    "inspect",
		Results: results,
		Cases: func(v inspectResult) (string, []ci.Case) {
			return v.in.Image.Ref, ci.Cases("whittle.inspect", results(v))
		},
		Markdown: func(w io.Writer, v inspectResult) error { return report.InspectionMarkdown(w, v.in, 5) },
		Badge: func(v inspectResult) ci.Badge {
			return ci.Badge{Label: "image size", Message: whittle.Bytes(v.in.Sizes.Size), Color: ci.Neutral}
		},
	}.Forms(&a.printer), []output.Form[inspectResult]{
		{Name: output.HTML, Write: func(w io.Writer, _ page.Style, v inspectResult) error {
			return output.WriteHTML(w, &html.Page{Images: output.Shown(v.model), Value: v.model.Inspection, Diff: output.DiffsIn(".", func(*whittle.Finding) string { return v.dockerfile })})
		}},
	})
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
		return o, whittle.WithHint(whittle.ErrUsage.Errorf("reading the Dockerfile: %w", err), commandline.NearFile(file))
	}
	f, err := dockerfile.Parse(file, src)
	if err != nil {
		return o, err
	}
	if _, err := f.Target(target); err != nil {
		return o, err
	}
	o.Source = src
	return o, nil
}

func (a *app) compareCommand() *cobra.Command {
	var files []string
	rows := 20
	var duplicates bool
	var out *output.Output[compareResult]
	cmd := &cobra.Command{
		Use:   "compare A B [C…]",
		Short: "Say where the size difference between images comes from",
		Args:  severalImages,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(files) > len(args) {
				return usage("one for each image, in their order", "%d Dockerfiles for %d images", len(files), len(args))
			}
			if out.Only(output.HTML) {
				if err := unused(cmd, "an HTML report shows all", "rows", "duplicates"); err != nil {
					return err
				}
			}
			options := make([]audit.InspectOptions, len(args))
			for i := range options {
				if i < len(files) {
					var err error
					if options[i], err = dockerfileOption(files[i], ""); err != nil {
						return err
					}
				}
				options[i].Duplicates = duplicates
			}
			frugal()
			env, err := a.env()
			if err != nil {
				return err
			}
			shown := compareResult{rows: rows}
			if out.Wants(output.HTML) {
				shown.c, shown.models, err = audit.CompareViews(cmd.Context(), env, args, options)
			} else {
				shown.c, err = audit.Compare(cmd.Context(), env, args, options)
			}
			if err != nil {
				return err
			}
			a.noteSame(args, shown.c)
			return out.Write(shown)
		},
	}
	cmd.Flags().StringArrayVarP(&files, "file", "f", nil, "the Dockerfiles that made the images, in their order, to name their lines")
	cmd.Flags().BoolVar(&duplicates, "duplicates", false, "find contents that are at several places in all the images")
	cmd.Flags().Var(flagvalue.Bound(&rows), "rows", "rows of each long table; 0 shows all")
	out = output.New(&a.printer, cmd, compareForms(a)...)
	return cmd
}

// compareResult is a comparison and how it is shown; the models are for HTML alone.
type compareResult struct {
	c      *whittle.Comparison
	models []*view.Model
	rows   int
}

func compareForms(a *app) []output.Form[compareResult] {
	results := func(v compareResult) []ci.Result { return ci.OfComparison(v.c) }
	return slices.Concat([]output.Form[compareResult]{
		{Name: output.Text, Write: func(w io.Writer, st page.Style, v compareResult) error {
			return report.ComparisonText(w, v.c, st, v.rows)
		}},
		output.AsJSON(func(v compareResult) any { return v.c }),
		{Name: output.Markdown, Write: func(w io.Writer, _ page.Style, v compareResult) error {
			return report.ComparisonMarkdown(w, v.c, v.rows)
		}},
	}, output.Findings[compareResult]{
		Verb:    "compare",
		Results: results,
		Cases: func(v compareResult) (string, []ci.Case) {
			return v.c.Images[len(v.c.Images)-1].Ref, ci.Cases("whittle.compare", results(v))
		},
		Markdown: func(w io.Writer, v compareResult) error { return report.ComparisonMarkdown(w, v.c, 10) },
		Badge: func(v compareResult) ci.Badge {
			return ci.Badge{Label: "image size", Message: whittle.SignedBytes(v.c.Delta.Size), Color: grown(v.c.Delta.Size)}
		},
	}.Forms(&a.printer), []output.Form[compareResult]{
		{Name: output.HTML, Write: func(w io.Writer, _ page.Style, v compareResult) error {
			return output.WriteHTML(w, &html.Page{Comparison: v.c, Images: output.Shown(v.models...), Value: v.c})
		}},
	})
}

// grown is the colour of a difference in size.
func grown(bytes int64) string {
	switch {
	case bytes > 0:
		return ci.Middle
	case bytes < 0:
		return ci.Good
	}
	return ci.Neutral
}

// noteSame says which images of a comparison are one.
func (a *app) noteSame(names []string, c *whittle.Comparison) {
	seen := map[whittle.Digest]int{}
	for i, image := range c.Images {
		first, again := seen[image.Digest]
		if again && image.Digest != "" {
			a.printer.Note(fmt.Sprintf("%s and %s are the same image (%s)", names[first], names[i], image.Digest.Short()))
			continue
		}
		seen[image.Digest] = i
	}
}
