package index

import (
	"bufio"
	"crypto/sha256"
	"encoding/binary"
	"io"
	"maps"
	"math"
	"slices"
	"strings"

	"whittle.dev/whittle"
)

// cacheVersion names the format of the cache's files, and is the name of their
// directory. Change it with the format, and with any change in the index of the
// same layer.
const cacheVersion = "index-v5"

// A cache file is the version; the cost of the layer in varints, its index with the entries, and
// the kept contents; and a SHA-256 of these. A path is stored without the prefix that it shares
// with the path before.

// The flags of an entry; absent parts are zero.
const (
	hasContent = 1 << iota
	hasXattrs
	hasLink
	hasDevice
	sameOwner // as the entry before
	sameTime
)

// encode writes an index a few entries at a time, so that it is not in memory twice.
func encode(w io.Writer, idx *whittle.Index, cost Cost) error {
	sum := sha256.New()
	to := bufio.NewWriterSize(io.MultiWriter(w, sum), 32<<10)
	if _, err := io.WriteString(w, cacheVersion); err != nil {
		return err
	}
	b := to.AvailableBuffer()
	for _, n := range cost.numbers() {
		b = binary.AppendUvarint(b, uint64(*n))
	}
	b = appendString(b, string(idx.DiffID))
	b = binary.AppendUvarint(b, uint64(idx.TarSize))
	b = binary.AppendUvarint(b, uint64(idx.Size))
	b = append(b, boolByte(idx.Hashed))
	b = binary.AppendUvarint(b, uint64(len(idx.Entries)))
	_, _ = to.Write(b) // Flush returns the error
	prev := &whittle.Entry{}
	for i := range idx.Entries {
		_, _ = to.Write(appendEntry(to.AvailableBuffer(), &idx.Entries[i], prev))
		prev = &idx.Entries[i]
	}
	b = appendString(to.AvailableBuffer(), idx.KeptBy)
	_, _ = to.Write(binary.AppendUvarint(b, uint64(len(idx.Kept))))
	for _, i := range slices.Sorted(maps.Keys(idx.Kept)) {
		b = binary.AppendUvarint(to.AvailableBuffer(), uint64(i))
		_, _ = to.Write(appendString(b, string(idx.Kept[i])))
	}
	if err := to.Flush(); err != nil {
		return err
	}
	_, err := w.Write(sum.Sum(nil))
	return err
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
	special := e.Special.Value()
	set(hasXattrs, special.Xattrs != "")
	set(hasLink, e.Link != "")
	set(hasDevice, special.Major != 0 || special.Minor != 0)
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
		b = appendString(b, string(special.Xattrs))
	}
	if flags&hasLink != 0 {
		b = appendString(b, e.Link)
	}
	if flags&hasDevice != 0 {
		b = binary.AppendVarint(b, special.Major)
		b = binary.AppendVarint(b, special.Minor)
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
	body := len(data) - sha256.Size
	if body < len(cacheVersion) || string(data[:len(cacheVersion)]) != cacheVersion ||
		sha256.Sum256(data[len(cacheVersion):body]) != [32]byte(data[body:]) {
		return nil, Cost{}, whittle.ErrCorrupt.Errorf("the cache file is damaged")
	}
	return decodeBody(data[len(cacheVersion):body])
}

// smallestEntry is the length in bytes of the shortest encoded entry.
const smallestEntry = 7

func decodeBody(body []byte) (idx *whittle.Index, cost Cost, err error) {
	d := &decoder{b: body, most: maxExpanded}
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
	if n > 0 {
		idx.Entries = make([]whittle.Entry, n)
	}
	prev := &whittle.Entry{}
	for i := range idx.Entries {
		d.entry(&idx.Entries[i], prev)
		if d.bad {
			return nil, cost, whittle.ErrCorrupt.Errorf("the cache file is damaged at entry %d", i)
		}
		prev = &idx.Entries[i]
	}
	if err := d.kept(idx); err != nil {
		return nil, cost, err
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
	// expanded counts path bytes that were shared and not stored, most bounds them.
	expanded, most int
	texts          texts
}

// maxExpanded bounds the bytes of shared path prefixes, which a small file
// could claim many times over.
const maxExpanded = 1 << 30

func (d *decoder) entry(e, prev *whittle.Entry) {
	e.Kind = whittle.Kind(d.byte())
	flags := d.byte()
	shared := d.uvarint()
	if d.bad || shared > uint64(len(prev.Path)) || d.expanded > d.most {
		d.bad = true
		return
	}
	d.expanded += int(shared)
	e.Path = d.texts.join(prev.Path[:shared], d.bytes(d.length()))
	e.Size, e.Mode = d.size(), uint32(d.uvarint())
	e.Offset = prev.Offset + d.varint()
	e.UID, e.GID, e.ModTime = prev.UID, prev.GID, prev.ModTime
	if flags&sameOwner == 0 {
		e.UID, e.GID = uint32(d.varint()), uint32(d.varint())
	}
	if flags&sameTime == 0 {
		e.ModTime = d.varint()
	}
	if flags&hasContent != 0 {
		copy(e.Content[:], d.bytes(32))
	}
	var special whittle.Special
	if flags&hasXattrs != 0 {
		special.Xattrs = whittle.Digest(d.texts.join("", d.bytes(d.length())))
	}
	if flags&hasLink != 0 {
		e.Link = d.texts.join("", d.bytes(d.length()))
	}
	if flags&hasDevice != 0 {
		special.Major, special.Minor = d.varint(), d.varint()
	}
	if e.Special = prev.Special; special != prev.Special.Value() { // all files of a layer may have the same attributes
		e.Special = special.Kept()
	}
}

// texts makes strings that share memory: one for each takes time to allocate, and to find when
// memory is collected.
type texts struct {
	block strings.Builder
	next  int // length of the next block
}

const (
	smallestBlock = 1 << 10
	largestBlock  = 32 << 10
)

func (t *texts) join(a string, b []byte) string {
	n := len(a) + len(b)
	if t.block.Cap()-t.block.Len() < n {
		t.next = min(max(2*t.next, smallestBlock), largestBlock)
		t.block = strings.Builder{}
		t.block.Grow(max(n, t.next))
	}
	start := t.block.Len()
	t.block.WriteString(a)
	t.block.Write(b)
	return t.block.String()[start:]
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
