package report

import (
	"fmt"
	"strings"
	"testing"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/report/page"
)

// ranCheck is brokenCheck, with what happened when it was run.
func ranCheck() *whittle.Check {
	c := brokenCheck()
	c.Starts[0].Run = &whittle.CommandRun{Status: whittle.Fails, Seconds: []float64{0.4}}
	c.Starts[1].Verdict, c.Starts[1].Run = whittle.Runs, &whittle.CommandRun{Status: whittle.Fails, Seconds: []float64{1.25}}
	c.Disagreements = []string{"console script export: its files show nothing missing, and it fails when it is run"}
	return c
}

// brokenCheck is a check of an image in which 27 imports of five modules fail,
// of four that production starts reach and one that a console script does.
func brokenCheck() *whittle.Check {
	c := &whittle.Check{Schema: whittle.CheckSchema, Verdict: whittle.Fails, Image: "docker:dashboard",
		Starts: []whittle.Start{{Kind: whittle.StartEntry, Name: "ENTRYPOINT", Verdict: whittle.Fails}, {Kind: whittle.StartConsole, Name: "console script export", Verdict: whittle.Fails}}}
	problem := func(start, module, file string, line int, more ...whittle.Location) {
		c.Problems = append(c.Problems, whittle.Problem{Rule: whittle.CheckMissingModule, Severity: whittle.SeverityError, Module: module, Distribution: module, Path: file, Line: line,
			Message:     fmt.Sprintf("%s is imported by %s:%d, reached from %s; nothing declares %s; declare %s", module, file, line, start, module, module),
			ReachedFrom: []string{start, "src/app.py:3", "src/commands/__init__.py:9"}, Fix: "declare " + module, Places: more})
	}
	at := func(file string, lines ...int) (out []whittle.Location) {
		for _, l := range lines {
			out = append(out, whittle.Location{Path: file, Line: l, ReachedFrom: []string{"ENTRYPOINT"}})
		}
		return out
	}
	problem("ENTRYPOINT", "rich", "src/commands/anonymize.py", 5, append(at("src/commands/anonymize.py", 6, 7, 8), append(at("src/commands/clean.py", 4, 9), at("src/commands/load.py", 11)...)...)...)
	problem("ENTRYPOINT", "plotly", "src/views/overview.py", 3, append(at("src/views/overview.py", 4, 12), at("src/views/detail.py", 2, 3, 4)...)...)
	problem("ENTRYPOINT", "pandas", "src/data.py", 1, append(at("src/views/detail.py", 1), at("src/views/overview.py", 1)...)...)
	problem("ENTRYPOINT", "streamlit", "src/app.py", 1, append(at("src/views/detail.py", 5), at("src/views/overview.py", 2, 5, 9, 20)...)...)
	problem("console script export", "openpyxl", "src/commands/export.py", 7)
	for i := range 4 {
		c.Problems[4].Places = append(c.Problems[4].Places, whittle.Location{Path: "src/commands/export.py", Line: 20 + i, ReachedFrom: []string{"console script export"}})
	}
	return c
}

// TestBrokenImports: 27 broken imports of five modules fit one screen, what
// production starts first.
func TestBrokenImports(t *testing.T) {
	c := brokenCheck()
	broken := 0
	for i := range c.Problems {
		broken += len(c.Problems[i].Spots())
	}
	if broken != 27 {
		t.Fatalf("%d imports", broken)
	}
	var b strings.Builder
	if err := CheckText(&b, c, page.Style{}); err != nil {
		t.Fatal(err)
	}
	text := b.String()
	if n := strings.Count(text, "\n"); n > 25 {
		t.Errorf("%d lines", n)
	}
	last := 0
	for _, want := range []string{"docker:dashboard: does not run", "4 causes keep it from running; 1 more concerns only console scripts.", "Errors of ENTRYPOINT", "rich: src/commands/anonymize.py:5–8 and 2 more files",
		"nothing declares rich; declare rich (missing-module)", "plotly: src/views/overview.py:3–4, 12 and 1 more file", "Errors of console scripts only", "openpyxl: src/commands/export.py:7, 20–23", "\n  whittle check --run docker:dashboard\n"} {
		at := strings.Index(text, want)
		if at < last {
			t.Errorf("no %q in its place in\n%s", want, text)
		}
		last = max(at, last)
	}
	var all strings.Builder
	if err := CheckText(&all, c, page.Style{Verbose: true}); err != nil {
		t.Fatal(err)
	}
	for i := range c.Problems {
		for _, at := range c.Problems[i].Spots() {
			if !strings.Contains(all.String(), fmt.Sprintf("- %s:%d", at.Path, at.Line)) {
				t.Errorf("--all: no %s:%d", at.Path, at.Line)
			}
		}
	}
	if !strings.Contains(all.String(), "Reached by ENTRYPOINT → src/app.py:3") {
		t.Error("--all: no way to it")
	}
}

