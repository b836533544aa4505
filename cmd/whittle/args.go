package main

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/host"
	"whittle.dev/whittle/internal/lab"
)

// usage is an error of the command line, with what to write instead.
func usage(hint, format string, args ...any) error {
	return whittle.WithHint(whittle.ErrUsage.Errorf(format, args...), hint)
}

// otherNames are what other tools call whittle's commands.
var otherNames = map[string]string{
	"lint": "advise", "analyze": "inspect", "analyse": "inspect", "ls": "inspect", "size": "inspect", "du": "inspect", "dive": "inspect",
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

// flagError is an error of a flag, with the nearest one where it is unknown.
func flagError(cmd *cobra.Command, err error) error {
	help := "see " + cmd.CommandPath() + " --help"
	var unknown *pflag.NotExistError
	var invalid *pflag.InvalidValueError
	var syntax *strconv.NumError
	switch {
	case errors.As(err, &unknown):
	case errors.As(err, &invalid) && errors.As(err, &syntax):
		wanted := "a number is wanted"
		if invalid.GetFlag().Value.Type() == "bool" {
			wanted = "true or false is wanted"
		}
		return usage(help, "invalid argument %q for \"--%s\" flag: %s", invalid.GetValue(), invalid.GetFlag().Name, wanted)
	default:
		return whittle.WithHint(whittle.ErrUsage.Of(err), help)
	}
	var names []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
	hint := help
	name := unknown.GetSpecifiedName()
	switch near := whittle.Nearest(name, names); {
	case name == "format" || name == "output":
		hint = "did you mean --json?"
	case name == "no-color" || name == "color":
		hint = "output that is no terminal has no colors, nor has any with NO_COLOR=1"
	case near != "" && len(name) > 1:
		hint = "did you mean --" + near + "?"
	}
	return usage(hint, "%s has no flag %s", cmd.CommandPath(), strings.Repeat("-", min(len(name), 2))+name)
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

// none wants no arguments.
func none(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return usage("see "+cmd.CommandPath()+" --help", "%s takes no arguments: %q", cmd.Name(), args[0])
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

// count is a number of rows, 0 or more.
type count int

func (c *count) String() string { return strconv.Itoa(int(*c)) }
func (c *count) Type() string   { return "int" }

func (c *count) Set(s string) error {
	n, err := strconv.Atoi(s)
	if err != nil || n < 0 {
		return errors.New("a number from 0 up is wanted")
	}
	*c = count(n)
	return nil
}

// bound is a limit, a number from 0 up. 0 is the default.
type bound[T int | int64] struct{ n *T }

func (b bound[T]) String() string {
	if b.n == nil {
		return "0"
	}
	return fmt.Sprint(*b.n)
}

func (b bound[T]) Type() string { return "int" }

func (b bound[T]) Set(s string) error {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 0 || int64(T(n)) != n {
		return errors.New("a number from 0 up is wanted")
	}
	*b.n = T(n)
	return nil
}

// size is a number of bytes with a unit, as 8GB, 512MiB or 1000000.
type size struct {
	n    *int64
	none bool // "none" may be given
}

func (s size) String() string {
	if s.n == nil || *s.n == 0 {
		return ""
	}
	return whittle.Bytes(*s.n)
}

func (s size) Type() string { return "size" }

func (s size) Set(text string) error {
	if s.none && text == "none" {
		*s.n = host.NoLimit
		return nil
	}
	n, err := whittle.ParseBytes(text)
	if err != nil {
		return err
	}
	if n < minSize {
		return fmt.Errorf("it is less than %s", whittle.Bytes(minSize))
	}
	*s.n = n
	return nil
}

// minSize is the least that a container or a cache can do with, in bytes.
const minSize = 10_000_000

// processes is a number of processes, or none.
type processes struct{ n *int64 }

func (p processes) String() string {
	if p.n == nil || *p.n == 0 {
		return ""
	}
	return fmt.Sprint(*p.n)
}

func (p processes) Type() string { return "int" }

func (p processes) Set(s string) error {
	if s == "none" {
		*p.n = host.NoLimit
		return nil
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 10 {
		return errors.New("a number from 10 up is wanted, or none")
	}
	*p.n = n
	return nil
}

// timeLimit is a time of a second or more, or none.
type timeLimit struct{ d *time.Duration }

func (t timeLimit) String() string {
	if t.d == nil || *t.d == 0 {
		return ""
	}
	return t.d.String()
}

func (t timeLimit) Type() string { return "duration" }

func (t timeLimit) Set(s string) error {
	if s == "none" {
		*t.d = host.NoLimit
		return nil
	}
	d, err := time.ParseDuration(s)
	if err != nil || d < time.Second {
		return errors.New("a time of at least 1s is wanted, such as 30m or 2h, or none")
	}
	*t.d = d
	return nil
}

// choice is one of several words, or none.
type choice struct {
	word  *string
	among []string
}

func (c choice) String() string {
	if c.word == nil {
		return ""
	}
	return *c.word
}

func (c choice) Type() string { return "string" }

func (c choice) Set(s string) error {
	if !slices.Contains(c.among, s) {
		text := "it is none of " + strings.Join(c.among, ", ")
		if near := whittle.Nearest(s, c.among); near != "" {
			text += fmt.Sprintf("; did you mean %q?", near)
		}
		return errors.New(text)
	}
	*c.word = s
	return nil
}

// platformValue is a platform, which is read before anything else.
type platformValue struct{ platform **whittle.Platform }

func (p platformValue) String() string {
	if p.platform == nil || *p.platform == nil {
		return ""
	}
	return (*p.platform).String()
}

func (p platformValue) Type() string { return "string" }

func (p platformValue) Set(s string) error {
	v, err := whittle.ParsePlatform(s)
	if err != nil {
		return fmt.Errorf("it is not os/architecture[/variant], such as linux/amd64")
	}
	*p.platform = &v
	return nil
}
