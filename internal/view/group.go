package view

import (
	"cmp"
	"iter"
	"math/bits"
	"slices"
	"strings"

	"whittle.dev/whittle"
)

// Sum adds up items.
type Sum struct {
	Files           int
	Visible, Wasted int64
	// Download is the items' share of their layers' blobs, 0 where the source has
	// none.
	Download int64
}

// Size is what the items take on disk.
func (s Sum) Size() int64 { return s.Visible + s.Wasted }

func (s *Sum) add(t Sum) {
	s.Files += t.Files
	s.Visible += t.Visible
	s.Wasted += t.Wasted
	s.Download += t.Download
}

// sum is one item's.
func (c *columns) sum(i int) Sum {
	s := Sum{Files: 1, Download: c.download[i]}
	if c.cause[i] == whittle.Visible {
		s.Visible = c.size[i]
	} else {
		s.Wasted = c.size[i]
	}
	return s
}

// Selection is some of a model's items.
type Selection struct {
	Model *Model
	Sum   Sum
	set   []uint64
}

func (m *Model) selection(has func(item int) bool) *Selection {
	s := &Selection{Model: m, set: make([]uint64, (m.Len()+63)/64)}
	for i := range m.Len() {
		if has(i) {
			s.set[i/64] |= 1 << (i % 64)
			s.Sum.add(m.columns.sum(i))
		}
	}
	return s
}

// All selects all items.
func (m *Model) All() *Selection { return m.selection(func(int) bool { return true }) }

// Only selects some items.
func (m *Model) Only(items ...int) *Selection {
	s := &Selection{Model: m, set: make([]uint64, (m.Len()+63)/64)}
	for _, i := range items {
		if !s.Has(i) {
			s.set[i/64] |= 1 << (i % 64)
			s.Sum.add(m.columns.sum(i))
		}
	}
	return s
}

// Has says whether an item is selected.
func (s *Selection) Has(item int) bool { return s.set[item/64]&(1<<(item%64)) != 0 }

// Items are the selected items, in order.
func (s *Selection) Items() iter.Seq[int] {
	return func(yield func(int) bool) {
		for w, word := range s.set {
			for word != 0 {
				if !yield(w*64 + bits.TrailingZeros64(word)) {
					return
				}
				word &= word - 1
			}
		}
	}
}

// Key is what items are grouped by.
type Key string

// The keys, as inspect --by has them.
const (
	ByInstruction Key = "instruction"
	ByPackage     Key = "package"
	ByCategory    Key = "category"
	ByDirectory   Key = "directory"
	ByExtension   Key = "extension"
)

// Keys are all keys.
func Keys() []Key { return []Key{ByInstruction, ByPackage, ByCategory, ByDirectory, ByExtension} }

// Row is a group, a folder or a file.
type Row struct {
	Name string
	// ID is the layer, or the position in the model's list of owners, categories,
	// extensions, folders or items.
	ID int
	// Folder says that the row of a tree is a folder.
	Folder bool
	Sum
}

// group is the position of an item's group, of how many there are.
func (m *Model) group(key Key) (of func(item int) int, groups int, name func(id int) string) {
	switch key {
	case ByInstruction:
		return m.Layer, len(m.Layers), func(id int) string { return m.Layers[id].Name }
	case ByPackage:
		return m.Owner, len(m.Owners), func(id int) string { return m.OwnerNames[id] }
	case ByCategory:
		return m.Category, len(m.Categories), func(id int) string { return m.Categories[id] }
	case ByDirectory:
		top := m.folders.top()
		return func(i int) int { return int(top[m.columns.folder[i]]) }, len(top), m.FolderPath
	}
	return m.Extension, len(m.Extensions), func(id int) string { return m.Extensions[id] }
}

// depth is how deep the folders are that [ByDirectory] groups by.
const depth = 3

// top has the folder at most depth deep that each folder is in.
func (fs *folders) top() []int32 {
	top := make([]int32, len(fs.path))
	for i, p := range fs.path {
		if i > 0 && strings.Count(p, "/") >= depth {
			top[i] = top[fs.parent[i]]
		} else {
			top[i] = int32(i)
		}
	}
	return top
}

