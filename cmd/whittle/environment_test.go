package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"whittle.dev/whittle/internal/commandline"
)

// TestVariablesOfOptions: each option of each command is set by its variable. A wrong
// value is an error that names the variable, before anything is read; with the option
// on the command line, the variable is not looked at.
func TestVariablesOfOptions(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	nowhere := filepath.Join(t.TempDir(), "nowhere")
	special := map[string]string{"platform": "lunix", "engine": "foo", "engine-network": "hots", "color": "yes", "by": "pakage", "format": "pdf", "output": "pdf=x", "only": ",", "variant": ","}
	tried := 0
	for _, cmd := range commands((&app{}).command()) {
		words := strings.Fields(cmd.CommandPath())[1:]
		if cmd.Args == nil || words[0] == "completion" || words[0] == "help" {
			continue
		}
		cmd.InheritedFlags() // merges them
		cmd.Flags().VisitAll(func(f *pflag.Flag) {
			value := special[f.Name]
			if values := wrongValues(f); value == "" && len(values) > 0 && values[0] != "" {
				value = values[0]
			}
			if !commandline.Settable(f) || value == "" {
				return
			}
			tried++
			variable := commandline.VariableOf(f.Name)
			t.Setenv(variable, value)
			defer os.Unsetenv(variable)
			code, said := call(t, append(slices.Clone(words), arguments(cmd, nowhere)...)...)
			if code != exitUsage || !strings.Contains(said, fmt.Sprintf("$%s is %q", variable, value)) || strings.Contains(said, nowhere) {
				t.Errorf("%s=%s whittle %s: %d\n%s", variable, value, words, code, said)
			}
		})
	}
	if tried < 100 {
		t.Errorf("%d variables tried", tried)
	}
}

// TestVariables: what counts if an option is set in two ways.
func TestVariables(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	for _, c := range []struct {
		env  []string
		args string
		says string // a pattern of the output
		not  string // and what is not in it
	}{
		{[]string{"WHITTLE_JSON=true"}, "version", `"schema"`, "note"},
		{[]string{"WHITTLE_JSON=1"}, "version --json=false", `^whittle `, "schema"},
		{[]string{"WHITTLE_JSON="}, "version", `^whittle `, "schema"},
		{[]string{"WHITTLE_JSON=yes"}, "version", `\$WHITTLE_JSON is "yes": true or false is wanted`, "strconv"},
		{[]string{"WHITTLE_COLOR=pink"}, "version --color never", `^whittle `, "pink"},
		{[]string{"WHITTLE_CACHEDIR=/x"}, "version", `note: \$WHITTLE_CACHEDIR does nothing: did you mean \$WHITTLE_CACHE_DIR\?`, ""},
		{[]string{"WHITTLE_NOTHING_LIKE_IT=/x"}, "version", `note: \$WHITTLE_NOTHING_LIKE_IT does nothing: whittle help environment lists`, ""},
		{[]string{"WHITTLE_TEST_X=1", "WHITTLE_HEALTH=1", "WHITTLE_BUILDKITD=x", "WHITTLE_ALLOW=env=A", "WHITTLE_ENGINE_NETWORK=host", "WHITTLED=1", "NOT_WHITTLE_X=1"}, "version", `^whittle `, "note"},
		{[]string{"WHITTLE_ROWS=3"}, "version", `^whittle `, "note"},
		{[]string{"WHITTLE_LIST=true"}, "check", `missing-module`, "no image"},
		{[]string{"WHITTLE_FORMAT=md"}, "check --list --json", `"id"`, "contradict"},
	} {
		t.Run(strings.Join(c.env, " ")+" "+c.args, func(t *testing.T) {
			for _, v := range c.env {
				name, value, _ := strings.Cut(v, "=")
				t.Setenv(name, value)
			}
			var out bytes.Buffer
			run(strings.Fields(c.args), stdio{nil, &out, &out})
			if !regexp.MustCompile(`(?m)`+c.says).MatchString(out.String()) || c.not != "" && strings.Contains(out.String(), c.not) {
				t.Errorf("%s", out.String())
			}
		})
	}
}

// TestRepeatedVariables: each line of a variable is one value of an option that may be
// repeated, or what is between commas where the option has them.
func TestRepeatedVariables(t *testing.T) {
	t.Setenv("WHITTLE_SECRET", "id=a,env=A\nid=b,src=b\n")
	t.Setenv("WHITTLE_VARIANT", "one,two\nthree")
	root := (&app{}).command()
	lab, _, err := root.Find([]string{"lab"})
	if err != nil {
		t.Fatal(err)
	}
	lab.InheritedFlags()
	if err := commandline.SetByEnvironment(lab); err != nil {
		t.Fatal(err)
	}
	if got := sliceOf(lab.Flags().Lookup("secret")); !slices.Equal(got, []string{"id=a,env=A", "id=b,src=b"}) {
		t.Errorf("%q", got)
	}
	if got := lab.Flags().Lookup("variant").Value.String(); got != "one,two,three" {
		t.Error(got)
	}
}

