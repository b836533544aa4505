package audit

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/codec"
	"whittle.dev/whittle/internal/destination"
	"whittle.dev/whittle/internal/host"
	"whittle.dev/whittle/internal/source"
	"whittle.dev/whittle/internal/squeeze"
)

// IntoOptions are the options of [SqueezeInto].
type IntoOptions struct {
	SqueezeOptions
	// To is where the image is written; nil writes none.
	To *destination.Destination
	// Attach writes the certificate beside the image, as an artifact about it.
	Attach bool
	// Version is whittle's, for the certificate.
	Version string
}

// SqueezeInto squeezes an image and writes it. It gives what was done, and the
// certificate, which is nil if nothing is written.
func SqueezeInto(ctx context.Context, env *host.Env, name string, o IntoOptions) (*whittle.Squeeze, *whittle.Certificate, error) {
	if o.To != nil {
		if err := o.To.Check(whittle.Ref{}, env.Places); err != nil {
			return nil, nil, err
		}
	}
	if o.Attach && (o.To == nil || !o.To.TakesArtifacts()) {
		return nil, nil, whittle.WithHint(whittle.ErrUsage.Errorf("a certificate is attached to an image in an OCI layout, an OCI archive or a registry"), "write it to a file, or name such a place")
	}
	if codec.Codec(o.Compress) == codec.ZstdChunked && o.To != nil && !o.To.TakesArtifacts() {
		return nil, nil, whittle.WithHint(whittle.ErrUsage.Errorf("no engine and no docker archive keeps what makes a layer zstd:chunked: it is said in the image's manifest"), "write it to an oci-layout:, an oci-archive: or a registry:, or use --compress zstd")
	}
	// What is refused is refused before the layers are read.
	o.Opened = func(img whittle.Image) error {
		if o.To == nil {
			return nil
		}
		return o.To.Check(img.Ref(), env.Places)
	}
	s, err := Squeeze(ctx, env, name, o.SqueezeOptions)
	if err != nil {
		return nil, nil, err
	}
	defer s.Close()
	details := s.Details
	img, dropped := toWrite(s, details)
	s.Report.Notes = append(s.Report.Notes, dropped...)
	if o.To == nil {
		s.Report.Stale = stale(details, s.Report)
		return s.Report, nil, nil
	}
	c, err := deliver(ctx, env, s, img, o)
	if err != nil {
		return nil, nil, err
	}
	if s.Report.Destination.Digest != s.Source.Ref().Digest {
		s.Report.Stale = stale(details, s.Report)
	}
	return s.Report, c, nil
}

// deliver writes the image with its certificate.
func deliver(ctx context.Context, env *host.Env, s *Squeezed, img destination.Image, o IntoOptions) (*whittle.Certificate, error) {
	digest, err := destination.ManifestDigest(ctx, img)
	if err != nil {
		return nil, err
	}
	c := certificate(s, o, digest)
	if o.Attach {
		text, err := json.MarshalIndent(c, "", "  ")
		if err != nil {
			return nil, err
		}
		img.Artifacts = []destination.Artifact{{Type: whittle.CertificateType, Content: text}}
	}
	env.Listener().Step("writing " + o.To.String())
	w, err := o.To.Write(ctx, img, env.Places)
	if err != nil {
		return nil, err
	}
	s.Report.Destination = &whittle.SqueezeDestination{Name: o.To.String(), Digest: w.Digest}
	if len(w.Artifacts) > 0 {
		s.Report.Destination.Certificate = w.Artifacts[0]
	}
	return c, nil
}

