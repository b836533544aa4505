package analysis

import (
	"cmp"
	"maps"
	"path"
	"slices"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/distro"
)

// Layers is the view of the layers and their items. An item is its position in the
// ledger's Items.
type Layers struct {
	indexes  []*whittle.Index
	ledger   *whittle.Ledger
	owner    []whittle.Owner // indexed like the ledger's items
	packages []distro.Installed
	steps    []whittle.Step
	// files has, for the layers that were asked about, the files with bytes by folder,
	// at any depth. There may be as many findings as files, and each asks.
	files map[int]map[string]int
}

// Wasted are the wasted items with a cause, by the layer that hides them and by the
// layer that added them.
func (ls *Layers) Wasted(cause whittle.Cause) map[int]map[int][]int {
	out := map[int]map[int][]int{}
	if ls.ledger == nil {
		return out
	}
	for i := range ls.ledger.Items {
		it := &ls.ledger.Items[i]
		if it.Cause != cause || it.Layer == it.HiddenBy || it.Bytes == 0 {
			continue
		}
		if out[it.HiddenBy] == nil {
			out[it.HiddenBy] = map[int][]int{}
		}
		out[it.HiddenBy][it.Layer] = append(out[it.HiddenBy][it.Layer], i)
	}
	return out
}

// Entries are the last entries of a layer by path, without whiteouts.
func (ls *Layers) Entries(layer int) map[string]*whittle.Entry {
	out := map[string]*whittle.Entry{}
	for i := range ls.indexes[layer].Entries {
		if e := &ls.indexes[layer].Entries[i]; e.Kind != whittle.Whiteout && e.Kind != whittle.Opaque {
			out[e.Path] = e
		}
	}
	return out
}

// PathsBelow are the paths in the layers below a layer, with their parent folders.
// COPY does not change the owner and mode of an existing folder.
func (ls *Layers) PathsBelow(layer int) map[string]bool {
	out := map[string]bool{}
	for _, x := range ls.indexes[:layer] {
		for i := range x.Entries {
			e := &x.Entries[i]
			if e.Kind == whittle.Whiteout || e.Kind == whittle.Opaque {
				continue
			}
			for at := e.Path; !out[at]; at = path.Dir(at) {
				out[at] = true
			}
		}
	}
	return out
}

// IsWhole says that items are all items of a layer.
func (ls *Layers) IsWhole(layer int, items []int) bool {
	n := 0
	for i := range ls.ledger.Items {
		if it := &ls.ledger.Items[i]; it.Layer == layer && it.Bytes > 0 {
			n++
		}
	}
	return n == len(items)
}

// HasElsewhere says that one of the layers up to last, other than but, has an entry
// at a path.
func (ls *Layers) HasElsewhere(at string, but, last int) bool {
	for layer := range ls.indexes[:last+1] {
		if layer != but && slices.ContainsFunc(ls.indexes[layer].Entries, func(e whittle.Entry) bool {
			return e.Kind != whittle.Whiteout && e.Kind != whittle.Opaque && whittle.Under(e.Path, at)
		}) {
			return true
		}
	}
	return false
}

// Moved finds deleted items whose content is at another path in the layer that
// deleted them. It maps the wasted item to the visible one. Contents without a
// digest are skipped.
func (ls *Layers) Moved() map[int]int {
	type key struct {
		layer int
		sum   [32]byte
	}
	out := map[int]int{}
	if ls.ledger == nil {
		return out
	}
	sum := func(it *whittle.Item) [32]byte { return ls.indexes[it.Layer].Entries[it.Entry].Content }
	visible := map[key][]int{}
	for i := range ls.ledger.Items {
		if it := &ls.ledger.Items[i]; it.Cause == whittle.Visible && it.Bytes > 0 && sum(it) != [32]byte{} {
			k := key{it.Layer, sum(it)}
			visible[k] = append(visible[k], i)
		}
	}
	for i := range ls.ledger.Items {
		it := &ls.ledger.Items[i]
		if it.Cause != whittle.Deleted || it.Bytes == 0 || it.Layer == it.HiddenBy {
			continue
		}
		k := key{it.HiddenBy, sum(it)}
		if to := visible[k]; len(to) > 0 {
			out[i] = to[0] // each visible copy is the target of one wasted item
			visible[k] = to[1:]
		}
	}
	return out
}

// Bytes is the sum of the items' bytes.
func (ls *Layers) Bytes(items []int) int64 {
	var sum int64
	for _, i := range items {
		sum += ls.ledger.Items[i].Bytes
	}
	return sum
}

// Removal is the change that removes items from their layers.
func (ls *Layers) Removal(items []int) whittle.LayerChange {
	var c whittle.LayerChange
	wasted := map[int]map[string]bool{} // by layer, the contents that have no name left
	for _, i := range items {
		c.Remove = append(c.Remove, ls.Content(i))
		if it := &ls.ledger.Items[i]; it.Cause != whittle.Visible {
			if wasted[it.Layer] == nil {
				wasted[it.Layer] = map[string]bool{}
			}
			wasted[it.Layer][ls.indexes[it.Layer].Entries[it.Entry].Path] = true
		}
	}
	for layer, names := range wasted {
		for i := range ls.indexes[layer].Entries {
			e := &ls.indexes[layer].Entries[i]
			if e.Kind == whittle.HardLink && names[e.Link] {
				names[e.Path] = true // links may name links
				c.Remove = append(c.Remove, whittle.Content{Layer: layer, Entry: i})
			}
		}
	}
	c.Sort()
	return c
}

