package resolve

import (
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"whittle.dev/whittle/internal/pep"
)

// world is a small index, for which all sets of versions can be tried.
type world struct {
	versions map[string]int               // name to its versions 1, 2, …
	requires map[string][]pep.Requirement // "name version" to requirements
	lines    []string
	asks     []string
}

func drawWorld(t *rapid.T) world {
	w := world{versions: map[string]int{}, requires: map[string][]pep.Requirement{}}
	names := []string{"a", "b", "c", "d"}
	for _, name := range names {
		w.versions[name] = rapid.IntRange(1, 3).Draw(t, "versions of "+name)
	}
	drawWant := func(label string) string {
		op := rapid.SampledFrom([]string{"", ">=", "<=", "==", "!=", "<"}).Draw(t, label)
		name := rapid.SampledFrom(names).Draw(t, label)
		if op == "" {
			return name
		}
		return fmt.Sprintf("%s%s%d", name, op, rapid.IntRange(1, 3).Draw(t, label))
	}
	for _, name := range names {
		for v := 1; v <= w.versions[name]; v++ {
			var texts []string
			for range rapid.IntRange(0, 3).Draw(t, "requirements") {
				texts = append(texts, drawWant("requirement"))
			}
			key := fmt.Sprintf("%s %d", name, v)
			for _, s := range texts {
				r, _ := pep.ParseRequirement(s)
				w.requires[key] = append(w.requires[key], r)
			}
			w.lines = append(w.lines, key+" : "+strings.Join(texts, ", "))
		}
	}
	for range rapid.IntRange(1, 3).Draw(t, "asked") {
		w.asks = append(w.asks, drawWant("asks"))
	}
	return w
}

// holds says whether a set of versions, 0 for none, meets all wants.
func (w world) holds(set map[string]int, asks []pep.Requirement) bool {
	allowed := func(r pep.Requirement) bool {
		if set[r.Name] == 0 {
			return false
		}
		v, _ := pep.ParseVersion(fmt.Sprint(set[r.Name]))
		return r.Specifiers.Contains(v, true)
	}
	for _, r := range asks {
		if !allowed(r) {
			return false
		}
	}
	for name, v := range set {
		if v == 0 {
			continue
		}
		for _, r := range w.requires[fmt.Sprintf("%s %d", name, v)] {
			if !allowed(r) {
				return false
			}
		}
	}
	return true
}

// possible tries all sets.
func (w world) possible(asks []pep.Requirement) bool {
	set := map[string]int{}
	var try func(names []string) bool
	try = func(names []string) bool {
		if len(names) == 0 {
			return w.holds(set, asks)
		}
		for v := 0; v <= w.versions[names[0]]; v++ {
			set[names[0]] = v
			if try(names[1:]) {
				return true
			}
		}
		return false
	}
	return try([]string{"a", "b", "c", "d"})
}

// TestResolveFindsWhatThereIs: a set is found exactly where there is one, it
// meets all requirements, and each of its members is needed.
func TestResolveFindsWhatThereIs(t *testing.T) {
	found, impossible := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		w := drawWorld(t)
		var asks []pep.Requirement
		for _, s := range w.asks {
			r, err := pep.ParseRequirement(s)
			if err != nil {
				t.Fatal(err)
			}
			asks = append(asks, r)
		}
		r, err := Versions(t.Context(), newShelf(w.lines...), asks, linux("3.13", 13))
		var none *Unresolvable
		if errors.As(err, &none) {
			impossible++
			if w.possible(asks) {
				t.Fatalf("%q of %q is possible: %v", w.asks, w.lines, err)
			}
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		found++
		set := map[string]int{}
		for _, c := range r.Choices {
			var v int
			_, _ = fmt.Sscan(c.Version, &v)
			set[c.Name] = v
			if !c.Requested && len(c.RequiredBy) == 0 {
				t.Errorf("nobody asks for %s in %s", c.Name, r.text())
			}
		}
		if !w.holds(set, asks) {
			t.Errorf("%s does not meet %q of %q", r.text(), w.asks, w.lines)
		}
		again, err := Versions(t.Context(), newShelf(w.lines...), asks, linux("3.13", 13))
		if err != nil || again.text() != r.text() || again.Steps != r.Steps {
			t.Errorf("%s, and then %+v, %v", r.text(), again, err)
		}
	})
	if found == 0 || impossible == 0 {
		t.Errorf("%d found and %d impossible: the worlds are all alike", found, impossible)
	}
}

// TestTagsAgainstPip: tags stand in the order in which pip has them.
func TestTagsAgainstPip(t *testing.T) {
	py := thisPython(t)
	out, err := exec.Command(py.program, "-c", "from pip._internal.utils.compatibility_tags import get_supported\nfor t in get_supported(): print(t)").Output()
	if err != nil {
		t.Skipf("pip does not say which tags it supports: %v", err)
	}
	all := strings.Fields(string(out))
	last := tagRank{group: -1}
	for _, s := range all {
		tags, err := pep.ParseTags(s)
		if err != nil {
			t.Fatal(err)
		}
		r, ok := rankTag(py.target, tags[0])
		if !ok {
			t.Errorf("%s is not supported", s)
			continue
		}
		if last.compare(r) >= 0 {
			t.Errorf("%s stands before what pip has before it", s)
		}
		last = r
	}
	if len(all) < 100 {
		t.Errorf("pip has %d tags", len(all))
	}
}

// TestBuildsAreOrdered by number and then by text.
func TestBuildsAreOrdered(t *testing.T) {
	sorted := []string{"", "1", "1a", "02", "2b", "10", "100"}
	shuffled := []string{"100", "2b", "1a", "", "10", "1", "02"}
	slices.SortFunc(shuffled, compareBuild)
	if !slices.Equal(sorted, shuffled) {
		t.Errorf("%q", shuffled)
	}
}

// TestCanonical: versions are of one release exactly where they are equal.
func TestCanonical(t *testing.T) {
	part := rapid.SampledFrom([]string{"0", "1", "1.0", "1.0.0", "0!1", "1!1.0", "1.0rc1", "1rc1", "1.0.post1", "1.post1", "1.0+a", "1+a", "1.0.dev0", "1.dev", "10", "1.10", "1.1", "1.0a0.post2.dev3"})
	rapid.Check(t, func(t *rapid.T) {
		a, err1 := pep.ParseVersion(part.Draw(t, "a"))
		b, err2 := pep.ParseVersion(part.Draw(t, "b"))
		if err1 != nil || err2 != nil {
			t.Fatal(err1, err2)
		}
		if (a.Compare(b) == 0) != (a.Key() == b.Key()) {
			t.Errorf("%s and %s: %q and %q", a, b, a.Key(), b.Key())
		}
	})
}
