package patch

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"whittle.dev/whittle"
)

// fix replaces the first old of each file by new, at what the file holds.
func fix(files map[string][]byte, title string, replace ...[3]string) *whittle.Fix {
	f := &whittle.Fix{Title: title}
	for _, r := range replace {
		src, ok := files[r[0]]
		p := whittle.Patch{File: r[0]}
		at := 0
		if ok {
			p.Digest = whittle.DigestOf(src)
			at = strings.Index(string(src), r[1])
		}
		p.Edits = []whittle.Edit{{Span: whittle.Span{Start: at, End: at + len(r[1])}, New: r[2]}}
		f.Patches = append(f.Patches, p)
	}
	return f
}

// insert puts text behind the first word of a file.
func insert(files map[string][]byte, title, name, word, text string) *whittle.Fix {
	f := fix(files, title, [3]string{name, word, text})
	e := &f.Patches[0].Edits[0]
	e.Span.Start = e.Span.End
	return f
}

func TestMerge(t *testing.T) {
	files := map[string][]byte{
		"Dockerfile":       []byte("FROM a\n# why\nRUN one && two\nCOPY x y\n"),
		"requirements.txt": []byte("flask\n"),
	}
	for _, c := range []struct {
		name      string
		fixes     []*whittle.Fix
		want      map[string]string
		conflicts []int
	}{
		{"nothing", nil, map[string]string{}, nil},
		{"two of one file", []*whittle.Fix{
			fix(files, "flag", [3]string{"Dockerfile", "COPY x", "COPY --chmod=755 x"}),
			fix(files, "word", [3]string{"Dockerfile", "one", "one -q"}),
		}, map[string]string{"Dockerfile": "FROM a\n# why\nRUN one -q && two\nCOPY --chmod=755 x y\n"}, nil},
		{"an overlap leaves the later one out, whole", []*whittle.Fix{
			fix(files, "a", [3]string{"Dockerfile", "one && two", "three"}),
			fix(files, "b", [3]string{"requirements.txt", "flask", "flask>=3"}, [3]string{"Dockerfile", "two", "zwei"}),
		}, map[string]string{"Dockerfile": "FROM a\n# why\nRUN three\nCOPY x y\n"}, []int{1}},
		{"the same edit of two variants", []*whittle.Fix{
			fix(files, "a", [3]string{"requirements.txt", "", "rich\n"}),
			fix(files, "a", [3]string{"requirements.txt", "", "rich\n"}),
		}, map[string]string{"requirements.txt": "rich\nflask\n"}, nil},
		{"insertions at one place keep their order", []*whittle.Fix{
			fix(files, "a", [3]string{"requirements.txt", "", "rich\n"}),
			fix(files, "b", [3]string{"requirements.txt", "", "six\n"}),
		}, map[string]string{"requirements.txt": "rich\nsix\nflask\n"}, nil},
		{"words of a command come before a further one", []*whittle.Fix{
			insert(files, "append", "Dockerfile", "two", " && three"),
			insert(files, "word", "Dockerfile", "two", " -q"),
		}, map[string]string{"Dockerfile": "FROM a\n# why\nRUN one && two -q && three\nCOPY x y\n"}, nil},
		{"words come before a further command on a line of its own", []*whittle.Fix{
			insert(files, "append", "Dockerfile", "two", " \\\n  && three"),
			insert(files, "word", "Dockerfile", "two", " \\\n  -q"),
			insert(files, "append", "Dockerfile", "two", "; \\\n  four"),
		}, map[string]string{"Dockerfile": "FROM a\n# why\nRUN one && two \\\n  -q \\\n  && three; \\\n  four\nCOPY x y\n"}, nil},
		{"words of a command that another fix removes are in the way", []*whittle.Fix{
			insert(files, "word", "Dockerfile", "two", " -q"),
			fix(files, "remove", [3]string{"Dockerfile", " && two", ""}),
		}, map[string]string{"Dockerfile": "FROM a\n# why\nRUN one && two -q\nCOPY x y\n"}, []int{1}},
		{"a further command behind one that is removed", []*whittle.Fix{
			fix(files, "remove", [3]string{"Dockerfile", " && two", ""}),
			insert(files, "append", "Dockerfile", "two", " && three"),
		}, map[string]string{"Dockerfile": "FROM a\n# why\nRUN one && three\nCOPY x y\n"}, nil},
		{"what fixes make too long together is broken", []*whittle.Fix{
			insert(files, "word", "Dockerfile", "one", " "+strings.Repeat("x", 70)),
			insert(files, "append", "Dockerfile", "two", " && three "+strings.Repeat("y", 60)),
		}, map[string]string{"Dockerfile": "FROM a\n# why\nRUN one " + strings.Repeat("x", 70) + " && two && \\\n    three " + strings.Repeat("y", 60) + "\nCOPY x y\n"}, nil},
		{"a new file", []*whittle.Fix{fix(files, "a", [3]string{".dockerignore", "", ".git\n"})}, map[string]string{".dockerignore": ".git\n"}, nil},
		{"what does not parse is in the way", []*whittle.Fix{fix(files, "a", [3]string{"Dockerfile", "COPY x y", "COPY x"})}, map[string]string{}, []int{0}},
		{"what swallows a comment is in the way", []*whittle.Fix{fix(files, "a", [3]string{"Dockerfile", "FROM a", "FROM a\nRUN x \\"})}, map[string]string{}, []int{0}},
	} {
		out, conflicts, err := Merge(files, []string{"Dockerfile"}, c.fixes)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		got := map[string]string{}
		for name, text := range out {
			got[name] = string(text)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
		var left []int
		for _, k := range conflicts {
			left = append(left, k.Fix)
			if k.Reason == "" || strings.Contains(k.Reason, "\n") {
				t.Errorf("%s: reason %q", c.name, k.Reason)
			}
		}
		if diff := cmp.Diff(c.conflicts, left); diff != "" {
			t.Errorf("%s: conflicts (-want +got):\n%s", c.name, diff)
		}
	}
}

func TestMergeOtherContent(t *testing.T) {
	files := map[string][]byte{"Dockerfile": []byte("FROM a\n")}
	f := fix(files, "a", [3]string{"Dockerfile", "a", "b"})
	once, _, err := Merge(files, []string{"Dockerfile"}, []*whittle.Fix{f})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := Merge(once, []string{"Dockerfile"}, []*whittle.Fix{f}); !errors.Is(err, whittle.ErrUsage) {
		t.Errorf("a fix is applied twice: %v", err)
	}
	if _, _, err := Merge(nil, nil, []*whittle.Fix{f}); !errors.Is(err, whittle.ErrUsage) {
		t.Errorf("a fix of a file that is gone: %v", err)
	}
}

func TestChanges(t *testing.T) {
	before := map[string][]byte{"a": []byte("1\n2\n3\n"), "same": []byte("x\n")}
	after := map[string][]byte{"a": []byte("1\nzwei\n3\n"), "same": []byte("x\n"), "new": []byte(".git")}
	got := Changes(before, after)
	want := []struct {
		path, diff string
		created    bool
	}{
		{"a", "--- a/a\n+++ b/a\n@@ -1,3 +1,3 @@\n 1\n-2\n+zwei\n 3\n", false},
		{"new", "--- /dev/null\n+++ b/new\n@@ -0,0 +1 @@\n+.git\n\\ No newline at end of file\n", true},
	}
	if len(got) != len(want) {
		t.Fatalf("%d changes: %+v", len(got), got)
	}
	for i, w := range want {
		if got[i].Path != w.path || got[i].Created != w.created {
			t.Errorf("change %d is %+v", i, got[i])
		}
		if diff := cmp.Diff(w.diff, got[i].Diff); diff != "" {
			t.Errorf("%s (-want +got):\n%s", w.path, diff)
		}
	}
}

// The numbers in the heads of hunks are those of the lines, before and after:
// udiff's own are not where a hunk has two changes.
func TestUnifiedLineNumbers(t *testing.T) {
	numbers := regexp.MustCompile(`^@@ -(\d+)(?:,\d+)? \+(\d+)(?:,\d+)? @@$`)
	random := rand.New(rand.NewPCG(1, 2))
	for range 500 {
		before := make([]string, 40)
		after := []string{}
		for i := range before {
			before[i] = fmt.Sprint("line ", i)
			switch random.IntN(9) {
			case 0: // deleted
			case 1:
				after = append(after, before[i], fmt.Sprint("new ", i))
			case 2:
				after = append(after, fmt.Sprint("other ", i))
			default:
				after = append(after, before[i])
			}
		}
		diff := unified("a", "b", []byte(strings.Join(before, "\n")+"\n"), []byte(strings.Join(after, "\n")+"\n"))
		from, to := 0, 0
		for _, line := range strings.Split(strings.TrimSuffix(diff, "\n"), "\n")[2:] {
			if m := numbers.FindStringSubmatch(line); m != nil {
				from, _ = strconv.Atoi(m[1])
				to, _ = strconv.Atoi(m[2])
				continue
			}
			if line[0] != '+' {
				if before[from-1] != line[1:] {
					t.Fatalf("line %d before is %q, the diff has %q:\n%s", from, before[from-1], line[1:], diff)
				}
				from++
			}
			if line[0] != '-' {
				if after[to-1] != line[1:] {
					t.Fatalf("line %d after is %q, the diff has %q:\n%s", to, after[to-1], line[1:], diff)
				}
				to++
			}
		}
	}
}

// What leaves a list for another one below is taken out of it, not what stays.
func TestUnifiedKeepsInPlace(t *testing.T) {
	before := "[main]\npytest\nbcrypt\nfaker\npsycopg2\npytest-mock\nfastcrud\n\n[build]\n"
	after := "[main]\nbcrypt\npsycopg2\nfastcrud\n\n[dev]\nfaker\npytest\npytest-mock\n\n[build]\n"
	want := `--- a
+++ b
@@ -1,9 +1,11 @@
 [main]
-pytest
 bcrypt
-faker
 psycopg2
-pytest-mock
 fastcrud
 
+[dev]
+faker
+pytest
+pytest-mock
+
 [build]
`
	if diff := cmp.Diff(want, unified("a", "b", []byte(before), []byte(after))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
