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

// CleanupInLaterLayer is the rule cleanup-in-later-layer: files that a later
// instruction deletes stay in the image.
func CleanupInLaterLayer() analysis.Rule {
	return analysis.Rule{
		ID:    "cleanup-in-later-layer",
		Title: "Files that a later instruction deletes stay in the image",
		Text: `A layer is never changed by those above it: a RUN that deletes files of a lower layer only hides them, and every
pull downloads them. Delete files in the RUN that makes them; where they are copied from another stage, delete them there, before they are
copied; where they are only needed by one RUN (wheels, archives), mount them into it instead of copying them.`,
		Before: "COPY --from=builder /wheels /wheels\nRUN pip install --no-index --find-links=/wheels app && rm -rf /wheels\n",
		After:  "RUN --mount=type=bind,from=builder,source=/wheels,target=/wheels pip install --no-index --find-links=/wheels app\n",
		Run:    cleanups,
	}
}

// split parts items by layer into those of the base image and others, whose
// layers it gives too, those with the most bytes first.
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

func cleanups(p *analysis.Pass) []whittle.Finding {
	deaths, moved := p.Layers.Wasted(whittle.Deleted), p.Layers.Moved()
	for _, byLayer := range deaths {
		for layer, items := range byLayer {
			byLayer[layer] = slices.DeleteFunc(items, func(i int) bool { _, ok := moved[i]; return ok })
		}
	}
	return tell(p, telling{deed: deed{id: "cleanup-in-later-layer", does: "deletes"},
		advice: "delete the files in the instruction that makes them, or do not let them into the image",
		advise: func(layers []int) string {
			if slices.ContainsFunc(layers, func(l int) bool {
				c, ok := p.Recipe.LayerCopy(l)
				return !ok || !c.FromContext() || c.Instruction.Keyword != "COPY"
			}) {
				return ""
			}
			return "name them in .dockerignore, so that COPY does not bring them; where a RUN needs them, mount them into it"
		},
		cure: func(k *dockerfile.Instruction, byLayer map[int][]int, layers []int) (relocation, bool) {
			if r, ok := mountInstead(p, k, byLayer, layers); ok {
				return r, true
			}
			return relocate(p, k, layers)
		}}, deaths)
}

// telling is how a rule states one cause of death.
type telling struct {
	deed
	// why, where set, gives the deed's for each killer.
	why func(killer int, items []int) string
	// cure finds a fix for what an instruction that is known did to items of
	// layers above the base, those with the most bytes first; advice is what
	// to do without one.
	cure   func(k *dockerfile.Instruction, byLayer map[int][]int, layers []int) (relocation, bool)
	advice string
	// advise, where set, has a better one for some layers, or none.
	advise func(layers []int) string
	// ofBase, where set, has the last word on what is stated of the base.
	ofBase func(f *whittle.Finding)
}

// tell states deaths by their killers: what happened within the base image,
// what was done to it, and what was done to the layers above it.
func tell(p *analysis.Pass, t telling, deaths map[int]map[int][]int) []whittle.Finding {
	out := withinBase(p, t.deed, deaths)
	for _, killer := range slices.Sorted(maps.Keys(deaths)) {
		base, own, layers := split(p, deaths[killer])
		d := t.deed
		if t.why != nil {
			d.why = t.why(killer, slices.Concat(base, own))
		}
		if p.Layers.Bytes(base) >= analysis.MinBytes {
			f := deadOfBase(p, d, killer, base)
			if t.ofBase != nil {
				t.ofBase(&f)
			}
			out = append(out, f)
		}
		if p.Layers.Bytes(own) < analysis.MinBytes {
			continue
		}
		r, ok := relocation{}, false
		if k := p.Recipe.Instruction(killer); k != nil {
			r, ok = t.cure(k, deaths[killer], layers)
		}
		otherwise := relocation{risk: whittle.RiskLow, advice: t.advice}
		if t.advise != nil {
			otherwise.advice = cmp.Or(t.advise(layers), t.advice)
		}
		out = append(out, relocated(p, d, killer, own, r, ok, otherwise)...)
	}
	return out
}

// deed is what a layer does to files of lower ones, in the words of a rule:
// "deletes", or "rewrites" and " only to change the mode".
type deed struct{ id, does, why string }

