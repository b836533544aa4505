package report

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/report/page"
)

// nasty are texts that would do harm where they are printed as they are.
var nasty = []string{hostile, "\x1b]0;title\x07", "\x9b31m", "a\rb", "| a | b |", "```", "\n# heading\n", "`code` ``` more", "\xff\xfe", "\u202etxt", "<script>",
	"a\tb", "--- a/x\n+++ b/x\n@@ -1 +1 @@", strings.Repeat("w", 300), "", " ", "&lt;", "1. x", "\u061c\u2066"}

// poison sets about half of the texts in a value to nasty ones, and its
// numbers to any.
func poison(t *rapid.T, v reflect.Value) {
	switch v.Kind() {
	case reflect.String:
		if rapid.Bool().Draw(t, "poison") {
			v.SetString(rapid.SampledFrom(nasty).Draw(t, "text"))
		}
	case reflect.Int64:
		if rapid.Bool().Draw(t, "number") {
			v.SetInt(rapid.SampledFrom([]int64{0, 1, -1, 999_949, 1 << 40, -1 << 40}).Draw(t, "n"))
		}
	case reflect.Pointer:
		if !v.IsNil() {
			poison(t, v.Elem())
		}
	case reflect.Slice:
		for i := range v.Len() {
			poison(t, v.Index(i))
		}
	case reflect.Struct:
		for i := range v.NumField() {
			poison(t, v.Field(i))
		}
	}
}

var sequence = regexp.MustCompile("\x1b\\[[0-9;]+m")

// TestHostile: whatever the texts are, a terminal is sent nothing but text and
// whittle's own colours, and every row of a Markdown table has its cells.
func TestHostile(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, f, r, s := advice(), forecasts(), repair(), proven()
		for _, v := range []any{a, f, r, s} {
			poison(t, reflect.ValueOf(v))
		}
		st := page.Style{Width: rapid.SampledFrom([]int{0, 1, 40, 80, 200}).Draw(t, "width"), Verbose: rapid.Bool().Draw(t, "verbose")}
		r.Written = rapid.Bool().Draw(t, "written")
		for name, write := range map[string]func(w io.Writer, st page.Style) error{
			"advice":    func(w io.Writer, st page.Style) error { return AdviceText(w, a, st) },
			"forecasts": func(w io.Writer, st page.Style) error { return ForecastsText(w, f, st) },
			"repair":    func(w io.Writer, st page.Style) error { return RepairText(w, r, st) },
			"study":     func(w io.Writer, st page.Style) error { return StudyText(w, s, st) },
		} {
			var plain, colored bytes.Buffer
			if err := write(&plain, st); err != nil {
				t.Fatal(err)
			}
			checkPlain(t, name, plain.String())
			st := st
			st.Color = true
			if err := write(&colored, st); err != nil {
				t.Fatal(err)
			}
			if got := sequence.ReplaceAllString(colored.String(), ""); withoutBlanks(got) != withoutBlanks(plain.String()) {
				t.Fatalf("%s: in colour it says something else", name)
			}
		}
		for name, write := range map[string]func(w io.Writer) error{
			"advice":    func(w io.Writer) error { return AdviceMarkdown(w, a) },
			"forecasts": func(w io.Writer) error { return ForecastsMarkdown(w, f) },
			"repair":    func(w io.Writer) error { return RepairMarkdown(w, r) },
			"study":     func(w io.Writer) error { return StudyMarkdown(w, s) },
		} {
			var b bytes.Buffer
			if err := write(&b); err != nil {
				t.Fatal(err)
			}
			checkPlain(t, name, b.String())
			checkMarkdown(t, name, b.String())
		}
		for name, write := range map[string]func(w io.Writer) error{
			"forecasts": func(w io.Writer) error { return ForecastsHTML(w, f) },
			"repair":    func(w io.Writer) error { return RepairHTML(w, r) },
		} {
			var b bytes.Buffer
			if err := write(&b); err != nil {
				t.Fatal(err)
			}
			checkPlain(t, name, b.String())
			checkElements(t, name, b.String())
		}
	})
}

