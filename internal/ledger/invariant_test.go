package ledger

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/imagetest"
)

// checkLedger checks what holds for every ledger. Build has validated the
// law of conservation.
func checkLedger(t testing.TB, l *whittle.Ledger, indexes []*whittle.Index) {
	t.Helper()
	visible := make([]bool, len(l.Items))
	at := map[string]whittle.Node{}
	for i, n := range l.Tree.Nodes {
		if i > 0 && whittle.ComparePaths(l.Tree.Nodes[i-1].Path, n.Path) >= 0 {
			t.Errorf("%q comes before %q", l.Tree.Nodes[i-1].Path, n.Path)
		}
		if dir, _ := splitPath(n.Path); dir != "" {
			if p, ok := at[dir]; !ok || p.Item >= 0 {
				t.Errorf("%q has no directory above", n.Path)
			}
		}
		at[n.Path] = n
		if n.Item >= 0 {
			visible[n.Item] = true
		}
	}
	for i, it := range l.Items {
		if visible[i] != (it.Cause == whittle.Visible) {
			t.Errorf("%q of layer %d is %s, and visible is %t", it.Path, it.Layer, it.Cause, visible[i])
		}
		if visible[i] && at[it.Path].Item != i {
			t.Errorf("visible %q is not at its path", it.Path)
		}
		if i > 0 && (l.Items[i-1].Layer > it.Layer || l.Items[i-1].Layer == it.Layer && l.Items[i-1].Entry >= it.Entry) {
			t.Errorf("items %d and %d are not in order", i-1, i)
		}
		if e := indexes[it.Layer].Entries[it.Entry]; e.Kind != whittle.File || e.Size != it.Bytes {
			t.Errorf("item %d names entry %+v", i, e)
		}
	}
	checkRows(t, l)
}

func checkRows(t testing.TB, l *whittle.Ledger) {
	t.Helper()
	type fate struct {
		added, hidden int
		cause         whittle.Cause
	}
	sums := map[fate]int64{}
	for _, it := range l.Items {
		if it.Cause != whittle.Visible && it.Bytes > 0 {
			sums[fate{it.Layer, it.HiddenBy, it.Cause}] += it.Bytes
		}
	}
	rows := WastedRows(l)
	for _, r := range rows {
		isFile := r.Files == 1 // one that stood there before or after the directory
		f := fate{r.AddedBy, r.HiddenBy, r.Cause}
		if sums[f] -= r.Bytes; sums[f] == 0 {
			delete(sums, f)
		}
		for _, it := range l.Items {
			if it.Layer == r.AddedBy && within(it.Path, r.Path) && it.Path != r.Path && !isFile && (it.HiddenBy != r.HiddenBy || it.Cause != r.Cause) {
				t.Errorf("row %+v includes %+v too", r, it)
			}
		}
	}
	if len(sums) > 0 {
		t.Errorf("the rows %+v do not have %v", rows, sums)
	}
}

// TestInvariants builds ledgers of stacks that no engine may accept.
func TestInvariants(t *testing.T) {
	for _, f := range imagetest.Flavors {
		t.Run(f.Name, func(t *testing.T) {
			rapid.Check(t, func(rt *rapid.T) {
				var idx, bare []*whittle.Index
				for _, entries := range f.Stack(rt) {
					raw := imagetest.WriteTar(t, entries)
					idx, bare = append(idx, indexTar(t, raw)), append(bare, indexTar(t, raw))
				}
				l, err := Build(idx, Options{})
				if err != nil {
					rt.Fatal(err)
				}
				checkLedger(t, l, idx)
				if t.Failed() {
					rt.Fatalf("%v", show(l))
				}
				again, _ := Build(idx, Options{})
				if d := cmp.Diff(l, again); d != "" {
					rt.Fatalf("not the same again: %s", d)
				}
				checkUndecided(rt, l, idx, bare)
			})
		})
	}
}

// checkUndecided builds with the digests alone that were asked for.
func checkUndecided(t *rapid.T, l *whittle.Ledger, idx, bare []*whittle.Index) {
	for _, b := range bare {
		b.Hashed = false
		for i := range b.Entries {
			b.Entries[i].Content = [32]byte{}
		}
	}
	got, err := Decide(bare, Options{}, func(n int, list []int) error {
		if !slices.IsSorted(list) {
			t.Fatalf("not sorted: %v", list)
		}
		for _, i := range list {
			bare[n].Entries[i].Content = idx[n].Entries[i].Content
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(l, got); d != "" {
		t.Fatalf("other fates with the digests that were asked for: %s", d)
	}
}

// FuzzBuild takes two tars.
func FuzzBuild(f *testing.F) {
	for _, c := range fates {
		if len(c.layers) >= 2 {
			idx := func(n int) []byte { return imageTar(f, c.layers[n]) }
			f.Add(idx(0), idx(1))
		}
	}
	f.Fuzz(func(t *testing.T, lower, upper []byte) {
		var idx []*whittle.Index
		for _, raw := range [][]byte{lower, upper, lower} {
			i, err := readTar(raw)
			if err != nil {
				t.Skip()
			}
			idx = append(idx, i)
		}
		l, err := Build(idx, Options{Folders: 10000})
		if err != nil {
			t.Skip(err)
		}
		checkLedger(t, l, idx)
	})
}
