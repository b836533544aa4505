package whittle

// InspectSchema names the JSON form of [Inspection].
const InspectSchema = "whittle.inspect/v2"

// Inspection says where every byte of an image is, and which bytes are wasted.
// Its JSON form is the contract whittle.inspect/v2: all sums add up to Sizes.
type Inspection struct {
	Schema string     `json:"schema"`
	Image  ImageFacts `json:"image"`
	Sizes  Sizes      `json:"sizes"`
	Layers []LayerRow `json:"layers"`
	// Categories partition the bytes of all layers.
	Categories []CategoryRow `json:"categories"`
	Packages   []PackageRow  `json:"packages"`
	// WastedSums add up the wasted bytes by the layers that added and that hide
	// them, Wasted by path.
	WastedSums []WastedSum `json:"wasted_sums"`
	Wasted     []WastedRow `json:"wasted"`
	// Ambiguous are places that runtimes merge differently; the figures
	// follow Docker's overlay2.
	Ambiguous []Ambiguity `json:"ambiguous,omitempty"`
	// Duplicates are contents that are at several visible paths, nil where the
	// contents were not read.
	Duplicates []DuplicateRow `json:"duplicates,omitempty"`
	// By groups all bytes by the key that was asked for.
	By *Grouping `json:"by,omitempty"`
	// Notes say what could not be read, such as a damaged package database.
	Notes []string `json:"notes,omitempty"`
}

// ImageFacts identify an image.
type ImageFacts struct {
	Ref      string `json:"ref"`
	Source   string `json:"source"`
	Digest   Digest `json:"digest"`
	Platform string `json:"platform"`
	// Created is RFC 3339, empty where the image does not say.
	Created string `json:"created"`
	// Verified says that the bytes of all layers were compared with their
	// digests. If an image has many bytes of uncompressed layers, only their
	// headers are read, unless verification is asked for.
	Verified bool `json:"verified"`
}

// Sizes are an image's sizes in bytes; Size = Visible + Wasted.
type Sizes struct {
	// Download is the sum of the blobs as stored, nil where the source has no
	// blobs.
	Download *int64 `json:"download"`
	Size     int64  `json:"size"`
	Visible  int64  `json:"visible"`
	Wasted   int64  `json:"wasted"`
}

// LayerRow is one layer of an [Inspection].
type LayerRow struct {
	Index  int    `json:"index"`
	DiffID Digest `json:"diff_id"`
	// Digest, MediaType and Download are the blob's, empty and nil where the
	// source has none.
	Digest    Digest `json:"digest"`
	MediaType string `json:"media_type"`
	// CreatedBy is the history's text, Comment its comment.
	CreatedBy string `json:"created_by"`
	Comment   string `json:"comment,omitempty"`
	// Origin is the Dockerfile's instruction, where it is known.
	Origin   *Origin `json:"origin,omitempty"`
	Download *int64  `json:"download"`
	Size     int64   `json:"size"`
	Visible  int64   `json:"visible"`
	Wasted   int64   `json:"wasted"`
	Entries  int     `json:"entries"`
}

// CategoryRow is one part of the partition of all bytes.
type CategoryRow struct {
	Name    string `json:"name"`
	Visible int64  `json:"visible"`
	Wasted  int64  `json:"wasted"`
	Files   int    `json:"files"`
}

// Grouping partitions all bytes by a key.
type Grouping struct {
	Key  string        `json:"key"`
	Rows []CategoryRow `json:"rows"`
}

// PackageRow is one owner's visible bytes.
type PackageRow struct {
	Owner
	// PURL is the package URL, empty for what is no package, and for a system's package
	// whose distribution is not known.
	// https://github.com/package-url/purl-spec
	PURL string `json:"purl,omitempty"`
	// Layer is the layer of an instruction, nil for other owners.
	Layer   *int  `json:"layer,omitempty"`
	Visible int64 `json:"visible"`
	Files   int   `json:"files"`
	// Retained is the visible size with what only it needs, in bytes, of a Python
	// distribution that something asks for; nil for other owners. Requested says
	// that it was not installed as a dependency: the application's own distribution
	// requires it, or nothing that is installed does. Brings is how many other
	// distributions only it needs.
	Retained  *int64 `json:"retained,omitempty"`
	Requested bool   `json:"requested,omitempty"`
	Brings    int    `json:"brings,omitempty"`
	// Base is how many of the visible bytes the base image has, which no change of
	// the Dockerfile's own instructions frees; 0 where no Dockerfile is known.
	Base int64 `json:"base,omitempty"`
	// Parts divide the visible bytes of a Python distribution by what they are:
	// modules, extensions, libraries (bundled), tests, bytecode, data, metadata.
	Parts map[string]int64 `json:"parts,omitempty"`
}

// DuplicateRow is content that is at several visible places. One copy would
// save Saves bytes: Bytes times one less than the number of places.
type DuplicateRow struct {
	Bytes  int64   `json:"bytes"`
	Saves  int64   `json:"saves"`
	Places []Place `json:"places"`
}

// Place is a path in one of the images at hand, counted from 0.
type Place struct {
	Image int    `json:"image"`
	Path  string `json:"path"`
}

// WastedSum is what one layer added and one layer hides for one cause.
type WastedSum struct {
	Bytes    int64 `json:"bytes"`
	Files    int   `json:"files"`
	AddedBy  int   `json:"added_by"`
	HiddenBy int   `json:"hidden_by"`
	Cause    Cause `json:"cause"`
}

// WastedRow is a wasted file, or a directory of which everything that AddedBy
// put there is wasted in the same way.
type WastedRow struct {
	// Path is the file's own where it is one file.
	Path  string `json:"path"`
	Bytes int64  `json:"bytes"`
	Files int    `json:"files"`
	// AddedBy and HiddenBy are layer indexes.
	AddedBy  int   `json:"added_by"`
	HiddenBy int   `json:"hidden_by"`
	Cause    Cause `json:"cause"`
}
