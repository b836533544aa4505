package analysis

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// TestFind compares the search for many words at once with that for each.
func TestFind(t *testing.T) {
	word := rapid.StringMatching(`[ab_]{1,3}([.-][ab]{0,2})?`)
	rapid.Check(t, func(t *rapid.T) {
		texts := Texts{{text: []byte(rapid.StringMatching(`([ab_]{1,3}|[ ./-]){0,12}`).Draw(t, "text"))}, {text: []byte("a.b")}}
		words, want := map[string]bool{}, map[string]bool{}
		for _, w := range rapid.SliceOfN(word, 0, 6).Draw(t, "words") {
			words[w] = true
			if texts.Name(w) {
				want[w] = true
			}
		}
		if diff := cmp.Diff(want, texts.Find(words)); diff != "" {
			t.Errorf("%v in %q and %q (-each +all):\n%s", words, texts[0].text, texts[1].text, diff)
		}
	})
}
