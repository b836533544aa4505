package index

import (
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"math"

	"whittle.dev/whittle"
)

// Files reads the contents of regular files of one layer in the order of the tar.
// want selects them by their position in idx. In a layer that is stored
// uncompressed it seeks; otherwise it reads the tar once. fn need not read to the
// end; r is not valid after it returns. Contents are verified: against the entry's
// digest if the index has it, otherwise by the diff ID of the whole layer (not if
// the layer is stored uncompressed). A failed verification is
// [whittle.ErrCorrupt], and may come after fn has seen the bytes.
func Files(ctx context.Context, layer whittle.Layer, idx *whittle.Index, want func(entry int) bool, fn func(entry int, r io.Reader) error) error {
	job := &fileJob{idx: idx, fn: fn, wanted: make([]bool, len(idx.Entries))}
	contiguous := true
	for i := range idx.Entries {
		e := &idx.Entries[i]
		if e.Kind == whittle.File && want(i) {
			job.wanted[i] = true
			job.left++
			job.unverified = job.unverified || e.Content == [32]byte{}
			contiguous = contiguous && e.Offset > 0
		}
	}
	if job.left == 0 {
		return nil
	}
	if section, ok := plainSection(layer); ok && contiguous {
		return wrap(layer, job.seek(ctx, section))
	}
	return wrap(layer, job.pass(ctx, layer))
}

// Digest sets the Content of the given entries of a layer that was indexed
// without content digests.
func Digest(ctx context.Context, layer whittle.Layer, idx *whittle.Index, entries []int) error {
	wanted := make(map[int]bool, len(entries))
	for _, i := range entries {
		wanted[i] = true
	}
	buf := make([]byte, 128<<10)
	sums := make(map[int][32]byte, len(entries))
	err := Files(ctx, layer, idx, func(i int) bool { return wanted[i] }, func(i int, r io.Reader) error {
		sum := sha256.New()
		_, err := io.CopyBuffer(sum, onlyReader{r}, buf)
		sums[i] = [32]byte(sum.Sum(nil))
		return err
	})
	if err != nil {
		return err
	}
	for i, sum := range sums {
		idx.Entries[i].Content = sum
	}
	return nil
}

type fileJob struct {
	idx        *whittle.Index
	fn         func(entry int, r io.Reader) error
	wanted     []bool
	left       int
	unverified bool
}

func (j *fileJob) seek(ctx context.Context, section *io.SectionReader) error {
	for i, wanted := range j.wanted {
		if !wanted {
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		e := &j.idx.Entries[i]
		if err := j.deliver(i, io.NewSectionReader(section, e.Offset, e.Size)); err != nil {
			return err
		}
	}
	return nil
}

func (j *fileJob) pass(ctx context.Context, layer whittle.Layer) error {
	// The layer was checked against the limits when its index was made.
	limits := Limits{Entries: math.MaxInt, Unpacked: math.MaxInt64, Name: math.MaxInt, Memory: math.MaxInt64, Ratio: math.MaxInt64}
	spent := &spent{}
	src, err := openStream(ctx, layer, limits, spent, sums{})
	if err != nil {
		return err
	}
	defer src.Close()
	s := newScanner(src, limits, spent)
	for i := range j.idx.Entries {
		e, err := s.next()
		if err != nil {
			if errors.Is(err, io.EOF) {
				err = whittle.ErrCorrupt.Errorf("it has %d entries, its index has %d", i, len(j.idx.Entries))
			}
			return err
		}
		if was := &j.idx.Entries[i]; e.Path != was.Path || e.Kind != was.Kind || e.Size != was.Size {
			return whittle.ErrCorrupt.Errorf("entry %d (%.80q) is not what its index says", i, e.Path)
		}
		if !j.wanted[i] {
			continue
		}
		if err := j.deliver(i, s.content(e.Path)); err != nil {
			return err
		}
		if j.left--; j.left == 0 && !j.unverified {
			return nil
		}
	}
	_, err = io.Copy(io.Discard, src)
	return err
}

// deliver passes one file's content to fn and verifies it.
func (j *fileJob) deliver(i int, r io.Reader) error {
	e := &j.idx.Entries[i]
	sum := sha256.New()
	if e.Content != [32]byte{} {
		r = io.TeeReader(r, sum)
	}
	counted := &countReader{r: r}
	if err := j.fn(i, counted); err != nil {
		return err
	}
	n, err := io.Copy(io.Discard, onlyReader{r})
	if err != nil {
		return err
	}
	if n += counted.n; n != e.Size {
		return whittle.ErrCorrupt.Errorf("the content of %.80q has %d bytes, not %d", e.Path, n, e.Size)
	}
	if e.Content != [32]byte{} && [32]byte(sum.Sum(nil)) != e.Content {
		return whittle.ErrCorrupt.Errorf("the content of %.80q is not what its digest says", e.Path)
	}
	return nil
}

type countReader struct {
	r io.Reader
	n int64
}

func (c *countReader) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}
