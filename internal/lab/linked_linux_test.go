package lab

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"whittle.dev/whittle"
)

// TestLinked studies targets of Bake that are made of others: what these make is built
// and accounted for, with the lines of their own Dockerfiles; it is not started, and not
// judged by what is made of it.
func TestLinked(t *testing.T) {
	h := gatedHealth(t)
	archive, err := txtar.ParseFile("testdata/linked.txtar")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	writeProject(t, h, archive, dir)
	s, err := Study(t.Context(), savingEnv(h), StudyOptions{Dir: dir, Offline: true, Fix: true, Risk: whittle.RiskMedium})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	layers := map[string][]string{}
	for _, v := range s.Variants {
		if v.Build.Status != whittle.Built {
			t.Fatalf("%s: %s %q", v.Name, v.Build.Reason, v.Build.Tail)
		}
		got = append(got, fmt.Sprintf("%s %s %d %s", v.Name, v.Run.Status, len(v.Run.Commands), v.Check.Verdict))
		sum := int64(0)
		for _, l := range v.Inspect.Layers {
			sum += l.Size
			if l.Origin != nil {
				layers[v.Name] = append(layers[v.Name], fmt.Sprintf("%s:%d %s", l.Origin.File, l.Origin.Line, l.Origin.Instruction))
			}
		}
		if sum != v.Inspect.Sizes.Size {
			t.Errorf("%s has %d bytes, its layers %d", v.Name, v.Inspect.Sizes.Size, sum)
		}
	}
	if diff := cmp.Diff([]string{"app runs 2 runs", "worker runs 2 runs", "base unknown 0 runs", "tools unknown 0 runs"}, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	base := []string{"base/Dockerfile:3 RUN", "base/Dockerfile:4 COPY", "base/Dockerfile:5 WORKDIR"}
	want := map[string][]string{
		"app":    append(slices.Clone(base), "Dockerfile:2 COPY", "Dockerfile:3 COPY", "Dockerfile:4 COPY", "Dockerfile:5 RUN"),
		"worker": base, "base": base, "tools": {"docker-bake.hcl#tools:2 COPY"},
	}
	if diff := cmp.Diff(want, layers); diff != "" {
		t.Errorf("layers (-want +got):\n%s", diff)
	}
	app, own := s.Variants[0].Inspect, s.Variants[2].Inspect
	for i := range own.Layers {
		if own.Layers[i].DiffID != app.Layers[i].DiffID {
			t.Errorf("layer %d of the base is another one in what is made of it", i)
		}
	}
	if !slices.ContainsFunc(app.WastedSums, func(w whittle.WastedSum) bool {
		by := app.Layers[w.AddedBy].Origin
		return w.Bytes == 3_000_000 && by != nil && by.File == "base/Dockerfile"
	}) {
		t.Errorf("%+v", app.WastedSums)
	}
	for _, f := range s.Findings {
		t.Log(f.Variant, f.Rule, f.Message)
		if f.Variant == "base" || f.Variant == "tools" || f.Rule == "floating-base" || f.Rule == "big-base" {
			t.Errorf("%s: %s: %s", f.Variant, f.Rule, f.Message)
		}
	}
	for _, f := range s.Forecasts {
		t.Log(f.Strategy, f.Skipped, f.Notes)
	}
	if s.Best == nil || s.Best.Variant == "tools" || s.Best.Variant == "base" {
		t.Errorf("the best is %+v", s.Best)
	}
}
