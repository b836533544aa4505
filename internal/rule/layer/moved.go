package layer

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/dockerfile"
	"whittle.dev/whittle/internal/recipe"
	"whittle.dev/whittle/internal/rule/analysis"
	"whittle.dev/whittle/internal/shell"
)

// MovedFile is the rule moved-file: files that a later instruction moves are
// stored twice.
func MovedFile() analysis.Rule {
	return analysis.Rule{
		ID:    "moved-file",
		Title: "Files that a later instruction moves are in the image twice",
		Text: `mv in a later RUN writes the files again in its own layer, and hides them at their old place, where they stay in the image. Copy them to
the right place at once, or move them in the RUN that makes them.`,
		Before: "COPY dist /tmp/app\nRUN mv /tmp/app /srv/app\n",
		After:  "COPY dist /srv/app\n",
		Run:    movedFiles,
	}
}

func movedFiles(p *analysis.Pass) []whittle.Finding {
	hidden := map[int]map[int][]int{}
	to := p.Layers.Moved()
	for _, i := range slices.Sorted(maps.Keys(to)) {
		it := &p.Ledger.Items[i]
		if hidden[it.HiddenBy] == nil {
			hidden[it.HiddenBy] = map[int][]int{}
		}
		hidden[it.HiddenBy][it.Layer] = append(hidden[it.HiddenBy][it.Layer], i)
	}
	return hiddenFindings(p, hiddenRule{effect: effect{id: "moved-file", does: "moves"}, advice: "bring the files to where they are wanted in the first place",
		fix: func(k *dockerfile.Instruction, _ map[int][]int, layers []int) (relocation, bool) {
			if r, ok := copyToTarget(p, k, layers, to); ok {
				return r, true
			}
			return intoRun(p, k, layers)
		}}, hidden)
}

// copyToTarget makes a COPY write its files to the place to which a later mv
// moves them.
func copyToTarget(p *analysis.Pass, k *dockerfile.Instruction, layers []int, to map[int]int) (relocation, bool) {
	if len(layers) != 1 {
		return relocation{}, false
	}
	c, ok := p.Recipe.LayerCopy(layers[0])
	acts, readable := p.Recipe.Actions(k)
	if !ok || !readable || len(c.Sources) != 1 || c.Instruction.Keyword != "COPY" || c.Instruction.JSON {
		return relocation{}, false
	}
	from := p.Recipe.MountTarget(&c)
	at := slices.IndexFunc(acts, func(a recipe.Action) bool {
		return a.Effect == recipe.Moves && a.Complete && a.Exact && slices.Equal(a.Paths, []string{from})
	})
	if at < 0 {
		return relocation{}, false
	}
	dest, ok := movedTo(p, c.Layer, from, to)
	if !ok || p.Layers.HasElsewhere(dest, -1, p.Recipe.LayerOf(k)-1) || p.Layers.HasElsewhere(from, c.Layer, p.Recipe.LayerOf(k)) || !recipe.Independent(slices.Delete(slices.Clone(acts), at, at+1), from, dest) {
		return relocation{}, false
	}
	between, ok := p.Recipe.Between(c.Instruction, k)
	if !ok || slices.ContainsFunc(between, func(in *dockerfile.Instruction) bool { return !ignoresPaths(p, in, from, dest) }) {
		return relocation{}, false
	}
	edits := []whittle.Edit{c.Instruction.ReplaceArg(len(c.Instruction.Args)-1, shell.Quote("/"+dest))}
	if len(acts) == 1 {
		edits = append(edits, p.Dockerfile.Remove(k)...)
	} else if more, err := k.RemoveCommand(acts[at].Command); err == nil {
		edits = append(edits, more...)
	} else {
		return relocation{}, false
	}
	if _, err := dockerfile.Apply(p.Dockerfile.Source, edits); err != nil || strings.ContainsAny(dest, " \"'") {
		return relocation{}, false
	}
	return relocation{title: fmt.Sprintf("let %s bring them to /%s", p.Recipe.The(c.Instruction), dest), edits: edits, fixed: layers, risk: whittle.RiskLow,
		advice:  fmt.Sprintf("copy them to /%s, where they are wanted", dest),
		caution: "files that stood at the destination before are kept"}, true
}

// ignoresPaths says that an instruction does not use the paths.
func ignoresPaths(p *analysis.Pass, in *dockerfile.Instruction, paths ...string) bool {
	switch in.Keyword {
	case "RUN":
		acts, ok := p.Recipe.Actions(in)
		return ok && recipe.Independent(acts, paths...)
	case "COPY", "ADD":
		c, ok := p.Recipe.ReadCopy(in)
		return ok && !recipe.Overlaps(c.Dest, paths)
	}
	return true
}

// movedTo is the path to which all files that a layer added below another path
// were moved, with the same names.
func movedTo(p *analysis.Pass, layer int, from string, to map[int]int) (dest string, ok bool) {
	for i := range p.Ledger.Items {
		it := &p.Ledger.Items[i]
		if it.Layer != layer || it.Bytes == 0 {
			continue
		}
		visible, moved := to[i]
		rest := strings.TrimPrefix(it.Path, from)
		if !moved || !whittle.Under(it.Path, from) || !strings.HasSuffix(p.Ledger.Items[visible].Path, rest) {
			return "", false
		}
		there := strings.TrimSuffix(p.Ledger.Items[visible].Path, rest)
		if dest != "" && there != dest {
			return "", false
		}
		dest = there
	}
	return path.Clean(dest), dest != ""
}
