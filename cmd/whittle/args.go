package main

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/audit"
	"whittle.dev/whittle/internal/dockerfile"
	"whittle.dev/whittle/internal/flagvalue"
	"whittle.dev/whittle/internal/lab"
)

// usage is an error of the command line, with what to write instead.
func usage(hint, format string, args ...any) error {
	return whittle.WithHint(whittle.ErrUsage.Errorf(format, args...), hint)
}

// otherNames are what other tools call whittle's commands.
var otherNames = map[string]string{
	"lint": "advise", "analyze": "inspect", "analyse": "inspect", "ls": "inspect", "size": "inspect", "du": "inspect", "dive": "explore", "browse": "explore", "tui": "explore",
	"diff": "compare", "run": "check --run", "test": "check --run", "scan": "check", "verify": "check", "build": "lab", "study": "lab",
	"slim": "fix", "shrink": "fix", "optimize": "fix", "optimise": "fix", "minify": "fix", "predict": "forecast", "list": "advise --rules", "rules": "advise --rules",
}

// inputFlags are what builds and runs get from outside a project.
func inputFlags(f *pflag.FlagSet, in *lab.Inputs) {
	f.StringArrayVar(&in.Secrets, "secret", nil, "a secret for builds and runs: id=NAME,src=FILE or id=NAME,env=NAME (repeatable)")
	f.StringArrayVar(&in.SSH, "ssh", nil, "an SSH agent or key for builds: default, or NAME=PATH (repeatable)")
	f.StringArrayVar(&in.Env, "env", nil, "an environment variable for runs: NAME=value, or NAME to pass on whittle's (repeatable)")
	f.StringArrayVar(&in.EnvFiles, "env-file", nil, "a file of environment variables for runs (repeatable)")
	f.StringArrayVar(&in.CacheFrom, "cache-from", nil, "a cache for builds, as buildx has it: type=local,src=FOLDER, type=registry,ref=IMAGE or type=gha (repeatable)")
	f.StringArrayVar(&in.CacheTo, "cache-to", nil, "where to put the cache of builds: type=local,dest=FOLDER, type=registry,ref=IMAGE, type=gha or type=inline (repeatable)")
	f.StringArrayVar(&in.Allow, "allow", nil, "let whittle.yaml use something outside the project: fs.read=PATH, fs.write=PATH, env=NAME, ssh or cache-to (repeatable); also $WHITTLE_ALLOW, with commas")
}

// runOptions are the options of what runs in an image.
type runOptions struct {
	*audit.RunOptions
	lines []string // of --command
}

// flags adds them. command and patience say what two of them are for.
func (o *runOptions) flags(f *pflag.FlagSet, command, patience string) {
	projectFlag(f, &o.Project)
	f.StringArrayVar(&o.lines, "command", nil, command+" (repeatable)")
	f.Var(flagvalue.Seconds(&o.Patience), "patience", patience)
	inputFlags(f, &o.Inputs)
}

// complete reads what the options say.
func (o *runOptions) complete() (err error) {
	for _, line := range o.lines {
		words, err := dockerfile.Words(line)
		if err != nil {
			return fmt.Errorf("--command: %w", err)
		}
		o.Commands = append(o.Commands, words)
	}
	o.Project, err = projectOption(o.Project)
	return err
}

// knownCommand refuses words behind the program's name that are no command.
func knownCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	var names []string
	for _, c := range cmd.Commands() {
		names = append(names, c.Name())
	}
	hint := whittle.DidYouMean(args[0], names, "see "+cmd.CommandPath()+" --help")
	if other, ok := otherNames[strings.ToLower(args[0])]; ok && cmd.Parent() == nil {
		hint = fmt.Sprintf("did you mean %q?", other)
	}
	return usage(hint, "there is no command %q", args[0])
}

// knownTopic refuses help on what is no command.
func knownTopic(help *cobra.Command, args []string) error {
	if on, _, err := help.Root().Find(args); err != nil || on == help.Root() {
		return knownCommand(help.Root(), args)
	}
	return nil
}

// flagError is an error of a flag: what is wrong with which, and what is allowed.
func flagError(cmd *cobra.Command, err error) error {
	help := "see " + cmd.CommandPath() + " --help"
	var unknown *pflag.NotExistError
	var invalid *pflag.InvalidValueError
	var missing *pflag.ValueRequiredError
	var syntax *pflag.InvalidSyntaxError
	var number *strconv.NumError
	switch {
	case errors.As(err, &unknown):
		return unknownFlag(cmd, unknown.GetSpecifiedName())
	case errors.As(err, &missing):
		return usage(help, "--%s wants a value: %s", missing.GetFlag().Name, missing.GetFlag().Usage)
	case errors.As(err, &syntax):
		return usage(help, "%s is no flag", syntax.GetSpecifiedFlag())
	case errors.As(err, &invalid) && errors.As(err, &number):
		wanted := "a number is wanted"
		if invalid.GetFlag().Value.Type() == "bool" {
			wanted = "true or false is wanted"
		}
		return usage(help, "invalid argument %q for \"--%s\" flag: %s", invalid.GetValue(), invalid.GetFlag().Name, wanted)
	case errors.As(err, &invalid):
		return usage(help, "invalid argument %q for \"--%s\" flag: %w", invalid.GetValue(), invalid.GetFlag().Name, errors.Unwrap(invalid))
	}
	return whittle.WithHint(whittle.ErrUsage.Of(err), help)
}

// oneImage wants exactly one image; several is what to do with more of them.
func oneImage(example, several string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		switch len(args) {
		case 1:
			return nil
		case 0:
			return usage("such as "+example, "%s: no image is named", cmd.Name())
		}
		return usage(several, "%s takes one image, and not %d", cmd.Name(), len(args))
	}
}

// severalImages wants two images or more.
func severalImages(cmd *cobra.Command, args []string) error {
	if len(args) >= 2 {
		return nil
	}
	return usage("such as whittle compare app:1.0 app:1.1", "%s takes two images or more, and not %d", cmd.Name(), len(args))
}

// oneFolder wants at most one folder.
func oneFolder(cmd *cobra.Command, args []string) error {
	if len(args) <= 1 {
		return nil
	}
	return usage("run it for each of them", "%s takes one folder, and not %d", cmd.Name(), len(args))
}

// none wants no arguments: of a command with others below it, one of these may
// have been meant.
func none(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	var below []string
	for _, c := range cmd.Commands() {
		below = append(below, c.Name())
	}
	hint := whittle.DidYouMean(args[0], below, "see "+cmd.CommandPath()+" --help")
	return usage(hint, "%s takes no arguments: %q", cmd.Name(), args[0])
}

// unused refuses flags that are set and would do nothing.
func unused(cmd *cobra.Command, why string, flags ...string) error {
	for _, name := range flags {
		if cmd.Flags().Changed(name) {
			return usage("leave it out", "--%s does nothing here: %s", name, why)
		}
	}
	return nil
}
