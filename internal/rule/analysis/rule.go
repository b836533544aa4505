// Package analysis defines what a rule is and what it looks at: the facts about an
// image, its Dockerfile and its project, and views of them by layers, instructions,
// Python distributions and files of the project.
//
// Code that only one rule needs is in that rule's file.
package analysis

import "whittle.dev/whittle"

// Rule is one rule with its documentation.
type Rule struct {
	// ID is its name on the command line: "cleanup-in-later-layer".
	ID string
	// Title says in one line what it finds, Text explains in Markdown why that
	// costs bytes and what to do; Before and After are lines of a Dockerfile
	// or a project's file that show it.
	Title, Text, Before, After string
	// Run gives the findings, in any order. It leaves Rule empty, and Saving if it
	// follows from Change.
	Run func(*Pass) []whittle.Finding
	// Static gives the findings that the Dockerfile and the files of the project show
	// alone: with an image, Run gives each of them, too. It is nil if the rule needs the
	// image. What it looks at has no layers, no ledger and no packages, and of the
	// configuration only what the Dockerfile sets.
	Static func(*Pass) []whittle.Finding
}
