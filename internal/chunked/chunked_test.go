package chunked

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/codec"
	"whittle.dev/whittle/internal/imagetest"
)

// made is a layer with its annotations.
type made struct {
	blob        []byte
	annotations map[string]string
}

// encode writes a tar as zstd:chunked, in pieces of n bytes.
func encode(raw []byte, n int) (made, error) {
	var b bytes.Buffer
	w, err := NewWriter(&b, 3)
	if err != nil {
		return made{}, err
	}
	for rest := raw; len(rest) > 0 && err == nil; rest = rest[min(n, len(rest)):] {
		_, err = w.Write(rest[:min(n, len(rest))])
	}
	if closed := w.Close(); err == nil {
		err = closed
	}
	return made{b.Bytes(), w.Annotations()}, err
}

func (m made) check() error {
	return Check(context.Background(), bytes.NewReader(m.blob), int64(len(m.blob)), m.annotations)
}

// part is a document of a layer, by the annotation of its place.
func (m made) part(t testing.TB, name string) []byte {
	t.Helper()
	var at, length int
	if _, err := fmt.Sscanf(m.annotations[name], "%d:%d:", &at, &length); err != nil {
		t.Fatal(err)
	}
	plain, ok := imagetest.Unzstd(m.blob[at : at+length])
	if !ok {
		t.Fatalf("%s is no zstd", name)
	}
	return plain
}

// with is the layer with another table of contents, behind its end.
func (m made) with(t testing.TB, toc []byte) made {
	t.Helper()
	stored := imagetest.Compress(t, imagetest.Zstd, toc)
	frame, err := codec.SkippableFrame(stored)
	imagetest.Must(t, err)
	out := made{append(bytes.Clone(m.blob), frame...), maps.Clone(m.annotations)}
	out.annotations[Checksum] = string(whittle.DigestOf(stored))
	out.annotations[Position] = fmt.Sprintf("%d:%d:%d:1", len(m.blob)+8, len(stored), len(toc))
	return out
}

// kinds are entries of all kinds.
const kinds = `d d mode=0700
f d/file 3000 uid=1000 gid=50
f d/empty 0
f d/big 300000 mode=04755 x.user.k=v x.security.capability=c
s link d/file
h d/twin d/file
c null 1:3
b disk 8:1
p pipe
w d/gone
o d`

// TestWriter: the tar comes back byte for byte, the table of contents holds, the footer says
// where things are, and the same tar gives the same bytes.
func TestWriter(t *testing.T) {
	pax := func(h tar.Header) []byte {
		h.Format, h.Typeflag, h.Mode = tar.FormatPAX, tar.TypeReg, 0o644
		var b bytes.Buffer
		w := tar.NewWriter(&b)
		imagetest.Must(t, w.WriteHeader(&h))
		_, err := w.Write(imagetest.Content(h.Name, int(h.Size)))
		imagetest.Must(t, errors.Join(err, w.Close()))
		return b.Bytes()
	}
	for name, raw := range map[string][]byte{
		"all kinds":     imagetest.Tar(t, kinds),
		"nothing":       imagetest.Tar(t, ""),
		"much padding":  append(imagetest.Tar(t, kinds), make([]byte, 3<<20)...),
		"no end":        bytes.TrimRight(imagetest.Tar(t, "d a"), "\x00"),
		"nanoseconds":   pax(tar.Header{Name: "./a", Size: 4, ModTime: time.Unix(5, 123456789), AccessTime: time.Unix(9, 1)}),
		"before 1970":   pax(tar.Header{Name: "/a/../b", ModTime: time.Unix(-5, 5)}),
		"a long name":   pax(tar.Header{Name: strings.Repeat("long/", 60) + "ü<&>\u2028", ModTime: time.Unix(5, 0)}),
		"a large owner": pax(tar.Header{Name: "a", Uid: 3000000000, Gid: 4000000, ModTime: time.Unix(5, 0)}),
		"binary xattr":  pax(tar.Header{Name: "a", ModTime: time.Unix(5, 0), PAXRecords: map[string]string{"SCHILY.xattr.user.x": "\xff\xfe=1", "SCHILY.xattr.user.e\u00e9": "1"}}),
	} {
		t.Run(name, func(t *testing.T) {
			if name == "no end" {
				raw = append(raw, make([]byte, 512-len(raw)%512)...)
			}
			one, err := encode(raw, 1<<20)
			imagetest.Must(t, err)
			two, err := encode(raw, 1000)
			imagetest.Must(t, err)
			if !bytes.Equal(one.blob, two.blob) || !cmp.Equal(one.annotations, two.annotations) {
				t.Error("the same tar, written in other pieces, gives other bytes")
			}
			if plain, ok := imagetest.Unzstd(one.blob); !ok || !bytes.Equal(plain, raw) {
				t.Error("what is decompressed is not the tar")
			}
			if err := one.check(); err != nil {
				t.Error(err)
			}
			footer := one.blob[len(one.blob)-64:]
			var said [7]uint64
			for i := range said {
				said[i] = binary.LittleEndian.Uint64(footer[8*i:])
			}
			want := fmt.Sprintf("%s %s", one.annotations[Position], one.annotations[TarSplitPosition])
			if got := fmt.Sprintf("%d:%d:%d:%d %d:%d:%d", said[0], said[1], said[2], said[3], said[4], said[5], said[6]); got != want || string(footer[56:]) != footerMagic {
				t.Errorf("the footer says %s, not %s", got, want)
			}
		})
	}
}

