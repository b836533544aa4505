package analysis

import (
	"regexp"
	"slices"

	"whittle.dev/whittle"
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
	acts, known := p.Recipe.Actions(in)
	return func(item int) bool {
		it := &p.Ledger.Items[item]
		switch {
		case pip && installerPath.MatchString(it.Path):
			return true
		case !system:
			return false
		case p.Layers.OfSystem(item):
			return true
		}
		// A file of an old version has no owner any more.
		return known && p.Layers.IsBase(it.Layer) && it.Cause == whittle.Deleted && !deletes(acts, it.Path)
	}
}

// deletes says that a command may delete a path by itself.
func deletes(acts []recipe.Action, at string) bool {
	return slices.ContainsFunc(acts, func(a recipe.Action) bool {
		return a.Effect == recipe.Deletes && (!a.Complete || slices.ContainsFunc(a.Paths, func(q string) bool { return whittle.Under(at, q) }))
	})
}

// installerPath matches the files of pip and of what builds wheels.
var installerPath = regexp.MustCompile(`(^|/)(site|dist)-packages/(pip|setuptools|wheel|pkg_resources|_distutils_hack)(-[^/]*)?/|(^|/)bin/(pip[0-9.]*|wheel)$|/distutils-precedence\.pth$`)
