package settings

import (
	"testing"
	"time"

	"whittle.dev/whittle"
)

// TestSift: an entry hides what it names until its last day, wherever on earth that
// day ends; rows say what each did.
func TestSift(t *testing.T) {
	f := whittle.Finding{Rule: "python-tests", Evidence: []whittle.Evidence{
		{Path: "usr/lib/site-packages/pandas/tests", Layer: 3, What: "pandas 2.3"}, {File: "Dockerfile", Line: 7, Layer: -1}}}
	comment := whittle.Location{Path: "Dockerfile", Line: 4}
	for _, c := range []struct {
		name    string
		ignore  Ignore
		today   string
		hidden  bool
		found   int
		expired bool
	}{
		{"by rule", Ignore{Rule: "python-tests"}, "2026-11-29", true, 1, false},
		{"of another rule", Ignore{Rule: "pip-cache"}, "2026-11-29", false, 0, false},
		{"by path", Ignore{Rule: "python-tests", Path: "**/pandas/**"}, "2026-11-29", true, 1, false},
		{"by its folder", Ignore{Rule: "python-tests", Path: "usr/lib"}, "2026-11-29", true, 1, false},
		{"by another path", Ignore{Rule: "python-tests", Path: "**/numpy"}, "2026-11-29", false, 0, false},
		{"by package", Ignore{Rule: "python-tests", Package: "Pandas"}, "2026-11-29", true, 1, false},
		{"by a part of the package's name", Ignore{Rule: "python-tests", Package: "pand"}, "2026-11-29", false, 0, false},
		{"on its last day", Ignore{Rule: "python-tests", Until: "2026-11-29"}, "2026-11-29", true, 1, false},
		{"after it", Ignore{Rule: "python-tests", Until: "2026-11-28"}, "2026-11-29", false, 1, true},
		{"at the instruction", Ignore{Rule: "python-tests", Written: comment, Lines: [2]int{5, 9}}, "2026-11-29", true, 1, false},
		{"at another one", Ignore{Rule: "python-tests", Written: comment, Lines: [2]int{5, 6}}, "2026-11-29", false, 0, false},
		{"at another one that made the layer", Ignore{Rule: "python-tests", Written: comment, Lines: [2]int{5, 6}, Layers: []int{3}}, "2026-11-29", true, 1, false},
		{"in another file", Ignore{Rule: "python-tests", Written: whittle.Location{Path: "other.Dockerfile", Line: 4}, Lines: [2]int{5, 9}}, "2026-11-29", false, 0, false},
	} {
		for _, zone := range []*time.Location{time.UTC, time.FixedZone("west", -11*3600), time.FixedZone("east", 13*3600)} {
			for _, hour := range []string{"00:00:00", "23:59:59"} {
				today, err := time.ParseInLocation(time.DateTime, c.today+" "+hour, zone)
				if err != nil {
					t.Fatal(err)
				}
				kept, rows := Sift([]whittle.Finding{f}, []Ignore{c.ignore}, today)
				if (len(kept) == 0) != c.hidden || rows[0].Findings != c.found || rows[0].Expired != c.expired {
					t.Errorf("%s, at %s in the %s: %d kept, %+v", c.name, hour, zone, len(kept), rows)
				}
			}
		}
	}
}
