package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"whittle.dev/whittle/internal/dockerfile"
)

// TestPages: each command that a page shows is one: by its words and its flags,
// and with as many arguments as it takes.
func TestPages(t *testing.T) {
	commands := 0
	for _, pattern := range []string{"../../README.md", "../../packaging/python/README.md", "../../docs/*.md", "../../docs/*/*.md", "../../examples/*/README.md"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: %v", pattern, err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, command := range shownCommands(string(text)) {
				commands++
				if said := parsed(command); said != "" {
					t.Errorf("%s: %s\n%s", file, command, said)
				}
			}
		}
	}
	if commands < 60 {
		t.Errorf("only %d commands", commands)
	}
}

// aside is what stands behind a command: a comment, or another program.
var aside = regexp.MustCompile(`\s+#.*$|\s+[|<>&].*$|;.*$|\s+…$`)

// optional is a part of a usage line.
var optional = regexp.MustCompile(`\s*\[[^\]]*\]`)

// shownCommands are the lines of a page's blocks that begin with whittle.
func shownCommands(text string) []string {
	var out []string
	fenced, held := false, ""
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		if strings.HasPrefix(strings.TrimSpace(line), "```") {
			fenced, held = !fenced, ""
			continue
		}
		line = held + strings.TrimPrefix(strings.TrimSpace(line), "$ ")
		held = ""
		if !fenced || !strings.HasPrefix(line, "whittle ") {
			continue
		}
		if rest, more := strings.CutSuffix(line, `\`); more {
			held = rest
			continue
		}
		line = optional.ReplaceAllString(aside.ReplaceAllString(line, ""), "")
		if command, _, table := strings.Cut(line, "   "); table { // what it does stands beside it
			line = command
		}
		out = append(out, line)
	}
	return out
}

// parsed says why a command line is refused, before anything is read; empty where
// it is not.
func parsed(command string) string {
	words, err := dockerfile.Words(strings.NewReplacer("$HOME", "/home", "IMAGE|DIR", "DIR").Replace(command))
	if err != nil {
		return err.Error()
	}
	c, rest, err := (&app{}).command().Find(words[1:])
	switch {
	case err != nil:
		return err.Error()
	case slices.Contains(rest, "--help"), slices.Contains(rest, "--version"), c.Name() == "help", c.Name() == "completion":
		return ""
	}
	if err := c.ParseFlags(rest); err != nil {
		return err.Error()
	}
	if err := c.ValidateArgs(c.Flags().Args()); err != nil {
		return err.Error()
	}
	return ""
}
