package rule

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"whittle"
)

func cleanupInLaterLayer() Rule {
	return Rule{
		ID:    "cleanup-in-later-layer",
		Title: "Files that a later instruction deletes stay in the image",
		Text: `A layer is never changed by those above it: a RUN that deletes files of a lower layer only hides them, and every
pull transfers them. Delete files in the RUN that makes them; where they are copied from another stage, delete them there, before they are
copied; where they are only needed by one RUN (wheels, archives), mount them into it instead of copying them.`,
		Before: "COPY --from=builder /wheels /wheels\nRUN pip install --no-index --find-links=/wheels app && rm -rf /wheels\n",
		After:  "RUN --mount=type=bind,from=builder,source=/wheels,target=/wheels pip install --no-index --find-links=/wheels app\n",
		Run:    cleanups,
	}
}

// deaths are the dead items of a cause by the layer that killed them, then by
// the layer that added them.
func (p *Pass) deaths(cause whittle.Cause) map[int]map[int][]int {
	out := map[int]map[int][]int{}
	if p.Ledger == nil {
		return out
	}
	for i := range p.Ledger.Items {
		it := &p.Ledger.Items[i]
		if it.Cause != cause || it.Layer == it.KilledBy || it.Bytes == 0 {
			continue
		}
		if out[it.KilledBy] == nil {
			out[it.KilledBy] = map[int][]int{}
		}
		out[it.KilledBy][it.Layer] = append(out[it.KilledBy][it.Layer], i)
	}
	return out
}

// split parts items by layer into those of the base image and others, whose
// layers it gives too, those with the most bytes first.
func (p *Pass) split(byLayer map[int][]int) (base, own []int, layers []int) {
	for _, layer := range slices.Sorted(maps.Keys(byLayer)) {
		if p.base(layer) {
			base = append(base, byLayer[layer]...)
			continue
		}
		own = append(own, byLayer[layer]...)
		layers = append(layers, layer)
	}
	slices.SortStableFunc(layers, func(a, b int) int { return cmp.Compare(p.bytes(byLayer[b]), p.bytes(byLayer[a])) })
	return base, own, layers
}

func cleanups(p *Pass) []whittle.Finding {
	d := deed{id: "cleanup-in-later-layer", does: "deletes"}
	var out []whittle.Finding
	deaths, moved := p.deaths(whittle.Deleted), p.moved()
	for _, killer := range slices.Sorted(maps.Keys(deaths)) {
		for layer, items := range deaths[killer] {
			deaths[killer][layer] = slices.DeleteFunc(items, func(i int) bool { _, ok := moved[i]; return ok })
		}
		base, own, layers := p.split(deaths[killer])
		if p.bytes(base) >= small {
			out = append(out, p.deadOfBase(d, killer, base))
		}
		if p.bytes(own) < small {
			continue
		}
		k := p.instruction(killer)
		r, ok := p.mountInstead(k, deaths[killer], layers)
		if !ok {
			r, ok = p.relocate(k, layers)
		}
		advice := relocation{risk: whittle.RiskLow, advice: "delete the files in the instruction that makes them, or do not let them into the image"}
		out = append(out, p.relocated(d, killer, own, r, ok, advice)...)
	}
	return out
}

// deed is what a layer does to files of lower ones, in the words of a rule:
// "deletes", or "rewrites" and " only to change the mode".
type deed struct{ id, does, why string }

// relocated states what a layer does to items of lower ones: those that the
// relocation cures, if there is one, and what is left with an advice.
func (p *Pass) relocated(d deed, killer int, items []int, r relocation, ok bool, otherwise relocation) []whittle.Finding {
	var out []whittle.Finding
	if ok {
		cured := func(i int) bool { return slices.Contains(r.cured, p.Ledger.Items[i].Layer) }
		mine := slices.DeleteFunc(slices.Clone(items), func(i int) bool { return !cured(i) })
		said, first := d, d.id
		if r.whole {
			mine, first = p.alsoCured(killer, r.cured)
			if first != "" && p.bytes(mine) > p.bytes(slices.DeleteFunc(slices.Clone(items), func(i int) bool { return !cured(i) })) {
				said = deed{d.id, "deletes or rewrites", ""}
			}
		}
		if p.bytes(mine) >= small {
			if first == d.id {
				f := p.killed(said, killer, mine, r)
				f.Fix = &whittle.Fix{Title: r.title, Patches: []whittle.Patch{p.patch(r.edits)}}
				out = append(out, f)
			}
			items = slices.DeleteFunc(slices.Clone(items), cured)
		}
	}
	if p.bytes(items) >= small {
		out = append(out, p.killed(d, killer, items, otherwise))
	}
	return out
}

// alsoCured is all that moving a RUN as a whole cures, whatever it did to the
// files, and the rule with the largest part, which is the one to say it.
func (p *Pass) alsoCured(killer int, layers []int) (items []int, first string) {
	moved := p.moved()
	sums := map[string]int64{}
	for i := range p.Ledger.Items {
		it := &p.Ledger.Items[i]
		if it.KilledBy != killer || it.Bytes == 0 || !slices.Contains(layers, it.Layer) {
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

// killed states what a layer does to items of lower ones.
func (p *Pass) killed(d deed, killer int, items []int, r relocation) whittle.Finding {
	evidence := p.places(items)
	place := []string{p.text(killer)}
	layers := p.layersOf(items)
	for _, layer := range layers {
		evidence = p.withLine(evidence, layer)
		place = append(place, p.text(layer))
	}
	return whittle.Finding{
		Message: fmt.Sprintf("%s %s %s in %s of %s%s: hidden, but still in the image",
			p.named(killer), d.does, whittle.Bytes(p.bytes(items)), files(len(items)), p.listed(layers), d.why),
		Evidence: p.withLine(evidence, killer), Risk: r.risk, Caution: r.caution, Advice: r.advice, Change: p.remove(items),
		Fingerprint: whittle.Fingerprint(d.id, place...),
	}
}

// deadOfBase states what a layer does to items of the base image, or what is
// dead within that.
func (p *Pass) deadOfBase(d deed, killer int, items []int) whittle.Finding {
	f := p.killed(d, killer, items, relocation{risk: whittle.RiskMedium,
		advice:  "choose a base image without these files, or with the right ones already",
		caution: "another base image may lack what the application needs"})
	f.Message = fmt.Sprintf("%s %s %s in %s of the base image%s: they are transferred all the same",
		p.named(killer), d.does, whittle.Bytes(p.bytes(items)), files(len(items)), d.why)
	if p.base(killer) {
		f.Message = fmt.Sprintf("the base image itself holds %s in %s that a layer of its own %s%s", whittle.Bytes(p.bytes(items)), files(len(items)), d.does, d.why)
	}
	return f
}
