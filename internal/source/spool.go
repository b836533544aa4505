package source

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"runtime"
	"strings"
	"sync"
	"time"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/codec"
)

const (
	// stdin is the path that stands for standard input.
	stdin = "-"
	// inputName is what messages call it.
	inputName = "standard input"
	// ratioFrom is the number of bytes below which no ratio is suspicious.
	ratioFrom = 4 << 30
	// slowInput is how long an archive takes to come until that is worth a line.
	slowInput = 10 * time.Second
)

// Spool keeps standard input, which can be read only once and is an archive that is
// opened as often as it is named.
type Spool struct {
	// Input is standard input; nil where there is none. Terminal says that it is one.
	Input    io.Reader
	Terminal bool

	once sync.Once
	kept *storedFile
	err  error
}

// Close removes what is kept.
func (s *Spool) Close() error {
	if s == nil || s.kept == nil {
		return nil
	}
	return s.kept.remove()
}

// standardInput is the archive on standard input. Closing it keeps it.
func (s *Spool) standardInput(ctx context.Context, o Options) (*storedFile, error) {
	pipe := "pipe an archive of an image into it: docker save NAME | whittle inspect -"
	switch {
	case s == nil || s.Input == nil:
		return nil, whittle.WithHint(whittle.ErrUsage.Errorf("there is no standard input"), pipe)
	case s.Terminal:
		return nil, whittle.WithHint(whittle.ErrUsage.Errorf("standard input is a terminal, and no archive"), pipe)
	}
	s.once.Do(func() {
		s.kept, s.err = spoolSlow(ctx, s.Input, inputName, o)
	})
	if s.err != nil {
		return nil, s.err
	}
	return &storedFile{File: s.kept.File, shared: true}, nil
}

// storedFile is a file that is read in place.
type storedFile struct {
	*os.File
	// path is that of a temporary file, if it has still one; shared says that somebody
	// else closes it.
	path   string
	shared bool
}

// Close closes the file, and removes a temporary one.
func (f *storedFile) Close() error {
	if f.shared {
		return nil
	}
	return f.remove()
}

func (f *storedFile) remove() error {
	err := f.File.Close()
	if f.path != "" {
		err = errors.Join(err, os.Remove(f.path))
	}
	return err
}

// temporary makes a file that goes with this process, however it ends: where a file
// can be removed while it is open, it has no name.
func temporary(dir string) (*storedFile, error) {
	f, err := os.CreateTemp(dir, "whittle-*.tar")
	if err != nil {
		return nil, whittle.WithHint(whittle.ErrSystem.Errorf("making a temporary file: %w", err), otherFolder)
	}
	if runtime.GOOS != "windows" && os.Remove(f.Name()) == nil {
		return &storedFile{File: f}, nil
	}
	return &storedFile{File: f, path: f.Name()}, nil
}

// isCompressed says whether a file is compressed as a whole.
func isCompressed(f io.ReaderAt) (bool, error) {
	var magic [codec.MagicSize]byte
	n, err := f.ReadAt(magic[:], 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return false, err
	}
	return codec.Of(magic[:n]) != codec.Plain, nil
}

// isPipe says whether a path is one of this process's open files, and a pipe, as in
// whittle inspect <(docker save app).
func isPipe(path string) bool {
	if path != "/dev/stdin" && !strings.HasPrefix(path, "/dev/fd/") && !strings.HasPrefix(path, "/proc/self/fd/") {
		return false
	}
	info, err := os.Stat(path)
	return err == nil && info.Mode()&(fs.ModeNamedPipe|fs.ModeSocket) != 0
}

func spoolPipe(ctx context.Context, path string, o Options) (*storedFile, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, whittle.ErrUsage.Of(err)
	}
	defer f.Close()
	return spoolSlow(ctx, f, path, o)
}

