package ignore

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"whittle.dev/whittle"

	"github.com/google/go-cmp/cmp"
	"github.com/moby/patternmatcher"
	"github.com/moby/patternmatcher/ignorefile"
	"pgregory.net/rapid"
)

func TestAdd(t *testing.T) {
	for _, tt := range []struct {
		name, src string
		patterns  []string
		want      string
	}{
		{"new", "", []string{".git", "**/__pycache__"}, ".git\n**/__pycache__\n"},
		{"none", "a\n", nil, "a\n"},
		{"end", "# c\nnode_modules\n", []string{".git"}, "# c\nnode_modules\n.git\n"},
		{"no end", "node_modules", []string{".git", ".venv"}, "node_modules\n.git\n.venv"},
		{"windows", "a\r\n!b\r\n", []string{".git"}, "a\r\n.git\r\n!b\r\n"},
		{"byte order mark", "\ufeffa\n", []string{"a", "b"}, "\ufeffa\nb\n"},
		{"mark and exception", "\ufeff!a\n", []string{"b"}, "\ufeffb\n!a\n"},
		{"there", ".git\n", []string{".git"}, ".git\n"},
		{"there in other words", "/.git/\n  ./build  \n", []string{".git", "build/"}, "/.git/\n  ./build  \n"},
		{"covered by a folder", "build\n", []string{"build/lib", "build/**/*.o"}, "build\n"},
		{"covered at any depth", "**/__pycache__\n**/*.pyc\n", []string{"src/__pycache__", "__pycache__", "*.pyc", "a/*.pyc"}, "**/__pycache__\n**/*.pyc\n"},
		{"covered by a star", ".*\n", []string{".git", ".venv/lib"}, ".*\n"},
		{"not covered", "*.pyc\nsrc/**\na/*/b\n", []string{"**/*.pyc", "src", "a/b"}, "*.pyc\nsrc/**\na/*/b\n**/*.pyc\nsrc\na/b\n"},
		{"covers another new one", "", []string{".git", ".git/hooks", ".git"}, ".git\n"},
		{"comment is none", "# .git\n #.git\n", []string{".git"}, "# .git\n #.git\n.git\n"},
		{"before the exception", "docs\n# keep it\n!docs/README.md\n", []string{"tests"}, "docs\ntests\n# keep it\n!docs/README.md\n"},
		{"exception within", "a\n!tests/data/keep\n", []string{"tests"}, "a\ntests\n!tests/data/keep\n"},
		{"taken back with more", "t\n!t\nb\n", []string{"t/data"}, "t\n!t\nt/data\nb\n"},
		{"left out again", "tests\n!tests\ntests\n", []string{"tests"}, "tests\n!tests\ntests\n"},
		{"all but", "*\n!src\n!pyproject.toml\n", []string{"**/__pycache__", ".git"}, "*\n!src\n!pyproject.toml\n**/__pycache__\n"},
		{"all but, in", "*\n!src\n!src/**\n", []string{"src/tests"}, "*\n!src\n!src/**\nsrc/tests\n"},
		{"all but patterns", "**\n!**/*.py\n", []string{"**/__pycache__"}, "**\n!**/*.py\n"},
		{"outside is nothing", "../.git\n", []string{".git"}, "../.git\n.git\n"},
	} {
		src := []byte(tt.src)
		if tt.name == "new" {
			src = nil
		}
		edits, err := Add(src, tt.patterns...)
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		out := applied(t, src, edits)
		if diff := cmp.Diff(tt.want, string(out)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
		if again, err := Add(out, tt.patterns...); err != nil || again != nil {
			t.Errorf("%s: adding again: %v, %v", tt.name, again, err)
		}
	}
}

func TestAddRefused(t *testing.T) {
	for _, tt := range []struct {
		src, pattern string
		want         error
	}{
		{"", "", whittle.ErrUsage},
		{"", " ", whittle.ErrUsage},
		{"", "/", whittle.ErrUsage},
		{"", ".", whittle.ErrUsage},
		{"", "../a", whittle.ErrUsage},
		{"", "!a", whittle.ErrUsage},
		{"", "*", whittle.ErrUsage},
		{"", "./**/", whittle.ErrUsage},
		{"a\n!\n", "b", whittle.ErrUnsupported},
		{"", "#a", whittle.ErrUsage},
		{"", "a\nb", whittle.ErrUsage},
		{"", "[a", whittle.ErrUsage},
		{"", "\xff", whittle.ErrUsage},
		{"\xff", "a", whittle.ErrUnsupported},
		{"tests\n!tests\n", "tests", whittle.ErrUnsupported},
		{"*\n!src/data/keep\n!src\n", "src/data", whittle.ErrUnsupported},
		{strings.Repeat("#\n", MaxSize/2+1), "a", whittle.ErrLimit},
		{strings.Repeat("b\n", MaxPatterns+1), "a", whittle.ErrLimit},
	} {
		edits, err := Add([]byte(tt.src), tt.pattern)
		if !errors.Is(err, tt.want) || edits != nil || strings.Contains(err.Error(), "\n") {
			t.Errorf("%q to %.40q: %v, %v", tt.pattern, tt.src, edits, err)
		}
	}
}

// ignored is Docker's own verdict.
func ignored(t *rapid.T, src string, names []string) []bool {
	patterns, err := ignorefile.ReadAll(strings.NewReader(src))
	if err != nil {
		t.Fatal(err)
	}
	m, err := patternmatcher.New(patterns)
	if err != nil {
		t.Skip(err)
	}
	out := make([]bool, len(names))
	for i, n := range names {
		if out[i], err = m.MatchesOrParentMatches(n); err != nil {
			t.Skip(err)
		}
	}
	return out
}

// TestAddAgainstDocker: what was left out still is. Where a pattern is
// added in front of the exceptions they go on working; where nothing is added
// Docker leaves out all that the pattern matches, or an exception says
// otherwise.
func TestAddAgainstDocker(t *testing.T) {
	part := rapid.SampledFrom([]string{"a", "b", "c", "a.o", "*", "*.o", "?", "**"})
	pattern := rapid.Custom(func(t *rapid.T) string {
		return strings.Join(rapid.SliceOfN(part, 1, 3).Draw(t, "parts"), "/")
	})
	var names []string
	for _, x := range []string{"a", "b", "c", "a.o"} {
		names = append(names, x)
		for _, y := range []string{"a", "b", "a.o", "x"} {
			names = append(names, x+"/"+y, x+"/"+y+"/b", x+"/"+y+"/a.o")
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		lines := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) string {
			return rapid.SampledFrom([]string{"", "", "!", "/"}).Draw(t, "sign") + pattern.Draw(t, "pattern")
		}), 0, 5).Draw(t, "lines")
		src := strings.Join(lines, "\n")
		added := pattern.Draw(t, "new")
		edits, err := Add([]byte(src), added)
		if err != nil {
			if !errors.Is(err, whittle.ErrUnsupported) && added != "*" && added != "**" {
				t.Fatal(err)
			}
			return
		}
		out := src
		for _, e := range edits {
			out = out[:e.Span.Start] + e.New + out[e.Span.End:]
		}
		before, after, alone := ignored(t, src, names), ignored(t, out, names), ignored(t, added, names)
		excepted := ignored(t, "**\n"+src, names)
		for i, n := range names {
			switch {
			case before[i] && !after[i]:
				t.Fatalf("%q added to %q lets %s in", added, src, n)
			case !before[i] && after[i] && !alone[i]:
				t.Fatalf("%q added to %q leaves %s out", added, src, n)
			case len(edits) == 0 && alone[i] && !before[i] && excepted[i]:
				t.Fatalf("%q is not covered by %q: %s", added, src, n)
			case !strings.Contains(src, "!") && after[i] != (before[i] || alone[i]):
				t.Fatalf("%q added to %q is wrong about %s", added, src, n)
			}
		}
	})
}

