package squeeze

import (
	"context"
	"os"
	"testing"

	"pgregory.net/rapid"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/imagetest"
	"whittle.dev/whittle/internal/index"
	"whittle.dev/whittle/internal/ledger"
)

// TestTrimStacks: of random stacks random files go. Both readings then differ from those of
// the stack in just these files, or the trim is refused; and a trim that forgot one, or
// took another one, would be refused.
func TestTrimStacks(t *testing.T) {
	held, refused := 0, 0
	for _, f := range imagetest.Flavors {
		t.Run(f.Name, func(t *testing.T) {
			rapid.Check(t, func(rt *rapid.T) {
				img, _ := drawImage(t, rt, f)
				indexes, err := index.All(context.Background(), img, index.Options{Hash: true})
				if err != nil {
					rt.Fatal(err)
				}
				l, err := ledger.Build(indexes, ledger.Options{})
				if err != nil || len(l.Ambiguous) > 0 {
					return
				}
				if trimStack(t, rt, img, indexes, l) {
					held++
				} else {
					refused++
				}
			})
		})
	}
	t.Logf("%d held, %d refused", held, refused)
	if held == 0 || refused > held {
		t.Errorf("%d held, %d refused", held, refused)
	}
}

func trimStack(t *testing.T, rt *rapid.T, img *imagetest.Image, indexes []*whittle.Index, l *whittle.Ledger) (held bool) {
	dir, err := os.MkdirTemp(t.TempDir(), "trim")
	if err != nil {
		rt.Fatal(err)
	}
	trimmer := NewTrimmer(img, indexes, l, Job{Dir: dir, Base: rapid.IntRange(0, 1).Draw(rt, "base")})
	trim := Trim{Remove: map[string]bool{}, Edits: map[string]func([]byte) []byte{}}
	for item := range l.Items {
		names := trimmer.Names(item)
		fixed := len(names) == 0
		for _, p := range names {
			fixed = fixed || trimmer.Fixed(p) != ""
		}
		switch what := rapid.SampledFrom([]string{"keep", "remove", "edit"}).Draw(rt, "what"); {
		case fixed || what == "keep":
		case what == "edit" && len(names) == 1:
			trim.Edits[names[0]] = func(b []byte) []byte { return append([]byte("new "), b...) }
		case what == "remove":
			for _, p := range names {
				trim.Remove[p] = true
			}
		}
	}
	for _, dir := range trimmer.Emptied(trim.Remove) {
		trim.Remove[dir] = true
	}
	made, err := trimmer.Trim(context.Background(), trim)
	if err != nil {
		rt.Fatal(err)
	}
	after, err := index.All(context.Background(), made, index.Options{Hash: true, Verify: true})
	if err != nil {
		rt.Fatal(err)
	}
	merged, err := ledger.Build(after, ledger.Options{})
	if err != nil {
		rt.Fatal(err)
	}
	was, wasAgain := trees(rt, img.Layers(), indexes, l)
	is, isAgain := trees(rt, made.Layers(), after, merged)
	for _, pair := range [][2]*Tree{{was, is}, {wasAgain, isAgain}} {
		changes, err := TreeChanges(pair[0], pair[1])
		if err == nil {
			err = changes.Holds(pair[0], trim.Remove, made.Edited)
		}
		if _, ok := AsRefusal(err); ok {
			return false
		}
		if err != nil {
			rt.Fatal(err)
		}
		if len(made.Edited) > 0 && changes.Holds(pair[0], trim.Remove, made.Edited[1:]) == nil {
			rt.Fatal("an edit that is not listed is not noticed")
		}
		for p := range trim.Remove {
			less := map[string]bool{}
			for q := range trim.Remove {
				less[q] = q != p
			}
			if changes.Holds(pair[0], less, made.Edited) == nil && !implied(pair[0], p) {
				rt.Fatalf("%s went, and is not listed", p)
			}
		}
	}
	return true
}

func implied(t *Tree, path string) bool {
	for i := range t.Nodes {
		if t.Nodes[i].Path == path {
			return t.Nodes[i].Entry == nil
		}
	}
	return true
}

func trees(rt *rapid.T, layers []whittle.Layer, indexes []*whittle.Index, l *whittle.Ledger) (first, second *Tree) {
	first, second, err := Trees(context.Background(), layers, indexes, l, &Reading{Entries: 1 << 20})
	if err != nil {
		rt.Fatal(err)
	}
	return first, second
}
