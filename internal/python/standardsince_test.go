package python

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestMinors: which versions of Python 3 a project allows.
func TestMinors(t *testing.T) {
	for requires, want := range map[string][]int{"": nil, "what": nil, ">=3.13": {13, 14, 15}, ">=3.9.2,<3.11": {9, 10}, "==3.12.*": {12}, "<=3.9": {8, 9}} {
		if diff := cmp.Diff(want, Minors(requires)); diff != "" {
			t.Errorf("%q: %s", requires, diff)
		}
	}
}
