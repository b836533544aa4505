package main

import (
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/audit"
	"whittle.dev/whittle/internal/commandline"
	"whittle.dev/whittle/internal/host"
	"whittle.dev/whittle/internal/report/ci"
	"whittle.dev/whittle/internal/report/page"
)

// findings is a result as continuous integration shows it.
type findings[T any] struct {
	// verb is the command's name.
	verb string
	// results are what is shown at places of the project, cases the tests of JUnit's
	// report, in a suite.
	results func(T) []ci.Result
	cases   func(T) (suite string, all []ci.Case)
	// markdown is the text of a comment, shorter than that of a report.
	markdown func(w io.Writer, result T) error
	badge    func(T) ci.Badge
}

// forms are the formats that other programs read and show.
func (f findings[T]) forms(a *app) []form[T] {
	results := func(v T) []ci.Result { return ci.In(host.InRepository(a.sources), f.results(v)) }
	return []form[T]{
		{formatConcise, func(w io.Writer, _ page.Style, v T) error {
			return ci.Concise(w, ci.In(filepath.ToSlash(filepath.Clean(a.sources)), f.results(v)))
		}},
		{formatSARIF, func(w io.Writer, _ page.Style, v T) error { return ci.SARIF(w, sarifTool(), results(v)) }},
		{formatJUnit, func(w io.Writer, _ page.Style, v T) error {
			suite, all := f.cases(v)
			return ci.JUnit(w, suite, all)
		}},
		{formatGitHub, func(w io.Writer, _ page.Style, v T) error { return ci.GitHub(w, results(v)) }},
		{formatCodeQuality, func(w io.Writer, _ page.Style, v T) error { return ci.CodeQuality(w, results(v)) }},
		{formatComment, func(w io.Writer, _ page.Style, v T) error {
			var text strings.Builder
			if err := f.markdown(&text, v); err != nil {
				return err
			}
			name, _ := f.cases(v)
			return ci.Comment(w, f.verb, name, text.String())
		}},
		{formatBadge, func(w io.Writer, _ page.Style, v T) error { return f.badge(v).Write(w) }},
	}
}

// step is what a step of GitHub's Actions tells later ones: names and values.
type step [][2]string

// tellGitHub adds annotations, the summary of the step and its outputs. Annotations
// are on standard error, where the runner reads them, too.
// https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands
func (o *output[T]) tellGitHub(result T) error {
	results := ci.In(host.InRepository(o.app.sources), o.results(result))
	if o.printed() != formatGitHub {
		if err := ci.GitHub(resultWriter{o.app.err}, results); err != nil {
			return err
		}
	}
	var text, outputs strings.Builder
	if err := o.in(formatMarkdown, &text, page.Style{}, result); err != nil {
		return err
	}
	for _, out := range o.outputs(result) {
		if err := ci.Output(&outputs, out[0], out[1]); err != nil {
			return err
		}
	}
	if err := commandline.AppendTo("GITHUB_OUTPUT", func(int64) string { return outputs.String() }); err != nil {
		return err
	}
	return commandline.AppendTo("GITHUB_STEP_SUMMARY", func(there int64) string {
		var summary strings.Builder
		_ = ci.Summary(&summary, text.String(), results, there) // a builder takes all
		return summary.String()
	})
}

// pages is where the pages of rules and checks are.
const pages = "https://whittle.dev/docs/reference/"

func sarifTool() ci.Tool {
	root := host.RepositoryRoot()
	t := ci.Tool{URL: "https://whittle.dev", Help: ruleHelp, Source: func(file string) []byte {
		text, err := whittle.ReadFile(filepath.Join(root, filepath.FromSlash(file)), whittle.MaxText)
		if err != nil {
			return nil
		}
		return text
	}}
	t.Version = strings.TrimPrefix(releaseVersion, "v")
	return t
}

// ruleHelp is what a rule, a check or another kind of result is about.
func ruleHelp(id string) (title, markdown, page string) {
	for _, r := range audit.Rules() {
		if r.ID != id {
			continue
		}
		markdown = r.Text
		if r.Before != "" {
			markdown += fmt.Sprintf("\n\nBefore:\n\n```dockerfile\n%s\n```\n\nAfter:\n\n```dockerfile\n%s\n```\n", strings.TrimSpace(r.Before), strings.TrimSpace(r.After))
		}
		return r.Title, markdown, pages + "rules/" + id + ".md"
	}
	for _, c := range audit.Checks() {
		if c.ID == id {
			return strings.ToUpper(c.Title[:1]) + c.Title[1:], c.Text, pages + "checks/" + id + ".md"
		}
	}
	kind, what, _ := strings.Cut(id, "/")
	switch kind {
	case "budget":
		return "The budget for " + strings.ReplaceAll(what, "/", " ") + " is not kept", "A figure of the image is over the budget in whittle.yaml or `[tool.whittle]` of pyproject.toml.", pages + "whittle-yaml.md"
	case "wasted":
		return "Bytes are wasted: " + what, "A later layer hides these bytes. They are still downloaded and stored.", ""
	case "grown":
		return "The image has grown: " + what, "This part of the image is larger than in the first one of the comparison.", ""
	}
	return id, "", ""
}
