package destination

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"maps"
	"slices"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/codec"
)

// Media types of the OCI image specification.
const (
	manifestType = "application/vnd.oci.image.manifest.v1+json"
	indexType    = "application/vnd.oci.image.index.v1+json"
	configType   = "application/vnd.oci.image.config.v1+json"
	emptyType    = "application/vnd.oci.empty.v1+json"
	layerType    = "application/vnd.oci.image.layer.v1.tar"
	foreignType  = "application/vnd.oci.image.layer.nondistributable.v1.tar"
)

// Image is what is written.
type Image struct {
	// Config is the configuration, byte for byte.
	Config []byte
	// Layers are the layers, lowest first, one for each of the configuration's diff IDs.
	Layers []Layer
	// Annotations are those of the manifest.
	Annotations map[string]string
	// Artifacts are written beside the image, each with the image as its subject:
	// see https://github.com/opencontainers/image-spec/blob/main/manifest.md. Docker
	// archives and engines have no place for them.
	Artifacts []Artifact
	// From is the repository that the image is read from, HOST/REPOSITORY, if it is one
	// of a registry: what the destination's registry has there already is not sent.
	From string
}

// Layer is the blob of a layer, and what a manifest says of it.
type Layer struct {
	// MediaType may be Docker's; if it is empty, the first bytes decide.
	MediaType string
	// Digest and Size are those of the bytes as they are stored.
	Digest whittle.Digest
	Size   int64
	// DiffID is the digest of the uncompressed tar.
	DiffID      whittle.Digest
	Annotations map[string]string
	// URLs are where the bytes of a foreign layer are kept.
	URLs []string
	// Open reads the stored bytes, as often as it is called. It is nil if they are kept
	// elsewhere: such a layer must have URLs.
	Open func(ctx context.Context) (io.ReadCloser, error)
}

// Artifact is a document about an image.
type Artifact struct {
	// Type is the artifact's, and the media type of Content.
	Type        string
	Content     []byte
	Annotations map[string]string
}

// Written is what a destination has.
type Written struct {
	// Digest is that of the manifest, ID that of the configuration.
	Digest, ID whittle.Digest
	// Artifacts are the digests of the artifacts' manifests; there are none where a
	// destination has no place for them.
	Artifacts []whittle.Digest
	// Size is the sum of the sizes of the layers' blobs, each once.
	Size int64
}

// descriptor and manifest are those of the OCI image specification.
// https://github.com/opencontainers/image-spec/blob/main/descriptor.md
type descriptor struct {
	MediaType    string            `json:"mediaType"`
	ArtifactType string            `json:"artifactType,omitempty"`
	Digest       whittle.Digest    `json:"digest"`
	Size         int64             `json:"size"`
	URLs         []string          `json:"urls,omitempty"`
	Annotations  map[string]string `json:"annotations,omitempty"`
	Data         []byte            `json:"data,omitempty"`
}

type manifest struct {
	SchemaVersion int               `json:"schemaVersion"`
	MediaType     string            `json:"mediaType"`
	ArtifactType  string            `json:"artifactType,omitempty"`
	Config        descriptor        `json:"config"`
	Layers        []descriptor      `json:"layers"`
	Subject       *descriptor       `json:"subject,omitempty"`
	Annotations   map[string]string `json:"annotations,omitempty"`
}

// blob is some bytes that are written under their digest.
type blob struct {
	descriptor
	open func(ctx context.Context) (io.ReadCloser, error) // nil if they are kept elsewhere
}

func bytesBlob(mediaType string, b []byte) blob {
	return blob{descriptor{MediaType: mediaType, Digest: whittle.DigestOf(b), Size: int64(len(b))},
		func(context.Context) (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b)), nil }}
}

// parcel is an image with its manifest, and its artifacts with theirs.
type parcel struct {
	manifest blob
	raw      []byte // of the manifest
	config   blob
	layers   []blob
	from     string
	attached []attached
}

// attached is an artifact with its manifest.
type attached struct {
	manifest blob
	raw      []byte
	kind     string
	blobs    []blob // what the manifest names
}

func (p *parcel) written() Written {
	w := Written{Digest: p.manifest.Digest, ID: p.config.Digest}
	seen := map[whittle.Digest]bool{}
	for _, l := range p.layers {
		if !seen[l.Digest] {
			w.Size += l.Size
		}
		seen[l.Digest] = true
	}
	for _, a := range p.attached {
		w.Artifacts = append(w.Artifacts, a.manifest.Digest)
	}
	return w
}

// blobs are all blobs of the image, each once: its configuration, its layers from the
// lowest, its manifest.
func (p *parcel) blobs() []blob {
	return once(slices.Concat([]blob{p.config}, p.layers, []blob{p.manifest}))
}

// artifactBlobs are those of the artifacts.
func (p *parcel) artifactBlobs() (all []blob) {
	for _, a := range p.attached {
		all = append(append(all, a.blobs...), a.manifest)
	}
	return once(all)
}

