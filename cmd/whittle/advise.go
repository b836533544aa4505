package main

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/audit"
	"whittle.dev/whittle/internal/commandline"
	"whittle.dev/whittle/internal/flagvalue"
	"whittle.dev/whittle/internal/host"
	"whittle.dev/whittle/internal/lab"
	"whittle.dev/whittle/internal/output"
	"whittle.dev/whittle/internal/report"
	"whittle.dev/whittle/internal/report/ci"
	"whittle.dev/whittle/internal/report/html"
	"whittle.dev/whittle/internal/report/page"
	"whittle.dev/whittle/internal/static"
	"whittle.dev/whittle/internal/view"
)

const adviseLong = `advise says what could be smaller in an image, or keeps it from running. Its
rules look at the image together with the Dockerfile and project that made it.
Each finding has its evidence, what the change would save and the risk. If an
edit is safe, it has a fix, which whittle fix makes.

A saving is the difference that a rebuild would make, exact to the byte for
changes of files. Findings overlap, so savings do not add up; advise also gives
the total.

For a project's folder, advise looks at every variant, and first builds those
of which there is no finished image in DIR/.whittle. With --image, it looks at an
image that was built elsewhere, such as by CI.

For Dockerfiles, and with --static for folders, advise only reads files: nothing
is built, and no image, engine or network is needed. The rules that need no image
say what the text shows for certain; with the image, they find that and more.

Exit codes: 0 fine; 1 for Dockerfiles: there are findings (0 with --exit-zero);
2 the command line or the input is wrong; 3 the engine, the network or this
machine failed.`

func (a *app) adviseCommand() *cobra.Command {
	var o audit.AdviseOptions
	var study lab.StudyOptions
	var file, target, trace string
	var verbose, rules bool
	var text textMode
	var out *output.Output[adviseResult]
	cmd := &cobra.Command{
		Use:   "advise IMAGE|DIR|DOCKERFILE…",
		Short: "Say what could be smaller, or breaks, and what each change would save",
		Long:  adviseLong,
		Args: func(cmd *cobra.Command, args []string) error {
			if rules {
				return noLists(cmd, args, "rules")
			}
			if len(args) == 1 || len(args) > 1 && text.asked(args) {
				return nil
			}
			return usage("such as whittle advise python:3.13, or whittle advise . for a project; of Dockerfiles it takes several", "advise takes one image or project, and not %d", len(args))
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if rules {
				return a.listRules()
			}
			if out.Wants(output.HTML) && (isProject(args[0]) || text.asked(args)) {
				return usage("whittle lab DIR writes report.html about all variants", "an HTML report of advise is about one image, and %s is none", args[0])
			}
			if out.Only(output.HTML) {
				if err := unused(cmd, "an HTML report shows all", "all"); err != nil {
					return err
				}
			}
			if text.asked(args) {
				return text.advise(cmd, args, static.Options{Only: o.Only, Variants: study.Only}, out)
			}
			if err := unused(cmd, "findings of an image do not change the exit code; whittle gate does", "exit-zero"); err != nil {
				return err
			}
			var err error
			if o.Trace, err = traceOption(trace); err != nil {
				return err
			}
			env, err := a.env()
			if err != nil {
				return err
			}
			if isProject(args[0]) {
				study.Dir, study.Trace = args[0], o.Trace
				return adviseProject(a, cmd, env, study, o.Only, verbose, out)
			}
			if o.InspectOptions, err = dockerfileOption(file, target); err != nil {
				return err
			}
			return adviseImage(a, cmd, env, args[0], o, verbose, out)
		},
	}
	f := cmd.Flags()
	f.StringVarP(&file, "file", "f", "", "the Dockerfile that made the image")
	f.StringVar(&target, "target", "", "the stage of the Dockerfile that was built")
	projectFlag(f, &o.Project)
	f.Var(flagvalue.Names(&o.Only), "only", "use only these rules (repeatable)")
	f.Var(flagvalue.Names(&study.Only), "variant", "for a project: only these variants (repeatable)")
	f.StringArrayVar(&study.Images, "image", nil, "an image that stands in for a build, such as the one that CI made: VARIANT=IMAGE, or IMAGE for the only variant (repeatable)")
	f.BoolVar(&study.Offline, "builtin-frontend", false, "build with BuildKit's own frontend, whatever a # syntax= line says")
	inputFlags(f, &study.Inputs)
	f.BoolVar(&verbose, "all", false, "show all places of each finding")
	traceFlag(f, &trace)
	f.BoolVar(&rules, "rules", false, "list the rules")
	f.BoolVar(&text.asWish, "static", false, onText)
	f.BoolVar(&text.exitZero, "exit-zero", false, "for Dockerfiles: exit with 0 also if there are findings")
	out = output.New(&a.printer, cmd, adviseForms(a)...)
	out.Results, out.Outputs = adviseResult.results, adviseResult.outputs
	return cmd
}

