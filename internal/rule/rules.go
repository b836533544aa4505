package rule

// All is the table of all rules, in the order in which they are asked.
func All() []Rule {
	return []Rule{
		undeclaredDependency(),
		misplacedDependency(),
		missingSource(),
		cleanupInLaterLayer(),
		metadataCopy(),
		movedFile(),
		replacedFile(),
		identicalCopy(),
		packageManagerCache(),
		installRecommends(),
		buildToolsInFinalStage(),
		vcsAndJunk(),
		cacheOrder(),
		bigBase(),
		unusedDependency(),
		optionalDependency(),
		wrongBuildOfWheel(),
		pythonTests(),
		pythonBytecode(),
		stripDebug(),
		staticLibraries(),
		docsAndLocales(),
		duplicateFiles(),
	}
}
