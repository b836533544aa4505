// Package commandline is what whittle's commands have in common with those of other
// programs: a manual, words that a shell completes, options that variables set.
package commandline

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"whittle.dev/whittle"
)

// VariablePrefix begins the names of the variables that set options.
const VariablePrefix = "WHITTLE_"

// VariableOf is the variable that sets an option: WHITTLE_CACHE_DIR for --cache-dir.
func VariableOf(flag string) string {
	return VariablePrefix + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

// Variable is one of the environment, and what it does in a few words.
type Variable struct{ Name, About string }

// OwnVariables are those that have a meaning of their own.
var OwnVariables = []Variable{
	{"WHITTLE_ALLOW", "what whittle.yaml may use outside the project, as --allow, with commas between"},
	{"WHITTLE_BUILDKITD", "the buildkitd that whittle starts, if there is no other engine"},
}

// OtherVariables are those of other tools that whittle respects.
var OtherVariables = []Variable{
	{"BUILDKIT_HOST", "BuildKit's address, as --engine"},
	{"DOCKER_HOST", "the Docker engine's address"},
	{"CONTAINER_HOST", "the Podman engine's address"},
	{"DOCKER_CONFIG", "the folder of Docker's configuration, with the credentials for registries"},
	{"XDG_CACHE_HOME", "the folder of the user's caches"},
	{"TMPDIR", "the folder of temporary files"},
	{"NO_COLOR", "no colours, as --color never"},
	{"CLICOLOR_FORCE", "colours, as --color always"},
	{"COLUMNS", "the width of tables"},
	{"GOMEMLIMIT", "how much memory whittle itself may take"},
}

// TestVariables are those of whittle's own tests and scripts, which no user's mistake
// is: what is behind WHITTLE_.
var TestVariables = strings.Fields(`ALPINE AXE BAKE DEBIAN_INDEX DIFFS DISTROLESS DOCKERFILES EDGES ELF_DIRS ENGINE_KILLS FATE FINDINGS FORECAST FORTY
	HEALTH HEALTH_IMAGES HEALTH_PROJECTS INDEXES KILLS KINDS LOAD_HELPER LONG MODEL MUTANTS PROOF PYTHON REPORTS RISKY SEED SHOW SITE STACKS STARTS_ROOT STUDIES TRUTH
	WHY`)

// TestPrefix begins further ones.
const TestPrefix = VariablePrefix + "TEST_"

// contradicting are options of which one that is on the command line switches off the
// variables of the others.
var contradicting = [][]string{{"json", "format"}}

// Settable says whether a variable sets an option.
func Settable(f *pflag.Flag) bool {
	return f.Name != "help" && f.Name != "version" && f.Name != "allow" // $WHITTLE_ALLOW is read by whom it concerns
}

// ReadEnvironment makes each command take the options that are not on its command line
// from variables, before its arguments are looked at.
func ReadEnvironment(root *cobra.Command) {
	for _, cmd := range AllCommands(root) {
		check := cmd.Args
		if check == nil || !cmd.Runnable() {
			continue
		}
		cmd.Args = func(cmd *cobra.Command, args []string) error {
			if err := SetByEnvironment(cmd); err != nil {
				return err
			}
			return check(cmd, args)
		}
	}
}

// SetByEnvironment sets the options of a command that its command line does not.
func SetByEnvironment(cmd *cobra.Command) error {
	var failed error
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		value := os.Getenv(VariableOf(f.Name))
		if failed != nil || value == "" || !Settable(f) || given(cmd, f.Name) {
			return
		}
		lines := []string{value}
		if repeatable(f) {
			lines = strings.FieldsFunc(value, func(r rune) bool { return r == '\n' })
		}
		for _, line := range lines {
			if err := f.Value.Set(line); err != nil {
				failed = variableError(f, line, err)
				return
			}
		}
	})
	return failed
}

// given says whether an option, or one that contradicts it, is on the command line.
func given(cmd *cobra.Command, flag string) bool {
	for _, group := range contradicting {
		if slices.Contains(group, flag) {
			return slices.ContainsFunc(group, cmd.Flags().Changed)
		}
	}
	return cmd.Flags().Changed(flag)
}

// repeatable says whether an option may be given several times.
func repeatable(f *pflag.Flag) bool {
	if _, ok := f.Value.(pflag.SliceValue); ok {
		return true
	}
	v, ok := f.Value.(interface{ Repeatable() bool })
	return ok && v.Repeatable()
}

func variableError(f *pflag.Flag, value string, err error) error {
	var number *strconv.NumError
	if errors.As(err, &number) && f.Value.Type() == "bool" {
		err = errors.New("true or false is wanted")
	}
	return whittle.WithHint(whittle.ErrUsage.Errorf("$%s is %q: %w", VariableOf(f.Name), value, err), "it stands for --"+f.Name+"; see whittle help environment")
}

// UnknownVariables says which variables look as if they were whittle's, and are not.
func UnknownVariables(root *cobra.Command) (notes []string) {
	known := KnownVariables(root)
	for _, v := range os.Environ() {
		name, _, _ := strings.Cut(v, "=")
		rest, ok := strings.CutPrefix(name, VariablePrefix)
		if !ok || slices.Contains(known, name) || slices.Contains(TestVariables, rest) || strings.HasPrefix(name, TestPrefix) {
			continue
		}
		near := "whittle help environment lists those that it reads"
		if n := whittle.Nearest(name, known); n != "" {
			near = "did you mean $" + n + "?"
		}
		notes = append(notes, fmt.Sprintf("$%s does nothing: %s", name, near))
	}
	return notes
}

// KnownVariables are the variables that whittle reads, sorted.
func KnownVariables(root *cobra.Command) []string {
	var known []string
	for _, v := range OwnVariables {
		known = append(known, v.Name)
	}
	for _, cmd := range AllCommands(root) {
		add := func(f *pflag.Flag) {
			if Settable(f) && cmd.Name() != "completion" && (cmd.Parent() == nil || cmd.Parent().Name() != "completion") {
				known = append(known, VariableOf(f.Name))
			}
		}
		cmd.PersistentFlags().VisitAll(add)
		cmd.LocalNonPersistentFlags().VisitAll(add)
	}
	slices.Sort(known)
	return slices.Compact(known)
}

// EnvironmentTopic is the page of "whittle help environment".
func EnvironmentTopic(root *cobra.Command) *cobra.Command {
	var b strings.Builder
	b.WriteString(`Each option can be set by a variable: WHITTLE_ and its name in capitals, with _
for -. WHITTLE_CACHE_DIR=/mnt/cache is --cache-dir /mnt/cache. An option on the
command line counts more, and a variable counts more than whittle.yaml. An empty
variable counts as none; true or false sets an option without a value. Of an
option that may be given several times, each line of a variable is one. A
variable that a command has no option for is ignored by it.

Options of every command:

`)
	root.PersistentFlags().VisitAll(func(f *pflag.Flag) {
		if !f.Hidden {
			fmt.Fprintf(&b, "  %-26s --%s\n", VariableOf(f.Name), f.Name)
		}
	})
	b.WriteString("\nOther variables:\n\n")
	for _, v := range slices.Concat(OwnVariables, OtherVariables) {
		fmt.Fprintf(&b, "  %-18s %s\n", v.Name, v.About)
	}
	return &cobra.Command{Use: "environment", Short: "The variables that set options, and others that whittle reads", Long: b.String()}
}
