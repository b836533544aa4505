package audit

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/chunked"
	"whittle.dev/whittle/internal/codec"
	"whittle.dev/whittle/internal/host"
	"whittle.dev/whittle/internal/index"
	"whittle.dev/whittle/internal/ledger"
	"whittle.dev/whittle/internal/source"
	"whittle.dev/whittle/internal/squeeze"
)

// SqueezeOptions are the options of [Squeeze].
type SqueezeOptions struct {
	// Inspect tells the Dockerfile, which says how many layers are the base's.
	Inspect InspectOptions
	// RewriteBase squeezes the base's layers, too. Otherwise they stay as they are, so
	// that images of one base still share them.
	RewriteBase bool
	// BaseImage is the name of the base image: its layers are those that the two have
	// in common. BaseLayers is their number, if it is known otherwise.
	BaseImage  string
	BaseLayers int
	// Compress is "keep" or empty for the compression that a layer has, "gzip", "zstd",
	// "zstd:chunked" or "tar" for none; Level is its level, 0 for the default.
	Compress string
	Level    int
	// Merge makes one layer of all above the base's.
	Merge bool
	// Opened is told the image before its layers are read; nil where nobody asks.
	Opened func(img whittle.Image) error
	// AnyRuntime goes on where runtimes merge the layers differently, if the tree stays
	// the same by both of whittle's readings.
	AnyRuntime bool
	// Fix names rules whose findings are removed: see [Trims].
	Fix []string
	// Trace says what runs of the image touched, which the rules then leave; nil if it was
	// not traced.
	Trace *whittle.Trace
	// Traced removes Python distributions that no run touches; nil removes none.
	Traced *TracedOptions
	// Run runs what the image starts, before and after something is removed.
	Run bool
}

// Squeezed is an image to be written. Close removes its files.
type Squeezed struct {
	// Report says what was done.
	Report *whittle.Squeeze
	// Config is the text of the configuration, as it is to be written.
	Config []byte
	// Layers are those of the image, lowest first.
	Layers []SqueezedLayer
	// Source is the image as it was, open until Close.
	Source whittle.Image
	// Details are what its place says of it.
	Details source.Details
	// Trim is in what the tree differs, nil if in nothing.
	Trim *whittle.CertifiedTrim
	dir  string
	// trimming has the image open whose layers are written; nil if nothing was removed.
	trimming *trimming
}

// SqueezedLayer is a layer to be written.
type SqueezedLayer struct {
	// MediaType is of the OCI family, or of Docker's where the layer had that.
	MediaType string
	// Digest is that of the Size bytes that Open reads, DiffID that of the
	// uncompressed tar.
	Digest, DiffID whittle.Digest
	Size           int64
	Open           func(ctx context.Context) (io.ReadCloser, error)
	// Changed says that these bytes are not those of a layer of the image as it was.
	Changed bool
	// Annotations are those that its bytes need, of one that was written.
	Annotations map[string]string
}

// Close removes the layers that were written, and closes the image.
func (s *Squeezed) Close() error {
	err := os.RemoveAll(s.dir)
	if s.trimming != nil {
		s.trimming.close()
	}
	if closed := s.Source.Close(); err == nil {
		err = closed
	}
	return err
}

// Squeeze makes an image smaller whose merged root file system and configuration stay
// the same, and proves that by two readings. Layers that change are written into a
// temporary folder; the image as it was is not touched.
func Squeeze(ctx context.Context, env *host.Env, name string, o SqueezeOptions) (_ *Squeezed, err error) {
	job := squeeze.Job{AnyRuntime: o.AnyRuntime, Merge: o.Merge, Limits: env.Index.Limits}
	if job.Compression, err = compression(o.Compress, o.Level); err != nil {
		return nil, err
	}
	img, err := env.Images.Open(ctx, name)
	if err != nil {
		return nil, err
	}
	made := &Squeezed{Source: img}
	defer func() {
		if err != nil {
			_ = made.Close()
		}
	}()
	if o.Opened != nil {
		if err := o.Opened(img); err != nil {
			return nil, err
		}
	}
	details, err := source.DetailsOf(ctx, img)
	if err != nil {
		return nil, fmt.Errorf("reading what is said of %s: %w", name, err)
	}
	made.Details = details
	for _, l := range details.Layers {
		job.Chunked = append(job.Chunked, chunked.Is(l.Annotations))
	}
	if made.dir, err = os.MkdirTemp("", "squeeze-"); err != nil {
		return nil, whittle.ErrSystem.Of(err)
	}
	job.Dir = made.dir
	base, notes, err := baseLayers(ctx, env, img, name, o)
	if err != nil {
		return nil, err
	}
	if !o.RewriteBase {
		job.Base = base
	}
	if len(o.Fix) > 0 || o.Traced != nil {
		err = made.trimAndSqueeze(ctx, env, name, o, job)
	} else {
		var indexes []*whittle.Index
		var verified bool
		if indexes, verified, err = readAll(ctx, env, img, name); err == nil {
			if _, err = made.squeeze(ctx, env, img, indexes, name, job); err == nil {
				made.Report.Image.Verified = verified
			}
		}
	}
	if err != nil {
		return nil, err
	}
	made.Report.Notes = append(made.Report.Notes, notes...)
	return made, nil
}

