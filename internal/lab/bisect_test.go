package lab

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/build"
	"whittle.dev/whittle/internal/runs"
)

// ran makes a trial of lines "NAME" for a start that runs, "NAME: MODULE
// PATH:LINE" for one that fails; errors are "MODULE PATH:LINE" of its files.
func ranTrial(runs, errors []string) *trial {
	place := func(text string) (module, path string, line int) {
		module, at, _ := strings.Cut(text, " ")
		path, number, _ := strings.Cut(at, ":")
		for _, digit := range number {
			line = 10*line + int(digit-'0')
		}
		return module, path, line
	}
	v := &whittle.Variant{Build: whittle.BuildFacts{Status: whittle.Built}, Check: &whittle.Check{Verdict: whittle.Runs}, Run: whittle.RunFacts{Status: whittle.Runs}}
	for _, text := range runs {
		name, why, fails := strings.Cut(text, ": ")
		run := whittle.CommandRun{Name: name, Command: []string{name}, Status: whittle.Runs}
		if fails {
			run.Status, run.Problem = whittle.Fails, why
			run.Module, run.Path, run.Line = place(why)
		}
		v.Run.Commands = append(v.Run.Commands, run)
	}
	for _, text := range errors {
		p := whittle.Problem{Rule: "missing-module", Severity: "error", Message: text}
		p.Module, p.Path, p.Line = place(text)
		v.Check.Problems, v.Check.Verdict = append(v.Check.Problems, p), whittle.Fails
	}
	return &trial{Variant: v}
}

