package rootfs

import (
	"encoding/binary"
	"maps"
	"slices"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/python/source"
)

// scans are what texts of a layer say, encoded, by entry: those that were asked for
// in an earlier run.
type scans map[int][]byte

// scansKey is the key of a layer's scans in the cache.
func scansKey(layer whittle.Digest) whittle.Digest {
	return whittle.DigestOf([]byte("scans " + factsVersion + " " + string(layer)))
}

// said are the scans of a layer, read once.
func (m *Image) said(layer int) scans {
	if m.scans[layer] == nil {
		m.scans[layer] = scans{}
		if idx := m.Indexes[layer]; idx.Verified {
			if b, ok := m.cache.Result(scansKey(idx.DiffID)); ok {
				m.scans[layer] = decodeScans(b)
			}
		}
	}
	return m.scans[layer]
}

// keepScans keeps what was scanned since the image was read.
func (m *Image) keepScans() {
	if m.cache == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	fresh := make([]scans, len(m.Indexes))
	for item, f := range m.files {
		if f == nil || f.packed == nil || f.said != nil || f.scanned.facts == nil {
			continue
		}
		it := m.Ledger.Items[item]
		if fresh[it.Layer] == nil {
			fresh[it.Layer] = scans{}
		}
		f.said, _ = f.scanned.facts.AppendBinary(nil)
		fresh[it.Layer][it.Entry] = f.said
	}
	for layer, s := range fresh {
		if idx := m.Indexes[layer]; len(s) > 0 && idx.Verified {
			all := m.said(layer)
			maps.Copy(all, s)
			_ = m.cache.KeepResult(scansKey(idx.DiffID), all.encode())
		}
	}
}

// encode writes the entries in order, each with the length of what follows.
func (s scans) encode() (b []byte) {
	for _, entry := range slices.Sorted(maps.Keys(s)) {
		b = binary.AppendUvarint(b, uint64(entry))
		b = binary.AppendUvarint(b, uint64(len(s[entry])))
		b = append(b, s[entry]...)
	}
	return b
}

// decodeScans reads the output of encode. Of anything else it gives what it can read;
// whether that are facts is seen when it is decoded.
func decodeScans(b []byte) scans {
	s := scans{}
	for len(b) > 0 {
		entry, size := binary.Uvarint(b)
		if size <= 0 {
			break
		}
		facts, rest, ok := cutBytes(b[size:])
		if !ok {
			break
		}
		s[int(entry)], b = facts, rest
	}
	return s
}

// decoded are the facts that were kept, nil if there are none. Damaged ones are forgotten, so
// that others are kept in their place.
func (f *facts) decoded() *source.Facts {
	s := new(source.Facts)
	if f.said == nil || s.UnmarshalBinary(f.said) != nil {
		f.said = nil
		return nil
	}
	return s
}
