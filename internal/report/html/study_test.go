package html

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/view"
)

// TestWaterfall: what was measured leads from the size before to that after, step
// by step; what was not, or was reverted, changes nothing on the way.
func TestWaterfall(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		size := func(name string) int64 { return rapid.Int64Range(-1000, 5000).Draw(t, name) }
		r := &whittle.Repair{Verified: &whittle.Verification{}}
		before := int64(100_000)
		after, applied, reverted := before, 0, 0
		for n := range rapid.IntRange(0, 4).Draw(t, "rounds") {
			round := whittle.VerifiedRound{Round: n + 1, Variant: "small", Saved: size("saved"), Predicted: whittle.Saving{Low: 10, High: 900}}
			after -= round.Saved
			r.Verified.Rounds = append(r.Verified.Rounds, round, whittle.VerifiedRound{Round: n + 1, Variant: "other", Saved: 77})
			for i := range rapid.IntRange(0, 3).Draw(t, "steps") {
				s := whittle.RepairStep{Round: n + 1, Finding: whittle.Finding{Rule: fmt.Sprint("rule", i), Variant: "small", Saving: whittle.Saving{Low: 5, High: 50}}}
				switch s.Status = rapid.SampledFrom([]whittle.FixStatus{whittle.Applied, whittle.Reverted, whittle.FixSkipped}).Draw(t, "status"); s.Status {
				case whittle.Applied:
					applied++
				case whittle.Reverted:
					reverted++
				}
				r.Steps = append(r.Steps, s)
			}
		}
		unseen := rapid.SampledFrom([]int64{0, 0, 12, -5}).Draw(t, "unseen")
		w := waterfallOf(r, whittle.VerifiedVariant{Name: "small", Before: whittle.Outcome{Sizes: whittle.Sizes{Size: before}}, After: whittle.Outcome{Sizes: whittle.Sizes{Size: after - unseen}}})
		at := int64(0)
		for i, s := range w.Steps {
			switch s.Class {
			case "whole":
				if i > 0 && s.To != at {
					t.Errorf("it ends at %d, the steps at %d", s.To, at)
				}
				at = s.To
			case "verified":
				if s.From != at {
					t.Errorf("%q starts at %d, not %d", s.Name, s.From, at)
				}
				at = s.To
			case "reverted":
				reverted--
			case "predicted":
				applied--
			}
			if bar := string(s.Bar()); strings.Contains(bar, "NaN") || strings.Contains(bar, `="-`) {
				t.Errorf("the bar is %s", bar)
			}
		}
		single := 0 // a round's only fix is its step
		for _, round := range r.Verified.Rounds {
			if ok, _ := stepsOf(r, round); len(ok) == 1 && round.Variant == "small" {
				single++
			}
		}
		if reverted != 0 || applied != single || w.Steps[0].To != before || at != after-unseen {
			t.Errorf("%d reverted and %d applied fixes are not shown; it ends at %d, want %d", reverted, applied-single, at, after-unseen)
		}
	})
}

// TestSideBySide: the tables of several images have the sizes of each, and add up
// to them.
func TestSideBySide(t *testing.T) {
	a, b := model(t, 200), model(t, 30)
	p := &Page{Images: []Image{{"a", a}, {"b", b}}, Value: "x"}
	d := parts{Page: p}
	d.images()
	if len(d.Joined) != len(view.Keys()) {
		t.Errorf("%d tables", len(d.Joined))
	}
	for _, j := range d.Joined {
		sums := append([]int64{}, j.Rest.Sizes...)
		for _, r := range j.Rows {
			for i, size := range r.Sizes {
				sums[i] += size
			}
		}
		if sums[0] != a.Total.Size() || sums[1] != b.Total.Size() {
			t.Errorf("by %s: %v, want %d and %d", j.Key, sums, a.Total.Size(), b.Total.Size())
		}
		for _, r := range j.Rows {
			for i, m := range []*view.Model{a, b} {
				var want int64
				for _, g := range m.All().By(j.Key) {
					if g.Name == r.Name {
						want += g.Size()
					}
				}
				if r.Sizes[i] != want {
					t.Errorf("by %s: %s has %d in image %d, want %d", j.Key, r.Name, r.Sizes[i], i, want)
				}
			}
		}
	}
	all, seen := elements(t, write(t, p))
	maps, data, ids := 0, 0, map[string]bool{}
	for _, n := range all {
		switch attribute(n, "class") {
		case "map":
			maps++
		case "data":
			data++
		}
		if id := attribute(n, "id"); id != "" && ids[id] {
			t.Errorf("two elements are %q", id)
		} else {
			ids[id] = true
		}
	}
	if maps != 2 || data != 2 || !strings.Contains(seen, whittle.SignedBytes(b.Total.Size()-a.Total.Size())) {
		t.Errorf("%d pictures, %d data", maps, data)
	}
}

