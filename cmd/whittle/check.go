package main

import (
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"whittle"
	"whittle/internal/report"
	"whittle/lab"
)

func (a *app) checkCommand() *cobra.Command {
	var project string
	cmd := &cobra.Command{
		Use:   "check IMAGE",
		Short: "Say whether an image can run, without running it",
		Long: `Follows what the image starts — entry point, command, health check, console scripts of the application — to the
programs, shared libraries and Python modules that it needs. Exit code 1 says that it cannot run.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			env, err := a.env()
			if err != nil {
				return err
			}
			if project == "" {
				project = projectHere()
			}
			c, err := lab.Check(cmd.Context(), env, args[0], lab.CheckOptions{Project: project})
			if err != nil {
				return err
			}
			if err := a.show(c, func(w io.Writer, st report.Style) error { return report.CheckText(w, c, st) }); err != nil {
				return err
			}
			if c.Verdict == whittle.Fails {
				return errNo
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&project, "project", "", "the folder of the project that made the image; the working directory where it has a pyproject.toml")
	return cmd
}

// projectHere is the working directory, where it looks like a project.
func projectHere() string {
	for _, name := range []string{"pyproject.toml", "setup.cfg", "requirements.txt"} {
		if _, err := os.Stat(filepath.Join(".", name)); err == nil {
			return "."
		}
	}
	return ""
}
