package ci_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/imagetest"
	"whittle.dev/whittle/internal/report/ci"
)

// schemas is where scripts/schemas puts other projects' schemas.
const schemas = "../../../.cache/schemas"

const source = "FROM debian\nRUN a\n# ü 😀 x\nRUN b\r\n"

// hostile are results with names and texts that formats have to escape.
func hostile() []ci.Result {
	names := []string{"Dockerfile", "a b/ü.toml", "dir/100%/x,y:z", "a:b", "bad\xff\xfe/name", "new\nline", "<x>&\"'", "\u202eevil", "..", "/etc/passwd", "#1", "]]>", "\x1b[31mred", "a\x00b", "\ufffe", ""}
	var out []ci.Result
	for i, name := range names {
		out = append(out, ci.Result{Rule: "python-tests", Level: []ci.Level{ci.Error, ci.Warning, ci.Note}[i%3], Message: name + " is %0A wrong\n::error::x", File: name, Line: i, Fingerprint: fmt.Sprintf("%016x", i/2), Saves: int64(i)})
	}
	fix := func(edits ...whittle.Edit) *whittle.Fix {
		return &whittle.Fix{Title: "do it", Patches: []whittle.Patch{{File: "Dockerfile", Digest: whittle.DigestOf([]byte(source)), Edits: edits}}}
	}
	out[0].Fix = fix(whittle.Edit{Span: whittle.Span{Start: 12, End: 17}, New: "RUN c"}, whittle.Edit{Span: whittle.Span{Start: 28, End: 28}, New: "\xff"}, whittle.Edit{Span: whittle.Span{Start: 30, End: 35}})
	out[1].Fix = &whittle.Fix{Title: "new", Patches: []whittle.Patch{{File: ".dockerignore", Edits: []whittle.Edit{{New: "*.pyc\n"}}}}}
	out[2].Fix = &whittle.Fix{Title: "stale", Patches: []whittle.Patch{{File: "Dockerfile", Digest: whittle.DigestOf([]byte("other")), Edits: []whittle.Edit{{New: "x"}}}}}
	return out
}

func many(n int) []ci.Result {
	out := make([]ci.Result, n)
	for i := range out {
		out[i] = ci.Result{Rule: fmt.Sprintf("rule-%d", i%40), Level: []ci.Level{ci.Error, ci.Warning, ci.Note}[i%3], Message: fmt.Sprintf("finding %d: the tests of a distribution take 12.5 MB, which nothing reads", i), File: "Dockerfile", Line: i + 1, Fingerprint: "same", Saves: int64(i)}
	}
	return ci.Sort(out)
}

func tool() ci.Tool {
	return ci.Tool{Version: "1.2.3", URL: "https://whittle.dev", Help: func(id string) (string, string, string) {
		return "Title of " + id, "Text with `code`.", "https://whittle.dev/rules/" + id
	}, Source: func(file string) []byte {
		if file == "Dockerfile" {
			return []byte(source)
		}
		return nil
	}}
}

func written(t *testing.T, write func(w io.Writer) error) string {
	t.Helper()
	var b strings.Builder
	imagetest.Must(t, write(&b))
	return b.String()
}

