package runs

import (
	"fmt"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/project"
)

// TestPart is a part of a project's tests that can be run by itself.
type TestPart struct {
	// Name is "tests: tests/test_a.py", or "tests 2 of 8" if the part has several files.
	Name string
	Args []string
}

// NoTests is how pytest ends if it has found no test.
// https://docs.pytest.org/en/stable/reference/exit-codes.html
const NoTests = 5

// SplitTests parts the tests of a project by their files, into most parts at most. It is
// nil if the tests are not pytest's, have one file, or are named one by one: then they
// are run as one.
func SplitTests(p *project.Project, skip func(rel string, d fs.DirEntry) bool, most int) []TestPart {
	if !isPytest(p.Test.Command) {
		return nil
	}
	files := testFiles(p, skip)
	n := min(len(files), most)
	if n < 2 {
		return nil
	}
	groups := make([][]string, n)
	for i, f := range files {
		groups[i%n] = append(groups[i%n], f)
	}
	var out []TestPart
	for i, own := range groups {
		part := TestPart{Name: Tests + ": " + own[0], Args: slices.Clone(p.Test.Command)}
		if len(own) > 1 {
			part.Name = fmt.Sprintf("%s %d of %d", Tests, i+1, n)
		}
		for _, f := range files {
			if !slices.Contains(own, f) {
				part.Args = append(part.Args, "--ignore="+f)
			}
		}
		out = append(out, part)
	}
	return out
}

// isPytest says that a command line is one of pytest that names no single tests: what is
// named is run although it is ignored.
func isPytest(words []string) bool {
	at := slices.IndexFunc(words, func(w string) bool { base := path.Base(w); return base == "pytest" || base == "py.test" })
	if at < 0 || slices.ContainsFunc(words[:at], func(w string) bool { return strings.ContainsAny(w, " ;&|") }) {
		return false
	}
	return !slices.ContainsFunc(words[at+1:], func(w string) bool {
		return !strings.HasPrefix(w, "-") && (strings.Contains(w, ".py") || strings.Contains(w, "::")) || w == "--pyargs" || w == "--"
	})
}

// testFiles are the files with tests among those that go into the image, by pytest's own
// rule for their names, sorted.
// https://docs.pytest.org/en/stable/explanation/goodpractices.html#conventions-for-python-test-discovery
func testFiles(p *project.Project, skip func(rel string, d fs.DirEntry) bool) (out []string) {
	for _, name := range p.Test.Copy {
		from, ok := whittle.Inside(p.Dir, name)
		if !ok {
			continue // copying says so
		}
		_ = filepath.WalkDir(from, func(at string, d fs.DirEntry, err error) error { // what cannot be read is not split
			rel, relErr := filepath.Rel(from, at)
			switch {
			case err != nil || relErr != nil:
				return nil //nolint:nilerr // copying says so
			case rel != "." && skip != nil && skip(rel, d):
				if d.IsDir() {
					return fs.SkipDir
				}
				return nil
			}
			base := d.Name()
			if d.Type().IsRegular() && strings.HasSuffix(base, ".py") && (strings.HasPrefix(base, "test_") || strings.HasSuffix(base, "_test.py")) {
				out = append(out, path.Join(filepath.ToSlash(name), filepath.ToSlash(rel)))
			}
			return nil
		})
	}
	slices.Sort(out)
	return slices.Compact(out)
}
