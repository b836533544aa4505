package search

import (
	"bytes"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestIn holds the search to bytes.Contains, in texts of few letters, which have
// many parts of the words.
func TestIn(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 9))
	text := func(n int) []byte {
		b := make([]byte, n)
		for i := range b {
			b[i] = "abc_"[rng.IntN(4)]
		}
		return b
	}
	found := 0
	for range 20_000 {
		var words []string
		for range 1 + rng.IntN(6) {
			words = append(words, string(text(2+rng.IntN(5))))
		}
		src := text(rng.IntN(120))
		got := New(words...).In(src)
		for i, word := range words {
			want := bytes.Contains(src, []byte(word))
			if want {
				found++
			}
			if got>>i&1 == 1 != want {
				t.Fatalf("%q in %q: %v, want %v", word, src, !want, want)
			}
		}
	}
	if found == 0 {
		t.Error("no text had a word")
	}
}

func TestAtTheEnds(t *testing.T) {
	for text, want := range map[string]uint64{"": 0, "a": 0, "find_spec": 1, " find_spec": 1, "find_spec ": 1, "find_spe": 0, "find_loader": 2,
		"xfind_loaderfind_spec": 3, strings.Repeat("find_spe", 100): 0} {
		if got := New("find_spec", "find_loader").In([]byte(text)); got != want {
			t.Errorf("%q: %b, want %b", text, got, want)
		}
	}
}

func TestMoreThanASet(t *testing.T) {
	words := make([]string, 64)
	for i := range words {
		words[i] = strings.Repeat(string(rune('0'+i)), 3)
	}
	if got := New(words...).In([]byte(strings.Join(words, " "))); got != 1<<64-1 {
		t.Errorf("all of 64 words: %x", got)
	}
	defer func() {
		if recover() == nil {
			t.Error("65 words were taken")
		}
	}()
	New(append(words, "one more")...)
}

func TestAdditions(t *testing.T) {
	text := "a.append(1)\nself.b.extend(c)\nx = é1.insert(0, 2)\na += 3\nb += 1\nd+=1\n(e).append(f)\nappend(g)\n"
	want := map[string]int32{"a": 1, "b": 18, "é1": 36}
	if diff := cmp.Diff(want, Additions([]byte(text))); diff != "" {
		t.Error(diff)
	}
}
