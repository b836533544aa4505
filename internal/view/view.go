// Package view is what people look at when they explore an image: its files as
// rows that are filtered, grouped, sorted and summed, the tree of its folders,
// and its requirements with what only they need. The HTML report (report/html)
// and the terminal UI (tui) both show it, so that a filter means the same and
// gives the same sums in both. It is pure: it reads no image and prints nothing.
//
// The rows of every grouping add up to the sum of what is selected, and those of
// an image to its [whittle.Sizes]. A [Model] is made for images of 500,000 files:
// it has an array for each column, and folders, owners and extensions once.
package view

import (
	"cmp"
	"fmt"
	"iter"
	"math/bits"
	"slices"
	"strings"

	"whittle.dev/whittle"
)

// Facts are what a [Model] is made of.
type Facts struct {
	// Inspection has the image's sizes and layers.
	Inspection *whittle.Inspection
	// Base is how many layers, from the lowest, are those of the base image; 0
	// where that is not known.
	Base int
	// Items are all contents of all layers.
	Items iter.Seq[Item]
	// Owners are those that items name, by position, and OwnerNames their names,
	// each another; so are Categories.
	Owners     []whittle.Owner
	OwnerNames []string
	Categories []string
	// Advice has the findings, nil where no rule was asked.
	Advice *whittle.Advice
	// Requirements are those of the Python distributions, nil where there are none.
	Requirements *Requirements
	// Dockerfiles are the texts that layers name.
	Dockerfiles []Dockerfile
}

// Dockerfile is a Dockerfile's name, as origins have it, and its text.
type Dockerfile struct{ Name, Text string }

// Item is one piece of content in one layer: see [whittle.Item].
type Item struct {
	Path            string
	Layer, HiddenBy int
	// Entry is the position in the layer, by which findings name it.
	Entry int
	Bytes int64
	Cause whittle.Cause
	// Owner and Category are positions in the [Facts].
	Owner, Category int
	// Names counts the visible paths of the content, which are several where hard
	// links name it.
	Names int
}

// Layer is one layer and who made it.
type Layer struct {
	whittle.LayerRow
	// Name is "Dockerfile:27" where that is known, else "layer 3, RUN make".
	Name string
	// Base says that it is the base image's.
	Base bool
}

// Model is an image as it is looked at. It does not change, and may be used by
// several goroutines at once.
type Model struct {
	Inspection *whittle.Inspection
	Layers     []Layer
	Owners     []whittle.Owner
	OwnerNames []string
	Categories []string
	Extensions []string
	Advice     *whittle.Advice
	// Requirements are nil where the image has no Python distributions.
	Requirements *Requirements
	Dockerfiles  []Dockerfile
	// Total is the sum of all items. Its download lacks the blobs of layers that
	// have no files' bytes.
	Total Sum

	folders folders
	columns columns
	// removes has the items that each finding takes out of the image, sorted.
	removes [][]int32
}

// columns are the items, sorted by folder, then by name and layer.
type columns struct {
	// names has the last parts of all paths; that of item i lies between at[i] and
	// at[i+1]. lower is the same in lower case.
	names, lower string
	at           []uint32
	folder       []int32
	size         []int64
	download     []int64
	layer        []int32
	hidden       []int32
	owner        []int32
	extension    []int32
	category     []uint8
	cause        []whittle.Cause
	linked       []bool
}

// folders are all folders that have items below them, in the order of a tree
// that is walked from its root, which is the first: a folder's subtree is the
// folders from its own position to its end, and their items are consecutive.
type folders struct {
	path, lower []string // without a slash at the start; "" is the root
	parent, end []int32
	first       []int32 // the first of its items; one more than there are folders
}

// New makes a model. Its error says where the facts contradict each other.
func New(f Facts) (*Model, error) {
	m := &Model{Inspection: f.Inspection, Owners: f.Owners, OwnerNames: f.OwnerNames, Categories: f.Categories, Advice: f.Advice, Requirements: f.Requirements,
		Dockerfiles: f.Dockerfiles}
	for i, l := range f.Inspection.Layers {
		m.Layers = append(m.Layers, Layer{LayerRow: l, Name: layerName(l), Base: i < f.Base})
	}
	if len(f.Owners) != len(f.OwnerNames) || len(f.Categories) > 255 {
		return nil, fmt.Errorf("viewing %s: %d owners have %d names, or there are too many categories (%d)", f.Inspection.Image.Ref, len(f.Owners), len(f.OwnerNames), len(f.Categories))
	}
	if err := m.fill(f); err != nil {
		return nil, fmt.Errorf("viewing %s: %w", f.Inspection.Image.Ref, err)
	}
	m.Total = m.All().Sum
	if s := f.Inspection.Sizes; s.Visible != m.Total.Visible || s.Wasted != m.Total.Wasted {
		return nil, fmt.Errorf("viewing %s: its files add up to %d visible and %d wasted bytes, the image has %d and %d", f.Inspection.Image.Ref, m.Total.Visible, m.Total.Wasted, s.Visible, s.Wasted)
	}
	return m, nil
}

