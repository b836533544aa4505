package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/audit"
	"whittle.dev/whittle/internal/output"
	"whittle.dev/whittle/internal/report"
	"whittle.dev/whittle/internal/report/ci"
	"whittle.dev/whittle/internal/report/html"
	"whittle.dev/whittle/internal/report/page"
)

const checkLong = `check follows what an image starts (entry point, command, health check, console
scripts of the application) to the programs, shared libraries and Python modules
that it needs. It reports what is missing, with file and line, how it is reached
and what to do. With --run, it also runs what the image starts, without network,
and says where the two verdicts differ.

For a project's folder, check compares what the code imports with what the files
declare. It is an error if nothing declares an imported package and no declared
dependency requires it, by a lock file, the project's virtual environment or the
package index. With --image, it checks an image that was built of the project
elsewhere, such as by CI. Of a Dockerfile, it checks the folder that its build gets.

Exit codes: 0 no error was found; 1 the image does not run, or with --run a
verdict and a run differ; 2 the command line or the input is wrong; 3 the
engine, the network or this machine failed.`

func (a *app) checkCommand() *cobra.Command {
	var o audit.CheckOptions
	runs := runOptions{RunOptions: &o.RunOptions}
	var list, all bool
	var standIn string
	var out *output.Output[checkResult]
	cmd := &cobra.Command{
		Use:   "check IMAGE|DIR|DOCKERFILE",
		Short: "Say whether an image can run, without running it",
		Long:  checkLong,
		Args: func(cmd *cobra.Command, args []string) error {
			if list {
				return noLists(cmd, args, "list")
			}
			return oneImage("whittle check python:3.13, or whittle check . for a project", "run it for each of them")(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if list {
				return a.listChecks()
			}
			var err error
			if args, err = inPlace(cmd, args, &o.Project, standIn); err != nil {
				return err
			}
			if isProject(args[0]) {
				if err := unused(cmd, args[0]+" is a project, which names itself", "project", "patience", "secret", "ssh", "env", "env-file", "cache-from", "cache-to", "allow"); err != nil {
					return err
				}
				a.printer.Sources = args[0]
				return a.checkProject(cmd, args[0], o.Run || len(runs.lines) > 0, func(c *whittle.Check) error { return showCheck(out, checkResult{c, all}) })
			}
			if err := unused(cmd, args[0]+" is an image, and nothing is built", "cache-from", "cache-to"); err != nil {
				return err
			}
			if !o.Run {
				if err := unused(cmd, "nothing is run without --run", "patience", "secret", "ssh", "env", "env-file", "allow"); err != nil {
					return err
				}
			}
			if err := runs.complete(); err != nil {
				return err
			}
			env, err := a.env()
			if err != nil {
				return err
			}
			c, err := audit.Check(cmd.Context(), env, args[0], o)
			if err != nil {
				return err
			}
			return showCheck(out, checkResult{c, all})
		},
	}
	f := cmd.Flags()
	f.BoolVar(&list, "list", false, "list the checks")
	f.StringVar(&standIn, "image", "", "for a project: check this image, which was built of it")
	f.BoolVar(&all, "all", false, "show everything: all places of each cause and the way to it, all warnings and notes")
	f.BoolVar(&o.Run, "run", false, "also run what the image starts, and compare")
	o.Patience = 10 * time.Second
	runs.flags(f, "another command line that must work", "with --run: how long to watch an entry point that keeps running")
	out = output.New(&a.printer, cmd, checkForms(a)...)
	out.Results, out.Outputs = checkResult.results, func(v checkResult) output.Step {
		return output.Step{{"status", string(v.c.Verdict)}, {"problems", strconv.Itoa(len(v.c.Problems))}}
	}
	return cmd
}

func (a *app) listChecks() error {
	list := checkList{Schema: "whittle.checks/v1"}
	for _, c := range audit.Checks() {
		list.Checks = append(list.Checks, listedCheck{c.ID, c.Severity, c.Title})
	}
	return a.printer.Show(list, func(w io.Writer, _ page.Style) error {
		for _, r := range list.Checks {
			if _, err := fmt.Fprintf(w, "%-24s %-8s %s\n", r.ID, r.Severity, r.Title); err != nil {
				return err
			}
		}
		return nil
	})
}

// checkProject checks a folder; asked says that an option was given that needs
// an image.
func (a *app) checkProject(cmd *cobra.Command, dir string, asked bool, show func(*whittle.Check) error) error {
	if asked {
		return whittle.WithHint(whittle.ErrUsage.Errorf("%s is a folder without an image to run", dir), "build it first, or study it with whittle lab")
	}
	env, err := a.env()
	if err != nil {
		return err
	}
	c, err := audit.CheckProject(cmd.Context(), env, dir)
	if err != nil {
		return err
	}
	return show(c)
}

// checkResult is a check and how it is shown.
type checkResult struct {
	c   *whittle.Check
	all bool
}

func (v checkResult) results() []ci.Result { return ci.OfCheck(v.c) }

// checkBadges say whether an image runs.
var checkBadges = map[whittle.Verdict]ci.Badge{
	whittle.Runs:    {Label: "image", Message: "runs", Color: ci.Good},
	whittle.Fails:   {Label: "image", Message: "does not run", Color: ci.Bad},
	whittle.Unknown: {Label: "image", Message: "not known", Color: ci.Middle},
}

func checkForms(a *app) []output.Form[checkResult] {
	return slices.Concat([]output.Form[checkResult]{
		{Name: output.Text, Write: func(w io.Writer, st page.Style, v checkResult) error {
			st.Verbose = v.all
			return report.CheckText(w, v.c, st)
		}},
		output.AsJSON(func(v checkResult) any { return v.c }),
		{Name: output.Markdown, Write: func(w io.Writer, _ page.Style, v checkResult) error { return report.CheckMarkdown(w, v.c, v.all) }},
	}, output.Findings[checkResult]{
		Verb:    "check",
		Results: checkResult.results,
		Cases: func(v checkResult) (string, []ci.Case) {
			return cmp.Or(v.c.Image, v.c.Project), ci.CheckCases(v.c)
		},
		Markdown: func(w io.Writer, v checkResult) error { return report.CheckMarkdown(w, v.c, false) },
		Badge:    func(v checkResult) ci.Badge { return checkBadges[v.c.Verdict] },
	}.Forms(&a.printer), []output.Form[checkResult]{
		{Name: output.HTML, Write: func(w io.Writer, _ page.Style, v checkResult) error {
			return output.WriteHTML(w, &html.Page{Check: v.c, Value: v.c})
		}},
	})
}

func showCheck(out *output.Output[checkResult], v checkResult) error {
	if err := out.Write(v); err != nil {
		return err
	}
	if v.c.Verdict == whittle.Fails || len(v.c.Disagreements) > 0 {
		return errNo
	}
	return nil
}
