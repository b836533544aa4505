package ledger

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"pgregory.net/rapid"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/imagetest"
)

// The oracle is the kernel: each layer is extracted alone as Docker's overlay2
// driver does, overlayfs merges the directories, and what it shows must be
// what the ledger says, after each layer of the stack.

func TestKernel(t *testing.T) {
	if err := imagetest.TryOverlay(t.TempDir()); err != nil {
		t.Skipf("no overlayfs here (root, and a file system that can be below it, are needed): %v", err)
	}
	for _, f := range imagetest.Flavors {
		t.Run(f.Name, func(t *testing.T) {
			work := t.TempDir()
			n := 0
			rapid.Check(t, func(rt *rapid.T) {
				n++
				dir := filepath.Join(work, fmt.Sprint(n))
				defer os.RemoveAll(dir)
				checkStack(t, rt, f.Stack(rt), dir)
			})
		})
	}
}

func checkStack(t *testing.T, rt *rapid.T, stack [][]imagetest.TarEntry, dir string) {
	var idx []*whittle.Index
	var dirs []string
	inodes := map[uint64][2]int{}
	views := make([]map[string]imagetest.Seen, len(stack))
	for n, entries := range stack {
		x := &imagetest.Extraction{Root: filepath.Join(dir, fmt.Sprint("layer", n)), Layer: n, Inodes: inodes}
		if err := os.MkdirAll(x.Root, 0o755); err != nil {
			rt.Fatal(err)
		}
		var taken []imagetest.TarEntry
		for _, e := range entries {
			// What Docker refuses is skipped: there is nothing to compare.
			if x.Extract(e, len(taken)) == nil {
				taken = append(taken, e)
			}
		}
		idx = append(idx, indexTar(t, imagetest.WriteTar(t, taken)))
		dirs = append(dirs, x.Root)
		var err error
		if views[n], err = imagetest.OverlayOf(dirs, filepath.Join(dir, fmt.Sprint("merged", n))); err != nil {
			rt.Fatal(err)
		}
	}
	var before *whittle.Ledger
	for n := range stack {
		l, err := Build(idx[:n+1], Options{})
		if err != nil {
			rt.Fatal(err)
		}
		if problem := compareView(l, idx, views[n], inodes); problem != "" {
			rt.Fatalf("after layer %d: %s\nledger: %v\ntree: %s", n, problem, show(l), showTree(l))
		}
		if problem := compareHidden(l, before, idx, views, n); problem != "" {
			rt.Fatalf("after layer %d: %s\nledger: %v\ntree: %s", n, problem, show(l), showTree(l))
		}
		before = l
	}
}

// compareView compares the merged tree.
func compareView(l *whittle.Ledger, idx []*whittle.Index, view map[string]imagetest.Seen, inodes map[uint64][2]int) string {
	if len(l.Tree.Nodes) != len(view) {
		return fmt.Sprintf("the kernel shows %d paths: %v", len(view), view)
	}
	visible := map[uint64]int64{}
	for _, n := range l.Tree.Nodes {
		v, ok := view[n.Path]
		switch {
		case !ok:
			return fmt.Sprintf("the kernel does not show %q", n.Path)
		case n.Entry < 0:
			if v.Kind != whittle.Dir {
				return fmt.Sprintf("%q is a %s", n.Path, v.Kind)
			}
			continue
		case n.Item < 0:
			if e := idx[n.Layer].Entries[n.Entry]; v.Kind != e.Kind {
				return fmt.Sprintf("%q is a %s, not a %s", n.Path, v.Kind, e.Kind)
			}
			continue
		}
		it := l.Items[n.Item]
		e := idx[it.Layer].Entries[it.Entry]
		if v.Kind != whittle.File || v.Size != e.Size || v.Sum != e.Content {
			return fmt.Sprintf("%q is %v", n.Path, v)
		}
		if inodes[v.Inode] != [2]int{it.Layer, it.Entry} {
			return fmt.Sprintf("%q is layer and entry %v", n.Path, inodes[v.Inode])
		}
		visible[v.Inode] = v.Size
	}
	var sum int64
	for _, size := range visible {
		sum += size
	}
	if got := l.Sum().Visible; got != sum {
		return fmt.Sprintf("%d bytes are visible, the kernel shows %d", got, sum)
	}
	return ""
}

// compareHidden checks what layer n hides, and why, by what was at the path before
// and what is there now.
func compareHidden(l, before *whittle.Ledger, idx []*whittle.Index, views []map[string]imagetest.Seen, n int) string {
	for i, it := range l.Items {
		if before == nil || i >= len(before.Items) {
			if it.Cause != whittle.Visible && it.HiddenBy != n {
				return fmt.Sprintf("%+v is hidden by another layer", it)
			}
			continue
		}
		was := before.Items[i]
		if was.Cause != whittle.Visible {
			if it != was {
				return fmt.Sprintf("%+v is hidden again: %+v", was, it)
			}
			continue
		}
		if it.Cause == whittle.Visible {
			continue
		}
		want := whittle.Visible
		for _, node := range before.Tree.Nodes {
			if node.Item == i {
				want = max(want, causeSeen(node.Path, views[n-1][node.Path], views[n]))
			}
		}
		if it.HiddenBy != n || it.Cause != want {
			return fmt.Sprintf("%+v: the kernel says %s by %d", it, want, n)
		}
	}
	return ""
}

func causeSeen(path string, was imagetest.Seen, now map[string]imagetest.Seen) whittle.Cause {
	is, ok := now[path]
	if !ok {
		for dir, _ := splitPath(path); dir != ""; dir, _ = splitPath(dir) {
			if above, ok := now[dir]; ok && above.Kind != whittle.Dir {
				return whittle.Replaced
			}
		}
		return whittle.Deleted
	}
	switch {
	case is.Kind != whittle.File || is.Size != was.Size || is.Sum != was.Sum:
		return whittle.Replaced
	case is.Mode == was.Mode && is.MTime == was.MTime:
		return whittle.Identical
	}
	return whittle.Metadata
}
