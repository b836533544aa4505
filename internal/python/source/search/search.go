// Package search says which of some words a text of Python has, and to which names it
// adds something.
package search

import (
	"bytes"
	"unicode/utf8"
)

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

// Additions are the names to which a text adds something, as lists are added to, and
// where it first does, in bytes.
func Additions(src []byte) map[string]int32 {
	out := map[string]int32{}
	for _, what := range []string{".append(", ".extend(", ".insert(", " += "} {
		for at := 0; ; {
			next := bytes.Index(src[at:], []byte(what))
			if next < 0 {
				break
			}
			at += next
			start := at
			for start > 0 && InName[src[start-1]] {
				start--
			}
			name := string(src[start:at])
			if first, ok := out[name]; name != "" && (!ok || int32(at) < first) {
				out[name] = int32(at)
			}
			at += len(what)
		}
	}
	return out
}

// InName are the bytes of names in Python. All bytes of characters outside ASCII count as such.
var InName = func() (t [256]bool) {
	for c := range t {
		t[c] = c|0x20 >= 'a' && c|0x20 <= 'z' || c >= '0' && c <= '9' || c == '_' || c >= utf8.RuneSelf
	}
	return t
}()
