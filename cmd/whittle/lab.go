package main

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"path/filepath"

	"github.com/spf13/cobra"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/audit"
	"whittle.dev/whittle/internal/flagvalue"
	"whittle.dev/whittle/internal/lab"
	"whittle.dev/whittle/internal/output"
	"whittle.dev/whittle/internal/report"
	"whittle.dev/whittle/internal/report/html"
	"whittle.dev/whittle/internal/report/jsontext"
	"whittle.dev/whittle/internal/report/page"
	"whittle.dev/whittle/internal/timeline"
)

func (a *app) labCommand() *cobra.Command {
	var o lab.StudyOptions
	var risk, trace string
	var keep timeline.Recording
	var out *output.Output[labResult]
	cmd := &cobra.Command{
		Use:   "lab [DIR]",
		Short: "Build, measure, explain and run every variant of a project",
		Long: `lab studies the project in DIR (default: this folder). It builds every variant
without cache, measures sizes and times, says where every byte is and which
bytes are wasted, and runs each image. The report is in DIR/.whittle: report.html,
report.md and report.json, with the images and full logs.

The variants are those of whittle.yaml, else every Dockerfile in DIR.

With --fix, it then applies the fixes that it found to a copy of the project,
builds and runs the result, and reverts the fixes that do harm. It also builds
the strategies that it forecasts, and names the best image that runs and starts
no slower, with its Dockerfile and the diff. --write changes the project itself.

Exit codes: 0 the study is complete; 1 it is, but a variant failed to build;
2 the command line or the input is wrong; 3 the build engine, the network or
this machine failed.`,
		Args: oneFolder,
		RunE: func(cmd *cobra.Command, args []string) error {
			o.Dir = projectDir(args)
			a.about(cmd, o.Dir)
			var err error
			if o.Risk, err = riskOption(risk); err != nil {
				return err
			}
			if err := knownObjective(o.Objective); err != nil {
				return err
			}
			if o.Trace, err = traceOption(trace); err != nil {
				return err
			}
			if err := keep.OfProject(cmd.Context(), cmd.Name(), o.Dir, o.Config); err != nil {
				return err
			}
			return a.runLab(cmd, o, out, &keep)
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.Config, "config", "", "read this file instead of DIR/whittle.yaml")
	f.StringVar(&o.Out, "out", "", "folder for the report, images and logs (default DIR/.whittle)")
	f.Var(flagvalue.Names(&o.Only), "variant", "study only these variants (repeatable)")
	f.StringArrayVar(&o.Images, "image", nil, "an image that stands in for a build, such as the one that CI made: VARIANT=IMAGE, or IMAGE for the only variant (repeatable)")
	f.BoolVar(&o.Resume, "resume", false, "reuse finished variants whose inputs are the same")
	f.BoolVar(&o.Quick, "quick", false, "build with cache; skip measured rebuilds, zstd sizes and repeated start-ups")
	f.BoolVar(&o.Fix, "fix", false, "also apply the fixes to a copy, build and run the result, and revert what does harm")
	f.StringVar(&risk, "risk", "", "with --fix: the highest risk to take: none, low, medium (default) or high")
	objectiveFlags(f, &o, "what fixes and strategies are judged by")
	f.BoolVarP(&o.Write, "write", "w", false, "with --fix: change the project's files")
	f.BoolVar(&o.Force, "force", false, "with --write: also change files with uncommitted changes")
	f.BoolVar(&o.Offline, "builtin-frontend", false, "build with BuildKit's own frontend, whatever a # syntax= line says")
	traceFlag(f, &trace)
	recordFlags(f, &keep)
	inputFlags(f, &o.Inputs)
	out = output.New(&a.printer, cmd,
		output.Form[labResult]{Name: output.Text, Write: func(w io.Writer, st page.Style, v labResult) error { return report.StudyText(w, v.study, st) }},
		output.AsJSON(func(v labResult) any { return v.study }),
		output.Form[labResult]{Name: output.Markdown, Write: func(w io.Writer, _ page.Style, v labResult) error { return report.StudyMarkdown(w, v.study) }},
		output.Form[labResult]{Name: output.HTML, Write: func(w io.Writer, _ page.Style, v labResult) error {
			return output.WriteHTML(w, v.reports.page(v.study))
		}})
	return cmd
}

func (a *app) runLab(cmd *cobra.Command, o lab.StudyOptions, out *output.Output[labResult], keep *timeline.Recording) error {
	if err := notProved(o.Images, o.Fix, "--fix"); err != nil {
		return err
	}
	if !o.Fix && (o.Write || o.Force || o.Risk != "") {
		return whittle.WithHint(whittle.ErrUsage.Errorf("--write, --force and --risk go with --fix"), "add --fix")
	}
	if !o.Write {
		if err := unused(cmd, "nothing is written without --write", "force"); err != nil {
			return err
		}
	}
	env, err := a.env()
	if err != nil {
		return err
	}
	reports := keptReports{dir: o.Dir, history: keep}
	o.Keep, o.Look = reports.keep, reports.look
	study, failed := lab.Study(cmd.Context(), env, o)
	if study == nil {
		return failed
	}
	keep.OfStudy(study)
	if err := a.save(cmd.Context(), keep, out.Write(labResult{study, &reports})); err != nil {
		return err
	}
	if !a.quiet {
		fmt.Fprintf(a.printer.Err, "\nwrote %s, report.md and report.json; images and logs are beside them\n", filepath.Join(cmp.Or(o.Out, filepath.Join(o.Dir, lab.OutName)), "report.html"))
	}
	for _, v := range study.Variants {
		if failed == nil && v.Build.Status == whittle.Failed {
			return errNo
		}
	}
	return failed // the study was finished, and not all that was to follow
}

// labResult is a study with its reports.
type labResult struct {
	study   *whittle.Study
	reports *keptReports
}

// keptReports are the files that a study leaves in its folder.
type keptReports struct {
	// dir is the project's folder, images its variants' images.
	dir    string
	images []html.Image
	failed error
	// history takes each image.
	history *timeline.Recording
}

// look keeps an image.
func (k *keptReports) look(variant string, x *audit.Examined, findings []whittle.Finding) {
	m, err := x.View(&whittle.Advice{Schema: whittle.AdviseSchema, Findings: findings})
	if err != nil {
		k.failed = cmp.Or(k.failed, err)
		return
	}
	k.images = append(k.images, html.Image{Name: variant, Model: m})
	k.history.Add(x.Subject, findings, func(r *whittle.Record) { r.Variant = variant })
}

// page is a study as an HTML report.
func (k *keptReports) page(study *whittle.Study) *html.Page {
	dockerfile := func(f *whittle.Finding) string {
		for _, v := range study.Variants {
			if v.Name == f.Variant {
				return v.Dockerfile
			}
		}
		return ""
	}
	return &html.Page{Study: study, Images: k.images, Diff: output.DiffsIn(k.dir, dockerfile), Value: study}
}

func (k *keptReports) keep(study *whittle.Study, out string) error {
	if k.failed != nil {
		return k.failed
	}
	var md, js, page bytes.Buffer
	if err := output.WriteHTML(&page, k.page(study)); err != nil {
		return err
	}
	if err := report.StudyMarkdown(&md, study); err != nil {
		return err
	}
	if err := jsontext.Write(&js, study); err != nil {
		return err
	}
	if err := whittle.WriteFile(filepath.Join(out, "report.md"), md.Bytes()); err != nil {
		return err
	}
	if err := whittle.WriteFile(filepath.Join(out, "report.html"), page.Bytes()); err != nil {
		return err
	}
	return whittle.WriteFile(filepath.Join(out, "report.json"), js.Bytes())
}
