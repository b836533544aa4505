package main

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/dockerfile"
	"whittle.dev/whittle/internal/report"
)

// TestNextCommands: what any screen says to type next is a command that is
// accepted as it is printed: by its words, its flags, and what fits together.
func TestNextCommands(t *testing.T) {
	var files []string
	for _, pattern := range []string{"../../internal/report/testdata/*", "testdata/*/*.txtar", "../../README.md", "../../docs/*.md", "../../docs/*/*.md"} {
		found, err := filepath.Glob(pattern)
		if err != nil || len(found) == 0 {
			t.Fatalf("%s: %d files, %v", pattern, len(found), err)
		}
		files = append(files, found...)
	}
	seen := map[string]bool{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, command := range nextCommands(string(text)) {
			if !seen[command] {
				seen[command] = true
				if said := accepted(t, command); said != "" {
					t.Errorf("%s: %s\n%s", file, command, said)
				}
			}
		}
	}
	if len(seen) < 6 {
		t.Errorf("only %d commands were found: %v", len(seen), seen)
	}
}

var colors = regexp.MustCompile("\x1b\\[[0-9;]*m")

// nextCommands are the commands of a text's lines "Next: …".
func nextCommands(text string) []string {
	var out []string
	waiting, command := 0, ""
	for line := range strings.Lines(colors.ReplaceAllString(text, "")) {
		line = strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(line, "Next: "):
			waiting = 5
		case waiting > 0 && (command != "" || strings.HasPrefix(line, "whittle ")):
			part, more := strings.CutSuffix(line, `\`)
			if command += part; !more {
				out = append(out, command)
				command, waiting = "", 0
			}
		default:
			waiting--
		}
	}
	return out
}

// accepted says why a command is refused; empty where it is not. What is about a
// project is tried in an empty folder, where the lack of a Dockerfile is the first
// thing that is wrong.
func accepted(t *testing.T, command string) string {
	t.Helper()
	words, err := dockerfile.Words(command)
	if err != nil {
		return err.Error()
	}
	args := words[1:]
	if args[0] == "fix" {
		args = append(slices.DeleteFunc(slices.Clone(args), func(a string) bool { return !strings.HasPrefix(a, "-") && strings.Contains(a, "/") }), t.TempDir(), "--quiet")
		var out, said bytes.Buffer
		if run(args, stdio{strings.NewReader(""), &out, &said}); !strings.Contains(said.String(), "has no Dockerfile") {
			return said.String()
		}
		return ""
	}
	a := &app{}
	c, rest, err := a.command().Find(args)
	if err != nil {
		return err.Error()
	}
	if err := c.ParseFlags(rest); err != nil {
		return err.Error()
	}
	if err := c.ValidateArgs(c.Flags().Args()); err != nil {
		return err.Error()
	}
	return ""
}

// TestNextOfProject: the command is about the project and the variant that were
// looked at, wherever it is typed.
func TestNextOfProject(t *testing.T) {
	for _, c := range []struct{ args, want string }{
		{"fix", "whittle fix --verify"},
		{"fix .", "whittle fix --verify"},
		{"fix some/where", "whittle fix --verify some/where"},
		{"fix --strategy two-stage --only pip-cache -w=false here", "whittle fix --verify --only=pip-cache --strategy=two-stage here"},
		{"fix --variant=a,b --platform arm64 it's", `whittle fix --verify --variant=a,b --platform=linux/arm64 'it'\''s'`},
		{"lab --variant a --risk low x", "whittle fix --verify --variant=a x"},
		{"forecast --objective size --config c.yaml x", "whittle fix --verify --config=c.yaml --objective=size x"},
	} {
		a := &app{}
		root := a.command()
		words := strings.Fields(c.args)
		cmd, rest, err := root.Find(words)
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.ParseFlags(rest); err != nil {
			t.Fatal(err)
		}
		a.about(cmd, projectDir(cmd.Flags().Args()))
		r := &whittle.Repair{Files: []whittle.FileChange{{}}, Steps: []whittle.RepairStep{{}}}
		var b strings.Builder
		if err := report.RepairText(&b, r, a.printer.Style()); err != nil {
			t.Fatal(err)
		}
		if got := nextCommands(b.String()); len(got) != 1 || got[0] != c.want {
			t.Errorf("whittle %s: %q, want %q", c.args, got, c.want)
		}
	}
}
