package analysis

import (
	"regexp"
	"slices"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/dockerfile"
	"whittle.dev/whittle/internal/recipe"
)

// HiddenByUpgrade is nil, or says for the items that a layer hides whether an
// upgrade of all packages, or of pip, replaced them. Rules about upgrades report
// those.
func (p *Pass) HiddenByUpgrade(layer int) func(item int) bool {
	in := p.Recipe.Instruction(layer)
	if layer < 0 || in == nil || in.Keyword != "RUN" {
		return nil
	}
	commands, _ := recipe.SystemCommands(in)
	system := slices.ContainsFunc(commands, func(c recipe.SystemCommand) bool { return c.UpgradesAll() })
	pip := len(recipe.InstallerUpgrades(in)) > 0
	if !system && !pip {
		return nil
	}
	return func(item int) bool {
		it := &p.Ledger.Items[item]
		if pip && installerPath.MatchString(it.Path) {
			return true
		}
		return system && (p.Layers.OfSystem(item) || p.Layers.IsBase(it.Layer) && it.Cause == whittle.Deleted && !p.deletes(in, it.Path))
	}
}

// deletes says that a command of a RUN may delete a path by itself.
func (p *Pass) deletes(in *dockerfile.Instruction, at string) bool {
	acts, ok := p.Recipe.Actions(in)
	return !ok || slices.ContainsFunc(acts, func(a recipe.Action) bool {
		return a.Effect == recipe.Deletes && (!a.Complete || slices.ContainsFunc(a.Paths, func(q string) bool { return whittle.Under(at, q) }))
	})
}

// installerPath matches the files of pip and of what builds wheels.
var installerPath = regexp.MustCompile(`(^|/)(site|dist)-packages/(pip|setuptools|wheel|pkg_resources|_distutils_hack)(-[^/]*)?/|(^|/)bin/(pip[0-9.]*|wheel)$|/distutils-precedence\.pth$`)
