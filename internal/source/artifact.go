package source

import (
	"slices"
	"strings"

	"whittle.dev/whittle"
)

// Media types of image configurations; Docker's early registries kept some as
// plain bytes.
var configTypes = []string{
	"", ociConfig, "application/vnd.docker.container.image.v1+json",
	"application/octet-stream", "application/json", "text/html",
}

// isAttestation says whether an entry is BuildKit's provenance or SBOM, not an
// image.
func isAttestation(d descriptor) bool {
	return d.Annotations["vnd.docker.reference.type"] == "attestation-manifest" ||
		d.platform() == whittle.Platform{OS: "unknown", Architecture: "unknown"}
}

// artifactType is the type of a manifest that is not an image's, and empty for
// an image. Signatures and attestations have the configuration of an image;
// their layers show what they are.
// https://github.com/opencontainers/image-spec/blob/main/manifest.md#guidelines-for-artifact-usage
func (doc *document) artifactType() string {
	image := doc.Config != nil && slices.Contains(configTypes, doc.Config.MediaType)
	switch {
	case doc.ArtifactType != "" && (!image || doc.Subject != nil):
		return doc.ArtifactType
	case doc.Config == nil:
		return ""
	case !image:
		return doc.Config.MediaType
	case len(doc.Layers) == 0 || slices.ContainsFunc(doc.Layers, isLayer):
		return ""
	}
	return doc.Layers[0].MediaType
}

func isLayer(d descriptor) bool {
	for _, prefix := range []string{"application/vnd.oci.image.layer.", "application/vnd.docker.image.rootfs.", "application/vnd.docker.container.image.rootfs."} {
		if strings.HasPrefix(d.MediaType, prefix) {
			return true
		}
	}
	return slices.Contains([]string{"", "application/octet-stream", "application/x-tar", "application/x-gtar", "application/gzip", "application/tar+gzip"}, d.MediaType)
}

// artifactNames are names of the most common types.
var artifactNames = []struct{ part, name string }{
	{"helm", "a Helm chart"},
	{"wasm", "a WebAssembly module"},
	{"simplesigning", "a signature"},
	{"sigstore.bundle", "a signature"},
	{"notary.signature", "a signature"},
	{"in-toto", "an attestation"},
	{"spdx", "an SBOM"},
	{"cyclonedx", "an SBOM"},
	{"syft", "an SBOM"},
	{"docker.plugin", "a Docker plugin"},
	{"ai.model", "a model"},
}

// notImage is the error if an artifact of another kind was named.
func notImage(kind string) error {
	name := "an artifact"
	for _, a := range artifactNames {
		if strings.Contains(kind, a.part) {
			name = a.name
			break
		}
	}
	return whittle.WithHint(whittle.ErrUnsupported.Errorf("it is %s, not a container image (its type is %.200s)", name, kind),
		"whittle reads container images only")
}
