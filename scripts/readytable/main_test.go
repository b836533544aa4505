package main

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"whittle.dev/whittle"
)

// TestTable: a variant before and after, one that was not fixed, and a strategy; an
// estimate is no row.
func TestTable(t *testing.T) {
	size := int64(3e6)
	ready := func(download int64, unpack, start float64) *whittle.Ready {
		r := &whittle.Ready{Download: &download, Unpack: &unpack}
		if start > 0 {
			r.Start = &whittle.StartUp{Wall: start}
		}
		r.At(whittle.Bandwidths())
		return r
	}
	variant := func(name string, size int64, r *whittle.Ready, v whittle.Verdict) whittle.Variant {
		return whittle.Variant{Name: name, Ready: r, Inspect: &whittle.Inspection{Sizes: whittle.Sizes{Size: size}}, Run: whittle.RunFacts{Status: v}}
	}
	s := &whittle.Study{
		Variants: []whittle.Variant{variant("a", 9e6, ready(4e6, 1, 0), whittle.Fails), variant("b", 8e6, nil, whittle.Runs), {Name: "not built"}},
		Repair: &whittle.Repair{Verified: &whittle.Verification{Variants: []whittle.VerifiedVariant{{Name: "a",
			After: whittle.Outcome{Verdict: whittle.Runs, Sizes: whittle.Sizes{Size: 5e6}, Ready: ready(2e6, 0.5, 2)}}}}},
		Forecasts: []whittle.Forecast{{Strategy: "two-stage", Actual: &size, Ready: ready(1e6, 0.25, 2)}, {Strategy: "alpine", Ready: &whittle.Ready{Estimated: true}}},
	}
	want := `| image | size | download | start | ready at 1 Gbit/s | ready at 100 Mbit/s | runs |
|---|--:|--:|--:|--:|--:|:-:|
| a | 9.0 MB | 4.0 MB | – | 1.0 s | 1.3 s | no |
| a, fixed | 5.0 MB | 2.0 MB | 2.0 s | 2.5 s | 2.7 s | yes |
| b | 8.0 MB | – | – | – | – | yes |
| two-stage | 3.0 MB | 1.0 MB | 2.0 s | 2.3 s | 2.3 s |  |
`
	if diff := cmp.Diff(want, table(s)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	got, err := replaced("x\n"+begin+"old\n"+end+"y\n", "new\n")
	if err != nil || got != "x\n"+begin+"new\n"+end+"y\n" {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := replaced("x", "new\n"); err == nil {
		t.Error("a file without marks was changed")
	}
}
