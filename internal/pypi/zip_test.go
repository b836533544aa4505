package pypi

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"whittle.dev/whittle"
)

// readWhole reads an archive that is at hand, as members does.
func readWhole(b []byte) ([]entry, directory, error) {
	d, err := parseEnd(b[max(0, len(b)-tailSize):], int64(len(b)))
	if err != nil {
		return nil, d, err
	}
	entries, err := parseDirectory(b[d.start:][:d.size], d)
	return entries, d, err
}

// TestDirectoryAgainstArchiveZip: what archive/zip writes and reads is what is
// read here, with something before the archive and a comment behind it.
func TestDirectoryAgainstArchiveZip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var b bytes.Buffer
		prefix := rapid.SliceOfN(rapid.Byte(), 0, 100).Draw(t, "prefix")
		b.Write(prefix)
		z := zip.NewWriter(&b)
		for i := range rapid.IntRange(0, 20).Draw(t, "files") {
			name := rapid.StringMatching(`[a-z]{1,8}(/[a-z]{1,8}){0,3}`).Draw(t, "name") + string(rune('a'+i))
			h := &zip.FileHeader{Name: name, Method: rapid.SampledFrom([]uint16{zip.Store, zip.Deflate}).Draw(t, "method"), Comment: "c"}
			w, err := z.CreateHeader(h)
			if err != nil {
				t.Fatal(err)
			}
			content := bytes.Repeat([]byte("text "), rapid.IntRange(0, 3000).Draw(t, "length"))
			if _, err := w.Write(content); err != nil {
				t.Fatal(err)
			}
		}
		if err := errors.Join(z.SetComment(rapid.StringN(0, 50, 200).Draw(t, "comment")), z.Close()); err != nil {
			t.Fatal(err)
		}
		r, err := zip.NewReader(bytes.NewReader(b.Bytes()), int64(b.Len()))
		if err != nil {
			t.Fatal(err)
		}
		got, _, err := readWhole(b.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		if len(got) != len(r.File) {
			t.Fatalf("%d files, not %d", len(got), len(r.File))
		}
		for i, f := range r.File {
			if e := got[i]; e.name != f.Name || e.size != int64(f.UncompressedSize64) || e.compressed != int64(f.CompressedSize64) || e.crc != f.CRC32 {
				t.Errorf("%+v is not %+v", e, f.FileHeader)
			}
		}
	})
}

// zip64 makes an archive of one stored file whose sizes and places are in the
// records of ZIP64.
func zip64(content string) []byte {
	le := binary.LittleEndian
	var b []byte
	name := "a.txt"
	local := append([]byte(localMark), make([]byte, localSize-4)...)
	le.PutUint16(local[26:], uint16(len(name)))
	b = append(append(append(b, local...), name...), content...)
	start := len(b)
	d := append([]byte(directoryMark), make([]byte, directorySize-4)...)
	le.PutUint16(d[28:], uint16(len(name)))
	le.PutUint16(d[30:], 4+2+4+24)
	for _, at := range []int{20, 24, 42} {
		le.PutUint32(d[at:], 0xffffffff)
	}
	b = append(append(b, d...), name...)
	b = le.AppendUint16(b, 0x5455) // a field of another kind before it
	b = le.AppendUint16(b, 2)
	b = append(b, 0, 0)
	b = le.AppendUint16(b, 1)
	b = le.AppendUint16(b, 24)
	for _, v := range []int{len(content), len(content), 0} {
		b = le.AppendUint64(b, uint64(v))
	}
	end := len(b)
	e := append([]byte(end64Mark), make([]byte, end64Size-4)...)
	le.PutUint64(e[32:], 1)
	le.PutUint64(e[40:], uint64(end-start))
	le.PutUint64(e[48:], uint64(start))
	le.PutUint64(e[4:], end64Size-12)
	b = append(b, e...)
	l := append([]byte(locatorMark), make([]byte, locatorSize-4)...)
	le.PutUint64(l[8:], uint64(end))
	le.PutUint32(l[16:], 1)
	b = append(b, l...)
	last := append([]byte(endMark), make([]byte, endSize-4)...)
	for _, at := range []int{10, 12, 14, 16, 18} {
		le.PutUint16(last[at:], 0xffff)
	}
	return append(b, last...)
}

func TestZip64(t *testing.T) {
	b := zip64("hello")
	got, _, err := readWhole(b)
	if err != nil {
		t.Fatal(err)
	}
	want := []entry{{name: "a.txt", size: 5, compressed: 5}}
	if d := cmp.Diff(want, got, cmp.AllowUnexported(entry{})); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	r, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
	if err != nil || len(r.File) != 1 || r.File[0].UncompressedSize64 != 5 {
		t.Errorf("archive/zip reads the test's archive otherwise: %v", err)
	}
}

