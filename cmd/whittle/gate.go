package main

import (
	"cmp"
	"context"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/audit"
	"whittle.dev/whittle/internal/flagvalue"
	"whittle.dev/whittle/internal/host"
	"whittle.dev/whittle/internal/lab"
	"whittle.dev/whittle/internal/output"
	"whittle.dev/whittle/internal/report"
	"whittle.dev/whittle/internal/report/ci"
	"whittle.dev/whittle/internal/report/page"
	"whittle.dev/whittle/internal/timeline"
)

// gateOutputs are those of a step.
func gateOutputs(g *whittle.Gate) output.Step {
	var over []string
	known := slices.Clone(g.Findings)
	for _, b := range g.Budgets {
		if known = append(known, b.Back...); b.Status == whittle.GateFails {
			over = append(over, b.Text)
		}
	}
	saves := int64(0) // of the largest, as findings overlap
	for _, f := range known {
		saves = max(saves, f.Saving.Low)
	}
	out := append(output.Step{{"status", string(g.Status)}, {"over", strings.Join(over, "\n")}}, sizesOf(g.Sizes)...)
	return append(out, [2]string{"saves", strconv.FormatInt(saves, 10)})
}

// sizesOf are the sizes of an image as outputs of a step, in bytes; what is not known is
// empty.
func sizesOf(s whittle.Sizes) output.Step {
	download := ""
	if s.Download != nil {
		download = strconv.FormatInt(*s.Download, 10)
	}
	return output.Step{{"size", strconv.FormatInt(s.Size, 10)}, {"download", download}, {"wasted", strconv.FormatInt(s.Wasted, 10)}}
}

// gateBadge is the size, in the colour of the verdict.
func gateBadge(g *whittle.Gate) ci.Badge {
	colours := map[whittle.GateStatus]string{whittle.GateFails: ci.Bad, whittle.GateWarns: ci.Middle, whittle.GatePasses: ci.Good}
	return ci.Badge{Label: "image size", Message: whittle.Bytes(g.Sizes.Size), Color: cmp.Or(colours[g.Status], ci.Neutral)}
}

func gateForms(a *app) []output.Form[*whittle.Gate] {
	return slices.Concat([]output.Form[*whittle.Gate]{
		{Name: output.Text, Write: func(w io.Writer, st page.Style, g *whittle.Gate) error { return report.GateText(w, g, st, 15) }},
		output.AsJSON(func(g *whittle.Gate) any { return g }),
		{Name: output.Markdown, Write: func(w io.Writer, _ page.Style, g *whittle.Gate) error { return report.GateMarkdown(w, g, 15) }},
	}, output.Findings[*whittle.Gate]{
		Verb:     "gate",
		Results:  ci.OfGate,
		Cases:    func(g *whittle.Gate) (string, []ci.Case) { return g.Image.Ref, ci.GateCases(g) },
		Markdown: func(w io.Writer, g *whittle.Gate) error { return report.GateMarkdown(w, g, 10) },
		Badge:    gateBadge,
	}.Forms(&a.printer), []output.Form[*whittle.Gate]{
		output.AsPage("Gate", func(g *whittle.Gate) string { return g.Image.Ref + ": " + string(g.Status) }, func(g *whittle.Gate) any { return g }, report.GateHTML),
	})
}

// gateOptions are the options of the command.
type gateOptions struct {
	file, target, config string
	baseline             string
	update               bool
	allow                int64
	reason               string
	advise               audit.AdviseOptions
	study                lab.StudyOptions
	keep                 timeline.Recording
}

