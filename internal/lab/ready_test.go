package lab

import (
	"path/filepath"
	"strings"
	"testing"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/bench"
	"whittle.dev/whittle/internal/imagetest"
)

// TestLoadedMachine: where the processor time is known, a clean-up is reverted if the start
// works longer without it, and never because a loaded machine makes it take longer. The
// time to ready has five runs of the start, and five without the page cache, also where a
// quick study ran it once.
func TestLoadedMachine(t *testing.T) {
	for _, c := range []struct {
		name                 string
		seconds, cpu         float64 // without opt/b
		secondsWith, cpuWith float64
		reason               string
		quick                bool
	}{
		{"a loaded machine", 9, 2, 2.3, 2, "", false},
		{"a loaded machine, quick", 9, 2, 2.3, 2, "", true},
		{"more work", 3.6, 3.5, 2.3, 2, "start-up of works 2.0 → 3.5 s of CPU (+75 %), 2.3 → 3.6 s in all; --objective size keeps it", true},
		{"more work that a loaded machine hides", 3.6, 3.5, 9, 2, "start-up of works 2.0 → 3.5 s of CPU (+75 %), 9.0 → 3.6 s in all; --objective size keeps it", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := &toyEngine{fakeEngine: fakeEngine{t: t}, runs: func(string) bool { return true }}
			pick := func(with, without float64) func(string) float64 {
				return func(text string) float64 {
					if strings.Contains(text, "RUN mk opt/b 9000000\n") {
						return with
					}
					return without
				}
			}
			e.seconds, e.cpu = pick(c.secondsWith, c.seconds), pick(c.cpuWith, c.cpu)
			dir := toyProject(t, map[string]string{"Dockerfile": strings.ReplaceAll(toyDockerfile, "opt/b 700000", "opt/b 9000000")})
			r, err := Fix(t.Context(), toyEnv(e), FixOptions{StudyOptions: StudyOptions{Dir: dir, Quick: c.quick}, Verify: true})
			imagetest.Must(t, err)
			reverted := ""
			for _, s := range r.Steps {
				if s.Status != whittle.Applied {
					reverted = s.Reason
				}
			}
			if (reverted == "") != (c.reason == "") || !strings.HasSuffix(reverted, c.reason) {
				t.Errorf("reverted: %q, want %q", reverted, c.reason)
			}
			v := r.Verified.Variants[0]
			for at, ready := range map[string]*whittle.Ready{"before": v.Before.Ready, "after": v.After.Ready} {
				if ready == nil || ready.Unpack == nil || ready.Start == nil {
					t.Fatalf("%s: %+v", at, ready)
				}
				s := ready.Start
				if s.Runs < bench.Startups || s.CPU == nil || s.Cold == nil || *s.Cold != 2*s.Wall {
					t.Errorf("%s: %+v, %+v", at, ready, s)
				}
			}
		})
	}
}

// TestReadyQuick: a quick study unpacks the first image only, and runs only the start of
// the best one again.
func TestReadyQuick(t *testing.T) {
	e := &toyEngine{fakeEngine: fakeEngine{t: t}, runs: func(string) bool { return true }, cpu: func(string) float64 { return 1 }, seconds: func(string) float64 { return 2 }}
	dir := toyProject(t, map[string]string{"Dockerfile": strings.ReplaceAll(toyDockerfile, "opt/b 700000", "opt/b 9000000")})
	s, err := Study(t.Context(), toyEnv(e), StudyOptions{Dir: dir, Quick: true, Fix: true})
	imagetest.Must(t, err)
	first := s.Variants[0].Ready
	if first == nil || first.Unpack == nil || *first.Unpack <= 0 || first.UnpackOf != "" {
		t.Fatalf("%+v", first)
	}
	after := s.Repair.Verified.Variants[0].After
	if r := after.Ready; r == nil || r.UnpackOf != s.Variants[0].Name || *r.Unpack >= *first.Unpack {
		t.Errorf("after the fixes: %+v", r)
	}
	if best := s.Best.Outcome.Ready; best == nil || best.Start == nil || best.Start.Runs < bench.Startups || best.Start.Cold == nil {
		t.Errorf("the best: %+v", best)
	}
	if first.Start == nil || first.Start.Runs != 1 || first.Start.Cold != nil {
		t.Errorf("the first: %+v", first.Start)
	}
}

// TestReadyAgain: a quick study of an image that is as it was in the last one does not
// unpack it again.
func TestReadyAgain(t *testing.T) {
	e := &toyEngine{fakeEngine: fakeEngine{t: t}, runs: func(string) bool { return true }, seconds: func(string) float64 { return 2 }}
	dir := toyProject(t, map[string]string{"Dockerfile": toyDockerfile})
	var unpack []float64
	for i, more := range []string{"", "", "RUN mk opt/d 5000\n"} {
		imagetest.Must(t, whittle.WriteFile(filepath.Join(dir, "Dockerfile"), []byte(toyDockerfile+more)))
		s, err := Study(t.Context(), toyEnv(e), StudyOptions{Dir: dir, Quick: true})
		imagetest.Must(t, err)
		r := s.Variants[0].Ready
		if r == nil || r.Unpack == nil || r.Start == nil {
			t.Fatalf("%d: %+v", i, r)
		}
		unpack = append(unpack, *r.Unpack)
	}
	if unpack[0] != unpack[1] || unpack[1] == unpack[2] {
		t.Errorf("unpacking took %v", unpack)
	}
}
