package ledger

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"whittle.dev/whittle"
)

// TestReplay holds replayed changes to a file system: each layer is a folder
// with true hard links, removing is os.Remove, and what is left is counted by
// inode.
func TestReplay(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		dir, err := os.MkdirTemp(t.TempDir(), "*")
		if err != nil {
			t.Fatal(err)
		}
		var indexes []*whittle.Index
		var changes [2]whittle.LayerChange
		var want int64
		for n := range rapid.IntRange(1, 3).Draw(rt, "layers") {
			idx := drawLayer(rt, fmt.Sprint(n))
			root := filepath.Join(dir, fmt.Sprint(n))
			extractPlain(t, root, idx)
			for i, e := range idx.Entries {
				if rapid.IntRange(0, 2).Draw(rt, "remove") == 0 {
					which := rapid.IntRange(0, 1).Draw(rt, "change")
					changes[which].Remove = append(changes[which].Remove, whittle.Content{Layer: n, Entry: i})
					if err := os.Remove(filepath.Join(root, e.Path)); err != nil {
						t.Fatal(err)
					}
				}
			}
			want += countInodes(t, root)
			indexes = append(indexes, idx)
		}
		before, err := Build(indexes, Options{})
		if err != nil {
			rt.Fatal(err)
		}
		replayed, err := Replay(indexes, changes[0], changes[1])
		if err != nil {
			rt.Fatal(err)
		}
		after, err := Build(replayed, Options{})
		if err != nil {
			rt.Fatal(err)
		}
		if got := after.Sum().Size; got != want {
			rt.Fatalf("replayed to %d bytes, the folders have %d", got, want)
		}
		s, err := Saving(indexes, changes[0], changes[1])
		if err != nil {
			rt.Fatal(err)
		}
		if !s.Exact() || s.Low != before.Sum().Size-want {
			rt.Fatalf("saving %+v of %d to %d", s, before.Sum().Size, want)
		}
	})
}

func drawLayer(rt *rapid.T, name string) *whittle.Index {
	idx := &whittle.Index{DiffID: whittle.DigestOf([]byte(name))}
	var files []string
	for i := range rapid.IntRange(0, 12).Draw(rt, "entries") {
		p := fmt.Sprintf("f%d", i)
		if len(files) > 0 && rapid.Bool().Draw(rt, "link") {
			idx.Entries = append(idx.Entries, whittle.Entry{Path: p, Kind: whittle.HardLink, Link: rapid.SampledFrom(files).Draw(rt, "target")})
		} else {
			size := rapid.Int64Range(0, 1000).Draw(rt, "size")
			idx.Entries = append(idx.Entries, whittle.Entry{Path: p, Kind: whittle.File, Size: size})
			idx.Size += size
		}
		files = append(files, p) // links may name links
	}
	return idx
}

func extractPlain(t *testing.T, root string, idx *whittle.Index) {
	t.Helper()
	if err := os.MkdirAll(root, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, e := range idx.Entries {
		var err error
		if e.Kind == whittle.File {
			err = os.WriteFile(filepath.Join(root, e.Path), make([]byte, e.Size), 0o644)
		} else {
			err = os.Link(filepath.Join(root, e.Link), filepath.Join(root, e.Path))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func countInodes(t *testing.T, root string) (sum int64) {
	t.Helper()
	names, err := os.ReadDir(root)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[uint64]bool{}
	for _, d := range names {
		info, err := d.Info()
		if err != nil {
			t.Fatal(err)
		}
		if ino := info.Sys().(*syscall.Stat_t).Ino; !seen[ino] {
			seen[ino] = true
			sum += info.Size()
		}
	}
	return sum
}

func TestSavingBounds(t *testing.T) {
	idx := []*whittle.Index{{DiffID: whittle.DigestOf(nil), Size: 150,
		Entries: []whittle.Entry{{Path: "a", Kind: whittle.File, Size: 100}, {Path: "b", Kind: whittle.File, Size: 50}}}}
	a, b := whittle.Content{Entry: 0}, whittle.Content{Entry: 1}
	for _, c := range []struct {
		name    string
		changes []whittle.LayerChange
		want    whittle.Saving
	}{
		{"nothing", nil, whittle.Saving{}},
		{"twice the same", []whittle.LayerChange{{Remove: []whittle.Content{a}}, {Remove: []whittle.Content{a, b}}}, whittle.Saving{Low: 150, High: 150}},
		{"shrunk", []whittle.LayerChange{{Shrink: []whittle.Shrunk{{Content: a, Low: 60, High: 80}}}}, whittle.Saving{Low: 20, High: 40}},
		{"shrunk and removed", []whittle.LayerChange{{Shrink: []whittle.Shrunk{{Content: a, Low: 60, High: 80}}}, {Remove: []whittle.Content{a}}},
			whittle.Saving{Low: 100, High: 100}},
		{"what is added", []whittle.LayerChange{{Remove: []whittle.Content{b}, Minus: 10, Plus: 70}}, whittle.Saving{Low: -20, High: 40}},
	} {
		got, err := Saving(idx, c.changes...)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
	for _, bad := range []whittle.LayerChange{{Remove: []whittle.Content{{Layer: 1}}}, {Remove: []whittle.Content{{Entry: 2}}},
		{Shrink: []whittle.Shrunk{{Content: a, Low: 2, High: 101}}}, {Shrink: []whittle.Shrunk{{Content: a, Low: 9, High: 8}}}} {
		if s, err := Saving(idx, bad); err == nil {
			t.Errorf("%+v is taken: %+v", bad, s)
		}
	}
}
