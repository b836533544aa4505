package main

import (
	"io"
	"slices"
	"strings"
	"testing"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/commandline"
	"whittle.dev/whittle/internal/lab"
	"whittle.dev/whittle/internal/report"
	"whittle.dev/whittle/internal/report/page"
)

// TestColored: what is not a terminal gets colours only where somebody asks for
// them.
func TestColored(t *testing.T) {
	for _, c := range []struct {
		choice string
		env    []string
		want   bool
	}{
		{"", nil, false},
		{"auto", []string{"TERM=xterm-256color", "COLORTERM=truecolor"}, false},
		{"always", []string{"NO_COLOR=1"}, true},
		{"never", []string{"CLICOLOR_FORCE=1"}, false},
		{"auto", []string{"CLICOLOR_FORCE=1"}, true},
		{"auto", []string{"CLICOLOR_FORCE=yes", "TERM=xterm"}, true},
		{"auto", []string{"CLICOLOR_FORCE=0", "TERM=xterm"}, false},
		{"auto", []string{"CLICOLOR_FORCE="}, false},
		{"auto", []string{"CLICOLOR_FORCE=1", "NO_COLOR=please"}, false},
		{"auto", []string{"CLICOLOR_FORCE=1", "NO_COLOR="}, true},
		{"auto", []string{"CLICOLOR=1", "TERM=xterm"}, false},
	} {
		if got := commandline.Colored(c.choice, io.Discard, c.env); got != c.want {
			t.Errorf("--color=%s with %q: %t", c.choice, c.env, got)
		}
	}
}

// TestColumns: COLUMNS counts, off a terminal too; what is no number does not.
func TestColumns(t *testing.T) {
	for variable, want := range map[string]int{"": 0, "100": 100, "10": 40, "99999": 480, "-3": 0, "x": 0, "0": 0, "72\n": 72} {
		if got := commandline.Columns(io.Discard, variable); got != want {
			t.Errorf("COLUMNS=%q: %d, want %d", variable, got, want)
		}
	}
}

// TestForecastsNext: the command that a forecast names is one that there is.
func TestForecastsNext(t *testing.T) {
	for _, name := range append(lab.Strategies(), "split-dashboard", "alpine", "original-fixed") {
		want := ""
		switch {
		case slices.Contains(lab.Strategies(), name):
			want = "\n  whittle fix --strategy " + name + " --verify\n"
		case name == "original-fixed":
			want = "\n  whittle fix --verify\n"
		}
		f := &whittle.Forecasts{Project: "app", Base: "original", Forecasts: []whittle.Forecast{{Strategy: name, Dockerfile: "FROM x", Predicted: 5}}}
		var b strings.Builder
		if err := report.ForecastsText(&b, f, page.Style{}); err != nil {
			t.Fatal(err)
		}
		if got := b.String(); strings.Contains(got, "Next: ") != (want != "") || !strings.Contains(got, want) {
			t.Errorf("%s: no %q in\n%s", name, want, got)
		}
	}
}
