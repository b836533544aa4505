package rule

// All is the table of all rules, in the order in which they are asked.
func All() []Rule {
	return []Rule{
		missingSource(),
		cleanupInLaterLayer(),
		metadataCopy(),
		movedFile(),
		replacedFile(),
		identicalCopy(),
		packageManagerCache(),
		installRecommends(),
		buildToolsInFinalStage(),
	}
}
