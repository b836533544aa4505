package index

import (
	"archive/tar"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"path"
	"sort"
	"strings"
	"time"

	"whittle.dev/whittle"
)

// source is an uncompressed tar that is read forward.
type source interface {
	io.Reader
	// Seek goes forward from the current position.
	io.Seeker
	// Pos is how far it was read, in bytes.
	Pos() int64
	// Failed is the error that ended reading, nil if there is none or it was io.EOF.
	Failed() error
}

// scanner turns tar headers into entries, in the order of the tar, and checks
// them against the limits.
type scanner struct {
	src     source
	tar     *headers
	limits  Limits
	spent   *spent // of the image
	cost    Cost   // of the layer, without the length of its tar
	entries int
	globals int // global extended headers, which are no entries
	current content
}

// newScanner reads the tar from src.
func newScanner(src source, limits Limits, spent *spent) *scanner {
	return &scanner{src: src, tar: &headers{src: src}, limits: limits, spent: spent}
}

// content reads the content of the current entry, until the next one; name is for errors.
func (s *scanner) content(name string) *content {
	s.current = content{s, name}
	return &s.current
}

type content struct {
	*scanner
	name string
}

// Read classifies errors as headerError does.
func (c *content) Read(p []byte) (int, error) {
	n, err := c.tar.Read(p)
	return n, c.explain(err)
}

// skip reads to the end. What is in the tar as it is, is not copied.
func (c *content) skip() error {
	if c.tar.delegated {
		_, err := io.Copy(io.Discard, onlyReader{c})
		return err
	}
	return c.explain(c.tar.skipBody())
}

func (c *content) explain(err error) error {
	if err == nil || errors.Is(err, io.EOF) {
		return err
	}
	if failed := c.src.Failed(); failed != nil {
		return failed
	}
	return whittle.ErrCorrupt.Errorf("the content of %.80q: %w", c.name, err)
}

// onlyReader hides all methods but Read.
type onlyReader struct{ io.Reader }

// next is the next entry of the index, io.EOF after the last one.
func (s *scanner) next() (whittle.Entry, error) {
	for {
		h, err := s.tar.Next()
		if err != nil {
			return whittle.Entry{}, s.headerError(err)
		}
		if h.Typeflag == tar.TypeXGlobalHeader {
			s.globals++
			continue
		}
		e, counts, err := s.entry(h)
		if isImageLimit(err) {
			return e, err
		}
		if err != nil {
			return e, fmt.Errorf("entry %d (%.80q): %w", s.entries, h.Name, err)
		}
		if counts {
			s.entries++
			return e, nil
		}
	}
}

// headerError classifies an error of a tar reader. If the source has not failed, the
// tar is corrupt.
func (s *scanner) headerError(err error) error {
	switch failed := s.src.Failed(); {
	case errors.Is(err, io.EOF):
		return err
	case failed != nil:
		return failed
	case errors.Is(err, tar.ErrFieldTooLong):
		return whittle.ErrLimit.Errorf("after entry %d: a name or extended header of more than 1 MiB", s.entries)
	}
	if errors.Is(err, tar.ErrHeader) {
		return whittle.ErrCorrupt.Errorf("after entry %d: what follows is not of a tar", s.entries)
	}
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return whittle.ErrCorrupt.Errorf("after entry %d: the tar ends early", s.entries)
	}
	return whittle.ErrCorrupt.Errorf("after entry %d: %w", s.entries, err)
}

// Names of whiteouts, which mark deletions:
// https://github.com/opencontainers/image-spec/blob/main/layer.md#whiteouts
const (
	whiteoutPrefix = ".wh."
	opaqueMarker   = ".wh..wh..opq"
)

// entry converts a header; counts is false if it is no entry of the index.
func (s *scanner) entry(h *tar.Header) (e whittle.Entry, counts bool, err error) {
	if err := s.checkNames(h); err != nil {
		return e, false, err
	}
	if e.Path, err = whittle.CleanPath(h.Name); err != nil {
		return e, false, err
	}
	dir, base := path.Split(e.Path)
	if strings.HasPrefix(base, whiteoutPrefix) {
		return whiteout(dir, base)
	}
	e.Mode, e.UID, e.GID, e.ModTime = uint32(h.Mode&0o7777), uint32(h.Uid), uint32(h.Gid), nanoseconds(h.ModTime)
	if len(h.PAXRecords) > 0 {
		e.Path = strings.Clone(e.Path) // otherwise it would keep the whole extended header in memory
	}
	if err := s.setKind(&e, h); err != nil {
		return e, false, err
	}
	if e.Path == "." && e.Kind != whittle.Dir {
		return e, false, whittle.ErrCorrupt.Errorf("the root directory is a %s", e.Kind)
	}
	s.cost.Unpacked += e.Size
	return e, true, s.spent.addUnpacked(e.Size, s.limits)
}