func FuzzAdd(f *testing.F) {
	for _, src := range []string{"", "a\n!a/b\n", "*\n!src\n", "# c\r\n**/x\r\n", "\ufeffa", "a/**/b\n!c\n", "../a\n", " # x\n"} {
		f.Add([]byte(src), ".git", "**/__pycache__")
		f.Add([]byte(src), "a", "src/tests")
	}
	f.Fuzz(func(t *testing.T, src []byte, a, b string) {
		edits, err := Add(src, a, b)
		if err != nil {
			kinds := []error{whittle.ErrUnsupported, whittle.ErrUsage, whittle.ErrLimit}
			if edits != nil || strings.ContainsAny(err.Error(), "\r\n") || !slices.ContainsFunc(kinds, func(k error) bool { return errors.Is(err, k) }) {
				t.Fatalf("%d edits with %v", len(edits), err)
			}
			return
		}
		out := applied(t, src, edits)
		for _, e := range edits {
			if e.Span.Start != e.Span.End {
				t.Fatalf("an edit deletes %v", e.Span)
			}
		}
		if again, err := Add(out, a, b); err != nil || again != nil {
			t.Fatalf("adding %q and %q again: %v, %v in %q", a, b, again, err, out)
		}
	})
}

func applied(t testing.TB, src []byte, edits []whittle.Edit) []byte {
	t.Helper()
	out, err := whittle.Splice(src, edits)
	if err != nil {
		t.Fatal(err)
	}
	return out
}
