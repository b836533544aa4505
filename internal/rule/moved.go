package rule

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/dockerfile"
)

func movedFile() Rule {
	return Rule{
		ID:    "moved-file",
		Title: "Files that a later instruction moves are in the image twice",
		Text: `mv in a later RUN writes the files again in its own layer, and hides them at their old place, where they stay in the
image. Copy them to where they are wanted, or move them in the RUN that makes them.`,
		Before: "COPY dist /tmp/app\nRUN mv /tmp/app /srv/app\n",
		After:  "COPY dist /srv/app\n",
		Run:    movedFiles,
	}
}

func movedFiles(p *Pass) []whittle.Finding {
	deaths := map[int]map[int][]int{}
	to := p.layers.moved()
	for _, i := range slices.Sorted(maps.Keys(to)) {
		it := &p.Ledger.Items[i]
		if deaths[it.KilledBy] == nil {
			deaths[it.KilledBy] = map[int][]int{}
		}
		deaths[it.KilledBy][it.Layer] = append(deaths[it.KilledBy][it.Layer], i)
	}
	return tell(p, telling{deed: deed{id: "moved-file", does: "moves"}, advice: "bring the files to where they are wanted in the first place",
		cure: func(k *dockerfile.Instruction, _ map[int][]int, layers []int) (relocation, bool) {
			if r, ok := copyThere(p, k, layers, to); ok {
				return r, true
			}
			return intoRun(p, k, layers)
		}}, deaths)
}

// copyThere lets a COPY bring its files to where a later mv puts them.
func copyThere(p *Pass, k *dockerfile.Instruction, layers []int, to map[int]int) (relocation, bool) {
	if len(layers) != 1 {
		return relocation{}, false
	}
	c, ok := p.recipe.copy(layers[0])
	acts, readable := p.recipe.actions(k)
	if !ok || !readable || len(c.sources) != 1 || c.in.Keyword != "COPY" || c.in.JSON {
		return relocation{}, false
	}
	from := p.recipe.mountTarget(&c)
	at := slices.IndexFunc(acts, func(a action) bool {
		return a.verb == moves && a.all && a.whole && slices.Equal(a.paths, []string{from})
	})
	if at < 0 {
		return relocation{}, false
	}
	dest, ok := movedFolder(p, c.layer, from, to)
	if !ok || p.layers.elsewhere(dest, -1, p.recipe.layerOf(k)-1) || p.layers.elsewhere(from, c.layer, p.recipe.layerOf(k)) || !independent(slices.Delete(slices.Clone(acts), at, at+1), from, dest) {
		return relocation{}, false
	}
	between, ok := p.recipe.between(c.in, k)
	if !ok || slices.ContainsFunc(between, func(in *dockerfile.Instruction) bool { return !keepsOff(p, in, from, dest) }) {
		return relocation{}, false
	}
	edits := []whittle.Edit{c.in.ReplaceArg(len(c.in.Args)-1, dockerfile.Quote("/"+dest))}
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
	return relocation{title: fmt.Sprintf("let %s bring them to /%s", short(c.in), dest), edits: edits, cured: layers, risk: whittle.RiskLow,
		advice:  fmt.Sprintf("copy them to /%s, where they are wanted", dest),
		caution: "files that stood at the destination before are kept"}, true
}

// keepsOff says that an instruction has nothing to do with some paths.
func keepsOff(p *Pass, in *dockerfile.Instruction, paths ...string) bool {
	switch in.Keyword {
	case "RUN":
		acts, ok := p.recipe.actions(in)
		return ok && independent(acts, paths...)
	case "COPY", "ADD":
		c, ok := p.recipe.copyOf(in)
		return ok && !overlaps(c.dest, paths)
	}
	return true
}

// overlaps says that a path lies in one of others, or the other way round.
func overlaps(at string, paths []string) bool {
	return slices.ContainsFunc(paths, func(q string) bool { return whittle.Under(at, q) || whittle.Under(q, at) })
}

// movedFolder is where everything that a layer brought went from a path: the
// same names below another path.
func movedFolder(p *Pass, layer int, from string, to map[int]int) (dest string, ok bool) {
	for i := range p.Ledger.Items {
		it := &p.Ledger.Items[i]
		if it.Layer != layer || it.Bytes == 0 {
			continue
		}
		live, moved := to[i]
		rest := strings.TrimPrefix(it.Path, from)
		if !moved || !whittle.Under(it.Path, from) || !strings.HasSuffix(p.Ledger.Items[live].Path, rest) {
			return "", false
		}
		there := strings.TrimSuffix(p.Ledger.Items[live].Path, rest)
		if dest != "" && there != dest {
			return "", false
		}
		dest = there
	}
	return path.Clean(dest), dest != ""
}
