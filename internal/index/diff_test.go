package index

import (
	"unique"

	"github.com/google/go-cmp/cmp"

	"whittle.dev/whittle"
)

// diff is cmp.Diff of what has entries.
func diff(want, got any) string {
	special := cmp.Transformer("Special", func(h unique.Handle[whittle.Special]) (s whittle.Special) {
		if h != (unique.Handle[whittle.Special]{}) {
			s = h.Value()
		}
		return s
	})
	return cmp.Diff(want, got, cmp.AllowUnexported(whittle.Entry{}), special)
}
