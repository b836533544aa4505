package source

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"

	"whittle.dev/whittle"
)

// archive is a tar file indexed by its headers. If it holds an OCI layout, it
// implements blobs.
type archive struct {
	file  *storedFile
	size  int64
	files map[string]span
}

// span is the position of a file's content in the archive. For a link, only link
// is set: the name of the file that it leads to.
type span struct {
	offset, size int64
	link         string
}

// openArchive opens a tar and indexes it by its headers. One that is compressed as a
// whole, or that comes through a pipe, is spooled first.
func openArchive(ctx context.Context, path string, o Options) (*archive, error) {
	switch {
	case path == stdin:
		f, err := o.Spool.standardInput(ctx, o)
		if err != nil {
			return nil, err
		}
		return indexed(f, inputName, o.Limits)
	case isPipe(path):
		f, err := spoolPipe(ctx, path, o)
		if err != nil {
			return nil, err
		}
		return indexed(f, path, o.Limits)
	}
	f, err := whittle.OpenFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, noSuchFile("", "no file "+path, path)
	case err != nil:
		return nil, whittle.ErrUsage.Of(err)
	}
	stored := &storedFile{File: f}
	compressed, err := isCompressed(f)
	if err != nil {
		return nil, errors.Join(whittle.ErrUsage.Errorf("reading %s: %w", path, err), f.Close())
	}
	if compressed {
		stored, err = spoolFile(ctx, f, path, o)
		if err = errors.Join(err, f.Close()); err != nil {
			return nil, err
		}
	}
	return indexed(stored, path, o.Limits)
}

// indexed is the archive in a file, which it closes if it is none.
func indexed(f *storedFile, path string, limits Limits) (_ *archive, err error) {
	defer func() {
		if err != nil {
			f.Close()
		}
	}()
	info, err := f.Stat()
	if err != nil {
		return nil, whittle.ErrUsage.Of(err)
	}
	if err := checkMagic(f, path); err != nil {
		return nil, err
	}
	a := &archive{file: f, size: info.Size(), files: map[string]span{}}
	return a, a.scan(limits)
}

func (a *archive) scan(limits Limits) error {
	// The tar reader seeks over contents. After a header, the position of the file
	// is the start of the content.
	r := io.NewSectionReader(a.file, 0, a.size)
	tr := tar.NewReader(r)
	for {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if errors.Is(err, io.ErrUnexpectedEOF) {
			return truncated(a.size)
		}
		if err != nil {
			return whittle.ErrCorrupt.Errorf("reading the archive's headers: %w", err)
		}
		if len(a.files) >= limits.Files {
			return whittle.ErrLimit.Errorf("the archive has more than %d entries", limits.Files)
		}
		name, err := whittle.CleanPath(h.Name)
		if err != nil {
			return fmt.Errorf("the archive: %w", err)
		}
		if h.Typeflag == tar.TypeGNUSparse || h.PAXRecords["GNU.sparse.name"] != "" || h.PAXRecords["GNU.sparse.size"] != "" {
			return whittle.WithHint(whittle.ErrUnsupported.Errorf("the archive has %s without its holes", name), "archives are read in place: pack it again without tar --sparse")
		}
		switch h.Typeflag {
		case tar.TypeReg:
			offset, err := r.Seek(0, io.SeekCurrent)
			if err != nil {
				return fmt.Errorf("seeking in the archive: %w", err)
			}
			a.files[name] = span{offset: offset, size: h.Size}
		case tar.TypeSymlink:
			a.files[name] = span{link: path.Join(path.Dir(name), h.Linkname)}
		case tar.TypeLink:
			a.files[name] = span{link: path.Clean(strings.TrimPrefix(h.Linkname, "/"))}
		}
	}
}

// find is the span of a file. It follows at most eight links within the archive.
func (a *archive) find(name string) (span, bool) {
	for range 8 {
		s, ok := a.files[name]
		if !ok || s.link == "" {
			return s, ok
		}
		name = s.link
	}
	return span{}, false
}

func (a *archive) sectionOf(name string) (*io.SectionReader, bool) {
	s, ok := a.find(name)
	if !ok {
		return nil, false
	}
	return io.NewSectionReader(a.file, s.offset, s.size), true
}

// readFile reads a small file of the archive.
func (a *archive) readFile(name string, limit int64) ([]byte, error) {
	s, ok := a.sectionOf(name)
	if !ok {
		return nil, whittle.ErrCorrupt.Errorf("the archive has no %s", name)
	}
	return readAll(s, name, limit)
}

func (a *archive) Close() error { return a.file.Close() }

func blobName(d whittle.Digest) string { return "blobs/sha256/" + d.Hex() }

func (a *archive) section(d whittle.Digest) (*io.SectionReader, bool) {
	return a.sectionOf(blobName(d))
}

func (a *archive) open(_ context.Context, d whittle.Digest) (io.ReadCloser, error) {
	s, ok := a.section(d)
	if !ok {
		return nil, &absentError{d, "archive"}
	}
	return io.NopCloser(s), nil
}

func (a *archive) stat(_ context.Context, d whittle.Digest) (int64, string, error) {
	return a.statOf(blobName(d))
}

// statOf is the size and identity of a file. The identity changes with that of the
// archive.
func (a *archive) statOf(name string) (int64, string, error) {
	s, ok := a.find(name)
	if !ok {
		return 0, "", whittle.ErrCorrupt.Errorf("the archive has no %s", name)
	}
	info, err := a.file.Stat()
	if err != nil {
		return 0, "", err
	}
	identity := FileIdentity(info)
	if identity != "" {
		identity = fmt.Sprintf("%s %d %d", identity, s.offset, s.size)
	}
	return s.size, identity, nil
}

func (a *archive) manifest(ctx context.Context, d whittle.Digest) (io.ReadCloser, error) {
	return a.open(ctx, d)
}