// squeeze squeezes what may be the image as it was, or one without what rules found.
func (s *Squeezed) squeeze(ctx context.Context, env *host.Env, img whittle.Image, indexes []*whittle.Index, name string, job squeeze.Job) (*squeeze.Result, error) {
	env.Listener().Step("squeezing " + name)
	done, err := squeeze.Run(ctx, img, indexes, job)
	if err != nil {
		return nil, fmt.Errorf("squeezing %s: %w", name, err)
	}
	if s.Report, err = squeezeReport(ctx, img, indexes, done, job); err != nil {
		return nil, err
	}
	s.Config = done.Config
	for _, l := range done.Layers {
		s.Layers = append(s.Layers, SqueezedLayer{MediaType: l.Stored.MediaType, Digest: l.Stored.Digest, DiffID: l.ID, Size: l.Stored.Size, Open: l.Open, Changed: l.Changed(), Annotations: l.Annotations})
	}
	for n, l := range done.After {
		if l != nil && l.Plain != "" {
			s.Report.Notes = append(s.Report.Notes, fmt.Sprintf("layer %d is plain zstd, not zstd:chunked: a table of contents cannot say what its tar says: %s", n, l.Plain))
		}
	}
	return done, nil
}

// trimAndSqueeze removes what rules find first. The trees of the image as it was and of the
// squeezed one are compared at the end.
func (s *Squeezed) trimAndSqueeze(ctx context.Context, env *host.Env, name string, o SqueezeOptions, job squeeze.Job) error {
	t, err := newTrimming(ctx, env, name, o, job)
	if err != nil {
		return err
	}
	s.trimming = t
	c, err := t.trim(ctx)
	if err != nil {
		return err
	}
	m := t.x.Subject.Image
	img, indexes := m.Image, m.Indexes
	if c != nil {
		img, indexes = c.image, c.indexes
	}
	done, err := s.squeeze(ctx, env, img, indexes, name, job)
	if err != nil {
		return err
	}
	s.Report.Image = factsOf(s.Source, m.Verified())
	if c != nil {
		layers := make([]whittle.Layer, len(done.Layers))
		for i, l := range done.Layers {
			layers[i] = l
		}
		if err := t.prove(ctx, c, layers, done.Indexes, &squeeze.Reading{Entries: env.Index.Limits.Entries}); err != nil {
			return fmt.Errorf("squeezing %s: %w", name, err)
		}
		s.Trim = c.certified()
	}
	return t.tell(ctx, c, s.Report)
}

// compression parses what a user wants.
func compression(name string, level int) (c squeeze.Compression, err error) {
	if name == "" || name == "keep" {
		if level != 0 {
			err = whittle.WithHint(whittle.ErrUsage.Errorf("a level is that of a compression, and none is named"), "name it with --compress")
		}
		return c, err
	}
	c = squeeze.Compression{Codec: codec.Codec(name), Level: level}
	as := c.Codec
	if as == codec.ZstdChunked {
		as = codec.Zstd
	}
	w, err := codec.NewWriter(io.Discard, as, level)
	if err != nil {
		return c, whittle.ErrUsage.Of(err)
	}
	return c, w.Close()
}

// baseLayers is how many of an image's layers are its base's, 0 if that is not known.
func baseLayers(ctx context.Context, env *host.Env, img whittle.Image, name string, o SqueezeOptions) (n int, notes []string, err error) {
	layers := img.Layers()
	switch {
	case o.BaseLayers < 0 || o.BaseLayers > len(layers):
		return 0, nil, whittle.ErrUsage.Errorf("%s has %d layers: %d of them cannot be its base's", name, len(layers), o.BaseLayers)
	case o.BaseLayers > 0:
		return o.BaseLayers, nil, nil
	case o.BaseImage != "":
		base, err := env.Images.Open(ctx, o.BaseImage)
		if err != nil {
			return 0, nil, err
		}
		defer base.Close()
		for n < len(layers) && n < len(base.Layers()) && layers[n].DiffID() == base.Layers()[n].DiffID() {
			n++
		}
		if n == 0 {
			return 0, nil, whittle.ErrUsage.Errorf("%s is no base of %s: they have no layer in common", o.BaseImage, name)
		}
		return n, nil, nil
	}
	_, steps, _, err := joinDockerfile(WithStudyDockerfile(env, img, name, o.Inspect), img.Config().Steps())
	if err != nil {
		return 0, nil, err
	}
	n = whittle.BaseLayers(steps, len(layers))
	if n == 0 && !o.RewriteBase {
		notes = append(notes, "which layers are the base's is not known: all of them may have changed")
	}
	return n, notes, nil
}

// readAll indexes all layers with the digests of their files.
func readAll(ctx context.Context, env *host.Env, img whittle.Image, name string) (indexes []*whittle.Index, verified bool, err error) {
	read, task := env.Reading(name, img)
	defer task.End("")
	read.Hash = true
	if indexes, err = index.All(ctx, img, read); err != nil {
		return nil, false, fmt.Errorf("reading %s: %w", name, err)
	}
	return indexes, !slices.ContainsFunc(indexes, func(i *whittle.Index) bool { return !i.Verified }), nil
}

