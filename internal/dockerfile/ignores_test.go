package dockerfile

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"whittle.dev/whittle"
)

// TestIgnoreComments: where comments that accept findings are read, and of which
// instruction they speak.
func TestIgnoreComments(t *testing.T) {
	one := func(line, from, to int) []Ignore {
		return []Ignore{{Rules: []string{"pip-cache"}, Reason: "why", Line: line, From: from, To: to}}
	}
	for name, c := range map[string]struct {
		text string
		want []Ignore
	}{
		"above an instruction":       {"FROM a\n# whittle: ignore=pip-cache reason=\"why\"\nRUN x\n", one(2, 3, 3)},
		"without blanks":             {"FROM a\n#whittle:ignore=pip-cache reason=why\nRUN x\n", one(2, 3, 3)},
		"indented, other order":      {"FROM a\n  #  whittle:  reason='why'   ignore=pip-cache\nRUN x\n", one(2, 3, 3)},
		"curly quotes":               {"FROM a\n# whittle: ignore=pip-cache reason=“why”\nRUN x\n", one(2, 3, 3)},
		"with CR LF":                 {"FROM a\r\n# whittle: ignore=pip-cache reason=\"why\"\r\nRUN x\r\n", one(2, 3, 3)},
		"with others between":        {"FROM a\n# whittle: ignore=pip-cache reason=why\n# more\n\nRUN x \\\n  y\n", one(2, 5, 6)},
		"above FROM":                 {"# whittle: ignore=pip-cache reason=why\nFROM a\n", one(1, 2, 2)},
		"below a directive":          {"# syntax=docker/dockerfile:1\n# whittle: ignore=pip-cache reason=why\nFROM a\n", one(2, 3, 3)},
		"between continued lines":    {"FROM a\nRUN x && \\\n  # whittle: ignore=pip-cache reason=why\n  y\nRUN z\n", one(3, 2, 4)},
		"in the script of a heredoc": {"FROM a\nRUN <<EOF\n# whittle: ignore=pip-cache reason=why\nx\nEOF\nRUN z\n", one(3, 2, 5)},
		"in a file of a heredoc":     {"FROM a\nCOPY <<EOF /x\n# whittle: ignore=pip-cache reason=why\nEOF\nRUN z\n", nil},
		"several rules and a day": {"FROM a\n# whittle: ignore=pip-cache,apt-lists until=2027-03-01 reason=\"one, two = three\"\nRUN x\n",
			[]Ignore{{Rules: []string{"pip-cache", "apt-lists"}, Until: "2027-03-01", Reason: "one, two = three", Line: 2, From: 3, To: 3}}},
		"two comments": {"FROM a\n# whittle: ignore=pip-cache reason=why\n# whittle: ignore=pip-cache reason=why\nRUN x\n", append(one(2, 4, 4), one(3, 4, 4)...)},
		"prose":        {"FROM a\n# whittle: see the page\n# whittle makes it smaller\n# we use whittle: ignore=x\nRUN x\n", nil},
		"in a word":    {"FROM a\nRUN echo '# whittle: ignore=pip-cache'\n", nil},
	} {
		f, err := Parse("Dockerfile", []byte(c.text))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		got, err := f.Ignores()
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// TestIgnoreErrors: each says its line, and what to write.
func TestIgnoreErrors(t *testing.T) {
	for _, c := range []struct{ comment, says, hint string }{
		{"ignore=pip-cache", "ignoring pip-cache has no reason", `add reason="why it is accepted"`},
		{`ignore=pip-cache reason=""`, "ignoring pip-cache has no reason", "add reason"},
		{`ignore=pip-cache reason=" "`, "has no reason", "add reason"},
		{"ignore= reason=why", "names no rule", "ignore=RULE"},
		{"ignore=a,,b reason=why", "names no rule", "ignore=RULE"},
		{"ignore pip-cache reason=why", `"ignore" is not NAME=VALUE`, "ignore=RULE"},
		{"ignore=a, b reason=why", `"b" is not NAME=VALUE`, "ignore=RULE"},
		{"ignroe=a reason=why", `has no "ignroe"`, `did you mean "ignore"?`},
		{"ignore=a resaon=why", `has no "resaon"`, `did you mean "reason"?`},
		{"ignore=a reason=it is fine", `"is" is not NAME=VALUE`, "ignore=RULE"},
		{`ignore=a reason="it is fine`, "the quote behind reason= has no end", ""},
		{`ignore=a reason="fine"until=2027-01-01`, "no blank behind", ""},
		{"ignore=a ignore=b reason=why", "has ignore= twice", ""},
	} {
		f, err := Parse("Dockerfile", []byte("FROM a\n# whittle: "+c.comment+"\nRUN x\n"))
		if err != nil {
			t.Fatal(err)
		}
		_, err = f.Ignores()
		if err == nil || !strings.HasPrefix(err.Error(), "Dockerfile:2: ") || !strings.Contains(err.Error(), c.says) || !strings.Contains(whittle.Hint(err), c.hint) {
			t.Errorf("%s: %v (%s)", c.comment, err, whittle.Hint(err))
		}
	}
	f, err := Parse("Dockerfile", []byte("FROM a\nRUN x\n# whittle: ignore=a reason=why\n"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Ignores(); err == nil || !strings.Contains(err.Error(), "Dockerfile:3: ignoring a is about no instruction") {
		t.Errorf("below the last instruction: %v", err)
	}
}
