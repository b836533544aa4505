package index

import (
	"errors"
	"fmt"
	"io"
)

// seeker is a buffered reader of a section that seeks over contents. Its buffer is
// small, because most bytes between two headers are content that is not read.
type seeker struct {
	r    *io.SectionReader
	buf  []byte
	rest []byte // of buf
	pos  int64
	err  error
}

func newSeeker(r *io.SectionReader) *seeker {
	return &seeker{r: r, buf: make([]byte, 2048)}
}

// Pos implements source.
func (s *seeker) Pos() int64 { return s.pos }

// Failed implements source.
func (s *seeker) Failed() error { return s.err }

// Read implements io.Reader.
func (s *seeker) Read(p []byte) (int, error) {
	if len(s.rest) == 0 {
		n, err := s.r.ReadAt(s.buf, s.pos)
		if n == 0 {
			if err != io.EOF {
				s.err = fmt.Errorf("reading it: %w", err)
			}
			return 0, err
		}
		s.rest = s.buf[:n]
	}
	n := copy(p, s.rest)
	s.rest = s.rest[n:]
	s.pos += int64(n)
	return n, nil
}

// Seek goes forward from the current position only.
func (s *seeker) Seek(offset int64, whence int) (int64, error) {
	if whence != io.SeekCurrent || offset < 0 {
		return -1, errors.ErrUnsupported
	}
	if offset > s.r.Size()-s.pos {
		offset = s.r.Size() - s.pos // the next read says that the tar ends here
	}
	s.rest = s.rest[min(offset, int64(len(s.rest))):]
	s.pos += offset
	return s.pos, nil
}
