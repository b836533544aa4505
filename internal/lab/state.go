package lab

import (
	"crypto/sha256"
	"fmt"
	"maps"
	"slices"

	"whittle.dev/whittle"
)

// state is a possible state of a project: the files that differ from those on
// disk, by path. It is not changed after it was built.
type state map[string][]byte

// with is the state with further files.
func (s state) with(files map[string][]byte) state {
	out := maps.Clone(s)
	if out == nil {
		out = state{}
	}
	maps.Copy(out, files)
	return out
}

func (s state) digest() whittle.Digest {
	h := sha256.New()
	for _, name := range slices.Sorted(maps.Keys(s)) {
		fmt.Fprintf(h, "%q %d ", name, len(s[name]))
		h.Write(s[name])
	}
	return whittle.SHA256([32]byte(h.Sum(nil)))
}