func gateCommand(a *app) *cobra.Command {
	var o gateOptions
	var out *output.Output[*whittle.Gate]
	cmd := &cobra.Command{
		Use:   "gate IMAGE|DIR",
		Short: "Say whether an image keeps its project's budgets, and what broke them",
		Long: `gate compares an image with the budgets in whittle.yaml or in [tool.whittle] of
pyproject.toml, and with a baseline: the image of the main branch, or a file in
the repository that --update-baseline writes. A figure at its limit passes. For
each budget that is not kept, it names the packages and instructions that are
the cause, in rows that add up.

For a project's folder, gate builds its variant and runs it, as lab does, which
also measures how long the build and the start take.

Exit codes: 0 all budgets are kept; 1 one is not, or the image does not run; 2
the command line or the configuration is wrong; 3 it could not be measured,
which is no pass.`,
		Args: oneImage("whittle gate registry:registry.example.com/app", "run it for each of them"),
		RunE: func(cmd *cobra.Command, args []string) error { return runGate(a, cmd, args[0], o, out) },
	}
	f := cmd.Flags()
	f.StringVarP(&o.file, "file", "f", "", "the Dockerfile that made the image")
	f.StringVar(&o.target, "target", "", "the stage of the Dockerfile that was built")
	projectFlag(f, &o.advise.Project)
	f.StringVarP(&o.config, "config", "c", "", "the project's configuration (default: whittle.yaml, or [tool.whittle] of pyproject.toml)")
	f.StringVar(&o.baseline, "baseline", "", "compare with this in place of gate.baseline: an image, a file, git:COMMIT, or none")
	f.Var(flagvalue.Names(&o.study.Only), "variant", "for a project: this variant, where it has several")
	f.StringArrayVar(&o.study.Images, "image", nil, "for a project: an image that stands in for the build, such as the one that CI made")
	f.BoolVar(&o.update, "update-baseline", false, "keep this image as the baseline in "+audit.BaselineFile+", if it passes")
	f.Var(flagvalue.Bytes(&o.allow), "allow-growth", "accept that much more than budgets for growth allow, with --reason")
	recordFlags(f, &o.keep)
	f.StringVar(&o.reason, "reason", "", "with --allow-growth: why, which the baseline keeps")
	out = output.New(&a.printer, cmd, gateForms(a)...)
	out.Results, out.Outputs = ci.OfGate, gateOutputs
	return cmd
}

func runGate(a *app, cmd *cobra.Command, image string, o gateOptions, out *output.Output[*whittle.Gate]) error {
	if (o.allow > 0) != (strings.TrimSpace(o.reason) != "") {
		return usage("such as --allow-growth 60MB --reason \"adds torch\"", "--allow-growth and --reason belong together")
	}
	project := isProject(image)
	if err := o.check(cmd, image, project); err != nil {
		return err
	}
	var err error
	if o.advise.InspectOptions, err = dockerfileOption(o.file, o.target); err != nil {
		return err
	}
	if project {
		o.advise.Project = image
	}
	if err := inProject(&o.advise); err != nil {
		return err
	}
	a.printer.Sources = o.advise.Project
	if o.advise.Project != "" && o.file == "" {
		if made, ok := audit.OnlyDockerfile(o.advise.Project, ""); ok {
			o.advise.InspectOptions = made
		}
	}
	in := audit.GateOptions{AdviseOptions: o.advise, Update: o.update}
	if err := o.record(cmd, image, &in); err != nil {
		return err
	}
	if len(o.study.Only) == 1 {
		in.Variant = o.study.Only[0]
	}
	if err := o.configure(&in); err != nil {
		return err
	}
	frugal()
	env, err := a.env()
	if err != nil {
		return err
	}
	judge := audit.Gate
	if project {
		judge = o.gateProject
	}
	g, now, err := judge(cmd.Context(), env, image, in)
	if err != nil {
		return err
	}
	o.keep.Last(func(r *whittle.Record) { r.Gate, r.Startup, r.Build = g.Status, now.Startup, now.Build })
	if err := a.save(cmd.Context(), &o.keep, out.Write(g)); err != nil {
		return err
	}
	kept := false
	if o.update {
		if kept, err = keepBaseline(a, in, g, now); err != nil {
			return err
		}
	}
	switch {
	case g.Status == whittle.GateFails:
		return errNo
	case g.Status == whittle.GateUnmeasured && !kept:
		return unmeasured(g)
	}
	return nil
}