func adviseProject(a *app, cmd *cobra.Command, env *host.Env, study lab.StudyOptions, only []string, verbose bool, out *output.Output[adviseResult]) error {
	if err := unused(cmd, study.Dir+" is a project, whose variants name their Dockerfiles", "file", "target", "project"); err != nil {
		return err
	}
	a.printer.Sources = study.Dir
	a.about(cmd, study.Dir)
	all, err := lab.AdviseProject(cmd.Context(), env, study, only)
	if err != nil {
		return static.Instead(err)
	}
	return out.Write(adviseResult{all: all, project: true, verbose: verbose})
}

func adviseImage(a *app, cmd *cobra.Command, env *host.Env, image string, o audit.AdviseOptions, verbose bool, out *output.Output[adviseResult]) error {
	if err := unused(cmd, image+" is an image, and nothing is built", "variant", "image", "builtin-frontend", "secret", "ssh", "env", "env-file", "cache-from", "cache-to", "allow"); err != nil {
		return err
	}
	if err := inProject(&o); err != nil {
		return err
	}
	a.printer.Sources = o.Project
	v := adviseResult{verbose: verbose, diff: output.DiffsIn(cmp.Or(o.Project, "."), func(*whittle.Finding) string { return o.Dockerfile })}
	advice := new(whittle.Advice)
	var err error
	if out.Wants(output.HTML) {
		if v.model, err = audit.View(cmd.Context(), env, image, o); err == nil {
			advice = v.model.Advice
		}
	} else {
		advice, err = audit.Advise(cmd.Context(), env, image, o)
	}
	if err != nil {
		return err
	}
	v.all = []*whittle.Advice{advice}
	return out.Write(v)
}

// adviseResult is the advice on an image, or on the variants of a project, and how it is
// shown; the model and the diffs are for HTML alone.
type adviseResult struct {
	all     []*whittle.Advice
	project bool
	verbose bool
	// text are the findings of Dockerfiles without an image; all is then empty.
	text  *whittle.StaticAdvice
	model *view.Model
	diff  func(*whittle.Finding) string
}

func (v adviseResult) results() []ci.Result {
	if v.text != nil {
		return ci.OfStatic(v.text)
	}
	return ci.OfAdvice(v.all...)
}

// outputs are those of a step: the sizes are the first image's.
func (v adviseResult) outputs() output.Step {
	n := 0
	if v.text != nil {
		n = len(v.text.Findings)
	}
	for _, advice := range v.all {
		n += len(advice.Findings)
	}
	out := output.Step{{"findings", strconv.Itoa(n)}}
	if len(v.all) > 0 {
		out = append(out, sizesOf(v.all[0].Sizes)...)
		out = append(out, [2]string{"saves", strconv.FormatInt(v.all[0].Total.Low, 10)})
	}
	return out
}

// badge says what can go.
func (v adviseResult) badge() ci.Badge {
	saves := int64(0)
	if v.text != nil && len(v.text.Findings) > 0 {
		return ci.Badge{Label: "findings", Message: strconv.Itoa(len(v.text.Findings)), Color: ci.Middle}
	}
	for _, advice := range v.all {
		saves = max(saves, advice.Total.Low)
	}
	if saves == 0 {
		return ci.Badge{Label: "can go", Message: "nothing", Color: ci.Good}
	}
	return ci.Badge{Label: "can go", Message: whittle.Bytes(saves), Color: ci.Middle}
}

