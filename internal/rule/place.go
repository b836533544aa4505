package rule

import (
	"cmp"
	"path"
	"slices"
	"strconv"
	"strings"

	"whittle"
)

const (
	// small is what is not worth a word: a finding of fewer bytes, together,
	// is not stated.
	small = 100_000
	// maxPlaces bounds the evidence of one finding; what is left over is summed
	// up in its last place.
	maxPlaces = 50
)

// bytes adds up items.
func (p *Pass) bytes(items []int) int64 {
	var sum int64
	for _, i := range items {
		sum += p.Ledger.Items[i].Bytes
	}
	return sum
}

// remove is the change that takes items out of their layers.
func (p *Pass) remove(items []int) whittle.LayerChange {
	var c whittle.LayerChange
	dead := map[int]map[string]bool{} // by layer, the contents that have no name left
	for _, i := range items {
		c.Remove = append(c.Remove, p.at(i))
		if it := &p.Ledger.Items[i]; it.Cause != whittle.Live {
			if dead[it.Layer] == nil {
				dead[it.Layer] = map[string]bool{}
			}
			dead[it.Layer][p.Indexes[it.Layer].Entries[it.Entry].Path] = true
		}
	}
	for layer, names := range dead {
		for i := range p.Indexes[layer].Entries {
			e := &p.Indexes[layer].Entries[i]
			if e.Kind == whittle.HardLink && names[e.Link] {
				names[e.Path] = true // links may name links
				c.Remove = append(c.Remove, whittle.Content{Layer: layer, Entry: i})
			}
		}
	}
	c.Sort()
	return c
}

// places are items as evidence, the largest first: a folder stands for all
// that its layer put there, where all of that is among them. Items without
// bytes are left out.
func (p *Pass) places(items []int) []whittle.Evidence {
	byLayer := map[int][]int{}
	for _, i := range items {
		if it := &p.Ledger.Items[i]; it.Bytes > 0 {
			byLayer[it.Layer] = append(byLayer[it.Layer], i)
		}
	}
	var out []whittle.Evidence
	for layer, mine := range byLayer {
		out = append(out, p.rolled(layer, mine)...)
	}
	slices.SortFunc(out, func(a, b whittle.Evidence) int {
		return cmp.Or(cmp.Compare(b.Bytes, a.Bytes), cmp.Compare(a.Layer, b.Layer), cmp.Compare(a.Path, b.Path))
	})
	if len(out) <= maxPlaces {
		return out
	}
	return append(out[:maxPlaces-1], summed(out[maxPlaces-1:], "other places"))
}

// rolled rolls whole folders of one layer up.
func (p *Pass) rolled(layer int, items []int) []whittle.Evidence {
	all := map[string]int{} // files with bytes by folder, at any depth
	for i := range p.Ledger.Items {
		if it := &p.Ledger.Items[i]; it.Layer == layer && it.Bytes > 0 {
			for dir := path.Dir(it.Path); dir != "."; dir = path.Dir(dir) {
				all[dir]++
			}
		}
	}
	mine := map[string]int{}
	for _, i := range items {
		for dir := path.Dir(p.Ledger.Items[i].Path); dir != "."; dir = path.Dir(dir) {
			mine[dir]++
		}
	}
	rows := map[string]*whittle.Evidence{}
	for _, i := range items {
		it := &p.Ledger.Items[i]
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

// isSystem says that a folder belongs to nobody: to name it would say nothing.
func isSystem(dir string) bool {
	switch dir {
	case "bin", "etc", "home", "lib", "lib64", "opt", "root", "run", "sbin", "srv", "tmp", "usr", "var", "usr/bin", "usr/lib", "usr/local",
		"usr/local/bin", "usr/local/lib", "usr/share", "var/cache", "var/lib":
		return true
	}
	return false
}

// common is the deepest path that two are, or lie in.
func common(a, b string) string {
	for !under(b, a) {
		a = path.Dir(a)
	}
	return a
}

// under says whether a path is a folder or lies in it; both are clean and
// relative.
func under(p, dir string) bool {
	return p == dir || dir == "" || strings.HasPrefix(p, dir+"/")
}

// withLine adds the instruction that made a layer to evidence, where it is
// known: it costs nothing itself.
func (p *Pass) withLine(evidence []whittle.Evidence, layer int) []whittle.Evidence {
	if st := p.step(layer); st != nil && st.Origin != nil {
		o := st.Origin
		evidence = append(evidence, whittle.Evidence{Layer: layer, File: o.File, Line: o.Line, What: o.Instruction})
	}
	return evidence
}

// named is an instruction in a message: "RUN line 12", or "layer 3" where the
// Dockerfile is not known.
func (p *Pass) named(layer int) string {
	if st := p.step(layer); st != nil && st.Origin != nil {
		return st.Origin.Instruction + " line " + strconv.Itoa(st.Origin.Line)
	}
	return "layer " + strconv.Itoa(layer)
}

// text identifies what made a layer in a fingerprint.
func (p *Pass) text(layer int) string {
	if st := p.step(layer); st != nil {
		return strings.Join(strings.Fields(st.CreatedBy), " ")
	}
	return ""
}

// layersOf are the layers of items, lowest first.
func (p *Pass) layersOf(items []int) []int {
	var out []int
	for _, i := range items {
		if layer := p.Ledger.Items[i].Layer; !slices.Contains(out, layer) {
			out = append(out, layer)
		}
	}
	slices.Sort(out)
	return out
}

// listed names layers: "COPY line 3 and RUN line 8".
func (p *Pass) listed(layers []int) string {
	var names []string
	for _, layer := range layers {
		names = append(names, p.named(layer))
	}
	return list(names)
}

// list is "a, b and c", or "a, b and 7 more".
func list(names []string) string {
	const most = 4
	if len(names) > most {
		names = append(slices.Clone(names[:most-1]), strconv.Itoa(len(names)-most+1)+" more")
	}
	if len(names) < 2 {
		return strings.Join(names, "")
	}
	return strings.Join(names[:len(names)-1], ", ") + " and " + names[len(names)-1]
}

// files is a number of files in words.
func files(n int) string { return count(n, "file") }

// count is a number of things in words.
func count(n int, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return strconv.Itoa(n) + " " + noun
}
