package report

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"whittle.dev/whittle"
)

// TestAlternative: the other way to do it is beside the fix, with what it
// costs where that is known.
func TestAlternative(t *testing.T) {
	f := whittle.Finding{Advice: "move rich to the dependencies", Fix: &whittle.Fix{Title: "declare rich"},
		Alternative: &whittle.Alternative{Advice: "install the extra screenshots", Saving: &whittle.Saving{Low: -134_750_000, High: -122_500_000}}}
	want := []string{"To do: move rich to the dependencies", "Fix: declare rich", "Or: install the extra screenshots (122.5–134.8 MB larger)"}
	if diff := cmp.Diff(want, findingNotes(f, false, f)); diff != "" {
		t.Errorf("notes (-want +got):\n%s", diff)
	}
	f.Alternative.Saving = nil
	if got := findingNotes(f, false, f)[2]; got != "Or: install the extra screenshots" {
		t.Errorf("%q", got)
	}
}
