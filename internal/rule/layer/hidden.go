package layer

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/dockerfile"
	"whittle.dev/whittle/internal/rule/analysis"
)

// split divides items by layer into those of the base image and the others.
// layers are the layers of the others, those with the most bytes first.
func split(p *analysis.Pass, byLayer map[int][]int) (base, own []int, layers []int) {
	for _, layer := range slices.Sorted(maps.Keys(byLayer)) {
		if p.Layers.IsBase(layer) {
			base = append(base, byLayer[layer]...)
			continue
		}
		own = append(own, byLayer[layer]...)
		layers = append(layers, layer)
	}
	slices.SortStableFunc(layers, func(a, b int) int { return cmp.Compare(p.Layers.Bytes(byLayer[b]), p.Layers.Bytes(byLayer[a])) })
	return base, own, layers
}

// hiddenRule is how a rule reports the files with one cause that a later layer
// hides.
type hiddenRule struct {
	effect
	// why, if not nil, gives the effect for each layer that hides files.
	why func(hider int, items []int) string
	// fix finds a fix for the effect of a known instruction on items of layers
	// above the base, those with the most bytes first. advice is reported if
	// there is none.
	fix    func(k *dockerfile.Instruction, byLayer map[int][]int, layers []int) (relocation, bool)
	advice string
	// advise, if not nil, gives a more specific advice for some layers.
	advise func(layers []int) string
	// ofBase, if not nil, changes the finding about items of the base.
	ofBase func(f *whittle.Finding)
}

// hiddenFindings reports hidden items by the layers that hide them: those
// hidden within the base image, those of the base that a layer above hides, and
// the others. What an upgrade of packages hides is reported by rules of its own.
func hiddenFindings(p *analysis.Pass, t hiddenRule, hidden map[int]map[int][]int) []whittle.Finding {
	out := withinBase(p, t.effect, hidden)
	for hider, byLayer := range hidden {
		if upgraded := p.HiddenByUpgrade(hider); upgraded != nil {
			for layer, items := range byLayer {
				byLayer[layer] = slices.DeleteFunc(items, upgraded)
			}
		}
	}
	for _, hider := range slices.Sorted(maps.Keys(hidden)) {
		base, own, layers := split(p, hidden[hider])
		d := t.effect
		if t.why != nil {
			d.why = t.why(hider, slices.Concat(base, own))
		}
		if p.Layers.Bytes(base) >= analysis.MinBytes {
			f := hiddenOfBase(p, d, hider, base)
			if t.ofBase != nil {
				t.ofBase(&f)
			}
			out = append(out, f)
		}
		if p.Layers.Bytes(own) < analysis.MinBytes {
			continue
		}
		r, ok := relocation{}, false
		if k := p.Recipe.Instruction(hider); k != nil {
			r, ok = t.fix(k, hidden[hider], layers)
		}
		otherwise := relocation{risk: whittle.RiskLow, advice: t.advice}
		if t.advise != nil {
			otherwise.advice = cmp.Or(t.advise(layers), t.advice)
		}
		out = append(out, relocationFindings(p, d, hider, own, r, ok, otherwise)...)
	}
	return out
}

// effect is what a layer does to files of lower layers, in words: "deletes", or
// "rewrites" and " only to change the mode".
type effect struct{ id, does, why string }

// relocationFindings reports what a layer does to items of lower layers: those
// that a relocation fixes, if there is one, and the rest with an advice.
func relocationFindings(p *analysis.Pass, d effect, hider int, items []int, r relocation, ok bool, otherwise relocation) []whittle.Finding {
	var out []whittle.Finding
	if ok {
		fixed := func(i int) bool { return slices.Contains(r.fixed, p.Ledger.Items[i].Layer) }
		mine := slices.DeleteFunc(slices.Clone(items), func(i int) bool { return !fixed(i) })
		as, first := d, d.id
		if r.whole {
			mine, first = alsoFixed(p, hider, r.fixed)
			if first != "" && p.Layers.Bytes(mine) > p.Layers.Bytes(slices.DeleteFunc(slices.Clone(items), func(i int) bool { return !fixed(i) })) {
				as = effect{d.id, "deletes or rewrites", ""}
			}
		}
		if p.Layers.Bytes(mine) >= analysis.MinBytes {
			if first == d.id {
				f := hiddenFinding(p, as, hider, mine, r)
				f.Fix = &whittle.Fix{Title: r.title, Patches: []whittle.Patch{p.Recipe.Patch(r.edits)}}
				out = append(out, f)
			}
			items = slices.DeleteFunc(slices.Clone(items), fixed)
		}
	}
	if p.Layers.Bytes(items) >= analysis.MinBytes {
		out = append(out, hiddenFinding(p, d, hider, items, otherwise))
	}
	return out
}

