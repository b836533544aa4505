package main

import (
	"bytes"
	"slices"
	"strings"
	"testing"
)

// TestHelpFits: the help of each command fits a terminal, and is in whole words.
func TestHelpFits(t *testing.T) {
	for columns, limit := range map[string]int{"": 80, "80": 80, "120": 120} {
		t.Setenv("COLUMNS", columns)
		for _, cmd := range commands((&app{}).command()) {
			args := slices.Concat(strings.Fields(cmd.CommandPath())[1:], []string{"--help"})
			var out, said bytes.Buffer
			if code := run(args, stdio{strings.NewReader(""), &out, &said}); code != exitOK {
				t.Fatalf("%q: %d %s", args, code, said.String())
			}
			for line := range strings.Lines(out.String()) {
				if n := len([]rune(strings.TrimRight(line, "\n"))); n > limit && !strings.HasPrefix(args[0], "completion") && strings.HasPrefix(line, "      ") {
					t.Errorf("%q: %d of %d: %s", args, n, limit, line)
				}
			}
		}
	}
}
