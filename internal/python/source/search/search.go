// Package search says which of some words a text has, in one pass.
package search

// Words are searched for together, by the algorithm of Wu and Manber: "A fast
// algorithm for multi-pattern searching" (University of Arizona, TR-94-17, 1994).
// The text is looked at in blocks of two bytes. Of each block a table says how far
// the search may go on: most blocks are in none of the words, and it goes on by
// nearly the length of the shortest one.
type Words struct {
	words    []string
	shortest int // bytes
	skip     [1 << tableBits]uint8
}

const tableBits = 12

// New takes up to 64 words of two bytes or more each.
func New(words ...string) *Words {
	w := &Words{words: words, shortest: 255}
	if len(words) > 64 {
		panic("search: more than 64 words")
	}
	for _, word := range words {
		w.shortest = min(w.shortest, len(word))
	}
	for i := range w.skip {
		w.skip[i] = uint8(w.shortest - 1)
	}
	for _, word := range words {
		for end := 2; end <= w.shortest; end++ {
			s := &w.skip[block(word[end-2], word[end-1])]
			*s = min(*s, uint8(w.shortest-end))
		}
	}
	return w
}

func block(a, b byte) uint { return (uint(a)<<5 ^ uint(b)) & (1<<tableBits - 1) }

// In is the set of the words that a text has anywhere: bit i is the word i.
func (w *Words) In(text []byte) (found uint64) {
	for end := w.shortest; end <= len(text); {
		if skip := int(w.skip[block(text[end-2], text[end-1])]); skip > 0 {
			end += skip
			continue
		}
		rest := text[end-w.shortest:]
		for i, word := range w.words {
			if len(rest) >= len(word) && string(rest[:len(word)]) == word {
				found |= 1 << i
			}
		}
		if found == 1<<len(w.words)-1 {
			return found
		}
		end++
	}
	return found
}
