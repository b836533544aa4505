package edit

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"whittle.dev/whittle"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestLists(t *testing.T) {
	for name, want := range map[string][]List{
		"groups.toml":        {{Kind: "dependencies"}, {"group", "Typing_Test"}, {"group", "all"}, {"group", "lint"}, {"group", "test"}},
		"poetry1.toml":       {{Kind: "poetry"}, {"poetry-group", "dev"}},
		"poetry-groups.toml": {{Kind: "poetry"}, {"poetry-group", "dev"}, {"poetry-group", "docs"}},
		"pdm.toml":           {{Kind: "dependencies"}, {"pdm-dev", "lint"}, {"pdm-dev", "test"}},
		"hatch.toml":         {{Kind: "dependencies"}, {"hatch", "default"}, {Kind: "build"}},
		"uv.toml":            {{Kind: "dependencies"}, {Kind: "uv-dev"}},
		"no-lists.toml":      nil,
		"inline.toml":        {{Kind: "dependencies"}, {"optional", "dev"}},
	} {
		got, err := Lists(shapeNamed(t, name))
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%s: %v (-want +got):\n%s", name, err, diff)
		}
	}
}

func shapeNamed(t testing.TB, name string) []byte {
	t.Helper()
	all := tomlShapes(t)
	i := slices.IndexFunc(all, func(s shape) bool { return s.name == name })
	if i < 0 {
		t.Fatalf("there is no shape %s", name)
	}
	return all[i].src
}

func TestRequirements(t *testing.T) {
	for _, tt := range []struct {
		shape string
		list  List
		want  []string
	}{
		{"poetry1.toml", List{Kind: "poetry"}, []string{"click>=8.1,<9", "requests[socks]>=2.31,<3", "numpy"}},
		{"poetry-groups.toml", List{Kind: "poetry"}, []string{"zope>=5.4,<5.5", "attrs==23.1.0"}},
		{"poetry-dotted.toml", List{Kind: "poetry"}, []string{"click>=8.1,<9", "requests[socks]>=2.31,<3"}},
		{"groups.toml", List{"group", "typing-test"}, []string{"mypy", "zuban"}},
		{"duplicate-extras.toml", List{"optional", "dev_tools"}, []string{"mypy"}},
		{"duplicate-extras.toml", List{"optional", "DEV.tools"}, []string{"ruff"}},
		{"mixed-quotes.toml", List{Kind: "dependencies"}, []string{"click; python_version < '3.12'", `attrs; os_name == "nt"`, "colorama", "tomli"}},
		{"arrays-of-tables.toml", List{Kind: "dependencies"}, []string{"click"}},
	} {
		got, err := Requirements(shapeNamed(t, tt.shape), tt.list)
		if diff := cmp.Diff(tt.want, got); err != nil || diff != "" {
			t.Errorf("%s in %s: %v (-want +got):\n%s", tt.list, tt.shape, err, diff)
		}
	}
	if _, err := Requirements([]byte("[project]\n"), List{Kind: "dependencies"}); !errors.Is(err, whittle.ErrNotFound) {
		t.Errorf("a list that is not there: %v", err)
	}
}

// TestFromPoetry: what a table of Poetry's declares, as requirements.
func TestFromPoetry(t *testing.T) {
	for in, want := range map[string]string{
		`"*"`: "a", `"^1.2.3"`: "a>=1.2.3,<2", `"=13.9.4"`: "a==13.9.4", `">= 1.2, < 1.5"`: "a>=1.2,<1.5", `">=1 <2"`: "a>=1,<2",
		`"1 || 2"`: "a", `"latest"`: "a", `{version = "~1.2", extras = ["x", "y"], markers = "os_name == 'nt'"}`: "a[x,y]>=1.2,<1.3 ; os_name == 'nt'",
	} {
		got, err := Requirements([]byte("[tool.poetry.dependencies]\na = "+in+"\n"), List{Kind: "poetry"})
		if err != nil || len(got) != 1 || got[0] != want {
			t.Errorf("%s became %q, want %q (%v)", in, got, want, err)
		}
	}
}