// checkElements fails for elements that no printer writes, which are a text's, and for
// those that are not closed.
func checkElements(t failer, name, text string) {
	known := regexp.MustCompile(`^(h[2-4]|p|ul|li|pre|strong|div|table|thead|tbody|tr|th|td|span)$`)
	var open []string
	for _, m := range regexp.MustCompile(`<(/?)([^\s>]*)[^>]*>`).FindAllStringSubmatch(text, -1) {
		switch {
		case !known.MatchString(m[2]):
			t.Fatalf("%s: the element %q", name, m[0])
		case m[1] == "":
			open = append(open, m[2])
		case len(open) == 0 || open[len(open)-1] != m[2]:
			t.Fatalf("%s: %q closes %q", name, m[0], open)
		default:
			open = open[:len(open)-1]
		}
	}
	if len(open) > 0 {
		t.Fatalf("%s: open: %q", name, open)
	}
}

// failer is what testing and rapid have in common.
type failer interface {
	Fatalf(format string, args ...any)
}

// FuzzHostile does the same with one text everywhere.
func FuzzHostile(f *testing.F) {
	for _, s := range nasty {
		f.Add(s, 80)
	}
	f.Fuzz(func(t *testing.T, s string, width int) {
		a, fc, r := advice(), forecasts(), repair()
		for i := range a.Findings {
			fd := &a.Findings[i]
			fd.Message, fd.Rule, fd.Evidence[0].Path, fd.Evidence[0].What = s, s, s, s
		}
		for i := range r.Steps {
			r.Steps[i].Finding.Message, r.Steps[i].Reason = s, s
		}
		r.Files[0].Diff, r.Files[1].Path = s, s
		fc.Forecasts[1].Dockerfile, fc.Forecasts[1].Title, fc.Forecasts[1].Parts[0].Name = s, s, s
		var text, md bytes.Buffer
		st := page.Style{Width: width, Verbose: true}
		for _, err := range []error{AdviceText(&text, a, st), ForecastsText(&text, fc, st), RepairText(&text, r, st),
			AdviceMarkdown(&md, a), ForecastsMarkdown(&md, fc), RepairMarkdown(&md, r)} {
			if err != nil {
				t.Fatal(err)
			}
		}
		checkPlain(t, "text", text.String())
		checkPlain(t, "Markdown", md.String())
		checkMarkdown(t, "Markdown", md.String())
	})
}

// withoutBlanks drops what colours move: blanks at the end of a line.
func withoutBlanks(s string) string {
	lines := strings.Split(s, "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " ")
	}
	return strings.Join(lines, "\n")
}

func checkPlain(t failer, name, got string) {
	for _, line := range strings.Split(got, "\n") {
		line = strings.ReplaceAll(strings.TrimSuffix(line, "\r"), "\t", " ")
		if i := strings.IndexFunc(line, page.Hidden); i >= 0 {
			t.Fatalf("%s: %q is sent to the terminal", name, line)
		}
	}
}

// checkMarkdown reads tables and fences as a Markdown reader would.
func checkMarkdown(t failer, name, got string) {
	fence, cells := "", 0
	for _, line := range strings.Split(got, "\n") {
		switch ticks := line[:len(line)-len(strings.TrimLeft(line, "`"))]; {
		case fence != "":
			if line == fence {
				fence = ""
			}
			continue
		case len(ticks) >= 3:
			fence = ticks
		case !strings.HasPrefix(line, "|"):
			cells = 0
		default:
			n := strings.Count(strings.ReplaceAll(strings.ReplaceAll(line, `\\`, ""), `\|`, ""), "|")
			if cells > 0 && n != cells {
				t.Fatalf("%s: %d bars instead of %d: %s", name, n, cells, line)
			}
			cells = n
		}
		if cells == 0 && fence == "" && strings.Contains(line, "<") {
			t.Fatalf("%s: markup: %s", name, line)
		}
	}
	if fence != "" {
		t.Fatalf("%s: a fence is left open", name)
	}
}

