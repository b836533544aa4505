// Package chunked writes and checks zstd:chunked layers: a tar in frames of zstd, one for
// each file, whose table of contents says again what the tar says, and where each file is.
// containers/storage (Podman, CRI-O, Buildah) reads the table instead of the tar, and gets
// just the files that it does not have. Who can write the table can so show it another
// tree than others see: [Check] compares the two.
//
// The format is described in
// https://github.com/containers/container-libs/blob/main/storage/docs/containers-storage-zstd-chunked.md
package chunked

import (
	"cmp"
	"path"
	"strings"
	"time"
)

// Annotations of a layer's descriptor: the digest of the compressed table of contents,
// where it is (offset, length, length uncompressed, type), and where the tar-split is.
const (
	Checksum         = "io.github.containers.zstd-chunked.manifest-checksum"
	Position         = "io.github.containers.zstd-chunked.manifest-position"
	TarSplitPosition = "io.github.containers.zstd-chunked.tarsplit-position"
)

// Older programs (skopeo 1.9) write the same annotations under another prefix.
const (
	prefix    = "io.github.containers.zstd-chunked."
	oldPrefix = "io.containers.zstd-chunked."
)

// Is says whether a layer is zstd:chunked by its annotations.
func Is(annotations map[string]string) bool { return said(annotations, Checksum) != "" }

// said is an annotation, under either name.
func said(annotations map[string]string, name string) string {
	return cmp.Or(annotations[name], annotations[oldPrefix+strings.TrimPrefix(name, prefix)])
}

const (
	version      = 1
	manifestType = 1 // JSON as here
	footerMagic  = "GNUlInUx"
)

// entry is an entry of the table of contents.
type entry struct {
	Type        string            `json:"type"`
	Name        string            `json:"name"`
	Link        string            `json:"linkName,omitempty"`
	Mode        int64             `json:"mode,omitempty"`
	Size        int64             `json:"size,omitempty"`
	UID         int               `json:"uid,omitempty"`
	GID         int               `json:"gid,omitempty"`
	ModTime     *time.Time        `json:"modtime,omitempty"`
	AccessTime  *time.Time        `json:"accesstime,omitempty"`
	ChangeTime  *time.Time        `json:"changetime,omitempty"`
	Major       int64             `json:"devMajor,omitempty"`
	Minor       int64             `json:"devMinor,omitempty"`
	Xattrs      map[string]string `json:"xattrs,omitempty"` // in base64
	Digest      string            `json:"digest,omitempty"`
	Offset      int64             `json:"offset,omitempty"`
	EndOffset   int64             `json:"endOffset,omitempty"`
	ChunkSize   int64             `json:"chunkSize,omitempty"`
	ChunkOffset int64             `json:"chunkOffset,omitempty"`
	ChunkDigest string            `json:"chunkDigest,omitempty"`
	ChunkType   string            `json:"chunkType,omitempty"`
}

const (
	regular   = "reg"
	hardLink  = "hardlink"
	symlink   = "symlink"
	charDev   = "char"
	blockDev  = "block"
	directory = "dir"
	fifo      = "fifo"
	piece     = "chunk" // of the regular file before it
	zeros     = "zeros" // a piece that is nothing but zeros
)

// types are those of the entries of a tar.
var types = map[byte]string{'0': regular, '1': hardLink, '2': symlink, '3': charDev, '4': blockDev, '5': directory, '6': fifo}

const xattrPrefix = "SCHILY.xattr."

// clean is a name as the root file system has it: "." for the root.
func clean(name string) string {
	if name = strings.TrimPrefix(path.Clean("/"+name), "/"); name == "" {
		return "."
	}
	return name
}

// named is the path that an entry is about: for a whiteout, the one that it hides.
func named(name string) string {
	p := clean(name)
	dir, base := path.Split(p)
	if hidden, ok := strings.CutPrefix(base, ".wh."); ok && base != ".wh..wh..opq" {
		return dir + hidden
	}
	return p
}
