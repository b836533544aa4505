package deps

import (
	"regexp"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// TestNameWords: words are those of a regular expression.
func TestNameWords(t *testing.T) {
	oracle := regexp.MustCompile(`[A-Za-z0-9][A-Za-z0-9._-]*`)
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringOf(rapid.SampledFrom([]rune("aZ09._- \n\"=é"))).Draw(t, "text")
		got := slices.Collect(nameWords(text))
		if want := oracle.FindAllString(text, -1); !slices.Equal(got, want) {
			t.Fatalf("%q has %q, want %q", text, got, want)
		}
	})
}
