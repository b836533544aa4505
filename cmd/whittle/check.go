package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/audit"
	"whittle.dev/whittle/internal/dockerfile"
	"whittle.dev/whittle/internal/report"
)

func (a *app) checkCommand() *cobra.Command {
	var o audit.CheckOptions
	var lines []string
	var list bool
	cmd := &cobra.Command{
		Use:   "check IMAGE|DIR",
		Short: "Say whether an image can run, without running it",
		Long: `check follows what an image starts (entry point, command, health check, console
scripts of the application) to the programs, shared libraries and Python modules
that it needs. It reports what is missing, with file and line, how it is reached
and what to do. With --run, it also runs what the image starts, without network,
and says where the two verdicts differ.

For a project's folder, check compares what the code imports with what the files
declare. It is an error if nothing declares an imported package and no declared
dependency requires it, by a lock file, the project's virtual environment or the
package index.

Exit codes: 0 no error was found; 1 the image does not run, or with --run a
verdict and a run differ; 2 the command line or the input is wrong; 3 the
engine, the network or this machine failed.`,
		Args: func(cmd *cobra.Command, args []string) error {
			if list && len(args) == 0 {
				return nil
			}
			return oneImage("whittle check python:3.13, or whittle check . for a project", "run it for each of them")(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if list {
				return a.listChecks()
			}
			if isProject(args[0]) {
				if err := unused(cmd, args[0]+" is a project, which names itself", "project", "secret", "ssh", "env", "env-file", "cache-from", "cache-to", "allow"); err != nil {
					return err
				}
				return a.checkProject(cmd, args[0], o.Run || len(lines) > 0)
			}
			if err := unused(cmd, args[0]+" is an image, and nothing is built", "cache-from", "cache-to"); err != nil {
				return err
			}
			if !o.Run {
				if err := unused(cmd, "nothing is run without --run", "patience", "secret", "ssh", "env", "env-file", "allow"); err != nil {
					return err
				}
			}
			for _, line := range lines {
				words, err := dockerfile.Words(line)
				if err != nil {
					return err
				}
				o.Commands = append(o.Commands, words)
			}
			if o.Project == "" && isProject(".") {
				o.Project = "."
			}
			env, err := a.env()
			if err != nil {
				return err
			}
			c, err := audit.Check(cmd.Context(), env, args[0], o)
			if err != nil {
				return err
			}
			return a.showCheck(c)
		},
	}
	f := cmd.Flags()
	f.BoolVar(&list, "list", false, "list the checks")
	f.StringVar(&o.Project, "project", "", "the folder of the project that made the image (default: this folder, if it has a project)")
	f.StringArrayVar(&lines, "command", nil, "another command line that must work (repeatable)")
	f.BoolVar(&o.Run, "run", false, "also run what the image starts, and compare")
	f.DurationVar(&o.Patience, "patience", 10*time.Second, "with --run: how long to watch an entry point that keeps running")
	inputFlags(f, &o.Inputs)
	return cmd
}

func (a *app) listChecks() error {
	type row struct {
		ID       string           `json:"id"`
		Severity whittle.Severity `json:"severity"`
		Title    string           `json:"title"`
	}
	var rows []row
	for _, c := range audit.Checks() {
		rows = append(rows, row{c.ID, c.Severity, c.Title})
	}
	return a.show(rows, func(w io.Writer, _ report.Style) error {
		for _, r := range rows {
			if _, err := fmt.Fprintf(w, "%-24s %-8s %s\n", r.ID, r.Severity, r.Title); err != nil {
				return err
			}
		}
		return nil
	})
}

// checkProject checks a folder; asked says that an option was given that needs
// an image.
func (a *app) checkProject(cmd *cobra.Command, dir string, asked bool) error {
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
	return a.showCheck(c)
}

func (a *app) showCheck(c *whittle.Check) error {
	if err := a.show(c, func(w io.Writer, st report.Style) error { return report.CheckText(w, c, st) }); err != nil {
		return err
	}
	if c.Verdict == whittle.Fails || len(c.Disagreements) > 0 {
		return errNo
	}
	return nil
}

// isProject says whether a name is a folder that is not an OCI layout.
func isProject(name string) bool {
	info, err := os.Stat(name)
	if err != nil || !info.IsDir() {
		return false
	}
	_, err = os.Stat(filepath.Join(name, "oci-layout"))
	return err != nil
}
