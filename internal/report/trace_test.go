package report

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/report/jsontext"
	"whittle.dev/whittle/internal/report/page"
)

func traceValue() *whittle.Trace {
	t := &whittle.Trace{Schema: whittle.TraceSchema, Image: whittle.ImageFacts{Ref: "app:1"}, Runs: []whittle.TraceRun{
		{Name: "CMD", Command: []string{"app"}, Served: true, Exit: 137, Seconds: 2.25, Touched: 1204, Missing: 900},
		{Name: "worker", Command: []string{"app", "worker"}, Exit: -1, Seconds: 30},
		{Name: "app report --of-a-long-name-that-is-narrowed", Command: []string{"app", "report"}, Exit: 1, Problem: "ModuleNotFoundError: rich", Seconds: 1}},
		Notes: []string{"/usr/bin/sudo did not get the privileges that its file gives (CMD), as it was traced"}}
	for i := range 12 {
		o := whittle.TraceOwner{Owner: whittle.Owner{Ecosystem: "pypi", Name: fmt.Sprint("package-of-a-long-name-", i), Version: "1.2.3"}, Files: 10, Bytes: int64(i+1) * 1e6}
		if i%3 == 0 {
			o.TouchedFiles, o.TouchedBytes, o.ReadFiles, o.ReadBytes = 2, 5e5, 1, 4e5
		}
		t.Owners = append(t.Owners, o)
		t.Missing = append(t.Missing, fmt.Sprintf("/etc/missing/%02d", i))
	}
	return t
}

// TestTraceText: the answer is in the first line, what is large comes first and what is
// left is summed up; it fits narrow terminals.
func TestTraceText(t *testing.T) {
	for _, columns := range []int{40, 80, 120} {
		for _, all := range []bool{false, true} {
			var b strings.Builder
			if err := TraceText(&b, traceValue(), page.Style{Width: columns, Verbose: all}); err != nil {
				t.Fatal(err)
			}
			for line := range strings.Lines(b.String()) {
				if line = strings.TrimSuffix(line, "\n"); page.Width(line) > columns {
					t.Errorf("%d columns of %d: %s", page.Width(line), columns, line)
				}
			}
			text := strings.Join(strings.Fields(b.String()), " ")
			if !strings.HasPrefix(text, "app:1: 8 of 12 distributions never touched; 76.0 MB of 78.0 MB in 112 of 120 files never touched") {
				t.Errorf("%d columns: it begins with %.120s", columns, text)
			}
			for want, when := range map[string]bool{"it served": true, "it still ran": true, "exit code 1": true, "touched less than it will: ModuleNotFoundError: rich": true,
				"missing: 12 paths": true, "/etc/missing/04": true, "/etc/missing/11": all, "And 7 more (--all)": !all, "2 smaller": !all, "sudo did not get": true, "whittle advise app:1": true} {
				if strings.Contains(text, want) != when {
					t.Errorf("%d columns, all %t: %q is there: %t\n%s", columns, all, want, !when, b.String())
				}
			}
			if large, small := strings.Index(text, "12.0 MB 12.0 MB"), strings.Index(text, "5.0 MB 5.0 MB"); large < 0 || small < large {
				t.Errorf("%d columns: the largest is not first\n%s", columns, b.String())
			}
		}
	}
}

