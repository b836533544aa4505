package squeeze

import (
	"bufio"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/chunked"
	"whittle.dev/whittle/internal/codec"
	"whittle.dev/whittle/internal/index"
)

// Layer is a layer to be written: one that was rewritten, or one as it is. It
// implements [whittle.Layer].
type Layer struct {
	ID whittle.Digest
	// Stored describes the bytes that Open reads.
	Stored whittle.Blob
	// Tar is the length of the uncompressed tar in bytes.
	Tar int64
	// file has the bytes of a layer that was rewritten; it is empty for one as it is.
	file string
	from whittle.Layer
	// Annotations are those of the descriptor of a layer that was written as zstd:chunked.
	Annotations map[string]string
	// Plain says why a layer that was to be zstd:chunked is plain zstd.
	Plain string
}

// DiffID implements [whittle.Layer].
func (l *Layer) DiffID() whittle.Digest { return l.ID }

// Blob implements [whittle.Layer].
func (l *Layer) Blob() (whittle.Blob, bool) { return l.Stored, true }

// Open implements [whittle.Layer].
func (l *Layer) Open(ctx context.Context) (io.ReadCloser, error) {
	if l.file == "" {
		return l.from.Open(ctx)
	}
	return os.Open(l.file)
}

// Compression says how layers are compressed that are rewritten.
type Compression struct {
	// Codec is that of all; empty is the one that a layer has.
	Codec codec.Codec
	// Level is that of the codec, 0 for its default.
	Level int
}

// of is the codec for a layer that has one. What cannot be written becomes gzip. chunked
// says that the layer is zstd:chunked.
func (c Compression) of(old codec.Codec, chunked bool) codec.Codec {
	if c.Codec != "" {
		return c.Codec
	}
	if chunked && old == codec.Zstd {
		return codec.ZstdChunked
	}
	if _, _, _, ok := codec.Levels(old); !ok {
		return codec.Gzip
	}
	return old
}

const (
	ociLayer    = "application/vnd.oci.image.layer.v1.tar"
	dockerLayer = "application/vnd.docker.image.rootfs.diff.tar"
)

// mediaType is that of a layer that is written, of Docker's family where the old one is.
func mediaType(old string, c codec.Codec) string {
	docker := strings.HasPrefix(old, "application/vnd.docker.")
	switch {
	case c == codec.Gzip && docker:
		return dockerLayer + ".gzip"
	case c == codec.Gzip:
		return ociLayer + "+gzip"
	case c == codec.Zstd, c == codec.ZstdChunked:
		return ociLayer + "+zstd"
	case docker:
		return dockerLayer
	}
	return ociLayer
}

// codecOf reads the first bytes of a layer.
func codecOf(ctx context.Context, l whittle.Layer) (codec.Codec, error) {
	r, err := l.Open(ctx)
	if err != nil {
		return "", err
	}
	defer r.Close()
	magic, err := bufio.NewReaderSize(r, 64).Peek(codec.MagicSize)
	if err != nil && !errors.Is(err, io.EOF) {
		return "", err
	}
	return codec.Of(magic), nil
}

// storedBytes is how many bytes a layer has as it is stored. It reads them if nothing
// says it.
func storedBytes(ctx context.Context, l whittle.Layer) (int64, error) {
	if blob, ok := l.Blob(); ok {
		return blob.Size, nil
	}
	if s, ok := l.(whittle.Sectioner); ok {
		if section, ok := s.Section(); ok {
			return section.Size(), nil
		}
	}
	r, err := l.Open(ctx)
	if err != nil {
		return 0, err
	}
	defer r.Close()
	return io.Copy(io.Discard, reader{ctx, r})
}

// output is a layer that is being written into a file.
type output struct {
	file    *os.File
	stored  hash.Hash
	tar     hash.Hash
	size    int64
	tarSize int64
	buf     *bufio.Writer
	comp    io.WriteCloser
	chunked *chunked.Writer // comp, if it is that
}

func newOutput(dir string, c codec.Codec, level int) (*output, error) {
	f, err := os.CreateTemp(dir, "layer-*")
	if err != nil {
		return nil, whittle.ErrSystem.Of(err)
	}
	o := &output{file: f, stored: sha256.New(), tar: sha256.New(), buf: bufio.NewWriterSize(f, 256<<10)}
	if c == codec.ZstdChunked {
		o.chunked, err = chunked.NewWriter(compressed{o}, level)
		o.comp = o.chunked
	} else {
		o.comp, err = codec.NewWriter(compressed{o}, c, level)
	}
	if err != nil {
		o.remove()
		return nil, err
	}
	return o, nil
}

// compressed takes the bytes as they are stored.
type compressed struct{ *output }

func (c compressed) Write(p []byte) (int, error) {
	n, err := c.buf.Write(p)
	c.stored.Write(p[:n])
	c.size += int64(n)
	return n, whittle.ErrSystem.Of(err)
}