// TestVariablesAreKnown: what whittle's tests and scripts read is not taken for a
// mistake, and nothing else is excused.
func TestVariablesAreKnown(t *testing.T) {
	out, err := exec.Command("git", "-C", root(t), "ls-files").Output()
	if err != nil {
		t.Skip("not in a git repository: ", err)
	}
	known, used := commandline.KnownVariables((&app{}).command()), map[string]bool{}
	name := regexp.MustCompile(`\bWHITTLE_[A-Z0-9_]*[A-Z0-9]\b`)
	for file := range strings.Lines(string(out)) {
		file = strings.TrimSpace(file)
		if strings.HasPrefix(filepath.Base(file), "environment") || strings.HasPrefix(file, "docs/") || strings.HasSuffix(file, ".txtar") || strings.HasSuffix(file, ".md") {
			continue
		}
		b, err := os.ReadFile(filepath.Join(root(t), file))
		if err != nil {
			continue
		}
		for _, v := range name.FindAllString(string(b), -1) {
			rest := strings.TrimPrefix(v, commandline.VariablePrefix)
			used[rest] = true
			if !slices.Contains(known, v) && !slices.Contains(commandline.TestVariables, rest) && !strings.HasPrefix(v, commandline.TestPrefix) {
				t.Errorf("%s reads $%s, which whittle takes for a mistake: name it in TestVariables, or WHITTLE_TEST_…", file, v)
			}
		}
	}
	for _, v := range commandline.TestVariables {
		if !used[v] {
			t.Errorf("nothing reads $WHITTLE_%s", v)
		}
		if slices.Contains(known, commandline.VariablePrefix+v) {
			t.Errorf("$WHITTLE_%s is that of an option", v)
		}
	}
}

// TestOptionsPage: docs/reference/options.md is what the options say of themselves.
func TestOptionsPage(t *testing.T) {
	var b strings.Builder
	b.WriteString(`# Options and variables

<!-- Made from the options by: go test ./cmd/whittle -run TestOptionsPage -update -->

Each option can be set by a variable of the environment: ` + "`WHITTLE_` and the option's name in capitals, with `_` for `-`" + `.

- An option on the command line counts more than its variable, and the variable more than whittle.yaml. Of ` + "`--json` and `--format`" + `, one on the command
  line switches the variables of both off.
- An empty variable counts as none. Options without a value take ` + "`true` or `false`" + `.
- Of an option that may be given several times, each line of the variable is one.
- A wrong value is an error that names the variable (exit code 2). A variable that begins with ` + "`WHITTLE_`" + ` and is none of these is a note, with the one
  that was meant.
- A command ignores the variables of options that it does not have.

## Every command

`)
	table := func(set func(*cobra.Command) *pflag.FlagSet, cmd *cobra.Command) {
		b.WriteString("| option | variable | |\n|---|---|---|\n")
		set(cmd).VisitAll(func(f *pflag.Flag) {
			if f.Hidden || f.Name == "help" || f.Name == "version" {
				return
			}
			option := "--" + f.Name
			if f.Shorthand != "" {
				option = "-" + f.Shorthand + ", " + option
			}
			if kind, _ := pflag.UnquoteUsage(f); kind != "" {
				option += " " + strings.ToUpper(kind)
			}
			variable := "`" + commandline.VariableOf(f.Name) + "`"
			about := strings.NewReplacer("|", `\|`, "<", `\<`).Replace(f.Usage)
			fmt.Fprintf(&b, "| `%s` | %s | %s |\n", option, variable, about)
		})
	}
	top := (&app{}).command()
	table((*cobra.Command).PersistentFlags, top)
	for _, cmd := range top.Commands() {
		if cmd.Hidden || !cmd.Runnable() || cmd.Name() == "completion" || cmd.Name() == "help" || !cmd.LocalNonPersistentFlags().HasAvailableFlags() {
			continue
		}
		has := false
		cmd.LocalNonPersistentFlags().VisitAll(func(f *pflag.Flag) { has = has || f.Name != "help" })
		if !has {
			continue
		}
		fmt.Fprintf(&b, "\n## whittle %s\n\n", cmd.Name())
		table((*cobra.Command).LocalNonPersistentFlags, cmd)
	}
	b.WriteString("\n## Other variables\n\n| variable | |\n|---|---|\n")
	for _, v := range slices.Concat(commandline.OwnVariables, commandline.OtherVariables) {
		fmt.Fprintf(&b, "| `%s` | %s |\n", v.Name, v.About)
	}
	file := filepath.Join(root(t), "docs", "reference", "options.md")
	if *update {
		if err := os.WriteFile(file, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := os.ReadFile(file); err != nil || string(got) != b.String() {
		t.Errorf("%s is not what the options say: go test ./cmd/whittle -run TestOptionsPage -update (%v)", file, err)
	}
}
