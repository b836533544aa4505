package edit

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/pep"

	"github.com/pelletier/go-toml/v2"
)

// known says that an error is one that callers tell apart, in one line.
func known(t *testing.T, edits []whittle.Edit, err error) {
	t.Helper()
	if edits != nil || strings.ContainsAny(err.Error(), "\n\r") {
		t.Fatalf("%d edits with %q", len(edits), err)
	}
	for _, e := range []error{whittle.ErrUnsupported, whittle.ErrUsage, whittle.ErrLimit, whittle.ErrNotFound} {
		if errors.Is(err, e) {
			return
		}
	}
	t.Fatalf("an error of no kind: %v", err)
}

// refused says that there is an error of a kind, in one line, and no edit.
func refused(t *testing.T, what string, want error, edits []whittle.Edit, err error) {
	t.Helper()
	if !errors.Is(err, want) || edits != nil || strings.Contains(err.Error(), "\n") {
		t.Errorf("%s: %v, %v", what, edits, err)
	}
}

// leaves counts the values of a document by the path to them, without the
// code that checks edits; elements of an array have one path.
func leaves(t *testing.T, src []byte) map[string]int {
	t.Helper()
	var doc map[string]any
	if err := toml.Unmarshal(bytes.TrimPrefix(src, byteOrderMark), &doc); err != nil {
		t.Fatalf("%q does not parse: %v", src, err)
	}
	out := map[string]int{}
	var walk func(path string, v any)
	walk = func(path string, v any) {
		switch x := v.(type) {
		case map[string]any:
			for k, e := range x {
				walk(fmt.Sprintf("%s.%q", path, k), e)
			}
		case []any:
			for _, e := range x {
				walk(path+"[]", e)
			}
		default:
			out[fmt.Sprintf("%s = %T %v", path, v, v)]++
		}
	}
	walk("", doc)
	return out
}

// differ gives the leaves that came and went.
func differ(before, after map[string]int) (came, went []string) {
	for l, n := range after {
		for range n - before[l] {
			came = append(came, l)
		}
	}
	for l, n := range before {
		for range n - after[l] {
			went = append(went, l)
		}
	}
	return came, went
}

var fuzzKinds = []string{"dependencies", "optional", "group", "poetry", "poetry-group", "pdm-dev", "uv-dev", "hatch", "build"}

func FuzzRequirement(f *testing.F) {
	for i, s := range tomlShapes(f) {
		f.Add(s.src, uint8(i), "dev", rich, "click")
		f.Add(s.src, uint8(i/3), "new", "rich[a] ; os_name == 'nt'", "pytest")
	}
	f.Fuzz(func(t *testing.T, src []byte, kind uint8, name, requirement, other string) {
		list := List{fuzzKinds[int(kind)%len(fuzzKinds)], name}
		if edits, err := AddRequirement(src, list, requirement); err != nil {
			known(t, edits, err)
		} else if len(edits) > 0 {
			checkAdd(t, src, list, requirement, edits)
		}
		lists, err := Lists(src)
		if err != nil {
			return
		}
		for i, l := range lists {
			if _, err := Requirements(src, l); err != nil {
				known(t, nil, err)
			}
			checkRemove(t, src, l, other)
			to := lists[(i+1)%len(lists)]
			edits, err := MoveRequirement(src, l, to, other)
			if err != nil {
				known(t, edits, err)
				continue
			}
			if len(edits) > 0 {
				leaves(t, applied(t, src, edits))
			}
		}
	})
}

// checkAdd: one leaf more, or those of one key of Poetry's.
func checkAdd(t *testing.T, src []byte, list List, requirement string, edits []whittle.Edit) {
	t.Helper()
	out := applied(t, src, edits)
	came, went := differ(leaves(t, src), leaves(t, out))
	if len(went) > 0 || len(came) == 0 || !isTable(list) && (len(came) != 1 || !strings.HasSuffix(came[0], "string "+strings.Trim(requirement, " \t"))) {
		t.Fatalf("adding %q to %s of %q: %q came, %q went", requirement, list, src, came, went)
	}
	if again, err := AddRequirement(out, list, requirement); err != nil || again != nil {
		t.Fatalf("adding %q to %s again: %v, %v in %q", requirement, list, again, err, out)
	}
	if bytes.Count(src, []byte("#")) > bytes.Count(out, []byte("#")) {
		t.Fatalf("a comment is lost in %q", out)
	}
}

