package source

import "testing"

// TestHolds: a number that is no plain one is not taken for another.
func TestHolds(t *testing.T) {
	rt := Runtime{Version: [3]int{3, 13, 5}, Platform: "linux", OSName: "posix"}
	for text, want := range map[string]Truth{
		"sys.version_info >= (3, 13)":                   Yes,
		"sys.version_info < (3, 1_0)":                   Maybe,
		"sys.version_info < (3.5, 0)":                   Maybe,
		"sys.version_info >= (3, 99999999999999999999)": Maybe,
		"(1.5)":                   Maybe,
		"(0)":                     No,
		"(1)":                     Yes,
		"not (0x10)":              Maybe,
		"sys.platform == 'win32'": No,
	} {
		if got := (Condition{Text: text}).Holds(rt); got != want {
			t.Errorf("%s: %d, want %d", text, got, want)
		}
	}
}
