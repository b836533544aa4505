package chunked

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"hash/crc64"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/vbatts/tar-split/archive/tar"
	"github.com/vbatts/tar-split/tar/storage"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/codec"
)

// Inexpressible says why a table of contents cannot say what a tar says.
type Inexpressible struct{ Why string }

// Error is one line.
func (e *Inexpressible) Error() string {
	return "a table of contents cannot say what its tar says: " + e.Why
}

// Is makes it an error of unsupported input.
func (e *Inexpressible) Is(target error) bool { return target == whittle.ErrUnsupported } //nolint:errorlint // kinds are compared, not wrapped

func inexpressible(format string, args ...any) error {
	return &Inexpressible{fmt.Sprintf(format, args...)}
}

// Writer compresses a tar as zstd:chunked. What is decompressed is the tar, byte for byte.
// The same tar gives the same bytes.
type Writer struct {
	pipe        *io.PipeWriter
	done        chan error
	annotations map[string]string
}

// NewWriter writes into w; level is that of zstd, 0 for its default. Write and Close return
// an [*Inexpressible] if the table of contents cannot say what the tar says. Close has to be
// called.
func NewWriter(w io.Writer, level int) (*Writer, error) {
	out := &counter{w: w}
	m := &maker{out: out, seen: map[[16]byte]struct{}{}}
	var err error
	if m.frames, err = codec.NewFrameWriter(out, level); err != nil {
		return nil, err
	}
	if m.toc, err = newPart(level); err != nil {
		return nil, err
	}
	if m.split, err = newPart(level); err != nil {
		return nil, err
	}
	m.packer = storage.NewJSONPacker(m.split)
	r, pipe := io.Pipe()
	made := &Writer{pipe: pipe, done: make(chan error, 1)}
	go func() {
		annotations, err := m.run(r)
		made.annotations = annotations
		_ = r.CloseWithError(err) // which Write returns
		made.done <- err
	}()
	return made, nil
}

// Write takes bytes of the tar.
func (w *Writer) Write(p []byte) (int, error) { return w.pipe.Write(p) }

// Close ends the layer; it does not close what is written to.
func (w *Writer) Close() error {
	_ = w.pipe.Close()
	err := <-w.done
	w.done <- err // for the next Close
	return err
}

// Annotations are those of the layer's descriptor, after Close.
func (w *Writer) Annotations() map[string]string { return w.annotations }

// counter counts what is written.
type counter struct {
	w io.Writer
	n int64
}

func (c *counter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}

// part is a document that is kept compressed until the tar has ended.
type part struct {
	counter    // what is written of it, uncompressed
	compressed bytes.Buffer
	zstd       codec.FrameWriter
}

func newPart(level int) (*part, error) {
	p := &part{}
	var err error
	p.zstd, err = codec.NewFrameWriter(&p.compressed, level)
	p.w = p.zstd
	return p, err
}

// maker writes one layer.
type maker struct {
	out    *counter
	frames codec.FrameWriter
	toc    *part
	split  *part
	packer storage.Packer
	// seen has the beginning of the digest of each path.
	seen map[[16]byte]struct{}
	some bool // whether the table has an entry
}

// run reads the tar to its end. An entry's header, and the padding before it, are in one
// frame, its content in the next: a reader gets the content alone.
func (m *maker) run(tarBytes io.Reader) (map[string]string, error) {
	if _, err := fmt.Fprintf(m.toc, `{"version":%d,"entries":[`, version); err != nil {
		return nil, err
	}
	r := tar.NewReader(tarBytes)
	r.RawAccounting = true
	for {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err == nil {
			err = m.raw(r.RawBytes())
		}
		if err == nil {
			err = m.entry(h, r)
		}
		if err != nil {
			return nil, err
		}
	}
	if err := m.raw(r.RawBytes()); err != nil {
		return nil, err
	}
	// What comes after the end of the archive is padding, of which there may be much.
	for b := make([]byte, 1<<20); ; {
		n, err := io.ReadFull(tarBytes, b)
		if raw := m.raw(b[:n]); raw != nil {
			return nil, raw
		}
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			break
		}
		if err != nil {
			return nil, err
		}
	}
	if err := m.frames.Close(); err != nil {
		return nil, err
	}
	return m.end()
}

// raw writes bytes of the tar that are not of a file's content.
func (m *maker) raw(b []byte) error {
	if len(b) == 0 {
		return nil
	}
	if _, err := m.packer.AddEntry(storage.Entry{Type: storage.SegmentType, Payload: b}); err != nil {
		return err
	}
	_, err := m.frames.Write(b)
	return err
}