// Places are items as evidence, the largest first. A folder is one row if the items
// include all that its layer added to it. Items without bytes are skipped.
func (ls *Layers) Places(items []int) []whittle.Evidence {
	byLayer := map[int][]int{}
	for _, i := range items {
		if it := &ls.ledger.Items[i]; it.Bytes > 0 {
			byLayer[it.Layer] = append(byLayer[it.Layer], i)
		}
	}
	var out []whittle.Evidence
	for layer, mine := range byLayer {
		out = append(out, ls.rolled(layer, mine)...)
	}
	slices.SortFunc(out, func(a, b whittle.Evidence) int {
		return cmp.Or(cmp.Compare(b.Bytes, a.Bytes), cmp.Compare(a.Layer, b.Layer), cmp.Compare(a.Path, b.Path))
	})
	if len(out) <= maxPlaces {
		return out
	}
	return append(out[:maxPlaces-1], summed(out[maxPlaces-1:], "other places"))
}

// rolled combines the items of whole folders of one layer.
func (ls *Layers) rolled(layer int, items []int) []whittle.Evidence {
	all := ls.filesBelow(layer)
	mine := map[string]int{}
	for _, i := range items {
		for dir := path.Dir(ls.ledger.Items[i].Path); dir != "."; dir = path.Dir(dir) {
			mine[dir]++
		}
	}
	rows := map[string]*whittle.Evidence{}
	for _, i := range items {
		it := &ls.ledger.Items[i]
		top := it.Path
		for dir := path.Dir(it.Path); dir != "." && mine[dir] == all[dir] && !isSystem(dir); dir = path.Dir(dir) {
			top = dir
		}
		if rows[top] == nil {
			rows[top] = &whittle.Evidence{Path: it.Path, Layer: layer}
		}
		rows[top].Path = common(rows[top].Path, it.Path)
		rows[top].Bytes += it.Bytes
		rows[top].Files++
	}
	out := make([]whittle.Evidence, 0, len(rows))
	for _, e := range rows {
		out = append(out, *e)
	}
	return out
}

// filesBelow counts the files with bytes of a layer by folder, at any depth.
func (ls *Layers) filesBelow(layer int) map[string]int {
	if all, ok := ls.files[layer]; ok {
		return all
	}
	all := map[string]int{}
	for i := range ls.ledger.Items {
		if it := &ls.ledger.Items[i]; it.Layer == layer && it.Bytes > 0 {
			for dir := path.Dir(it.Path); dir != "."; dir = path.Dir(dir) {
				all[dir]++
			}
		}
	}
	if ls.files == nil {
		ls.files = map[int]map[string]int{}
	}
	ls.files[layer] = all
	return all
}

// LayersOf are the layers of items, lowest first.
func (ls *Layers) LayersOf(items []int) []int {
	var out []int
	for _, i := range items {
		if layer := ls.ledger.Items[i].Layer; !slices.Contains(out, layer) {
			out = append(out, layer)
		}
	}
	slices.Sort(out)
	return out
}

// OfSystem says that an item belongs to a system package.
func (ls *Layers) OfSystem(item int) bool {
	kind := distro.KindOf(ls.owner[item].Ecosystem)
	return kind == whittle.OwnerSystem || kind == whittle.OwnerEnvironment
}

// OfDistribution says that an item belongs to a Python distribution above the base
// image.
func (ls *Layers) OfDistribution(item int) bool {
	return ls.owner[item].Ecosystem == "pypi" && !ls.IsBase(ls.ledger.Items[item].Layer)
}

// Visible are the visible items that want selects.
func (ls *Layers) Visible(want func(item int) bool) []int {
	var out []int
	for i := range ls.ledger.Items {
		if it := &ls.ledger.Items[i]; it.Cause == whittle.Visible && it.Bytes > 0 && want(i) {
			out = append(out, i)
		}
	}
	return out
}

// WithWasted adds the wasted items at the paths of visible ones. These are copies in
// lower layers, which would not exist without the file. Those of the base image are
// not added.
func (ls *Layers) WithWasted(items []int) []int {
	paths := map[string]bool{}
	for _, i := range items {
		paths[ls.ledger.Items[i].Path] = true
	}
	out := slices.Clone(items)
	for i := range ls.ledger.Items {
		if it := &ls.ledger.Items[i]; it.Cause != whittle.Visible && it.Bytes > 0 && paths[it.Path] && !ls.IsBase(it.Layer) {
			out = append(out, i)
		}
	}
	slices.Sort(out)
	return out
}

// DistributionsOf are the names of the owners of items, sorted.
func (ls *Layers) DistributionsOf(items []int) []string {
	names := map[string]bool{}
	for _, i := range items {
		names[ls.owner[i].Name] = true
	}
	return slices.Sorted(maps.Keys(names))
}

// Content is the layer and entry of an item.
func (ls *Layers) Content(item int) whittle.Content {
	it := &ls.ledger.Items[item]
	return whittle.Content{Layer: it.Layer, Entry: it.Entry}
}

// IsBase says whether a layer belongs to the base image, that is, lies below the
// first layer that the Dockerfile made. Without a Dockerfile it is false.
func (ls *Layers) IsBase(layer int) bool {
	return layer < whittle.BaseLayers(ls.steps, len(ls.ledger.Layers))
}

// isFromContext says that a layer has files of the build context: a COPY or ADD made
// it, and not from a stage.
func (ls *Layers) isFromContext(layer int) bool {
	return slices.ContainsFunc(ls.steps, func(st whittle.Step) bool {
		return st.Layer == layer && st.Origin != nil && (st.Origin.Instruction == "COPY" || st.Origin.Instruction == "ADD") && !strings.Contains(st.CreatedBy, "--from=")
	})
}
