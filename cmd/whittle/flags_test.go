package main

import (
	"bytes"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// jargon are words of Go, gRPC, the system's calls and libraries that no message
// has.
var jargon = regexp.MustCompile(`strconv|!!|desc =|rpc error|errno|\[\]string|parse error|bare "|syscall|<nil>|\bEOF\b|(^|[^-\w])(open|stat|lstat|exec|dial|openat) [/."\w]|%!`)

// call runs whittle and gives its exit code and what it says.
func call(t *testing.T, args ...string) (code int, said string) {
	t.Helper()
	var out, err bytes.Buffer
	code = run(args, stdio{strings.NewReader(""), &out, &err})
	return code, err.String()
}

// commands are all commands that do something.
func commands(cmd *cobra.Command) (out []*cobra.Command) {
	for _, c := range cmd.Commands() {
		if c.Name() == "help" || c.Name() == "completion" {
			continue
		}
		if c.Runnable() {
			out = append(out, c)
		}
		out = append(out, commands(c)...)
	}
	return out
}

// wrongValues are wrong for flags of a type.
func wrongValues(f *pflag.Flag) []string {
	switch f.Value.Type() {
	case "bool":
		return []string{"maybe", "2", "yes please"}
	case "int", "count":
		return []string{"ten", "-3", "1.5", "1e3", "99999999999999999999", "0x10", "1 2"}
	case "duration":
		return []string{"30", "soon", "-1s", "10 parsecs"}
	case "size":
		return []string{"4x", "-1GB", "8 elephants", "1MB"}
	case "time":
		return []string{"yesterday", "2026-13-01", "-3d", "3", "d", "99999d", "10 parsecs"}
	case "rate":
		return []string{"4x", "-1Mbit/s", "100Mbit", "100M/s", "1bit/s"}
	case "bytes":
		return []string{"4x", "-1", "8 elephants", "x"}
	case "format=file":
		return []string{"sarif", "htlm=x", "json=", "=x", "x.json", "json=-"}
	case "dest":
		return []string{"small", "json=", "=x", "json=-"}
	case "percent":
		return []string{"1", "-1%", "101%", "NaN%", "one%", "%"}
	case "strings":
		return []string{",", "a,,b", " ", "a,"}
	}
	return nil
}

// TestWrongValues gives each flag of each command wrong values. The message names
// the flag, the value and what is allowed, before anything is read: there is no
// such image or folder.
func TestWrongValues(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	t.Setenv("XDG_STATE_HOME", t.TempDir())
	nowhere := filepath.Join(t.TempDir(), "nowhere")
	special := map[string][]string{
		"platform": {"lunix", "a/b/c/d", "linux/", "/"}, "engine": {"foo", "tcp://", "tcp://host", "http://x:1", "unix://", "docker-container://"}, "engine-network": {"hots", "OWN"},
		"color": {"yes", "allways"}, "by": {"pakage", "x"}, "risk": {"odd", "hihg"}, "objective": {"redy"}, "strategy": {"two-stages"}, "without": {"[[", "a//b", "a/**/b", ".."},
		"only": {"python-test"}, "listen": {"0.0.0.0:80", ":8080", "8080", "example.org:80", "127.0.0.1:http"},
	}
	tried := 0
	for _, cmd := range commands((&app{}).command()) {
		words := strings.Fields(cmd.CommandPath())[1:]
		cmd.InheritedFlags() // merges them
		cmd.Flags().VisitAll(func(f *pflag.Flag) {
			if f.Name == "help" || f.Name == "version" {
				return
			}
			values := append(wrongValues(f), special[f.Name]...)
			if f.Value.Type() == "string" || f.Value.Type() == "stringArray" || f.Value.Type() == "strings" {
				values = append(values, "")
			}
			if len(values) == 0 {
				t.Errorf("%s: what is wrong for --%s (%s)?", cmd.CommandPath(), f.Name, f.Value.Type())
			}
			for _, value := range values {
				tried++
				args := append(slices.Clone(words), "--"+f.Name+"="+value)
				args = append(args, arguments(cmd, nowhere)...)
				args = append(args, companions(cmd, f.Name)...)
				code, said := call(t, args...)
				first, _, _ := strings.Cut(said, "\n")
				if code != exitUsage || !strings.Contains(said, "--"+f.Name) && !strings.Contains(said, strings.ReplaceAll(f.Name, "-", " ")) && f.Name != "only" && f.Name != "without" || !strings.Contains(first, value) || !strings.Contains(said, "hint: ") || jargon.MatchString(said) {
					t.Errorf("whittle %s: %d\n%s", strings.Join(args, " "), code, said)
				}
				if strings.Contains(said, "reading") || strings.Contains(said, nowhere) && f.Name != "only" {
					t.Errorf("whittle %s reads first:\n%s", strings.Join(args, " "), said)
				}
			}
		})
	}
	if tried < 500 {
		t.Errorf("%d values tried", tried)
	}
}

// arguments are as many as a command wants.
func arguments(cmd *cobra.Command, name string) []string {
	switch {
	case strings.Contains(cmd.Use, "A B"), strings.Contains(cmd.Use, "FROM TO"):
		return []string{name, name + "2"}
	case strings.Contains(cmd.Use, "IMAGE"), strings.Contains(cmd.Use, "DIR"), strings.Contains(cmd.Use, "PACKAGE"):
		return []string{name}
	}
	return nil
}

// companions are the options without which another one has no effect.
func companions(cmd *cobra.Command, flag string) []string {
	switch {
	case cmd.Name() == "lab" && flag == "risk":
		return []string{"--fix"}
	case cmd.Name() == "simulate" && flag != "without":
		return []string{"--without=x"}
	}
	return nil
}

// TestUnknownFlags: a mistyped flag gets the nearest one, another tool's flag
// what to type instead, and another command's flag which that is.
func TestUnknownFlags(t *testing.T) {
	root := (&app{}).command()
	for _, cmd := range commands(root) {
		words := strings.Fields(cmd.CommandPath())[1:]
		cmd.InheritedFlags()
		cmd.Flags().VisitAll(func(f *pflag.Flag) {
			if len(f.Name) < 6 || f.Hidden {
				return
			}
			typo := f.Name[:2] + f.Name[3:] // a letter is missing
			if cmd.Flags().Lookup(typo) != nil || elsewhere[typo] != "" {
				return
			}
			if code, said := call(t, append(slices.Clone(words), "--"+typo)...); code != exitUsage || !strings.Contains(said, "has no flag --"+typo) || !strings.Contains(said, "did you mean --") {
				t.Errorf("%s --%s: %d %s", cmd.CommandPath(), typo, code, said)
			}
		})
		for name := range elsewhere {
			if cmd.Flags().Lookup(name) != nil || len(name) == 1 && cmd.Flags().ShorthandLookup(name) != nil {
				continue
			}
			code, said := call(t, append(slices.Clone(words), strings.Repeat("-", min(2, len(name)))+name)...)
			if code != exitUsage || !strings.Contains(said, "has no flag") || !strings.Contains(said, "hint: ") || jargon.MatchString(said) {
				t.Errorf("%s %s: %d %s", cmd.CommandPath(), name, code, said)
			}
			_, hint, _ := strings.Cut(said, "hint: ")
			if flag := wordWith(hint, "--"); strings.Contains(hint, "did you mean --") && cmd.Flags().Lookup(flag) == nil {
				t.Errorf("%s has no --%s: %s", cmd.CommandPath(), flag, said)
			}
		}
	}
	for args, want := range map[string]string{
		"inspect --verify x": "it is a flag of fix", "inspect --write x": "it is a flag of lab, fix|it is a flag of fix, lab", "lab --rows 3": "it is a flag of compare, fleet, history, inspect",
		"inspect --rows": "--rows wants a value", "inspect --=3 x": "is no flag", "cache cler": `did you mean "clear"`,
	} {
		if code, said := call(t, strings.Fields(args)...); code != exitUsage || !regexp.MustCompile(want).MatchString(said) {
			t.Errorf("%s: %d %s", args, code, said)
		}
	}
}

// TestWrongArguments: too many, too few and none, of each command, with what it
// takes.
func TestWrongArguments(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	t.Setenv("XDG_STATE_HOME", t.TempDir())
	for _, cmd := range commands((&app{}).command()) {
		words := strings.Fields(cmd.CommandPath())[1:]
		need := len(arguments(cmd, ""))
		for _, n := range []int{0, 1, 2, 4} {
			if n == need || cmd.Name() == "compare" && n >= 2 || n == 0 && slices.Contains([]string{"lab", "fix", "forecast", "blame", "bisect"}, cmd.Name()) || cmd.Annotations["arguments"] == "any" {
				continue
			}
			args := slices.Clone(words)
			for range n {
				args = append(args, "./no-such-thing.tar")
			}
			if cmd.Name() == "simulate" {
				args = append(args, "--without=x")
			}
			code, said := call(t, args...)
			if code != exitUsage || !strings.Contains(said, cmd.Name()) || !strings.Contains(said, "hint: ") || jargon.MatchString(said) || strings.Contains(said, "arg(s)") {
				t.Errorf("whittle %s: %d %s", strings.Join(args, " "), code, said)
			}
		}
	}
}

// TestIdleOptions: an option that has no effect is refused or noted.
func TestIdleOptions(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	for _, args := range []string{
		"inspect --engine tcp://h:1 ./x.tar", "inspect --build-memory 4GB ./x.tar", "compare --engine-keep 4GB ./x.tar ./y.tar", "simulate --build-pids 100 --without x ./x.tar",
		"inspect --no-package-index ./x.tar", "check --engine tcp://h:1 ./x.tar", "check --list --max-entries 3", "advise --rules --cache-dir /nowhere", "cache --platform linux/arm64",
		"engine --no-package-index --engine tcp://127.0.0.1:1", "inspect --json --rows 3 ./x.tar", "inspect --json --color never ./x.tar", "advise --json --all ./x.tar", "cache clear --json",
		"check --list --run", "check --list ./x.tar", "advise --rules ./x.tar", "advise --rules --only docs", "lab --force", "lab --fix --force", "fix --force",
		"advise --variant a ./x.tar", "check --patience 3s ./x.tar", "inspect --target a ./x.tar",
	} {
		code, said := call(t, strings.Fields(args)...)
		if !strings.Contains(said, "does nothing here") && !strings.Contains(said, "takes no image") && !strings.Contains(said, "go with --fix") && !strings.Contains(said, "--target is a stage") {
			t.Errorf("whittle %s: %d %s", args, code, said)
		}
	}
	for _, args := range []string{"inspect --max-entries 3 ./x.tar", "check --run --engine tcp://127.0.0.1:1 ./x.tar", "check --list --json", "cache --json"} {
		if _, said := call(t, strings.Fields(args)...); strings.Contains(said, "does nothing here") {
			t.Errorf("whittle %s: %s", args, said)
		}
	}
}
