package analysis

// Usage is the strongest way in which the image's starts use a distribution.
type Usage uint8

// The usages, from the weakest. Unused means that no code that was reached names
// one of its modules. That is no proof, because the name of an import may be
// composed at run time.
const (
	UsageUnknown Usage = iota
	Unused
	// Plugin: it offers entry points to a distribution that is used.
	Plugin
	// Optional: the code that imports it also works without it.
	Optional
	// Lazy: a function imports it.
	Lazy
	// Eager: it is imported at start.
	Eager
)
