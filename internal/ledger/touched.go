package ledger

import (
	"cmp"
	"slices"
	"strings"

	"whittle.dev/whittle"
)

// Touched says how much of what each owner brought was touched, by absolute paths: of a
// file with several names, any of them.
func (a *Account) Touched(paths map[string]whittle.Touch) []whittle.TraceOwner {
	how := make([]whittle.Touch, len(a.Ledger.Items))
	for _, n := range a.Ledger.Tree.Nodes {
		if n.Item >= 0 {
			how[n.Item] |= paths["/"+n.Path]
		}
	}
	out := make([]whittle.TraceOwner, len(a.Owners))
	for i := range out {
		out[i].Owner = a.Owners[i]
	}
	for i, it := range a.Ledger.Items {
		if it.Cause != whittle.Visible {
			continue
		}
		o := &out[a.Owner[i]]
		o.Files++
		o.Bytes += it.Bytes
		if how[i] != 0 {
			o.TouchedFiles++
			o.TouchedBytes += it.Bytes
		}
		if how[i].Read() {
			o.ReadFiles++
			o.ReadBytes += it.Bytes
		}
	}
	out = slices.DeleteFunc(out, func(o whittle.TraceOwner) bool { return o.Files == 0 })
	slices.SortFunc(out, func(a, b whittle.TraceOwner) int {
		return cmp.Or(strings.Compare(a.Ecosystem, b.Ecosystem), strings.Compare(a.Name, b.Name), strings.Compare(a.Version, b.Version))
	})
	return out
}
