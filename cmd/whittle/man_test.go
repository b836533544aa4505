package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/pflag"

	"whittle.dev/whittle/internal/commandline"
)

// request is a line that roff takes for a request of a page's.
var request = regexp.MustCompile(`^\.(TH [A-Z0-9\\-]+ 1 "[0-9-]*" ".*" "whittle manual"|SH [A-Z ]+|PP|TP|RS 4|RE|nf|fi|B .+|BR whittle[\\a-z-]* \(1\)[,.]?)$`)

// TestManual: each command has a page, which has its help, all options and no
// line that roff would take for something else.
func TestManual(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "man1")
	if code, said := call(t, "man", dir); code != exitOK || said != "" {
		t.Fatalf("%d %s", code, said)
	}
	pages := 0
	for _, cmd := range commandline.ManualCommands((&app{}).command()) {
		pages++
		b, err := os.ReadFile(filepath.Join(dir, commandline.PageName(cmd)+".1"))
		if err != nil {
			t.Fatal(err)
		}
		page := string(b)
		for line := range strings.Lines(page) {
			line = strings.TrimRight(line, "\n")
			if strings.HasPrefix(line, ".") && !request.MatchString(line) || strings.HasPrefix(line, "'") || line == "" {
				t.Errorf("%s: roff takes this for a request: %q", commandline.PageName(cmd), line)
			}
		}
		cmd.LocalFlags().VisitAll(func(f *pflag.Flag) {
			if has := strings.Contains(page, `\fB\-\-`+commandline.Roff(f.Name)+`\fR`); has == f.Hidden {
				t.Errorf("%s: --%s is there: %v", commandline.PageName(cmd), f.Name, has)
			}
		})
		for line := range strings.Lines(cmd.Long) {
			if line = commandline.Roff(strings.TrimSpace(line)); !strings.Contains(page, line) {
				t.Errorf("%s lacks %q", commandline.PageName(cmd), line)
			}
		}
	}
	files, _ := filepath.Glob(filepath.Join(dir, "*"))
	if pages < 15 || len(files) != pages {
		t.Errorf("%d pages of %d commands", len(files), pages)
	}
	if mandoc, err := exec.LookPath("mandoc"); err == nil {
		out, _ := exec.Command(mandoc, append([]string{"-T", "lint", "-W", "warning"}, files...)...).CombinedOutput() // exits with 1 for the date, which only releases have
		for line := range strings.Lines(string(out)) {
			if !strings.Contains(line, "missing date") {
				t.Error(line)
			}
		}
	}
	if code, said := call(t, "man"); code != exitUsage || !strings.Contains(said, "one folder") {
		t.Errorf("%d %s", code, said)
	}
}

// TestRoff: what roff would take for something else prints as it was written.
func TestRoff(t *testing.T) {
	for text, want := range map[string]string{
		".gitignore": `\&.gitignore`, `a\nb`: `a\enb`, "'**/tests'": `\(aq**/tests\(aq`, "--all": `\-\-all`, "`x`": `\(gax\(ga`, "": "", "a.b": "a.b", `"~^"`: `\(dq\(ti\(ha\(dq`,
	} {
		if got := commandline.Roff(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}
