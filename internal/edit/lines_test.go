package edit

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"whittle.dev/whittle"

	"github.com/google/go-cmp/cmp"
)

// lineCase is one line for testdata/lines.py.
type lineCase struct {
	Before string `json:"before"`
	After  string `json:"after"`
	Add    string `json:"add,omitempty"`
	Remove string `json:"remove,omitempty"`
	what   string
}

// TestLines adds to each file and takes each distribution out, and pip says
// what it reads before and after.
func TestLines(t *testing.T) {
	var cases []lineCase
	var got strings.Builder
	for _, s := range shapes(t, "testdata/shapes/requirements.txtar") {
		fmt.Fprintf(&got, "== %s\n", s.name)
		want := rich
		if strings.HasPrefix(s.name, "hashes") {
			want = rich + " --hash=sha256:6279836d581513a26f1bf235f9acd333bc9115683f14f7e8fae46c98fc50e015"
			if edits, err := AddLine(s.src, rich); !errors.Is(err, whittle.ErrUnsupported) || edits != nil {
				t.Errorf("%s takes a line without a hash: %v", s.name, err)
			}
		}
		edits, err := AddLine(s.src, want)
		if strings.HasPrefix(s.name, "open-end") {
			if !errors.Is(err, whittle.ErrUnsupported) {
				t.Errorf("%s: %v", s.name, err)
			}
		} else if err != nil || len(edits) == 0 {
			t.Errorf("%s: adding: %v", s.name, err)
		}
		out := applied(t, s.src, edits)
		show(&got, "add", s.src, out, err)
		if err == nil {
			cases = append(cases, lineCase{Before: string(s.src), After: string(out), Add: rich, what: s.name + ": add"})
			checkAdded(t, s, out)
		}
		for _, name := range namesOfLines(t, s.src) {
			edits, err := RemoveLine(s.src, name)
			if err != nil || len(edits) == 0 {
				t.Errorf("%s: removing %s: %v", s.name, name, err)
			}
			out := applied(t, s.src, edits)
			show(&got, "remove "+name, s.src, out, nil)
			cases = append(cases, lineCase{Before: string(s.src), After: string(out), Remove: name, what: s.name + ": remove " + name})
		}
	}
	golden(t, "requirements", got.String())
	ask(t, "lines.py", cases, func(c lineCase) string { return c.what })
}

// checkAdded adds again, and takes away what was added.
func checkAdded(t *testing.T, s shape, out []byte) {
	t.Helper()
	for _, again := range []string{rich, "RICH", "rich; os_name == 'nt'"} {
		if edits, err := AddLine(out, again); err != nil || edits != nil {
			t.Errorf("%s: adding %q again: %v, %v", s.name, again, edits, err)
		}
	}
	edits, err := RemoveLine(out, "Rich")
	if err != nil {
		t.Errorf("%s: %v", s.name, err)
	}
	if back := applied(t, out, edits); !bytes.Equal(back, s.src) {
		t.Errorf("%s: adding and removing gives %q, not %q", s.name, back, s.src)
	}
}

func namesOfLines(t testing.TB, src []byte) []string {
	t.Helper()
	f, err := parseLines(src)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	seen := map[string]bool{"": true}
	for _, l := range f.lines {
		if !seen[l.name] {
			out = append(out, l.name)
		}
		seen[l.name] = true
	}
	return out
}

func TestLinesRefused(t *testing.T) {
	for _, tt := range []struct {
		src, requirement string
		want             error
	}{
		{"flask\n", "not a requirement!", whittle.ErrUsage},
		{"flask\n", "-r other.txt", whittle.ErrUsage},
		{"flask\n", "rich # why", whittle.ErrUsage},
		{"flask\n", "rich \\", whittle.ErrUsage},
		{"flask\n", "rich\ncelery", whittle.ErrUsage},
		{"flask\n", "", whittle.ErrUsage},
		{"flask\rcelery\n", "rich", whittle.ErrUnsupported},
		{"flask\x0ccelery\n", "rich", whittle.ErrUnsupported},
		{"\xff\xfef\x00", "rich", whittle.ErrUnsupported},
		{"--require-hashes\nflask\n", "rich", whittle.ErrUnsupported},
		{strings.Repeat("#\n", maxText/2+1), "rich", whittle.ErrLimit},
		{strings.Repeat("\n", maxLines+1), "rich", whittle.ErrLimit},
	} {
		edits, err := AddLine([]byte(tt.src), tt.requirement)
		refused(t, fmt.Sprintf("%.20q to %.20q", tt.requirement, tt.src), tt.want, edits, err)
	}
	for _, name := range []string{"", "-", "a b", "a\n"} {
		if _, err := RemoveLine([]byte("a\n"), name); !errors.Is(err, whittle.ErrUsage) {
			t.Errorf("removing %q: %v", name, err)
		}
	}
	if edits, err := RemoveLine([]byte("a\n"), "b"); err != nil || edits != nil {
		t.Errorf("removing what is not there: %v, %v", edits, err)
	}
	edits, err := AddLine(nil, rich)
	if err != nil || !cmp.Equal(string(applied(t, nil, edits)), rich+"\n") {
		t.Errorf("a new file: %v, %v", edits, err)
	}
}