// squeezeReport is the value that is reported.
func squeezeReport(ctx context.Context, img whittle.Image, indexes []*whittle.Index, done *squeeze.Result, job squeeze.Job) (*whittle.Squeeze, error) {
	out := &whittle.Squeeze{Schema: whittle.SqueezeSchema, Image: factsOf(img, false), Merged: slices.Contains(done.Actions, squeeze.Merged),
		Layers: []whittle.SqueezedLayer{}, Tree: done.Tree, Config: whittle.DigestOf(done.Config), Ambiguous: done.Plan.Ledger.Ambiguous}
	raw, err := squeeze.RawConfig(img)
	if err != nil {
		return nil, err
	}
	out.ConfigBefore = whittle.DigestOf(raw)
	before, err := done.Before(ctx, img, indexes)
	if err != nil {
		return nil, err
	}
	for n := range indexes {
		row := whittle.SqueezedLayer{Index: n, Action: done.Actions[n], Why: done.Why[n], Before: before[n], Dropped: done.Plan.Dropped(indexes, n)}
		addBlob(&out.Before, row.Before)
		if blob, ok := done.Blob(n); ok {
			row.After = &blob
			addBlob(&out.After, blob)
		}
		out.Layers = append(out.Layers, row)
	}
	out.Dropped = squeeze.SumDropped(out.Layers)
	out.Base, err = squeeze.BaseSaving(ctx, indexes, before, job)
	return out, err
}

func addBlob(s *whittle.SqueezeSizes, b whittle.LayerBlob) {
	s.Stored += b.Stored
	s.Size += b.Size
	s.Tar += b.Tar
	s.Entries += b.Entries
	s.Layers++
}

// maxDifferences is how many paths a comparison lists.
const maxDifferences = 100

// SameTree says whether two images have the same merged root file system and the same
// configuration, but for rootfs and history. It reads each image's layers once for the
// account, and once for the second reading, and needs nothing else than the images. With a
// certificate of trims it says whether the trees differ in just these.
func SameTree(ctx context.Context, env *host.Env, a, b string, c *whittle.Certificate) (*whittle.TreeComparison, error) {
	out := &whittle.TreeComparison{Schema: whittle.VerifySchema, Images: []whittle.TreeImage{}}
	var trees, second [2]*squeeze.Tree
	var configs [2][]byte
	agree := true
	for i, name := range []string{a, b} {
		img, err := env.Images.Open(ctx, name)
		if err != nil {
			return nil, err
		}
		defer img.Close()
		row, tree, again, err := readTree(ctx, env, img, name)
		if err != nil {
			return nil, err
		}
		out.Images, trees[i], second[i] = append(out.Images, *row), tree, again
		agree = agree && (row.Tree.Digest == row.Second.Digest || len(row.Ambiguous) > 0)
		if configs[i], err = squeeze.RawConfig(img); err != nil {
			return nil, err
		}
	}
	if !agree {
		return nil, whittle.ErrUnmeasured.Errorf("comparing %s and %s: whittle's two readings of one of them disagree on its merged root file system", a, b)
	}
	x, y := out.Images[0], out.Images[1]
	out.SameTree = x.Tree == y.Tree && x.Second == y.Second
	out.Differences, out.More = squeeze.Differences(trees[0], trees[1], maxDifferences)
	var err error
	if out.ConfigDifferences, err = squeeze.ConfigDifferences(configs[0], configs[1]); err != nil {
		return nil, err
	}
	out.SameConfig = len(out.ConfigDifferences) == 0
	out.Same = out.SameTree && out.SameConfig && !out.Contradicts()
	if c != nil {
		out.Trim, err = explained(c, out.Images, trees, second)
	}
	return out, err
}

// readTree reads an image's merged root file system both ways.
func readTree(ctx context.Context, env *host.Env, img whittle.Image, name string) (row *whittle.TreeImage, tree, again *squeeze.Tree, err error) {
	indexes, verified, err := readAll(ctx, env, img, name)
	if err != nil {
		return nil, nil, nil, err
	}
	l, err := ledger.Build(indexes, ledger.Options{Folders: int(env.Index.Limits.Memory / index.EntrySize)})
	if err != nil {
		return nil, nil, nil, fmt.Errorf("accounting for %s: %w", name, err)
	}
	row = &whittle.TreeImage{ImageFacts: factsOf(img, verified), Ambiguous: l.Ambiguous}
	if row.Contradictions, err = contradictions(ctx, img); err != nil {
		return nil, nil, nil, fmt.Errorf("reading what is said of the layers of %s: %w", name, err)
	}
	if tree, again, err = squeeze.Trees(ctx, img.Layers(), indexes, l, &squeeze.Reading{Entries: env.Index.Limits.Entries}); err != nil {
		return nil, nil, nil, fmt.Errorf("reading %s: %w", name, err)
	}
	row.Tree, row.Second = tree.Sum(), again.Sum()
	return row, tree, again, nil
}