// spoolSlow is [spool] of what may never come.
func spoolSlow(ctx context.Context, r io.Reader, what string, o Options) (*storedFile, error) {
	type outcome struct {
		f   *storedFile
		err error
	}
	done := make(chan outcome, 1)
	go func() {
		f, err := spool(ctx, r, what, o)
		done <- outcome{f, err}
	}()
	select {
	case out := <-done:
		return out.f, out.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// spoolFile is [spool] of a file that is compressed as a whole.
func spoolFile(ctx context.Context, f *os.File, path string, o Options) (*storedFile, error) {
	return spool(ctx, io.NewSectionReader(f, 0, 1<<62), path, o)
}

// spool copies an archive to a temporary file, decompressed if it is compressed as a
// whole. The limits of an image's uncompressed bytes apply to it.
func spool(ctx context.Context, r io.Reader, what string, o Options) (_ *storedFile, err error) {
	stored := &counted{r: r}
	src := bufio.NewReaderSize(stored, 1<<20)
	if _, err := src.Peek(1); errors.Is(err, io.EOF) {
		return nil, whittle.WithHint(whittle.ErrCorrupt.Errorf("%s is empty (0 bytes)", what), "did the command that wrote it fail?")
	}
	dec, release, err := codec.Decompress(src)
	if err != nil {
		return nil, stored.explain(what, err)
	}
	defer release()
	f, err := temporary(o.TempDir)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			_ = f.remove()
		}
	}()
	task := o.listener().Begin(whittle.Work{Name: "reading " + what, Bytes: true, Kept: slowInput})
	defer func() { task.End("") }()
	limits, buf := o.Limits.withDefaults(), make([]byte, 1<<20)
	var n int64
	for {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		k, err := dec.Read(buf)
		failed := f.put(buf[:k], n)
		if failed != nil && o.TempDir != "" { // the disk of the system's folder may have room
			o.TempDir = ""
			if f, failed = f.moved(n); failed == nil {
				failed = f.put(buf[:k], n)
			}
		}
		if failed != nil {
			return nil, whittle.WithHint(whittle.ErrSystem.Errorf("keeping %s in a temporary file: %w", what, failed), otherFolder)
		}
		n += int64(k)
		task.Done(n, 0)
		switch {
		case n > limits.Unpacked:
			return nil, whittle.WithHint(whittle.ErrLimit.Errorf("%s unpacks to more than %s", what, whittle.Bytes(limits.Unpacked)), "--max-size raises the limit")
		case n > ratioFrom && n/limits.Ratio > stored.n:
			return nil, whittle.WithHint(whittle.ErrLimit.Errorf("%s has %s, and unpacks to more than %d times as much", what, whittle.Bytes(stored.n), limits.Ratio), "--max-ratio raises the limit")
		case errors.Is(err, io.EOF):
			return f, f.Truncate(n)
		case err != nil:
			return nil, stored.explain(what, err)
		}
	}
}

// otherFolder is what to try if there is no room for a temporary file.
const otherFolder = "--cache-dir or TMPDIR names a folder with room"

// moved is the file with its first n bytes in the system's folder of temporary files.
// The file itself goes; if that fails, it is what is given back.
func (f *storedFile) moved(n int64) (*storedFile, error) {
	to, err := temporary("")
	if err != nil {
		return f, err
	}
	if _, err = io.Copy(to, io.NewSectionReader(f, 0, n)); err == nil {
		// What put has left out at the end is a hole, which the copy does not have.
		err = to.Truncate(n)
	}
	if err != nil {
		return f, errors.Join(err, to.remove())
	}
	return to, f.remove()
}

// put writes at an offset. Zeros become a hole.
func (f *storedFile) put(b []byte, at int64) error {
	if len(bytes.TrimLeft(b, "\x00")) == 0 {
		return nil
	}
	_, err := f.WriteAt(b, at)
	return err
}

// counted counts what is read, and keeps the source's own error apart from a
// decoder's.
type counted struct {
	r   io.Reader
	n   int64
	err error
}

// Read implements [io.Reader].
func (c *counted) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	if err != nil && !errors.Is(err, io.EOF) {
		c.err = err
	}
	return n, err
}

func (c *counted) explain(what string, err error) error {
	if c.err != nil {
		return whittle.ErrSystem.Errorf("reading %s: %w", what, c.err)
	}
	return fmt.Errorf("reading %s: %w", what, codec.Error(err))
}
