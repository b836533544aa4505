// Package layer has the rules about layers and the instructions that make them: files
// that are hidden or stored twice, caches of package managers, and files that COPY
// adds or forgets.
package layer

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/dockerfile"
	"whittle.dev/whittle/internal/rule/analysis"
)

// PackageManagerCache is the rule package-manager-cache: the cache of a package
// manager is in the image.
func PackageManagerCache() analysis.Rule {
	return analysis.Rule{
		ID:    "package-manager-cache",
		Title: "The cache of a package manager is in the image",
		Text: `Package managers keep what they downloaded: apt keeps its lists; pip, uv, Poetry, npm, gem, Go, Maven and others keep the packages
themselves. In an image, nothing reads them again, unless it starts the package manager (mvn, go run): then there is no finding. Tell the
package manager not to keep them, delete them in the same RUN, or, with BuildKit, mount a cache over the folder. A cache mount stays on
the builder, where it makes the next build faster, and is not in the image; whittle never reports a folder with such a mount. If a later
RUN may read the cache, it has to be deleted there, so there is no fix.`,
		Before: "RUN apt-get update && apt-get install -y curl\n",
		After:  "RUN apt-get update && apt-get install -y curl && rm -rf /var/lib/apt/lists/*\n",
		Run:    caches,
		Static: staticCaches,
	}
}

func caches(p *analysis.Pass) []whittle.Finding {
	if p.Ledger == nil {
		return nil
	}
	var out []whittle.Finding
	for _, m := range cachingManagers() {
		byLayer := map[int][]int{}
		linked := namedElsewhere(p, m.holds)
		if m.reused && (startedBy(p, m.commands) || linkedInto(p, m.holds)) {
			continue
		}
		for i := range p.Ledger.Items {
			it := &p.Ledger.Items[i]
			// Files that a later layer deletes are reported by
			// cleanup-in-later-layer.
			if it.Bytes > 0 && !linked[i] && it.Cause != whittle.Deleted && !p.Layers.IsBase(it.Layer) && m.holds(it.Path) {
				byLayer[it.Layer] = append(byLayer[it.Layer], i)
			}
		}
		for _, layer := range slices.Sorted(maps.Keys(byLayer)) {
			if items := byLayer[layer]; p.Layers.Bytes(items) >= analysis.MinBytes {
				out = append(out, cacheFinding(p, m, layer, items))
			}
		}
	}
	return out
}

// namedElsewhere are the items with a hard link outside the paths: uv links
// installed files to its cache.
func namedElsewhere(p *analysis.Pass, inside func(at string) bool) map[int]bool {
	out := map[int]bool{}
	for _, n := range p.Ledger.Tree.Nodes {
		if n.Item >= 0 && inside(p.Ledger.Items[n.Item].Path) && !inside(n.Path) {
			out[n.Item] = true
		}
	}
	return out
}

// cacheFinding reports the cache of a package manager in one layer.
func cacheFinding(p *analysis.Pass, m cachingManager, layer int, items []int) whittle.Finding {
	f := whittle.Finding{
		Message:  fmt.Sprintf("%s leaves %s of %s's cache in the image", p.Recipe.LayerName(layer), whittle.Bytes(p.Layers.Bytes(items)), m.name),
		Evidence: p.Recipe.WithLine(p.Layers.Places(items), layer), Change: p.Layers.Removal(items), Risk: whittle.RiskNone,
		Advice:      m.advice(),
		Fingerprint: whittle.Fingerprint("package-manager-cache", m.name, p.Recipe.LayerText(layer)),
	}
	in := p.Recipe.Instruction(layer)
	if in == nil {
		return f
	}
	if m.reused {
		f.Risk = whittle.RiskLow
		f.Caution = "a program that starts " + m.commands[0] + " in the image fetches again what it needs"
	}
	if in.Keyword != "RUN" {
		f.Advice = "do not copy it: it is not needed"
		return f
	}
	if advice := keptFor(p, m, in); advice != "" {
		f.Advice = advice
		return f
	}
	title, edits, err := withoutCache(p, m, in, items)
	if err != nil || len(edits) == 0 {
		return f
	}
	if _, err := dockerfile.Apply(p.Dockerfile.Source, edits); err == nil {
		f.Fix = &whittle.Fix{Title: title, Patches: []whittle.Patch{p.Recipe.Patch(edits)}}
	}
	return f
}

// advice says how to keep the cache out of an image.
func (m *cachingManager) advice() string {
	switch {
	case m.flag != "":
		return fmt.Sprintf("run %s with %s, or mount a cache", m.name, m.flag)
	case m.mount != "" || m.root != nil:
		return "delete it in the RUN that makes it, or mount a cache over it"
	}
	return "delete it in the RUN that makes it"
}

// fills says whether a command fills the cache, and after which of its words a
// flag is inserted.
func (m *cachingManager) fills(c *dockerfile.Command) (at int, ok bool) {
	words := c.Words
	first := slices.IndexFunc(words, func(w dockerfile.Word) bool {
		name := path.Base(w.Value)
		return slices.Contains(m.commands, name) || m.name == "pip" && versionedPip.MatchString(name)
	})
	if first > 0 && m.name == "pip" && !(first >= 2 && words[first-1].Value == "-m") && words[0].Value != "sudo" {
		return 0, false // "uv pip", or a word that only looks like it
	}
	if first < 0 || first > 2 {
		return 0, false
	}
	if len(m.verbs) == 0 {
		return first, true
	}
	for i := first + 1; i < len(words); i++ {
		if slices.Contains(m.verbs, words[i].Value) {
			at := i
			if m.name == "uv" {
				at = first // uv sync may end there, where another fix may append a command
			}
			return at, !slices.ContainsFunc(words, func(w dockerfile.Word) bool { return m.hasFlag(w.Value) })
		}
	}
	return first, slices.Contains(m.verbs, "") && len(words) == first+1
}

// hasFlag says that a word is the flag, or an abbreviation that pip takes for it.
func (m *cachingManager) hasFlag(word string) bool {
	return m.flag != "" && word == m.flag || m.name == "pip" && len(word) >= len("--no-ca") && strings.HasPrefix(m.flag, word)
}
