package report

import (
	"strings"
	"testing"

	"whittle"
)

// TestSlowerStart: a start that is slower than before is said with what it
// gives; one that is about as fast, or was not measured, is not.
func TestSlowerStart(t *testing.T) {
	seconds := func(s float64) *float64 { return &s }
	for _, c := range []struct {
		name          string
		before, after *float64
		saved         int64
		want          bool
	}{
		{"slower", seconds(2.3), seconds(3.2), 4_600_000, true},
		{"about as fast", seconds(2.3), seconds(2.4), 4_600_000, false},
		{"a tenth of little", seconds(0.1), seconds(0.2), 4_600_000, false},
		{"faster", seconds(3), seconds(2), 4_600_000, false},
		{"not measured before", nil, seconds(2), 4_600_000, false},
		{"it became larger, as it runs now", seconds(1), seconds(2), -100, false},
	} {
		v := &whittle.Verification{Variants: []whittle.VerifiedVariant{{Name: "original", SecondsBefore: c.before, SecondsAfter: c.after, Saved: c.saved}}}
		said := strings.Join(verifiedWords(v), "\n")
		if got := strings.Contains(said, "original: the first command takes 3.2 s, 2.3 s before: a slower start for 4.6 MB."); got != c.want {
			t.Errorf("%s: %q", c.name, said)
		}
	}
}
