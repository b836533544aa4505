package lab

import (
	"testing"

	"whittle.dev/whittle"
)

// checkSums checks that everything in an inspection adds up to its size.
func checkSums(t *testing.T, in *whittle.Inspection) {
	t.Helper()
	var layers, categories, packages, dead whittle.Sizes
	for _, l := range in.Layers {
		layers.Size += l.Size
		layers.Visible += l.Visible
		layers.Wasted += l.Wasted
	}
	for _, c := range in.Categories {
		categories.Visible += c.Visible
		categories.Wasted += c.Wasted
	}
	for _, p := range in.Packages {
		packages.Visible += p.Visible
	}
	for _, d := range in.Wasted {
		dead.Wasted += d.Bytes
	}
	size := in.Sizes
	if size.Size != size.Visible+size.Wasted || layers.Size != size.Size || layers.Visible != size.Visible || layers.Wasted != size.Wasted {
		t.Errorf("layers add up to %+v, the size is %+v", layers, size)
	}
	if categories.Visible != size.Visible || categories.Wasted != size.Wasted {
		t.Errorf("categories add up to %+v, the size is %+v", categories, size)
	}
	if packages.Visible != size.Visible {
		t.Errorf("owners add up to %d, live is %d", packages.Visible, size.Visible)
	}
	if dead.Wasted != size.Wasted {
		t.Errorf("dead rows add up to %d, dead is %d", dead.Wasted, size.Wasted)
	}
}
