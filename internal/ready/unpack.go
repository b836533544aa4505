// Package ready measures how long an image takes until its start is ready: download at
// a stated bandwidth, unpacking, start-up. See [whittle.Ready].
package ready

import (
	"bufio"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/codec"
	"whittle.dev/whittle/internal/outdir"
)

// Unpacked says what was unpacked, and how long it took without removing it again.
type Unpacked struct {
	Seconds float64
	// Bytes are those of the regular files that were written, Entries the tars'
	// entries, markers included.
	Bytes   int64
	Entries int
	// Skipped counts the entries that were not made: devices, FIFOs, and hard links to
	// what is not there.
	Skipped int
	// Stored says that a layer is stored uncompressed: nothing was decompressed.
	Stored bool
}

// Known has what the layers were that were unpacked before, by the digest of the blob,
// or of the tar where there is none.
type Known map[whittle.Digest]Unpacked

// Bounds bound what is unpacked. An inspection of the image says what is in it.
type Bounds struct {
	Bytes   int64 // of all regular files
	Entries int
}

const (
	// perEntry is the space that an entry takes besides its bytes, about: half a block
	// and its inode.
	perEntry = 4 << 10
	// spare is the space in bytes that has to remain free.
	spare = 256 << 20
)

// Unpack decompresses the layers, one after the other, compares their digests, and
// writes their files into new folders in dir, one for each layer, which it then removes.
// It is what containerd does, but for extended attributes: nothing is synced to the disk,
// and a layer that hides files of a lower one removes nothing. No name leaves a folder,
// devices are not made, files are not setuid, and they get their owners only if whittle
// is root. A layer that is known is not unpacked again: it takes the time that it took;
// the others become known. More than the bounds is [whittle.ErrLimit], and so is too
// little space.
func Unpack(ctx context.Context, layers []whittle.Layer, dir string, b Bounds, known Known) (out Unpacked, err error) {
	need := b.Bytes + int64(b.Entries)*perEntry + spare
	if free := freeSpace(dir); free >= 0 && free < need {
		return out, whittle.ErrLimit.Errorf("unpacking the image takes up to %s, and %s are free", whittle.Bytes(need), whittle.Bytes(free))
	}
	for i, l := range layers {
		key := l.DiffID()
		if blob, ok := l.Blob(); ok {
			key = blob.Digest
		}
		one, ok := known[key]
		if !ok {
			if one, err = unpackOne(ctx, l, dir, Bounds{b.Bytes - out.Bytes, b.Entries - out.Entries}); err != nil {
				return out, fmt.Errorf("unpacking layer %d: %w", i+1, err)
			}
			known[key] = one
		}
		out.Seconds, out.Bytes, out.Entries, out.Skipped = out.Seconds+one.Seconds, out.Bytes+one.Bytes, out.Entries+one.Entries, out.Skipped+one.Skipped
		out.Stored = out.Stored || one.Stored
	}
	return out, nil
}

// unpackOne unpacks a layer.
func unpackOne(ctx context.Context, l whittle.Layer, dir string, b Bounds) (out Unpacked, err error) {
	scratch, err := os.MkdirTemp(dir, outdir.TrialsPattern)
	if err != nil {
		return out, whittle.ErrSystem.Errorf("making a folder to unpack the image: %w", err)
	}
	defer func() {
		if failed := removeAll(scratch); failed != nil && err == nil {
			err = whittle.ErrSystem.Errorf("removing the unpacked image: %w", failed)
		}
	}()
	root, err := os.OpenRoot(scratch)
	if err != nil {
		return out, whittle.ErrSystem.Errorf("opening the folder of the unpacked image: %w", err)
	}
	defer root.Close()
	t := &tree{root: root, bounds: b, own: os.Geteuid() == 0, buffer: make([]byte, 256<<10)}
	defer t.close()
	start := time.Now()
	if err := t.unpack(ctx, l); err != nil {
		return out, err
	}
	t.out.Seconds = time.Since(start).Seconds()
	return t.out, nil
}

// unpack applies a layer.
func (t *tree) unpack(ctx context.Context, l whittle.Layer) error {
	stored, err := l.Open(ctx)
	if err != nil {
		return err
	}
	defer stored.Close()
	src := bufio.NewReaderSize(untilDone{ctx, stored}, 1<<20)
	magic, err := src.Peek(codec.MagicSize)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if codec.Of(magic) == codec.Plain {
		t.out.Stored = true
	}
	plain, release, err := codec.Decompress(src)
	if err != nil {
		return err
	}
	defer release()
	sum := sha256.New()
	content := io.TeeReader(plain, sum)
	if err := t.apply(content); err != nil {
		return err
	}
	if _, err := io.CopyBuffer(io.Discard, content, t.buffer); err != nil {
		return codec.Error(err)
	}
	if got := whittle.SHA256([32]byte(sum.Sum(nil))); got != l.DiffID() {
		return whittle.ErrCorrupt.Errorf("its content has the digest %s, and the image says %s", got.Short(), l.DiffID().Short())
	}
	return nil
}

// untilDone ends a reader with its context.
type untilDone struct {
	ctx context.Context
	r   io.Reader
}

func (u untilDone) Read(p []byte) (int, error) {
	if err := context.Cause(u.ctx); err != nil {
		return 0, err
	}
	return u.r.Read(p)
}
