package rule

import (
	"bytes"
	"fmt"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/dockerfile"
	"whittle.dev/whittle/internal/pep"
	"whittle.dev/whittle/internal/python"
	"whittle.dev/whittle/internal/python/source"
)

func TestInstalling(t *testing.T) {
	for run, want := range map[string]string{
		"pip install x":                                 "pip 1",
		"pip3.13 --quiet install x":                     "pip 2",
		"/opt/venv/bin/pip install -r r.txt":            "pip 1",
		"python -m pip install x":                       "pip 3",
		"python3 -m pip --no-input install x":           "pip 4",
		"cd /x && pip install a && pip install b":       "pip 1, pip 1",
		"uv pip install --system x":                     "uv 2",
		"uv sync --frozen":                              "uv 1",
		"poetry install --only main":                    "poetry 1",
		"pdm sync":                                      "pdm 1",
		"pipenv sync":                                   "pipenv 1",
		"pip wheel -w /w .":                             "",
		"pip download x":                                "",
		"python -m build":                               "",
		"python -m pip":                                 "",
		"uv pip":                                        "",
		"apt-get install pip":                           "",
		"pip config set install.x y && pip uninstall x": "",
		"echo pip install x":                            "",
	} {
		f, err := dockerfile.Parse("Dockerfile", []byte("FROM a\nRUN "+run+"\n"))
		if err != nil {
			t.Fatal(err)
		}
		commands, ok := installing(&f.Stages[0].Instructions[0])
		var got []string
		for _, c := range commands {
			got = append(got, fmt.Sprintf("%s %d", c.tool, c.verb))
		}
		if s := strings.Join(got, ", "); s != want || ok != (want != "") {
			t.Errorf("%s: %q, want %q", run, s, want)
		}
	}
}

// TestOneEdit: the edit between two texts gives the second, and begins and ends
// where they differ.
func TestOneEdit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		letters := rapid.StringOfN(rapid.RuneFrom([]rune("ab\n")), 0, 12, -1)
		a, b := []byte(letters.Draw(t, "a")), []byte(letters.Draw(t, "b"))
		e := oneEdit(a, b)
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
	p := (&Pass{Project: fstest.MapFS{
		"src/a.py":           {Data: []byte("import os\nENGINE = 'my_driver'\n")},
		"tests/test_a.py":    {Data: []byte("import only_tested\n")},
		".venv/x.py":         {Data: []byte("hidden_one")},
		"requirements.txt":   {Data: []byte("declared_one\n")},
		"README.md":          {Data: []byte("described_one")},
		"deploy/compose.yml": {Data: []byte("a: b\n\ncommand: gunner serve\n")},
		"Dockerfile.x":       {Data: []byte("RUN xgunner2 my_driver2\n")},
	}}).withViews()
	for word, want := range map[string]string{"my_driver": "src/a.py:2", "driver": "", "only_tested": "", "hidden_one": "", "declared_one": "",
		"described_one": "", "gunner": "deploy/compose.yml:3", "xgunner2": "Dockerfile.x:1", "os": "", "serve": "deploy/compose.yml:3"} {
		if where, _, found := p.project.mentioned(nil, []string{word}); where != want || found != (want != "") {
			t.Errorf("%s: %q, want %q", word, where, want)
		}
	}
	if where, _, found := p.project.mentioned([]string{"gunner"}, nil); found {
		t.Errorf("a module's name in %s, which is no Python", where)
	}
	if _, _, found := (&Pass{}).withViews().project.mentioned([]string{"x"}, []string{"y"}); found {
		t.Error("no project names something")
	}
}

func TestImportedNames(t *testing.T) {
	text := "import a.b\nfrom . import tests\nfrom ..up import x, y\nfrom .... import far\ndef f():\n    from .tests.helper import g\n"
	got := strings.Join(importedNames("top.pkg.mod", false, source.Scan([]byte(text))), " ")
	if want := "a.b top.pkg top.pkg.tests top.up top.up.x top.up.y top.pkg.tests.helper top.pkg.tests.helper.g"; got != want {
		t.Errorf("of a module: %s", got)
	}
	got = strings.Join(importedNames("top.pkg", true, source.Scan([]byte("from . import tests\nfrom .. import x\n"))), " ")
	if want := "top.pkg top.pkg.tests top top.x"; got != want {
		t.Errorf("of a package: %s", got)
	}
}

// sealed is a root that does not give the texts of Python files.
type sealed struct{ whittle.Root }

func (r sealed) ReadFile(path string, limit int64) ([]byte, error) {
	if strings.HasSuffix(path, ".py") {
		return nil, fmt.Errorf("%s: %w", path, fs.ErrPermission)
	}
	return r.Root.ReadFile(path, limit)
}

// told is one that says what they say.
type told struct{ sealed }

func (r told) Source(path string) (*source.Facts, bool) {
	b, err := r.sealed.Root.ReadFile(path, 4<<20)
	if err != nil {
		return nil, false
	}
	return source.Scan(b), true
}

// TestSealed: where it is not known what imports what, no folder of tests is
// called needless, and nothing is called unused for certain.
func TestSealed(t *testing.T) {
	find := func(p *Pass, id string) []whittle.Finding {
		found, err := Find(t.Context(), p, []string{id})
		if err != nil {
			t.Fatal(err)
		}
		return found
	}
	_, c := readCase(t, "testdata/python_tests.txtar")
	p := c.pass(t)
	want := find(p, "python-tests")
	root := p.Root
	p.Root = sealed{root}
	if found := find(p, "python-tests"); len(want) == 0 || len(found) > 0 {
		t.Errorf("%d findings with texts, %d without", len(want), len(found))
	}
	p.Root = told{sealed{root}}
	if diff := cmp.Diff(want, find(p, "python-tests")); diff != "" {
		t.Errorf("by the facts of the texts (-texts +facts):\n%s", diff)
	}
	_, c = readCase(t, "testdata/python_unused.txtar")
	p = c.pass(t)
	p.Root = sealed{p.Root}
	for _, f := range find(p, "unused-dependency") {
		if f.Risk != whittle.RiskMedium && f.Risk != whittle.RiskHigh || f.Caution == "" {
			t.Errorf("%s: risk %s", f.Message, f.Risk)
		}
	}
}

// TestTogether: those that share what is freed are one group, over others too.
func TestTogether(t *testing.T) {
	var dists []python.Distribution
	for _, text := range []string{"a: x", "b: x y", "c: y", "d: z", "e", "x", "y", "z"} {
		name, requires, _ := strings.Cut(text, ": ")
		dists = append(dists, python.Distribution{Name: name, Version: "1", Metadata: python.Metadata{RequiresDist: strings.Fields(requires)}})
	}
	p := (&Pass{Graph: python.NewGraph(dists, pep.Environment{}, nil)}).withViews()
	got := fmt.Sprint(freedTogether(p, []int{0, 1, 2, 3, 4}, []int{0, 1, 2, 3, 4, 5, 6, 7}))
	if want := "[[0 1 2] [3] [4]]"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if got := fmt.Sprint(freedTogether(p, []int{0, 1, 2}, []int{0, 1, 2, 6})); got != "[[0] [1 2]]" {
		t.Errorf("x is needed by others: %s", got)
	}
}
