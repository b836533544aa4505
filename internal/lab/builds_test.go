package lab

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/build"
	"whittle.dev/whittle/internal/host"
	"whittle.dev/whittle/internal/imagetest"
	"whittle.dev/whittle/internal/project"
	"whittle.dev/whittle/internal/states"
)

// wasteful is a Dockerfile with clean-ups that come too late, one for each file.
func wasteful(files int) string {
	var b strings.Builder
	b.WriteString("FROM base\n")
	for i := range files {
		fmt.Fprintf(&b, "RUN mk opt/f%02d %d\nRUN rm -rf /opt/f%02d\n", i, 500_000+i, i)
	}
	return b.String()
}

// fixed says that a fix was made in a Dockerfile of wasteful.
func fixed(text string, file int) bool {
	return !strings.Contains(text, fmt.Sprintf("RUN mk opt/f%02d %d\n", file, 500_000+file))
}

// TestBuilds counts builds: fixes that do no harm take one, of all variants; of those of
// two variants the culprits are found in the same builds. What is kept is what is kept if
// one is tried after the other: all that do no harm.
func TestBuilds(t *testing.T) {
	const files = 16
	for _, c := range []struct {
		name         string
		first, other []int // culprits of each variant
		// unseen says that no build gets the Dockerfiles: that of one variant cannot change
		// the image of the other.
		unseen bool
		most   int
	}{
		{"none", nil, nil, false, 1},
		{"one", []int{11}, nil, true, 6},
		{"one, and all is copied", []int{11}, nil, false, 7},
		{"one of each", []int{3}, []int{12}, true, 7},
		{"three", []int{0, 7}, []int{15}, true, 11},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := &toyEngine{fakeEngine: fakeEngine{t: t}}
			e.runs = func(text string) bool {
				culprits := c.first
				if strings.HasPrefix(text, "# other") {
					culprits = c.other
				}
				return !slices.ContainsFunc(culprits, func(i int) bool { return fixed(text, i) })
			}
			texts := map[string]string{"Dockerfile": wasteful(files), "Dockerfile.other": "# other\n" + wasteful(files)}
			if c.unseen {
				texts[".dockerignore"] = "Dockerfile*\n"
			}
			dir := toyProject(t, texts)
			r, err := Fix(t.Context(), toyEnv(e), FixOptions{StudyOptions: StudyOptions{Dir: dir}, Verify: true, Rules: []string{"cleanup-in-later-layer"}})
			imagetest.Must(t, err)
			v := r.Verified
			t.Logf("%d builds of %d images", v.Builds, v.Images)
			if v.Builds > c.most || v.Images > 2*v.Builds || v.Images != len(e.builds)-2 {
				t.Errorf("%d builds of %d images, at most %d are wanted; the engine built %d", v.Builds, v.Images, c.most, len(e.builds)-2)
			}
			for i, culprits := range [][]int{c.first, c.other} {
				want := int64(0)
				for f := range files {
					if !slices.Contains(culprits, f) {
						want += int64(500_000 + f)
					}
				}
				if v.Variants[i].Saved != want || v.Variants[i].After.Verdict != whittle.Runs {
					t.Errorf("%s: saved %d, want %d; %s", v.Variants[i].Name, v.Variants[i].Saved, want, v.Variants[i].After.Verdict)
				}
			}
			reverted := 0
			for _, s := range r.Steps {
				if s.Status == whittle.Reverted {
					reverted++
				}
			}
			if reverted != len(c.first)+len(c.other) {
				t.Errorf("%d fixes were reverted", reverted)
			}
		})
	}
}

// TestStrategiesShareBuild: the strategies of a study are one build, and the report says
// how many builds and images there were.
func TestStrategiesShareBuild(t *testing.T) {
	e, env := newStaged(t, 90_000_000)
	var steps []string
	env.Progress = stepFunc(func(line string) { steps = append(steps, line) })
	s, err := Study(t.Context(), env, StudyOptions{Dir: stagedProject(t), Quick: true, Fix: true})
	imagetest.Must(t, err)
	strategies := 0
	for _, f := range s.Forecasts {
		if f.Actual != nil && f.Strategy != fixedStrategy {
			strategies++
		}
	}
	together := slices.ContainsFunc(steps, func(line string) bool {
		return strings.HasPrefix(line, "building ") && strings.Count(line, ", ") == strategies-1
	})
	v := s.Repair.Verified
	if strategies < 2 || !together || v.Images != len(e.builds)-1 || v.Builds != v.Images-strategies+1 {
		t.Errorf("%d strategies in one build %t: %d builds of %d images, the engine built %q", strategies, together, v.Builds, v.Images, e.builds)
	}
}

