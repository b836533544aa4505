package ledger

import (
	"sort"

	"whittle.dev/whittle"
)

// Duplicates finds visible content that is at several places, within an
// account and across several, and what one copy of it would save; largest
// saving first, without the empty file. Of N copies N−1 are too many. A layer
// that several images share holds its content once. Content whose digest was
// not read is passed over.
func Duplicates(accounts []*Account) []whittle.DuplicateRow {
	type content struct {
		sum  [32]byte
		size int64
	}
	rows := map[content]*whittle.DuplicateRow{}
	type place struct {
		layer whittle.Digest
		entry int
	}
	seen := map[place]bool{}
	for n, a := range accounts {
		for _, it := range a.Ledger.Items {
			idx := a.Indexes[it.Layer]
			sum := idx.Entries[it.Entry].Content
			if it.Cause != whittle.Visible || it.Bytes == 0 || sum == [32]byte{} {
				continue
			}
			at := place{idx.DiffID, it.Entry}
			if len(accounts) > 1 && seen[at] {
				continue
			}
			seen[at] = true
			key := content{sum, it.Bytes}
			if rows[key] == nil {
				rows[key] = &whittle.DuplicateRow{Bytes: it.Bytes}
			}
			rows[key].Places = append(rows[key].Places, whittle.Place{Image: n, Path: it.Path})
		}
	}
	out := []whittle.DuplicateRow{}
	for _, r := range rows {
		if len(r.Places) > 1 {
			r.Saves = r.Bytes * int64(len(r.Places)-1)
			out = append(out, *r)
		}
	}
	sort.Slice(out, func(i, j int) bool {
		if out[i].Saves != out[j].Saves {
			return out[i].Saves > out[j].Saves
		}
		return out[i].Places[0].Path < out[j].Places[0].Path
	})
	return out
}
