package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/audit"
	"whittle.dev/whittle/internal/output"
	"whittle.dev/whittle/internal/report"
	"whittle.dev/whittle/internal/report/page"
)

const traceLong = `trace runs what an image starts, and says which of its files the processes touch:
open, execute, or ask for. It needs a build engine, and no privileges: whittle is
mounted into the container and traces the command there, as its parent.

  whittle trace app:1.0
  whittle trace app:1.0 --command "app import --dry-run" --command "app report"
  whittle trace app:1.0 --project . --test

With a project, its commands (run:) and requests of whittle.yaml run, too; with
--test also its tests. The more of the application runs, the more the trace says:
what no run touched may be needed by what did not run.

A run that cannot be traced as a whole is an error; no event is lost in silence.
Programs that would become another user by their file (sudo) may not under a
tracer; the result names them.

Exit codes: 0 fine; 1 a run failed, so it touched less than it will; 2 the command
line or the input is wrong; 3 the engine, the network or this machine failed.`

func traceCommand(a *app) *cobra.Command {
	var o audit.TraceOptions
	runs := runOptions{RunOptions: &o.RunOptions}
	var all bool
	var out *output.Output[*whittle.Trace]
	cmd := &cobra.Command{
		Use:   "trace IMAGE",
		Short: "Run an image and say which of its files are touched, and which never",
		Long:  traceLong,
		Args:  oneImage(`whittle trace app:1.0 --command "app --help"`, "run it for each of them"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := cmp.Or(unused(cmd, args[0]+" is an image, and nothing is built", "cache-from", "cache-to"), runs.complete()); err != nil {
				return err
			}
			env, err := a.env()
			if err != nil {
				return err
			}
			t, err := audit.Trace(cmd.Context(), env, args[0], o)
			if err != nil {
				return err
			}
			if err := out.Write(t); err != nil || !slices.ContainsFunc(t.Runs, func(r whittle.TraceRun) bool { return r.Problem != "" }) {
				return err
			}
			return errNo
		},
	}
	f := cmd.Flags()
	o.Patience = audit.TracePatience
	runs.flags(f, "another command line to trace", "how long to watch an entry point that keeps running and does not answer")
	f.BoolVar(&o.Test, "test", false, "also trace the project's tests (test: of whittle.yaml)")
	f.BoolVar(&all, "all", false, "show all owners, and all paths that were missing")
	out = output.New(&a.printer, cmd,
		output.Form[*whittle.Trace]{Name: output.Text, Write: func(w io.Writer, st page.Style, t *whittle.Trace) error {
			st.Verbose = all
			return report.TraceText(w, t, st)
		}},
		output.AsJSON(func(t *whittle.Trace) any { return t }),
		output.Form[*whittle.Trace]{Name: output.Markdown, Write: func(w io.Writer, _ page.Style, t *whittle.Trace) error { return report.TraceMarkdown(w, t, all) }})
	return cmd
}

// traceFlag is --trace, a file that whittle trace wrote.
func traceFlag(f *pflag.FlagSet, to *string) {
	f.StringVar(to, "trace", "", "what runs touched, a file of whittle trace -o json=FILE: nothing of that is proposed to go, and a finding says that no run touched what it is about")
}

// traceOption reads the file of --trace, nil without one.
func traceOption(name string) (*whittle.Trace, error) {
	if name == "" {
		return nil, nil
	}
	text, err := whittle.ReadFile(name, whittle.MaxTrace)
	if err != nil {
		return nil, whittle.ErrUsage.Errorf("--trace: %w", err)
	}
	t, err := whittle.ReadTrace(text)
	if err != nil {
		return nil, fmt.Errorf("--trace %s: %w", name, err)
	}
	return t, nil
}