func once(all []blob) (each []blob) {
	seen := map[whittle.Digest]bool{}
	for _, b := range all {
		if !seen[b.Digest] {
			each = append(each, b)
		}
		seen[b.Digest] = true
	}
	return each
}

// pack makes the manifests of an image.
func pack(ctx context.Context, img Image) (*parcel, error) {
	if err := matches(img); err != nil {
		return nil, err
	}
	p := &parcel{config: bytesBlob(configType, img.Config), from: img.From}
	m := manifest{SchemaVersion: 2, MediaType: manifestType, Config: p.config.descriptor, Layers: []descriptor{}, Annotations: img.Annotations}
	for i, l := range img.Layers {
		b, err := layerBlob(ctx, l)
		if err != nil {
			return nil, fmt.Errorf("layer %d: %w", i, err)
		}
		p.layers = append(p.layers, b)
		m.Layers = append(m.Layers, b.descriptor)
	}
	var err error
	if p.raw, err = json.Marshal(m); err != nil {
		return nil, err
	}
	p.manifest = bytesBlob(manifestType, p.raw)
	for _, a := range img.Artifacts {
		one, err := attach(a, p.manifest.descriptor)
		if err != nil {
			return nil, err
		}
		p.attached = append(p.attached, one)
	}
	return p, nil
}

// matches says whether the configuration is one of these layers.
func matches(img Image) error {
	var c struct {
		RootFS struct {
			DiffIDs []whittle.Digest `json:"diff_ids"`
		} `json:"rootfs"`
	}
	if err := json.Unmarshal(img.Config, &c); err != nil {
		return whittle.ErrCorrupt.Errorf("the image configuration: %w", err)
	}
	if len(c.RootFS.DiffIDs) != len(img.Layers) {
		return whittle.ErrCorrupt.Errorf("the image configuration has %d diff IDs for %d layers", len(c.RootFS.DiffIDs), len(img.Layers))
	}
	for i, l := range img.Layers {
		if c.RootFS.DiffIDs[i] != l.DiffID {
			return whittle.ErrCorrupt.Errorf("layer %d has the diff ID %s, and in the configuration %s", i, l.DiffID, c.RootFS.DiffIDs[i])
		}
		if _, err := whittle.ParseDigest(string(l.Digest)); err != nil {
			return fmt.Errorf("layer %d: %w", i, err)
		}
	}
	return nil
}

// layerTypes are the OCI types of Docker's.
// https://github.com/opencontainers/image-spec/blob/main/media-types.md#compatibility-matrix
var layerTypes = map[string]string{
	"application/vnd.docker.image.rootfs.diff.tar":              layerType,
	"application/vnd.docker.image.rootfs.diff.tar.gzip":         layerType + "+gzip",
	"application/vnd.docker.image.rootfs.diff.tar.zstd":         layerType + "+zstd",
	"application/vnd.docker.image.rootfs.foreign.diff.tar":      foreignType,
	"application/vnd.docker.image.rootfs.foreign.diff.tar.gzip": foreignType + "+gzip",
	"application/vnd.docker.container.image.rootfs.diff+x-gtar": "",
	"application/octet-stream":                                  "",
	"application/x-tar":                                         "",
	"application/x-gtar":                                        "",
	"application/gzip":                                          "",
	"application/tar+gzip":                                      "",
}

func layerBlob(ctx context.Context, l Layer) (blob, error) {
	mediaType := l.MediaType
	if oci, ok := layerTypes[mediaType]; ok {
		mediaType = oci
	}
	switch {
	case l.Open == nil && len(l.URLs) == 0:
		return blob{}, whittle.ErrUnsupported.Errorf("its bytes are nowhere: it has neither content nor a URL")
	case l.Open == nil && mediaType == "":
		return blob{}, whittle.ErrUnsupported.Errorf("it is kept elsewhere, and nothing says what it is")
	case mediaType == "":
		var err error
		if mediaType, err = sniff(ctx, l); err != nil {
			return blob{}, err
		}
	}
	return blob{descriptor{MediaType: mediaType, Digest: l.Digest, Size: l.Size, URLs: l.URLs, Annotations: maps.Clone(l.Annotations)}, l.Open}, nil
}

// sniff is the media type of a layer by its first bytes.
func sniff(ctx context.Context, l Layer) (string, error) {
	r, err := l.Open(ctx)
	if err != nil {
		return "", err
	}
	defer r.Close()
	magic, err := bufio.NewReader(r).Peek(codec.MagicSize)
	if err != nil && !errors.Is(err, io.EOF) {
		return "", err
	}
	switch c := codec.Of(magic); c {
	case codec.Plain:
		return layerType, nil
	case codec.Gzip, codec.Zstd:
		return layerType + "+" + string(c), nil
	default:
		return "", whittle.ErrUnsupported.Errorf("no image stores a layer compressed by %s", c)
	}
}