// TestTraceReadBack: the JSON form of a trace reads back as it was, whatever bytes its
// paths have; anything else is an error with a kind.
func TestTraceReadBack(t *testing.T) {
	was := traceValue()
	for _, p := range []string{"/a", "/a/\\x41", "/a/\xff\xfe", "/b\\y"} {
		was.Touched = append(was.Touched, whittle.TouchedPath{Path: p, How: whittle.TouchOpen | whittle.TouchLink})
	}
	slices.SortFunc(was.Touched, func(a, b whittle.TouchedPath) int { return strings.Compare(a.Path, b.Path) })
	var b bytes.Buffer
	if err := jsontext.Write(&b, was); err != nil {
		t.Fatal(err)
	}
	got, err := whittle.ReadTrace(b.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(was.Touched, got.Touched); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(was.Owners, got.Owners); diff != "" {
		t.Error(diff)
	}
	head := `{"schema": "whittle.trace/v1", "touched": [`
	for text, want := range map[string]error{
		"": whittle.ErrUsage, "{}": whittle.ErrUsage, `{"schema": "whittle.inspect/v2"}`: whittle.ErrUsage, head + `{"path": "/a", "how": ["seen"]}]}`: whittle.ErrUsage,
		head + `{"path": "a", "how": ["open"]}]}`: whittle.ErrCorrupt, head + `{"path": "/a/../b", "how": ["open"]}]}`: whittle.ErrCorrupt, head + `{"path": "/a", "how": []}]}`: whittle.ErrCorrupt,
		head + `{"path": "/a", "how": ["open"]}, {"path": "/a", "how": ["stat"]}]}`: whittle.ErrCorrupt, head + `], "lost": 1}`: whittle.ErrUnmeasured,
	} {
		if _, err := whittle.ReadTrace([]byte(text)); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", text, err, want)
		}
	}
}

// TestTraceWithoutDistributions: an image without any has its files counted.
func TestTraceWithoutDistributions(t *testing.T) {
	var b strings.Builder
	if err := TraceMarkdown(&b, &whittle.Trace{Image: whittle.ImageFacts{Ref: "x"}, Owners: []whittle.TraceOwner{{Owner: whittle.Owner{Ecosystem: "deb", Name: "bash"}, Files: 3, Bytes: 3e6, TouchedFiles: 1, TouchedBytes: 1e6}}}, false); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(b.String(), "# x: 2.0 MB of 3.0 MB in 2 of 3 files never touched\n") {
		t.Error(b.String())
	}
}

// FuzzTrace: a trace that is read may be anybody's: its paths are absolute, clean,
// sorted and each once, each is found, and the same text without escapes reads again.
func FuzzTrace(f *testing.F) {
	for _, seed := range []string{"", "{}", `{"schema": "whittle.trace/v1"}`, `{"schema": "whittle.trace/v1", "touched": [{"path": "/b", "how": ["open"]}, {"path": "/a/\\x5cxff", "how": ["link", "stat"]}]}`,
		`{"schema": "whittle.trace/v1", "owners": [{"ecosystem": "pypi", "name": "a", "files": -1}], "runs": [{"name": "\u001b"}], "lost": 0}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		tr, err := whittle.ReadTrace(text)
		if err != nil {
			return
		}
		escaped := false
		for i, p := range tr.Touched {
			if !path.IsAbs(p.Path) || path.Clean(p.Path) != p.Path || p.How == 0 || i > 0 && tr.Touched[i-1].Path >= p.Path || tr.How(p.Path) != p.How {
				t.Fatalf("%d: %q, %v, found as %v", i, p.Path, p.How, tr.How(p.Path))
			}
			escaped = escaped || !utf8.ValidString(p.Path) || strings.Contains(p.Path, `\x`)
		}
		if escaped {
			return
		}
		again, err := json.Marshal(tr)
		if err != nil {
			t.Fatal(err)
		}
		back, err := whittle.ReadTrace(again)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(tr.Touched, back.Touched); diff != "" {
			t.Fatal(diff)
		}
	})
}

// TestTraceNext: the command to type next takes the trace where it is in a file.
func TestTraceNext(t *testing.T) {
	for file, want := range map[string]string{"": "whittle advise ", "t.json": "whittle advise --trace t.json "} {
		var b bytes.Buffer
		if err := TraceText(&b, traceValue(), page.Style{Written: file}); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(b.String(), want) {
			t.Errorf("%q is not in:\n%s", want, b.String())
		}
	}
}
