package whittle

// CompareSchema names the JSON form of [Comparison].
const CompareSchema = "whittle.compare/v1"

// Comparison says where the size difference between two images comes from,
// adding up exactly. Its JSON form is the contract whittle.compare/v1.
type Comparison struct {
	Schema string       `json:"schema"`
	Images []ImageSizes `json:"images"`
	// Delta is the last image's size less the first one's.
	Delta Delta `json:"delta"`
	// Rows add up to Delta.
	Rows []CompareRow `json:"rows"`
	// Words explain the difference in sentences with figures.
	Words []string `json:"words"`
	// Shared is what all images have in common, and what pulling all costs.
	Shared Shared `json:"shared"`
	// Duplicates are contents that stand at several live places of the images
	// together, layers that they share counted once; nil where the contents
	// were not read.
	Duplicates []DuplicateRow `json:"duplicates,omitempty"`
}

// ImageSizes is an image of a comparison.
type ImageSizes struct {
	ImageFacts
	Size Size `json:"size"`
}

// Delta holds signed differences in bytes; Unpacked = Live + Dead.
type Delta struct {
	Unpacked int64 `json:"unpacked"`
	Live     int64 `json:"live"`
	Dead     int64 `json:"dead"`
}

// CompareRow is one owner's part in the difference.
type CompareRow struct {
	// Owner is a name: "pandas", "dead bytes of COPY line 38".
	Owner string `json:"owner"`
	// Kind is the owner's ecosystem.
	Kind string `json:"kind"`
	// From and To are the versions in the first and the last image, empty
	// where it is not there or has none.
	From string `json:"from,omitempty"`
	To   string `json:"to,omitempty"`
	// LiveDelta and DeadDelta are signed bytes.
	LiveDelta int64 `json:"live_delta"`
	DeadDelta int64 `json:"dead_delta"`
	// Live has the owner's live bytes in each of the images.
	Live []int64 `json:"live"`
}

// Shared says what images have in common: a layer counts once, however many
// of them have it.
type Shared struct {
	// Layers and Unpacked count the layers that all images have, in bytes.
	Layers   int   `json:"layers"`
	Unpacked int64 `json:"unpacked"`
	// PullUnpacked and PullTransfer add up every distinct layer once; the
	// transfer is nil where a blob's size is not known.
	PullUnpacked int64  `json:"pull_unpacked"`
	PullTransfer *int64 `json:"pull_transfer"`
	// Matrix has the unpacked bytes that image i and image j share.
	Matrix [][]int64 `json:"matrix"`
}
