package whittle

// CertificateSchema names the JSON form of [Certificate].
const CertificateSchema = "whittle.certificate/v1"

// CertificateType is the media type of a certificate that is attached to an image.
const CertificateType = "application/vnd.whittle.certificate.v1+json"

// Certificate says that an image and one that was made of it have the same merged root
// file system, but for what Trim lists, and the same configuration but for its layers and
// history. whittle verify
// finds out the same from the two images alone. Its JSON form is the contract
// whittle.certificate/v1; it has no time, so that equal images have equal certificates.
type Certificate struct {
	Schema string `json:"schema"`
	// Whittle is the version that proved it.
	Whittle string `json:"whittle"`
	// Before is the image that was read, After the one that was written.
	Before CertifiedImage `json:"before"`
	After  CertifiedImage `json:"after"`
	// Readings are how each merged root file system was read; they agree.
	Readings []string `json:"readings"`
	// LeftOut is what the image that was written has not, by reason.
	LeftOut []Dropped `json:"left_out"`
	// Trim is in what the trees differ; nil if they are the same.
	Trim *CertifiedTrim `json:"trim,omitempty"`
}

// CertifiedTrim is in what the trees of two images differ.
type CertifiedTrim struct {
	// Removed are the paths that the image that was written has not.
	Removed []TrimmedPath `json:"removed"`
	// Edited are the lists of files that do not name them any more.
	Edited []EditedFile `json:"edited"`
}

// TrimmedPath is a path that was removed, and the rule that found it; "traced" if no run
// touched what it belongs to.
type TrimmedPath struct {
	Path string `json:"path"`
	Rule string `json:"rule"`
}

// EditedFile is a file with another content, by the digests of its bytes. Rule is the one
// that changed it, empty for a list of files.
type EditedFile struct {
	Path   string `json:"path"`
	Rule   string `json:"rule,omitempty"`
	Before Digest `json:"before"`
	After  Digest `json:"after"`
}

// CertifiedImage is an image of a [Certificate].
type CertifiedImage struct {
	// Ref is the image's name, Digest that of its manifest, or the image ID where its
	// place has no manifest.
	Ref    string `json:"ref"`
	Digest Digest `json:"digest"`
	// Config is the digest of its configuration.
	Config Digest `json:"config"`
	// Layers are the diff IDs of its layers, lowest first.
	Layers []Digest `json:"layers"`
	// Sizes are those of its layers.
	Sizes SqueezeSizes `json:"sizes"`
	// Tree is its merged root file system.
	Tree TreeSum `json:"tree"`
}

// SqueezeDestination is where a squeezed image was written.
type SqueezeDestination struct {
	// Name is the place, as it can be named to read it again.
	Name string `json:"name"`
	// Digest is that of the manifest.
	Digest Digest `json:"digest"`
	// Certificate is the digest of the manifest of the certificate that is attached to
	// the image; empty if none is.
	Certificate Digest `json:"certificate,omitempty"`
}

// StaleDocument is a signature, an attestation or the like about the image as it was:
// it names the image by its digest, and so says nothing of another.
type StaleDocument struct {
	// Kind is "a signature", "an attestation", "an SBOM" or "an artifact".
	Kind string `json:"kind"`
	// Type is its media type, empty if only its name tells what it is.
	Type   string `json:"type,omitempty"`
	Digest Digest `json:"digest"`
}
