package distro

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"whittle.dev/whittle/internal/imagetest"
)

// TestPacman compares with what pacman says of a database that it made.
func TestPacman(t *testing.T) {
	archive, err := txtar.ParseFile("testdata/pacman.txtar")
	if err != nil {
		t.Fatal(err)
	}
	root, said := imagetest.Root{}, map[string][]string{}
	for _, f := range archive.Files {
		if strings.HasPrefix(f.Name, pacmanDir) {
			root[f.Name] = string(f.Data)
			continue
		}
		said[f.Name] = strings.Split(strings.TrimSpace(string(f.Data)), "\n")
	}
	for _, line := range said["query"] {
		_, file, _ := strings.Cut(line, " ")
		root[file] = "content"
	}
	packages, problems := Read(t.Context(), root)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	got := map[string][]string{}
	for _, p := range packages {
		kind := map[Reason]string{Requested: "explicit", Automatic: "dependencies"}[p.Reason]
		got[kind] = append(got[kind], p.String())
		for _, f := range p.Files {
			if !strings.HasPrefix(f, pacmanDir) {
				got["query"] = append(got["query"], p.Name+" "+f)
			}
		}
	}
	for _, list := range got {
		slices.Sort(list)
	}
	if diff := cmp.Diff(said, got); diff != "" {
		t.Errorf("(-pacman +got):\n%s", diff)
	}
	if diff := cmp.Diff([][]string{{"whittle-z"}, {"libz.so"}}, packages[0].Depends); diff != "" {
		t.Error(diff)
	}
}
