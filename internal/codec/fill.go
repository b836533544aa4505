package codec

import "io"

// Buffer is what a [Filler] fills: room for the window, and for the data behind it.
type Buffer [outSize]byte

// Filler is implemented by decoders that can decode into memory of the caller, which saves a
// copy.
type Filler interface {
	// Fill decodes until buf is full, or less of it, but never nothing without an error. The data is a part of it, and may come with an error,
	// which is io.EOF at the end. The next call reads the data again: buf must not be
	// changed before that has returned. One stream is either read or filled from.
	Fill(buf *Buffer) (data []byte, err error)
}

// NewFiller is src if that is a Filler, and otherwise fills from what it reads.
func NewFiller(src io.Reader) Filler {
	if f, ok := src.(Filler); ok {
		return f
	}
	return filled{src}
}

// filled is a reader as a filler.
type filled struct{ io.Reader }

// Fill implements Filler.
func (f filled) Fill(buf *Buffer) ([]byte, error) {
	n, err := fillBuffer(f.Reader, buf[:outSize-windowSize])
	return buf[:n], err
}

// fillBuffer reads until buf is full or the source fails; io.EOF is an error like any other.
func fillBuffer(src io.Reader, buf []byte) (n int, err error) {
	for idle := 0; n < len(buf) && err == nil; {
		var m int
		m, err = src.Read(buf[n:])
		n += m
		if m > 0 {
			idle = 0
		} else if idle++; idle > 100 && err == nil {
			err = io.ErrNoProgress
		}
	}
	return n, err
}
