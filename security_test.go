package whittle_test

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// namedTest is a test as docs/explanation/security.md names it, "folder.TestName" or
// "TestName" for one of this folder.
var namedTest = regexp.MustCompile("`(?:([a-z/]+)\\.)?((?:Test|Fuzz)[A-Z]\\w*)`")

// TestSecurityPage: each statement of docs/explanation/security.md names a test that there
// is.
func TestSecurityPage(t *testing.T) {
	text, err := os.ReadFile("docs/explanation/security.md")
	if err != nil {
		t.Fatal(err)
	}
	var statements []string
	for line := range strings.Lines(string(text)) {
		switch {
		case strings.HasPrefix(line, "- "):
			statements = append(statements, line)
		case strings.HasPrefix(line, "  ") && len(statements) > 0:
			statements[len(statements)-1] += line
		}
	}
	if len(statements) < 20 {
		t.Errorf("%d statements: the test looks at the wrong lines", len(statements))
	}
	for _, s := range statements {
		if !namedTest.MatchString(s) {
			t.Errorf("no test is named: %s", s)
		}
	}
	for _, m := range namedTest.FindAllStringSubmatch(string(text), -1) {
		if !isTest(t, m[1], m[2]) {
			t.Errorf("there is no test %s", m[0])
		}
	}
}

// TestFuzzTargets: docs/explanation/security.md says of each fuzz target what it is about.
func TestFuzzTargets(t *testing.T) {
	text, err := os.ReadFile("docs/explanation/security.md")
	if err != nil {
		t.Fatal(err)
	}
	target := regexp.MustCompile(`(?m)^func (Fuzz[A-Z]\w*)\(`)
	seen := 0
	err = filepath.WalkDir(".", func(path string, d os.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && path != "." && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata"):
			return filepath.SkipDir
		case !strings.HasSuffix(path, "_test.go"):
			return nil
		}
		file, err := os.ReadFile(path)
		for _, m := range target.FindAllStringSubmatch(string(file), -1) {
			seen++
			if name := filepath.ToSlash(filepath.Dir(path)) + "." + m[1]; !strings.Contains(string(text), "`"+name+"`") {
				t.Errorf("docs/explanation/security.md does not name %s", name)
			}
		}
		return err
	})
	if err != nil || seen < 50 {
		t.Errorf("%d targets, %v", seen, err)
	}
}

// isTest says whether a folder's tests have one of that name.
func isTest(t *testing.T, folder, name string) bool {
	files, err := filepath.Glob(filepath.Join(folder, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if text, err := os.ReadFile(file); err == nil && strings.Contains(string(text), "\nfunc "+name+"(") {
			return true
		}
	}
	return false
}

// TestStartsPrograms: the rooms that can start a program are the build engine's
// the one that asks git, the outside world that asks docker about Bake files, the
// terminal UI for the user's editor, and what finds the tests their oracle; all
// others only read.
func TestStartsPrograms(t *testing.T) {
	out, err := exec.Command("go", "list", "-json=ImportPath,Imports", "./...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var found []string
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p listed
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		inside := strings.Contains(p.ImportPath, "/scripts/") || strings.Contains(p.ImportPath, "/testdata/")
		if !inside && slices.ContainsFunc(p.Imports, func(i string) bool { return i == "os/exec" || i == "plugin" }) {
			found = append(found, p.ImportPath)
		}
	}
	if want := []string{"whittle.dev/whittle/internal/build/buildkitd", "whittle.dev/whittle/internal/git", "whittle.dev/whittle/internal/host", "whittle.dev/whittle/internal/imagetest", "whittle.dev/whittle/internal/postgrestest", "whittle.dev/whittle/internal/tui"}; !slices.Equal(found, want) {
		t.Errorf("programs are started by %q, want %q", found, want)
	}
}