// TestZone: a time is the same text on machines of other time zones.
func TestZone(t *testing.T) {
	raw := imagetest.Tar(t, "f a 3")
	want, err := encode(raw, len(raw))
	imagetest.Must(t, err)
	was := time.Local
	defer func() { time.Local = was }() //nolint:gosmopolitan // the test is about it
	time.Local = time.FixedZone("elsewhere", 7200)
	got, err := encode(raw, len(raw))
	imagetest.Must(t, err)
	if !bytes.Equal(want.blob, got.blob) {
		t.Error("another time zone gives other bytes")
	}
}

func TestInexpressible(t *testing.T) {
	header := func(h tar.Header) []byte {
		var b bytes.Buffer
		w := tar.NewWriter(&b)
		imagetest.Must(t, errors.Join(w.WriteHeader(&h), w.Flush()))
		return append(b.Bytes(), make([]byte, 1024)...)
	}
	for want, raw := range map[string][]byte{
		`is not UTF-8`:         imagetest.Tar(t, `f "\xff\xfe" 3`),
		`twice`:                imagetest.Tar(t, "f a 3\nf ./a 4"),
		`".wh.a" is in it`:     imagetest.Tar(t, "f a 3\nw a"),
		`of the type 'g'`:      header(tar.Header{Typeflag: tar.TypeXGlobalHeader, Name: "g", PAXRecords: map[string]string{"comment": "x"}}),
		`of the type '7'`:      header(tar.Header{Typeflag: tar.TypeCont, Name: "a"}),
		`in the year 12000`:    header(tar.Header{Typeflag: tar.TypeReg, Name: "a", ModTime: time.Date(12000, 1, 1, 0, 0, 0, 0, time.UTC)}),
		`is a sparse file`:     sparse(),
		`attribute whose name`: header(tar.Header{Typeflag: tar.TypeReg, Name: "a", PAXRecords: map[string]string{"SCHILY.xattr.user.\xff": "x"}}),
	} {
		_, err := encode(raw, 700)
		var no *Inexpressible
		if !errors.As(err, &no) || !strings.Contains(no.Why, want) || !errors.Is(err, whittle.ErrUnsupported) {
			t.Errorf("%s: %v", want, err)
		}
	}
}