func TestToPoetry(t *testing.T) {
	for in, want := range map[string]string{
		"rich":                    `rich = "*"`,
		"rich>=13, <14":           `rich = ">=13,<14"`,
		"Rich[b, A_c] (>=13)":     `Rich = {version = ">=13", extras = ["b", "a-c"]}`,
		"rich ; os_name == 'nt'":  `rich = {version = "*", markers = "os_name == 'nt'"}`,
		"rich @ https://x/y.whl":  `rich = {url = "https://x/y.whl"}`,
		`rich; os_name == "a'b"`:  `rich = {version = "*", markers = "os_name == \"a'b\""}`,
		"rich @ git+https://x/y":  "",
		"rich===1":                "",
		"python-dateutil ~= 2.8 ": `python-dateutil = "~=2.8"`,
	} {
		src := []byte("[tool.poetry.dependencies]\n")
		edits, err := AddRequirement(src, List{Kind: "poetry"}, in)
		if want == "" {
			if !errors.Is(err, whittle.ErrUnsupported) {
				t.Errorf("%s: %v", in, err)
			}
			continue
		}
		if got := string(applied(t, src, edits)); err != nil || got != string(src)+want+"\n" {
			t.Errorf("%s: %v, %q", in, err, got)
		}
	}
}

func TestThere(t *testing.T) {
	for _, tt := range []struct {
		have, add string
		edits     bool
	}{
		{"rich>=12", "rich>=13", false},
		{"uvicorn", "uvicorn[standard]", true},
		{"uvicorn[standard,a]", "Uvicorn[Standard]", false},
		{"uvicorn[standard]", "uvicorn", false},
		{"rich; os_name == 'nt'", "rich", true},
		{"rich; os_name == 'nt'", `rich ; os_name=="nt"`, false},
		{"rich", "rich; os_name == 'nt'", false},
		{"rich_click", "rich", true},
		{"rich @ https://x/y", "rich", false},
	} {
		src := fmt.Appendf(nil, "[project]\nname = 'a'\ndependencies = [%s]\n", quote(tt.have, '"'))
		edits, err := AddRequirement(src, List{Kind: "dependencies"}, tt.add)
		if err != nil || len(edits) > 0 != tt.edits {
			t.Errorf("%q to %q: %v, %v", tt.add, tt.have, edits, err)
		}
	}
	src := []byte("[tool.poetry.dependencies]\nuvicorn = {version = '1', extras = ['a']}\n")
	if edits, err := AddRequirement(src, List{Kind: "poetry"}, "uvicorn[a]"); err != nil || edits != nil {
		t.Errorf("extras that are there: %v, %v", edits, err)
	}
	if edits, err := AddRequirement(src, List{Kind: "poetry"}, "uvicorn[b]"); !errors.Is(err, whittle.ErrUnsupported) || edits != nil {
		t.Errorf("extras that are not: %v, %v", edits, err)
	}
}

