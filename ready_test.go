package whittle_test

import (
	"math"
	"testing"

	"whittle.dev/whittle"
)

// TestReadyAt: a total is the sum of what is known, and none is without a download or
// the time of unpacking.
func TestReadyAt(t *testing.T) {
	bytes, unpack := int64(125_000_000), 2.5
	r := whittle.Ready{Download: &bytes, Unpack: &unpack, Start: &whittle.StartUp{Wall: 0.5}}
	r.At(whittle.Bandwidths())
	if len(r.Totals) != 2 || math.Abs(r.Totals[0].Total-4) > 1e-9 || math.Abs(r.Totals[1].Total-13) > 1e-9 || r.Totals[1].Download != 10 {
		t.Errorf("%+v", r.Totals)
	}
	r.Start = nil
	if r.At(whittle.Bandwidths()); math.Abs(r.Totals[0].Total-3.5) > 1e-9 {
		t.Errorf("without a start: %+v", r.Totals)
	}
	r.Unpack = nil
	if r.At(whittle.Bandwidths()); r.Totals == nil || len(r.Totals) != 0 {
		t.Errorf("without the time of unpacking: %+v", r.Totals)
	}
}
