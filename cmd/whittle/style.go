package main

import (
	"io"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/charmbracelet/colorprofile"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"whittle.dev/whittle/internal/report/page"
)

// The values of --color.
const (
	colorAuto   = "auto"
	colorAlways = "always"
	colorNever  = "never"
)

// Texts are set for lines of these many cells: a narrower terminal wraps them,
// in a wider one lines are too long to read.
const (
	narrowest = 40
	widest    = 120
)

// style is how text is printed on standard output.
func (a *app) style() page.Style {
	return page.Style{Color: colored(a.color, a.out, os.Environ()), Width: columns(a.out, os.Getenv("COLUMNS")), Project: a.project, Options: a.options()}
}

// repeated are the options that a command about the project repeats to be about
// the same: of fix those that choose fixes, too.
var repeated = []string{"config", "variant", "only", "strategy", "risk", "guard-imports", "objective"}

// options are those that the command to type next repeats.
func (a *app) options() []string {
	if a.platform == nil {
		return a.again
	}
	return append(slices.Clone(a.again), "--platform="+a.platform.String())
}

// about notes which project a result is about, and by which options.
func (a *app) about(cmd *cobra.Command, dir string) {
	a.project = dir
	chosen := repeated
	if cmd.Name() != "fix" {
		chosen = []string{"config", "variant", "objective"}
	}
	for _, name := range chosen {
		f := cmd.Flags().Lookup(name)
		if f != nil && f.Changed {
			a.again = append(a.again, "--"+name+"="+f.Value.String())
		}
	}
}

// colored says whether a text is printed in colours.
func colored(choice string, out io.Writer, env []string) bool {
	switch choice {
	case colorAlways:
		return true
	case colorNever:
		return false
	}
	// The library reads the variables as booleans, but their standards say that any
	// value counts, for CLICOLOR_FORCE any but 0: https://no-color.org,
	// https://bixense.com/clicolors.
	read := make([]string, 0, len(env))
	for _, v := range env {
		name, value, _ := strings.Cut(v, "=")
		switch {
		case name == "NO_COLOR" && value != "":
			return false
		case name == "CLICOLOR_FORCE" && value != "" && value != "0":
			v = name + "=1"
		}
		read = append(read, v)
	}
	return colorprofile.Detect(out, read) >= colorprofile.ANSI
}

// columns is how many cells a line has: what COLUMNS says, else the terminal's
// width, else 0, which is the printer's own choice.
func columns(out io.Writer, variable string) int {
	if n, err := strconv.Atoi(strings.TrimSpace(variable)); err == nil && n > 0 {
		return min(max(n, narrowest), 4*widest)
	}
	if f, ok := out.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		if w, _, err := term.GetSize(int(f.Fd())); err == nil {
			return min(max(w, narrowest), widest)
		}
	}
	return 0
}
