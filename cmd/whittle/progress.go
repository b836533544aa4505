package main

import (
	"fmt"
	"io"

	"whittle.dev/whittle/internal/report"
)

// steps prints what is going on to standard error, a line each; builds show
// BuildKit's own view there where it is a terminal.
type steps struct{ w io.Writer }

func (s steps) Step(line string) { fmt.Fprintf(s.w, "whittle: %s\n", report.Plain(line)) }

func (s steps) Writer() io.Writer { return s.w }
