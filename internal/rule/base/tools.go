package base

import (
	"fmt"
	"slices"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/recipe"
	"whittle.dev/whittle/internal/rule/analysis"
)

// BuildToolsInFinalStage is the rule build-tools-in-final-stage: compilers and
// headers are in the final image.
func BuildToolsInFinalStage() analysis.Rule {
	return analysis.Rule{
		ID:    "build-tools-in-final-stage",
		Title: "Compilers and headers are in the image that runs",
		Text: `What is only needed to build something (gcc, make, -dev packages) is never used again, and is often the largest part of an image. Build in
a separate stage and copy the result. If one RUN both installs the tools and builds, it can also remove the packages, before its layer is
made.`,
		Before: "FROM python:3.13-slim\nRUN apt-get update && apt-get install -y gcc && pip install app\n",
		After: "FROM python:3.13-slim AS builder\nRUN apt-get update && apt-get install -y gcc && pip install --prefix=/install app\n\n" +
			"FROM python:3.13-slim\nCOPY --from=builder /install /usr/local\n",
		Run: buildTools,
	}
}

func buildTools(p *analysis.Pass) []whittle.Finding {
	s := p.Layers.Packages()
	var tools []int
	for n := range s.List {
		if k := &s.List[n]; k.Layer >= 0 && !p.Layers.IsBase(k.Layer) && analysis.IsBuildTool(k.Name) {
			tools = append(tools, n)
		}
	}
	if len(tools) == 0 {
		return nil
	}
	freed := p.Layers.Freed(s, tools)
	byLayer := map[int][]int{}
	for _, n := range freed {
		byLayer[s.List[n].Layer] = append(byLayer[s.List[n].Layer], n)
	}
	var out []whittle.Finding
	for layer := range p.Ledger.Layers {
		chosen := byLayer[layer]
		evidence, items, names := p.Layers.ByPackage(s, chosen, layer)
		if p.Layers.Bytes(items) < analysis.MinBytes {
			continue
		}
		f := whittle.Finding{
			Message: fmt.Sprintf("%s brings compilers, headers and what only they need: %s in %s: %s",
				p.Recipe.LayerName(layer), whittle.Bytes(p.Layers.Bytes(items)), analysis.Count(len(chosen), "package"), analysis.LargestNames(evidence)),
			Evidence: p.Recipe.WithLine(evidence, layer), Change: p.Layers.Removal(items), Risk: whittle.RiskMedium,
			Caution:     "a program that compiles at run time needs them, and a package of headers may have brought a library",
			Advice:      "build in a separate stage and copy the result",
			Fingerprint: whittle.Fingerprint("build-tools-in-final-stage", append([]string{p.Recipe.LayerText(layer)}, names...)...),
		}
		if in := p.Recipe.Instruction(layer); in != nil && in.Keyword == "RUN" {
			if acts, ok := p.Recipe.Actions(in); ok && slices.ContainsFunc(acts, builds) {
				f.Advice += fmt.Sprintf(", or remove the packages at the end of %s, which has built by then", p.Recipe.The(in))
			}
		}
		out = append(out, f)
	}
	return out
}

// builds says that a command may need a compiler.
func builds(a recipe.Action) bool {
	switch a.Name() {
	case "pip", "pip3", "python", "python3", "make", "npm", "yarn", "cargo", "go", "gcc", "cc", "g++", "cmake", "uv", "poetry", "gem", "bundle":
		return true
	}
	return false
}
