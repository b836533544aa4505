package audit

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/dockerfile"
)

// TestFromProject: a finding names the files of a context in a folder below from
// the project's folder, in its places, its fix and its words.
func TestFromProject(t *testing.T) {
	fix := &whittle.Fix{Title: "declare six in requirements.txt", Patches: []whittle.Patch{{File: "requirements.txt"}, {File: "docker/Dockerfile"}, {File: "docker/Dockerfile.dockerignore"}, {File: ".dockerignore"}},
		Remake: []string{"uv.lock"}}
	shared := []whittle.Evidence{{Path: "app/x", Layer: 1}, {File: "app.py", Line: 3}, {File: "docker/Dockerfile", Line: 2}}
	one := whittle.Finding{Message: "app.py:3 imports six, which requirements.txt lacks (my-requirements.txt, a/app.py, app.pyc)", Advice: "name it in requirements.txt.", Evidence: shared, Fix: fix}
	found := []whittle.Finding{one, one}
	FromProject(found, "api", &dockerfile.File{Name: "docker/Dockerfile"})
	want := whittle.Finding{Message: "api/app.py:3 imports six, which api/requirements.txt lacks (my-requirements.txt, a/app.py, app.pyc)", Advice: "name it in api/requirements.txt.",
		Evidence: []whittle.Evidence{{Path: "app/x", Layer: 1}, {File: "api/app.py", Line: 3}, {File: "docker/Dockerfile", Line: 2}},
		Fix: &whittle.Fix{Title: "declare six in api/requirements.txt", Remake: []string{"api/uv.lock"},
			Patches: []whittle.Patch{{File: "api/requirements.txt"}, {File: "docker/Dockerfile"}, {File: "docker/Dockerfile.dockerignore"}, {File: "api/.dockerignore"}}}}
	if diff := cmp.Diff([]whittle.Finding{want, want}, found); diff != "" {
		t.Error(diff)
	}
	if fix.Patches[0].File != "requirements.txt" || shared[1].File != "app.py" {
		t.Error("the rule's own values were changed")
	}
	FromProject(found, "", nil)
	if diff := cmp.Diff([]whittle.Finding{want, want}, found); diff != "" {
		t.Error(diff)
	}
}