// starvingEngine fails once to build each of the Dockerfiles that were changed, as for want
// of memory.
type starvingEngine struct {
	toyEngine
	mu      sync.Mutex
	starved map[string]bool
	failure *build.Error
}

func (e *starvingEngine) Build(ctx context.Context, d build.Definition, o build.Output) (*build.Result, error) {
	e.mu.Lock()
	first := e.starved != nil && !e.starved[d.Dockerfile]
	if first {
		e.starved[d.Dockerfile] = true
	}
	e.mu.Unlock()
	if first {
		return nil, e.failure
	}
	return e.toyEngine.Build(ctx, d, o)
}

// TestStarved: what fails beside others for want of memory is built again alone, and no
// fix is blamed. What fails of itself is not.
func TestStarved(t *testing.T) {
	for _, starved := range []bool{true, false} {
		e := &starvingEngine{toyEngine: toyEngine{fakeEngine: fakeEngine{t: t}, runs: func(string) bool { return true }}}
		e.failure = &build.Error{Kind: build.StepFailed, File: "Dockerfile", Line: 2, Message: "killed (exit code 137)", Starved: starved}
		env := toyEnv(&e.toyEngine)
		env.Engine = func(context.Context, bool) (host.Builder, error) { return e, nil }
		env.Progress = stepFunc(func(line string) {
			if strings.HasPrefix(line, "building original, other with") {
				e.mu.Lock()
				defer e.mu.Unlock()
				if e.starved == nil {
					e.starved = map[string]bool{}
				}
			}
		})
		dir := toyProject(t, map[string]string{"Dockerfile": wasteful(1), "Dockerfile.other": "# other\n" + wasteful(1)})
		r, err := Fix(t.Context(), env, FixOptions{StudyOptions: StudyOptions{Dir: dir}, Verify: true, Rules: []string{"cleanup-in-later-layer"}})
		imagetest.Must(t, err)
		applied := 0
		for _, s := range r.Steps {
			if s.Status == whittle.Applied {
				applied++
			}
		}
		if want := map[bool]int{true: 2, false: 0}[starved]; applied != want {
			t.Errorf("starved %t: %d fixes are applied, want %d: %q", starved, applied, want, statuses(r))
		}
	}
}

// TestSharedBuild: states are built together if each variant can be kept from seeing what
// only another's state has.
func TestSharedBuild(t *testing.T) {
	dir := toyProject(t, map[string]string{"Dockerfile": "FROM base\n"})
	c, err := states.NewCopy(t.Context(), dir, t.TempDir(), nil)
	imagetest.Must(t, err)
	w := &workshop{copy: c}
	a, b := project.Variant{Name: "a"}, project.Variant{Name: "b"}
	folders := project.Variant{Name: "b", Contexts: map[string]string{"more": "."}}
	of := func(files ...string) state {
		s := state{}
		for _, f := range files {
			name, text, _ := strings.Cut(f, "=")
			s[name] = []byte(text)
		}
		return s
	}
	for _, c := range []struct {
		name   string
		first  wanted
		second wanted
		ok     bool
		hidden []string // from the first, which are those from the second too
	}{
		{"the same state", wanted{a, of("Dockerfile=x")}, wanted{b, of("Dockerfile=x")}, true, nil},
		{"a new file each", wanted{a, of("Dockerfile.a=x")}, wanted{b, of("Dockerfile.b=y")}, true, []string{"Dockerfile.b"}},
		{"one file in two states", wanted{a, of("Dockerfile=x")}, wanted{b, of("Dockerfile=y")}, false, nil},
		{"a file that only one changes", wanted{a, of("Dockerfile=x")}, wanted{b, of()}, false, nil},
		{"a new file in two states", wanted{a, of("new=x")}, wanted{b, of("new=y")}, false, nil},
		{"a context that is not the project", wanted{a, of("Dockerfile.a=x")}, wanted{folders, of("Dockerfile.b=y")}, false, nil},
		{"one variant in two states", wanted{a, of("Dockerfile.a=x")}, wanted{a, of("Dockerfile.b=y")}, false, nil},
	} {
		next, ok, err := sharedBuild{[]wanted{c.first}, c.first.state}.with(w, c.second)
		if err != nil || ok != c.ok {
			t.Errorf("%s: %t, %v", c.name, ok, err)
			continue
		}
		if !ok {
			continue
		}
		if diff := cmp.Diff(c.hidden, next.without(c.first)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
}