// sparse is a tar of a sparse file in the PAX form 1.0: its map comes before its content.
func sparse() []byte {
	record := func(k, v string) string {
		for n := len(k) + len(v) + 4; ; n++ {
			if s := fmt.Sprintf("%d %s=%s\n", n, k, v); len(s) == n {
				return s
			}
		}
	}
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	text := record("GNU.sparse.major", "1") + record("GNU.sparse.minor", "0") + record("GNU.sparse.name", "a") + record("GNU.sparse.realsize", "4096")
	raw := make([]byte, 512)
	copy(raw, "1\n0\n4\n")
	_ = w.WriteHeader(&tar.Header{Name: "PaxHeaders.0/a", Typeflag: tar.TypeReg, Size: int64(len(text))})
	_, _ = w.Write([]byte(text))
	_ = w.Flush()
	b.Bytes()[156] = 'x'
	sum := 0
	copy(b.Bytes()[148:156], "        ")
	for _, c := range b.Bytes()[:512] {
		sum += int(c)
	}
	copy(b.Bytes()[148:156], fmt.Sprintf("%06o\x00 ", sum))
	_ = w.WriteHeader(&tar.Header{Name: "GNUSparseFile.0/a", Typeflag: tar.TypeReg, Size: 516})
	_, _ = w.Write(append(raw, "data"...))
	_ = w.Close()
	return b.Bytes()
}

// TestContradictions changes each thing that a table of contents says.
func TestContradictions(t *testing.T) {
	m, err := encode(imagetest.Tar(t, kinds), 1<<20)
	imagetest.Must(t, err)
	text := string(m.part(t, Position))
	if err := m.with(t, []byte(text)).check(); err != nil {
		t.Fatalf("the same table elsewhere: %v", err)
	}
	for _, c := range []struct{ old, now, want string }{
		{`"name":"d/file","mode":420`, `"name":"d/file","mode":493`, `of "d/file", its table of contents says the mode 0755, and its tar 0644`},
		{`"uid":1000`, `"uid":0`, `the owner 0:50, and its tar 1000:50`},
		{`"gid":50`, `"gid":51`, `the owner 1000:51`},
		{`"size":3000`, `"size":2999`, `says 2999 bytes, and its tar 3000`},
		{`"name":"d/empty","mode":420`, `"name":"d/empty","mode":420,"digest":"sha256:00"`, `the digest`},
		{`"linkName":"d/file","mode":420`, `"linkName":"/etc/shadow","mode":420`, `a link to "/etc/shadow"`},
		{`"type":"symlink"`, `"type":"hardlink"`, `the type "hardlink", and its tar "symlink"`},
		{`"devMinor":3`, `"devMinor":5`, `the device 1:5, and its tar 1:3`},
		{`"type":"char"`, `"type":"block"`, `the type "block"`},
		{`"user.k":"dg=="`, `"user.k":"dw=="`, `another value of the extended attribute "user.k"`},
		{`"user.k":"dg=="`, `"user.k":"dg==","user.l":"dg=="`, `extended attributes that its tar does not`},
		{`,"user.k":"dg=="`, ``, `another value of the extended attribute "user.k"`},
		{`"user.k":"dg=="`, `"user.k":"?"`, `another value`},
		{`2023-11-14T22:13:20Z`, `2023-11-14T22:13:20.5Z`, `the time`},
		{`"name":"d/.wh.gone"`, `"name":"d/gone"`, `has "d/gone" where its tar has "d/.wh.gone"`},
		{`{"version":1`, `{"version":2`, `the unknown version`},
		{`"entries":[`, `"entries":[],"entries":[`, `or two`},
		{`],"tarSplitDigest"`, `],"entries":[],"tarSplitDigest"`, `or two`},
		{`"entries":[`, `"Entries":[`, `in other letters`},
		{`"entries":[`, `"entries":[{"type":"reg","name":"new"},`, `has "new" where`},
		{`],"tarSplitDigest"`, `,{"type":"reg","name":"new"}],"tarSplitDigest"`, `has "new", which its tar has not`},
		{`],"tarSplitDigest"`, `,{"type":"chunk","name":"new"}],"tarSplitDigest"`, `a piece of "new"`},
		{`"uid":1000`, `"uid":1000,"uid":1000`, `twice`},
		{`"uid":1000`, `"uid":1000,"UID":0`, `in other letters`},
		{`"user.k":"dg=="`, `"user.k":"dg==","user.k":"dg=="`, `twice`},
		{`"uid":1000`, `"uid":"1000"`, `is a text`},
		{`"uid":1000`, `"uid":1000,`, `no JSON`},
		{`"tarSplitDigest":"sha256:`, `"tarSplitDigest":"sha256:0`, `its tar-split has the digest`},
		{`"tarSplitDigest":"`, `"tarSplitDigest":"a","tarSplitDigest":"`, `two tar-splits`},
	} {
		changed := strings.Replace(text, c.old, c.now, 1)
		if changed == text {
			t.Errorf("the table has no %s:\n%s", c.old, text)
			continue
		}
		err := m.with(t, []byte(changed)).check()
		var no *Contradiction
		if !errors.As(err, &no) || !strings.Contains(no.What, c.want) || !errors.Is(err, whittle.ErrCorrupt) {
			t.Errorf("%s → %s: %v", c.old, c.now, err)
		}
	}
}