// record prepares to keep what is measured in the history.
func (o *gateOptions) record(cmd *cobra.Command, image string, in *audit.GateOptions) error {
	if o.advise.Project != "" {
		if err := o.keep.OfProject(cmd.Context(), cmd.Name(), o.advise.Project, o.config); err != nil {
			return err
		}
	}
	in.Look = func(x *audit.Examined, advice *whittle.Advice) {
		if o.advise.Project == "" {
			o.keep.OfImage(cmd.Name(), image, x.Subject.Config().Config.Labels)
		}
		o.keep.Add(x.Subject, advice.Findings, func(r *whittle.Record) {
			r.Variant = in.Variant
			if x.Facts.Check != nil {
				r.Runs = x.Facts.Check.Verdict
			}
		})
	}
	return nil
}

// check refuses options that have no effect.
func (o *gateOptions) check(cmd *cobra.Command, image string, project bool) error {
	if !project {
		return unused(cmd, image+" is an image, and nothing is built", "variant", "image")
	}
	if len(o.study.Only) > 1 {
		return usage("run it for each of them", "gate judges one variant, and not %d", len(o.study.Only))
	}
	return unused(cmd, image+" is a project, whose variants name their Dockerfiles", "file", "target", "project")
}

// gateProject builds a project's variant and judges its image.
func (o *gateOptions) gateProject(ctx context.Context, env *host.Env, dir string, in audit.GateOptions) (g *whittle.Gate, now *whittle.Baseline, err error) {
	before, err := audit.Baseline(ctx, env, &in)
	if err != nil {
		return nil, nil, err
	}
	o.study.Dir, o.study.Config, o.study.Quick = dir, o.config, !in.Timed()
	err = lab.Examine(ctx, env, o.study, func(v *whittle.Variant, x *audit.Examined, a *whittle.Advice) error {
		if v.Check != nil {
			x.Facts.Check = v.Check
		}
		a.Image.Ref = dir // what the next command is about
		g, now, err = x.Gate(a, before, in, audit.Measured(v))
		return err
	})
	return g, now, err
}

// unmeasured is the error of a gate that could not measure a figure: no pass.
func unmeasured(g *whittle.Gate) error {
	for _, b := range g.Budgets {
		if b.Status == whittle.GateUnmeasured {
			return whittle.WithHint(whittle.ErrUnmeasured.Errorf("judging the budgets of %s: %s", g.Image.Ref, b.Text), "what is not measured is no pass; leave the budget out, or measure it where it is known")
		}
	}
	return nil
}

// configure reads what the project says about its gate.
func (o *gateOptions) configure(in *audit.GateOptions) error {
	if o.advise.Project != "" || o.config != "" {
		var err error
		if in.Settings, in.Ignores, err = audit.GateSettings(o.advise.Project, o.config); err != nil {
			return err
		}
	}
	if o.baseline != "" {
		in.Settings.Baseline = o.baseline
	}
	if o.allow > 0 {
		in.Allow = whittle.Allowance{Bytes: o.allow, Reason: whittle.Shorten(whittle.OneLine(o.reason), 200), Day: time.Now().Format(time.DateOnly)}
	}
	return nil
}

// keepBaseline writes the image as the project's baseline, unless it does not pass.
func keepBaseline(a *app, in audit.GateOptions, g *whittle.Gate, now *whittle.Baseline) (kept bool, err error) {
	if why := notKept(g); why != "" {
		a.printer.Note("the baseline stays as it is, because " + why)
		return false, nil
	}
	if err := audit.WriteBaseline(in.Project, in.KeptAt(), now); err != nil {
		return false, err
	}
	a.printer.Note("the baseline is in " + in.KeptAt())
	return true, nil
}

// notKept says why an image is no baseline. That the last baseline does not have a
// figure is what keeping this one changes.
func notKept(g *whittle.Gate) string {
	if g.Status == whittle.GateFails {
		return "the image does not pass: --allow-growth SIZE --reason TEXT accepts growth"
	}
	for _, b := range g.Budgets {
		if b.Status == whittle.GateUnmeasured && b.Missing == "image" {
			return b.Text
		}
	}
	return ""
}
