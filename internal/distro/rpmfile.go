package distro

import (
	"bytes"
	"encoding/binary"

	"whittle.dev/whittle"
)

// Berkeley DB's hash format, as far as rpm's Packages uses it: a metadata
// page, hash pages with pairs of key and value, and the values in chains of
// overflow pages.
// https://github.com/berkeleydb/libdb/blob/master/src/dbinc/db_page.h
const (
	berkeleyMagic    = 0x061561
	berkeleyMetadata = 512 // what is read of the first page
	pageHeader       = 26
	pageUnsorted     = 2 // hash pages as they were before version 4.6
	pageOverflow     = 7
	pageHash         = 13
	itemOffPage      = 3
	itemOffPageSize  = 12
)

// berkeley is a database in memory.
type berkeley struct {
	data  []byte
	order binary.ByteOrder
	size  int // of a page, in bytes
	pages int
	// walked counts overflow pages: a chain in a circle would have no end.
	walked int
}

// berkeleyHeaders calls each with every value that lies in overflow pages: no
// package's header is small enough for another place.
func berkeleyHeaders(data []byte, each func(header []byte) error) error {
	db, err := openBerkeley(data)
	if err != nil {
		return err
	}
	for n := range db.pages {
		page := db.page(n)
		if kind := page[25]; kind != pageHash && kind != pageUnsorted {
			continue
		}
		entries := int(db.order.Uint16(page[20:]))
		if pageHeader+2*entries > len(page) {
			return whittle.ErrCorrupt.Errorf("page %d has %d entries", n, entries)
		}
		for i := 1; i < entries; i += 2 { // values follow their keys
			at := int(db.order.Uint16(page[pageHeader+2*i:]))
			if at >= len(page) || page[at] != itemOffPage || at+itemOffPageSize > len(page) {
				continue
			}
			value, err := db.chain(db.order.Uint32(page[at+4:]))
			if err != nil {
				return err
			}
			if err := each(value); err != nil {
				return err
			}
		}
	}
	return nil
}

func openBerkeley(data []byte) (*berkeley, error) {
	if len(data) < berkeleyMetadata {
		return nil, whittle.ErrCorrupt.Errorf("%d bytes are no database", len(data))
	}
	db := &berkeley{data: data}
	switch {
	case binary.LittleEndian.Uint32(data[12:]) == berkeleyMagic:
		db.order = binary.LittleEndian
	case binary.BigEndian.Uint32(data[12:]) == berkeleyMagic:
		db.order = binary.BigEndian
	default:
		return nil, whittle.ErrCorrupt.Errorf("it is neither SQLite, NDB nor a Berkeley DB hash")
	}
	if data[24] != 0 {
		return nil, whittle.ErrUnsupported.Errorf("it is encrypted")
	}
	size := db.order.Uint32(data[20:])
	if size < berkeleyMetadata || size > 1<<16 || size&(size-1) != 0 {
		return nil, whittle.ErrCorrupt.Errorf("its pages have %d bytes", size)
	}
	db.size = int(size)
	last := int64(db.order.Uint32(data[32:]))
	if (last+1)*int64(size) > int64(len(data)) {
		return nil, whittle.ErrCorrupt.Errorf("%d bytes end before page %d", len(data), last)
	}
	db.pages = int(last) + 1
	return db, nil
}

func (db *berkeley) page(n int) []byte { return db.data[n*db.size : (n+1)*db.size] }

// chain joins the contents of overflow pages.
func (db *berkeley) chain(first uint32) ([]byte, error) {
	var value []byte
	for n := first; n != 0; {
		if int64(n) >= int64(db.pages) {
			return nil, whittle.ErrCorrupt.Errorf("a chain leads to page %d of %d", n, db.pages)
		}
		if db.walked++; db.walked > db.pages {
			return nil, whittle.ErrCorrupt.Errorf("chains of pages meet at page %d", n)
		}
		page := db.page(int(n))
		if page[25] != pageOverflow {
			return nil, whittle.ErrCorrupt.Errorf("page %d of a chain is of type %d", n, page[25])
		}
		n = db.order.Uint32(page[16:])
		content := page[pageHeader:]
		if n == 0 {
			if used := int(db.order.Uint16(page[22:])); used <= len(content) {
				content = content[:used]
			}
		}
		value = append(value, content...)
	}
	return value, nil
}

// NDB, rpm's own format: a header, pages of slots that point to blobs.
// https://github.com/rpm-software-management/rpm/blob/rpm-4.20.x/lib/backend/ndb/rpmpkg.c
const (
	ndbSlotPage   = 4096
	ndbSlotSize   = 16
	ndbBlockSize  = 16
	ndbHeaderSize = 32
)

func isNDB(data []byte) bool { return bytes.HasPrefix(data, []byte("RpmP")) }

// ndbHeaders calls each with the blob of every slot in use.
func ndbHeaders(data []byte, each func(header []byte) error) error {
	if len(data) < ndbHeaderSize {
		return whittle.ErrCorrupt.Errorf("%d bytes are no database", len(data))
	}
	number := func(at int64) int64 { return int64(binary.LittleEndian.Uint32(data[at:])) }
	if v := number(4); v != 0 {
		return whittle.ErrUnsupported.Errorf("version %d of the NDB format is not known", v)
	}
	end := number(12) * ndbSlotPage
	if end > int64(len(data)) {
		return whittle.ErrCorrupt.Errorf("%d bytes end before %d pages of slots", len(data), number(12))
	}
	total := int64(0)
	for slot := int64(ndbHeaderSize); slot < end; slot += ndbSlotSize {
		if string(data[slot:slot+4]) != "Slot" {
			return whittle.ErrCorrupt.Errorf("there is no slot at byte %d", slot)
		}
		id := number(slot + 4)
		if id == 0 {
			continue
		}
		blob := number(slot+8) * ndbBlockSize
		if blob+16 > int64(len(data)) || string(data[blob:blob+4]) != "BlbS" || number(blob+4) != id {
			return whittle.ErrCorrupt.Errorf("package %d has no blob at byte %d", id, blob)
		}
		size := number(blob + 12)
		if total += size; blob+16+size > int64(len(data)) || total > int64(len(data)) {
			return whittle.ErrCorrupt.Errorf("package %d has a blob of %d bytes at byte %d", id, size, blob)
		}
		if err := each(data[blob+16 : blob+16+size]); err != nil {
			return err
		}
	}
	return nil
}
