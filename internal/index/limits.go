package index

import (
	"fmt"
	"math"
	"sync/atomic"

	"whittle.dev/whittle"
)

// Limits bound the cost of all layers of an image together. A zero field is its
// default.
type Limits struct {
	// Entries is the number of tar entries; by default 4,000,000.
	Entries int
	// Unpacked bounds the length of the uncompressed tars and the sum of the
	// files' sizes, each in bytes; by default 256 GiB.
	Unpacked int64
	// Name is the length of one name or link target in bytes; by default
	// 4096, the most that Linux takes.
	Name int
	// Memory bounds the memory of the tables of all entries in bytes, counted as
	// [EntrySize] and the length of the names for each; by default [DefaultMemory].
	// The whole program takes at most four times as much.
	Memory int64
	// Ratio bounds the uncompressed bytes for each stored byte of a layer that is
	// larger than 4 GiB uncompressed; by default 1000, which is close to the most
	// that gzip reaches.
	Ratio int64
}

// DefaultMemory is the limit of the tables of all entries, in bytes.
const DefaultMemory = 2 << 30

// EntrySize is approximately the memory of one entry in all tables, in bytes.
const EntrySize = 512

// ratioFrom is the number of uncompressed bytes below which no ratio is suspicious.
const ratioFrom = 4 << 30

// DefaultLimits are the default limits.
func DefaultLimits() Limits { return Limits{}.withDefaults() }

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
	if l.Memory <= 0 {
		l.Memory = DefaultMemory
	}
	if l.Ratio <= 0 {
		l.Ratio = 1000
	}
	return l
}

// checkRatio returns an error if the ratio of uncompressed to stored bytes exceeds
// the limit.
func (l Limits) checkRatio(unpacked, stored int64) error {
	if unpacked > ratioFrom && unpacked/l.Ratio > stored {
		return whittle.WithHint(whittle.ErrLimit.Errorf("%s stored unpack to %s, more than %d times as much",
			whittle.Bytes(stored), whittle.Bytes(unpacked), l.Ratio), "--max-ratio raises the limit")
	}
	return nil
}

// Cost is what a layer uses of the limits.
type Cost struct {
	// Entries counts the tar's headers, Names the bytes of all names and link
	// targets, Name those of the longest.
	Entries, Names, Name int64
	// Tar is the length of the uncompressed tar, Unpacked that of all files.
	Tar, Unpacked int64
	// Ratio is the highest ratio of uncompressed to stored bytes beyond 4 GiB.
	Ratio int64
}

// within says whether the limits of a single layer allow this cost.
func (c Cost) within(l Limits) bool { return c.Name <= int64(l.Name) && c.Ratio <= l.Ratio }

// spent is the cost of an image's layers so far. They are read in parallel, so an
// error names the image's limit and not the layer that reached it first.
type spent struct {
	entries, names, tar, unpacked atomic.Int64
	// kept is the number of bytes of kept contents.
	kept atomic.Int64
}

// imageLimit is the error if the layers of an image exceed a limit together.
type imageLimit struct{ what, flag string }

func (e *imageLimit) Error() string { return e.what }
func (e *imageLimit) Unwrap() error { return whittle.ErrLimit }

// Hint implements [whittle.Hinted].
func (e *imageLimit) Hint() string { return e.flag + " raises the limit" }

func (s *spent) addEntries(n int64, l Limits) error {
	if s.entries.Add(n) > int64(l.Entries) {
		return &imageLimit{fmt.Sprintf("the layers have more than %d entries", l.Entries), "--max-entries"}
	}
	return nil
}

func (s *spent) addNames(n int64, l Limits) error {
	if s.names.Add(n)+EntrySize*s.entries.Load() > l.Memory {
		return &imageLimit{fmt.Sprintf("the tables of the layers' entries take more than %s", whittle.Bytes(l.Memory)), "--max-memory"}
	}
	return nil
}

// addTar and addUnpacked share a limit and a message: a user need not know which
// of them exceeded it.
func (s *spent) addTar(n int64, l Limits) error { return addBytes(&s.tar, n, l) }

func (s *spent) addUnpacked(n int64, l Limits) error { return addBytes(&s.unpacked, n, l) }

func addBytes(sum *atomic.Int64, n int64, l Limits) error {
	if n > math.MaxInt64/2 || sum.Add(n) > l.Unpacked {
		return &imageLimit{fmt.Sprintf("the layers unpack to more than %s", whittle.Bytes(l.Unpacked)), "--max-size"}
	}
	return nil
}

// add charges the whole cost of a layer.
func (s *spent) add(c Cost, l Limits) error {
	if err := s.addEntries(c.Entries, l); err != nil {
		return err
	}
	if err := s.addNames(c.Names, l); err != nil {
		return err
	}
	if err := s.addTar(c.Tar, l); err != nil {
		return err
	}
	return s.addUnpacked(c.Unpacked, l)
}

// allows says whether the limits allow the whole cost of a layer. If not, reading
// the layer tells which limit it reaches first.
func (s *spent) allows(c Cost, l Limits) bool {
	sum := &spent{}
	return sum.add(Cost{Entries: s.entries.Load(), Names: s.names.Load(), Tar: s.tar.Load(), Unpacked: s.unpacked.Load()}, l) == nil && sum.add(c, l) == nil
}

// refund subtracts the cost of a layer that will be read again.
func (s *spent) refund(c Cost) {
	s.entries.Add(-c.Entries)
	s.names.Add(-c.Names)
	s.tar.Add(-c.Tar)
	s.unpacked.Add(-c.Unpacked)
}

// keep charges kept contents. It is false, and charges nothing, if they would exceed
// the bound of an image.
func (s *spent) keep(n int64) bool {
	if s.kept.Add(n) > maxKept {
		s.kept.Add(-n)
		return false
	}
	return true
}
