package analysis

import (
	"whittle.dev/whittle/internal/dockerfile"
	"whittle.dev/whittle/internal/recipe"
)

// Pass is what rules look at: the facts, and views of them, which are made once.
type Pass struct {
	Facts
	Layers  *Layers
	Recipe  *recipe.Recipe
	Dists   *Dists
	Project *Project
	// Traced is what a trace says of the image's files; it is never nil.
	Traced *Traced

	// cached is the result of the first call of AllTexts.
	cached *cachedTexts
	// programs are those of StartPrograms, nil before its first call.
	programs map[string]bool
	// archives are those of Archives, nil before its first call.
	archives []Archive
	// commands are those of Commands, by RUN.
	commands map[*dockerfile.Instruction]cachedCommands
}

// New makes the views of facts.
func New(f *Facts) *Pass {
	layers := &Layers{indexes: f.Indexes, ledger: f.Ledger, owner: f.Owner, packages: f.Packages, steps: f.Steps}
	return &Pass{
		Facts:   *f,
		Layers:  layers,
		Recipe:  &recipe.Recipe{Dockerfile: f.Dockerfile, Target: f.Target, Steps: f.Steps, Indexes: f.Indexes, Ignore: f.Ignore, Context: f.Files},
		Dists:   &Dists{graph: f.Graph, usages: f.Usage, declares: f.Declared, root: f.Root, ledger: f.Ledger, owner: f.Owner, layers: layers},
		Project: &Project{files: f.Files, declared: f.Declared},
		Traced:  newTraced(f),
	}
}