// layerName names a layer as groupings do.
func layerName(l whittle.LayerRow) string {
	if l.Origin != nil {
		return fmt.Sprintf("%s:%d", l.Origin.File, l.Origin.Line)
	}
	if text := whittle.StepText(l.CreatedBy, l.Comment); text != "" {
		return fmt.Sprintf("layer %d, %s", l.Index, text)
	}
	return fmt.Sprintf("layer %d", l.Index)
}

// fill makes the columns.
func (m *Model) fill(f Facts) error {
	items := slices.Collect(f.Items)
	if len(items) >= 1<<31-1 {
		return whittle.ErrLimit.Errorf("%d files are too many", len(items))
	}
	for i := range items {
		if it := &items[i]; it.Layer < 0 || it.Layer >= len(m.Layers) || it.Owner < 0 || it.Owner >= len(m.Owners) || it.Category < 0 || it.Category >= len(m.Categories) {
			return fmt.Errorf("%.80q names a layer, an owner or a category that is not there", it.Path)
		}
	}
	of := m.folders.fill(items)
	order := make([]int32, len(items))
	for i := range order {
		order[i] = int32(i)
	}
	slices.SortFunc(order, func(a, b int32) int {
		return cmp.Or(cmp.Compare(of[a], of[b]), cmp.Compare(base(items[a].Path), base(items[b].Path)), cmp.Compare(items[a].Layer, items[b].Layer),
			cmp.Compare(items[a].Entry, items[b].Entry))
	})
	m.columns.fill(items, order, &m.Extensions)
	if len(m.columns.names) >= 1<<32-1 {
		return whittle.ErrLimit.Errorf("the names of its files have more than 4 GB")
	}
	m.columns.folder = make([]int32, len(items))
	m.folders.first = make([]int32, len(m.folders.path)+1)
	for i, n := range order {
		m.columns.folder[i] = of[n]
		m.folders.first[of[n]+1]++
	}
	for i := range m.folders.path {
		m.folders.first[i+1] += m.folders.first[i]
	}
	m.columns.share(m.Layers)
	m.relate(items, order)
	return nil
}

// fill finds the folders of items, and gives that of each.
func (fs *folders) fill(items []Item) []int32 {
	known := map[string]int32{"": 0}
	paths := []string{""}
	of := make([]int32, len(items))
	for i := range items {
		dir := parent(items[i].Path)
		_, ok := known[dir]
		for at := dir; !ok; {
			known[at] = int32(len(paths))
			paths = append(paths, strings.Clone(at))
			at = parent(at)
			_, ok = known[at]
		}
		of[i] = known[dir]
	}
	order := make([]int32, len(paths))
	for i := range order {
		order[i] = int32(i)
	}
	slices.SortFunc(order, func(a, b int32) int { return whittle.ComparePaths(paths[a], paths[b]) })
	now := make([]int32, len(paths))
	for i, n := range order {
		now[n] = int32(i)
	}
	fs.parent, fs.end = make([]int32, len(paths)), make([]int32, len(paths))
	for i, n := range order {
		fs.path = append(fs.path, paths[n])
		fs.lower = append(fs.lower, lower("/"+paths[n]))
		fs.parent[i], fs.end[i] = -1, int32(i)+1
		if i > 0 {
			fs.parent[i] = now[known[parent(paths[n])]]
		}
	}
	for i := len(order) - 1; i > 0; i-- {
		fs.end[fs.parent[i]] = max(fs.end[fs.parent[i]], fs.end[i])
	}
	for i := range of {
		of[i] = now[of[i]]
	}
	return of
}

func (c *columns) fill(items []Item, order []int32, extensions *[]string) {
	var names strings.Builder
	known := map[string]int32{}
	c.at = make([]uint32, 0, len(order)+1)
	for _, n := range order {
		it := &items[n]
		c.at = append(c.at, uint32(names.Len()))
		names.WriteString(base(it.Path))
		ext := whittle.Extension(it.Path)
		e, ok := known[ext]
		if !ok {
			e = int32(len(*extensions))
			known[strings.Clone(ext)] = e
			*extensions = append(*extensions, strings.Clone(ext))
		}
		c.extension = append(c.extension, e)
		c.size = append(c.size, it.Bytes)
		c.layer = append(c.layer, int32(it.Layer))
		c.hidden = append(c.hidden, int32(it.HiddenBy))
		c.owner = append(c.owner, int32(it.Owner))
		c.category = append(c.category, uint8(it.Category))
		c.cause = append(c.cause, it.Cause)
		c.linked = append(c.linked, it.Names > 1)
	}
	c.at = append(c.at, uint32(names.Len()))
	c.names = names.String()
	c.lower = lower(c.names)
}