func TestRefused(t *testing.T) {
	deps := List{Kind: "dependencies"}
	for _, tt := range []struct {
		src         string
		list        List
		requirement string
		want        error
	}{
		{"[project]\n", List{Kind: "nonsense"}, "a", whittle.ErrUsage},
		{"[project]\n", List{Kind: "optional"}, "a", whittle.ErrUsage},
		{"[project]\n", List{"dependencies", "x"}, "a", whittle.ErrUsage},
		{"[project]\n", List{"optional", "x\ny"}, "a", whittle.ErrUsage},
		{"[project]\n", deps, "", whittle.ErrUsage},
		{"[project]\n", deps, "a b", whittle.ErrUsage},
		{"[project]\n", deps, "a\n", whittle.ErrUsage},
		{"[project]\n", deps, "a[", whittle.ErrUsage},
		{"[project]\n", deps, "a[b,,c]", whittle.ErrUsage},
		{"[project]\n", deps, "a @ ", whittle.ErrUsage},
		{"[project]\n", deps, strings.Repeat("a", maxRequirement+1), whittle.ErrUsage},
		{"[project\n", deps, "a", whittle.ErrUsage},
		{"a = 1\na = 2\n", deps, "a", whittle.ErrUsage},
		{"[project]\ndependencies = 'x'\n", deps, "a", whittle.ErrUnsupported},
		{"[[project]]\n", deps, "a", whittle.ErrUnsupported},
		{"[[project]]\ndependencies = ['x']\n", deps, "a", whittle.ErrUnsupported},
		{"[project]\ndynamic = ['optional-dependencies']\n", List{"optional", "x"}, "a", whittle.ErrUnsupported},
		{"[tool.poetry]\n", List{Kind: "poetry"}, "python", whittle.ErrUnsupported},
		{strings.Repeat("a.", maxKeys) + "a = 1\n", deps, "a", whittle.ErrUnsupported},
		{strings.Repeat("#\n", maxTOML/2+1), deps, "a", whittle.ErrLimit},
		{strings.Repeat("[[a]]\n", maxPairs+1), deps, "a", whittle.ErrLimit},
		{"[tool]\nx = [{" + strings.Repeat("a=[{b=1}],", maxPairs) + "}]\n", deps, "a", whittle.ErrLimit},
	} {
		edits, err := AddRequirement([]byte(tt.src), tt.list, tt.requirement)
		refused(t, fmt.Sprintf("%.20q to %s of %.40q", tt.requirement, tt.list, tt.src), tt.want, edits, err)
	}
	many := []byte("[project]\ndependencies = [" + strings.Repeat("'x',", maxCopies+1) + "]\n")
	if edits, err := RemoveRequirement(many, deps, "x"); !errors.Is(err, whittle.ErrUnsupported) || edits != nil {
		t.Errorf("one that is there often: %v, %v", edits, err)
	}
	src := []byte("[project]\ndependencies = ['x']\n")
	if _, err := RemoveRequirement(src, deps, "x y"); !errors.Is(err, whittle.ErrUsage) {
		t.Errorf("a name that is none: %v", err)
	}
	if edits, err := RemoveRequirement(src, List{"optional", "dev"}, "x"); err != nil || edits != nil {
		t.Errorf("a list that is not there: %v, %v", edits, err)
	}
	if _, err := MoveRequirement(src, deps, List{"optional", "dev"}, "y"); !errors.Is(err, whittle.ErrNotFound) {
		t.Errorf("moving what is not there: %v", err)
	}
	if edits, err := MoveRequirement(src, deps, deps, "x"); err != nil || edits != nil {
		t.Errorf("moving to where it is: %v, %v", edits, err)
	}
	there := []byte("[project]\ndependencies = ['x>1']\noptional-dependencies.dev = ['x']\n")
	edits, err := MoveRequirement(there, deps, List{"optional", "dev"}, "x")
	if got := string(applied(t, there, edits)); err != nil || got != "[project]\ndependencies = []\noptional-dependencies.dev = ['x']\n" {
		t.Errorf("moving to a list that has it: %q, %v", got, err)
	}
}

// layout writes lists in a style of its own.
type layout struct {
	eol, indent, quote, gap  string
	trailing, inline, sorted bool
	comments                 bool
}

func drawLayout(t *rapid.T) layout {
	return layout{
		eol:      rapid.SampledFrom([]string{"\n", "\r\n"}).Draw(t, "eol"),
		indent:   rapid.SampledFrom([]string{"", "  ", "    ", "\t"}).Draw(t, "indent"),
		quote:    rapid.SampledFrom([]string{`"`, `'`, `"""`, `'''`}).Draw(t, "quote"),
		gap:      rapid.SampledFrom([]string{"", " ", "  "}).Draw(t, "gap"),
		trailing: rapid.Bool().Draw(t, "trailing"),
		inline:   rapid.Bool().Draw(t, "inline"),
		sorted:   rapid.Bool().Draw(t, "sorted"),
		comments: rapid.Bool().Draw(t, "comments"),
	}
}

