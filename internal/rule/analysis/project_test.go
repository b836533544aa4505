package analysis

import (
	"bytes"
	"testing"
	"testing/fstest"

	"pgregory.net/rapid"

	"whittle.dev/whittle"
)

// TestOneEdit: the edit between two texts gives the second, and begins and ends
// where they differ.
func TestOneEdit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		letters := rapid.StringOfN(rapid.RuneFrom([]rune("ab\n")), 0, 12, -1)
		a, b := []byte(letters.Draw(t, "a")), []byte(letters.Draw(t, "b"))
		e := OneEdit(a, b)
		got, err := whittle.Splice(a, []whittle.Edit{e})
		if err != nil || !bytes.Equal(got, b) {
			t.Fatalf("%q to %q by %+v: %q, %v", a, b, e, got, err)
		}
		if old := a[e.Span.Start:e.Span.End]; len(old) > 0 && len(e.New) > 0 && old[0] == e.New[0] {
			t.Fatalf("%q to %q: %+v begins with what they share", a, b, e)
		}
	})
}

func TestApplied(t *testing.T) {
	edit := func(start, end int, text string) whittle.Edit {
		return whittle.Edit{Span: whittle.Span{Start: start, End: end}, New: text}
	}
	for name, edits := range map[string][]whittle.Edit{
		"overlap": {edit(0, 2, ""), edit(1, 3, "")}, "order": {edit(3, 4, ""), edit(0, 1, "")},
		"outside": {edit(2, 9, "")}, "backwards": {edit(3, 2, "")},
	} {
		if out, err := whittle.Splice([]byte("12345"), edits); err == nil {
			t.Errorf("%s: %q", name, out)
		}
	}
}

func TestMentioned(t *testing.T) {
	p := New(&Facts{Files: fstest.MapFS{
		"src/a.py":           {Data: []byte("import os\nENGINE = 'my_driver'\n")},
		"tests/test_a.py":    {Data: []byte("import only_tested\n")},
		".venv/x.py":         {Data: []byte("hidden_one")},
		"requirements.txt":   {Data: []byte("declared_one\n")},
		"README.md":          {Data: []byte("described_one")},
		"deploy/compose.yml": {Data: []byte("a: b\n\ncommand: gunner serve\n")},
		"Dockerfile.x":       {Data: []byte("RUN xgunner2 my_driver2\n")},
	}})
	for word, want := range map[string]string{"my_driver": "src/a.py:2", "driver": "", "only_tested": "", "hidden_one": "", "declared_one": "",
		"described_one": "", "gunner": "deploy/compose.yml:3", "xgunner2": "Dockerfile.x:1", "os": "", "serve": "deploy/compose.yml:3"} {
		if where, _, found := p.Project.Mentioned(nil, []string{word}); where != want || found != (want != "") {
			t.Errorf("%s: %q, want %q", word, where, want)
		}
	}
	if where, _, found := p.Project.Mentioned([]string{"gunner"}, nil); found {
		t.Errorf("a module's name in %s, which is no Python", where)
	}
	if _, _, found := New(&Facts{}).Project.Mentioned([]string{"x"}, []string{"y"}); found {
		t.Error("no project names something")
	}
}
