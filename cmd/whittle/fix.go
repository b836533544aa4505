package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/flagvalue"
	"whittle.dev/whittle/internal/lab"
	"whittle.dev/whittle/internal/output"
	"whittle.dev/whittle/internal/report"
	"whittle.dev/whittle/internal/report/page"
)

const fixLong = `fix makes the fixes that whittle advise proposes for the variants of the project
in DIR (default: this folder): edits of Dockerfiles, pyproject.toml, requirements
files and .dockerignore that leave everything else as it is. Without --write it
shows a unified diff.

With --verify, fix builds and runs the images before and after the fixes, round
after round until it finds nothing more. It reverts a fix if something does not
run any more or the image gets larger, and says which and why.

No fix is kept that makes a start clearly slower: in repeated runs, by more than
10 % and 0.1 s of processor time; where that is not known, by 10 % and 0.2 s
(0.5 s for the image's own start). --objective ready keeps one all the same if
the image is ready sooner at each --bandwidth. Without --verify nothing is
measured, and fixes that are known to make starts slower are not made: they leave
out bytecode, which Python then compiles at each start. --objective size makes
them all the same, and so does --only RULE without --verify. Neither are fixes
made that save too little to be worth reading; --only RULE makes them, too.

With --commits, each concern is one commit, with a message that says why and what
it saves. --write makes the commits, all at once, in a git work tree without
uncommitted changes; hooks and other programs of the repository are not run.
Without --write they are shown as patches for git am.

--strategy writes the Dockerfile in another way before any other fix: two-stage
installs the packages in a stage of its own, of which the image gets them only;
single-stage removes what only building needs in the RUN that installs;
distroless has Debian's Python and no shell. What does not have to change stays
as it is. If a line is in the way, fix names it and writes nothing. --verify
keeps a strategy only if everything that ran still runs, the settings are the
same, and the image is not larger.

For Dockerfiles, and with --static for folders, fix only reads files: nothing is
built, and no image, engine or network is needed. It then makes the fixes that the
text alone proves to be safe.

Exit codes: 0 fine; 1 with --verify: a fix was reverted, or an image still
does not run; 2 the command line or the input is wrong; 3 the build engine, the
network or this machine failed.`

