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

// Unpacked says what was unpacked, and how long it took.
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
// writes their files into a new folder in dir, which it then removes. It is what
// containerd does, but for extended attributes: nothing is synced to the disk. Of two
// layers with one path the later has it, as in Docker's overlay2; a symbolic link of a
// lower layer is not followed. (A layer that has a path first as a file and then as a
// folder hides what is below it, which overlayfs would show.) No name leaves the folder, devices are not made, files
// are not setuid, and they get their owners only if whittle is root. More than the bounds
// is [whittle.ErrLimit], and so is too little space.
func Unpack(ctx context.Context, layers []whittle.Layer, dir string, b Bounds) (out Unpacked, err error) {
	need := b.Bytes + int64(b.Entries)*perEntry + spare
	if free := freeSpace(dir); free >= 0 && free < need {
		return out, whittle.ErrLimit.Errorf("unpacking the image takes up to %s, and %s are free", whittle.Bytes(need), whittle.Bytes(free))
	}
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
	start := time.Now()
	for i, l := range layers {
		if err := t.unpack(ctx, l); err != nil {
			t.close()
			return out, fmt.Errorf("unpacking layer %d: %w", i+1, err)
		}
	}
	t.close()
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
