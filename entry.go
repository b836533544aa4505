package whittle

import (
	"fmt"
	"path"
	"strings"
)

// Kind is what an entry of a layer is.
type Kind uint8

// The kinds of entries. A whiteout's Path is the path that it deletes; an
// opaque marker's Path is the directory whose lower contents it hides.
const (
	File Kind = iota + 1
	HardLink
	Symlink
	Dir
	CharDevice
	BlockDevice
	FIFO
	Whiteout
	Opaque
)

var kindNames = [...]string{File: "file", HardLink: "hard link", Symlink: "symlink", Dir: "directory",
	CharDevice: "character device", BlockDevice: "block device", FIFO: "fifo", Whiteout: "whiteout", Opaque: "opaque"}

// String is the kind in words.
func (k Kind) String() string {
	if int(k) < len(kindNames) && kindNames[k] != "" {
		return kindNames[k]
	}
	return fmt.Sprintf("kind %d", uint8(k))
}

// Entry is one entry of a layer's tar. An image may have millions: the order of the fields leaves
// no gaps between them.
type Entry struct {
	// Path is clean, relative, separated by slashes, never starts with ".."
	// and is "." only for the root directory itself. It may hold any bytes
	// but NUL.
	Path string
	// Link is a symlink's target as written, or a hard link's target as a
	// path like Path.
	Link string
	// Special is what few entries have, nil for the others. It is not changed once it is set: entries
	// may share it.
	Special *Special
	Kind    Kind
	// Mode holds permission, setuid, setgid and sticky bits (07777).
	Mode uint32
	// UID and GID are the low 32 bits of what the tar has, which are all that Linux takes.
	UID, GID uint32
	// Size is the length of a regular file in bytes (of a sparse file, its
	// logical length), 0 for everything else.
	Size int64
	// ModTime is in nanoseconds since 1970, in UTC.
	ModTime int64
	// Offset is where the content starts in the uncompressed tar, in bytes.
	Offset int64
	// Content is the SHA-256 of a regular file's bytes, zero where it was
	// not read ([Index.Hashed]).
	Content [32]byte
}

// Special is what few entries have. Kept apart, it takes 8 bytes of each of the others.
type Special struct {
	// Xattrs is a digest of the extended attributes' names and values in
	// sorted order; empty where there are none.
	Xattrs Digest
	// Major and Minor are the numbers of a device.
	Major, Minor int64
}

// Kept is s as an entry has it: nil if there is nothing in it.
func (s Special) Kept() *Special {
	if s == (Special{}) {
		return nil
	}
	kept := s // so that memory is only taken here
	return &kept
}

// Value is the zero Special for nil.
func (s *Special) Value() Special {
	if s == nil {
		return Special{}
	}
	return *s
}

// Index is what one layer holds, in the order of its tar. A path may occur
// more than once: the last entry wins.
type Index struct {
	DiffID  Digest
	Entries []Entry
	// Size is the sum of the sizes of all regular files, in bytes.
	Size int64
	// Hashed says that the Content of every regular file is set.
	Hashed bool
	// Verified says that the layer's bytes were compared with its digests.
	Verified bool
	// Kept has the contents of files that the reader was asked to keep, by
	// position in Entries; KeptBy names the selection. Where it is empty, or a
	// file is missing, the layer has the content.
	Kept   map[int][]byte
	KeptBy string
	// TarSize is the length of the uncompressed tar in bytes.
	TarSize int64
}

// CleanPath checks and cleans a name from a tar: leading "./" and "/" are
// dropped, as container engines do. Names that would leave the root, or that
// hold a NUL byte, are [ErrCorrupt].
func CleanPath(name string) (string, error) {
	if strings.IndexByte(name, 0) >= 0 {
		return "", ErrCorrupt.Errorf("name %.80q holds a NUL byte", name)
	}
	p := path.Clean(strings.TrimLeft(name, "/"))
	if p == ".." || strings.HasPrefix(p, "../") {
		return "", ErrCorrupt.Errorf("name %.80q leaves the root directory", name)
	}
	return p, nil
}