// attach makes the manifest of an artifact whose subject is a manifest.
// https://github.com/opencontainers/image-spec/blob/main/manifest.md#guidelines-for-artifact-usage
func attach(a Artifact, subject descriptor) (attached, error) {
	content, empty := bytesBlob(a.Type, a.Content), bytesBlob(emptyType, []byte("{}"))
	named := empty.descriptor
	named.Data = []byte("{}")
	subject.Annotations = nil
	raw, err := json.Marshal(manifest{SchemaVersion: 2, MediaType: manifestType, ArtifactType: a.Type, Config: named, Layers: []descriptor{content.descriptor}, Subject: &subject, Annotations: a.Annotations})
	if err != nil {
		return attached{}, err
	}
	m := bytesBlob(manifestType, raw)
	m.ArtifactType, m.Annotations = a.Type, maps.Clone(a.Annotations)
	return attached{manifest: m, raw: raw, kind: a.Type, blobs: []blob{empty, content}}, nil
}

// index is an index.json of an image, which may have a name, and its artifacts. whole is
// the name with a repository, if it has one.
func (p *parcel) index(tag, whole string) ([]byte, error) {
	entries := []descriptor{p.entry(tag, whole)}
	for _, a := range p.attached {
		entries = append(entries, a.manifest.descriptor)
	}
	return json.Marshal(struct {
		SchemaVersion int          `json:"schemaVersion"`
		MediaType     string       `json:"mediaType"`
		Manifests     []descriptor `json:"manifests"`
	}{2, indexType, entries})
}

// Annotations that name an image in a layout: a tag, and a whole name.
const (
	refName       = "org.opencontainers.image.ref.name"
	containerName = "io.containerd.image.name"
)

// entry is the image in an index.
func (p *parcel) entry(tag, whole string) descriptor {
	d := p.manifest.descriptor
	for name, value := range map[string]string{refName: tag, containerName: whole} {
		if value == "" {
			continue
		}
		if d.Annotations == nil {
			d.Annotations = map[string]string{}
		}
		d.Annotations[name] = value
	}
	return d
}

// copyTo writes a blob, and compares it with its size and digest.
func (b blob) copyTo(ctx context.Context, w io.Writer) error {
	r, err := b.read(ctx)
	if err != nil {
		return err
	}
	defer r.Close()
	_, err = io.CopyBuffer(struct{ io.Writer }{w}, r, make([]byte, 1<<20))
	return err
}

// read opens a blob; its end is an error if it has other bytes than its digest says.
func (b blob) read(ctx context.Context) (io.ReadCloser, error) {
	if b.open == nil {
		return nil, whittle.ErrUnsupported.Errorf("blob %s is kept elsewhere (a foreign layer)", b.Digest)
	}
	r, err := b.open(ctx)
	if err != nil {
		return nil, fmt.Errorf("blob %s: %w", b.Digest.Short(), err)
	}
	return &checked{ReadCloser: r, ctx: ctx, want: b.descriptor, hash: sha256.New()}, nil
}

// checked compares what is read with a digest and a size.
type checked struct {
	io.ReadCloser
	ctx  context.Context
	want descriptor
	hash hash.Hash
	n    int64
	err  error
}

func (c *checked) Read(p []byte) (int, error) {
	if c.err = cmp.Or(c.err, c.ctx.Err()); c.err != nil {
		return 0, c.err
	}
	n, err := c.ReadCloser.Read(p)
	c.hash.Write(p[:n])
	c.n += int64(n)
	// What sends the bytes may take as many as it knows of and look no further, as HTTP
	// clients do: the last ones come together with the end.
	for over := [1]byte{}; c.n == c.want.Size && err == nil; {
		var more int
		more, err = c.ReadCloser.Read(over[:])
		c.n += int64(more)
	}
	switch {
	case c.n > c.want.Size:
		err = whittle.ErrCorrupt.Errorf("blob %s has more than its %d bytes", c.want.Digest, c.want.Size)
	case !errors.Is(err, io.EOF):
	case c.n < c.want.Size:
		err = whittle.ErrCorrupt.Errorf("blob %s ends after %d of %d bytes", c.want.Digest, c.n, c.want.Size)
	case whittle.SHA256([32]byte(c.hash.Sum(nil))) != c.want.Digest:
		err = whittle.ErrCorrupt.Errorf("blob %s has another digest, sha256:%x", c.want.Digest, c.hash.Sum(nil))
	}
	if c.err = err; err != nil && !errors.Is(err, io.EOF) {
		return 0, err
	}
	return n, err
}

// IsForeign says whether a layer's media type is of one whose bytes are kept elsewhere
// and may not be distributed: it has to stay as it is.
func IsForeign(mediaType string) bool {
	return strings.Contains(mediaType, "nondistributable") || strings.Contains(mediaType, ".foreign.")
}
