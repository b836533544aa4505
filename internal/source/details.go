package source

import (
	"context"
	"encoding/json"
	"slices"
	"strings"

	"whittle.dev/whittle"
)

// Details are what a place says of an image besides what [whittle.Image] has.
type Details struct {
	// Config is the configuration, byte for byte.
	Config []byte
	// Annotations are those of the manifest, Layers what it says of each layer. Both are
	// empty where there is no manifest.
	Annotations map[string]string
	Layers      []LayerDetails
	// Attached are the documents about the image that its place has.
	Attached []Attached
}

// LayerDetails are what a manifest says of a layer.
type LayerDetails struct {
	MediaType   string
	Annotations map[string]string
	// URLs are where a foreign layer is kept. Here says whether its bytes are in the
	// place of the image, too.
	URLs []string
	Here bool
}

// Attached is a document about an image, such as a signature. It names the image by its
// digest, so it is not about a changed one.
type Attached struct {
	// Kind says what it is: "a signature", "an attestation", "an SBOM", "an artifact".
	Kind string
	// Type is its media type, empty if only a name says what it is.
	Type   string
	Digest whittle.Digest
}

// DetailsOf are the details of an image that [Open] has opened. Of another, they are its
// configuration alone.
func DetailsOf(ctx context.Context, img whittle.Image) (Details, error) {
	i, ok := img.(*image)
	if !ok || i.details == nil {
		b, err := json.Marshal(img.Config())
		return Details{Config: b}, err
	}
	return i.details(ctx)
}

// manifestDetails are those of an image with a manifest.
func manifestDetails(ctx context.Context, from blobs, doc *document, o Options) (Details, error) {
	b, err := readBlob(ctx, from.open, *doc.Config, "configuration", o.Limits.Config)
	if err != nil {
		return Details{}, err
	}
	out := Details{Config: b, Annotations: doc.Annotations}
	for _, l := range doc.Layers {
		one := LayerDetails{MediaType: l.MediaType, Annotations: l.Annotations, URLs: l.URLs, Here: true}
		if len(l.URLs) > 0 {
			_, _, err := from.stat(ctx, l.Digest)
			one.Here = err == nil
		}
		out.Layers = append(out.Layers, one)
	}
	return out, nil
}

// inIndex finds what the entries of a place say of manifests with these digests.
func inIndex(ctx context.Context, from blobs, entries []descriptor, about []whittle.Digest, o Options) ([]Attached, error) {
	var found []Attached
	p := newPicker(from, o)
	for pending := slices.Clone(entries); len(pending) > 0; {
		d := pending[0]
		pending = pending[1:]
		if p.visits++; p.visits > o.Limits.Manifests {
			return nil, whittle.ErrLimit.Errorf("its indexes name more than %d manifests", o.Limits.Manifests)
		}
		if _, err := whittle.ParseDigest(string(d.Digest)); err != nil || slices.Contains(about, d.Digest) && isManifest(d.MediaType) {
			continue
		}
		if isAttestation(d) {
			if slices.Contains(about, whittle.Digest(d.Annotations["vnd.docker.reference.digest"])) {
				found = append(found, Attached{Kind: "an attestation", Type: d.MediaType, Digest: d.Digest})
			}
			continue
		}
		if a, ok := byTag(d, about); ok {
			found = append(found, a)
			continue
		}
		l := &leaf{descriptor: d}
		if err := p.read(ctx, l); err != nil {
			return nil, err
		}
		switch {
		case l.doc == nil:
		case l.doc.Manifests != nil:
			pending = append(pending, l.doc.Manifests...)
		case l.doc.Subject != nil && slices.Contains(about, l.doc.Subject.Digest):
			found = append(found, Attached{Kind: artifactName(l.artifact), Type: l.artifact, Digest: d.Digest})
		}
	}
	return found, nil
}

// tagKinds are what the endings of cosign's tags say: sha256-HEX.sig.
// https://github.com/sigstore/cosign/blob/main/specs/SIGNATURE_SPEC.md
var tagKinds = map[string]string{".sig": "a signature", ".att": "an attestation", ".sbom": "an SBOM"}

