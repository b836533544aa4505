package report

import (
	"strings"
	"testing"

	"whittle.dev/whittle"
)

// TestSlowerStart: a start that is slower than before is said with what it
// gives.
func TestSlowerStart(t *testing.T) {
	v := &whittle.Verification{Variants: []whittle.VerifiedVariant{{Name: "original", Saved: 4_600_000, Slower: []whittle.SlowerStart{{Start: "serve", Before: 2.31, After: 3.2}}}}}
	if said := strings.Join(verifiedWords(v), "\n"); !strings.Contains(said, "original: start-up of serve 2.3 → 3.2 s (+39 %): a slower start for 4.6 MB.") {
		t.Errorf("%q", said)
	}
}