func (s *scanner) checkNames(h *tar.Header) error {
	s.cost.Entries++
	if err := s.spent.addEntries(1, s.limits); err != nil {
		return err
	}
	longest := int64(max(len(h.Name), len(h.Linkname)))
	if s.cost.Name = max(s.cost.Name, longest); longest > int64(s.limits.Name) {
		return whittle.WithHint(whittle.ErrLimit.Errorf("a name of %d bytes, more than %d", longest, s.limits.Name), "--max-name raises the limit")
	}
	n := int64(len(h.Name) + len(h.Linkname))
	s.cost.Names += n
	return s.spent.addNames(n, s.limits)
}

func whiteout(dir, base string) (e whittle.Entry, counts bool, err error) {
	name := base[len(whiteoutPrefix):]
	switch {
	case base == opaqueMarker:
		return whittle.Entry{Kind: whittle.Opaque, Path: path.Clean(dir)}, true, nil
	case name == "" || name == "." || name == "..":
		return e, false, whittle.ErrCorrupt.Errorf("a whiteout names no file")
	}
	return whittle.Entry{Kind: whittle.Whiteout, Path: dir + name}, true, nil
}

var kinds = map[byte]whittle.Kind{
	tar.TypeReg: whittle.File, tar.TypeCont: whittle.File, tar.TypeGNUSparse: whittle.File,
	tar.TypeLink: whittle.HardLink, tar.TypeSymlink: whittle.Symlink, tar.TypeDir: whittle.Dir,
	tar.TypeChar: whittle.CharDevice, tar.TypeBlock: whittle.BlockDevice, tar.TypeFifo: whittle.FIFO,
}

func (s *scanner) setKind(e *whittle.Entry, h *tar.Header) (err error) {
	var known bool
	if e.Kind, known = kinds[h.Typeflag]; !known {
		return whittle.ErrUnsupported.Errorf("the tar entry type %q of %.80q is not known", h.Typeflag, e.Path)
	}
	switch e.Kind {
	case whittle.File:
		if h.Size < 0 || h.Size > math.MaxInt64-s.cost.Unpacked {
			return whittle.ErrLimit.Errorf("%.80q has a size of %d bytes", e.Path, h.Size)
		}
		e.Size = h.Size
		if !sparse(h) {
			e.Offset = s.src.Pos()
		}
	case whittle.HardLink:
		if e.Link, err = whittle.CleanPath(h.Linkname); err != nil {
			return fmt.Errorf("hard link: %w", err)
		}
		e.Link = strings.Clone(e.Link)
	case whittle.Symlink:
		e.Link = strings.Clone(h.Linkname)
	}
	e.Special = specialOf(e.Kind, h)
	return nil
}

func specialOf(kind whittle.Kind, h *tar.Header) *whittle.Special {
	var s whittle.Special
	if len(h.PAXRecords) > 0 {
		s.Xattrs = xattrs(h.PAXRecords)
	}
	if kind == whittle.CharDevice || kind == whittle.BlockDevice {
		s.Major, s.Minor = h.Devmajor, h.Devminor
	}
	return s.Kept()
}

// sparse says whether the content is stored in pieces: such an entry has no
// Offset.
func sparse(h *tar.Header) bool {
	if h.Typeflag == tar.TypeGNUSparse {
		return true
	}
	for k := range h.PAXRecords {
		if strings.HasPrefix(k, "GNU.sparse.") {
			return true
		}
	}
	return false
}

// nanoseconds is t in nanoseconds since 1970, or the nearest int64.
func nanoseconds(t time.Time) int64 {
	switch s := t.Unix(); {
	case s >= math.MaxInt64/int64(time.Second):
		return math.MaxInt64
	case s <= math.MinInt64/int64(time.Second):
		return math.MinInt64
	}
	return t.UnixNano()
}

const xattrPrefix = "SCHILY.xattr."

// xattrs is a digest of the extended attributes in sorted order, empty if there are
// none.
func xattrs(records map[string]string) whittle.Digest {
	var names []string
	for k := range records {
		if strings.HasPrefix(k, xattrPrefix) {
			names = append(names, k)
		}
	}
	if len(names) == 0 {
		return ""
	}
	sort.Strings(names)
	h := sha256.New()
	for _, k := range names {
		for _, s := range [...]string{k[len(xattrPrefix):], records[k]} {
			h.Write(binary.LittleEndian.AppendUint64(nil, uint64(len(s))))
			_, _ = io.WriteString(h, s) // a hash takes all
		}
	}
	return whittle.SHA256([32]byte(h.Sum(nil)))
}