// alsoFixed are all items that moving a whole RUN fixes, whatever it did to
// them, and the rule with the largest part of them, which reports it.
func alsoFixed(p *analysis.Pass, hider int, layers []int) (items []int, first string) {
	moved := p.Layers.Moved()
	sums := map[string]int64{}
	for i := range p.Ledger.Items {
		it := &p.Ledger.Items[i]
		if it.HiddenBy != hider || it.Bytes == 0 || !slices.Contains(layers, it.Layer) {
			continue
		}
		items = append(items, i)
		id := "replaced-file"
		switch _, ok := moved[i]; {
		case ok:
			id = "moved-file"
		case it.Cause == whittle.Deleted:
			id = "cleanup-in-later-layer"
		case it.Cause == whittle.Metadata:
			id = "metadata-copy"
		}
		if sums[id] += it.Bytes; sums[id] > sums[first] || sums[id] == sums[first] && id < first {
			first = id
		}
	}
	return items, first
}

// hiddenFinding reports what a layer does to items of lower layers.
func hiddenFinding(p *analysis.Pass, d effect, hider int, items []int, r relocation) whittle.Finding {
	evidence := p.Layers.Places(items)
	place := []string{p.Recipe.LayerText(hider)}
	layers := p.Layers.LayersOf(items)
	for _, layer := range layers {
		evidence = p.Recipe.WithLine(evidence, layer)
		place = append(place, p.Recipe.LayerText(layer))
	}
	return whittle.Finding{
		Message: fmt.Sprintf("%s %s %s in %s of %s%s: hidden, but still in the image",
			p.Recipe.LayerName(hider), d.does, whittle.Bytes(p.Layers.Bytes(items)), analysis.FileCount(len(items)), p.LayerNames(layers), d.why),
		Evidence: p.Recipe.WithLine(evidence, hider), Risk: r.risk, Caution: r.caution, Advice: r.advice, Change: p.Layers.Removal(items),
		Fingerprint: whittle.Fingerprint(d.id, place...),
	}
}

// withinBase reports hidden items that the base image hides itself, and removes
// them from hidden.
func withinBase(p *analysis.Pass, d effect, hidden map[int]map[int][]int) []whittle.Finding {
	var items []int
	for _, hider := range slices.Sorted(maps.Keys(hidden)) {
		if !p.Layers.IsBase(hider) {
			continue
		}
		for _, layer := range slices.Sorted(maps.Keys(hidden[hider])) {
			items = append(items, hidden[hider][layer]...)
		}
		delete(hidden, hider)
	}
	if p.Layers.Bytes(items) < analysis.MinBytes {
		return nil
	}
	return []whittle.Finding{{
		Message: fmt.Sprintf("the base image itself holds %s in %s that a later layer of it %s%s",
			whittle.Bytes(p.Layers.Bytes(items)), analysis.FileCount(len(items)), d.does, d.why),
		Evidence: p.Layers.Places(items), Change: p.Layers.Removal(items), Risk: whittle.RiskMedium,
		Advice:      "choose another base image, or merge its layers into one",
		Caution:     "another base image may lack what the application needs",
		Fingerprint: whittle.Fingerprint(d.id, "base"),
	}}
}

// hiddenOfBase reports what a layer does to items of the base image.
func hiddenOfBase(p *analysis.Pass, d effect, hider int, items []int) whittle.Finding {
	f := hiddenFinding(p, d, hider, items, relocation{risk: whittle.RiskMedium,
		advice:  "choose a base image without these files, or with the right ones already",
		caution: "another base image may lack what the application needs"})
	f.Message = fmt.Sprintf("%s %s %s in %s of the base image%s: they are downloaded all the same",
		p.Recipe.LayerName(hider), d.does, whittle.Bytes(p.Layers.Bytes(items)), analysis.FileCount(len(items)), d.why)
	return f
}
