package main

import (
	"cmp"
	"context"
	"io"
	"os"
	"runtime/debug"
	"slices"

	"github.com/spf13/cobra"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/audit"
	"whittle.dev/whittle/internal/commandline"
	"whittle.dev/whittle/internal/host"
	"whittle.dev/whittle/internal/memory"
	"whittle.dev/whittle/internal/output"
	"whittle.dev/whittle/internal/patch"
	"whittle.dev/whittle/internal/report/html"
	"whittle.dev/whittle/internal/tui"
	"whittle.dev/whittle/internal/view"
)

func (a *app) exploreCommand() *cobra.Command {
	var o audit.AdviseOptions
	var file, target string
	cmd := &cobra.Command{
		Use:   "explore IMAGE [OTHER]",
		Short: "Look through an image in the terminal: what is large, wasted, and why it is there",
		Long: `explore shows an image in the terminal: its groups (by instruction, package,
category, directory or extension), what is in them by size, the findings, and a
card of what is selected. A filter shows the sum of what it matches; x shows what
the image would be without something. The key ? shows all keys.

  whittle explore python:3.13
  whittle explore app:1.1 app:1.0 --file Dockerfile   with the difference to app:1.0

With the Dockerfile that made the image, lines have names, the base image's
layers are known, and findings have fixes.`,
		Args: func(_ *cobra.Command, args []string) error {
			switch len(args) {
			case 1, 2:
				return nil
			case 0:
				return usage("such as whittle explore python:3.13", "explore: no image is named")
			}
			return usage("to compare more: whittle compare A B C", "explore takes one image, and one to compare it with, and not %d", len(args))
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			var err error
			if o.InspectOptions, err = dockerfileOption(file, target); err != nil {
				return err
			}
			if err := inProject(&o); err != nil {
				return err
			}
			in, out, err := a.terminal(args...)
			if err != nil {
				return err
			}
			frugal()
			a.quiet = true // the screen shows the progress
			env, err := a.env()
			if err != nil {
				return err
			}
			x := explorer{env, o, args[0]}
			t := tui.Options{Image: args[0], Load: x.load, Compare: x.compare, Folder: o.Project, Environ: os.Environ(), In: in, Out: out}
			if !commandline.Colored(a.printer.Color, out, t.Environ) {
				t.Environ = append(t.Environ, "NO_COLOR=1")
			}
			if len(args) == 2 {
				t.Other = args[1]
			}
			return tui.Run(cmd.Context(), t)
		},
	}
	f := cmd.Flags()
	f.StringVarP(&file, "file", "f", "", "the Dockerfile that made the image")
	f.StringVar(&target, "target", "", "the stage of the Dockerfile that was built")
	projectFlag(f, &o.Project)
	return cmd
}

// frugal bounds the memory of an image with many files, unless the user has said
// otherwise. It is for what takes little time to collect, because most of the memory has
// no pointers, as to account for an image, and for what is done in the background.
func frugal() {
	if os.Getenv("GOGC") == "" {
		memory.Frugal()
	}
}

// terminal is the terminal that the program runs in. Without one, the error says
// which command prints the same. If standard input is one of the images, keys come from
// the controlling terminal.
func (a *app) terminal(images ...string) (in, out *os.File, err error) {
	instead := "whittle inspect " + images[0] + " prints the same as text, and with --json as JSON"
	if a.printer.JSON {
		return nil, nil, usage(instead, "explore has no JSON")
	}
	in, inOK := a.in.(*os.File)
	if slices.ContainsFunc(images, isInput) && !isTerminal(a.in) {
		if in, err = os.OpenFile(controlling, os.O_RDWR, 0); err != nil {
			return nil, nil, usage(instead, "explore needs a terminal for its keys, and there is none beside standard input")
		}
	}
	out, outOK := a.printer.Out.(*os.File)
	switch {
	case !inOK || !outOK || !isTerminal(in) || !isTerminal(out):
		return nil, nil, usage(instead, "explore needs a terminal, and standard input or output is none")
	case os.Getenv("TERM") == "dumb":
		return nil, nil, usage(instead, "explore needs a terminal that can move its cursor, and TERM is dumb")
	}
	return in, out, nil
}

// explorer opens images for the terminal UI.
type explorer struct {
	env     *host.Env
	options audit.AdviseOptions
	name    string
}

// told is the environment with another progress.
func (x explorer) told(p whittle.Progress) *host.Env {
	env := *x.env
	env.Progress = p
	return &env
}

// load reads the image's files. The rules are asked once these are on the screen.
func (x explorer) load(ctx context.Context, p whittle.Progress, first func(*view.Model, int)) (tui.Subject, error) {
	x.env = x.told(p)
	model, err := audit.Look(ctx, x.env, x.name, x.options.InspectOptions, first)
	if err != nil {
		return nil, err
	}
	return &explored{x, model}, nil
}

// compare reads another image, of which no Dockerfile is known.
func (x explorer) compare(ctx context.Context, image string, p whittle.Progress) (*view.Model, error) {
	defer debug.FreeOSMemory()
	return audit.Look(ctx, x.told(p), image, audit.InspectOptions{}, nil)
}

// explored is an image that is looked at.
type explored struct {
	explorer
	model *view.Model
}

func (e *explored) Model() *view.Model { return e.model }

// Judge asks the rules. What they look at is much larger than what is shown, and
// is given back at once.
func (e *explored) Judge(ctx context.Context) (*view.Model, error) {
	defer debug.FreeOSMemory()
	return audit.View(ctx, e.env, e.name, e.options)
}

func (e *explored) Copy(ctx context.Context, path string, to io.Writer) error {
	return audit.CopyFile(ctx, e.env, e.name, path, to)
}

func (e *explored) Report(w io.Writer, models ...*view.Model) error {
	m := models[len(models)-1]
	p := &html.Page{Images: output.Shown(models...), Value: m.Inspection, Diff: output.DiffsIn(cmp.Or(e.options.Project, "."), func(*whittle.Finding) string { return e.options.Dockerfile })}
	if m.Advice != nil {
		p.Value = m.Advice
	}
	return html.Write(w, p)
}

func (e *explored) Diff(f *whittle.Finding) (string, error) {
	return patch.FixDiff(cmp.Or(e.options.Project, "."), e.options.Dockerfile, f.Fix)
}
