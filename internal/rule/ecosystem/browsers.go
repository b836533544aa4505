package ecosystem

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/dockerfile"
	"whittle.dev/whittle/internal/rule/analysis"
)

// UnusedBrowsers is the rule unused-browsers: Playwright has downloaded browsers that
// the application does not name.
func UnusedBrowsers() analysis.Rule {
	return analysis.Rule{
		ID:    "unused-browsers",
		Title: "Playwright has downloaded browsers that nothing names",
		Text: `Without an argument, playwright install downloads Chromium, Firefox and WebKit, several hundred megabytes each. Most applications use one. A
browser that no file of the project names, while it names another one, is reported.`,
		Before: "RUN playwright install --with-deps\n",
		After:  "RUN playwright install --with-deps chromium\n",
		Run:    browsers,
	}
}

// browserFolder matches the folders of Playwright's browsers:
// ms-playwright/chromium_headless_shell-1187.
// https://playwright.dev/docs/browsers
var browserFolder = regexp.MustCompile(`(?:^|/)(?:ms-playwright|pw-browsers)/((chromium|firefox|webkit)[a-z_]*-\d+)/`)

func browsers(p *analysis.Pass) []whittle.Finding {
	if p.Ledger == nil || p.Files == nil || p.Dockerfile == nil {
		return nil
	}
	byName := map[string][]int{}
	for _, i := range p.Layers.Visible(func(i int) bool { return !p.Layers.IsBase(p.Ledger.Items[i].Layer) }) {
		if m := browserFolder.FindStringSubmatch(p.Ledger.Items[i].Path); m != nil {
			byName[m[2]] = append(byName[m[2]], i)
		}
	}
	if len(byName) < 2 {
		return nil
	}
	named, ok := namedBrowsers(p)
	if !ok || len(named) == 0 {
		return nil
	}
	var unused []string
	var items []int
	for name, mine := range byName {
		if !slices.Contains(named, name) {
			unused = append(unused, name)
			items = append(items, mine...)
		}
	}
	slices.Sort(unused)
	slices.Sort(items)
	if p.Layers.Bytes(items) < analysis.MinBytes {
		return nil
	}
	f := withLines(p, whittle.Finding{
		Message: fmt.Sprintf("Playwright's %s take %s, and no file of the project names them; it names %s",
			analysis.List(unused), whittle.Bytes(p.Layers.Bytes(items)), analysis.List(named)),
		Evidence: p.Layers.Places(items), Change: p.Layers.Removal(items), Risk: whittle.RiskMedium,
		Caution:     "a browser whose name comes from outside, such as a setting, is missing",
		Advice:      "install " + strings.Join(named, " ") + " by name",
		Fingerprint: whittle.Fingerprint("unused-browsers", unused...),
	}, items)
	if layers := p.Layers.LayersOf(items); len(layers) == 1 {
		f.Fix = namedInstall(p, layers[0], named)
	}
	return []whittle.Finding{f}
}

// namedBrowsers are the browsers that the project's files name; ok is false if not
// all can be read. "chrome" and "msedge" are channels of Chromium.
func namedBrowsers(p *analysis.Pass) (out []string, ok bool) {
	words := map[string][]string{"chromium": {"chromium", "chrome", "msedge"}, "firefox": {"firefox"}, "webkit": {"webkit", "safari"}}
	for name, all := range words {
		_, _, found := p.Project.Mentioned(nil, all)
		if !found {
			found = slices.ContainsFunc(p.Recipe.PythonSources(), func(at string) bool {
				text, ok := p.Project.Read(at)
				return !ok || slices.ContainsFunc(all, func(w string) bool { return analysis.LineWith(text, w) > 0 })
			})
		}
		if found {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out, true
}

// namedInstall names the browsers in the command that installs all of them.
func namedInstall(p *analysis.Pass, layer int, named []string) *whittle.Fix {
	in := p.Recipe.Instruction(layer)
	if in == nil || in.Keyword != "RUN" {
		return nil
	}
	script, err := in.Shell()
	if err != nil {
		return nil
	}
	for _, c := range script.Commands() {
		last, ok := installsAll(&c)
		if !ok {
			continue
		}
		edit, err := in.AddWords(c, last, named...)
		if err != nil {
			return nil
		}
		if fix, ok := p.Recipe.Fix("install "+strings.Join(named, " ")+" only", []whittle.Edit{edit}); ok {
			return fix
		}
	}
	return nil
}

// installsAll says that a command is "playwright install" without a browser's name;
// last is the position of its last word.
func installsAll(c *dockerfile.Command) (last int, ok bool) {
	at := slices.IndexFunc(c.Words, func(w dockerfile.Word) bool { return path.Base(w.Value) == "playwright" })
	if at < 0 || at+1 >= len(c.Words) || c.Words[at+1].Value != "install" {
		return 0, false
	}
	for _, w := range c.Words[at+2:] {
		if !strings.HasPrefix(w.Text, "--") {
			return 0, false
		}
	}
	return len(c.Words) - 1, true
}
