package python

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
)

// TestReadDeclaredBroken: a line that is no requirement is an error that names
// it, and neither ends the reading nor takes the line before it once more.
func TestReadDeclaredBroken(t *testing.T) {
	for _, first := range []string{"", "rich==13.9.4\n"} {
		d, err := ReadDeclared(fstest.MapFS{"constraints.txt": {Data: []byte(first + "=nothing=\nclick==8.5.1\n")}})
		if err == nil {
			t.Error("there is no error")
		}
		want := []Locked{{"click", "8.5.1", "constraints.txt"}}
		if first != "" {
			want = append([]Locked{{"rich", "13.9.4", "constraints.txt"}}, want...)
		}
		if diff := cmp.Diff(want, d.Locked); diff != "" {
			t.Errorf("locked (-want +got):\n%s", diff)
		}
	}
}

// TestReadDeclaredContinued: a requirement over very many lines is read in the
// time that its bytes take; what reads it anew for each line ends at the tests'
// own limit.
func TestReadDeclaredContinued(t *testing.T) {
	lines := "rich==13.9.4 \\\n" + strings.Repeat("  --hash=sha256:0123456789abcdef \\\n", 200_000) + "\nclick==8.5.1\n"
	d, err := ReadDeclared(fstest.MapFS{"requirements.txt": {Data: []byte(lines)}})
	if err != nil {
		t.Fatal(err)
	}
	want := []Locked{{"rich", "13.9.4", "requirements.txt"}, {"click", "8.5.1", "requirements.txt"}}
	if diff := cmp.Diff(want, d.Locked); diff != "" {
		t.Errorf("locked (-want +got):\n%s", diff)
	}
}

// TestRunModuleOpaque: a module in a zip file, which is not looked into, is
// neither there nor missing.
func TestRunModuleOpaque(t *testing.T) {
	im := &Importer{Finder: &Finder{opaque: "x", t: &tree{}, top: map[string]Module{}}}
	if n, f := im.RunModule("zipped"); n != nil || f != nil {
		t.Errorf("node %v, failure %v", n, f)
	}
}
