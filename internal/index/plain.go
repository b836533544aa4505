package index

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"slices"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/codec"
)

// freeHash is the largest sum of an image's uncompressed layers, in bytes, that is
// always hashed. It takes about a third of a second.
const freeHash = 512 << 20

// readPlain indexes an uncompressed layer by its headers. It always compares the
// claimed size and digests with each other, and reads the bytes if verify is set.
func (r *reader) readPlain(ctx context.Context, section *io.SectionReader, st whittle.Stat) (*whittle.Index, error) {
	claim, id := st.Claim, r.layer.DiffID()
	switch {
	case claim.Digest == "":
	case claim.Size != section.Size():
		return nil, whittle.ErrCorrupt.Errorf("blob %s has %d bytes, not %d", claim.Digest, section.Size(), claim.Size)
	case id != "" && claim.Digest != id:
		return nil, whittle.ErrCorrupt.Errorf("it is stored uncompressed as blob %s, the configuration says %s", claim.Digest, id)
	}
	verified := make(chan error, 1)
	if r.verify {
		go func() { verified <- r.verifyPlain(ctx, section, st) }()
	} else {
		verified <- nil
	}
	idx, err := r.readHeaders(ctx, section)
	// A wrong digest is the cause of any error in the tar.
	if wrong := <-verified; wrong != nil {
		return nil, wrong
	}
	if err != nil {
		return nil, err
	}
	idx.Verified = r.verify || r.opts.Cache.verified(id, section.Size(), st)
	return idx, nil
}

// verifyPlain compares the digest of uncompressed bytes with the diff ID.
func (r *reader) verifyPlain(ctx context.Context, section *io.SectionReader, st whittle.Stat) error {
	id := r.layer.DiffID()
	if !r.opts.Verify && r.opts.Cache.verified(id, section.Size(), st) {
		return nil
	}
	sum := sha256.New()
	if _, err := copyContext(ctx, sum, io.NewSectionReader(section, 0, section.Size())); err != nil {
		return fmt.Errorf("reading it: %w", err)
	}
	got := whittle.SHA256([32]byte(sum.Sum(nil)))
	if id != "" && got != id {
		return whittle.ErrCorrupt.Errorf("its content has the digest %s, the configuration says %s", got, id)
	}
	if st.Identity != "" {
		r.opts.Cache.remember(id, storedBlob{got, section.Size(), st.Identity})
	}
	return nil
}

// verified says whether an uncompressed layer of a size in bytes is where a verified one of
// the diff ID was, and unchanged since.
func (c *Cache) verified(id whittle.Digest, size int64, st whittle.Stat) bool {
	return st.Identity != "" && slices.Contains(c.storedBlobs(id), storedBlob{id, size, st.Identity})
}

// readHeaders indexes an uncompressed layer by seeking from header to header.
func (r *reader) readHeaders(ctx context.Context, section *io.SectionReader) (*whittle.Index, error) {
	src := newSeeker(section)
	s := newScanner(src, r.opts.Limits, r.spent)
	idx := &whittle.Index{DiffID: r.layer.DiffID(), TarSize: section.Size()}
	if err := r.spent.addTar(idx.TarSize, r.opts.Limits); err != nil {
		return nil, err
	}
	var list entries
	for {
		e, err := s.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		if list.n%4096 == 0 {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			report(r.opts, src.Pos())
		}
		if e.Kind == whittle.File && e.Offset == 0 {
			if err := r.checkSparse(ctx, s, &e, idx.TarSize); err != nil {
				return nil, err
			}
		}
		list.add(&e)
	}
	idx.Entries = list.all()
	idx.Size = s.cost.Unpacked
	report(r.opts, idx.TarSize)
	return idx, r.opts.Limits.checkRatio(idx.Size, idx.TarSize)
}

// checkSparse reads the content of a sparse file, because errors in its map of
// pieces show only at the end.
func (r *reader) checkSparse(ctx context.Context, s *scanner, e *whittle.Entry, stored int64) error {
	if err := r.opts.Limits.checkRatio(s.cost.Unpacked, stored); err != nil {
		return err
	}
	_, err := copyContext(ctx, io.Discard, s.content(e.Path))
	return err
}

// plainSection is the layer's uncompressed section, if it has one.
func plainSection(layer whittle.Layer) (*io.SectionReader, bool) {
	sectioner, ok := layer.(whittle.Sectioner)
	if !ok {
		return nil, false
	}
	section, ok := sectioner.Section()
	if !ok {
		return nil, false
	}
	var magic [codec.MagicSize]byte
	n, _ := section.ReadAt(magic[:], 0)
	return section, codec.Of(magic[:n]) == codec.Plain
}
