package chunked

import (
	"archive/tar"
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"hash/crc64"
	"io"
	"os"
	"strings"
	"time"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/codec"
)

// Contradiction says in what a layer's table of contents does not say what its tar says.
type Contradiction struct{ What string }

// Error is one line.
func (c *Contradiction) Error() string { return c.What }

// Is makes it an error of corrupt input.
func (c *Contradiction) Is(target error) bool { return target == whittle.ErrCorrupt } //nolint:errorlint // kinds are compared, not wrapped

func contradiction(format string, args ...any) error {
	return &Contradiction{fmt.Sprintf(format, args...)}
}

// maxDocument bounds the table of contents and the tar-split, in bytes uncompressed; they
// are not kept.
const maxDocument = 1 << 30

// Check compares the table of contents and the tar-split of a layer with its tar: each
// entry's path, type, mode, owner, time, link, extended attributes and device, and that the
// bytes at its offsets are the file. The layer has size bytes. It is a [*Contradiction] if
// they differ; other errors are of reading. It uses nothing that [Writer] does.
func Check(ctx context.Context, blob io.ReaderAt, size int64, annotations map[string]string) error {
	c := &checker{ctx: ctx, blob: blob, size: size}
	defer c.decoder.Close()
	at, err := position(annotations, Position, 4, size)
	if err != nil {
		return err
	}
	if at[3] != manifestType {
		return contradiction("its table of contents is of the unknown type %d", at[3])
	}
	if err := c.digest("table of contents", at, said(annotations, Checksum)); err != nil {
		return err
	}
	split, err := c.table(at)
	if err != nil || split == "" {
		return err
	}
	if at, err = position(annotations, TarSplitPosition, 3, size); err != nil {
		return err
	}
	if err := c.digest("tar-split", at, split); err != nil {
		return err
	}
	return c.tarSplit(at)
}

// CheckLayer is [Check] of a layer that can only be read from its beginning: it is read into
// a temporary file.
func CheckLayer(ctx context.Context, l whittle.Layer, annotations map[string]string) error {
	r, err := l.Open(ctx)
	if err != nil {
		return err
	}
	defer r.Close()
	f, err := os.CreateTemp("", "layer-*")
	if err != nil {
		return whittle.ErrSystem.Of(err)
	}
	defer os.Remove(f.Name())
	defer f.Close()
	n, err := io.Copy(f, r)
	if err != nil {
		return err
	}
	return Check(ctx, f, n, annotations)
}

// position reads an annotation of n numbers, which begins with an offset, a length and a
// length uncompressed.
func position(annotations map[string]string, name string, n int, size int64) ([]int64, error) {
	text, at := said(annotations, name), make([]int64, n)
	parts := strings.Split(text, ":")
	ok := len(parts) == n
	for i := range at {
		if !ok {
			break
		}
		_, err := fmt.Sscanf(parts[i], "%d", &at[i])
		ok = err == nil && fmt.Sprint(at[i]) == parts[i] && at[i] >= 0
	}
	if !ok {
		return nil, contradiction("the annotation %s is %.80q, which is no position", name, text)
	}
	if at[0] > size || at[1] > size-at[0] {
		return nil, contradiction("the annotation %s names bytes behind the layer's end", name)
	}
	if at[2] > maxDocument {
		return nil, whittle.ErrLimit.Errorf("the table of contents or the tar-split has %s, more than %s", whittle.Bytes(at[2]), whittle.Bytes(maxDocument))
	}
	return at, nil
}

// checker reads one layer.
type checker struct {
	ctx     context.Context
	blob    io.ReaderAt
	size    int64
	decoder codec.FrameReader
	read    int64 // bytes of the layer that the table's entries name
}

// section reads a part of the layer, until the context ends.
func (c *checker) section(offset, length int64) io.Reader {
	return bound{c.ctx, io.NewSectionReader(c.blob, offset, length)}
}

type bound struct {
	ctx context.Context
	io.Reader
}

func (b bound) Read(p []byte) (int, error) {
	if b.ctx.Err() != nil {
		return 0, context.Cause(b.ctx)
	}
	return b.Reader.Read(p)
}

// digest compares a part of the layer with its digest.
func (c *checker) digest(what string, at []int64, want string) error {
	h := sha256.New()
	if _, err := io.Copy(h, c.section(at[0], at[1])); err != nil {
		return err
	}
	if got := whittle.SHA256([32]byte(h.Sum(nil))); string(got) != want {
		return contradiction("its %s has the digest %s, not %.80q", what, got, want)
	}
	return nil
}

// document is a part of the layer, decompressed. Its end is an error if it has another
// length than the annotation says.
func (c *checker) document(d *codec.FrameReader, at []int64) (io.Reader, error) {
	r, err := d.Open(c.section(at[0], at[1]))
	return &exactly{r: r, left: at[2]}, err
}