// checkSARIF validates a log against the official schema.
func checkSARIF(t *testing.T, text string) {
	t.Helper()
	file := filepath.Join(schemas, "sarif-2.1.0.json")
	if _, err := os.Stat(file); err != nil {
		t.Skip("no schema of SARIF: run scripts/schemas")
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	s, err := c.Compile(file)
	imagetest.Must(t, err)
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	imagetest.Must(t, err)
	if err := s.Validate(doc); err != nil {
		t.Error(err)
	}
}

type sarifLog struct {
	Runs []struct {
		Tool struct {
			Driver struct{ Rules []struct{ ID string } }
		}
		Results []struct {
			RuleID              string
			RuleIndex           int
			PartialFingerprints map[string]string
			Locations           []struct {
				PhysicalLocation struct {
					ArtifactLocation struct{ URI, URIBaseID string }
				}
			}
			Fixes []struct {
				ArtifactChanges []struct {
					Replacements []struct {
						DeletedRegion   struct{ StartLine, StartColumn, EndLine, EndColumn, ByteOffset, ByteLength int }
						InsertedContent struct {
							Text   string
							Binary []byte
						}
					}
				}
			}
		}
	}
}

func parseSARIF(t *testing.T, text string) (log sarifLog) {
	t.Helper()
	imagetest.Must(t, json.Unmarshal([]byte(text), &log))
	return log
}

// TestSARIF: hostile names and texts give a log that the official schema takes, whose
// addresses lead back to the names, and whose rules are those of the results.
func TestSARIF(t *testing.T) {
	results := hostile()
	text := written(t, func(w io.Writer) error { return ci.SARIF(w, tool(), results) })
	log := parseSARIF(t, text)
	seen := map[string]bool{}
	for i, r := range log.Runs[0].Results {
		at := r.Locations[0].PhysicalLocation.ArtifactLocation
		u, err := url.Parse(at.URI)
		want := results[i].File
		if want == "" {
			want = "Dockerfile"
		}
		if err != nil || u.Path != want && u.Opaque != want || u.RawQuery != "" || u.Fragment != "" {
			t.Errorf("%q became %q: %v", want, at.URI, err)
		}
		if (at.URIBaseID == "") != strings.HasPrefix(want, "/") {
			t.Errorf("%q is relative to %q", want, at.URIBaseID)
		}
		if f := r.PartialFingerprints["whittle/v1"]; f == "" || seen[f] {
			t.Errorf("result %d has the fingerprint %q, which is empty or another's", i, f)
		} else {
			seen[f] = true
		}
		if log.Runs[0].Tool.Driver.Rules[r.RuleIndex].ID != r.RuleID {
			t.Errorf("result %d has another rule's index", i)
		}
	}
	if len(log.Runs[0].Results[2].Fixes) > 0 {
		t.Error("a fix for another content of the file is in the log")
	}
	checkSARIF(t, text)
}

// TestSARIFRegions: the regions of a fix are those of its spans, in bytes and in lines
// and columns of UTF-16.
func TestSARIFRegions(t *testing.T) {
	log := parseSARIF(t, written(t, func(w io.Writer) error { return ci.SARIF(w, tool(), hostile()) }))
	r := log.Runs[0].Results[0].Fixes[0].ArtifactChanges[0].Replacements
	want := []struct{ line, column, endLine, endColumn, offset, length int }{{2, 1, 2, 6, 12, 5}, {3, 8, 3, 8, 28, 0}, {4, 1, 4, 6, 30, 5}}
	for i, w := range want {
		if d := r[i].DeletedRegion; d.StartLine != w.line || d.StartColumn != w.column || d.EndLine != w.endLine || d.EndColumn != w.endColumn || d.ByteOffset != w.offset || d.ByteLength != w.length {
			t.Errorf("region %d is %+v, want %+v", i, d, w)
		}
	}
	if r[0].InsertedContent.Text != "RUN c" || !bytes.Equal(r[1].InsertedContent.Binary, []byte{0xff}) {
		t.Errorf("inserted: %+v", r)
	}
}

// TestLimits: however many results there are, GitHub takes each format.
func TestLimits(t *testing.T) {
	for _, n := range []int{0, 1, 10_000, 30_000} {
		results := many(n)
		text := written(t, func(w io.Writer) error { return ci.SARIF(w, tool(), results) })
		log := parseSARIF(t, text)
		if got := len(log.Runs[0].Results); got != min(n, 25_000) {
			t.Errorf("%d results of %d", got, n)
		}
		var zipped bytes.Buffer
		z := gzip.NewWriter(&zipped)
		_, err := io.WriteString(z, text)
		imagetest.Must(t, errors.Join(err, z.Close()))
		if zipped.Len() > 10<<20 {
			t.Errorf("%d results are %d bytes in gzip", n, zipped.Len())
		}
		if n <= 10_000 {
			checkSARIF(t, text)
		}
		commands := written(t, func(w io.Writer) error { return ci.GitHub(w, results) })
		if got := strings.Count(commands, "\n::") + min(n, 1); got > 31 || n > 30 && !strings.HasSuffix(commands, fmt.Sprintf("whittle: %d more are not shown here: GitHub shows 10 of each kind\n", n-30)) {
			t.Errorf("%d commands of %d: %s", got, n, commands)
		}
		md := "# Title\n\n" + strings.Repeat("| row | of | a table |\n", n) + "```text\n" + strings.Repeat("log\n", n) + "```\n"
		summary := written(t, func(w io.Writer) error { return ci.Summary(w, md, results, 1000) })
		comment := written(t, func(w io.Writer) error { return ci.Comment(w, "gate", "app:1", md) })
		if len(summary) > 1<<20-1000 || len(comment) > 65_536 || strings.Count(comment, "```")%2 != 0 || strings.Count(summary, "```")%2 != 0 {
			t.Errorf("%d: the summary has %d bytes, the comment %d", n, len(summary), len(comment))
		}
		if n > 30 && !strings.Contains(summary, fmt.Sprintf("%d more findings are not annotated", n-30)) {
			t.Error("the summary does not count what is not annotated")
		}
		checkQuality(t, results)
		checkJUnit(t, written(t, func(w io.Writer) error { return ci.JUnit(w, "x", ci.Cases("whittle.advise", results)) }))
	}
}

// TestFormatsLinear: the cost of each format grows with the number of results.
func TestFormatsLinear(t *testing.T) {
	for name, write := range map[string]func(w io.Writer, results []ci.Result) error{
		"sarif":  func(w io.Writer, r []ci.Result) error { return ci.SARIF(w, tool(), r) },
		"junit":  func(w io.Writer, r []ci.Result) error { return ci.JUnit(w, "x", ci.Cases("c", r)) },
		"gitlab": ci.CodeQuality,
		"github": ci.GitHub,
	} {
		imagetest.Linear(t, imagetest.Growth{Name: name, Most: 16_000, Make: func(n int) func() {
			results := many(n)
			return func() { _ = write(io.Discard, results) }
		}})
	}
}

// checkQuality compares GitLab's report with what its documentation asks of it.
func checkQuality(t *testing.T, results []ci.Result) {
	t.Helper()
	var all []struct {
		Description string `json:"description"`
		CheckName   string `json:"check_name"`
		Fingerprint string `json:"fingerprint"`
		Severity    string `json:"severity"`
		Location    struct {
			Path  string `json:"path"`
			Lines struct {
				Begin int `json:"begin"`
			} `json:"lines"`
		} `json:"location"`
	}
	d := json.NewDecoder(strings.NewReader(written(t, func(w io.Writer) error { return ci.CodeQuality(w, results) })))
	d.DisallowUnknownFields()
	imagetest.Must(t, d.Decode(&all))
	if len(all) != len(results) {
		t.Errorf("%d entries of %d", len(all), len(results))
	}
	seen := map[string]bool{}
	for _, q := range all {
		if q.Description == "" || q.CheckName == "" || q.Fingerprint == "" || seen[q.Fingerprint] || q.Location.Path == "" || q.Location.Lines.Begin < 1 || !slices.Contains([]string{"info", "minor", "major", "critical", "blocker"}, q.Severity) {
			t.Fatalf("%+v", q)
		}
		if strings.ContainsAny(q.Location.Path+q.Description, "\n\x1b\x00") {
			t.Errorf("raw characters: %+v", q)
		}
		seen[q.Fingerprint] = true
	}
}

func TestCodeQuality(t *testing.T) { checkQuality(t, hostile()) }

// checkJUnit validates a report against junit-10.xsd, where scripts/schemas has put it,
// and its counts in any case.
func checkJUnit(t *testing.T, text string) {
	t.Helper()
	var doc struct {
		Suite struct {
			Tests    int `xml:"tests,attr"`
			Failures int `xml:"failures,attr"`
			Errors   int `xml:"errors,attr"`
			Skipped  int `xml:"skipped,attr"`
			Cases    []struct {
				Failure *struct{} `xml:"failure"`
				Error   *struct{} `xml:"error"`
				Skipped *struct{} `xml:"skipped"`
			} `xml:"testcase"`
		} `xml:"testsuite"`
	}
	imagetest.Must(t, xml.Unmarshal([]byte(text), &doc))
	failures, errored, skipped := 0, 0, 0
	for _, c := range doc.Suite.Cases {
		if c.Failure != nil {
			failures++
		}
		if c.Error != nil {
			errored++
		}
		if c.Skipped != nil {
			skipped++
		}
	}
	if s := doc.Suite; s.Tests != len(s.Cases) || s.Failures != failures || s.Errors != errored || s.Skipped != skipped {
		t.Errorf("counts: %d %d %d of %d, %d, %d", s.Tests, s.Failures, s.Skipped, len(s.Cases), failures, skipped)
	}
	python := filepath.Join(schemas, "venv/bin/python")
	if _, err := os.Stat(python); err != nil {
		t.Log("not validated: run scripts/schemas")
		return
	}
	file := filepath.Join(t.TempDir(), "junit.xml")
	imagetest.Must(t, os.WriteFile(file, []byte(text), 0o600))
	out, err := exec.Command(python, "-c", "import sys; from lxml import etree; etree.XMLSchema(etree.parse(sys.argv[1])).assertValid(etree.parse(sys.argv[2]))", filepath.Join(schemas, "junit-10.xsd"), file).CombinedOutput() //nolint:gosec // the test's own files
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestJUnit(t *testing.T) {
	cases := ci.Cases("whittle.advise", hostile())
	cases = append(cases, ci.Case{Class: "c\x1b", Name: "skipped\uffff", Skipped: true, Message: "no\nbaseline"}, ci.Case{Class: "c", Name: "e", Errored: true, Message: "not measured", Kind: "budget"}, ci.Case{Class: "c", Name: "f", Failed: true, Message: "m", Text: "a\nb\x00", Kind: "k"})
	checkJUnit(t, written(t, func(w io.Writer) error { return ci.JUnit(w, "bad\xff", cases) }))
}

// TestGitHub: no text leaves its command, and what the runner reads back is the text.
func TestGitHub(t *testing.T) {
	back := strings.NewReplacer("%2C", ",", "%3A", ":", "%0A", "\n", "%0D", "\r", "%25", "%")
	text := written(t, func(w io.Writer) error { return ci.GitHub(w, hostile()) })
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	if len(lines) != len(hostile()) {
		t.Errorf("%d lines", len(lines))
	}
	for i, line := range lines {
		head, message, ok := strings.Cut(strings.TrimPrefix(line, "::"), "::")
		if !ok || strings.Count(head, ",") > 2 || strings.ContainsAny(line, "\x1b\x00\r") || !utf8.ValidString(line) {
			t.Errorf("%q", line)
		}
		if want := "is %0A wrong"; !strings.Contains(back.Replace(message), want) {
			t.Errorf("%d: %q became %q", i, want, message)
		}
	}
}

// TestOutput: a value of several lines is one value for the runner, whatever is in it.
func TestOutput(t *testing.T) {
	for _, value := range []string{"", "1", "a\nb", "x<<EOF\ny\nEOF\n", "status=passes\nstatus=fails"} {
		text := written(t, func(w io.Writer) error { return ci.Output(w, "over", value) })
		name, rest, ok := strings.Cut(strings.TrimSuffix(text, "\n"), "<<")
		if first, _, _ := strings.Cut(text, "\n"); !strings.Contains(first, "<<") || strings.HasPrefix(first, "over=") {
			if text != "over="+value+"\n" || strings.Contains(value, "\n") {
				t.Errorf("%q became %q", value, text)
			}
			continue
		}
		end, body, _ := strings.Cut(rest, "\n")
		got, found := strings.CutSuffix(body, "\n"+end)
		if !ok || name != "over" || !found || got != strings.TrimSuffix(value, "\n") || strings.Contains(got, end) {
			t.Errorf("%q became %q", value, text)
		}
	}
}

// TestComment: the mark is the first line, whatever the name is, and nobody is
// mentioned but in fenced texts.
func TestComment(t *testing.T) {
	text := written(t, func(w io.Writer) error {
		return ci.Comment(w, "gate", "app--> @all\n<!--", "# @team \\#12 GH-3 !4\n\n```text\n@decorator\n```\nmail@example.com\n")
	})
	first, rest, _ := strings.Cut(text, "\n")
	if !strings.HasPrefix(first, "<!-- whittle ") || !strings.HasSuffix(first, " -->") || strings.Count(first, "-->") != 1 || strings.Count(first, "<!--") != 1 {
		t.Errorf("mark %q", first)
	}
	want := "# @\u200bteam \\#\u200b12 GH\u200b-3 !\u200b4\n\n```text\n@decorator\n```\nmail@\u200bexample.com\n"
	if rest != want {
		t.Errorf("%q, want %q", rest, want)
	}
}

// TestInert: what looks like a command in a log is none.
func TestInert(t *testing.T) {
	for _, text := range []string{"size 2 MB\n", "a::b\n", "opt/a # [b]\n", ""} {
		if got := ci.Inert(text); got != text {
			t.Errorf("%q became %q", text, got)
		}
	}
	for _, text := range []string{"x\n  ::error::evil\n", "::add-mask::a", "a ##[add-path]b\n"} {
		lines := strings.Split(ci.Inert(text), "\n")
		token, ok := strings.CutPrefix(lines[0], "::stop-commands::")
		if !ok || len(token) < 20 || lines[len(lines)-2] != "::"+token+"::" || !strings.Contains(strings.Join(lines[1:len(lines)-2], "\n"), strings.TrimSuffix(text, "\n")) {
			t.Errorf("%q", lines)
		}
	}
}

// TestMark: the next commit's image has the mark of this one's, another image and
// another verb have their own.
func TestMark(t *testing.T) {
	mark := func(verb, image string) string {
		first, _, _ := strings.Cut(written(t, func(w io.Writer) error { return ci.Comment(w, verb, image, "x") }), "\n")
		return first
	}
	for image, want := range map[string]string{
		"app:1": "app", "app": "app", "docker:app:1": "docker:app", "docker:app": "docker:app", "registry:localhost:5000/acme/app:main": "registry:localhost:5000/acme/app", "localhost:5000/app": "localhost:5000/app",
		"ghcr.io/acme/app:1@sha256:0123": "ghcr.io/acme/app", "docker://app:2": "docker://app", "build/app.tar": "build/app.tar", "": "",
	} {
		if got := mark("gate", image); got != fmt.Sprintf("<!-- whittle gate %s -->", strings.ReplaceAll(fmt.Sprintf("%q", want), "-", `\x2d`)) {
			t.Errorf("%s: %s", image, got)
		}
	}
	if mark("gate", "app:1") == mark("check", "app:1") {
		t.Error("two verbs have one mark")
	}
}

func TestBadge(t *testing.T) {
	got := written(t, ci.Badge{Label: "image size", Message: "361.2 MB", Color: ci.Good}.Write)
	want := "{\n  \"schemaVersion\": 1,\n  \"label\": \"image size\",\n  \"message\": \"361.2 MB\",\n  \"color\": \"brightgreen\"\n}\n"
	if got != want {
		t.Errorf("%s", got)
	}
}

// TestFolder: a project in a folder of the repository has its files there.
func TestFolder(t *testing.T) {
	got := ci.In("services/app", []ci.Result{{File: "Dockerfile"}, {}, {File: "/etc/passwd"}})
	for i, want := range []string{"services/app/Dockerfile", "services/app/Dockerfile", "/etc/passwd"} {
		if got[i].File != want {
			t.Errorf("%q, want %q", got[i].File, want)
		}
	}
}