// Write takes bytes of the tar.
func (o *output) Write(p []byte) (int, error) {
	n, err := o.comp.Write(p)
	o.tar.Write(p[:n])
	o.tarSize += int64(n)
	return n, err
}

// finish ends the stream and gives the layer.
func (o *output) finish(media string) (*Layer, error) {
	err := o.comp.Close()
	if err == nil {
		err = whittle.ErrSystem.Of(o.buf.Flush())
	}
	if closed := o.file.Close(); err == nil {
		err = whittle.ErrSystem.Of(closed)
	}
	if err != nil {
		return nil, err
	}
	l := &Layer{ID: whittle.SHA256([32]byte(o.tar.Sum(nil))), Tar: o.tarSize, file: o.file.Name(),
		Stored: whittle.Blob{Digest: whittle.SHA256([32]byte(o.stored.Sum(nil))), Size: o.size, MediaType: media}}
	if o.chunked != nil {
		l.Annotations = o.chunked.Annotations()
	}
	return l, nil
}

// drop ends the stream and removes what was written.
func (o *output) drop() {
	_ = o.comp.Close()
	o.remove()
}

func (o *output) remove() {
	_ = o.file.Close()
	_ = os.Remove(o.file.Name())
}

// rewrite writes a layer without the entries that are not kept into the job's folder.
func (j *Job) rewrite(ctx context.Context, n int, l whittle.Layer, idx *whittle.Index, keep []bool) (*Layer, error) {
	return j.write(ctx, n, l, func(w io.Writer) error {
		return index.Copy(ctx, l, idx, func(i int) bool { return keep[i] }, w)
	})
}

// write makes a layer of what fill writes, in place of layer n, which is l: compressed as
// the job says, or else as that one is. A level is that of the codec that the job names.
func (j *Job) write(ctx context.Context, n int, l whittle.Layer, fill func(w io.Writer) error) (*Layer, error) {
	old, err := codecOf(ctx, l)
	if err != nil {
		return nil, err
	}
	blob, _ := l.Blob()
	to, level := j.Compression.of(old, j.isChunked(n)), j.Compression.Level
	if j.Compression.Codec == "" {
		level = 0
	}
	return write(ctx, j.Dir, to, level, mediaType(blob.MediaType, to), fill)
}

// write makes a layer of what fill writes. What is to be zstd:chunked is plain zstd if its
// table of contents would not say what its tar says, read back by another reader.
func write(ctx context.Context, dir string, to codec.Codec, level int, media string, fill func(w io.Writer) error) (*Layer, error) {
	l, err := writeAs(dir, to, level, media, fill)
	if to != codec.ZstdChunked {
		return l, err
	}
	if err == nil {
		err = l.checkTable(ctx)
	}
	var cannot *chunked.Inexpressible
	var wrong *chunked.Contradiction
	why := ""
	switch {
	case err == nil:
		return l, nil
	case errors.As(err, &cannot):
		why = cannot.Why
	case errors.As(err, &wrong):
		why = wrong.What
	default:
		return nil, err
	}
	if l != nil {
		_ = os.Remove(l.file)
	}
	if l, err = writeAs(dir, codec.Zstd, level, media, fill); err != nil {
		return nil, err
	}
	l.Plain = why
	return l, nil
}

// checkTable compares the table of contents of a layer that was written with its tar.
func (l *Layer) checkTable(ctx context.Context) error {
	f, err := os.Open(l.file)
	if err != nil {
		return whittle.ErrSystem.Of(err)
	}
	defer f.Close()
	return chunked.Check(ctx, f, l.Stored.Size, l.Annotations)
}

func writeAs(dir string, to codec.Codec, level int, media string, fill func(w io.Writer) error) (*Layer, error) {
	o, err := newOutput(dir, to, level)
	if err != nil {
		return nil, fmt.Errorf("writing a layer into %s: %w", filepath.Clean(dir), err)
	}
	if err = fill(o); err == nil {
		var l *Layer
		if l, err = o.finish(media); err == nil {
			return l, nil
		}
	}
	o.drop()
	return nil, err
}

// unchanged is a layer as it is, with its size.
func unchanged(ctx context.Context, l whittle.Layer, idx *whittle.Index) (*Layer, error) {
	out := &Layer{ID: l.DiffID(), Tar: idx.TarSize, from: l}
	if made, ok := l.(*Layer); ok {
		out.Annotations, out.Plain = made.Annotations, made.Plain
	}
	if blob, ok := l.Blob(); ok {
		out.Stored = blob
		return out, nil
	}
	r, err := l.Open(ctx)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	br := bufio.NewReaderSize(reader{ctx, r}, 256<<10)
	magic, err := br.Peek(codec.MagicSize)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	h := sha256.New()
	n, err := io.Copy(h, br)
	out.Stored = whittle.Blob{Digest: whittle.SHA256([32]byte(h.Sum(nil))), Size: n, MediaType: mediaType("", codec.Of(magic))}
	return out, err
}