// By groups the selected items, the largest group first. The groups add up to
// the selection.
func (s *Selection) By(key Key) []Row {
	of, n, name := s.Model.group(key)
	sums := make([]Sum, n)
	for i := range s.Items() {
		sums[of(i)].add(s.Model.columns.sum(i))
	}
	var rows []Row
	for id, sum := range sums {
		if sum.Files > 0 {
			rows = append(rows, Row{Name: name(id), ID: id, Folder: key == ByDirectory, Sum: sum})
		}
	}
	SortBySize(rows)
	return rows
}

// SortBySize puts the largest first, then by name.
func SortBySize(rows []Row) {
	slices.SortFunc(rows, func(a, b Row) int {
		return cmp.Or(-cmp.Compare(a.Size(), b.Size()), cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID))
	})
}

// In is the part of the selection that is in one group.
func (s *Selection) In(key Key, id int) *Selection {
	of, _, _ := s.Model.group(key)
	return s.Model.selection(func(i int) bool { return s.Has(i) && of(i) == id })
}

// And is what both have of one model.
func (s *Selection) And(t *Selection) *Selection {
	return s.Model.selection(func(i int) bool { return s.Has(i) && t.Has(i) })
}

// Tree is a selection by folders.
type Tree struct {
	*Selection
	sums []Sum // of the subtrees
}

// Tree sums up the folders of the selection.
func (s *Selection) Tree() *Tree {
	t := &Tree{s, make([]Sum, s.Model.Folders())}
	for i := range s.Items() {
		t.sums[s.Model.columns.folder[i]].add(s.Model.columns.sum(i))
	}
	for i := len(t.sums) - 1; i > 0; i-- {
		t.sums[s.Model.folders.parent[i]].add(t.sums[i])
	}
	return t
}

// Folder is the sum of all that is selected in a folder and below.
func (t *Tree) Folder(folder int) Sum { return t.sums[folder] }

// Children are the folders and the files of a folder, the largest first. They
// add up to the folder.
func (t *Tree) Children(folder int) []Row {
	fs := &t.Model.folders
	var rows []Row
	for d := int32(folder) + 1; d < fs.end[folder]; d = fs.end[d] {
		if t.sums[d].Files > 0 {
			rows = append(rows, Row{Name: base(fs.path[d]), ID: int(d), Folder: true, Sum: t.sums[d]})
		}
	}
	for i := int(fs.first[folder]); i < int(fs.first[folder+1]); i++ {
		if t.Has(i) {
			rows = append(rows, Row{Name: t.Model.Name(i), ID: i, Sum: t.Model.columns.sum(i)})
		}
	}
	SortBySize(rows)
	return rows
}

// Below is the part of the selection that is in a folder or below.
func (s *Selection) Below(folder int) *Selection {
	fs := &s.Model.folders
	from, to := int(fs.first[folder]), int(fs.first[fs.end[folder]])
	return s.Model.selection(func(i int) bool { return i >= from && i < to && s.Has(i) })
}

// Pair is a row of one image or of two.
type Pair struct {
	Name string
	// A and B are nil where the image has none of the name.
	A, B *Row
}

// Delta is how much larger B is than A, in bytes.
func (p Pair) Delta() int64 { return p.B.size() - p.A.size() }

func (r *Row) size() int64 {
	if r == nil {
		return 0
	}
	return r.Size()
}

// Join puts rows of two images beside each other by their names, the largest
// difference first. The differences add up to that of all rows.
func Join(a, b []Row) []Pair {
	type name struct {
		name   string
		folder bool
		nth    int // several layers may have one file
	}
	at := map[name]int{}
	var out []Pair
	for side, rows := range [][]Row{a, b} {
		seen := map[name]int{}
		for i := range rows {
			k := name{name: rows[i].Name, folder: rows[i].Folder}
			seen[k]++
			k.nth = seen[k]
			n, ok := at[k]
			if !ok {
				n = len(out)
				at[k] = n
				out = append(out, Pair{Name: k.name})
			}
			if side == 0 {
				out[n].A = &rows[i]
			} else {
				out[n].B = &rows[i]
			}
		}
	}
	magnitude := func(p Pair) int64 { return max(p.Delta(), -p.Delta()) }
	slices.SortStableFunc(out, func(p, q Pair) int {
		return cmp.Or(-cmp.Compare(magnitude(p), magnitude(q)), cmp.Compare(p.Name, q.Name))
	})
	return out
}