// relocated states what a layer does to items of lower ones: those that the
// relocation cures, if there is one, and what is left with an advice.
func relocated(p *analysis.Pass, d deed, killer int, items []int, r relocation, ok bool, otherwise relocation) []whittle.Finding {
	var out []whittle.Finding
	if ok {
		cured := func(i int) bool { return slices.Contains(r.cured, p.Ledger.Items[i].Layer) }
		mine := slices.DeleteFunc(slices.Clone(items), func(i int) bool { return !cured(i) })
		said, first := d, d.id
		if r.whole {
			mine, first = alsoCured(p, killer, r.cured)
			if first != "" && p.Layers.Bytes(mine) > p.Layers.Bytes(slices.DeleteFunc(slices.Clone(items), func(i int) bool { return !cured(i) })) {
				said = deed{d.id, "deletes or rewrites", ""}
			}
		}
		if p.Layers.Bytes(mine) >= analysis.MinBytes {
			if first == d.id {
				f := killed(p, said, killer, mine, r)
				f.Fix = &whittle.Fix{Title: r.title, Patches: []whittle.Patch{p.Recipe.Patch(r.edits)}}
				out = append(out, f)
			}
			items = slices.DeleteFunc(slices.Clone(items), cured)
		}
	}
	if p.Layers.Bytes(items) >= analysis.MinBytes {
		out = append(out, killed(p, d, killer, items, otherwise))
	}
	return out
}

// alsoCured is all that moving a RUN as a whole cures, whatever it did to the
// files, and the rule with the largest part, which is the one to say it.
func alsoCured(p *analysis.Pass, killer int, layers []int) (items []int, first string) {
	moved := p.Layers.Moved()
	sums := map[string]int64{}
	for i := range p.Ledger.Items {
		it := &p.Ledger.Items[i]
		if it.HiddenBy != killer || it.Bytes == 0 || !slices.Contains(layers, it.Layer) {
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
func killed(p *analysis.Pass, d deed, killer int, items []int, r relocation) whittle.Finding {
	evidence := p.Layers.Places(items)
	place := []string{p.Recipe.LayerText(killer)}
	layers := p.Layers.LayersOf(items)
	for _, layer := range layers {
		evidence = p.Recipe.WithLine(evidence, layer)
		place = append(place, p.Recipe.LayerText(layer))
	}
	return whittle.Finding{
		Message: fmt.Sprintf("%s %s %s in %s of %s%s: hidden, but still in the image",
			p.Recipe.LayerName(killer), d.does, whittle.Bytes(p.Layers.Bytes(items)), analysis.FileCount(len(items)), p.LayerNames(layers), d.why),
		Evidence: p.Recipe.WithLine(evidence, killer), Risk: r.risk, Caution: r.caution, Advice: r.advice, Change: p.Layers.Removal(items),
		Fingerprint: whittle.Fingerprint(d.id, place...),
	}
}

// withinBase takes out of some deaths what layers of the base image did to each
// other, and states it.
func withinBase(p *analysis.Pass, d deed, deaths map[int]map[int][]int) []whittle.Finding {
	var items []int
	for _, killer := range slices.Sorted(maps.Keys(deaths)) {
		if !p.Layers.IsBase(killer) {
			continue
		}
		for _, layer := range slices.Sorted(maps.Keys(deaths[killer])) {
			items = append(items, deaths[killer][layer]...)
		}
		delete(deaths, killer)
	}
	if p.Layers.Bytes(items) < analysis.MinBytes {
		return nil
	}
	return []whittle.Finding{{
		Message: fmt.Sprintf("the base image itself holds %s in %s that a later layer of it %s%s",
			whittle.Bytes(p.Layers.Bytes(items)), analysis.FileCount(len(items)), d.does, d.why),
		Evidence: p.Layers.Places(items), Change: p.Layers.Removal(items), Risk: whittle.RiskMedium,
		Advice:      "choose another base image, or squeeze the layers of this one into one",
		Caution:     "another base image may lack what the application needs",
		Fingerprint: whittle.Fingerprint(d.id, "base"),
	}}
}

// deadOfBase states what a layer does to items of the base image.
func deadOfBase(p *analysis.Pass, d deed, killer int, items []int) whittle.Finding {
	f := killed(p, d, killer, items, relocation{risk: whittle.RiskMedium,
		advice:  "choose a base image without these files, or with the right ones already",
		caution: "another base image may lack what the application needs"})
	f.Message = fmt.Sprintf("%s %s %s in %s of the base image%s: they are downloaded all the same",
		p.Recipe.LayerName(killer), d.does, whittle.Bytes(p.Layers.Bytes(items)), analysis.FileCount(len(items)), d.why)
	return f
}