// entry writes the content of an entry, whose header is written, and its line of the table.
func (m *maker) entry(h *tar.Header, content io.Reader) error {
	e, err := entryOf(h)
	if err != nil {
		return err
	}
	sum := sha256.Sum256([]byte(named(h.Name)))
	if _, again := m.seen[[16]byte(sum[:])]; again {
		return inexpressible("%.80q is in it twice", h.Name)
	}
	m.seen[[16]byte(sum[:])] = struct{}{}
	said := storage.Entry{Type: storage.FileType, Name: h.Name, Size: h.Size}
	switch {
	case e.Type != regular && h.Size != 0:
		return inexpressible("%.80q is no file, and has a size", h.Name)
	case h.Size > 0:
		if said.Payload, err = m.content(e, content); err != nil {
			return err
		}
	}
	if _, err := m.packer.AddEntry(said); err != nil {
		return inexpressible("%.80q: %v", h.Name, err)
	}
	line, err := json.Marshal(e)
	if err != nil {
		return err
	}
	if m.some {
		line = append([]byte{','}, line...)
	}
	m.some = true
	_, err = m.toc.Write(line)
	return err
}

// content writes a file's content as a frame of its own, and gives its CRC-64.
func (m *maker) content(e *entry, content io.Reader) ([]byte, error) {
	if err := m.next(); err != nil {
		return nil, err
	}
	e.Offset = m.out.n
	sum, crc := sha256.New(), hash.Hash(crc64.New(storage.CRCTable))
	n, err := io.Copy(io.MultiWriter(m.frames, sum, crc), content)
	if err != nil {
		return nil, err
	}
	if n != e.Size {
		return nil, inexpressible("%.80q has %d bytes in it, and %d by its header", e.Name, n, e.Size)
	}
	e.Digest = string(whittle.SHA256([32]byte(sum.Sum(nil))))
	if err := m.next(); err != nil {
		return nil, err
	}
	e.EndOffset = m.out.n
	return crc.Sum(nil), nil
}

// next ends a frame and begins another.
func (m *maker) next() error {
	err := m.frames.Close()
	m.frames.Reset(m.out)
	return err
}

// end writes the table of contents, the tar-split and where the two are.
func (m *maker) end() (map[string]string, error) {
	if err := m.split.zstd.Close(); err != nil {
		return nil, err
	}
	_, err := fmt.Fprintf(m.toc, `],"tarSplitDigest":%q}`, whittle.DigestOf(m.split.compressed.Bytes()))
	if err == nil {
		err = m.toc.zstd.Close()
	}
	if err != nil {
		return nil, err
	}
	var at [2]int64
	for i, p := range []*part{m.toc, m.split} {
		at[i] = m.out.n + 8 // behind the frame's magic number and length
		if err := m.frame(p.compressed.Bytes()); err != nil {
			return nil, err
		}
	}
	var footer []byte
	for _, n := range []int64{at[0], int64(m.toc.compressed.Len()), m.toc.n, manifestType, at[1], int64(m.split.compressed.Len()), m.split.n} {
		footer = binary.LittleEndian.AppendUint64(footer, uint64(n))
	}
	if err := m.frame(append(footer, footerMagic...)); err != nil {
		return nil, err
	}
	return map[string]string{
		Checksum:         string(whittle.DigestOf(m.toc.compressed.Bytes())),
		Position:         fmt.Sprintf("%d:%d:%d:%d", at[0], m.toc.compressed.Len(), m.toc.n, manifestType),
		TarSplitPosition: fmt.Sprintf("%d:%d:%d", at[1], m.split.compressed.Len(), m.split.n),
	}, nil
}

func (m *maker) frame(content []byte) error {
	b, err := codec.SkippableFrame(content)
	if err == nil {
		_, err = m.out.Write(b)
	}
	return err
}

// entryOf is what the table of contents says of a header.
func entryOf(h *tar.Header) (*entry, error) {
	e := &entry{Type: types[h.Typeflag], Name: h.Name, Link: h.Linkname, Mode: h.Mode, Size: h.Size, UID: h.Uid, GID: h.Gid, Major: h.Devmajor, Minor: h.Devminor}
	if e.Type == "" {
		return nil, inexpressible("%.80q is an entry of the type %q", h.Name, h.Typeflag)
	}
	for _, t := range []struct {
		what string
		from time.Time
		to   **time.Time
	}{{"modification", h.ModTime, &e.ModTime}, {"access", h.AccessTime, &e.AccessTime}, {"change", h.ChangeTime, &e.ChangeTime}} {
		if t.from.IsZero() {
			continue
		}
		utc := t.from.UTC() // the same on every machine
		if utc.Year() < 0 || utc.Year() > 9999 {
			return nil, inexpressible("%.80q has a time of %s in the year %d", h.Name, t.what, utc.Year())
		}
		*t.to = &utc
	}
	for _, text := range []string{h.Name, h.Linkname} {
		if !utf8.ValidString(text) {
			return nil, inexpressible("the name %.80q is not UTF-8", text)
		}
	}
	for key, value := range h.PAXRecords {
		if strings.HasPrefix(key, "GNU.sparse.") {
			return nil, inexpressible("%.80q is a sparse file", h.Name)
		}
		name, ok := strings.CutPrefix(key, xattrPrefix)
		if !ok {
			continue
		}
		if !utf8.ValidString(name) {
			return nil, inexpressible("%.80q has an extended attribute whose name is not UTF-8", h.Name)
		}
		if e.Xattrs == nil {
			e.Xattrs = map[string]string{}
		}
		e.Xattrs[name] = base64.StdEncoding.EncodeToString([]byte(value))
	}
	return e, nil
}
