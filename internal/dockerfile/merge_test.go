package dockerfile

import (
	"bytes"

	"whittle.dev/whittle"
)

// merge applies sets of edits as a caller of Combine does: each whole or not at
// all, the conflicts by their index.
func merge(src []byte, sets ...[]whittle.Edit) (out []byte, conflicts []int, err error) {
	f, err := Parse("Dockerfile", src)
	if err != nil {
		return nil, nil, err
	}
	out = bytes.Clone(src)
	var taken []whittle.Edit
	for i, set := range sets {
		both, err := Combine(src, taken, set)
		if err != nil {
			conflicts = append(conflicts, i)
			continue
		}
		next, err := f.apply(both)
		if err != nil {
			conflicts = append(conflicts, i)
			continue
		}
		out, taken = next.Source, both
	}
	return out, conflicts, nil
}
