package analysis

// Usage is how the image's starts use a distribution, the strongest way.
type Usage uint8

// The ways. Unused means that nothing that was reached names one of its
// modules, which files alone never prove: a distribution may be imported by a
// name that is made at run time.
const (
	UsageUnknown Usage = iota
	Unused
	// Plugin: it offers entry points to a distribution that is used.
	Plugin
	// Optional: what imports it goes on without it.
	Optional
	// Lazy: a function imports it.
	Lazy
	// Eager: it is imported at start.
	Eager
)
