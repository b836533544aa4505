package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/audit"
	"whittle.dev/whittle/internal/lab"
	"whittle.dev/whittle/internal/report"
)

func (a *app) adviseCommand() *cobra.Command {
	var o audit.AdviseOptions
	var study lab.StudyOptions
	var file, target string
	var verbose, rules bool
	cmd := &cobra.Command{
		Use:   "advise IMAGE|DIR",
		Short: "Say what could be smaller, or breaks, and what each change would save",
		Long: `advise says what could be smaller in an image, or keeps it from running. Its
rules look at the image together with the Dockerfile and project that made it.
Each finding has its evidence, what the change would save and the risk. If an
edit is safe, it has a fix, which whittle fix makes.

A saving is the difference that a rebuild would make, exact to the byte for
changes of files. Findings overlap, so savings do not add up; advise also gives
the total.

For a project's folder, advise looks at every variant, and first builds those
of which there is no finished image in DIR/.whittle.`,
		Args: func(_ *cobra.Command, args []string) error {
			if rules && len(args) == 0 || len(args) == 1 {
				return nil
			}
			return usage("such as whittle advise python:3.13, or whittle advise . for a project", "advise takes one image or project, and not %d", len(args))
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if rules {
				return a.listRules()
			}
			env, err := a.env()
			if err != nil {
				return err
			}
			if isProject(args[0]) {
				if err := unused(cmd, args[0]+" is a project, whose variants name their Dockerfiles", "file", "target", "project"); err != nil {
					return err
				}
				study.Dir = args[0]
				all, err := lab.AdviseProject(cmd.Context(), env, study, o.Only)
				if err != nil {
					return err
				}
				return a.show(all, func(w io.Writer, st report.Style) error {
					st.Verbose = verbose
					return each(w, all, func(advice *whittle.Advice) error { return report.AdviceText(w, advice, st) })
				})
			}
			if err := unused(cmd, args[0]+" is an image, and nothing is built", "variant", "image", "offline", "secret", "ssh", "env", "env-file", "cache-from", "cache-to", "allow"); err != nil {
				return err
			}
			if o.InspectOptions, err = dockerfileOption(file, target); err != nil {
				return err
			}
			if err := inProject(&o); err != nil {
				return err
			}
			advice, err := audit.Advise(cmd.Context(), env, args[0], o)
			if err != nil {
				return err
			}
			return a.show(advice, func(w io.Writer, st report.Style) error {
				st.Verbose = verbose
				return report.AdviceText(w, advice, st)
			})
		},
	}
	f := cmd.Flags()
	f.StringVarP(&file, "file", "f", "", "the Dockerfile that made the image")
	f.StringVar(&target, "target", "", "the stage of the Dockerfile that was built")
	f.StringVar(&o.Project, "project", "", "the folder of the project that made the image (default: this folder, if it has a project)")
	f.StringSliceVar(&o.Only, "only", nil, "use only these rules (repeatable)")
	f.StringSliceVar(&study.Only, "variant", nil, "for a project: only these variants (repeatable)")
	f.StringArrayVar(&study.Images, "image", nil, "an image that stands in for a build, such as the one that CI made: VARIANT=IMAGE, or IMAGE for the only variant (repeatable)")
	f.BoolVar(&study.Offline, "offline", false, "never ask a registry for the frontend of a # syntax= line")
	inputFlags(f, &study.Inputs)
	f.BoolVar(&verbose, "all", false, "show all places of each finding")
	f.BoolVar(&rules, "rules", false, "list the rules")
	return cmd
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

// inProject takes this folder for the project where it is one, and names the
// Dockerfile as the project does.
func inProject(o *audit.AdviseOptions) error {
	if o.Project == "" && isProject(".") {
		o.Project = "."
	}
	if info, err := os.Stat(o.Project); o.Project != "" && (err != nil || !info.IsDir()) {
		return whittle.ErrUsage.Errorf("project %s: no such folder", o.Project)
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
	type row struct {
		ID    string `json:"id"`
		Title string `json:"title"`
	}
	var rows []row
	for _, r := range audit.Rules() {
		rows = append(rows, row{r.ID, r.Title})
	}
	return a.show(rows, func(w io.Writer, _ report.Style) error {
		for _, r := range rows {
			if _, err := fmt.Fprintf(w, "%-28s %s\n", r.ID, r.Title); err != nil {
				return err
			}
		}
		return nil
	})
}
