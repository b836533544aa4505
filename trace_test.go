package whittle_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"whittle.dev/whittle"
)

// TestTraceLookup: what a trace says of a path is what a search of the whole list
// says, with and without a leading slash, and of a folder likewise.
func TestTraceLookup(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		path := rapid.StringMatching(`(/[ab+-]{1,2}){1,4}`)
		all := map[string]whittle.Touch{}
		for _, p := range rapid.SliceOfN(path, 0, 12).Draw(t, "paths") {
			all[p] |= whittle.Touch(rapid.IntRange(1, 15).Draw(t, "how"))
		}
		var tr whittle.Trace
		for p, how := range all {
			tr.Touched = append(tr.Touched, whittle.TouchedPath{Path: p, How: how})
		}
		slices.SortFunc(tr.Touched, func(a, b whittle.TouchedPath) int { return strings.Compare(a.Path, b.Path) })
		asked := path.Draw(t, "asked")
		ways := whittle.Touch(rapid.IntRange(1, 15).Draw(t, "ways"))
		for _, name := range []string{asked, asked[1:]} {
			if got := tr.How(name); got != all[asked] || tr.Touches(name) != (all[asked] != 0) {
				t.Fatalf("How(%q) = %v, want %v of %v", name, got, all[asked], all)
			}
			want := false
			for p, how := range all {
				want = want || how&ways != 0 && (p == asked || strings.HasPrefix(p, asked+"/"))
			}
			if got := tr.TouchesBelow(name, ways); got != want {
				t.Fatalf("TouchesBelow(%q, %v) = %t of %v", name, ways, got, all)
			}
		}
		some := slices.ContainsFunc(tr.Touched, func(p whittle.TouchedPath) bool { return p.How&ways != 0 })
		if tr.TouchesBelow(".", ways) != some || tr.TouchesBelow("/", ways) != some {
			t.Fatalf("the root: want %t of %v", some, all)
		}
	})
}

// TestTouchJSON: every set of ways is the list of its words, and is read back.
func TestTouchJSON(t *testing.T) {
	for how := range whittle.Touch(16) {
		b, err := json.Marshal(how)
		var back whittle.Touch
		if err != nil || json.Unmarshal(b, &back) != nil || back != how {
			t.Errorf("%d: %s, %d, %v", how, b, back, err)
		}
	}
	b, err := json.Marshal(whittle.TouchedPath{Path: "/bin/sh", How: whittle.TouchExec | whittle.TouchOpen})
	if diff := cmp.Diff(`{"path":"/bin/sh","how":["open","exec"]}`, string(b)); diff != "" || err != nil {
		t.Errorf("(-want +got), %v:\n%s", err, diff)
	}
	var how whittle.Touch
	for _, bad := range []string{`["write"]`, `"open"`, `3`} {
		if json.Unmarshal([]byte(bad), &how) == nil {
			t.Errorf("%s is a set of ways", bad)
		}
	}
}