type exactly struct {
	r    io.Reader
	left int64
}

func (e *exactly) Read(p []byte) (int, error) {
	n, err := e.r.Read(p)
	if e.left -= int64(n); e.left < 0 || errors.Is(err, io.EOF) && e.left != 0 {
		return 0, contradiction("its table of contents or tar-split has another length than its annotation says")
	}
	return n, err
}

// plain is the layer's tar.
func (c *checker) plain() (r io.Reader, release func(), err error) {
	return codec.Decompress(bufio.NewReaderSize(c.section(0, c.size), 256<<10))
}

// table reads the table of contents and the tar side by side: both have the same entries in
// the same order, as all writers of the format give them. It gives the tar-split's digest.
func (c *checker) table(at []int64) (split string, err error) {
	var d codec.FrameReader
	defer d.Close()
	text, err := c.document(&d, at)
	if err != nil {
		return "", err
	}
	plain, release, err := c.plain()
	if err != nil {
		return "", err
	}
	defer release()
	toc, r := newTable(text), tar.NewReader(plain)
	for n := 0; ; n++ {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return "", whittle.ErrCorrupt.Errorf("entry %d of its tar: %w", n, err)
		}
		e, err := toc.next()
		if err != nil {
			return "", err
		}
		if e == nil {
			return "", contradiction("its table of contents lacks %.80q, which its tar has", h.Name)
		}
		if err := c.compare(e, h, r); err != nil {
			return "", err
		}
		if toc.again(e) {
			return "", contradiction("its table of contents has %.80q twice", e.Name)
		}
	}
	e, err := toc.next()
	if err != nil {
		return "", err
	}
	if e != nil {
		return "", contradiction("its table of contents has %.80q, which its tar has not", e.Name)
	}
	return toc.split, nil
}

// compare compares an entry with the tar's.
func (c *checker) compare(e *file, h *tar.Header, content io.Reader) error {
	kind := types[h.Typeflag]
	if kind == "" {
		return contradiction("its tar has an entry of the type %q, %.80q, which no table of contents can say", h.Typeflag, h.Name)
	}
	if clean(e.Name) != clean(h.Name) {
		return contradiction("its table of contents has %.80q where its tar has %.80q", e.Name, h.Name)
	}
	if what := different(e, h, kind); what != "" {
		return contradiction("of %.80q, its table of contents says %s", h.Name, what)
	}
	if kind != regular {
		return nil
	}
	sum := sha256.New()
	n, err := io.Copy(sum, content)
	if err != nil {
		return err
	}
	if n != e.Size {
		return contradiction("of %.80q, its table of contents says %d bytes, and its tar %d", h.Name, e.Size, n)
	}
	digest := string(whittle.SHA256([32]byte(sum.Sum(nil))))
	if e.Digest != digest && (n > 0 || e.Digest != "") {
		return contradiction("of %.80q, its table of contents says the digest %.80q, and its tar %s", h.Name, e.Digest, digest)
	}
	if n == 0 {
		return nil
	}
	return c.pieces(e)
}

// different says what an entry says otherwise than a header.
func different(e *file, h *tar.Header, kind string) string {
	say := func(what string, a, b any) string {
		return fmt.Sprintf("%s %.80q, and its tar %.80q", what, fmt.Sprint(a), fmt.Sprint(b))
	}
	switch {
	case e.Type != kind:
		return say("the type", e.Type, kind)
	case e.Mode&0o7777 != h.Mode&0o7777:
		return fmt.Sprintf("the mode %04o, and its tar %04o", e.Mode&0o7777, h.Mode&0o7777)
	case e.UID != h.Uid || e.GID != h.Gid:
		return fmt.Sprintf("the owner %d:%d, and its tar %d:%d", e.UID, e.GID, h.Uid, h.Gid)
	case !sameTime(e.ModTime, h.ModTime):
		return say("the time", when(e.ModTime), when(&h.ModTime))
	case kind == symlink && e.Link != h.Linkname, kind == hardLink && clean(e.Link) != clean(h.Linkname):
		return say("a link to", e.Link, h.Linkname)
	case (kind == charDev || kind == blockDev) && (e.Major != h.Devmajor || e.Minor != h.Devminor):
		return fmt.Sprintf("the device %d:%d, and its tar %d:%d", e.Major, e.Minor, h.Devmajor, h.Devminor)
	}
	seen := 0
	for key, value := range h.PAXRecords {
		if name, ok := strings.CutPrefix(key, xattrPrefix); ok {
			seen++
			got, err := base64.StdEncoding.DecodeString(e.Xattrs[name])
			if _, has := e.Xattrs[name]; !has || err != nil || string(got) != value {
				return fmt.Sprintf("another value of the extended attribute %.80q than its tar", name)
			}
		}
	}
	if seen != len(e.Xattrs) {
		return "extended attributes that its tar does not"
	}
	return ""
}