// TestUnrepaired: a fix stays where the start that failed passes, or fails
// later for a reason that was there before.
func TestUnrepaired(t *testing.T) {
	there := func(file string) bool { return strings.HasPrefix(file, "src/") }
	for _, c := range []struct {
		name       string
		problem    string
		before, is []string // runs
		errors     []string // of the image with the fix
		want       string
	}{
		{"it passes", "rich src/x.py:5", []string{"cli: rich src/x.py:5"}, []string{"cli"}, nil, ""},
		{"no run shows it, and its files are fine", "rich src/x.py:5", []string{"cli"}, []string{"cli"}, nil, ""},
		{"its files still show it", "rich src/x.py:5", nil, nil, []string{"rich src/x.py:5"}, "still there: rich"},
		{"a submodule that the distribution lacks", "utils.state src/app.py:3", []string{"page: utils.state src/app.py:3"}, []string{"page: utils.state src/app.py:3"}, nil, "page still fails"},
		{"another fault of the same statement", "utils.state src/app.py:3", []string{"page: utils.state src/app.py:3"}, []string{"page: - src/app.py:3"}, nil, "page still fails"},
		{"another fault of the same statement, by its files", "utils.state src/app.py:3", nil, nil, []string{"utils src/app.py:3"}, "still there"},
		{"the parent is still missing", "rich.console src/x.py:5", []string{"cli: rich src/x.py:5"}, []string{"cli: rich src/y.py:9"}, nil, "cli still fails"},
		{"it fails later, as it would have before", "rich src/x.py:5", []string{"cli: rich src/x.py:5"}, []string{"cli: click src/x.py:6"}, nil, ""},
		{"it fails for want of the environment", "rich src/x.py:5", []string{"cli: rich src/x.py:5"}, []string{"cli: "}, nil, ""},
		{"it fails in what came with the fix", "rich src/x.py:5", []string{"cli: rich src/x.py:5"}, []string{"cli: pygments rich/syntax.py:3"}, nil, "fails in what the fix has brought"},
		{"it cannot be run any more", "rich src/x.py:5", []string{"cli: rich src/x.py:5"}, nil, nil, "cannot be run any more"},
		{"another start that fails by something else", "rich src/x.py:5", []string{"cli: rich src/x.py:5", "web: flask src/w.py:1"}, []string{"cli", "web: flask src/w.py:1"}, []string{"flask src/w.py:1"}, ""},
	} {
		before := ranTrial(c.before, []string{c.problem})
		got := runs.NotRepaired(before.Check.Problems, before.Variant, ranTrial(c.is, c.errors).Variant, there)
		if (got == "") != (c.want == "") || !strings.Contains(got, c.want) {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

// toyProver is a prover before its first round, with findings put in the place
// of those of the rules.
func toyProver(t *testing.T, e *toyEngine, files map[string]string, findings ...whittle.Finding) *prover {
	t.Helper()
	s, err := newStudy(t.Context(), toyEnv(e), StudyOptions{Dir: toyProject(t, files), Quick: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.buildAll(t.Context()); err != nil {
		t.Fatal(err)
	}
	subjects, err := s.readAll(t.Context())
	closeAll(subjects)
	if err != nil {
		t.Fatal(err)
	}
	w, err := newWorkshop(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	p := newProver(w, []string{"cleanup-in-later-layer"}, whittle.RiskMedium, nil)
	t.Cleanup(func() { p.images.close(); w.close(); s.close() })
	if err := p.adviseAll(t.Context()); err != nil {
		t.Fatal(err)
	}
	for name, x := range p.images.byVariant {
		x.findings = slices.Concat(findings, x.findings)
		for i := range x.findings {
			x.findings[i].Variant = name
		}
		p.images.byVariant[name] = x
	}
	return p
}

// appending is a fix that adds a line to a Dockerfile, for a problem of a
// start.
func appending(dockerfile, line string, problem whittle.Problem) whittle.Finding {
	f := whittle.Finding{Rule: "undeclared-dependency", Breaks: true, Risk: whittle.RiskLow, Message: "undeclared: " + problem.Module,
		Fingerprint: whittle.Fingerprint("undeclared-dependency", problem.Module),
		Fix: &whittle.Fix{Title: "declare " + problem.Module, Patches: []whittle.Patch{{File: "Dockerfile", Digest: whittle.DigestOf([]byte(dockerfile)),
			Edits: []whittle.Edit{{Span: whittle.Span{Start: len(dockerfile), End: len(dockerfile)}, New: line + "\n"}}}}}}
	f.About(problem)
	return f
}

// TestProveUnrepaired: of two fixes for what breaks, one repairs its start and
// stays although the image gets larger; the other one does not, is reverted,
// and the start is left alone. The clean-ups are looked at all the same.
func TestProveUnrepaired(t *testing.T) {
	lacks := func(module string) string {
		return "Traceback (most recent call last):\n  File \"/app/" + module + ".py\", line 3, in <module>\nModuleNotFoundError: No module named '" + module + "'\n"
	}
	e := &toyEngine{fakeEngine: fakeEngine{t: t}}
	e.fails = func(text string, c build.Command) string {
		switch {
		case c.Name == "report" && !strings.Contains(text, "mk opt/rich"):
			return lacks("rich")
		case c.Name == "page":
			return lacks("utils")
		}
		return ""
	}
	pyproject := "[project]\nname = \"app\"\nversion = \"1\"\n[project.scripts]\nreport = \"app.report:main\"\npage = \"app.page:main\"\nserve = \"app.serve:main\"\n"
	problem := func(module, start string) whittle.Problem {
		return whittle.Problem{Rule: "missing-module", Severity: "error", Module: module, Path: module + ".py", Line: 3, ReachedFrom: []string{start}}
	}
	p := toyProver(t, e, map[string]string{"Dockerfile": toyDockerfile, "pyproject.toml": pyproject, "whittle.yaml": "project: app\n"},
		appending(toyDockerfile, "RUN mk opt/utils 5000", problem("utils", "console script page")),
		appending(toyDockerfile, "RUN mk opt/rich 9000", problem("rich", "console script report")))
	if err := p.prove(t.Context()); err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, s := range p.steps {
		got[s.Finding.Rule+" "+s.Finding.Message[:min(16, len(s.Finding.Message))]] += string(s.Status) + s.Reason
	}
	want := map[string]string{
		"undeclared-dependency undeclared: rich":  "applied",
		"undeclared-dependency undeclared: util":  "revertedDockerfile: page still fails: ModuleNotFoundError: utils (/app/utils.py:3)",
		"cleanup-in-later-layer Dockerfile:3 del": "applied", "cleanup-in-later-layer Dockerfile:6 del": "applied", "cleanup-in-later-layer Dockerfile:8 del": "applied",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("steps (-want +got):\n%s", diff)
	}
	v, err := p.verified(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	after := v.Variants[0].After
	if after.Passed != 2 || after.Commands != 3 || !strings.Contains(after.Problem, "page") || v.Variants[0].Saved != 2_100_000-9000 {
		t.Errorf("%+v, saved %d", after, v.Variants[0].Saved)
	}
}