// TestDamagedZip: each lie of a directory is found.
func TestDamagedZip(t *testing.T) {
	good := makeWheel(t, member{"a!", "hello"})
	at := bytes.Index(good, []byte(directoryMark))
	end := bytes.LastIndex(good, []byte(endMark))
	edit := func(offset int, to ...byte) []byte {
		b := bytes.Clone(good)
		copy(b[offset:], to)
		return b
	}
	tests := []struct {
		name string
		b    []byte
		want error
	}{
		{"nothing", nil, whittle.ErrCorrupt},
		{"no end", good[:len(good)-1], whittle.ErrCorrupt},
		{"a directory of all", edit(end+12, 0xff, 0xff), whittle.ErrCorrupt},
		{"a directory behind itself", edit(end+16, 0xff, 0xff), whittle.ErrCorrupt},
		{"more files than there are", edit(end+10, 9), whittle.ErrCorrupt},
		{"fewer files than there are", edit(end+10, 0), whittle.ErrCorrupt},
		{"no entry", edit(at, 'X'), whittle.ErrCorrupt},
		{"a longer name", edit(at+28, 0xff), whittle.ErrCorrupt},
		{"a size from nothing", edit(at+24, 0xff), whittle.ErrCorrupt},
		{"a bomb", edit(at+10, deflated, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0xff, 0xff), whittle.ErrCorrupt},
		{"ZIP64 without sizes", edit(at+24, 0xff, 0xff, 0xff, 0xff), whittle.ErrCorrupt},
		{"a place behind the end", edit(at+42, 0xff), whittle.ErrCorrupt},
		{"another method", edit(at+10, 12), whittle.ErrUnsupported},
		{"a path out of it", bytes.ReplaceAll(makeWheel(t, member{"xx/a!", "hello"}), []byte("xx/a"), []byte("../a")), whittle.ErrCorrupt},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got, _, err := readWhole(tt.b); !errors.Is(err, tt.want) {
				t.Errorf("%+v, %v", got, err)
			}
		})
	}
}

// TestDamagedContent: a file that is not what the directory says is refused,
// wherever a byte of it was changed.
func TestDamagedContent(t *testing.T) {
	w := tinyWheel(t)
	at := bytes.Index(w.content, []byte("tiny-1.0.dist-info/METADATA")) - localSize
	header := localSize + len("tiny-1.0.dist-info/METADATA")
	for _, offset := range []int{0, 26, 28, header, header + 20} {
		broken := made{name: w.name, content: bytes.Clone(w.content)}
		broken.content[at+offset] ^= 0x55
		s := newServer(t, broken)
		c, _ := s.client(t, Options{})
		b, err := c.Metadata(t.Context(), s.only(t, c))
		if !errors.Is(err, whittle.ErrCorrupt) {
			t.Errorf("byte %d changed: %q, %v", offset, b, err)
		}
	}
}

// FuzzDirectory: a directory of whatever bytes is read or refused, and what is
// read lies within the archive. Where archive/zip reads it too, both read the
// same sizes.
func FuzzDirectory(f *testing.F) {
	f.Add(makeWheel(f, member{"a", strings.Repeat("a", 100)}, member{"b/", ""}, member{"b/c!", "x"}))
	f.Add(zip64("hello"))
	f.Add([]byte(endMark + strings.Repeat("\x00", 18)))
	f.Fuzz(func(t *testing.T, b []byte) {
		entries, d, err := readWhole(b)
		if err != nil {
			if !errors.Is(err, whittle.ErrCorrupt) && !errors.Is(err, whittle.ErrLimit) && !errors.Is(err, whittle.ErrUnsupported) {
				t.Fatal(err)
			}
			return
		}
		sizes := map[string]int64{}
		for _, e := range entries {
			if e.header < 0 || e.compressed < 0 || e.size < 0 || e.header+e.compressed > d.start || strings.HasPrefix(e.name, "/") {
				t.Errorf("%+v does not lie within %d bytes", e, d.start)
			}
			sizes[e.name] = e.size
		}
		r, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			return
		}
		for _, file := range r.File {
			rc, err := file.Open()
			if err != nil {
				continue
			}
			n, err := io.Copy(io.Discard, io.LimitReader(rc, 1<<20))
			rc.Close()
			if size, ok := sizes[file.Name]; ok && err == nil && n < 1<<20 && len(sizes) == len(r.File) && n != size {
				t.Errorf("%q has %d bytes and not %d", file.Name, n, size)
			}
		}
	})
}

// FuzzContentRange: a range that is read lies in its file, and is read as the
// same when it is written as the standard has it.
func FuzzContentRange(f *testing.F) {
	for _, seed := range []string{"bytes 5-9/100", "bytes */100", "bytes 5-9/*", "bytes 9-5/100", "bytes 0-9223372036854775807/9223372036854775807", "bytes -1-5/10", "BYTES 0-0/1", "bytes +0 - 00/ 01 "} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		first, last, total, ok := contentRange(text)
		if !ok {
			return
		}
		if first < 0 || last < first || total <= last || last-first+1 <= 0 {
			t.Errorf("%q is %d to %d of %d", text, first, last, total)
		}
		a, b, c, ok := contentRange(fmt.Sprintf("bytes %d-%d/%d", first, last, total))
		if !ok || a != first || b != last || c != total {
			t.Errorf("%q is %d to %d of %d, and again %d to %d of %d", text, first, last, total, a, b, c)
		}
	})
}
