package lab

import (
	"testing"

	"whittle.dev/whittle"
)

// checkSums checks that everything in an inspection adds up to its size.
func checkSums(t *testing.T, in *whittle.Inspection) {
	t.Helper()
	var layers, categories, packages, dead whittle.Size
	for _, l := range in.Layers {
		layers.Unpacked += l.Unpacked
		layers.Live += l.Live
		layers.Dead += l.Dead
	}
	for _, c := range in.Categories {
		categories.Live += c.Live
		categories.Dead += c.Dead
	}
	for _, p := range in.Packages {
		packages.Live += p.Live
	}
	for _, d := range in.Dead {
		dead.Dead += d.Bytes
	}
	size := in.Size
	if size.Unpacked != size.Live+size.Dead || layers.Unpacked != size.Unpacked || layers.Live != size.Live || layers.Dead != size.Dead {
		t.Errorf("layers add up to %+v, the size is %+v", layers, size)
	}
	if categories.Live != size.Live || categories.Dead != size.Dead {
		t.Errorf("categories add up to %+v, the size is %+v", categories, size)
	}
	if packages.Live != size.Live {
		t.Errorf("owners add up to %d, live is %d", packages.Live, size.Live)
	}
	if dead.Dead != size.Dead {
		t.Errorf("dead rows add up to %d, dead is %d", dead.Dead, size.Dead)
	}
}
