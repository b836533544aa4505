package rule

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"whittle"
	"whittle/internal/dockerfile"
)

func replacedFile() Rule {
	return Rule{
		ID:    "replaced-file",
		Title: "Files that a later instruction replaces stay in the image",
		Text: `What a later instruction writes over a file of a lower layer (sed -i, strip, an upgrade of a package, a second COPY)
lies above it, and the first content stays in the image. Write the file once: change it in the RUN that makes it, install the right version
at once, leave out of the first COPY what the second one brings.`,
		Before: "RUN make install\nRUN strip /usr/local/bin/*\n",
		After:  "RUN make install && strip /usr/local/bin/*\n",
		Run:    replacedFiles,
	}
}

func replacedFiles(p *Pass) []whittle.Finding {
	d := deed{id: "replaced-file", does: "replaces"}
	var out []whittle.Finding
	deaths := p.deaths(whittle.Replaced)
	for _, killer := range slices.Sorted(maps.Keys(deaths)) {
		base, own, layers := p.split(deaths[killer])
		if p.bytes(base) >= small {
			out = append(out, p.deadOfBase(d, killer, base))
		}
		if p.bytes(own) < small {
			continue
		}
		k := p.instruction(killer)
		r, ok := relocation{}, false
		if k != nil && k.Keyword == "RUN" {
			r, ok = p.intoRun(k, layers)
		}
		advice := relocation{risk: whittle.RiskLow, advice: "write the files once: change them in the instruction that makes them, or leave them out of the first copy"}
		out = append(out, p.relocated(d, killer, own, r, ok, advice)...)
	}
	return out
}

func identicalCopy() Rule {
	return Rule{
		ID:    "identical-copy",
		Title: "The same files are copied over themselves",
		Text: `A COPY of files that are there already, unchanged, keeps them twice: COPY . . after COPY src ./src, or a whole
site-packages over the one of the base image. Copy each file once; a virtual environment holds only what you installed.`,
		Before: "COPY src ./src\nCOPY . .\n",
		After:  "COPY . .\n",
		Run:    identicalCopies,
	}
}

func identicalCopies(p *Pass) []whittle.Finding {
	d := deed{"identical-copy", "writes", " again, unchanged"}
	var out []whittle.Finding
	deaths := p.deaths(whittle.Identical)
	for _, killer := range slices.Sorted(maps.Keys(deaths)) {
		base, own, layers := p.split(deaths[killer])
		if p.bytes(base) >= small {
			f := p.deadOfBase(d, killer, base)
			if !p.base(killer) {
				f.Risk, f.Advice, f.Caution = whittle.RiskMedium, "copy only what is new: a virtual environment holds what was installed, and not what the base image has",
					"programs and paths of an environment differ from those of the base image"
			}
			out = append(out, f)
		}
		if p.bytes(own) < small {
			continue
		}
		r, ok := p.copiedOnce(killer, deaths[killer], layers)
		advice := relocation{risk: whittle.RiskLow, advice: "copy each file once: leave out of the later copy what the earlier one brings, or bind-mount it where only a RUN needs it"}
		out = append(out, p.relocated(d, killer, own, r, ok, advice)...)
	}
	return out
}

// copiedOnce drops COPYs that a later one repeats whole, if no RUN between
// them could have needed the files.
func (p *Pass) copiedOnce(killer int, byLayer map[int][]int, layers []int) (relocation, bool) {
	k := p.instruction(killer)
	if k == nil || k.Keyword != "COPY" && k.Keyword != "ADD" {
		return relocation{}, false
	}
	r := relocation{risk: whittle.RiskNone, advice: fmt.Sprintf("leave it to %s, which brings the same files", p.short(k))}
	var names []string
	for _, layer := range layers {
		c, ok := p.copy(layer)
		if !ok || !p.whole(layer, byLayer[layer]) {
			continue
		}
		between, ok := p.between(c.in, k)
		if !ok || !p.repeated(layer, killer) || slices.ContainsFunc(between, func(in *dockerfile.Instruction) bool { return in.Keyword == "RUN" }) {
			continue
		}
		names = append(names, p.short(c.in))
		r.cured = append(r.cured, layer)
		r.edits = append(r.edits, p.Dockerfile.Remove(c.in)...)
	}
	slices.SortFunc(r.edits, func(a, b whittle.Edit) int { return cmp.Compare(a.Span.Start, b.Span.Start) })
	r.title = "drop " + list(names)
	return r, len(r.cured) > 0
}

// repeated says that a layer has every path of a lower one, empty files and
// links included.
func (p *Pass) repeated(layer, above int) bool {
	later := p.entries(above)
	for at, e := range p.entries(layer) {
		if e.Kind != whittle.Dir && later[at] == nil {
			return false
		}
	}
	return true
}