func (a *app) fixCommand() *cobra.Command {
	var o lab.FixOptions
	var risk, trace string
	var interactive bool
	var text textMode
	var out *output.Output[*whittle.Repair]
	cmd := &cobra.Command{
		Use:   "fix [DIR|DOCKERFILE…]",
		Short: "Show, write or prove the changes that make a project's images smaller",
		Long:  fixLong,
		Args: func(cmd *cobra.Command, args []string) error {
			if text.asked(args) {
				return nil
			}
			return oneFolder(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			o.Dir = projectDir(args)
			var err error
			if text.asked(args) || text.asWish {
				if interactive {
					o.Ask = newAsker(a.in, a.printer.Err).ask
				}
				if o.Risk, err = riskOption(risk); err != nil {
					return err
				}
				return text.fix(cmd, a, args, o, out)
			}
			a.about(cmd, o.Dir)
			if o.Risk, err = riskOption(risk); err != nil {
				return err
			}
			if err := fixOptionsFit(cmd, o); err != nil {
				return err
			}
			if o.Trace, err = traceOption(trace); err != nil {
				return err
			}
			if interactive {
				o.Ask = newAsker(a.in, a.printer.Err).ask
			}
			return a.runFix(cmd, o, out)
		},
	}
	f := cmd.Flags()
	fixChoices(f, &o)
	f.StringVar(&risk, "risk", "", "the highest risk to take: none, low, medium or high (default low, with --verify medium)")
	fixEffects(f, &o)
	f.BoolVarP(&interactive, "interactive", "i", false, "ask before each fix")
	traceFlag(f, &trace)
	inputFlags(f, &o.Inputs)
	f.BoolVar(&text.asWish, "static", false, onText)
	out = output.New(&a.printer, cmd,
		output.Form[*whittle.Repair]{Name: output.Text, Write: func(w io.Writer, st page.Style, r *whittle.Repair) error {
			if r.Series != nil && !o.Write {
				return report.RepairSeries(w, r)
			}
			return report.RepairText(w, r, st)
		}},
		output.AsJSON(func(r *whittle.Repair) any { return r }),
		output.Form[*whittle.Repair]{Name: output.Markdown, Write: func(w io.Writer, _ page.Style, r *whittle.Repair) error { return report.RepairMarkdown(w, r) }},
		output.AsPage("Fix", func(r *whittle.Repair) string { return r.Project }, func(r *whittle.Repair) any { return r }, report.RepairHTML))
	return cmd
}

// fixChoices are the flags that say what is fixed, and of what.
func fixChoices(f *pflag.FlagSet, o *lab.FixOptions) {
	f.StringVar(&o.Config, "config", "", "read this file instead of DIR/whittle.yaml")
	f.StringVar(&o.Out, "out", "", "folder for images and logs (default DIR/.whittle)")
	f.Var(flagvalue.Names(&o.StudyOptions.Only), "variant", "only these variants (repeatable)")
	f.StringArrayVar(&o.Images, "image", nil, "an image that stands in for a build, such as the one that CI made: VARIANT=IMAGE, or IMAGE for the only variant (repeatable)")
	f.Var(flagvalue.Names(&o.Rules), "only", "only the fixes of these rules (repeatable)")
	f.StringVar(&o.Strategy, "strategy", "", "write the Dockerfile in another way: two-stage, single-stage or distroless")
	f.BoolVar(&o.Guard, "guard-imports", false, "do not declare an import that is missing; make it fail with a message that says what to install")
	f.BoolVar(&o.Offline, "builtin-frontend", false, "build with BuildKit's own frontend, whatever a # syntax= line says")
}

// fixEffects are the flags that say how fixes are proved and written.
func fixEffects(f *pflag.FlagSet, o *lab.FixOptions) {
	f.BoolVar(&o.Verify, "verify", false, "build and run before and after; keep only what does no harm")
	objectiveFlags(f, &o.StudyOptions, "what a fix is judged by")
	f.BoolVarP(&o.Write, "write", "w", false, "change the files")
	f.BoolVar(&o.Force, "force", false, "with --write: also change files with uncommitted changes")
	f.BoolVar(&o.Commits, "commits", false, "one commit for each concern: with --write in a clean git work tree, otherwise patches for git am")
}

// fixOptionsFit refuses options that are unknown or have no effect with the others.
func fixOptionsFit(cmd *cobra.Command, o lab.FixOptions) error {
	if err := knownObjective(o.Objective); err != nil {
		return err
	}
	if err := notProved(o.Images, o.Verify, "--verify"); err != nil {
		return err
	}
	if err := knownStrategy(o.Strategy); err != nil {
		return err
	}
	if !o.Write {
		if err := unused(cmd, "nothing is written without --write", "force"); err != nil {
			return err
		}
	}
	if o.Commits && o.Write {
		return unused(cmd, "--commits needs a work tree without uncommitted changes", "force")
	}
	return nil
}

// notProved refuses images that stand in for builds where a proof compares builds.
func notProved(images []string, proves bool, option string) error {
	if len(images) == 0 || !proves {
		return nil
	}
	return usage("leave one of them out", "%s builds the images before and after, and --image stands in for a build", option)
}

func riskOption(name string) (whittle.Risk, error) {
	switch r := whittle.Risk(name); r {
	case "", whittle.RiskNone, whittle.RiskLow, whittle.RiskMedium, whittle.RiskHigh:
		return r, nil
	}
	return "", whittle.WithHint(whittle.ErrUsage.Errorf("there is no risk %q", name), "the risks are none, low, medium and high")
}

func knownStrategy(name string) error {
	if name == "" || slices.Contains(lab.Strategies(), name) {
		return nil
	}
	return whittle.WithHint(whittle.ErrUsage.Errorf("there is no strategy %q that fix can write", name), whittle.DidYouMean(name, lab.Strategies(), "the strategies are "+strings.Join(lab.Strategies(), ", ")))
}

func objectiveFlags(f *pflag.FlagSet, o *lab.StudyOptions, what string) {
	f.StringVar(&o.Objective, "objective", lab.ObjectiveBoth, what+": both (size and start-up, which none makes slower), size or ready (time to ready)")
	f.Var(flagvalue.Bandwidths(&o.Bandwidths), "bandwidth", "a rate at which the time to ready is worked out, such as 100Mbit/s or 50MB/s (repeatable; default 1Gbit/s and 100Mbit/s)")
}

func knownObjective(name string) error {
	if slices.Contains(lab.Objectives(), name) {
		return nil
	}
	return whittle.WithHint(whittle.ErrUsage.Errorf("there is no objective %q", name), whittle.DidYouMean(name, lab.Objectives(), "the objectives are "+strings.Join(lab.Objectives(), ", ")))
}

func (a *app) runFix(cmd *cobra.Command, o lab.FixOptions, out *output.Output[*whittle.Repair]) error {
	env, err := a.env()
	if err != nil {
		return err
	}
	r, failed := lab.Fix(cmd.Context(), env, o)
	if r == nil {
		return failed
	}
	if err := out.Write(r); err != nil {
		return err
	}
	if r.Series != nil && !o.Write && !a.quiet {
		fmt.Fprintln(a.printer.Err, seriesNote(r))
	}
	if failed != nil || r.Verified == nil {
		return failed
	}
	for _, s := range r.Steps {
		if s.Status == whittle.Reverted {
			return errNo
		}
	}
	for _, v := range r.Verified.Variants {
		if v.After.Build == whittle.Built && v.After.Verdict == whittle.Fails {
			return errNo
		}
	}
	return nil
}

// seriesNote says what a series that is shown has, and what to do with it.
func seriesNote(r *whittle.Repair) string {
	left := 0
	for _, s := range r.Steps {
		if s.Status != whittle.Applied {
			left++
		}
	}
	note := fmt.Sprintf("%d patches for git am", len(r.Series.Commits))
	if left > 0 {
		note += fmt.Sprintf("; %d fixes are not among them: whittle fix says why", left)
	}
	return note
}

// asker asks on the terminal before each fix.
type asker struct {
	lines chan answer
	out   io.Writer
	// all and none answer the rest.
	all, none bool
}

type answer struct {
	text string
	err  error
}

// newAsker reads answers in another goroutine, so that Ctrl-C also ends a
// question.
func newAsker(in io.Reader, out io.Writer) *asker {
	k := &asker{lines: make(chan answer), out: out}
	go func() {
		r := bufio.NewReader(in)
		for {
			text, err := r.ReadString('\n')
			k.lines <- answer{text, err}
			if err != nil {
				close(k.lines)
				return
			}
		}
	}()
	return k
}

func (k *asker) ask(ctx context.Context, f whittle.Finding) (bool, error) {
	if k.all || k.none {
		return k.all, nil
	}
	fmt.Fprintf(k.out, "\n%s: %s\n", f.Rule, page.Plain(f.Message))
	if f.Caution != "" {
		fmt.Fprintf(k.out, "  %s\n", page.Plain(f.Caution))
	}
	for {
		fmt.Fprintf(k.out, "%s? [y]es, [n]o, [a]ll, [q]uit: ", page.Plain(f.Fix.Title))
		var line answer
		select {
		case <-ctx.Done():
			return false, ctx.Err()
		case line = <-k.lines:
		}
		if line.err != nil && !errors.Is(line.err, io.EOF) {
			return false, whittle.ErrUsage.Errorf("reading the answer: %w", line.err)
		}
		switch text := strings.ToLower(strings.TrimSpace(line.text)); {
		case text == "y" || text == "yes":
			return true, nil
		case text == "n" || text == "no":
			return false, nil
		case text == "a" || text == "all":
			k.all = true
			return true, nil
		case text == "q" || text == "quit" || text == "" && line == (answer{}) || line.err != nil:
			k.none = true
			return false, nil
		}
	}
}
