package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/commandline"
	"whittle.dev/whittle/internal/output"
)

// Options that every command has, by what they have an effect on.
var (
	ofReading  = []string{"platform", "no-index-cache", "verify-digests", "max-entries", "max-size", "max-unpacked", "max-name", "max-memory", "max-ratio"}
	ofBuilding = []string{"engine", "engine-network", "build-memory", "build-pids", "build-timeout", "engine-keep"}
	ofAsking   = []string{"no-package-index"}
	ofCache    = []string{"cache-dir"}
	ofResults  = []string{"json", "color"}
)

// idle is a reason why options have no effect.
type idle struct {
	flags []string
	why   string
}

// idleOptions are the options of every command that have no effect on this one.
// What is not named here may have one.
func idleOptions(cmd *cobra.Command, args []string) []idle {
	is := func(flag string) bool {
		f := cmd.Flags().Lookup(flag)
		return f != nil && f.Changed && f.Value.String() == "true"
	}
	name := strings.TrimPrefix(cmd.CommandPath(), cmd.Root().Name()+" ")
	project := len(args) == 1 && isProject(args[0])
	switch {
	case name == "check" && is("list"), name == "advise" && is("rules"):
		return []idle{{slices.Concat(ofReading, ofBuilding, ofAsking, ofCache), "a list is printed"}}
	case name == "check" && project:
		return []idle{{slices.Concat(ofReading, ofBuilding), args[0] + " is a project, and no image is read"}}
	case name == "check" && !is("run"):
		return []idle{{ofBuilding, "nothing is run without --run"}}
	case name == "advise" && !project:
		return []idle{{ofBuilding, "nothing is built"}}
	case name == "squeeze" && (is("run") || is("traced")):
		return []idle{{ofAsking, "no package index is asked"}}
	case slices.Contains([]string{"inspect", "compare", "simulate", "explore", "squeeze", "verify"}, name):
		return []idle{{ofBuilding, "nothing is built"}, {ofAsking, "no package index is asked"}}
	case name == "trace":
		return []idle{{ofAsking, "no package index is asked"}}
	case name == "cache", name == "limits":
		return []idle{{slices.Concat(ofReading, ofBuilding, ofAsking), "no image is read"}}
	case name == "cache clear":
		return []idle{{slices.Concat(ofReading, ofBuilding, ofAsking), "no image is read"}, {ofResults, "there is no result"}}
	case name == "version":
		return []idle{{slices.Concat(ofReading, ofBuilding, ofAsking, ofCache), "no image is read"}}
	case name == "engine":
		return []idle{{slices.Concat(ofReading, ofAsking), "no image is read"}}
	}
	return nil
}

// checkOptions looks at all options before anything is read: those that are
// empty are refused, and what has no effect is noted.
func (a *app) checkOptions(cmd *cobra.Command, args []string) error {
	for _, note := range commandline.UnknownVariables(cmd.Root()) {
		a.printer.Note(note)
	}
	if f := cmd.Flags().Lookup("builtin-frontend"); a.offline && f != nil {
		_ = f.Value.Set("true") // a boolean takes it
	}
	var empty error
	cmd.Flags().Visit(func(f *pflag.Flag) {
		if f.Value.Type() == "string" && f.Value.String() == "" || slices.Contains(sliceOf(f), "") {
			empty = usage("leave it out, or see "+cmd.CommandPath()+" --help", "--%s is empty: %s", f.Name, f.Usage)
		}
	})
	if empty != nil {
		return empty
	}
	idles := idleOptions(cmd, args)
	if a.printer.JSON {
		idles = append(idles, idle{output.TextOnly(cmd), "JSON has everything, and no colours"})
	}
	for _, i := range idles {
		for _, name := range i.flags {
			if cmd.Flags().Changed(name) {
				a.printer.Note(fmt.Sprintf("--%s does nothing here: %s", name, i.why))
			}
		}
	}
	return a.profile.begin()
}

// sliceOf are the values of a flag that is given several times.
func sliceOf(f *pflag.Flag) []string {
	if s, ok := f.Value.(pflag.SliceValue); ok {
		return s.GetSlice()
	}
	return nil
}

// noLists refuses an image, and other options, beside an option that prints a list.
func noLists(cmd *cobra.Command, args []string, list string) error {
	if len(args) > 0 {
		return usage("leave one of them out", "%s --%s takes no image: %q", cmd.Name(), list, args[0])
	}
	var other error
	cmd.LocalFlags().VisitAll(func(f *pflag.Flag) {
		if f.Changed && f.Name != list && other == nil {
			other = unused(cmd, "--"+list+" prints a list", f.Name)
		}
	})
	return other
}

// elsewhere is what to type instead of flags that other tools have.
var elsewhere = map[string]string{
	"format": "did you mean --json?", "output": "did you mean --json? results go to standard output: > FILE", "o": "results go to standard output: > FILE",
	"no-color": "did you mean --color=never?", "no-colour": "did you mean --color=never?", "colour": "did you mean --color?",
	"verbose": "--json prints all that is known", "debug": "--json prints all that is known", "v": "--json prints all that is known; --version says which whittle it is", "vv": "--json prints all that is known",
	"C": "name the folder behind the command: whittle lab FOLDER", "directory": "name the folder behind the command: whittle lab FOLDER", "chdir": "name the folder behind the command: whittle lab FOLDER",
	"dockerfile": "did you mean --file?", "no-cache": "did you mean --no-index-cache?", "timeout": "did you mean --build-timeout?", "silent": "did you mean --quiet?", "s": "did you mean --quiet?",
	"arch": "did you mean --platform?", "dry-run": "nothing is changed without --write", "n": "nothing is changed without --write", "no-progress": "did you mean --quiet?", "progress": "did you mean --quiet?",
	"rule": "did you mean --only?", "variants": "did you mean --variant?", "apply": "did you mean --write?", "run": "whittle check --run IMAGE runs it", "height": "did you mean --rows?",
	"top": "did you mean --rows?", "limit": "did you mean --rows?", "exclude": "did you mean --without?",
}

// unknownFlag is the error of a flag that a command does not have: with the one
// that was meant, or the commands that have it.
func unknownFlag(cmd *cobra.Command, name string) error {
	var own []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if !f.Hidden {
			own = append(own, f.Name)
		}
	})
	hint := "see " + cmd.CommandPath() + " --help"
	var others []string
	for _, c := range cmd.Root().Commands() {
		if f := c.Flags().Lookup(name); c != cmd && f != nil && len(name) > 1 || len(name) == 1 && c.Flags().ShorthandLookup(name) != nil {
			others = append(others, c.Name())
		}
	}
	meant, known := elsewhere[name]
	if flag := wordWith(meant, "--"); flag != "" && !slices.Contains(own, flag) {
		known = false
	}
	switch near := whittle.Nearest(name, own); {
	case known:
		hint = meant
	case len(others) > 0:
		hint = fmt.Sprintf("it is a flag of %s; %s", strings.Join(others, ", "), hint)
	case near != "" && len(name) > 1:
		hint = "did you mean --" + near + "?"
	}
	return usage(hint, "%s has no flag %s", cmd.CommandPath(), strings.Repeat("-", min(len(name), 2))+name)
}

// wordWith is the first word of a text that begins with a prefix, without it.
func wordWith(text, prefix string) string {
	for _, word := range strings.Fields(text) {
		if rest, ok := strings.CutPrefix(word, prefix); ok {
			name, _, _ := strings.Cut(strings.TrimRight(rest, "?;,"), "=")
			return name
		}
	}
	return ""
}
