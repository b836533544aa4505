package main

import (
	"bytes"
	"fmt"
	"io"
	"path/filepath"

	"github.com/spf13/cobra"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/lab"
	"whittle.dev/whittle/internal/report"
)

func (a *app) labCommand() *cobra.Command {
	var o lab.StudyOptions
	var risk string
	cmd := &cobra.Command{
		Use:   "lab [DIR]",
		Short: "Build, measure, explain and run every variant of a project",
		Long: `lab studies the project in DIR (default: this folder). It builds every variant
without cache, measures sizes and times, says where every byte is and which
bytes are wasted, and runs each image. The report is in DIR/.whittle: report.md
and report.json, with the images and full logs.

The variants are those of whittle.yaml, else every Dockerfile in DIR.

With --fix, it then applies the fixes that it found to a copy of the project,
builds and runs the result, and reverts the fixes that do harm. It also builds
the strategies that it forecasts, and names the best image that runs, with its
Dockerfile and the diff. --write changes the project itself.

Exit codes: 0 the study is complete; 1 it is, but a variant failed to build;
2 the command line or the input is wrong; 3 the build engine, the network or
this machine failed.`,
		Args: oneFolder,
		RunE: func(cmd *cobra.Command, args []string) error {
			o.Dir = projectDir(args)
			var err error
			if o.Risk, err = riskOption(risk); err != nil {
				return err
			}
			if err := knownObjective(o.Objective); err != nil {
				return err
			}
			if !o.Fix {
				if err := unused(cmd, "nothing is fixed without --fix", "objective"); err != nil {
					return err
				}
			}
			return a.runLab(cmd, o)
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.Config, "config", "", "read this file instead of DIR/whittle.yaml")
	f.StringVarP(&o.Out, "out", "o", "", "folder for the report, images and logs (default DIR/.whittle)")
	f.StringSliceVar(&o.Only, "variant", nil, "study only these variants (repeatable)")
	f.StringArrayVar(&o.Images, "image", nil, "an image that stands in for a build, such as the one that CI made: VARIANT=IMAGE, or IMAGE for the only variant (repeatable)")
	f.BoolVar(&o.Resume, "resume", false, "reuse finished variants whose inputs are the same")
	f.BoolVar(&o.Quick, "quick", false, "build with cache; skip measured rebuilds, zstd sizes and repeated start-ups")
	f.BoolVar(&o.Fix, "fix", false, "also apply the fixes to a copy, build and run the result, and revert what does harm")
	f.StringVar(&risk, "risk", "", "with --fix: the highest risk to take: none, low, medium (default) or high")
	f.StringVar(&o.Objective, "objective", lab.ObjectiveBoth, "with --fix: what a fix is judged by: both (size and start-up) or size")
	f.BoolVarP(&o.Write, "write", "w", false, "with --fix: change the project's files")
	f.BoolVar(&o.Force, "force", false, "with --write: also change files with uncommitted changes")
	f.BoolVar(&o.Offline, "offline", false, "never ask a registry for the frontend of a # syntax= line")
	inputFlags(f, &o.Inputs)
	return cmd
}

func (a *app) runLab(cmd *cobra.Command, o lab.StudyOptions) error {
	env, err := a.env()
	if err != nil {
		return err
	}
	if err := notProved(o.Images, o.Fix, "--fix"); err != nil {
		return err
	}
	if !o.Fix && (o.Write || o.Force || o.Risk != "") {
		return whittle.WithHint(whittle.ErrUsage.Errorf("--write, --force and --risk go with --fix"), "add --fix")
	}
	o.Keep = keepReports
	study, failed := lab.Study(cmd.Context(), env, o)
	if study == nil {
		return failed
	}
	out := o.Out
	if out == "" {
		out = filepath.Join(o.Dir, lab.OutName)
	}
	if err := a.show(study, func(w io.Writer, st report.Style) error { return report.StudyText(w, study, st) }); err != nil {
		return err
	}
	if !a.quiet {
		fmt.Fprintf(a.err, "\nwrote %s and report.json; images and logs are beside them\n", filepath.Join(out, "report.md"))
	}
	for _, v := range study.Variants {
		if failed == nil && v.Build.Status == whittle.Failed {
			return errNo
		}
	}
	return failed // the study was finished, and not all that was to follow
}

func keepReports(study *whittle.Study, out string) error {
	var md, js bytes.Buffer
	if err := report.StudyMarkdown(&md, study); err != nil {
		return err
	}
	if err := report.JSON(&js, study); err != nil {
		return err
	}
	if err := whittle.WriteFile(filepath.Join(out, "report.md"), md.Bytes()); err != nil {
		return err
	}
	return whittle.WriteFile(filepath.Join(out, "report.json"), js.Bytes())
}
