package ledger

import (
	"testing"

	"whittle.dev/whittle"
)

// TestPackagesBase: a package's bytes in the base image's layers are counted where
// the Dockerfile tells which these are.
func TestPackagesBase(t *testing.T) {
	for _, known := range []bool{false, true} {
		a := &Account{Owners: []whittle.Owner{{Ecosystem: "deb", Name: "a"}, {Ecosystem: "pypi", Name: "b"}}, Owner: []int{0, 1, 1, 1},
			Ledger: &whittle.Ledger{Items: []whittle.Item{{Layer: 0, Bytes: 1}, {Layer: 1, Bytes: 10}, {Layer: 2, Bytes: 100}, {Layer: 1, Bytes: 1000, Cause: whittle.Deleted}}},
			Steps:  []whittle.Step{{Layer: 0}, {Layer: 1}, {Layer: -1}, {Layer: 2}}}
		want := map[string]int64{"a": 0, "b": 0}
		if known {
			a.Steps[2].Origin, a.Steps[3].Origin = &whittle.Origin{}, &whittle.Origin{}
			want = map[string]int64{"a": 1, "b": 10}
		}
		for _, r := range a.Packages() {
			if r.Base != want[r.Name] {
				t.Errorf("known %t, %s: %d, want %d", known, r.Name, r.Base, want[r.Name])
			}
		}
	}
}
