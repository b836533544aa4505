package whittle

// CompareSchema names the JSON form of [Comparison].
const CompareSchema = "whittle.compare/v2"

// Comparison says where the size difference between two images comes from,
// adding up exactly. Its JSON form is the contract whittle.compare/v2.
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
	// Duplicates are contents that are at several visible places of the images
	// together, layers that they share counted once; nil where the contents
	// were not read.
	Duplicates []DuplicateRow `json:"duplicates,omitempty"`
}

// ImageSizes is an image of a comparison.
type ImageSizes struct {
	ImageFacts
	Sizes Sizes `json:"sizes"`
}

// Delta holds signed differences in bytes; Size = Visible + Wasted.
type Delta struct {
	Size    int64 `json:"size"`
	Visible int64 `json:"visible"`
	Wasted  int64 `json:"wasted"`
}

// CompareRow is one owner's part in the difference.
type CompareRow struct {
	// Owner is a name: "pandas", "Dockerfile:38, metadata by
	// Dockerfile:41".
	Owner string `json:"owner"`
	// Kind is the owner's ecosystem.
	Kind string `json:"kind"`
	// From and To are the versions in the first and the last image, empty
	// where it is not there or has none.
	From string `json:"from,omitempty"`
	To   string `json:"to,omitempty"`
	// VisibleDelta and WastedDelta are signed bytes.
	VisibleDelta int64 `json:"visible_delta"`
	WastedDelta  int64 `json:"wasted_delta"`
	// Visible has the owner's visible bytes in each of the images.
	Visible []int64 `json:"visible"`
}

// Shared says what images have in common: a layer counts once, however many
// of them have it.
type Shared struct {
	// Layers and Size count the layers that all images have, in bytes.
	Layers int   `json:"layers"`
	Size   int64 `json:"size"`
	// PullSize and PullDownload add up every distinct layer once; the
	// download is nil where a blob's size is not known.
	PullSize     int64  `json:"pull_size"`
	PullDownload *int64 `json:"pull_download"`
	// Matrix has the bytes that image i and image j share.
	Matrix [][]int64 `json:"matrix"`
}