func adviseForms(a *app) []output.Form[adviseResult] {
	markdown := func(w io.Writer, v adviseResult) error {
		if v.text != nil {
			return report.StaticMarkdown(w, v.text)
		}
		return each(w, v.all, func(advice *whittle.Advice) error { return report.AdviceMarkdown(w, advice) })
	}
	return slices.Concat([]output.Form[adviseResult]{
		{Name: output.Text, Write: func(w io.Writer, st page.Style, v adviseResult) error {
			st.Verbose = v.verbose
			if v.text != nil {
				return report.StaticText(w, v.text, st)
			}
			return each(w, v.all, func(advice *whittle.Advice) error { return report.AdviceText(w, advice, st) })
		}},
		output.AsJSON(func(v adviseResult) any {
			if v.text != nil {
				return v.text
			}
			if v.project {
				return projectAdvice{"whittle.advise-project/v1", v.all}
			}
			return v.all[0]
		}),
		{Name: output.Markdown, Write: func(w io.Writer, _ page.Style, v adviseResult) error { return markdown(w, v) }},
	}, output.Findings[adviseResult]{
		Verb:    "advise",
		Results: adviseResult.results,
		Cases: func(v adviseResult) (string, []ci.Case) {
			var names []string
			if v.text != nil {
				names = v.text.Files
			}
			for _, advice := range v.all {
				names = append(names, advice.Image.Ref)
			}
			return strings.Join(names, ", "), ci.Cases("whittle.advise", v.results())
		},
		Markdown: markdown,
		Badge:    adviseResult.badge,
	}.Forms(&a.printer), []output.Form[adviseResult]{
		{Name: output.HTML, Write: func(w io.Writer, _ page.Style, v adviseResult) error {
			return output.WriteHTML(w, &html.Page{Images: output.Shown(v.model), Value: v.model.Advice, Diff: v.diff})
		}},
	})
}

// each shows values with an empty line between them.
func each[T any](w io.Writer, all []T, show func(T) error) error {
	for i, v := range all {
		if i > 0 {
			fmt.Fprintln(w)
		}
		if err := show(v); err != nil {
			return err
		}
	}
	return nil
}

// projectFlag is --project, which [projectOption] completes.
func projectFlag(f *pflag.FlagSet, dir *string) {
	f.StringVar(dir, "project", "", "the folder of the project that made the image (default: this folder, if it has a project)")
}

// projectOption is the folder of --project, or this folder where it is a project.
func projectOption(dir string) (string, error) {
	if dir == "" && isProject(".") {
		return ".", nil
	}
	info, err := os.Stat(dir)
	switch {
	case dir == "" || err == nil && info.IsDir():
		return dir, nil
	case err == nil:
		return "", usage("name the folder that it lies in: "+filepath.Dir(dir), "project %s is a file", dir)
	}
	return "", usage(cmp.Or(commandline.NearFile(dir), "name the folder of the project that made the image"), "project %s: no such folder", dir)
}

// inProject takes this folder for the project where it is one, and names the
// Dockerfile as the project does.
func inProject(o *audit.AdviseOptions) error {
	var err error
	if o.Project, err = projectOption(o.Project); err != nil {
		return err
	}
	if o.Dockerfile == "" || o.Project == "" {
		return nil
	}
	dir, err := filepath.Abs(o.Project)
	if err != nil {
		return fmt.Errorf("finding the project: %w", err)
	}
	file, err := filepath.Abs(o.Dockerfile)
	if err != nil {
		return fmt.Errorf("finding the Dockerfile: %w", err)
	}
	if rel, err := filepath.Rel(dir, file); err == nil && filepath.IsLocal(rel) {
		o.Dockerfile = filepath.ToSlash(rel)
	}
	return nil
}

func (a *app) listRules() error {
	list := ruleList{Schema: "whittle.rules/v1"}
	for _, r := range audit.Rules() {
		list.Rules = append(list.Rules, listedRule{r.ID, r.Title})
	}
	return a.printer.Show(list, func(w io.Writer, _ page.Style) error {
		for _, r := range list.Rules {
			if _, err := fmt.Fprintf(w, "%-28s %s\n", r.ID, r.Title); err != nil {
				return err
			}
		}
		return nil
	})
}
