package pypi

import (
	"encoding/binary"
	"strings"

	"whittle.dev/whittle"
)

// The records of a ZIP archive's end, and their sizes in bytes without what
// may follow (APPNOTE.TXT 4.3).
const (
	endSize       = 22
	locatorSize   = 20
	end64Size     = 56
	directorySize = 46
	localSize     = 30

	endMark       = "PK\x05\x06"
	locatorMark   = "PK\x06\x07"
	end64Mark     = "PK\x06\x06"
	directoryMark = "PK\x01\x02"
	localMark     = "PK\x03\x04"
)

// tailSize is how much of a wheel's end is asked for first: the end's records
// with the longest comment, and in most wheels the directory and the .dist-info
// folder, which is asked to be last.
const tailSize = 128 << 10

// The methods of compression that wheels use.
const (
	stored   = 0
	deflated = 8
)

// directory says where an archive's central directory lies.
type directory struct {
	start, size int64
	entries     int64
	// shift is the length of what is before the archive: offsets count from there.
	shift int64
}

// entry is a file in the central directory.
type entry struct {
	name             string
	method           uint16
	crc              uint32
	size, compressed int64
	// header is where the local header lies in the file.
	header int64
}

func damaged(format string, args ...any) error {
	return whittle.ErrCorrupt.Errorf("the ZIP archive is damaged: "+format, args...)
}

// parseEnd finds the central directory by the records at the end of an archive
// of some size, of which tail is the last part.
func parseEnd(tail []byte, total int64) (directory, error) {
	at := findEnd(tail)
	if at < 0 {
		return directory{}, damaged("it has no end of the central directory")
	}
	r := tail[at:]
	d := directory{
		entries: int64(binary.LittleEndian.Uint16(r[10:])),
		size:    int64(binary.LittleEndian.Uint32(r[12:])),
	}
	offset := int64(binary.LittleEndian.Uint32(r[16:]))
	end := total - int64(len(tail)) + int64(at)
	if at >= locatorSize && string(tail[at-locatorSize:][:4]) == locatorMark {
		at -= locatorSize + end64Size
		if at < 0 || string(tail[at:][:4]) != end64Mark {
			return directory{}, damaged("the record of ZIP64 is not before its locator")
		}
		r := tail[at:]
		d.entries = int64(binary.LittleEndian.Uint64(r[32:]))
		d.size = int64(binary.LittleEndian.Uint64(r[40:]))
		offset = int64(binary.LittleEndian.Uint64(r[48:]))
		end -= locatorSize + end64Size
	}
	d.start = end - d.size
	d.shift = d.start - offset
	switch {
	case d.size < 0 || d.size > end || offset < 0 || d.shift < 0:
		return directory{}, damaged("its central directory does not lie within it")
	case d.size > maxDirectory:
		return directory{}, whittle.ErrLimit.Errorf("the central directory has %d bytes, more than %d", d.size, maxDirectory)
	case d.entries < 0 || d.entries > d.size/directorySize:
		return directory{}, damaged("%d files do not fit into its central directory", d.entries)
	}
	return d, nil
}

// findEnd looks for the last record of the archive, which a comment of a
// length that it names follows.
func findEnd(tail []byte) int {
	for at := len(tail) - endSize; at >= 0; at-- {
		if string(tail[at:][:4]) == endMark && at+endSize+int(binary.LittleEndian.Uint16(tail[at+20:])) == len(tail) {
			return at
		}
	}
	return -1
}

// parseDirectory reads the central directory. Folders are skipped.
func parseDirectory(b []byte, d directory) ([]entry, error) {
	out := make([]entry, 0, d.entries)
	count := int64(0)
	for len(b) > 0 {
		if len(b) < directorySize || string(b[:4]) != directoryMark {
			return nil, damaged("entry %d of its central directory is none", count)
		}
		nameLen := int(binary.LittleEndian.Uint16(b[28:]))
		extraLen := int(binary.LittleEndian.Uint16(b[30:]))
		length := directorySize + nameLen + extraLen + int(binary.LittleEndian.Uint16(b[32:]))
		if length > len(b) {
			return nil, damaged("entry %d of its central directory is cut short", count)
		}
		e, err := parseEntry(b[:length], nameLen, extraLen, d)
		if err != nil {
			return nil, err
		}
		if count++; count > d.entries {
			break
		}
		if !strings.HasSuffix(e.name, "/") {
			out = append(out, e)
		}
		b = b[length:]
	}
	if count != d.entries {
		return nil, damaged("its central directory has not the %d files that its end says", d.entries)
	}
	return out, nil
}

func parseEntry(b []byte, nameLen, extraLen int, d directory) (entry, error) {
	e := entry{
		name:       strings.ToValidUTF8(string(b[directorySize:][:nameLen]), "\ufffd"),
		method:     binary.LittleEndian.Uint16(b[10:]),
		crc:        binary.LittleEndian.Uint32(b[16:]),
		compressed: int64(binary.LittleEndian.Uint32(b[20:])),
		size:       int64(binary.LittleEndian.Uint32(b[24:])),
		header:     int64(binary.LittleEndian.Uint32(b[42:])),
	}
	if !e.large(b[directorySize+nameLen:][:extraLen]) {
		return e, damaged("%.80q has no sizes of ZIP64", e.name)
	}
	clean, err := whittle.CleanPath(e.name)
	if err != nil || clean == "." {
		return e, damaged("%.80q is no path within it", e.name)
	}
	if !strings.HasSuffix(e.name, "/") {
		e.name = clean
	}
	e.header += d.shift
	if e.header < d.shift || e.compressed < 0 || e.header > d.start-localSize || e.compressed > d.start-localSize-e.header {
		return e, damaged("%.80q does not lie within it", e.name)
	}
	return e, e.believable()
}

// large takes the sizes that do not fit into 32 bits from the extra field; ok
// is false where they are missing.
func (e *entry) large(extra []byte) bool {
	const none = 0xffffffff
	var missing []*int64
	for _, v := range []*int64{&e.size, &e.compressed, &e.header} {
		if *v == none {
			missing = append(missing, v)
		}
	}
	for len(extra) >= 4 && len(missing) > 0 {
		id, n := binary.LittleEndian.Uint16(extra), int(binary.LittleEndian.Uint16(extra[2:]))
		extra = extra[4:]
		if n > len(extra) {
			return false
		}
		if field := extra[:n]; id == 1 {
			for ; len(missing) > 0 && len(field) >= 8; field = field[8:] {
				*missing[0] = int64(binary.LittleEndian.Uint64(field))
				missing = missing[1:]
			}
			return len(missing) == 0
		}
		extra = extra[n:]
	}
	return len(missing) == 0
}

// believable refuses a size that the compressed bytes cannot come to: nothing
// else holds what a directory claims.
func (e *entry) believable() error {
	const most = 1032 // what DEFLATE makes of a byte at most
	switch {
	case e.size < 0,
		e.method == stored && e.size != e.compressed,
		e.method == deflated && e.size/most > e.compressed:
		return damaged("%.80q of %d bytes cannot come from %d", e.name, e.size, e.compressed)
	case e.method != stored && e.method != deflated:
		return whittle.ErrUnsupported.Errorf("%.80q is compressed by method %d of ZIP, which is not known", e.name, e.method)
	}
	return nil
}