// toWrite is the image as a destination wants it, and what its place said that is not
// true of it any more.
func toWrite(s *Squeezed, details source.Details) (img destination.Image, notes []string) {
	img = destination.Image{Config: s.Config, Annotations: details.Annotations, From: source.Repository(s.Source.Ref())}
	var was []int // the layers of the image as it was, by those to write
	for i, row := range s.Report.Layers {
		if row.After != nil {
			was = append(was, i)
		}
	}
	for n, l := range s.Layers {
		one := destination.Layer{MediaType: l.MediaType, Digest: l.Digest, Size: l.Size, DiffID: l.DiffID, Open: l.Open}
		if n < len(was) && was[n] < len(details.Layers) {
			said, word := details.Layers[was[n]], ""
			if one.Annotations, word = stillTrue(said.Annotations, l.Changed); word != "" && (word != "zstd:chunked" || l.Annotations == nil) {
				notes = append(notes, fmt.Sprintf("layer %d was made for %s, which its new bytes are not: engines download it whole", was[n], word))
			}
			if !l.Changed {
				one.MediaType, one.URLs = cmp.Or(said.MediaType, one.MediaType), said.URLs
				if len(said.URLs) > 0 && !said.Here {
					one.Open = nil
				}
			}
		}
		if len(l.Annotations) > 0 {
			one.Annotations = maps.Clone(one.Annotations)
			if one.Annotations == nil {
				one.Annotations = map[string]string{}
			}
			maps.Copy(one.Annotations, l.Annotations)
		}
		img.Layers = append(img.Layers, one)
	}
	return img, notes
}

// describing are annotations that are about the bytes of a layer's blob, by the
// beginnings of their names, and what they are for.
var describing = []struct{ prefix, format string }{
	{"io.github.containers.zstd-chunked.", "zstd:chunked"},
	{"io.containers.zstd-chunked.", "zstd:chunked"},
	{"containerd.io/snapshot/stargz/", "eStargz"},
	{"io.containers.estargz.", "eStargz"},
	{"containerd.io/snapshot/nydus-", "Nydus"},
	{"containerd.io/snapshot/overlaybd/", "OverlayBD"},
}

// stillTrue are the annotations of a layer that are true of its new bytes, and the
// format that it was in.
func stillTrue(annotations map[string]string, changed bool) (left map[string]string, format string) {
	if !changed {
		return annotations, ""
	}
	left = maps.Clone(annotations)
	for _, d := range describing {
		maps.DeleteFunc(left, func(name, _ string) bool {
			if !strings.HasPrefix(name, d.prefix) {
				return false
			}
			format = d.format
			return true
		})
	}
	return left, format
}

// stale are the documents that are not about the image any more; none if nothing changes.
func stale(details source.Details, r *whittle.Squeeze) (all []whittle.StaleDocument) {
	if r.Config == r.ConfigBefore && !slices.ContainsFunc(r.Layers, func(l whittle.SqueezedLayer) bool { return l.Action != squeeze.Kept }) {
		return nil
	}
	for _, a := range details.Attached {
		all = append(all, whittle.StaleDocument{Kind: a.Kind, Type: a.Type, Digest: a.Digest})
	}
	return all
}

func certificate(s *Squeezed, o IntoOptions, digest whittle.Digest) *whittle.Certificate {
	r := s.Report
	c := &whittle.Certificate{Schema: whittle.CertificateSchema, Whittle: o.Version, LeftOut: r.Dropped,
		Readings: []string{"the account of the layers' entries, as overlay2 merges them", "a second program that reads the layers' tars from the lowest to the highest"},
		Before:   whittle.CertifiedImage{Ref: r.Image.Ref, Digest: r.Image.Digest, Config: r.ConfigBefore, Sizes: r.Before, Tree: r.Tree},
		After:    whittle.CertifiedImage{Ref: o.To.String(), Digest: digest, Config: r.Config, Sizes: r.After, Tree: r.Tree}}
	if c.Trim = s.Trim; r.TreeBefore != nil {
		c.Before.Tree = *r.TreeBefore
	}
	for _, l := range s.Source.Layers() {
		c.Before.Layers = append(c.Before.Layers, l.DiffID())
	}
	for _, l := range s.Layers {
		c.After.Layers = append(c.After.Layers, l.DiffID)
	}
	if c.LeftOut == nil {
		c.LeftOut = []whittle.Dropped{}
	}
	return c
}
