package output

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

// Findings is a result as continuous integration shows it.
type Findings[T any] struct {
	// Verb is the command's name.
	Verb string
	// Results are what is shown at places of the project, Cases the tests of JUnit's
	// report, in a suite.
	Results func(T) []ci.Result
	Cases   func(T) (suite string, all []ci.Case)
	// Markdown is the text of a comment, shorter than that of a report.
	Markdown func(w io.Writer, result T) error
	Badge    func(T) ci.Badge
}

// Forms are the formats that other programs read and show.
func (f Findings[T]) Forms(p *Printer) []Form[T] {
	results := func(v T) []ci.Result { return ci.In(host.InRepository(p.Sources), f.Results(v)) }
	return []Form[T]{
		{Concise, func(w io.Writer, _ page.Style, v T) error {
			return ci.Concise(w, ci.In(filepath.ToSlash(filepath.Clean(p.Sources)), f.Results(v)))
		}},
		{SARIF, func(w io.Writer, _ page.Style, v T) error { return ci.SARIF(w, sarifTool(p.Version), results(v)) }},
		{JUnit, func(w io.Writer, _ page.Style, v T) error {
			suite, all := f.Cases(v)
			return ci.JUnit(w, suite, all)
		}},
		{GitHub, func(w io.Writer, _ page.Style, v T) error { return ci.GitHub(w, results(v)) }},
		{CodeQuality, func(w io.Writer, _ page.Style, v T) error { return ci.CodeQuality(w, results(v)) }},
		{Comment, func(w io.Writer, _ page.Style, v T) error {
			var text strings.Builder
			if err := f.Markdown(&text, v); err != nil {
				return err
			}
			name, _ := f.Cases(v)
			return ci.Comment(w, f.Verb, name, text.String())
		}},
		{Badge, func(w io.Writer, _ page.Style, v T) error { return f.Badge(v).Write(w) }},
	}
}

// Step is what a step of GitHub's Actions tells later ones: names and values.
type Step [][2]string

// tellGitHub adds annotations, the summary of the step and its outputs. Annotations
// are on standard error, where the runner reads them, too.
// https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands
func (o *Output[T]) tellGitHub(result T) error {
	results := ci.In(host.InRepository(o.to.Sources), o.Results(result))
	if o.printed() != GitHub {
		if err := ci.GitHub(resultWriter{o.to.Err}, results); err != nil {
			return err
		}
	}
	var text, outputs strings.Builder
	if err := o.in(Markdown, &text, page.Style{}, result); err != nil {
		return err
	}
	for _, out := range o.Outputs(result) {
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

func sarifTool(version string) ci.Tool {
	root := host.RepositoryRoot()
	t := ci.Tool{URL: "https://whittle.dev", Version: strings.TrimPrefix(version, "v"), Help: ruleHelp, Source: func(file string) []byte {
		text, err := whittle.ReadFile(filepath.Join(root, filepath.FromSlash(file)), whittle.MaxText)
		if err != nil {
			return nil
		}
		return text
	}}
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