// write gives a list as text; comments that begin with "#keep" are on lines of
// their own.
func (l layout) write(key string, elements []string) string {
	var b strings.Builder
	b.WriteString(key + " = [")
	if l.inline {
		for i, e := range elements {
			b.WriteString(l.gap + l.quote + e + l.quote)
			if i+1 < len(elements) || l.trailing {
				b.WriteString(l.gap + ",")
			}
		}
		return b.String() + l.gap + "]" + l.eol
	}
	b.WriteString(l.eol)
	for i, e := range elements {
		if l.comments && i%2 == 0 {
			b.WriteString(l.indent + "#keep [ \" " + key + e + l.eol)
		}
		b.WriteString(l.indent + l.quote + e + l.quote)
		if i+1 < len(elements) || l.trailing {
			b.WriteString(l.gap + ",")
		}
		if l.comments && i%3 == 0 {
			b.WriteString(" # ] ' " + e)
		}
		b.WriteString(l.eol)
	}
	if l.comments {
		b.WriteString("#keep the end of " + key + l.eol)
	}
	return b.String() + "]" + l.eol
}

// TestEdits does random edits and compares the lists with a model of them.
func TestEdits(t *testing.T) {
	all := []string{"attrs>=1", "Click", "rich[x] ~=1", "zope.interface", "numpy; os_name == 1", "a_b", "B-a"}
	lists := []List{{Kind: "dependencies"}, {"optional", "dev"}, {"optional", "web"}, {"group", "test"}}
	rapid.Check(t, func(t *rapid.T) {
		model := map[List][]string{}
		src := "[project]\nname = 'a'\n"
		for i, l := range lists {
			some := rapid.Permutation(all).Draw(t, "some")[:rapid.IntRange(0, 4).Draw(t, "count")]
			lay := drawLayout(t)
			if lay.sorted {
				slices.SortFunc(some, func(a, b string) int { return strings.Compare(nameOf(a), nameOf(b)) })
			}
			switch i {
			case 1:
				src += "[project.optional-dependencies]" + lay.eol
			case 3:
				src += "[dependency-groups]" + lay.eol
			}
			key := []string{"dependencies", "dev", "web", "test"}[i]
			src += lay.write(key, some)
			model[l] = some
		}
		text := []byte(src)
		keeps := bytes.Count(text, []byte("#keep"))
		for range rapid.IntRange(1, 6).Draw(t, "steps") {
			text = step(t, text, model, rapid.SampledFrom(lists).Draw(t, "list"), rapid.SampledFrom(lists).Draw(t, "to"), rapid.SampledFrom(all).Draw(t, "what"))
			if got := bytes.Count(text, []byte("#keep")); got != keeps {
				t.Fatalf("%d of %d comments are there:\n%s", got, keeps, text)
			}
		}
	})
}

// step does one edit, and the same to the model.
func step(t *rapid.T, text []byte, model map[List][]string, list, to List, what string) []byte {
	var edits []whittle.Edit
	var err error
	has := func(l List) bool { return slices.Contains(model[l], what) }
	drop := func() {
		model[list] = slices.DeleteFunc(slices.Clone(model[list]), func(e string) bool { return e == what })
	}
	kind := rapid.SampledFrom([]string{"add", "remove", "move"}).Draw(t, "kind")
	switch kind {
	case "add":
		edits, err = AddRequirement(text, list, what)
		if !has(list) {
			model[list] = append(slices.Clone(model[list]), what)
		}
	case "remove":
		edits, err = RemoveRequirement(text, list, nameOf(what))
		drop()
	case "move":
		edits, err = MoveRequirement(text, list, to, nameOf(what))
		switch {
		case !has(list):
			if !errors.Is(err, whittle.ErrNotFound) {
				t.Fatalf("moving %s from %s, which has none: %v", what, list, err)
			}
			return text
		case errors.Is(err, whittle.ErrUnsupported) && strings.Contains(err.Error(), "comment"):
			return text
		case list != to:
			drop()
			if !has(to) {
				model[to] = append(slices.Clone(model[to]), what)
			}
		}
	}
	if err != nil {
		t.Fatalf("%s %s: %v in\n%s", kind, what, err, text)
	}
	out, err := splice(text, edits)
	if err != nil {
		t.Fatal(err)
	}
	for l, want := range model {
		got, err := Requirements(out, l)
		if err != nil {
			t.Fatal(err)
		}
		slices.Sort(got)
		if want = slices.Sorted(slices.Values(want)); !slices.Equal(got, want) {
			t.Fatalf("%s %s: %s is %q, want %q:\n%s\nbecame\n%s", kind, what, l, got, want, text, out)
		}
	}
	return out
}