// sameTime compares times; none is the beginning of 1970, as engines have it.
func sameTime(e *time.Time, h time.Time) bool {
	if e == nil || e.IsZero() {
		return h.IsZero() || h.Equal(time.Unix(0, 0))
	}
	return e.Equal(h)
}

func when(t *time.Time) string {
	if t == nil {
		return "none"
	}
	return t.UTC().Format(time.RFC3339Nano)
}

// pieces decompresses a file's pieces at their offsets, and compares them with its digests.
func (c *checker) pieces(e *file) error {
	list := e.pieces
	whole := sha256.New()
	var size int64
	for i, p := range list {
		end := e.EndOffset
		if i+1 < len(list) {
			end = list[i+1].Offset
		}
		if p.ChunkOffset != size || p.ChunkSize < 0 || p.ChunkSize > e.Size-size {
			return contradiction("the pieces of %.80q in its table of contents do not make up the file", e.Name)
		}
		size += p.ChunkSize
		sum := sha256.New()
		to := io.MultiWriter(whole, sum)
		if p.ChunkType == zeros {
			if _, err := io.CopyN(to, nothing{}, p.ChunkSize); err != nil {
				return err
			}
		} else if err := c.piece(to, e.Name, p, end); err != nil {
			return err
		}
		if got := string(whittle.SHA256([32]byte(sum.Sum(nil)))); p.ChunkDigest != "" && got != p.ChunkDigest {
			return contradiction("the bytes at %d of %.80q have the digest %s, and in its table of contents %.80q", p.ChunkOffset, e.Name, got, p.ChunkDigest)
		}
	}
	if got := string(whittle.SHA256([32]byte(whole.Sum(nil)))); size != e.Size || got != e.Digest {
		return contradiction("the bytes at the offset of %.80q in its table of contents are not the file", e.Name)
	}
	return nil
}

// nothing reads as zeros.
type nothing struct{}

func (nothing) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// piece decompresses one piece. All pieces together may have as many bytes as the layer, so
// that no table makes many of a few.
func (c *checker) piece(to io.Writer, name string, p span, end int64) error {
	if p.Offset < 0 || end < p.Offset || end > c.size {
		return contradiction("%.80q is outside of the layer by its table of contents", name)
	}
	if c.read += end - p.Offset; c.read > c.size {
		return contradiction("the files of its table of contents overlap at %.80q", name)
	}
	r, err := c.decoder.Open(c.section(p.Offset, end-p.Offset))
	if err == nil {
		_, err = io.CopyN(to, r, p.ChunkSize)
	}
	if c.ctx.Err() != nil {
		return context.Cause(c.ctx)
	}
	if err != nil {
		return contradiction("the bytes at the offset of %.80q in its table of contents are not the file: %v", name, codec.Error(err))
	}
	return nil
}

// tarSplit compares the tar-split with the tar that it is to make again: its segments are
// the tar's bytes between the files' contents.
func (c *checker) tarSplit(at []int64) error {
	var d codec.FrameReader
	defer d.Close()
	text, err := c.document(&d, at)
	if err != nil {
		return err
	}
	plain, release, err := c.plain()
	if err != nil {
		return err
	}
	defer release()
	list, r := newSplit(text), bufio.NewReaderSize(plain, 256<<10)
	for {
		s, err := list.next()
		if err != nil {
			return err
		}
		if s == nil {
			break
		}
		if err := compareSegment(s, r); err != nil {
			return err
		}
	}
	if _, err := r.ReadByte(); !errors.Is(err, io.EOF) {
		if err == nil {
			err = contradiction("its tar-split ends before its tar")
		}
		return err
	}
	return nil
}

func compareSegment(s *segment, r io.Reader) error {
	switch s.Type {
	case fileSegment:
		crc := crc64.New(crc64.MakeTable(crc64.ISO))
		n, err := io.CopyN(crc, r, s.Size)
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		if n != s.Size || s.Size > 0 && string(crc.Sum(nil)) != string(s.Payload) {
			return contradiction("its tar-split has another file than its tar: %.80q", s.Name)
		}
		return nil
	case bytesSegment:
		b := make([]byte, len(s.Payload))
		if _, err := io.ReadFull(r, b); err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			return err
		}
		if string(b) != string(s.Payload) {
			return contradiction("its tar-split has other bytes than its tar")
		}
		return nil
	}
	return contradiction("its tar-split has an entry of the unknown type %d", s.Type)
}
