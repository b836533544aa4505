package index

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"

	"whittle.dev/whittle"
)

// freeHash is how many uncompressed bytes of an image are hashed without being
// asked for, all of its plain layers together: about a third of a second.
const freeHash = 512 << 20

// readPlain indexes an uncompressed layer by its headers. What is said of its
// size and its digests is compared always, the bytes where verify asks for it.
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
	// A wrong digest says more than what is wrong with the tar because of it.
	if wrong := <-verified; wrong != nil {
		return nil, wrong
	}
	if err != nil {
		return nil, err
	}
	idx.Verified = r.verify
	return idx, nil
}

// verifyPlain compares the digest of uncompressed bytes with the diff ID.
func (r *reader) verifyPlain(ctx context.Context, section *io.SectionReader, st whittle.Stat) error {
	id := r.layer.DiffID()
	if !r.opts.Verify && st.Identity != "" {
		for _, s := range r.opts.Cache.seen(id) {
			if s.blob == id && s.size == section.Size() && s.identity == st.Identity {
				return nil
			}
		}
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
		r.opts.Cache.saw(id, seen{got, section.Size(), st.Identity})
	}
	return nil
}

// readHeaders indexes an uncompressed layer by seeking from header to header.
func (r *reader) readHeaders(ctx context.Context, section *io.SectionReader) (*whittle.Index, error) {
	src := newSeeker(section)
	s := newScanner(src, r.opts.Limits, r.spent)
	idx := &whittle.Index{DiffID: r.layer.DiffID(), TarSize: section.Size()}
	if err := r.spent.addTar(idx.TarSize, r.opts.Limits); err != nil {
		return nil, err
	}
	for {
		e, err := s.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		if len(idx.Entries)%4096 == 0 {
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
		idx.Entries = append(idx.Entries, e)
	}
	idx.Size = s.cost.Unpacked
	report(r.opts, idx.TarSize)
	return idx, r.opts.Limits.checkRatio(idx.Size, idx.TarSize)
}

// checkSparse reads the content of a sparse file: whether its pieces are what
// its header says shows only at their end.
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
	var magic [magicSize]byte
	n, _ := section.ReadAt(magic[:], 0)
	return section, codecOf(magic[:n]) == plain
}