// TestSavings: a saving's text has the sizes of its ends, and says growth only
// where it is one.
func TestSavings(t *testing.T) {
	for want, s := range map[string]whittle.Saving{
		"12.3–15.0 MB":               {Low: 12_300_000, High: 15_000_000},
		"900.0 kB–1.2 MB":            {Low: 900_000, High: 1_200_000},
		"12.3 MB":                    exact(12_300_000),
		"about 12.3 MB":              {Low: 12_300_000, High: 12_300_001},
		"0 B":                        {},
		"0 B–5.0 MB":                 {High: 5_000_000},
		"3.1 MB larger":              exact(-3_100_000),
		"2.4–2.9 MB larger":          {Low: -2_900_000, High: -2_400_000},
		"0 B–2.9 MB larger":          {Low: -2_900_000},
		"5.0 MB less to 3.0 MB more": {Low: -3_000_000, High: 5_000_000},
	} {
		if got := savingText(s); got != want {
			t.Errorf("%+v = %q, want %q", s, got, want)
		}
	}
	for _, c := range []struct {
		predicted whittle.Saving
		saved     int64
		want      string
	}{
		{exact(5), 5, "exact"},
		{whittle.Saving{Low: 4, High: 6}, 5, "within"},
		{whittle.Saving{Low: 100, High: 110}, 200, "-45.00 %"},
		{whittle.Saving{Low: 110, High: 130}, 100, "+10.00 %"},
		{exact(-90), -100, "+10.00 %"},
		{exact(2_000_000), 0, "under half"},
		{exact(15_100_000), 579, "under half"},
		{exact(-1_000), -1_000_000, "+99.90 %"},
		{exact(-1_000_000), -1_000, "far off"},
		{exact(0), 0, "exact"},
	} {
		if got := savedError(c.predicted, c.saved).Text; got != c.want {
			t.Errorf("predicted %+v, saved %d: %q, want %q", c.predicted, c.saved, got, c.want)
		}
	}
}

// TestRepairTextApplies: what fix prints can be given to git apply, line ends,
// tabs and the table below the diffs notwithstanding.
func TestRepairTextApplies(t *testing.T) {
	git, err := exec.LookPath("git")
	if err != nil {
		t.Skip("git is missing")
	}
	dir := t.TempDir()
	files := map[string][2]string{
		"Dockerfile":     {"FROM a\r\nRUN x && \\\r\n\ty\r\n", "FROM a\r\nRUN x && \\\r\n\tz\r\n"},
		"pyproject.toml": {"[project]\ndependencies = [\"click\"]", "[project]\ndependencies = [\"click\", \"rich\"]"},
	}
	r := repair()
	r.Files = []whittle.FileChange{
		{Path: "Dockerfile", Diff: "--- a/Dockerfile\n+++ b/Dockerfile\n@@ -1,3 +1,3 @@\n FROM a\r\n RUN x && \\\r\n-\ty\r\n+\tz\r\n"},
		{Path: "pyproject.toml", Diff: "--- a/pyproject.toml\n+++ b/pyproject.toml\n@@ -1,2 +1,2 @@\n [project]\n-dependencies = [\"click\"]\n\\ No newline at end of file\n+dependencies = [\"click\", \"rich\"]\n\\ No newline at end of file\n"},
		{Path: ".dockerignore", Diff: "--- /dev/null\n+++ b/.dockerignore\n@@ -0,0 +1 @@\n+.git\n", Created: true},
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text[0]), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	var b bytes.Buffer
	if err := RepairText(&b, r, page.Style{}); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(git, "apply", "-")
	cmd.Dir, cmd.Stdin = dir, &b
	cmd.Env = append(os.Environ(), "GIT_CEILING_DIRECTORIES="+filepath.Dir(dir))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("git apply: %v\n%s", err, out)
	}
	files[".dockerignore"] = [2]string{"", ".git\n"}
	for name, text := range files {
		got, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if string(got) != text[1] {
			t.Errorf("%s is %q, want %q", name, got, text[1])
		}
	}
}

// TestAdviceStaysReadable: thirty findings are at most ten screens, and the
// small ones a line each.
func TestAdviceStaysReadable(t *testing.T) {
	a := advice()
	for len(a.Findings) < 30 {
		a.Findings = append(a.Findings, findings()[len(a.Findings)%7])
	}
	var b bytes.Buffer
	if err := AdviceText(&b, a, page.Style{}); err != nil {
		t.Fatal(err)
	}
	if lines := strings.Count(b.String(), "\n"); lines > 240 {
		t.Errorf("%d lines for %d findings", lines, len(a.Findings))
	}
	if n := strings.Count(b.String(), "pip-cache: "); n < 3 {
		t.Errorf("%d small findings in the table", n)
	}
}
