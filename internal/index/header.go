package index

import (
	"archive/tar"
	"errors"
	"io"
	"time"
)

// headers reads tar headers in order. It parses simple headers itself, which are
// nearly all. Extended headers, sparse files, old formats and everything unexpected
// go to archive/tar, which decides what they mean. The fuzz test FuzzHeaders
// compares the two.
type headers struct {
	src source
	// next is the position of the next header, body the number of bytes of content
	// before it that are not read yet.
	next, body int64
	// std reads this entry or, if delegated, the rest of the tar.
	std       *tar.Reader
	delegated bool
	block     [blockSize]byte
	header    tar.Header
}

const (
	blockSize = 512
	// maxBody is more than any tar holds, and can be added to a position.
	maxBody = 1 << 60
)

// Next moves to the next entry. The header is valid until the next call. Its errors
// are those of archive/tar.
func (t *headers) Next() (*tar.Header, error) {
	if t.delegated {
		return t.std.Next()
	}
	if err := t.skip(); err != nil {
		return nil, err
	}
	if n, err := io.ReadFull(t.src, t.block[:]); err != nil {
		if n == 0 {
			return nil, err
		}
		return nil, noEOF(err)
	}
	if t.simple() {
		t.std = nil
		t.body = t.header.Size
		t.next = t.src.Pos() + padded(t.header.Size)
		return &t.header, nil
	}
	t.std = tar.NewReader(&replay{head: t.block[:], src: t.src})
	h, err := t.std.Next()
	if err != nil {
		return nil, err
	}
	if sparse(h) {
		t.delegated = true // only archive/tar knows where it ends
		return h, nil
	}
	t.body = 0
	if hasBody(h.Typeflag) {
		t.body = h.Size
	}
	if t.body > maxBody {
		return nil, io.ErrUnexpectedEOF
	}
	t.next = padded(t.src.Pos()) + padded(t.body) // a global header leaves its padding
	return h, nil
}

// Read reads the content of the entry.
func (t *headers) Read(p []byte) (int, error) {
	if t.delegated {
		return t.std.Read(p)
	}
	if t.body == 0 {
		return 0, io.EOF
	}
	n, err := t.src.Read(p[:min(int64(len(p)), t.body)])
	t.body -= int64(n)
	if errors.Is(err, io.EOF) && t.body > 0 {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

func padded(size int64) int64 { return (size + blockSize - 1) &^ (blockSize - 1) }

func hasBody(flag byte) bool {
	switch flag {
	case tar.TypeLink, tar.TypeSymlink, tar.TypeChar, tar.TypeBlock, tar.TypeDir, tar.TypeFifo:
		return false
	}
	return true
}

// skip skips the remaining content and its padding. Like archive/tar, it needs all
// of the content, and accepts a tar that ends in the padding.
func (t *headers) skip() error {
	if err := t.skipBody(); err != nil {
		return err
	}
	if pad := t.next - t.src.Pos(); pad > 0 {
		_, err := io.ReadFull(t.src, t.block[:pad])
		if errors.Is(err, io.ErrUnexpectedEOF) {
			err = io.EOF
		}
		return err
	}
	return nil
}

// skipBody skips the remaining content.
func (t *headers) skipBody() error {
	if t.body > 0 {
		if err := t.seek(t.body); err != nil {
			return err
		}
		t.body = 0
	}
	return nil
}

// seek skips n bytes. It reads the last of them, to make sure that it exists.
func (t *headers) seek(n int64) error {
	want := t.src.Pos() + n
	if n > 1 {
		if _, err := t.src.Seek(n-1, io.SeekCurrent); err != nil {
			return err
		}
	}
	if left := want - t.src.Pos(); left != 1 {
		return io.ErrUnexpectedEOF
	}
	_, err := io.ReadFull(t.src, t.block[:1])
	return noEOF(err)
}

func noEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// simple parses the block as an ordinary header of the POSIX or the GNU format; it
// is false for everything else.
// https://pubs.opengroup.org/onlinepubs/9799919799/utilities/pax.html#tag_20_94_13_06
func (t *headers) simple() bool {
	b, h := &t.block, &t.header
	posix := string(b[257:265]) == "ustar\x0000" && string(b[508:512]) != "tar\x00"
	gnu := string(b[257:265]) == "ustar  \x00" && b[345] == 0 && b[357] == 0
	if !posix && !gnu || b[156] < '0' || b[156] > '6' {
		return false
	}
	var n [8]int64
	for i, field := range [...][]byte{b[100:108], b[108:116], b[116:124], b[124:136], b[136:148], b[148:156], b[329:337], b[337:345]} {
		var ok bool
		if n[i], ok = octal(field); !ok {
			return false
		}
	}
	if n[5] != checksum(b) {
		return false
	}
	*h = tar.Header{Typeflag: b[156], Mode: n[0], Uid: int(n[1]), Gid: int(n[2]), ModTime: time.Unix(n[4], 0), Devmajor: n[6], Devminor: n[7]}
	h.Name, h.Linkname = text(b[:100]), text(b[157:257])
	if hasBody(h.Typeflag) {
		h.Size = n[3]
	}
	if posix && b[345] != 0 {
		h.Name = text(b[345:500]) + "/" + h.Name
	}
	return true
}

// octal parses an octal number that ends in a space or a NUL, with
// leading spaces; an empty field is 0.
func octal(field []byte) (n int64, ok bool) {
	i := 0
	for i < len(field) && field[i] == ' ' {
		i++
	}
	for ; i < len(field) && field[i]&^7 == '0'; i++ {
		n = n<<3 | int64(field[i]&7)
	}
	for ; i < len(field); i++ {
		if field[i] != ' ' && field[i] != 0 {
			return 0, false
		}
	}
	return n, true
}

// checksum is the sum of the bytes with the field of the checksum as spaces.
func checksum(b *[blockSize]byte) int64 {
	var sum int64
	for _, c := range b {
		sum += int64(c)
	}
	for _, c := range b[148:156] {
		sum += ' ' - int64(c)
	}
	return sum
}

// text is a field up to its first NUL.
func text(field []byte) string {
	for i, c := range field {
		if c == 0 {
			return string(field[:i])
		}
	}
	return string(field)
}

// replay reads a header again, and then the rest of src.
type replay struct {
	head []byte
	src  source
}

func (r *replay) Read(p []byte) (int, error) {
	if len(r.head) > 0 {
		n := copy(p, r.head)
		r.head = r.head[n:]
		return n, nil
	}
	return r.src.Read(p)
}

// Seek skips in what comes after the header.
func (r *replay) Seek(offset int64, whence int) (int64, error) {
	if len(r.head) > 0 {
		return -1, errors.ErrUnsupported
	}
	return r.src.Seek(offset, whence)
}
