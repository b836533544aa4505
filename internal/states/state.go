// Package states has the states of a project, which are the files that differ from
// those on disk, and copies of a project in which states are checked out.
package states

import (
	"crypto/sha256"
	"fmt"
	"maps"
	"slices"

	"whittle.dev/whittle"
)

// State is a possible state of a project: the files that differ from those on
// disk, by path. It is not changed after it was built.
type State map[string][]byte

// With is the state with further files.
func (s State) With(files map[string][]byte) State {
	out := maps.Clone(s)
	if out == nil {
		out = State{}
	}
	maps.Copy(out, files)
	return out
}

// Digest is the same for equal states.
func (s State) Digest() whittle.Digest {
	h := sha256.New()
	for _, name := range slices.Sorted(maps.Keys(s)) {
		fmt.Fprintf(h, "%q %d ", name, len(s[name]))
		h.Write(s[name])
	}
	return whittle.SHA256([32]byte(h.Sum(nil)))
}
