package lab

import (
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/build"
)

// TestServices runs an application that wants a database: without one it is
// unknown and says what it needs, beside a real PostgreSQL it runs, and the
// proof holds; beside one that does not come up it is unknown, with the reason.
func TestServices(t *testing.T) {
	h := gatedHealth(t)
	archive, err := txtar.ParseFile("testdata/services.txtar")
	if err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{}
	project := &txtar.Archive{}
	for _, f := range archive.Files {
		files[f.Name] = f.Data
		if f.Name != "services" && f.Name != "postgres" {
			project.Files = append(project.Files, f)
		}
	}
	layout := t.TempDir()
	var log strings.Builder
	res, err := h.engine.Build(t.Context(), build.Definition{Context: t.TempDir(), Bases: h.bases, Offline: true, Content: files["postgres"]},
		build.Output{Layout: layout, Compression: "uncompressed", Log: &log})
	if err != nil {
		t.Fatalf("%v\n%s", err, log.String())
	}
	h.bases["postgres:17"] = build.Base{Layout: layout, Digest: res.Manifest}
	for _, c := range []struct {
		name, run string
		verdict   whittle.Verdict
		start     string
		fix       bool
	}{
		{"without a database", "", whittle.Unknown, "CMD: needs postgres at db:5432", false},
		{"with one", string(files["services"]), whittle.Runs, "CMD: it answered on port 8000 with 200", true},
		{"with one that does not come up", strings.ReplaceAll(string(files["services"]), "image: postgres:17", "image: postgres:17\n    command: [sh, -c, 'echo no room; exit 7']"), whittle.Unknown,
			"CMD: the service db did not come up: it ended (exit code 7): no room", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			more := &txtar.Archive{Files: append(project.Files[:len(project.Files):len(project.Files)], txtar.File{Name: "run", Data: []byte(c.run)})}
			writeProject(t, h, more, dir)
			s, err := Study(t.Context(), savingEnv(h), StudyOptions{Dir: dir, Quick: true, Offline: true, Fix: true, Risk: whittle.RiskMedium})
			if err != nil {
				t.Fatal(err)
			}
			v := s.Variants[0]
			for _, r := range v.Run.Commands {
				t.Logf("%s %s %s %s %v", r.Name, r.Status, r.Ready, r.Problem, r.Ports)
			}
			for _, step := range s.Repair.Steps {
				t.Logf("%s %s %s: %s", step.Finding.Rule, step.Finding.Risk, step.Status, step.Reason)
				if !c.fix && step.Status == whittle.Applied && step.Finding.Risk != whittle.RiskNone && step.Finding.Risk != whittle.RiskLow {
					t.Errorf("%s was made without a start that runs", step.Finding.Fix.Title)
				}
			}
			after := s.Repair.Verified.Variants[0].After
			if v.Run.Status != c.verdict || after.Verdict != c.verdict || !strings.Contains(after.Start, c.start) || (s.Best != nil) != c.fix {
				t.Errorf("%s %+v, best %v", v.Run.Status, after, s.Best != nil)
			}
			if c.fix && (s.Best.Percent >= 100 || strings.Contains(s.Best.Dockerfile, "geheim")) {
				t.Errorf("the best is %.1f %%", s.Best.Percent)
			}
			for _, port := range v.Run.Commands[len(v.Run.Commands)-1].Ports {
				if port == 5432 {
					t.Error("the service's port is said to be the image's")
				}
			}
		})
	}
}
