package analysis

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"whittle.dev/whittle/internal/imagetest"
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

// TestFindLinear: the search takes time that grows with the text, and with the
// words.
func TestFindLinear(t *testing.T) {
	imagetest.Linear(t,
		imagetest.Growth{Name: "text", Most: 200_000, Make: func(n int) func() {
			texts := Texts{{text: []byte(strings.Repeat("a-", n))}}
			return func() { texts.Find(map[string]bool{"a-b": true}) }
		}},
		imagetest.Growth{Name: "words that begin alike", Most: 20_000, Make: func(n int) func() {
			words := map[string]bool{}
			for i := range n {
				words[fmt.Sprintf("a-%d", i)] = true
			}
			texts := Texts{{text: []byte(strings.Repeat("a-1 ", n))}}
			return func() { texts.Find(words) }
		}},
	)
}
