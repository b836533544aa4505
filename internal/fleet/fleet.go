// Package fleet has the results about many images: a report on all of them, the images that
// have a package, the state of a scan. Sizes are bytes.
package fleet

import "whittle.dev/whittle"

// The JSON forms of results.
const (
	ReportSchema = "whittle.fleet/v1"
	FoundSchema  = "whittle.fleet-find/v1"
	StatusSchema = "whittle.fleet-status/v1"
)

// Report is about all images of the scans that it is about: of two scans of the same, the
// later one, unless one was asked for.
type Report struct {
	Schema string `json:"schema"`
	// Database is where the fleet is, without a password.
	Database string `json:"database"`
	Scans    []Scan `json:"scans"`
	Totals   Totals `json:"totals"`
	// Packages are those with the most bytes, counted once for each distinct layer. More of
	// them are in the database.
	Packages     []Package `json:"packages"`
	MorePackages int64     `json:"more_packages"`
	// Sharing divides the distinct layers by how many images have each, the fewest first.
	Sharing []Sharing `json:"sharing"`
	// Alone are the largest layers that a single image has.
	Alone []Layer `json:"alone"`
	// Bases are pairs of bases with nearly the same packages, of which one could be the base of
	// the images of both, the largest saving first.
	Bases []Rebase `json:"bases"`
	// Wasted sums the wasted bytes by cause.
	Wasted []Waste `json:"wasted"`
	// Team is the label by which Teams are told apart; empty without one.
	Team  string `json:"team"`
	Teams []Team `json:"teams"`
	// Findings are those with the largest saving over all images.
	Findings     []Finding `json:"findings"`
	MoreFindings int64     `json:"more_findings"`
	// Growth has the scans of the same over time, the oldest first.
	Growth []Growth `json:"growth"`
	// Failed are names without figures, at most some of them.
	Failed []Failure `json:"failed"`
}

// Scan is one scan.
type Scan struct {
	ID int64 `json:"id"`
	// Time is RFC 3339 in UTC.
	Time string `json:"time"`
	// What says what was asked for.
	What string `json:"what"`
	// Names is how many names it has; Open are those that are not read yet.
	Names  int64 `json:"names"`
	Open   int64 `json:"open"`
	Failed int64 `json:"failed"`
}

// Totals are the sums over all images.
type Totals struct {
	// Names are those with figures, Images their distinct images, Layers the distinct layers.
	Names  int64 `json:"names"`
	Images int64 `json:"images"`
	Layers int64 `json:"layers"`
	// Once has each distinct layer once, Each once for each image that has it.
	Once Sum `json:"once"`
	Each Sum `json:"each"`
}

// Sum are bytes, uncompressed; Download are those of the blobs.
type Sum struct {
	Download int64 `json:"download"`
	Size     int64 `json:"size"`
	// Wasted is what images do not show. Of a layer that images hide different parts of, once
	// has the most.
	Wasted int64 `json:"wasted"`
}

// Package is a package over all images, with its versions.
type Package struct {
	Ecosystem string `json:"ecosystem"`
	Name      string `json:"name"`
	// Once is the sum of its visible bytes, each distinct layer counted once; Each counts them
	// once for each image.
	Once int64 `json:"once"`
	Each int64 `json:"each"`
	// Images is how many images have it.
	Images   int64     `json:"images"`
	Versions []Version `json:"versions"`
}

// Version is one version of a package.
type Version struct {
	Version string `json:"version"`
	Once    int64  `json:"once"`
	Each    int64  `json:"each"`
	Images  int64  `json:"images"`
}

// Sharing are the layers that between From and To images have; To is 0 for no bound.
type Sharing struct {
	From   int64 `json:"from"`
	To     int64 `json:"to"`
	Layers int64 `json:"layers"`
	Once   int64 `json:"once"`
	Each   int64 `json:"each"`
}

