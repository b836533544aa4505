package analysis

import (
	"regexp"
	"slices"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/recipe"
)

// UpgradesSystem says that the RUN of a layer upgrades all packages of the
// operating system.
func (p *Pass) UpgradesSystem(layer int) bool {
	in := p.Recipe.Instruction(layer)
	if in == nil {
		return false
	}
	commands, _ := recipe.SystemCommands(in)
	return slices.ContainsFunc(commands, func(c recipe.SystemCommand) bool { return c.UpgradesAll() })
}

// UpgradesInstaller says that the RUN of a layer upgrades pip.
func (p *Pass) UpgradesInstaller(layer int) bool {
	in := p.Recipe.Instruction(layer)
	return in != nil && len(recipe.InstallerUpgrades(in)) > 0
}

// HiddenByUpgrade says that content is hidden because an upgrade of packages, or
// of pip, replaced it. Rules about upgrades report that.
func (p *Pass) HiddenByUpgrade(item int) bool {
	it := &p.Ledger.Items[item]
	if it.HiddenBy < 0 || it.HiddenBy == it.Layer {
		return false
	}
	if InstallerPath(it.Path) && p.UpgradesInstaller(it.HiddenBy) {
		return true
	}
	return p.Layers.IsBase(it.Layer) && (p.Layers.OfSystem(item) || it.Cause == whittle.Deleted) && p.UpgradesSystem(it.HiddenBy) && !p.deletes(it.HiddenBy, it.Path)
}

// deletes says that a command of a layer's RUN may delete a path by itself.
func (p *Pass) deletes(layer int, at string) bool {
	acts, ok := p.Recipe.Actions(p.Recipe.Instruction(layer))
	return !ok || slices.ContainsFunc(acts, func(a recipe.Action) bool {
		return a.Effect == recipe.Deletes && (!a.Complete || slices.ContainsFunc(a.Paths, func(q string) bool { return whittle.Under(at, q) }))
	})
}

// installerPath matches the files of pip and of what builds wheels.
var installerPath = regexp.MustCompile(`(^|/)(site|dist)-packages/(pip|setuptools|wheel|pkg_resources|_distutils_hack)(-[^/]*)?/|(^|/)bin/(pip[0-9.]*|wheel)$|/distutils-precedence\.pth$`)

// InstallerPath says that a path belongs to pip, setuptools or wheel.
func InstallerPath(at string) bool { return installerPath.MatchString(at) }
