package lab

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"whittle.dev/whittle"
)

// TestCompose studies a project that compose builds: contexts in folders below and
// beside them, a Dockerfile in another folder with its own ignore file, services
// that share a build, their starts, and fixes of the files that count.
func TestCompose(t *testing.T) {
	h := gatedHealth(t)
	archive, err := txtar.ParseFile("testdata/compose.txtar")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	writeProject(t, h, archive, dir)
	s, err := Study(t.Context(), savingEnv(h), StudyOptions{Dir: dir, Quick: true, Offline: true, Fix: true, Risk: whittle.RiskLow, Write: true, Force: true})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, v := range s.Variants {
		for _, c := range v.Run.Commands {
			got = append(got, fmt.Sprintf("%s %s %s: %s %s: %s%s", v.Name, v.Context, v.Dockerfile, c.Name, c.Status, c.Ready, c.Problem))
		}
		for _, c := range v.Check.Starts {
			if strings.Contains(strings.Join(c.Command, " "), "not-in-the-image") {
				t.Errorf("%s: the files are judged by what compose mounts: %v", v.Name, c.Command)
			}
			t.Logf("%s: %s %v %s", v.Name, c.Kind, c.Command, c.Verdict)
		}
	}
	want := []string{
		"web backend docker/Dockerfile: web runs: its health check passed",
		"web backend docker/Dockerfile: worker runs: it ended with success",
		"mounted backend docker/Dockerfile: CMD unknown: needs what compose mounts at /srv/app: ",
		"inline backend compose.yaml#inline: CMD runs: it ended with success",
		"linked  compose.yaml#linked: CMD runs: it ended with success",
	}
	if len(got) != len(want) {
		t.Fatalf("%q", got)
	}
	for i := range want {
		if !strings.HasPrefix(got[i], want[i]) {
			t.Errorf("%q, want %q", got[i], want[i])
		}
	}
	if starts := s.Variants[0].Check.Starts; len(starts) < 2 || starts[0].Verdict != whittle.Runs || !cmp.Equal(starts[0].Command, []string{"python", "serve.py", "8001"}) {
		t.Errorf("the check follows %+v", starts)
	}
	ignored := func(name string) string {
		text, _ := os.ReadFile(filepath.Join(dir, name))
		return string(text)
	}
	if a, b := ignored("docker/Dockerfile.dockerignore"), ignored("backend/.dockerignore"); a != "ignored\n.git\n" || b != ".git\n" {
		t.Errorf("the ignore files have %q and %q", a, b)
	}
	for _, f := range s.Findings {
		for _, e := range f.Evidence {
			if _, err := os.Stat(filepath.Join(dir, e.File)); err != nil && !strings.Contains(e.File, "#") {
				t.Errorf("%s: %s is no file of the project", f.Rule, e.File)
			}
		}
		t.Log(f.Variant, f.Rule, f.Message)
	}
	for _, step := range s.Repair.Steps {
		t.Log(step.Finding.Variant, step.Finding.Rule, step.Status, step.Reason)
	}
}
