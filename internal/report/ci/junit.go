package ci

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"

	"whittle.dev/whittle"
)

// suites, suite and testcase are JUnit's report, by the schema of Jenkins' xUnit plugin,
// junit-10.xsd. It has no place of a test: where one failed is in its text.
// https://github.com/jenkinsci/xunit-plugin
type suites struct {
	XMLName  xml.Name `xml:"testsuites"`
	Name     string   `xml:"name,attr"`
	Tests    int      `xml:"tests,attr"`
	Failures int      `xml:"failures,attr"`
	Errors   int      `xml:"errors,attr"`
	Suites   []suite  `xml:"testsuite"`
}

type suite struct {
	Name     string     `xml:"name,attr"`
	Tests    int        `xml:"tests,attr"`
	Failures int        `xml:"failures,attr"`
	Errors   int        `xml:"errors,attr"`
	Skipped  int        `xml:"skipped,attr"`
	Cases    []testcase `xml:"testcase"`
}

type testcase struct {
	Name    string   `xml:"name,attr"`
	Class   string   `xml:"classname,attr"`
	Error   *failure `xml:"error"`
	Failure *failure `xml:"failure"`
	Skipped *skipped `xml:"skipped"`
	Out     string   `xml:"system-out,omitempty"`
}

type failure struct {
	Message string `xml:"message,attr"`
	Type    string `xml:"type,attr"`
	Text    string `xml:",chardata"`
}

type skipped struct {
	Message string `xml:"message,attr,omitempty"`
}

// Case is a test of a JUnit report.
type Case struct {
	// Class groups tests: whittle.budget.
	Class, Name string
	// Failed, Errored and Skipped say how it ended, else it passed; errored is a test of
	// which nobody knows the result.
	Failed, Errored, Skipped bool
	// Message is what came of it in a line, Text what more is said of a failure, and Kind
	// what kind of failure it is.
	Message, Text, Kind string
}

// GateCases are a gate's tests: each budget is one, whether the image runs, and each
// finding.
func GateCases(g *whittle.Gate) (out []Case) {
	for i := range g.Budgets {
		b := &g.Budgets[i]
		var lines []string
		for j := range b.Causes {
			lines = append(lines, causeText(&b.Causes[j], b.Unit))
		}
		out = append(out, Case{Class: "whittle.budget", Name: b.On, Failed: b.Status == whittle.GateFails, Errored: b.Status == whittle.GateUnmeasured, Skipped: b.Status == whittle.GateSkipped,
			Message: b.Text, Text: strings.Join(lines, "\n"), Kind: "budget"})
	}
	if g.Check != nil {
		var lines []string
		for _, p := range g.Check.Problems {
			lines = append(lines, p.Message)
		}
		out = append(out, Case{Class: "whittle.check", Name: "runs", Failed: g.Check.Status == whittle.GateFails, Message: "the image " + verdictText(g.Check.Verdict), Text: strings.Join(lines, "\n"), Kind: "check"})
	}
	for _, f := range g.Findings {
		out = append(out, Case{Class: "whittle.finding", Name: f.Rule + " " + f.Fingerprint, Failed: f.Status == whittle.GateFails, Message: f.Message, Text: at(f.File, f.Line), Kind: f.Rule})
	}
	return out
}

// CheckCases are a check's tests: whether it runs, and each problem. Errors fail.
func CheckCases(c *whittle.Check) []Case {
	out := []Case{{Class: "whittle.check", Name: "runs", Failed: c.Verdict == whittle.Fails, Message: verdictText(c.Verdict), Kind: "check"}}
	return append(out, Cases("whittle.check", OfCheck(c))...)
}

// Cases are results as tests, of which errors fail.
func Cases(class string, results []Result) (out []Case) {
	prints := unique(results)
	for i := range results {
		r := &results[i]
		out = append(out, Case{Class: class, Name: r.Rule + " " + prints[i], Failed: r.Level == Error, Message: r.Message, Text: at(r.File, r.Line), Kind: r.Rule})
	}
	return out
}

// at is a place as editors and terminals link it.
func at(file string, line int) string {
	if file == "" || line == 0 {
		return file
	}
	return fmt.Sprintf("%s:%d", file, line)
}

// JUnit writes tests as a suite.
func JUnit(w io.Writer, name string, all []Case) error {
	s := suite{Name: clean(name)}
	for i := range all {
		t := &all[i]
		c := testcase{Name: clean(t.Name), Class: clean(t.Class)}
		switch {
		case t.Failed:
			c.Failure = &failure{clean(t.Message), clean(t.Kind), clean(t.Text)}
			s.Failures++
		case t.Errored:
			c.Error = &failure{clean(t.Message), clean(t.Kind), clean(t.Text)}
			s.Errors++
		case t.Skipped:
			c.Skipped = &skipped{clean(t.Message)}
			s.Skipped++
		default:
			c.Out = clean(t.Message)
		}
		s.Cases = append(s.Cases, c)
	}
	s.Tests = len(s.Cases)
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	e := xml.NewEncoder(w)
	e.Indent("", "  ")
	if err := e.Encode(suites{Name: "whittle", Tests: s.Tests, Failures: s.Failures, Errors: s.Errors, Suites: []suite{s}}); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}

func verdictText(v whittle.Verdict) string {
	switch v {
	case whittle.Runs:
		return "runs"
	case whittle.Unknown:
		return "may not run: nobody can say"
	}
	return "does not run"
}

// clean is a text as XML can have it: other bytes and characters are \xHH.
// https://www.w3.org/TR/xml/#charsets
func clean(s string) string {
	lines := strings.Split(s, "\n")
	for i, l := range lines {
		lines[i] = nonCharacters.Replace(shown(l))
	}
	return strings.Join(lines, "\n")
}

var nonCharacters = strings.NewReplacer("\ufffe", `\xef\xbf\xbe`, "\uffff", `\xef\xbf\xbf`)
