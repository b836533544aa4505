package main

import (
	"slices"
	"time"

	"github.com/spf13/cobra"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/lab"
	"whittle.dev/whittle/internal/output"
	"whittle.dev/whittle/internal/static"
)

// textMode is the mode in which a command reads Dockerfiles and needs no image; asWish
// says that --static was given.
type textMode struct{ asWish, exitZero bool }

// onText is what --static does.
const onText = "for a project: read its files only, and build nothing"

// asked says that Dockerfiles are to be read: it was said so, or every name is one of a
// Dockerfile.
func (t *textMode) asked(args []string) bool {
	return len(args) > 0 && (t.asWish || !slices.ContainsFunc(args, func(name string) bool { return !static.IsDockerfile(name) }))
}

// onlyBuilds are flags that have no effect where nothing is built and no image is read.
var onlyBuilds = []string{"file", "target", "project", "image", "trace", "builtin-frontend", "secret", "ssh", "env", "env-file", "cache-from", "cache-to", "allow"}

// advise shows what Dockerfiles show without an image.
func (t *textMode) advise(cmd *cobra.Command, args []string, o static.Options, out *output.Output[adviseResult]) error {
	idle := append(slices.Clone(onlyBuilds), "all")
	if !slices.ContainsFunc(args, isProject) {
		idle = append(idle, "variant")
	}
	if err := unused(cmd, "only Dockerfiles are read", idle...); err != nil {
		return err
	}
	o.Names, o.Today = args, time.Now()
	advice, failed := static.Advise(cmd.Context(), o)
	if advice == nil {
		return failed
	}
	if len(advice.Files) > 0 || failed == nil {
		if err := out.Write(adviseResult{text: advice}); err != nil {
			return err
		}
	}
	if failed == nil && len(advice.Findings) > 0 && !t.exitZero {
		return errNo
	}
	return failed
}

// fix shows or makes the fixes that the text of Dockerfiles proves to be safe.
func (t *textMode) fix(cmd *cobra.Command, a *app, args []string, o lab.FixOptions, out *output.Output[*whittle.Repair]) error {
	idle := append(slices.Clone(onlyBuilds), "verify", "objective", "strategy", "guard-imports", "commits", "out")
	if !o.Write {
		idle = append(idle, "force")
	}
	if err := unused(cmd, "nothing is built, and without --write nothing written", idle...); err != nil {
		return err
	}
	env, err := a.env()
	if err != nil {
		return err
	}
	r, failed := static.Fix(cmd.Context(), static.FixOptions{
		Options: static.Options{Names: args, Config: o.Config, Variants: o.Only, Only: o.Rules, Today: time.Now()},
		Risk:    o.Risk, Write: o.Write, Force: o.Force, Ask: o.Ask, Dirty: env.Dirty,
	})
	if r == nil {
		return failed
	}
	if err := out.Write(r); err != nil {
		return err
	}
	return failed
}

// inPlace is what is checked in place of what was named: of a Dockerfile the folder that
// its build gets, and of a project, with --image, an image that was built of it.
func inPlace(cmd *cobra.Command, args []string, dir *string, image string) ([]string, error) {
	if static.IsDockerfile(args[0]) {
		context, err := static.Context(cmd.Context(), args[0])
		if err != nil {
			return nil, err
		}
		args = []string{context}
	}
	if image == "" {
		return args, nil
	}
	if !isProject(args[0]) {
		return nil, unused(cmd, args[0]+" is an image itself", "image")
	}
	if err := unused(cmd, args[0]+" is the project", "project"); err != nil {
		return nil, err
	}
	*dir = args[0]
	return []string{image}, nil
}
