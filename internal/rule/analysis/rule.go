// Package analysis is what a rule is, and what it looks at: the facts about an
// image, what made it and its project, and views of them by layers, by
// instructions, by Python distributions and by files of the project.
//
// What two rules need is here; what one rule needs is in that rule's file.
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
	// Run reports what it finds; the order does not matter. It leaves Rule and,
	// where Change says it all, Saving empty.
	Run func(*Pass) []whittle.Finding
}
