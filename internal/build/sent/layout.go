package sent

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/errdefs"
	digest "github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"whittle.dev/whittle"
)

// Layout gives the engine the blobs of an OCI layout to read. Unlike
// containerd's own store it never writes to the folder.
type Layout struct{ Dir string }

var _ content.Store = Layout{}

func (s Layout) path(d digest.Digest) (string, error) {
	if err := d.Validate(); err != nil {
		return "", fmt.Errorf("%w: %w", err, errdefs.ErrInvalidArgument)
	}
	return filepath.Join(s.Dir, "blobs", string(d.Algorithm()), d.Encoded()), nil
}

func (s Layout) missing(d digest.Digest, err error) error {
	if os.IsNotExist(err) {
		return fmt.Errorf("blob %s of the OCI layout %s: %w", d, s.Dir, errdefs.ErrNotFound)
	}
	return err
}

// Info implements [content.Store].
func (s Layout) Info(_ context.Context, d digest.Digest) (content.Info, error) {
	path, err := s.path(d)
	if err != nil {
		return content.Info{}, err
	}
	info, err := os.Stat(path)
	if err != nil {
		return content.Info{}, s.missing(d, err)
	}
	return content.Info{Digest: d, Size: info.Size(), CreatedAt: info.ModTime(), UpdatedAt: info.ModTime()}, nil
}

// ReaderAt implements [content.Store].
func (s Layout) ReaderAt(_ context.Context, desc ocispecs.Descriptor) (content.ReaderAt, error) {
	path, err := s.path(desc.Digest)
	if err != nil {
		return nil, err
	}
	f, err := whittle.OpenFile(path)
	if err != nil {
		return nil, s.missing(desc.Digest, err)
	}
	info, err := f.Stat()
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	return blobReader{f, info.Size()}, nil
}

type blobReader struct {
	*os.File
	size int64
}

func (r blobReader) Size() int64 { return r.size }

// A store that is only read needs none of the following methods.

// Update implements [content.Store].
func (Layout) Update(context.Context, content.Info, ...string) (content.Info, error) {
	return content.Info{}, errdefs.ErrNotImplemented
}

// Walk implements [content.Store].
func (Layout) Walk(context.Context, content.WalkFunc, ...string) error {
	return errdefs.ErrNotImplemented
}

// Delete implements [content.Store].
func (Layout) Delete(context.Context, digest.Digest) error { return errdefs.ErrNotImplemented }

// Status implements [content.Store].
func (Layout) Status(context.Context, string) (content.Status, error) {
	return content.Status{}, errdefs.ErrNotFound
}

// ListStatuses implements [content.Store].
func (Layout) ListStatuses(context.Context, ...string) ([]content.Status, error) {
	return nil, nil
}

// Abort implements [content.Store].
func (Layout) Abort(context.Context, string) error { return errdefs.ErrNotImplemented }

// Writer implements [content.Store].
func (Layout) Writer(context.Context, ...content.WriterOpt) (content.Writer, error) {
	return nil, errdefs.ErrNotImplemented
}