// tables changes the entries of a table of contents.
func tables(t testing.TB, m made, change func(entries []map[string]any) []map[string]any) made {
	t.Helper()
	var toc struct {
		Version int              `json:"version"`
		Entries []map[string]any `json:"entries"`
	}
	imagetest.Must(t, json.Unmarshal(m.part(t, Position), &toc))
	toc.Entries = change(toc.Entries)
	text, err := json.Marshal(toc)
	imagetest.Must(t, err)
	return m.with(t, text)
}

// TestOffsets: what is at a file's offset has to be the file, in one piece or in several.
func TestOffsets(t *testing.T) {
	raw := imagetest.Tar(t, "f a 3000\nf b 3000 seed=other\nf c 3000 seed=third")
	m, err := encode(raw, 1<<20)
	imagetest.Must(t, err)
	for name, c := range map[string]struct {
		change func(e []map[string]any) []map[string]any
		want   string
	}{
		"no tar-split": {func(e []map[string]any) []map[string]any { return e }, ""},
		"exchanged": {func(e []map[string]any) []map[string]any {
			for _, k := range []string{"offset", "endOffset"} {
				e[0][k], e[1][k] = e[1][k], e[0][k]
			}
			return e
		}, `the bytes at the offset of "a" in its table of contents are not the file`},
		"outside":              {func(e []map[string]any) []map[string]any { e[1]["endOffset"] = 1 << 40; return e }, "outside of the layer"},
		"before the beginning": {func(e []map[string]any) []map[string]any { e[1]["offset"] = -5; return e }, "outside of the layer"},
		"overlap": {func(e []map[string]any) []map[string]any {
			e[0]["endOffset"], e[1]["endOffset"] = e[2]["endOffset"], e[2]["endOffset"]
			return e
		}, "overlap"},
		"no bytes": {func(e []map[string]any) []map[string]any { e[2]["endOffset"] = e[2]["offset"]; return e }, "not the file"},
		"a piece of zeros": {func(e []map[string]any) []map[string]any {
			e[0]["chunkSize"], e[0]["chunkType"] = 3000, "zeros"
			return e
		}, `not the file`},
		"half a piece": {func(e []map[string]any) []map[string]any { e[0]["chunkSize"] = 100; return e }, `not the file`},
		"too much":     {func(e []map[string]any) []map[string]any { e[0]["chunkSize"] = 3001; return e }, `do not make up the file`},
		"another digest of a piece": {func(e []map[string]any) []map[string]any {
			e[0]["chunkSize"], e[0]["chunkDigest"] = 3000, "sha256:0"
			return e
		}, `have the digest`},
		"reordered": {func(e []map[string]any) []map[string]any { e[0], e[1] = e[1], e[0]; return e }, `has "b" where its tar has "a"`},
		"one less":  {func(e []map[string]any) []map[string]any { return e[:2] }, `lacks "c"`},
	} {
		err := tables(t, m, c.change).check()
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

// TestPieces: a file may be in several pieces, of which some are zeros and are not stored.
func TestPieces(t *testing.T) {
	content := slicesOf(imagetest.Content("x", 5000), make([]byte, 4000), imagetest.Content("y", 3000))
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	imagetest.Must(t, w.WriteHeader(&tar.Header{Name: "a", Typeflag: tar.TypeReg, Size: int64(len(content)), Mode: 0o644, ModTime: time.Unix(5, 0)}))
	_, err := w.Write(content)
	imagetest.Must(t, errors.Join(err, w.Close()))
	raw := b.Bytes()
	head, tail := raw[:512], raw[512+len(content):]
	var blob []byte
	put := func(p []byte) int64 {
		at := len(blob)
		blob = append(blob, imagetest.Compress(t, imagetest.Zstd, p)...)
		return int64(at)
	}
	put(head)
	one, zero, two := put(content[:5000]), put(content[5000:9000]), put(content[9000:])
	end := put(tail)
	digest := func(p []byte) string { return string(whittle.DigestOf(p)) }
	toc := func(zeroType string) []byte {
		return fmt.Appendf(nil, `{"version":1,"entries":[{"type":"reg","name":"a","mode":420,"size":12000,"modtime":"1970-01-01T00:00:05Z","digest":%q,"offset":%d,"endOffset":%d,"chunkSize":5000,"chunkDigest":%q},
{"type":"chunk","name":"a","offset":%d,"chunkOffset":5000,"chunkSize":4000,"chunkDigest":%q,"chunkType":%q},{"type":"chunk","name":"a","offset":%d,"chunkOffset":9000,"chunkSize":3000,"chunkDigest":%q}]}`,
			digest(content), one, end, digest(content[:5000]), zero, digest(content[5000:9000]), zeroType, two, digest(content[9000:]))
	}
	m := made{blob, map[string]string{}}
	for _, kind := range []string{"", zeros} {
		if err := m.with(t, toc(kind)).check(); err != nil {
			t.Errorf("%q: %v", kind, err)
		}
	}
	wrong := bytes.Replace(toc(zeros), []byte(`"chunkOffset":9000`), []byte(`"chunkOffset":9001`), 1)
	if err := m.with(t, wrong).check(); err == nil || !strings.Contains(err.Error(), "do not make up the file") {
		t.Error(err)
	}
}

func slicesOf(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

// TestTarSplit: the tar-split has to make the same tar again.
func TestTarSplit(t *testing.T) {
	m, err := encode(imagetest.Tar(t, kinds), 1<<20)
	imagetest.Must(t, err)
	text, toc := string(m.part(t, TarSplitPosition)), string(m.part(t, Position))
	digest := toc[strings.Index(toc, `"tarSplitDigest":"`)+len(`"tarSplitDigest":"`):]
	digest = digest[:71]
	lines := strings.SplitAfter(text, "\n")
	for name, c := range map[string]struct{ text, want string }{
		"as it is":          {text, ""},
		"cut":               {strings.Join(lines[:len(lines)-3], ""), "ends before its tar"},
		"a line less":       {strings.Join(lines[1:], ""), "tar-split"},
		"another byte":      {strings.Replace(text, `"payload":"ZC`, `"payload":"ZD`, 1), "other bytes"},
		"another size":      {strings.Replace(text, `"size":3000`, `"size":2000`, 1), "another file"},
		"less than no size": {strings.Replace(text, `"size":3000`, `"size":-1`, 1), "-1 bytes"},
		"more":              {text + lines[0], "tar-split"},
		"no JSON":           {text + "{", "no JSON"},
		"another type":      {strings.Replace(text, `"type":2`, `"type":3`, 1), "unknown type"},
		"a huge line":       {`{"type":2,"payload":"` + strings.Repeat("A", 2*maxValue) + `"}`, "has more than"},
	} {
		stored := imagetest.Compress(t, imagetest.Zstd, []byte(c.text))
		frame, err := codec.SkippableFrame(stored)
		imagetest.Must(t, err)
		changed := made{append(bytes.Clone(m.blob), frame...), maps.Clone(m.annotations)}
		changed.annotations[TarSplitPosition] = fmt.Sprintf("%d:%d:%d", len(m.blob)+8, len(stored), len(c.text))
		err = changed.with(t, []byte(strings.Replace(toc, digest, string(whittle.DigestOf(stored)), 1))).check()
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

// TestAnnotations: what they say of where things are is not trusted.
func TestAnnotations(t *testing.T) {
	m, err := encode(imagetest.Tar(t, kinds), 1<<20)
	imagetest.Must(t, err)
	for _, c := range []struct{ name, value, want string }{
		{Checksum, "sha256:0", "its table of contents has the digest"},
		{Position, "", "no position"},
		{Position, "1:2:3", "no position"},
		{Position, "-1:2:3:1", "no position"},
		{Position, "+1:2:3:1", "no position"},
		{Position, "1:99999999999999:3:1", "behind the layer's end"},
		{Position, "9223372036854775807:9223372036854775807:3:1", "behind the layer's end"},
		{Position, "1:2:99999999999999:1", "more than"},
		{Position, m.annotations[Position] + "0", "the unknown type 10"},
		{Position, strings.Replace(m.annotations[Position], ":1", "1:1", 1), ""},
		{TarSplitPosition, "", "no position"},
	} {
		changed := made{m.blob, maps.Clone(m.annotations)}
		changed.annotations[c.name] = c.value
		if err := changed.check(); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s %s: %v", c.name, c.value, err)
		}
	}
	ctx, cancel := context.WithCancelCause(context.Background())
	stop := errors.New("enough")
	cancel(stop)
	if err := Check(ctx, bytes.NewReader(m.blob), int64(len(m.blob)), m.annotations); !errors.Is(err, stop) {
		t.Error(err)
	}
}

// TestProperty: any tar of imagetest's is written so that it holds, or is refused.
func TestProperty(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		var lines []string
		for range rapid.IntRange(0, 12).Draw(r, "entries") {
			name := rapid.StringMatching(`(\./|/)?[ab]{1,3}(/[cd]{1,2})?`).Draw(r, "name")
			lines = append(lines, rapid.SampledFrom([]string{"d %s", "f %s 0", "f %s 70", "f %s 5000 mode=0600", "s %s to", "p %s", "w %s", "f %s 3 x.user.a=b"}).Draw(r, "kind"))
			lines[len(lines)-1] = fmt.Sprintf(lines[len(lines)-1], name)
		}
		raw := imagetest.Tar(t, strings.Join(lines, "\n"))
		m, err := encode(raw, rapid.IntRange(1, 5000).Draw(r, "piece"))
		var no *Inexpressible
		if errors.As(err, &no) {
			if !strings.Contains(no.Why, "twice") {
				r.Fatal(no.Why)
			}
			return
		}
		if err != nil {
			r.Fatal(err)
		}
		if plain, ok := imagetest.Unzstd(m.blob); !ok || !bytes.Equal(plain, raw) {
			r.Fatal("what is decompressed is not the tar")
		}
		if err := m.check(); err != nil {
			r.Fatal(err)
		}
	})
}

// FuzzCheck: a table of contents that is found to hold says of each path what the tar says.
func FuzzCheck(f *testing.F) {
	raw := imagetest.Tar(f, kinds)
	m, err := encode(raw, 1<<20)
	imagetest.Must(f, err)
	text := m.part(f, Position)
	f.Add(text)
	f.Add([]byte(`{"version":1,"entries":[]}`))
	f.Add([]byte(`{"entries":[{"type":"reg"},{"type":"chunk"}]}`))
	headers := map[string]*tar.Header{}
	for r := tar.NewReader(bytes.NewReader(raw)); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		imagetest.Must(f, err)
		headers[clean(h.Name)] = h
	}
	f.Fuzz(func(t *testing.T, toc []byte) {
		if m.with(t, toc).check() != nil {
			return
		}
		var read struct {
			Entries []struct {
				Type, Name string
				Mode, Size int64
				UID, GID   int
			}
		}
		imagetest.Must(t, json.Unmarshal(toc, &read))
		if len(read.Entries) < len(headers) {
			t.Fatalf("%d entries of %d", len(read.Entries), len(headers))
		}
		for _, e := range read.Entries {
			h := headers[clean(e.Name)]
			if h == nil || e.Type != piece && (e.Mode&0o7777 != h.Mode || e.Size != h.Size || e.UID != h.Uid || e.GID != h.Gid) {
				t.Fatalf("%+v, and %+v", e, h)
			}
		}
	})
}

// TestLinear: a table of contents takes time and memory by its length, also one that means
// ill.
func TestLinear(t *testing.T) {
	imagetest.Linear(t, imagetest.Growth{Name: "entries", Most: 16384, Make: func(n int) func() {
		m, err := encode(imagetest.Tar(t, imagetest.Lines(n, "f f%d 10\n")), 1<<20)
		imagetest.Must(t, err)
		return func() { imagetest.Must(t, m.check()) }
	}})
}
