package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"whittle.dev/whittle/internal/check"
	"whittle.dev/whittle/internal/rule"
	"whittle.dev/whittle/internal/rule/analysis"
)

func example() analysis.Rule {
	return analysis.Rule{ID: "late-chmod", Title: "A chmod | chown keeps files twice", Text: "A layer is never changed.\n",
		Before: "COPY x /x\nRUN chmod 755 /x\n", After: "COPY --chmod=755 x /x\n"}
}

func TestPages(t *testing.T) {
	toml := analysis.Rule{ID: "undeclared", Title: "What is imported is not declared.", Text: "Declare it, ``` and all.", Before: "[project]\ndependencies = []", After: "# ```\ndependencies = [\"rich\"]"}
	bare := analysis.Rule{ID: "bare", Title: "No example", Text: "None."}
	got, err := render([]analysis.Rule{example(), toml, bare})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"late-chmod.md": made + "# late-chmod\n\n**A chmod | chown keeps files twice.**\n\nA layer is never changed.\n\n## Before\n\n" +
			"```dockerfile\nCOPY x /x\nRUN chmod 755 /x\n```\n\n## After\n\n```dockerfile\nCOPY --chmod=755 x /x\n```\n\n[All rules](README.md)\n",
		"undeclared.md": made + "# undeclared\n\n**What is imported is not declared.**\n\nDeclare it, ``` and all.\n\n## Before\n\n" +
			"```toml\n[project]\ndependencies = []\n```\n\n## After\n\n````toml\n# ```\ndependencies = [\"rich\"]\n````\n\n[All rules](README.md)\n",
		"bare.md": made + "# bare\n\n**No example.**\n\nNone.\n\n[All rules](README.md)\n",
		"README.md": made + "# Rules\n\n`whittle advise` uses these rules, in this order; `whittle fix --only RULE` makes the fixes of one.\n\n" +
			"| Rule | What it finds |\n|---|---|\n| [late-chmod](late-chmod.md) | A chmod \\| chown keeps files twice |\n" +
			"| [undeclared](undeclared.md) | What is imported is not declared. |\n| [bare](bare.md) | No example |\n",
	}
	texts := map[string]string{}
	for name, page := range got {
		texts[name] = string(page)
	}
	if diff := cmp.Diff(want, texts); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestRefused(t *testing.T) {
	for want, change := range map[string]func(r *analysis.Rule){
		"small letters":   func(r *analysis.Rule) { r.ID = "../Late" },
		"not one line":    func(r *analysis.Rule) { r.Title = "a\nb" },
		"no text":         func(r *analysis.Rule) { r.Text = " " },
		"one is empty":    func(r *analysis.Rule) { r.After = "" },
		"two of that nam": func(*analysis.Rule) {},
	} {
		r := example()
		change(&r)
		if _, err := render([]analysis.Rule{r, r}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

// TestCurrent: the pages of docs/reference say what the rules and the checks say.
func TestCurrent(t *testing.T) {
	rules, err := render(rule.All())
	if err != nil {
		t.Fatal(err)
	}
	checks, err := renderChecks(check.All())
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(compare("../../docs/reference/rules", rules), compare("../../docs/reference/checks", checks), compareLoaded("../../docs/explanation")); err != nil {
		t.Error(err)
	}
}

// TestStale: a page that is missing, old or of a rule that is gone is named
// with the command that mends it, which leaves nothing to say.
func TestStale(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "rules")
	pages, err := render([]analysis.Rule{example(), {ID: "bare", Title: "No example", Text: "None."}})
	if err != nil {
		t.Fatal(err)
	}
	if err := save(dir, pages); err != nil {
		t.Fatal(err)
	}
	if err := compare(dir, pages); err != nil {
		t.Fatalf("written just now: %v", err)
	}
	if err := os.Remove(filepath.Join(dir, "bare.md")); err != nil {
		t.Fatal(err)
	}
	changed := strings.Replace(string(pages["late-chmod.md"]), "never", "always", 1)
	for name, text := range map[string]string{"late-chmod.md": changed, "gone.md": "x"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	err = compare(dir, pages)
	for _, want := range []string{"bare.md is missing", "gone.md is of no rule", "late-chmod.md:7 is not what", "go run ./scripts/rules -w"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	if err := save(dir, pages); err != nil {
		t.Fatal(err)
	}
	if err := compare(dir, pages); err != nil {
		t.Errorf("written again: %v", err)
	}
}