// checkRemove: only leaves that name it go, and it is not there again.
func checkRemove(t *testing.T, src []byte, list List, name string) {
	t.Helper()
	edits, err := RemoveRequirement(src, list, name)
	if err != nil {
		known(t, edits, err)
		return
	}
	if len(edits) == 0 {
		return
	}
	out := applied(t, src, edits)
	came, went := differ(leaves(t, src), leaves(t, out))
	if len(came) > 0 {
		t.Fatalf("removing %q from %s of %q: %q came", name, list, src, came)
	}
	for _, l := range went {
		if _, v, _ := strings.Cut(l, "[] = string "); !isTable(list) && nameOf(v) != pep.Normalize(name) {
			t.Fatalf("removing %q from %s of %q: %q went", name, list, src, l)
		}
	}
	if again, err := RemoveRequirement(out, list, name); err != nil || again != nil {
		t.Fatalf("removing %q from %s again: %v, %v in %q", name, list, again, err, out)
	}
}

func FuzzLine(f *testing.F) {
	for _, s := range shapes(f, "testdata/shapes/requirements.txtar") {
		f.Add(s.src, rich, "flask")
		f.Add(s.src, "rich --hash=sha256:00", "celery")
	}
	f.Fuzz(func(t *testing.T, src []byte, requirement, name string) {
		if edits, err := RemoveLine(src, name); err != nil {
			known(t, edits, err)
		} else if len(edits) > 0 {
			out := applied(t, src, edits)
			if again, err := RemoveLine(out, name); err != nil || again != nil {
				t.Fatalf("removing %q again: %v, %v in %q", name, again, err, out)
			}
		}
		edits, err := AddLine(src, requirement)
		if err != nil {
			known(t, edits, err)
			return
		}
		if len(edits) == 0 {
			return
		}
		out := applied(t, src, edits)
		if again, err := AddLine(out, requirement); err != nil || again != nil {
			t.Fatalf("adding %q again: %v, %v in %q", requirement, again, err, out)
		}
		bare, _ := pep.SplitOptions(strings.Trim(requirement, " \t"))
		for _, n := range namesOfLines(t, src) {
			if n == nameOf(bare) {
				return // the others would go with it
			}
		}
		back, err := RemoveLine(out, nameOf(bare))
		if err != nil {
			t.Fatal(err)
		}
		// An indented comment is taken for what pip-compile says of the line.
		if got := applied(t, out, back); !bytes.Equal(got, src) && !bytes.Contains(src, []byte("#")) {
			t.Fatalf("adding and removing %q gives %q, not %q", requirement, got, src)
		}
	})
}

func FuzzGuard(f *testing.F) {
	for _, src := range []string{
		"import rich\n", "if x:\n\tfrom a import (\n\t\tb, # c\n\t)\n", "x = f'{a}'\r\nimport b", "'''\nimport a\n'''\nimport b\n",
		"# coding: latin-1\nimport a\n", "\ufeffimport a\n", "from a \\\n import b\n", "try:\n import a\nexcept ImportError: pass\n",
	} {
		f.Add([]byte(src), 1, "message")
		f.Add([]byte(src), 2, "ü\"\\\n")
	}
	f.Fuzz(func(t *testing.T, src []byte, line int, message string) {
		edits, err := GuardImport(src, line, message)
		if err != nil {
			known(t, edits, err)
			return
		}
		if len(edits) == 0 {
			return
		}
		for _, e := range edits {
			if e.Span.Start != e.Span.End {
				t.Fatalf("an edit deletes %v", e.Span)
			}
		}
		out := applied(t, src, edits)
		if again, err := GuardImport(out, line+1, message); err != nil || again != nil {
			t.Fatalf("guarding again: %v, %v in %q", again, err, out)
		}
	})
}
