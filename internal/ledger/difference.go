package ledger

import (
	"fmt"
	"sort"

	"whittle.dev/whittle"
)

// Difference is the size difference from the first account to the last,
// by owner, with wasted bytes in separate rows; the rows add up to the whole exactly. A
// package of both sides in other versions is one row. Every row also has the
// visible bytes of the accounts between.
func Difference(accounts []*Account) (whittle.Delta, []whittle.CompareRow) {
	last := len(accounts) - 1
	type key struct{ kind, name string }
	rows := map[key]*whittle.CompareRow{}
	at := func(kind, name, shown string) *whittle.CompareRow {
		k := key{kind, name}
		if rows[k] == nil {
			rows[k] = &whittle.CompareRow{Owner: shown, Kind: kind, Visible: make([]int64, len(accounts))}
		}
		return rows[k]
	}
	for n, a := range accounts {
		for _, p := range a.Packages() {
			r := at(p.Ecosystem, p.Name, p.Name)
			r.Visible[n] += p.Visible
			switch n {
			case 0:
				r.From = joinVersion(r.From, p.Version)
			case last:
				r.To = joinVersion(r.To, p.Version)
			}
		}
		sign := int64(0)
		switch n {
		case 0:
			sign = -1
		case last:
			sign = 1
		}
		for _, d := range a.Wastes() {
			at("wasted", d.name(a.fullName), d.name(a.StepName)).WastedDelta += sign * d.Bytes
		}
	}
	var delta whittle.Delta
	out := make([]whittle.CompareRow, 0, len(rows))
	for _, r := range rows {
		r.VisibleDelta = r.Visible[last] - r.Visible[0]
		delta.Visible += r.VisibleDelta
		delta.Wasted += r.WastedDelta
		if r.VisibleDelta != 0 || r.WastedDelta != 0 || r.From != r.To {
			out = append(out, *r)
		}
	}
	delta.Size = delta.Visible + delta.Wasted
	sort.Slice(out, func(i, j int) bool { return lessRow(&out[i], &out[j]) })
	return delta, out
}

func joinVersion(have, more string) string {
	if have == "" || more == "" || have == more {
		return have + map[bool]string{true: more}[have == ""]
	}
	return have + ", " + more
}

func lessRow(a, b *whittle.CompareRow) bool {
	if x, y := abs(a.VisibleDelta+a.WastedDelta), abs(b.VisibleDelta+b.WastedDelta); x != y {
		return x > y
	}
	if a.Owner != b.Owner {
		return a.Owner < b.Owner
	}
	return a.Kind < b.Kind
}

func abs(n int64) int64 {
	if n < 0 {
		return -n
	}
	return n
}

// Waste is the content that one layer added and one layer hides for one
// cause.
type Waste struct {
	AddedBy, HiddenBy int
	Cause             whittle.Cause
	Bytes             int64
	Files             int
	// Changed counts, for the cause metadata, what differs above: the number
	// of files where only the mode, only the owner or only the time differs,
	// and of those where several do.
	Mode, Owner, Time, Several int
}

// Wastes sums the wasted items of an account, largest first.
func (a *Account) Wastes() []Waste {
	type key struct {
		added, hidden int
		cause         whittle.Cause
	}
	sums := map[key]*Waste{}
	above := a.entriesAbove()
	for _, it := range a.Ledger.Items {
		if it.Cause == whittle.Visible {
			continue
		}
		k := key{it.Layer, it.HiddenBy, it.Cause}
		d := sums[k]
		if d == nil {
			d = &Waste{AddedBy: it.Layer, HiddenBy: it.HiddenBy, Cause: it.Cause}
			sums[k] = d
		}
		d.Bytes += it.Bytes
		d.Files++
		if it.Cause == whittle.Metadata {
			d.countChange(&a.Indexes[it.Layer].Entries[it.Entry], above[it.HiddenBy][it.Path])
		}
	}
	out := make([]Waste, 0, len(sums))
	for _, d := range sums {
		out = append(out, *d)
	}
	sort.Slice(out, func(i, j int) bool {
		x, y := out[i], out[j]
		switch {
		case x.Bytes != y.Bytes:
			return x.Bytes > y.Bytes
		case x.AddedBy != y.AddedBy:
			return x.AddedBy < y.AddedBy
		case x.HiddenBy != y.HiddenBy:
			return x.HiddenBy < y.HiddenBy
		}
		return x.Cause < y.Cause
	})
	return out
}

// entriesAbove finds, for the layers that hide by metadata, their entries by
// path.
func (a *Account) entriesAbove() map[int]map[string]*whittle.Entry {
	out := map[int]map[string]*whittle.Entry{}
	for _, it := range a.Ledger.Items {
		if it.Cause != whittle.Metadata || out[it.HiddenBy] != nil {
			continue
		}
		byPath := map[string]*whittle.Entry{}
		entries := a.Indexes[it.HiddenBy].Entries
		for i := range entries {
			byPath[entries[i].Path] = &entries[i]
		}
		out[it.HiddenBy] = byPath
	}
	return out
}

func (d *Waste) countChange(below, above *whittle.Entry) {
	if above == nil {
		d.Several++
		return
	}
	mode, owner := below.Mode != above.Mode, below.UID != above.UID || below.GID != above.GID
	time, xattrs := below.ModTime != above.ModTime, below.Special.Value().Xattrs != above.Special.Value().Xattrs
	switch {
	case mode && !owner && !time && !xattrs:
		d.Mode++
	case owner && !mode && !time && !xattrs:
		d.Owner++
	case time && !mode && !owner && !xattrs:
		d.Time++
	default:
		d.Several++
	}
}

// name says whose wasted bytes these are: "Dockerfile:38, metadata by
// Dockerfile:41", with such names of the layers.
func (d Waste) name(of func(layer int) string) string {
	if d.AddedBy == d.HiddenBy {
		return fmt.Sprintf("%s, twice in its own layer", of(d.AddedBy))
	}
	return fmt.Sprintf("%s, %s by %s", of(d.AddedBy), d.Cause, of(d.HiddenBy))
}
