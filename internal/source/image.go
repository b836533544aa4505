package source

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"math"

	"whittle.dev/whittle"
)

// blobs is a place that gives bytes by digest.
type blobs interface {
	// open gives a blob's bytes as they are stored.
	open(ctx context.Context, d whittle.Digest) (io.ReadCloser, error)
	// manifest does the same for manifests and indexes, which registries keep
	// in another place.
	manifest(ctx context.Context, d whittle.Digest) (io.ReadCloser, error)
	// section gives them in place, if they are in a file.
	section(d whittle.Digest) (*io.SectionReader, bool)
	// stat gives their number, -1 if it is not known, and their identity: see
	// [whittle.Stat].
	stat(ctx context.Context, d whittle.Digest) (size int64, identity string, err error)
}

// configuration is an image's configuration, with the bytes that it was read from; nil
// where nobody wrote it.
type configuration struct {
	whittle.Config
	raw []byte
}

// image implements [whittle.Image] for every place.
type image struct {
	ref    whittle.Ref
	config configuration
	layers []whittle.Layer
	close  func() error
	// details reads what [DetailsOf] gives; nil if there is nothing more.
	details func(ctx context.Context) (Details, error)
}

func (i *image) Ref() whittle.Ref        { return i.ref }
func (i *image) Config() *whittle.Config { return &i.config.Config }

// RawConfig implements [whittle.RawConfiger].
func (i *image) RawConfig() []byte { return i.config.raw }

func (i *image) Layers() []whittle.Layer { return i.layers }

func (i *image) Close() error {
	if i.close == nil {
		return nil
	}
	c := i.close
	i.close = nil
	return c()
}

// layer implements [whittle.Layer], [whittle.Sectioner] and [whittle.Stater].
type layer struct {
	diffID whittle.Digest
	// blob describes the stored bytes; its digest and media type are empty if they
	// are not known. transfer says that a registry would send these bytes.
	blob     whittle.Blob
	transfer bool
	raw      func(ctx context.Context) (io.ReadCloser, error)
	inPlace  func() (*io.SectionReader, bool)
	stat     func(ctx context.Context) (size int64, identity string, err error)
}

var (
	_ whittle.Sectioner = (*layer)(nil)
	_ whittle.Stater    = (*layer)(nil)
)

func (l *layer) DiffID() whittle.Digest { return l.diffID }

func (l *layer) Blob() (whittle.Blob, bool) {
	if !l.transfer {
		return whittle.Blob{}, false
	}
	return l.blob, true
}

func (l *layer) Open(ctx context.Context) (io.ReadCloser, error) {
	r, err := l.raw(ctx)
	if err != nil {
		return nil, fmt.Errorf("opening layer %s: %w", l.diffID.Short(), err)
	}
	if l.blob.Digest == "" {
		return r, nil
	}
	return &verifier{ReadCloser: r, blob: l.blob, hash: sha256.New()}, nil
}

func (l *layer) Stat(ctx context.Context) (whittle.Stat, error) {
	size, identity, err := l.stat(ctx)
	return whittle.Stat{Claim: l.blob, Size: size, Identity: identity}, err
}

func (l *layer) Section() (*io.SectionReader, bool) {
	if l.inPlace == nil {
		return nil, false
	}
	s, ok := l.inPlace()
	if !ok || !plainTar(s) {
		return nil, false
	}
	return s, true
}

// plainTar says whether the bytes begin like a tar: with an "ustar" header, or with
// the zeros of an empty archive.
func plainTar(r io.ReaderAt) bool {
	var b [512]byte
	if _, err := r.ReadAt(b[:], 0); err != nil {
		return false
	}
	return string(b[257:262]) == "ustar" || b == [512]byte{}
}

// verifier checks a blob's size and digest while it is read.
type verifier struct {
	io.ReadCloser
	blob whittle.Blob
	hash hash.Hash
	n    int64
	err  error
}

func (v *verifier) Read(p []byte) (int, error) {
	if v.err != nil {
		return 0, v.err
	}
	n, err := v.ReadCloser.Read(p)
	v.hash.Write(p[:n])
	v.n += int64(n)
	switch {
	case v.n > v.blob.Size:
		err = whittle.ErrCorrupt.Errorf("blob %s has more than its %d bytes", v.blob.Digest, v.blob.Size)
	case !errors.Is(err, io.EOF):
	case v.n < v.blob.Size:
		err = whittle.ErrCorrupt.Errorf("blob %s ends after %d of %d bytes", v.blob.Digest, v.n, v.blob.Size)
	case whittle.SHA256([32]byte(v.hash.Sum(nil))) != v.blob.Digest:
		err = whittle.ErrCorrupt.Errorf("blob %s has another digest, sha256:%x", v.blob.Digest, v.hash.Sum(nil))
	}
	v.err = err
	return n, err
}

// unknownSize is the size of a blob of which only the digest is known.
const unknownSize = math.MinInt64

// opener is one of the methods of blobs.
type opener func(ctx context.Context, d whittle.Digest) (io.ReadCloser, error)

// readBlob reads a whole small blob and verifies it.
func readBlob(ctx context.Context, open opener, d descriptor, what string, limit int64) ([]byte, error) {
	if d.Size > limit {
		return nil, whittle.ErrLimit.Errorf("%s %s claims %d bytes, more than %d", what, d.Digest, d.Size, limit)
	}
	r, err := open(ctx, d.Digest)
	if err != nil {
		return nil, fmt.Errorf("opening %s %s: %w", what, d.Digest, err)
	}
	defer r.Close()
	b, err := readAll(r, what+" "+string(d.Digest), limit)
	if err != nil {
		return nil, err
	}
	if d.Size != unknownSize && int64(len(b)) != d.Size {
		return nil, whittle.ErrCorrupt.Errorf("%s %s has %d bytes, not %d", what, d.Digest, len(b), d.Size)
	}
	if got := whittle.SHA256(sha256.Sum256(b)); got != d.Digest {
		return nil, whittle.ErrCorrupt.Errorf("%s %s has another digest, %s", what, d.Digest, got)
	}
	return b, nil
}

// parseConfig reads an image configuration and checks its diff IDs.
func parseConfig(b []byte, layers int) (configuration, error) {
	c := configuration{raw: b}
	if err := whittle.ParseJSON(b, &c.Config); err != nil {
		return c, whittle.ErrCorrupt.Errorf("the image configuration: %w", err)
	}
	if n := len(c.RootFS.DiffIDs); n != layers {
		return c, whittle.ErrCorrupt.Errorf("the image configuration has %d diff IDs for %d layers", n, layers)
	}
	for i, d := range c.RootFS.DiffIDs {
		if _, err := whittle.ParseDigest(string(d)); err != nil {
			return c, fmt.Errorf("diff ID of layer %d: %w", i, err)
		}
	}
	return c, nil
}