// TestSeenByRunning: what a run shows of a cause that the files show too is one
// entry.
func TestSeenByRunning(t *testing.T) {
	check := brokenCheck()
	s := study()
	v := &s.Variants[1]
	v.Check = check
	v.Run.Commands = []whittle.CommandRun{
		{Name: "help", Command: []string{"shop", "--help"}, Status: whittle.Fails, Problem: "ModuleNotFoundError: rich (src/commands/clean.py:9)"},
		{Name: "other", Command: []string{"shop", "other"}, Status: whittle.Fails, Problem: "ModuleNotFoundError: rich (src/other.py:1)"}}
	var b strings.Builder
	if err := StudyText(&b, s, page.Style{Width: 120}); err != nil {
		t.Fatal(err)
	}
	_, failures, _ := strings.Cut(b.String(), "What does not run, and why")
	for want, n := range map[string]int{"shop --help: ": 0, "Seen by running shop --help": 1, "shop other: ModuleNotFoundError: rich (src/other.py:1)": 1} {
		if got := strings.Count(failures, want); got != n {
			t.Errorf("%d times %q in\n%s", got, want, failures)
		}
	}
}

// TestOneCause: what differs in severity, in the check or in what is to be done
// is not one cause.
func TestOneCause(t *testing.T) {
	p := func(rule string, s whittle.Severity, module, dist string) whittle.Problem {
		return whittle.Problem{Rule: rule, Severity: s, Module: module, Distribution: dist, Path: "a.py", Line: 1, Message: "m"}
	}
	const missing, lazy = whittle.CheckMissingModule, whittle.CheckLazyImport
	for name, c := range map[string]struct {
		problems []whittle.Problem
		want     int
	}{
		"two modules of a distribution": {[]whittle.Problem{p(missing, "error", "yaml", "pyyaml"), p(missing, "error", "_yaml", "pyyaml")}, 1},
		"an error and a warning":        {[]whittle.Problem{p(missing, "error", "yaml", "pyyaml"), p(missing, "warning", "yaml", "pyyaml")}, 2},
		"two checks":                    {[]whittle.Problem{p(missing, "error", "yaml", "pyyaml"), p(lazy, "error", "yaml", "pyyaml")}, 2},
		"two modules of a namespace":    {[]whittle.Problem{p(missing, "error", "google.a", "google-a"), p(missing, "error", "google.b", "google-b")}, 2},
		"neither module nor package":    {[]whittle.Problem{p(missing, "error", "", ""), p(missing, "error", "", "")}, 2},
		"names that a module lacks":     {[]whittle.Problem{{Rule: whittle.CheckMissingName, Module: "a", Name: "x"}, {Rule: whittle.CheckMissingName, Module: "a", Name: "y"}}, 2},
	} {
		if got := len(causesOf(c.problems)); got != c.want {
			t.Errorf("%s: %d causes, want %d", name, got, c.want)
		}
	}
}

// TestBrokenImportsFit: many broken imports of five modules fit one screen, however
// the modules nest, wherever they are imported, and whatever starts them.
func TestBrokenImportsFit(t *testing.T) {
	starts := []string{"ENTRYPOINT", "CMD", "HEALTHCHECK", "console script a", "console script b"}
	names := map[string][]string{
		"distributions": {"rich", "rich.table", "rich.console", "plotly.express", "plotly.graph_objects", "pandas", "streamlit", "openpyxl.styles"},
		"nobody knows":  {"alpha", "beta", "gamma", "delta", "epsilon"},
		"namespace":     {"google.cloud.storage", "google.cloud.storage.blob", "google.cloud.bigquery", "azure.identity", "azure.core", "zope.interface"},
	}
	of := map[string]string{"rich": "rich", "plotly": "plotly", "pandas": "pandas", "streamlit": "streamlit", "openpyxl": "openpyxl", "google": "google-cloud-", "azure": "azure-", "zope": "zope-interface"}
	for name, modules := range names {
		for s := 1; s <= len(starts); s++ {
			for _, files := range []int{1, 5, 27} {
				c := &whittle.Check{Image: "app", Verdict: whittle.Fails}
				for i := range 27 {
					module, start := modules[i%len(modules)], starts[i%s]
					parts := strings.Split(module, ".")
					distribution := of[parts[0]]
					if strings.HasSuffix(distribution, "-") {
						distribution += parts[min(2, len(parts)-1)]
					}
					place := whittle.Location{Path: fmt.Sprintf("src/some/package/module%d.py", i%files), Line: 3 + i, ReachedFrom: []string{start}}
					c.Problems = append(c.Problems, whittle.Problem{Rule: whittle.CheckMissingModule, Severity: whittle.SeverityError, Module: module, Distribution: distribution, Path: place.Path, Line: place.Line,
						Message: fmt.Sprintf("%s is imported by %s:%d, reached from %s; nothing declares it", module, place.Path, place.Line, start), ReachedFrom: []string{start, "src/app.py:3"}, Fix: "declare " + distribution})
				}
				var b strings.Builder
				if err := CheckText(&b, c, page.Style{}); err != nil {
					t.Fatal(err)
				}
				if n := strings.Count(b.String(), "\n"); n > 25 {
					t.Errorf("%s, %d starts, %d files: %d lines\n%s", name, s, files, n, b.String())
				}
			}
		}
	}
}
