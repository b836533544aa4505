package toolmodel

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/rule"
	"whittle.dev/whittle/internal/rule/analysis"
)

// outside are the static findings of a Dockerfile that the rules do not have in the
// image that the model builds of it: those of the same rule at the same line. ok is
// false if the model cannot build it.
func outside(t testing.TB, src []byte) (found, wrong []whittle.Finding, ok bool) {
	tr := try(src, standardContext())
	if tr.before.err != nil {
		return nil, nil, false
	}
	facts, err := tr.before.facts(t, src, tr.context)
	if err != nil {
		return nil, nil, false
	}
	image, err := rule.Find(t.Context(), facts, nil)
	if err != nil {
		t.Fatal(err)
	}
	found, err = rule.FindStatic(t.Context(), analysis.NewStatic(facts.Dockerfile, "", facts.Files, facts.Ignore, facts.Declared), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range found {
		if !slices.ContainsFunc(image, func(g whittle.Finding) bool { return f.Rule == g.Rule && samePlace(&f, &g) }) {
			wrong = append(wrong, f)
		}
	}
	return found, wrong, true
}

// samePlace says that a finding of an image names the line of a static one. What is in
// the layers of the base image has no line.
func samePlace(static, image *whittle.Finding) bool {
	lines := false
	for _, e := range image.Evidence {
		if e.Line == static.Evidence[0].Line && e.File == static.Evidence[0].File {
			return true
		}
		lines = lines || e.Line > 0
	}
	return !lines
}

// TestStaticIsInTheImage: what the text shows, the image shows, too.
func TestStaticIsInTheImage(t *testing.T) {
	ar, err := txtar.ParseFile("testdata/corpus.txtar")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, f := range ar.Files {
		found, wrong, ok := outside(t, f.Data)
		if !ok {
			continue
		}
		n += len(found)
		for _, w := range wrong {
			t.Errorf("%s: line %d: %s: %s\n%s", f.Name, w.Evidence[0].Line, w.Rule, w.Message, f.Data)
		}
	}
	if n < 50 {
		t.Errorf("only %d static findings", n)
	}
	t.Logf("%d static findings", n)
}

// TestPublicStatic looks at the Dockerfiles that scripts/dockerfiles has gathered: what
// the text shows, the image that the model builds shows, too.
func TestPublicStatic(t *testing.T) {
	dir := os.Getenv("WHITTLE_DOCKERFILES")
	if dir == "" {
		t.Skip("scripts/dockerfiles gathers public Dockerfiles, and sets WHITTLE_DOCKERFILES")
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	built, found, wrong := 0, map[string]int{}, map[string]int{}
	for _, e := range entries {
		src, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil || !strings.Contains(e.Name(), os.Getenv("WHITTLE_ONLY")) {
			continue
		}
		all, bad, ok := outside(t, src)
		if ok {
			built++
		}
		for _, f := range all {
			found[f.Rule]++
		}
		for _, f := range bad {
			wrong[f.Rule]++
			t.Logf("%s:%d: %s %s", e.Name(), f.Evidence[0].Line, f.Rule, f.Message)
		}
	}
	for _, r := range slices.Sorted(maps.Keys(found)) {
		t.Logf("| %s | %d | %d |", r, found[r], wrong[r])
	}
	t.Logf("%d of %d files could be built", built, len(entries))
}
