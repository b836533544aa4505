package sitepackages

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"whittle.dev/whittle/internal/python/source"
)

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

// TestExceptFolder: the condition for find is true for every folder that is to be
// deleted, and false for the one that stays and what is below it.
func TestExceptFolder(t *testing.T) {
	site := rapid.SampledFrom([]string{"venv/lib/python3.13/site-packages", "usr/local/lib/python3.13/site-packages", "opt/x"})
	part := rapid.SampledFrom([]string{"a", "tests", "test", "site-packages", "a b", "x'y", "b*"})
	folder := rapid.Custom(func(t *rapid.T) string {
		return "/" + strings.Join(append(rapid.SliceOfN(part, 0, 2).Draw(t, "parents"), rapid.SampledFrom([]string{"tests", "test"}).Draw(t, "name")), "/")
	})
	given := 0
	rapid.Check(t, func(t *rapid.T) {
		s, below := site.Draw(t, "site"), folder.Draw(t, "kept")
		var names []string
		for range rapid.IntRange(1, 4).Draw(t, "folders") {
			name := site.Draw(t, "other site") + folder.Draw(t, "other")
			if name != s+below && !strings.HasPrefix(name, s+below+"/") {
				names = append(names, name)
			}
		}
		condition := exceptFolder(s, below, names)
		if condition == "" {
			return
		}
		given++
		for _, kept := range []string{s + below, s + below + "/data"} {
			if holds := findHolds(condition, "/"+kept); holds {
				t.Fatalf("%s is deleted: %s", kept, condition)
			}
		}
		for _, name := range names {
			if !findHolds(condition, "/"+name) {
				t.Fatalf("%s stays: %s", name, condition)
			}
		}
	})
	if given == 0 {
		t.Error("no condition was given")
	}
	if got := exceptFolder("venv/lib/python3.13/site-packages", "/tests", []string{"venv/lib/python3.13/site-packages/a/tests"}); !strings.Contains(got, "'*/site-packages/tests*'") {
		t.Errorf("a package named tests: %q", got)
	}
}

// findHolds evaluates "! -path 'PATTERN'…" as find does: * matches slashes, too.
func findHolds(condition, at string) bool {
	patterns := regexp.MustCompile(`! -path '([^']*)'`).FindAllStringSubmatch(condition, -1)
	return !slices.ContainsFunc(patterns, func(m []string) bool {
		return regexp.MustCompile("^" + strings.ReplaceAll(regexp.QuoteMeta(m[1]), `\*`, ".*") + "$").MatchString(at)
	})
}

// TestMost: a few folders are named if they hold most of the bytes.
func TestMost(t *testing.T) {
	for want, bytes := range map[string]map[string]int64{
		"a":       {"a": 90, "b": 5, "c": 4, "d": 1},
		"a b":     {"a": 50, "b": 35, "c": 10, "d": 5},
		"a b c":   {"a": 30, "b": 30, "c": 25, "d": 15},
		"a b c d": {"a": 25, "b": 25, "c": 25, "d": 25},
		"":        {},
	} {
		names := slices.Sorted(maps.Keys(bytes))
		if got := strings.Join(most(names, bytes), " "); got != want {
			t.Errorf("%v: %q, want %q", bytes, got, want)
		}
	}
}
