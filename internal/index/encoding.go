package index

import (
	"crypto/sha256"
	"encoding/binary"
	"maps"
	"math"
	"slices"

	"whittle.dev/whittle"
)

// cacheVersion names the format of the cache's files, and is the name of their
// directory. Change it with the format, and with any change in the index of the
// same layer.
const cacheVersion = "index-v4"

// A cache file is the version, a SHA-256 of the rest, and the rest in varints: the
// cost of the layer, its index with the entries, and the kept contents. A path is
// stored without the prefix that it shares with the path before.
const cacheHeader = len(cacheVersion) + sha256.Size

// The flags of an entry; absent parts are zero.
const (
	hasContent = 1 << iota
	hasXattrs
	hasLink
	hasDevice
	sameOwner // as the entry before
	sameTime
)

func encode(idx *whittle.Index, cost Cost) []byte {
	b := make([]byte, cacheHeader, cacheHeader+64+100*len(idx.Entries))
	copy(b, cacheVersion)
	for _, n := range cost.numbers() {
		b = binary.AppendUvarint(b, uint64(*n))
	}
	b = appendString(b, string(idx.DiffID))
	b = binary.AppendUvarint(b, uint64(idx.TarSize))
	b = binary.AppendUvarint(b, uint64(idx.Size))
	b = append(b, boolByte(idx.Hashed))
	b = binary.AppendUvarint(b, uint64(len(idx.Entries)))
	var prev whittle.Entry
	for i := range idx.Entries {
		b = appendEntry(b, &idx.Entries[i], &prev)
		prev = idx.Entries[i]
	}
	b = appendString(b, idx.KeptBy)
	b = binary.AppendUvarint(b, uint64(len(idx.Kept)))
	for _, i := range slices.Sorted(maps.Keys(idx.Kept)) {
		b = binary.AppendUvarint(b, uint64(i))
		b = appendString(b, string(idx.Kept[i]))
	}
	sum := sha256.Sum256(b[cacheHeader:])
	copy(b[len(cacheVersion):], sum[:])
	return b
}

// numbers are the parts of a cost, in the order in which they are stored.
func (c *Cost) numbers() [6]*int64 {
	return [...]*int64{&c.Entries, &c.Names, &c.Name, &c.Tar, &c.Unpacked, &c.Ratio}
}

func appendEntry(b []byte, e, prev *whittle.Entry) []byte {
	flags := byte(0)
	set := func(flag byte, on bool) {
		if on {
			flags |= flag
		}
	}
	set(hasContent, e.Content != [32]byte{})
	set(hasXattrs, e.Xattrs != [32]byte{})
	set(hasLink, e.Link != "")
	set(hasDevice, e.Major != 0 || e.Minor != 0)
	set(sameOwner, e.UID == prev.UID && e.GID == prev.GID)
	set(sameTime, e.ModTime == prev.ModTime)
	b = append(b, byte(e.Kind), flags)
	shared := sharedPrefix(e.Path, prev.Path)
	b = binary.AppendUvarint(b, uint64(shared))
	b = appendString(b, e.Path[shared:])
	b = binary.AppendUvarint(b, uint64(e.Size))
	b = binary.AppendUvarint(b, uint64(e.Mode))
	b = binary.AppendVarint(b, e.Offset-prev.Offset)
	if flags&sameOwner == 0 {
		b = binary.AppendVarint(b, int64(e.UID))
		b = binary.AppendVarint(b, int64(e.GID))
	}
	if flags&sameTime == 0 {
		b = binary.AppendVarint(b, e.ModTime)
	}
	if flags&hasContent != 0 {
		b = append(b, e.Content[:]...)
	}
	if flags&hasXattrs != 0 {
		b = append(b, e.Xattrs[:]...)
	}
	if flags&hasLink != 0 {
		b = appendString(b, e.Link)
	}
	if flags&hasDevice != 0 {
		b = binary.AppendVarint(b, e.Major)
		b = binary.AppendVarint(b, e.Minor)
	}
	return b
}