// TestBuilds: each step of a build is shown with its times.
func TestBuilds(t *testing.T) {
	s := &whittle.Study{Variants: []whittle.Variant{{Name: "small", Build: whittle.BuildFacts{Status: whittle.Built, Seconds: 9, Steps: []whittle.BuildStep{
		{Name: "[1/3] FROM " + hostile, Cached: true}, {Name: "[2/3] RUN make", Start: 1.25, Seconds: 6.5}, {Name: "exporting", Start: 8, Seconds: 3}}}}}}
	_, seen := elements(t, write(t, &Page{Study: s, Value: s}))
	for _, want := range []string{"small: 9.0 s", "0.0 s cached", "[2/3] RUN make 1.2 s 6.5 s", "exporting 8.0 s 3.0 s"} {
		if !strings.Contains(seen, want) {
			t.Errorf("%q is not in %s", want, seen)
		}
	}
}

// TestFindings: findings have their diffs, their rules' texts and what they are
// filtered by.
func TestFindings(t *testing.T) {
	m := model(t, 5)
	p := &Page{Images: one(m), Value: "x", Rules: []Rule{{ID: "tests", Title: "Tests", Text: "Use `rm` for " + hostile + ".\n\nThen `go` on.", Before: "RUN a", After: "RUN b"}, {ID: "unknown", Text: "not shown"}},
		Diff: func(f *whittle.Finding) string {
			if f.Rule == "tests" {
				return "-RUN a\n+RUN b\n"
			}
			return strings.Repeat("+long\n", maxDiff)
		}}
	text := write(t, p)
	all, seen := elements(t, text)
	for _, want := range []string{"-RUN a +RUN b", "Tests.", "Then go on.", "Before RUN a After RUN b"} {
		if !strings.Contains(seen, want) {
			t.Errorf("%q is not in %s", want, seen)
		}
	}
	if strings.Contains(seen, "not shown") || strings.Contains(seen, "+long") {
		t.Error("a rule that found nothing is shown, or a long diff")
	}
	options := map[string]int{}
	for _, n := range all {
		if n.Data == "option" {
			options[attribute(n.Parent, "data-s")]++
		}
	}
	if options["risk"] != 3 || options["rule"] != 3 || options["fix"] != 3 || options["variant"] != 0 {
		t.Errorf("the filters have %v values", options)
	}
}

// TestCheck: what production starts is apart from console scripts, with the
// result of its run where there is one.
func TestCheck(t *testing.T) {
	c := &whittle.Check{Verdict: whittle.Fails, Unknown: []string{"plugins"}, Starts: []whittle.Start{
		{Kind: whittle.StartEntry, Name: "CMD", Command: []string{"python", "-m", hostile}, Verdict: whittle.Unknown, Run: &whittle.CommandRun{Status: whittle.Fails, Problem: "no module shop"}},
		{Kind: whittle.StartConsole, Name: "shop-admin", Verdict: whittle.Runs}}, Disagreements: []string{"CMD is said to run"}}
	_, seen := elements(t, write(t, &Page{Check: c, Value: c}))
	for _, want := range []string{"✗ does not run CMD python -m", ": no module shop 1 console script, which production does not start ✓ runs shop-admin", "No problem was found. What could not be followed plugins", "CMD is said to run", "0 problems"} {
		if !strings.Contains(seen, want) {
			t.Errorf("%q is not in %s", want, seen)
		}
	}
	if strings.Contains(seen, "uncompressed") {
		t.Error("sizes are explained where there are none")
	}
}
