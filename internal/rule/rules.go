package rule

import (
	"whittle.dev/whittle/internal/rule/analysis"
	"whittle.dev/whittle/internal/rule/base"
	"whittle.dev/whittle/internal/rule/distribution"
	"whittle.dev/whittle/internal/rule/ecosystem"
	"whittle.dev/whittle/internal/rule/layer"
	"whittle.dev/whittle/internal/rule/sitepackages"
	"whittle.dev/whittle/internal/rule/system"
)

// All is the table of all rules, in the order in which they run.
func All() []analysis.Rule {
	return []analysis.Rule{
		distribution.UndeclaredDependency(),
		distribution.MisplacedDependency(),
		layer.MissingSource(),
		layer.CleanupInLaterLayer(),
		layer.MetadataCopy(),
		layer.MovedFile(),
		layer.ReplacedFile(),
		layer.IdenticalCopy(),
		system.CopiedInstaller(),
		system.WholeUpgrade(),
		system.PipUpgrade(),
		layer.PackageManagerCache(),
		layer.InstalledWheels(),
		layer.InstallRecommends(),
		base.BuildToolsInFinalStage(),
		system.DebuggingTools(),
		system.UnusedLocales(),
		system.DownloadedArchive(),
		system.InstalledSources(),
		system.GitHistory(),
		layer.VcsAndJunk(),
		layer.CacheOrder(),
		base.BigBase(),
		base.FloatingBase(),
		base.OldRelease(),
		ecosystem.ToolchainInFinalStage(),
		ecosystem.JDKInsteadOfJRE(),
		ecosystem.NodeDevDependencies(),
		ecosystem.CondaBase(),
		ecosystem.ModelsAndData(),
		ecosystem.UnusedBrowsers(),
		ecosystem.GemDocumentation(),
		distribution.DevelopmentTools(),
		distribution.UnusedDependency(),
		distribution.OptionalDependency(),
		distribution.UnusedExtra(),
		distribution.WrongBuildOfWheel(),
		distribution.OpenCVWithWindows(),
		distribution.DuplicateLibpq(),
		sitepackages.PythonTests(),
		sitepackages.PythonBytecode(),
		sitepackages.MissingBytecode(),
		sitepackages.StripDebug(),
		sitepackages.StaticLibraries(),
		layer.DocsAndLocales(),
		layer.DuplicateFiles(),
	}
}