func appendString(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

func boolByte(v bool) byte {
	if v {
		return 1
	}
	return 0
}

func sharedPrefix(a, b string) int {
	n := min(len(a), len(b))
	for i := range n {
		if a[i] != b[i] {
			return i
		}
	}
	return n
}

// decode reads the output of encode. Anything else is [whittle.ErrCorrupt]; it uses
// at most a small multiple of the data's length of memory.
func decode(data []byte) (*whittle.Index, Cost, error) {
	if len(data) < cacheHeader || string(data[:len(cacheVersion)]) != cacheVersion ||
		sha256.Sum256(data[cacheHeader:]) != [32]byte(data[len(cacheVersion):cacheHeader]) {
		return nil, Cost{}, whittle.ErrCorrupt.Errorf("the cache file is damaged")
	}
	return decodeBody(data[cacheHeader:])
}

// smallestEntry is the length in bytes of the shortest encoded entry.
const smallestEntry = 7

func decodeBody(body []byte) (idx *whittle.Index, cost Cost, err error) {
	d := &decoder{b: body}
	for _, n := range cost.numbers() {
		*n = d.size()
	}
	idx = &whittle.Index{DiffID: whittle.Digest(d.bytes(d.length())), Verified: true}
	idx.TarSize, idx.Size = d.size(), d.size()
	idx.Hashed = d.byte() == 1
	n := d.length()
	if d.bad || n > len(d.b)/smallestEntry {
		return nil, cost, whittle.ErrCorrupt.Errorf("the cache file is damaged")
	}
	// All paths are collected in one string to save allocations; ends are their
	// ends.
	paths, ends := make([]byte, 0, 48*n), make([]int, n)
	if n > 0 {
		idx.Entries = make([]whittle.Entry, n)
	}
	var prev whittle.Entry
	var last []byte // the path before
	for i := range idx.Entries {
		e := &idx.Entries[i]
		start := len(paths)
		paths = d.entry(e, &prev, paths, last)
		if d.bad {
			return nil, cost, whittle.ErrCorrupt.Errorf("the cache file is damaged at entry %d", i)
		}
		last, ends[i], prev = paths[start:], len(paths), *e
	}
	if err := d.kept(idx); err != nil {
		return nil, cost, err
	}
	all, start := string(paths), 0
	for i, end := range ends {
		idx.Entries[i].Path = all[start:end]
		start = end
	}
	return idx, cost, nil
}

// kept reads the kept contents, which are the rest of the file.
func (d *decoder) kept(idx *whittle.Index) error {
	idx.KeptBy = string(d.bytes(d.length()))
	for n := d.length(); n > 0 && !d.bad; n-- {
		i := d.uvarint()
		if i >= uint64(len(idx.Entries)) {
			d.bad = true
			break
		}
		if idx.Kept == nil {
			idx.Kept = map[int][]byte{}
		}
		idx.Kept[int(i)] = d.bytes(d.length())
	}
	if d.bad || len(d.b) > 0 {
		return whittle.ErrCorrupt.Errorf("the contents kept in the cache file are damaged")
	}
	return nil
}

// decoder reads varints and strings; bad is set at the first error.
type decoder struct {
	b   []byte
	bad bool
	// expanded counts path bytes that were shared and not stored.
	expanded int
}

// maxExpanded bounds the bytes of shared path prefixes, which a small file
// could claim many times over.
const maxExpanded = 1 << 30

func (d *decoder) entry(e, prev *whittle.Entry, paths, last []byte) []byte {
	e.Kind = whittle.Kind(d.byte())
	flags := d.byte()
	shared := d.uvarint()
	if d.bad || shared > uint64(len(last)) || d.expanded > maxExpanded {
		d.bad = true
		return paths
	}
	d.expanded += int(shared)
	paths = append(paths, last[:shared]...)
	paths = append(paths, d.bytes(d.length())...)
	e.Size, e.Mode = d.size(), uint32(d.uvarint())
	e.Offset = prev.Offset + d.varint()
	e.UID, e.GID, e.ModTime = prev.UID, prev.GID, prev.ModTime
	if flags&sameOwner == 0 {
		e.UID, e.GID = int(d.varint()), int(d.varint())
	}
	if flags&sameTime == 0 {
		e.ModTime = d.varint()
	}
	if flags&hasContent != 0 {
		copy(e.Content[:], d.bytes(32))
	}
	if flags&hasXattrs != 0 {
		copy(e.Xattrs[:], d.bytes(32))
	}
	if flags&hasLink != 0 {
		e.Link = string(d.bytes(d.length()))
	}
	if flags&hasDevice != 0 {
		e.Major, e.Minor = d.varint(), d.varint()
	}
	return paths
}

func (d *decoder) bytes(n int) []byte {
	if d.bad || n > len(d.b) {
		d.bad = true
		return nil
	}
	b := d.b[:n]
	d.b = d.b[n:]
	return b
}

func (d *decoder) byte() byte {
	if b := d.bytes(1); len(b) == 1 {
		return b[0]
	}
	return 0
}

func (d *decoder) uvarint() uint64 {
	v, n := binary.Uvarint(d.b)
	if n <= 0 {
		d.bad = true
		return 0
	}
	d.b = d.b[n:]
	return v
}

func (d *decoder) varint() int64 {
	v, n := binary.Varint(d.b)
	if n <= 0 {
		d.bad = true
		return 0
	}
	d.b = d.b[n:]
	return v
}

// size is a number of bytes.
func (d *decoder) size() int64 {
	v := d.uvarint()
	if v > math.MaxInt64 {
		d.bad = true
		return 0
	}
	return int64(v)
}

// length is the length of something that follows.
func (d *decoder) length() int {
	v := d.uvarint()
	if v > uint64(len(d.b)) {
		d.bad = true
		return 0
	}
	return int(v)
}
