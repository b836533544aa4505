package whittle

import "slices"

// Severity says how much a [Problem] counts.
type Severity string

// The severities of problems, the worst first: an error keeps the image from
// running.
const (
	SeverityError   Severity = "error"
	SeverityWarning Severity = "warning"
	SeverityInfo    Severity = "info"
)

// Rank orders severities: 0 is the worst, -1 is none of them.
func (s Severity) Rank() int {
	return slices.Index([]Severity{SeverityError, SeverityWarning, SeverityInfo}, s)
}
