package forecast

import (
	"strings"
	"testing"

	"whittle.dev/whittle"
)

// TestTooLittle: what a maintainer would not merge is left to those who ask for it.
func TestTooLittle(t *testing.T) {
	const mb = 1_000_000
	for _, c := range []struct {
		rule         string
		risk         whittle.Risk
		saved, image int64
		lines        int
		breaks       bool
		want         string
	}{
		{"python-bytecode", "low", 2_500_000, 400 * mb, 1, false, "less than 1 %"},
		{"python-bytecode", "low", 2_500_000, 60 * mb, 1, false, ""},
		{"python-bytecode", "low", 6 * mb, 900 * mb, 1, false, ""},
		{"static-libraries", "low", 6 * mb, 900 * mb, 2, false, "less than 10 %"},
		{"static-libraries", "low", 6 * mb, 400 * mb, 2, false, "less than 10 %"},
		{"static-libraries", "low", 6 * mb, 55 * mb, 2, false, ""},
		{"python-tests", "low", 3_500_000, 335 * mb, 2, false, "reaches into installed packages and saves 3.5 MB"},
		{"python-tests", "low", 2_700_000, 150 * mb, 12, false, "less than 10 %"},
		{"python-tests", "low", 6_200_000, 60 * mb, 12, false, ""},
		{"python-tests", "low", 45 * mb, 755 * mb, 3, false, "less than 10 %"},
		{"python-tests", "low", 40 * mb, 270 * mb, 2, false, ""},
		{"python-tests", "low", 120 * mb, 3000 * mb, 2, false, ""},
		{"strip-debug", "low", 2_700_000, 150 * mb, 12, false, "12 lines"},
		{"python-tests", "low", 20 * mb, 150 * mb, 12, false, ""},
		{"package-manager-cache", "low", 200_000, 400 * mb, 1, false, ""},
		{"python-tests", "low", 200_000, 400 * mb, 1, true, ""},
		{"unused-dependency", "medium", 1_200_000, 1003 * mb, 0, false, "whittle fix --verify --only unused-dependency tries it"},
		{"vcs-and-junk", "medium", 800_000, 490 * mb, 0, false, "whittle fix --verify --only vcs-and-junk tries it"},
		{"unused-dependency", "high", 1_200_000, 1003 * mb, 0, false, "--verify --risk high --only"},
		{"unused-dependency", "medium", 1_200_000, 60 * mb, 0, false, ""},
		{"unused-dependency", "medium", 6 * mb, 1003 * mb, 0, false, ""},
		{"unused-dependency", "medium", 1_200_000, 1003 * mb, 0, true, ""},
		{"unused-dependency", "low", 1_200_000, 1003 * mb, 0, false, "whittle fix --only unused-dependency makes it"},
		{"unused-dependency", "low", 1_200_000, 60 * mb, 0, false, ""},
		{"cache-order", "medium", 0, 1003 * mb, 1, false, ""},
		{"big-base", "medium", 400 * mb, 1003 * mb, 4, false, ""},
	} {
		f := &whittle.Finding{Rule: c.rule, Risk: c.risk, Breaks: c.breaks, Saving: whittle.Saving{Low: c.saved, High: c.saved},
			Fix: &whittle.Fix{Patches: []whittle.Patch{{Edits: []whittle.Edit{{New: strings.Repeat("x\n", c.lines)}}}}}}
		got := TooLittle(f, c.image, false)
		if (c.want == "") != (got == "") || !strings.Contains(got, c.want) {
			t.Errorf("%s, %d of %d in %d lines: %q, want %q", c.rule, c.saved, c.image, c.lines, got, c.want)
		}
		mine := !strings.Contains(got, "reaches into") && c.risk == "low" && c.rule != "unused-dependency"
		if in := TooLittle(f, c.image, true); strings.Contains(in, "reaches into") || mine && in != got || c.risk != "low" && in != "" {
			t.Errorf("%s, %d of %d in %d lines, in a study: %q, elsewhere %q", c.rule, c.saved, c.image, c.lines, in, got)
		}
	}
}
