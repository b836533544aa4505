package layer

import (
	"cmp"
	"fmt"
	"slices"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/dockerfile"
	"whittle.dev/whittle/internal/rule/analysis"
)

// ReplacedFile is the rule replaced-file: files that a later instruction
// replaces are still in the image.
func ReplacedFile() analysis.Rule {
	return analysis.Rule{
		ID:    "replaced-file",
		Title: "Files that a later instruction replaces stay in the image",
		Text: `If a later instruction writes over a file of a lower layer (sed -i, strip, an upgrade of a package, a second COPY), the first content
stays in the image below it. Write each file once: change it in the RUN that makes it, install the right version at once, and leave out of
the first COPY what the second one copies.`,
		Before: "RUN make install\nRUN strip /usr/local/bin/*\n",
		After:  "RUN make install && strip /usr/local/bin/*\n",
		Run:    replacedFiles,
	}
}

func replacedFiles(p *analysis.Pass) []whittle.Finding {
	return hiddenFindings(p, hiddenRule{effect: effect{id: "replaced-file", does: "replaces"},
		advice: "write the files once: change them in the instruction that makes them, or leave them out of the first copy",
		fix: func(k *dockerfile.Instruction, _ map[int][]int, layers []int) (relocation, bool) {
			return intoRun(p, k, layers)
		}}, p.Layers.Wasted(whittle.Replaced))
}

// IdenticalCopy is the rule identical-copy: the same files are copied over
// themselves.
func IdenticalCopy() analysis.Rule {
	return analysis.Rule{
		ID:    "identical-copy",
		Title: "The same files are copied over themselves",
		Text: `A COPY of files that are already there, unchanged, stores them twice: COPY . . after COPY src ./src, or a whole site-packages over that of
the base image. Copy each file once. A virtual environment contains only what you installed.`,
		Before: "COPY src ./src\nCOPY . .\n",
		After:  "COPY . .\n",
		Run:    identicalCopies,
	}
}

func identicalCopies(p *analysis.Pass) []whittle.Finding {
	return hiddenFindings(p, hiddenRule{effect: effect{"identical-copy", "writes", " again, unchanged"}, fix: func(k *dockerfile.Instruction, byLayer map[int][]int, layers []int) (relocation, bool) {
		return copiedOnce(p, k, byLayer, layers)
	},
		advice: "copy each file once: leave out of the later copy what the earlier one brings, or bind-mount it where only a RUN needs it",
		ofBase: func(f *whittle.Finding) {
			f.Advice = "copy only what is new: a virtual environment holds what was installed, and not what the base image has"
			f.Caution = "programs and paths of an environment differ from those of the base image"
		}}, p.Layers.Wasted(whittle.Identical))
}

// copiedOnce removes COPYs that a later one repeats completely, if no RUN
// between them could need the files.
func copiedOnce(p *analysis.Pass, k *dockerfile.Instruction, byLayer map[int][]int, layers []int) (relocation, bool) {
	if k.Keyword != "COPY" && k.Keyword != "ADD" {
		return relocation{}, false
	}
	r := relocation{risk: whittle.RiskNone, advice: fmt.Sprintf("leave it to %s, which brings the same files", p.Recipe.The(k))}
	var names []string
	for _, layer := range layers {
		c, ok := p.Recipe.LayerCopy(layer)
		if !ok || !p.Layers.IsWhole(layer, byLayer[layer]) {
			continue
		}
		between, ok := p.Recipe.Between(c.Instruction, k)
		if !ok || !repeatedFiles(p, layer, p.Recipe.LayerOf(k)) || slices.ContainsFunc(between, func(in *dockerfile.Instruction) bool { return in.Keyword == "RUN" }) {
			continue
		}
		names = append(names, p.Recipe.The(c.Instruction))
		r.fixed = append(r.fixed, layer)
		r.edits = append(r.edits, p.Dockerfile.Remove(c.Instruction)...)
	}
	slices.SortFunc(r.edits, func(a, b whittle.Edit) int { return cmp.Compare(a.Span.Start, b.Span.Start) })
	r.title = "drop " + analysis.List(names)
	return r, len(r.fixed) > 0
}

// repeatedFiles says that a layer has every path of a lower one, including
// empty files and links.
func repeatedFiles(p *analysis.Pass, layer, above int) bool {
	later := p.Layers.Entries(above)
	for at, e := range p.Layers.Entries(layer) {
		if e.Kind != whittle.Dir && later[at] == nil {
			return false
		}
	}
	return true
}