// share divides the download of each layer among its items, in proportion to
// their sizes. The shares of a layer add up exactly.
func (c *columns) share(layers []Layer) {
	c.download = make([]int64, len(c.size))
	sizes, sums := make([]uint64, len(layers)), make([]uint64, len(layers))
	for i, l := range c.layer {
		sizes[l] += uint64(c.size[i])
	}
	for i, l := range c.layer {
		download := layers[l].Download
		if download == nil || *download < 0 || sizes[l] == 0 {
			continue
		}
		upTo := func(sum uint64) int64 {
			hi, lo := bits.Mul64(sum, uint64(*download))
			q, _ := bits.Div64(hi, lo, sizes[l]) // sum ≤ size, so that it fits
			return int64(q)
		}
		before := upTo(sums[l])
		sums[l] += uint64(c.size[i])
		c.download[i] = upTo(sums[l]) - before
	}
}

// relate finds the items that findings take out of the image.
func (m *Model) relate(items []Item, order []int32) {
	if m.Advice == nil {
		return
	}
	by := map[whittle.Content][]int{}
	for n, f := range m.Advice.Findings {
		for _, c := range f.Change.Remove {
			by[c] = append(by[c], n)
		}
	}
	m.removes = make([][]int32, len(m.Advice.Findings))
	for i, n := range order {
		for _, f := range by[whittle.Content{Layer: items[n].Layer, Entry: items[n].Entry}] {
			if k := len(m.removes[f]); k == 0 || m.removes[f][k-1] != int32(i) {
				m.removes[f] = append(m.removes[f], int32(i))
			}
		}
	}
}

// parent is a path's folder, "" at the top.
func parent(p string) string { return p[:max(strings.LastIndexByte(p, '/'), 0)] }

func base(p string) string { return p[strings.LastIndexByte(p, '/')+1:] }

// lower is a text in lower case, of the same length: letters outside of ASCII
// stay as they are.
func lower(s string) string {
	if strings.IndexFunc(s, func(r rune) bool { return r >= 'A' && r <= 'Z' }) < 0 {
		return s
	}
	b := []byte(s)
	for i, c := range b {
		if c >= 'A' && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return string(b)
}

// Len is the number of items. They are counted from 0, by folder, name and layer.
func (m *Model) Len() int { return len(m.columns.size) }

// Name is the last part of an item's path.
func (m *Model) Name(item int) string {
	return m.columns.names[m.columns.at[item]:m.columns.at[item+1]]
}

// Path is an item's path, from the root's slash.
func (m *Model) Path(item int) string {
	return strings.TrimSuffix(m.FolderPath(m.Folder(item)), "/") + "/" + m.Name(item)
}

// Size is an item's size in bytes.
func (m *Model) Size(item int) int64 { return m.columns.size[item] }

// Download is an item's share of its layer's blob, in bytes.
func (m *Model) Download(item int) int64 { return m.columns.download[item] }

// Layer is the layer that added an item.
func (m *Model) Layer(item int) int { return int(m.columns.layer[item]) }

// Owner is an item's position in Owners.
func (m *Model) Owner(item int) int { return int(m.columns.owner[item]) }

// Category is an item's position in Categories.
func (m *Model) Category(item int) int { return int(m.columns.category[item]) }

// Extension is an item's position in Extensions.
func (m *Model) Extension(item int) int { return int(m.columns.extension[item]) }

// Folder is the folder that an item is in.
func (m *Model) Folder(item int) int { return int(m.columns.folder[item]) }

// Fate is why an item is wasted and the layer that hides it, -1 of what is
// visible.
func (m *Model) Fate(item int) (whittle.Cause, int) {
	return m.columns.cause[item], int(m.columns.hidden[item])
}

// Linked says that hard links give an item's content further visible names.
func (m *Model) Linked(item int) bool { return m.columns.linked[item] }

// FindingsOf are the positions in Advice.Findings of those whose change has the
// image without an item.
func (m *Model) FindingsOf(item int) (out []int) {
	for f, items := range m.removes {
		if _, ok := slices.BinarySearch(items, int32(item)); ok {
			out = append(out, f)
		}
	}
	return out
}

// Folders is the number of folders; the root is 0.
func (m *Model) Folders() int { return len(m.folders.path) }

// FolderPath is a folder's path, from the root's slash.
func (m *Model) FolderPath(folder int) string { return "/" + m.folders.path[folder] }

// Parent is the folder that a folder is in, -1 of the root.
func (m *Model) Parent(folder int) int { return int(m.folders.parent[folder]) }

// FindFolder is a folder by its path.
func (m *Model) FindFolder(path string) (int, bool) {
	return slices.BinarySearchFunc(m.folders.path, strings.Trim(path, "/"), whittle.ComparePaths)
}

// Removed are the items that a finding's change takes out of the image, by the
// finding's position in Advice.Findings.
func (m *Model) Removed(finding int) iter.Seq[int] {
	return func(yield func(int) bool) {
		for _, i := range m.removes[finding] {
			if !yield(int(i)) {
				return
			}
		}
	}
}
