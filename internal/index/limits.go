package index

import (
	"fmt"

	"whittle"
)

// Limits bound what one layer may cost. A zero field means its default.
type Limits struct {
	// Entries is the number of tar entries; by default 4,000,000.
	Entries int
	// Unpacked bounds the length of the uncompressed tar and the sum of its
	// files' sizes, each in bytes; by default 256 GiB.
	Unpacked int64
	// Name is the length of one name or link target in bytes; by default
	// 4096, the most that Linux takes.
	Name int
	// Names is the length of all names and link targets of the layer
	// together in bytes; by default 512 MiB.
	Names int64
	// Ratio bounds the unpacked bytes for each stored byte. It holds for what
	// unpacks to more than 4 GiB; by default 1000, close to what gzip can do
	// at most.
	Ratio int64
}

// ratioFrom is the number of unpacked bytes below which no ratio is suspect.
const ratioFrom = 4 << 30

func (l Limits) withDefaults() Limits {
	if l.Entries <= 0 {
		l.Entries = 4_000_000
	}
	if l.Unpacked <= 0 {
		l.Unpacked = 256 << 30
	}
	if l.Name <= 0 {
		l.Name = 4096
	}
	if l.Names <= 0 {
		l.Names = 512 << 20
	}
	if l.Ratio <= 0 {
		l.Ratio = 1000
	}
	return l
}

// checkSize says whether so many unpacked bytes out of so many stored bytes
// are within the limits.
func (l Limits) checkSize(unpacked, stored int64) error {
	if unpacked > l.Unpacked {
		return fmt.Errorf("unpacks to more than %s: %w", whittle.Bytes(l.Unpacked), whittle.ErrLimit)
	}
	if unpacked > ratioFrom && unpacked/l.Ratio > stored {
		return fmt.Errorf("%s stored unpack to %s, more than %d times as much: %w",
			whittle.Bytes(stored), whittle.Bytes(unpacked), l.Ratio, whittle.ErrLimit)
	}
	return nil
}
