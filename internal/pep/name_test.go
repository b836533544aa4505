package pep

import "testing"

func TestNormalize(t *testing.T) {
	for name, want := range map[string]string{"Friendly-Bard": "friendly-bard", "FRIENDLY._.bard": "friendly-bard", "a__b": "a-b", "x": "x", "": "", "a-": "a-", "-._a": "-a", "Ä_B": "ä-b"} {
		if got := Normalize(name); got != want {
			t.Errorf("Normalize(%q) = %q, want %q", name, got, want)
		}
	}
}
