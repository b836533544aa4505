package whittle

// SimulateSchema names the JSON form of [Simulation].
const SimulateSchema = "whittle.simulate/v2"

// Simulation says what an image would be without some of its files, by a
// replay on its layers' indexes: what a rebuild would give that never makes
// them.
type Simulation struct {
	Schema string     `json:"schema"`
	Image  ImageFacts `json:"image"`
	// Before and After are the image's sizes; After has no download, as
	// nothing was compressed.
	Before Sizes `json:"before"`
	After  Sizes `json:"after"`
	// Changes are what was asked for, each with its saving alone; Total is that
	// of all together. They overlap: the savings do not add up.
	Changes []SimulatedChange `json:"changes"`
	Total   Saving            `json:"total"`
}

// SimulatedChange is one thing that the image is to be without.
type SimulatedChange struct {
	// What is the pattern or the distribution that was asked for.
	What string `json:"what"`
	// Files and Layers count the contents and the layers that have some.
	Files  int    `json:"files"`
	Layers int    `json:"layers"`
	Saving Saving `json:"saving"`
	// Distributions are what goes with a distribution: all that only it needs.
	Distributions []string `json:"distributions,omitempty"`
}
