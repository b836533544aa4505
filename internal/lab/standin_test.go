package lab

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/host"
	"whittle.dev/whittle/internal/imagetest"
)

// TestStandIn: an image in place of a build gives the same findings and fixes as the
// build of it, is run where there is an engine, and is not built.
func TestStandIn(t *testing.T) {
	e := &toyEngine{fakeEngine: fakeEngine{t: t}, runs: func(string) bool { return true }}
	dir := toyProject(t, map[string]string{"Dockerfile": toyDockerfile, "Dockerfile.b": toyDockerfile})
	built, err := Study(t.Context(), toyEnv(e), StudyOptions{Dir: dir, Quick: true, Only: []string{"original"}})
	imagetest.Must(t, err)
	archive := filepath.Join(t.TempDir(), "ci.tar")
	text, err := os.ReadFile(filepath.Join(dir, OutName, built.Variants[0].Build.Archive))
	imagetest.Must(t, err)
	imagetest.Must(t, os.WriteFile(archive, text, 0o644))
	imagetest.Must(t, os.RemoveAll(filepath.Join(dir, OutName)))
	ref := "docker-archive:" + archive
	for _, image := range []string{ref, "original=" + ref} {
		e := &toyEngine{fakeEngine: fakeEngine{t: t}, runs: func(string) bool { return true }}
		s, err := Study(t.Context(), toyEnv(e), StudyOptions{Dir: dir, Only: []string{"original"}, Images: []string{image}})
		imagetest.Must(t, err)
		v := s.Variants[0]
		if len(e.builds) > 0 || v.Build.Status != whittle.Built || v.Build.Image != ref || v.Build.Archive != "" || v.Build.RebuildSeconds != nil || v.Inspect.Sizes.Size != built.Variants[0].Inspect.Sizes.Size || v.Check == nil {
			t.Errorf("builds %q, %+v", e.builds, v.Build)
		}
		if v.Run.Status != whittle.Runs {
			t.Errorf("%+v", v.Run)
		}
		if len(s.Findings) != len(built.Findings) || !slices.ContainsFunc(s.Findings, func(f whittle.Finding) bool { return f.Fix != nil }) || len(s.Forecasts) == 0 {
			t.Errorf("%d findings, %d forecasts; want %d findings", len(s.Findings), len(s.Forecasts), len(built.Findings))
		}
	}
	r, err := Fix(t.Context(), toyEnv(e), FixOptions{StudyOptions: StudyOptions{Dir: dir, Images: []string{"original=" + ref, "b=" + ref}}, Rules: []string{"cleanup-in-later-layer"}})
	imagetest.Must(t, err)
	if len(r.Files) != 2 {
		t.Errorf("%+v", r)
	}
}

// TestStandInWithoutEngine: it is measured, checked and advised, and it is said that
// it was not run.
func TestStandInWithoutEngine(t *testing.T) {
	e := &toyEngine{fakeEngine: fakeEngine{t: t}, runs: func(string) bool { return true }}
	dir := toyProject(t, map[string]string{"Dockerfile": toyDockerfile})
	_, err := Study(t.Context(), toyEnv(e), StudyOptions{Dir: dir, Quick: true})
	imagetest.Must(t, err)
	archive := filepath.Join(t.TempDir(), "ci.tar")
	imagetest.Must(t, os.Rename(filepath.Join(dir, OutName, "images", "Dockerfile.tar"), archive))
	env := toyEnv(e)
	env.Engine = func(context.Context, bool) (host.Builder, error) {
		return nil, whittle.ErrEngine.Errorf("there is none")
	}
	o := StudyOptions{Dir: dir, Images: []string{"docker-archive:" + archive}}
	s, err := Study(t.Context(), env, o)
	imagetest.Must(t, err)
	if v := s.Variants[0]; v.Run.Status != whittle.Unknown || len(v.Run.Commands) > 0 || v.Check == nil || len(s.Findings) == 0 || !strings.Contains(strings.Join(v.Build.Notes, "\n"), "nothing was run: there is none") {
		t.Errorf("%+v %+v", v.Run, v.Build)
	}
	advice, err := AdviseProject(t.Context(), env, o, nil)
	imagetest.Must(t, err)
	if len(advice) != 1 || !slices.Contains(advice[0].Notes, "nothing was run: there is none") || advice[0].Fixable.High == 0 {
		t.Errorf("%+v", advice)
	}
	// The same image for another Dockerfile: findings, and no fix.
	imagetest.Must(t, os.WriteFile(filepath.Join(dir, "Dockerfile"), []byte("FROM base\nRUN mk other 900000\nRUN rm -rf /other\n"), 0o644))
	advice, err = AdviseProject(t.Context(), env, o, nil)
	imagetest.Must(t, err)
	if a := advice[0]; len(a.Findings) == 0 || slices.ContainsFunc(a.Findings, func(f whittle.Finding) bool { return f.Fix != nil }) || a.Fixable.High != 0 || !strings.Contains(strings.Join(a.Notes, "\n"), "was not made by Dockerfile") {
		t.Errorf("%+v", a)
	}
	if _, err := Fix(t.Context(), env, FixOptions{StudyOptions: o}); err == nil || !strings.Contains(err.Error(), "was not made by Dockerfile") {
		t.Errorf("%v", err)
	}
}