// Layer is a layer, and one of the images that have it.
type Layer struct {
	DiffID   whittle.Digest `json:"diff_id"`
	Size     int64          `json:"size"`
	Download int64          `json:"download"`
	Images   int64          `json:"images"`
	Example  string         `json:"example"`
}

// Rebase is a base whose images could have another one: it has nearly the same packages.
type Rebase struct {
	From Base `json:"from"`
	To   Base `json:"to"`
	// Same is the part of the bytes of both whose packages are in both, of 1; versions do not
	// count.
	Same float64 `json:"same"`
	// Saved is the size of the layers that no image would have any more, Download what their
	// blobs take.
	Saved    int64 `json:"saved"`
	Download int64 `json:"download"`
}

// Base are the lowest layers of several images.
type Base struct {
	// Top is the uppermost of its layers, Layers how many it has.
	Top     whittle.Digest `json:"top"`
	Layers  int            `json:"layers"`
	Size    int64          `json:"size"`
	Images  int64          `json:"images"`
	Example string         `json:"example"`
}

// Waste are wasted bytes of one cause.
type Waste struct {
	Cause string `json:"cause"`
	Once  int64  `json:"once"`
	Each  int64  `json:"each"`
	Files int64  `json:"files"`
}

// Team are the images with one value of a label; the name is empty for those without it.
type Team struct {
	Name   string `json:"name"`
	Images int64  `json:"images"`
	Size   int64  `json:"size"`
	Wasted int64  `json:"wasted"`
	// Causes divide what is wasted.
	Causes []TeamWaste `json:"causes"`
}

// TeamWaste are a team's wasted bytes of one cause, once for each image.
type TeamWaste struct {
	Cause string `json:"cause"`
	Bytes int64  `json:"bytes"`
}

// Finding is the same finding in several images.
type Finding struct {
	Rule        string `json:"rule"`
	Fingerprint string `json:"fingerprint"`
	// Message and Advice are those of one of the images.
	Message string `json:"message"`
	Advice  string `json:"advice"`
	Images  int64  `json:"images"`
	// Once is the saving with each distinct layer counted once, Each with each image.
	Once    whittle.Saving `json:"once"`
	Each    whittle.Saving `json:"each"`
	Example string         `json:"example"`
}

// Growth is what there was at one scan.
type Growth struct {
	Scan   int64  `json:"scan"`
	Time   string `json:"time"`
	What   string `json:"what"`
	Images int64  `json:"images"`
	Layers int64  `json:"layers"`
	Once   int64  `json:"once"`
	Each   int64  `json:"each"`
}

// Failure is a name without figures.
type Failure struct {
	Name  string `json:"name"`
	Error string `json:"error"`
	Hint  string `json:"hint,omitempty"`
}

// Found are the images that have a package.
type Found struct {
	Schema   string `json:"schema"`
	Database string `json:"database"`
	Package  string `json:"package"`
	// Version is the one that was asked for, empty for any.
	Version string `json:"version"`
	Rows    []Hit  `json:"rows"`
	More    int64  `json:"more"`
}

// Hit is an image with a package.
type Hit struct {
	// Image is its name in the scan, Digest that of its manifest.
	Image     string         `json:"image"`
	Digest    whittle.Digest `json:"digest"`
	Ecosystem string         `json:"ecosystem"`
	Name      string         `json:"name"`
	Version   string         `json:"version"`
	Visible   int64          `json:"visible"`
}

// Status is how far scans are, and what the database holds.
type Status struct {
	Schema   string `json:"schema"`
	Database string `json:"database"`
	Scans    []Scan `json:"scans"`
	// Layers are those that are still to be read, Workers the processes that work.
	Layers  int64 `json:"layers"`
	Workers int64 `json:"workers"`
	// Bytes is what the database takes, Indexes what the indexes of layers take of it, and
	// LayerBytes what these layers are in their registries.
	Bytes      int64     `json:"bytes"`
	Indexes    int64     `json:"indexes"`
	LayerBytes int64     `json:"layer_bytes"`
	Failed     []Failure `json:"failed"`
}
