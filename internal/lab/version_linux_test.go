package lab

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"whittle.dev/whittle"
)

// TestVersionFromGit builds a project whose version setuptools-scm takes from a tag:
// the build sees .git in the project and in the copy in which fixes are tried, no
// fix excludes it, and the best image has the version.
func TestVersionFromGit(t *testing.T) {
	h := gatedHealth(t)
	project := txtar.Parse([]byte(`
-- Dockerfile --
FROM python:3.13-slim
RUN apt-get update && apt-get install -y --no-install-recommends git
WORKDIR /app
COPY . .
RUN pip install .
CMD ["tagged"]
-- pyproject.toml --
[build-system]
requires = ["setuptools>=77", "setuptools-scm>=8"]
build-backend = "setuptools.build_meta"
[project]
name = "tagged"
dynamic = ["version"]
[project.scripts]
tagged = "tagged:main"
[tool.setuptools]
py-modules = ["tagged"]
[tool.setuptools_scm]
-- tagged.py --
from importlib.metadata import version


def main():
    found = version("tagged")
    print(found)
    assert found.startswith("4.2."), found
-- .gitignore --
.whittle
whittle.yaml
`))
	dir := t.TempDir()
	writeProject(t, h, project, dir)
	t.Setenv("HOME", t.TempDir())
	for _, args := range [][]string{{"init", "-q"}, {"add", "-A"}, {"commit", "-qm", "one"}, {"tag", "v4.2.0"}} {
		if out, err := exec.Command("git", append([]string{"-C", dir, "-c", "user.name=x", "-c", "user.email=x"}, args...)...).CombinedOutput(); err != nil {
			t.Fatalf("git %q: %v\n%s", args, err, out)
		}
	}
	s, err := Study(t.Context(), savingEnv(h), StudyOptions{Dir: dir, Quick: true, Offline: true, Fix: true, Risk: whittle.RiskMedium})
	if err != nil {
		t.Fatal(err)
	}
	v := s.Variants[0]
	if v.Build.Status != whittle.Built || v.Run.Status != whittle.Runs {
		t.Fatalf("%s (%s), %s: %+v", v.Build.Status, v.Build.Reason, v.Run.Status, v.Run.Commands)
	}
	if s.Best == nil || s.Best.Percent >= 100 {
		t.Fatalf("the best is %+v", s.Best)
	}
	for _, step := range s.Repair.Steps {
		t.Logf("%s %s: %s", step.Finding.Rule, step.Status, step.Reason)
		if step.Finding.Rule == "vcs-and-junk" && strings.Contains(step.Finding.Message, ".git") {
			t.Errorf("the history is junk: %s", step.Finding.Message)
		}
	}
	if after := s.Repair.Verified.Variants[0].After; after.Verdict != whittle.Runs {
		t.Errorf("after: %+v", after)
	}
}
