package layer

import (
	"path"
	"slices"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/dockerfile"
	"whittle.dev/whittle/internal/recipe"
	"whittle.dev/whittle/internal/rule/analysis"
)

// copiedAgain deletes a COPY of what a later COPY of the same source copies again,
// with the rest: of a virtual environment, and then of the folder around it.
func copiedAgain(p *analysis.Pass, k *dockerfile.Instruction, layers []int) (relocation, bool) {
	later, ok := p.Recipe.ReadCopy(k)
	if !ok {
		return relocation{}, false
	}
	for _, layer := range layers {
		c, ok := p.Recipe.LayerCopy(layer)
		if !ok || c.Instruction.Stage != k.Stage || !holds(&later, &c) || !bringsAll(p, layer, p.Recipe.LayerOf(k)) || usedBetween(p, c.Instruction, k) {
			continue
		}
		return relocation{title: "copy it once", fixed: []int{layer}, edits: p.Dockerfile.Remove(c.Instruction), risk: whittle.RiskNone,
			advice: "delete " + p.Recipe.Name(c.Instruction) + ": " + p.Recipe.Name(k) + " copies the same files again"}, true
	}
	return relocation{}, false
}

// holds says that what a COPY copies is part of what another one copies from the
// same place, and comes to the same paths.
func holds(whole, part *recipe.Copy) bool {
	if whole.Instruction.Keyword != "COPY" || part.Instruction.Keyword != "COPY" || len(whole.Sources) != 1 || len(part.Sources) != 1 ||
		!slices.Equal(whole.Instruction.Flag("from"), part.Instruction.Flag("from")) || slices.ContainsFunc(whole.Instruction.Flags, func(f dockerfile.Flag) bool { return f.Name == "exclude" || f.Name == "parents" }) {
		return false
	}
	from, to := path.Join("/", whole.Sources[0]), path.Join("/", part.Sources[0])
	below, ok := strings.CutPrefix(to, strings.TrimSuffix(from, "/")+"/")
	return !strings.ContainsAny(from+to, "*?[") && (ok || from == to) && part.Dest == path.Join(whole.Dest, below)
}

// bringsAll says that a layer has everything that an earlier one has.
func bringsAll(p *analysis.Pass, earlier, later int) bool {
	above, below := p.Layers.Entries(later), p.Layers.PathsBelow(earlier)
	for at, e := range p.Layers.Entries(earlier) {
		if now, ok := above[at]; (!ok || now.Kind != e.Kind) && (e.Kind != whittle.Dir || !below[at]) {
			return false
		}
	}
	return true
}

// usedBetween says that something between two instructions may need the files of
// the first.
func usedBetween(p *analysis.Pass, a, b *dockerfile.Instruction) bool {
	between, ok := p.Recipe.Between(a, b)
	return !ok || slices.ContainsFunc(between, func(in *dockerfile.Instruction) bool { return in.Keyword == "RUN" })
}
