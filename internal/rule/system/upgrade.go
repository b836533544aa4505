// Package system has the rules about what RUN steps fetch and install from the
// system and from elsewhere: upgrades, tools, locales, downloads and clones.
package system

import (
	"fmt"
	"slices"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/dockerfile"
	"whittle.dev/whittle/internal/recipe"
	"whittle.dev/whittle/internal/rule/analysis"
)

// WholeUpgrade is the rule system-upgrade: packages of the base image are
// upgraded in a later layer.
func WholeUpgrade() analysis.Rule {
	return analysis.Rule{
		ID:    "system-upgrade",
		Title: "Packages of the base image are upgraded in a later layer",
		Text: `apt-get upgrade, apk upgrade and dnf update install packages again that the base image has. Their old files stay in the base's layers, so the
image holds both versions. A newer base image has the upgrades already and holds them once: build with --pull, or take a newer tag or
digest. Then there is nothing to upgrade, and the command can go. The command is not removed by itself: where the base is old, it brings
fixes, also of security. Only upgrades of the whole system are reported, not those of packages that a command names.`,
		Before: "FROM debian:bookworm-slim\nRUN apt-get update && apt-get upgrade -y && apt-get install -y curl\n",
		After:  "FROM debian:bookworm-slim  # built with --pull\nRUN apt-get update && apt-get install -y curl\n",
		Run:    systemUpgrades,
	}
}

func systemUpgrades(p *analysis.Pass) []whittle.Finding {
	s := p.Layers.Packages()
	var out []whittle.Finding
	for in, layer := range p.Recipe.Runs() {
		commands, _ := recipe.SystemCommands(in)
		upgrades := slices.DeleteFunc(slices.Clone(commands), func(c recipe.SystemCommand) bool { return !c.UpgradesAll() })
		if len(upgrades) == 0 {
			continue
		}
		if f, ok := upgraded(p, s, in, layer, upgrades); ok {
			out = append(out, f)
		}
	}
	return out
}

// upgraded reports the packages that a RUN upgrades: those with files in a
// lower layer that have files in its own.
func upgraded(p *analysis.Pass, s *analysis.Packages, in *dockerfile.Instruction, layer int, upgrades []recipe.SystemCommand) (f whittle.Finding, ok bool) {
	var chosen, fresh []int
	for n := range s.List {
		k := &s.List[n]
		if len(p.Layers.Brought(k, layer)) == 0 {
			continue
		}
		if k.Layer < layer {
			chosen = append(chosen, n)
		} else {
			fresh = append(fresh, n)
		}
	}
	evidence, items, names := p.Layers.ByPackage(s, chosen, layer)
	if p.Layers.Bytes(items) < analysis.MinBytes {
		return f, false
	}
	f = whittle.Finding{
		Message: fmt.Sprintf("%s upgrades %s that lower layers have: %s of new files beside the old ones: %s",
			p.Recipe.LayerName(layer), analysis.Count(len(chosen), "package"), whittle.Bytes(p.Layers.Bytes(items)), analysis.LargestNames(evidence)),
		Evidence: p.Recipe.WithLine(evidence, layer), Change: p.Layers.Removal(items), Risk: whittle.RiskHigh,
		Caution:     "as long as the base image is old, the image lacks fixes without the command, also of security",
		Advice:      "build on a newer base image (--pull, a newer tag or digest), which has the upgrades once; then drop the command",
		Fingerprint: whittle.Fingerprint("system-upgrade", append([]string{p.Recipe.LayerText(layer)}, names...)...),
	}
	edits, whole, ok := withoutCommands(p, in, layer, commandsOf(upgrades))
	if !ok {
		return f, true
	}
	f.Fix, _ = p.Recipe.Fix("remove "+upgrades[0].Name()+" "+upgrades[0].Verb, edits)
	if whole && f.Fix != nil {
		f.Evidence, f.Change = p.Recipe.WithLine(p.Layers.Places(itemsOf(p, layer)), layer), p.Layers.Removal(itemsOf(p, layer))
		f.Fix.Title = "remove " + p.Recipe.The(in)
		return f, true
	}
	// What the RUN installs may need some of the newer versions.
	needed := s.Needed(fresh, false)
	for _, n := range chosen {
		if needed[n] {
			f.Change.Plus += p.Layers.Bytes(p.Layers.Brought(&s.List[n], layer))
		}
	}
	return f, true
}

// itemsOf are all items of a layer.
func itemsOf(p *analysis.Pass, layer int) (items []int) {
	for i := range p.Ledger.Items {
		if it := &p.Ledger.Items[i]; it.Layer == layer && it.Bytes > 0 {
			items = append(items, i)
		}
	}
	return items
}
