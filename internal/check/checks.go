package check

import "whittle.dev/whittle"

// groups is the table of the checks, in the order in which they are made. Each
// row is described in the file of its checks.
func groups() []group {
	return []group{
		programs(),
		user(),
		libraries(),
		interpreter(),
		imported(),
		asked(),
		importedLater(),
		dependencies(),
		requirements(),
		readable(),
		writable(),
		data(),
		licences(),
		bytecode(),
	}
}

// group is one or several checks that one function makes.
type group struct {
	checks []Check
	// also are checks of other groups that this one reports, too. What keeps a
	// health check from running is [whittle.CheckHealthcheckCannotRun],
	// whichever group finds it.
	also []string
	run  func(*state) []whittle.Problem
}

// Check describes one kind of problem.
type Check struct {
	// ID is what [whittle.Problem].Rule has, Title says in one line what is
	// wrong, Text what is looked at and what to do, in Markdown.
	ID, Title, Text string
	// Severity is the worst that is reported: "error", "warning" or "info".
	Severity whittle.Severity
}

// All are the checks, in the order in which they are made.
func All() []Check {
	var out []Check
	for _, g := range groups() {
		out = append(out, g.checks...)
	}
	return out
}
