package lab

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
		saved, image int64
		lines        int
		breaks       bool
		want         string
	}{
		{"python-bytecode", 2_500_000, 400 * mb, 1, false, "less than 1 %"},
		{"python-bytecode", 2_500_000, 60 * mb, 1, false, ""},
		{"python-bytecode", 6 * mb, 900 * mb, 1, false, ""},
		{"python-tests", 2_700_000, 150 * mb, 12, false, "12 lines"},
		{"python-tests", 2_700_000, 60 * mb, 12, false, ""},
		{"python-tests", 20 * mb, 150 * mb, 12, false, ""},
		{"package-manager-cache", 200_000, 400 * mb, 1, false, ""},
		{"python-tests", 200_000, 400 * mb, 1, true, ""},
	} {
		f := &whittle.Finding{Rule: c.rule, Breaks: c.breaks, Saving: whittle.Saving{Low: c.saved, High: c.saved},
			Fix: &whittle.Fix{Patches: []whittle.Patch{{Edits: []whittle.Edit{{New: strings.Repeat("x\n", c.lines)}}}}}}
		got := tooLittle(f, c.image)
		if (c.want == "") != (got == "") || !strings.Contains(got, c.want) {
			t.Errorf("%s, %d of %d in %d lines: %q, want %q", c.rule, c.saved, c.image, c.lines, got, c.want)
		}
	}
}
