package commandline

import (
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/charmbracelet/colorprofile"
	"golang.org/x/term"
)

// The values of --color.
const (
	ColorAuto   = "auto"
	ColorAlways = "always"
	ColorNever  = "never"
)

// Texts are set for lines of these many cells: a narrower terminal wraps them,
// in a wider one lines are too long to read.
const (
	narrowest = 40
	widest    = 120
)

// Colored says whether a text is printed in colours.
func Colored(choice string, out io.Writer, env []string) bool {
	switch choice {
	case ColorAlways:
		return true
	case ColorNever:
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

// Columns is how many cells a line has: what COLUMNS says, else the terminal's
// width, else 0, which is the printer's own choice.
func Columns(out io.Writer, variable string) int {
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