// byTag is what an entry is by its name.
func byTag(d descriptor, about []whittle.Digest) (Attached, bool) {
	for _, digest := range about {
		rest, ok := strings.CutPrefix(d.Annotations[refName], tagOf(digest))
		if kind := tagKinds[rest]; ok && kind != "" {
			return Attached{Kind: kind, Digest: d.Digest}, true
		}
	}
	return Attached{}, false
}

// tagOf is how a digest is written as a tag.
func tagOf(d whittle.Digest) string { return strings.Replace(string(d), ":", "-", 1) }

// artifactName is a short name of an artifact's type.
func artifactName(kind string) string {
	for _, a := range artifactNames {
		if strings.Contains(kind, a.part) {
			return a.name
		}
	}
	return "an artifact"
}

// attached finds what a registry has about manifests: by its list of referrers, or by
// tags if it has no such list.
// https://github.com/opencontainers/distribution-spec/blob/main/spec.md#listing-referrers
func (r *repository) attached(ctx context.Context, about []whittle.Digest, o Options) ([]Attached, error) {
	var found []Attached
	for _, d := range about {
		for _, part := range []string{"referrers/" + string(d), "manifests/" + tagOf(d)} {
			b, _, err := r.document(ctx, part, "the list of what is attached")
			if ctx.Err() != nil {
				return nil, context.Cause(ctx)
			}
			if err != nil { // it has none, or does not give it to everybody
				continue
			}
			var list document
			if err := whittle.ParseJSON(b, &list); err != nil {
				return nil, whittle.ErrCorrupt.Errorf("the list of what is attached: %w", err)
			}
			for _, m := range list.Manifests[:min(len(list.Manifests), o.Limits.Manifests)] {
				if _, err := whittle.ParseDigest(string(m.Digest)); err == nil {
					kind := r.typeOf(ctx, m)
					found = append(found, Attached{Kind: artifactName(kind), Type: kind, Digest: m.Digest})
				}
			}
			break
		}
		for end, kind := range tagKinds {
			b, _, err := r.document(ctx, "manifests/"+tagOf(d)+end, "the manifest")
			if ctx.Err() != nil {
				return nil, context.Cause(ctx)
			}
			if err == nil {
				found = append(found, Attached{Kind: kind, Digest: whittle.DigestOf(b)})
			}
		}
	}
	return found, nil
}

// emptyConfig is the type of a configuration of artifacts that have none.
const emptyConfig = "application/vnd.oci.empty.v1+json"

// typeOf is the type of an artifact that a list of referrers has. Some registries put
// that of its configuration there.
func (r *repository) typeOf(ctx context.Context, d descriptor) string {
	if d.ArtifactType != "" && d.ArtifactType != emptyConfig {
		return d.ArtifactType
	}
	b, _, err := r.document(ctx, "manifests/"+string(d.Digest), "the manifest")
	if err != nil {
		return d.ArtifactType
	}
	doc, err := parseDocument(b, d.Digest)
	if err != nil {
		return d.ArtifactType
	}
	return doc.artifactType()
}

// sortAttached gives each document once, in an order of its own.
func sortAttached(all []Attached) []Attached {
	slices.SortFunc(all, func(a, b Attached) int {
		return strings.Compare(a.Kind+"\x00"+string(a.Digest)+"\x00"+a.Type, b.Kind+"\x00"+string(b.Digest)+"\x00"+b.Type)
	})
	return slices.CompactFunc(all, func(a, b Attached) bool { return a.Digest == b.Digest })
}

// withAttached adds to the details of an image what finds gives.
func (i *image) withAttached(find func(ctx context.Context) ([]Attached, error)) {
	inner := i.details
	i.details = func(ctx context.Context) (Details, error) {
		d, err := inner(ctx)
		if err != nil {
			return Details{}, err
		}
		found, err := find(ctx)
		d.Attached = sortAttached(found)
		return d, err
	}
}

// repositoryDetails adds what a registry has about an image: about its manifest, and
// about what was named, which may be the index above it.
func repositoryDetails(img *image, n *namedRepository, root descriptor, o Options) {
	img.withAttached(func(ctx context.Context) ([]Attached, error) {
		about := []whittle.Digest{img.ref.Digest}
		if root.Digest != img.ref.Digest {
			about = append(about, root.Digest)
		}
		found, err := inIndex(ctx, n, []descriptor{root}, about[:1], o)
		if err != nil {
			return nil, err
		}
		more, err := n.attached(ctx, about, o)
		return append(found, more...), err
	})
}
