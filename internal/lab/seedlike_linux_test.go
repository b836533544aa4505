package lab

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"whittle.dev/whittle"
)

// TestSeedlike: of a project as the seed's really was, the study with fixes
// declares rich where it is needed and nothing else, keeps what production
// starts running, leaves the console scripts alone that cannot run, names
// them, and makes the image smaller.
func TestSeedlike(t *testing.T) {
	h := gatedHealth(t)
	dir := laidOut(t, h, "testdata/seedlike.txtar")
	s, err := Study(t.Context(), savingEnv(h), StudyOptions{Dir: dir, Quick: true, Offline: true, Fix: true})
	if err != nil {
		t.Fatal(err)
	}
	if s.Best == nil || s.Repair.Verified == nil {
		t.Fatalf("no best image: %+v", s.Repair)
	}
	added, removed := map[string]bool{}, map[string]bool{}
	for _, f := range s.Repair.Files {
		if f.Path != "pyproject.toml" {
			continue
		}
		for line := range strings.Lines(f.Diff) {
			if rest, ok := strings.CutPrefix(line, "+"); ok && !strings.HasPrefix(rest, "++") {
				added[strings.TrimSpace(rest)] = true
			} else if rest, ok := strings.CutPrefix(line, "-"); ok && !strings.HasPrefix(rest, "--") {
				removed[strings.TrimSpace(rest)] = true
			}
		}
	}
	const rich = `"rich>=13.0.0,<14.0.0",`
	if diff := cmp.Diff(map[string]bool{rich: true}, added); diff != "" {
		t.Errorf("added to pyproject.toml (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]bool{rich: true, `"networkx>=3.2,<4.0", # once drew the network`: true}, removed); diff != "" {
		t.Errorf("removed from pyproject.toml (-want +got):\n%s", diff)
	}
	v := s.Repair.Verified.Variants[0]
	if v.After.Verdict != whittle.Runs || v.After.Passed != v.Before.Passed+1 || v.After.Sizes.Size >= v.Before.Sizes.Size {
		t.Errorf("before %+v, after %+v", v.Before, v.After)
	}
	for _, want := range []string{"inventory-dashboard", "inventory-legacy"} {
		run := commandNamed(s.Variants[0].Run, want)
		if run == nil || run.Status != whittle.Fails || !run.Optional || run.Module == "" {
			t.Errorf("%s: %+v", want, run)
		}
	}
	// Without networkx it is 3.4 % smaller. The bytecode stays, as starts take longer
	// without it.
	if s.Best.Outcome.Verdict != whittle.Runs || s.Best.Percent >= 97 {
		t.Errorf("the best image: %.1f %%, %+v", s.Best.Percent, s.Best.Outcome)
	}
}

func commandNamed(r whittle.RunFacts, name string) *whittle.CommandRun {
	for i := range r.Commands {
		if r.Commands[i].Name == name {
			return &r.Commands[i]
		}
	}
	return nil
}
