package index

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/imagetest"
)

const sample = `
	d usr mode=0700
	f usr/a 100 uid=7 gid=8 mtime=12
	f usr/empty 0
	f "usr/long-\xff" "hello\n" x.user.k=v
	s usr/l ../a
	h usr/h /usr/a
	w usr/gone
	w usr/.hidden
	o usr
	o .
	f .wh..wh.plnk/1 10
	f usr/.wh..wh.aufs 10
	c dev/null 1:3
	b dev/sda 8:0
	p run/p
	f .dot/..x 3
	f big 600000
`

var codecs = []imagetest.Codec{imagetest.Plain, imagetest.Gzip, imagetest.Zstd}

func layer(t testing.TB, codec imagetest.Codec, notation string) *imagetest.Layer {
	return imagetest.NewLayer(t, codec, imagetest.Tar(t, notation))
}

// TestSpecialShared: files with the same attributes, one after the other, share their memory.
func TestSpecialShared(t *testing.T) {
	idx, err := Read(t.Context(), layer(t, imagetest.Gzip, "f a \"x\" x.user.k=v\nf b \"y\" x.user.k=v\nf c \"y\" x.user.k=w\nf d \"y\""), Options{})
	if err != nil {
		t.Fatal(err)
	}
	e := idx.Entries
	if e[0].Special == nil || e[0].Special != e[1].Special || e[2].Special == nil || e[2].Special.Value() == e[1].Special.Value() || e[3].Special != nil {
		t.Errorf("%+v", e)
	}
}

// TestOwnerAsLinux: of an owner's number, Linux takes the low 32 bits.
func TestOwnerAsLinux(t *testing.T) {
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: "a", Uid: 1<<32 + 7, Gid: 1<<32 - 1, Format: tar.FormatPAX}); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	idx, err := Read(t.Context(), imagetest.NewLayer(t, imagetest.Gzip, buf.Bytes()), Options{})
	if err != nil || idx.Entries[0].UID != 7 || idx.Entries[0].GID != 1<<32-1 {
		t.Errorf("%+v, %v", idx, err)
	}
}

func TestRead(t *testing.T) {
	mtime := int64(1700000000e9)
	want := []whittle.Entry{
		{Path: "usr", Kind: whittle.Dir, Mode: 0o700, ModTime: mtime},
		{Path: "usr/a", Kind: whittle.File, Mode: 0o644, Size: 100, UID: 7, GID: 8, ModTime: 12e9, Offset: 1024},
		{Path: "usr/empty", Kind: whittle.File, Mode: 0o644, ModTime: mtime, Offset: 2048},
		{Path: "usr/long-\xff", Kind: whittle.File, Mode: 0o644, Size: 6, ModTime: mtime, Offset: 3584,
			Special: &whittle.Special{Xattrs: xattrs(map[string]string{"SCHILY.xattr.user.k": "v", "other": "x"})}},
		{Path: "usr/l", Kind: whittle.Symlink, Mode: 0o644, ModTime: mtime, Link: "../a"},
		{Path: "usr/h", Kind: whittle.HardLink, Mode: 0o644, ModTime: mtime, Link: "usr/a"},
		{Path: "usr/gone", Kind: whittle.Whiteout},
		{Path: "usr/.hidden", Kind: whittle.Whiteout},
		{Path: "usr", Kind: whittle.Opaque},
		{Path: ".", Kind: whittle.Opaque},
		// aufs's own files are what Docker's overlay2 makes of them.
		{Path: ".wh..wh.plnk/1", Kind: whittle.File, Mode: 0o644, Size: 10, ModTime: mtime, Offset: 7680},
		{Path: "usr/.wh.aufs", Kind: whittle.Whiteout},
		{Path: "dev/null", Kind: whittle.CharDevice, Mode: 0o644, ModTime: mtime, Special: &whittle.Special{Major: 1, Minor: 3}},
		{Path: "dev/sda", Kind: whittle.BlockDevice, Mode: 0o644, ModTime: mtime, Special: &whittle.Special{Major: 8}},
		{Path: "run/p", Kind: whittle.FIFO, Mode: 0o644, ModTime: mtime},
		{Path: ".dot/..x", Kind: whittle.File, Mode: 0o644, Size: 3, ModTime: mtime, Offset: 11264},
		{Path: "big", Kind: whittle.File, Mode: 0o644, Size: 600000, ModTime: mtime, Offset: 12288},
	}
	headers := make([]whittle.Entry, len(want))
	copy(headers, want)
	for i, content := range map[int]string{1: string(imagetest.Content("usr/a", 100)), 2: "", 3: "hello\n",
		10: string(imagetest.Content(".wh..wh.plnk/1", 10)), 15: string(imagetest.Content(".dot/..x", 3)), 16: string(imagetest.Content("big", 600000))} {
		want[i].Content = sha256.Sum256([]byte(content))
	}
	for _, codec := range codecs {
		for _, opts := range []Options{{}, {Hash: true}, {Verify: true}} {
			l := layer(t, codec, sample)
			idx, err := Read(context.Background(), l, opts)
			if err != nil {
				t.Fatal(codec, err)
			}
			wanted := &whittle.Index{DiffID: l.ID, Entries: want, Size: 600119, Hashed: true, Verified: true, TarSize: int64(len(imagetest.Tar(t, sample)))}
			if codec == imagetest.Plain && !opts.Hash {
				wanted.Entries, wanted.Hashed, wanted.Verified = headers, false, opts.Verify
			}
			if d := cmp.Diff(wanted, idx); d != "" {
				t.Errorf("%s, %+v: %s", codec, opts, d)
			}
		}
	}
}

func TestStoredForms(t *testing.T) {
	raw := imagetest.Tar(t, sample)
	skippable := append([]byte("\x50\x2a\x4d\x18\x04\x00\x00\x00"), "meta"...)
	forms := map[string][]byte{
		// eStargz has a gzip member for each chunk and an empty one at the end.
		"gzip in members": bytes.Join([][]byte{imagetest.Compress(t, imagetest.Gzip, raw[:3000]), imagetest.Compress(t, imagetest.Gzip, raw[3000:]),
			imagetest.Compress(t, imagetest.Gzip, nil)}, nil),
		// zstd:chunked ends in skippable frames.
		"zstd in frames": bytes.Join([][]byte{skippable, imagetest.Compress(t, imagetest.Zstd, raw[:3000]), imagetest.Compress(t, imagetest.Zstd, raw[3000:]), skippable}, nil),
	}
	for name, stored := range forms {
		l := &imagetest.Layer{ID: whittle.SHA256(sha256.Sum256(raw)), Codec: imagetest.Gzip, Stored: stored}
		if idx, err := Read(context.Background(), l, Options{}); err != nil || len(idx.Entries) != 17 {
			t.Error(name, err)
		}
	}
	for _, tail := range [][]byte{make([]byte, 9000), []byte("what follows the end of a tar counts for its digest")} {
		for _, codec := range codecs {
			l := imagetest.NewLayer(t, codec, append(bytes.Clone(raw), tail...))
			if idx, err := Read(context.Background(), l, Options{Verify: true}); err != nil || idx.TarSize != int64(len(raw)+len(tail)) {
				t.Error(codec, err)
			}
		}
	}
	for _, codec := range codecs {
		if idx, err := Read(context.Background(), imagetest.NewLayer(t, codec, nil), Options{}); err != nil || len(idx.Entries) != 0 {
			t.Error("an empty layer by", codec, err)
		}
	}
}

// readerLayer is a layer that opens a given reader.
type readerLayer struct {
	whittle.Layer
	open func() io.Reader
}

func (l readerLayer) Open(context.Context) (io.ReadCloser, error) { return io.NopCloser(l.open()), nil }

func TestErrors(t *testing.T) {
	ctx := context.Background()
	good := layer(t, imagetest.Gzip, sample)
	broken := errors.New("the cable is broken")
	change := func(codec imagetest.Codec, f func(l *imagetest.Layer)) whittle.Layer {
		l := layer(t, codec, sample)
		f(l)
		return l
	}
	cut := func(l *imagetest.Layer) { l.Stored = l.Stored[:len(l.Stored)/2] }
	flip := func(l *imagetest.Layer) { l.Stored[len(l.Stored)/2] ^= 0x10 }
	lie := func(l *imagetest.Layer) { l.ID = whittle.SHA256([32]byte{1}) }
	raw := func(notation string) whittle.Layer { return layer(t, imagetest.Plain, notation) }
	cases := map[string]struct {
		layer whittle.Layer
		opts  Options
		want  error
		says  string
	}{
		"cut plain":           {change(imagetest.Plain, cut), Options{}, whittle.ErrCorrupt, "after entry"},
		"cut plain, hashed":   {change(imagetest.Plain, cut), Options{Hash: true}, whittle.ErrCorrupt, "has the digest"},
		"cut gzip":            {change(imagetest.Gzip, cut), Options{}, whittle.ErrCorrupt, "cut short"},
		"cut zstd":            {change(imagetest.Zstd, cut), Options{}, whittle.ErrCorrupt, "cut short"},
		"flipped plain":       {change(imagetest.Plain, flip), Options{Hash: true}, whittle.ErrCorrupt, "has the digest"},
		"flipped gzip":        {change(imagetest.Gzip, flip), Options{}, whittle.ErrCorrupt, ""},
		"flipped zstd":        {change(imagetest.Zstd, flip), Options{}, whittle.ErrCorrupt, ""},
		"wrong diff ID":       {change(imagetest.Gzip, lie), Options{}, whittle.ErrCorrupt, "layer 010000000000: "},
		"wrong diff ID, zstd": {change(imagetest.Zstd, lie), Options{}, whittle.ErrCorrupt, "has the digest"},
		"wrong diff ID, raw":  {change(imagetest.Plain, lie), Options{Verify: true}, whittle.ErrCorrupt, "has the digest"},
		"xz":                  {change(imagetest.Gzip, func(l *imagetest.Layer) { l.Stored = []byte("\xfd7zXZ\x00...") }), Options{}, whittle.ErrCorrupt, "cut short"},
		"bzip2":               {change(imagetest.Gzip, func(l *imagetest.Layer) { l.Stored = []byte("BZh91AY") }), Options{}, whittle.ErrCorrupt, ""},
		"not a tar":           {change(imagetest.Plain, func(l *imagetest.Layer) { l.Stored = bytes.Repeat([]byte("no"), 999) }), Options{}, whittle.ErrCorrupt, "after entry 0"},
		"the source fails": {readerLayer{good, func() io.Reader {
			return io.MultiReader(bytes.NewReader(good.Stored[:500]), iotest.ErrReader(broken))
		}}, Options{}, broken, "reading it"},
		"the source fails at the start": {readerLayer{good, func() io.Reader { return iotest.ErrReader(broken) }}, Options{}, broken, "reading it"},
		"a name that leaves":            {raw("f ../../etc/passwd 1"), Options{}, whittle.ErrCorrupt, "leaves the root"},
		"a link that leaves":            {raw("h a ../b"), Options{}, whittle.ErrCorrupt, "hard link"},
		"a file as the root":            {raw("f . 1"), Options{}, whittle.ErrCorrupt, "root directory is a file"},
		"a whiteout of dots":            {raw("f a/.wh... 0"), Options{}, whittle.ErrCorrupt, "names no file"},
		"a whiteout of nothing":         {raw("f a/.wh. 0"), Options{}, whittle.ErrCorrupt, "names no file"},
		"a long name":                   {raw("f " + strings.Repeat("n", 5000) + " 1"), Options{}, whittle.ErrLimit, "5000 bytes"},
	}
	for name, c := range cases {
		_, err := Read(ctx, c.layer, c.opts)
		if !errors.Is(err, c.want) || !strings.Contains(fmt.Sprint(err), c.says) || !strings.Contains(fmt.Sprint(err), "layer "+c.layer.DiffID().Short()) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestCancel(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	l := layer(t, imagetest.Gzip, strings.Repeat("f a 2000000\n", 5))
	_, err := Read(ctx, l, Options{Progress: func(int64) { cancel() }})
	if !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// TestLimits: the limits are those of an image, whatever layer comes to them
// and from wherever its index is; the error names the limit and what raises it.
func TestLimits(t *testing.T) {
	images := map[string]*imagetest.Image{
		"one layer":  imagetest.New(t, imagetest.Gzip, "f aaaa 1000\nf bbbb 1000\nf cccc 1000"),
		"three":      imagetest.New(t, imagetest.Zstd, "f aaaa 1000", "f bbbb 1000", "f cccc 1000"),
		"raw layers": imagetest.New(t, imagetest.Plain, "f aaaa 1000", "f bbbb 1000\nf cccc 1000"),
	}
	limits := map[string]Limits{
		"the layers have more than 2 entries|--max-entries raises the limit":                    {Entries: 2},
		"the tables of the layers' entries take more than 1.5 kB|--max-memory raises the limit": {Memory: 3*EntrySize + 11},
		"the layers unpack to more than 2.5 kB|--max-size raises the limit":                     {Unpacked: 2500},
		"a name of 4 bytes, more than 3|--max-name raises the limit":                            {Name: 3},
		"|": {Entries: 3, Memory: 3*EntrySize + 12, Unpacked: 12288, Name: 4},
	}
	for name, img := range images {
		cache, err := OpenCache(t.TempDir(), 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, pass := range []string{"read", "cached"} {
			for want, l := range limits {
				says, hint, _ := strings.Cut(want, "|")
				_, err := All(context.Background(), img, Options{Limits: l, Cache: cache})
				if says == "" && err != nil {
					t.Errorf("%s, %s: %v", name, pass, err)
				}
				if says != "" && (!errors.Is(err, whittle.ErrLimit) || !strings.Contains(err.Error(), says) || whittle.Hint(err) != hint) {
					t.Errorf("%s, %s: %v (%s), want %s", name, pass, err, whittle.Hint(err), want)
				}
			}
			if _, err := All(context.Background(), img, Options{Cache: cache}); err != nil {
				t.Error(err)
			}
		}
	}
}

// A header may claim a size that is not there.
func TestClaimedSize(t *testing.T) {
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	if err := w.WriteHeader(&tar.Header{Name: "a", Size: 1 << 60}); err != nil {
		t.Fatal(err)
	}
	for _, codec := range codecs {
		if _, err := Read(context.Background(), imagetest.NewLayer(t, codec, buf.Bytes()), Options{}); !errors.Is(err, whittle.ErrLimit) {
			t.Error(codec, err)
		}
	}
	limits := Limits{}.withDefaults()
	for _, c := range []struct {
		unpacked, stored int64
		ok               bool
	}{{4 << 30, 1, true}, {5 << 30, 6 << 20, true}, {5 << 30, 5 << 20, false}} {
		if err := limits.checkRatio(c.unpacked, c.stored); (err == nil) != c.ok {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

// TestStream: the tar of a layer comes out whole, and one that does not have
// the diff ID ends with an error.
func TestStream(t *testing.T) {
	open := func(l whittle.Layer) (*stream, error) {
		return openStream(context.Background(), l, Limits{}.withDefaults(), &spent{}, sums{})
	}
	raw := imagetest.Tar(t, sample)
	for _, codec := range codecs {
		l := imagetest.NewLayer(t, codec, raw)
		r, err := open(l)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(iotest.OneByteReader(r)); err != nil || !bytes.Equal(got, raw) {
			t.Error(codec, err)
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
		l.ID = whittle.SHA256([32]byte{1})
		if r, err = open(l); err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, r); !errors.Is(err, whittle.ErrCorrupt) {
			t.Error(codec, err)
		}
		r.Close()
	}
}

func TestFiles(t *testing.T) {
	ctx := context.Background()
	want := map[string]string{"usr/empty": "", "usr/long-\xff": "hello\n", ".dot/..x": string(imagetest.Content(".dot/..x", 3))}
	for _, codec := range codecs {
		for _, hash := range []bool{true, false} {
			l := layer(t, codec, sample)
			idx, err := Read(ctx, l, Options{Hash: hash})
			if err != nil {
				t.Fatal(err)
			}
			got := map[string]string{}
			small := func(i int) bool { return idx.Entries[i].Size < 10 }
			if err := Files(ctx, l, idx, small, func(i int, r io.Reader) error {
				b, err := io.ReadAll(r)
				got[idx.Entries[i].Path] = string(b)
				return err
			}); err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(want, got); d != "" {
				t.Error(codec, hash, d)
			}
			skip := func(int, io.Reader) error { return nil } // the rest is read for it
			if err := Files(ctx, l, idx, small, skip); err != nil {
				t.Error(err)
			}
			if err := Files(ctx, l, idx, small, func(int, io.Reader) error { return io.ErrNoProgress }); !errors.Is(err, io.ErrNoProgress) {
				t.Error(err)
			}
			if !idx.Hashed {
				continue
			}
			idx.Entries[1].Content[0]++
			if err := Files(ctx, l, idx, func(i int) bool { return i == 1 }, skip); !errors.Is(err, whittle.ErrCorrupt) {
				t.Error(codec, err)
			}
		}
	}
}

func TestDigest(t *testing.T) {
	ctx := context.Background()
	l := layer(t, imagetest.Plain, sample)
	hashed, _ := Read(ctx, l, Options{Hash: true})
	idx, _ := Read(ctx, l, Options{})
	if err := Digest(ctx, l, idx, []int{1, 16}); err != nil {
		t.Fatal(err)
	}
	for i, e := range idx.Entries {
		want := [32]byte{}
		if i == 1 || i == 16 {
			want = hashed.Entries[i].Content
		}
		if e.Content != want {
			t.Errorf("%q: %x", e.Path, e.Content)
		}
	}
	other := layer(t, imagetest.Gzip, "f usr 1")
	if err := Digest(ctx, other, idx, []int{1}); !errors.Is(err, whittle.ErrCorrupt) {
		t.Error("another layer's index:", err)
	}
}

func TestAll(t *testing.T) {
	img := imagetest.New(t, imagetest.Gzip, "f a 5000000", "f b 10", "f c 20\nf d 1", "f b 10")
	var sum, most int64
	got, err := All(context.Background(), img, Options{Progress: func(n int64) { sum, most = n, max(most, n) }})
	if err != nil {
		t.Fatal(err)
	}
	var stored int64
	for _, l := range img.Layers()[:3] { // the fourth is the second again
		blob, _ := l.Blob()
		stored += blob.Size
	}
	for i, want := range []int{1, 1, 2, 1} {
		if len(got[i].Entries) != want || got[i].DiffID != img.Layers()[i].DiffID() {
			t.Errorf("layer %d: %+v", i, got[i])
		}
	}
	if got[1] != got[3] || sum != stored || most != stored || Stored(img.Layers()) != stored {
		t.Errorf("layers 1 and 3 are one, and the progress ends at %d of %d, after %d", sum, stored, most)
	}
	img.Layers()[2].(*imagetest.Layer).Stored[30] ^= 1
	if _, err := All(context.Background(), img, Options{}); !errors.Is(err, whittle.ErrCorrupt) {
		t.Error(err)
	}
}

func TestCache(t *testing.T) {
	ctx, dir := context.Background(), t.TempDir()
	cache, err := OpenCache(dir, 0)
	if err != nil {
		t.Fatal(err)
	}
	l := layer(t, imagetest.Gzip, sample)
	first, err := Read(ctx, l, Options{Cache: cache})
	if err != nil {
		t.Fatal(err)
	}
	again, err := Read(ctx, l, Options{Cache: cache, Hash: true})
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(first, again); d != "" {
		t.Error(d)
	}
	for name, stored := range map[string][]byte{"gone": nil, "cut": l.Stored[:len(l.Stored)-4], "of other members": append(bytes.Clone(l.Stored), l.Stored...)} {
		broken := &imagetest.Layer{ID: l.ID, Codec: imagetest.Gzip, Stored: stored}
		_, want := Read(ctx, broken, Options{})
		if _, err := Read(ctx, broken, Options{Cache: cache}); want == nil || err == nil || err.Error() != want.Error() {
			t.Errorf("a blob that is %s: %v with the cache, %v without", name, err, want)
		}
	}
	usage, err := cache.Usage()
	if err != nil || usage.Indexes != 1 || usage.Bytes == 0 || usage.Max != DefaultCacheSize {
		t.Errorf("%+v, %v", usage, err)
	}
	damage(t, filepath.Join(string(cache.dir), cacheFile(l.ID)))
	if _, _, ok := cache.Get(l.ID); ok {
		t.Error("a damaged entry was found")
	}
	if again, err = Read(ctx, l, Options{Cache: cache}); err != nil || cmp.Diff(first, again) != "" {
		t.Error("not rebuilt:", err)
	}
	if _, _, ok := cache.Get(l.ID); !ok {
		t.Error("not kept")
	}
	plain := layer(t, imagetest.Plain, "f unverified 1")
	if _, err := Read(ctx, plain, Options{Cache: cache}); err != nil {
		t.Fatal(err)
	}
	if _, _, ok := cache.Get(plain.ID); ok {
		t.Error("an index that was not verified was kept")
	}
	foreign := filepath.Join(dir, cacheVersion, "README")
	if err := os.WriteFile(foreign, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := cache.Clear(); err != nil {
		t.Fatal(err)
	}
	if usage, _ = cache.Usage(); usage.Indexes != 0 || usage.Bytes != 0 {
		t.Errorf("%+v", usage)
	}
	if _, err := os.Stat(foreign); err != nil {
		t.Error(err)
	}
}

func damage(t *testing.T, name string) {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	data[len(data)/2] ^= 4
	if err := os.WriteFile(name, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestCacheIsBounded(t *testing.T) {
	cache, err := OpenCache(t.TempDir(), 10_000)
	if err != nil {
		t.Fatal(err)
	}
	idx := func(n byte) *whittle.Index {
		return &whittle.Index{DiffID: whittle.SHA256([32]byte{n}), Hashed: true, Entries: []whittle.Entry{{Path: strings.Repeat("p", 3000)}}}
	}
	for n := range byte(3) {
		if err := cache.Put(idx(n), Cost{}); err != nil {
			t.Fatal(err)
		}
		old := time.Now().Add(time.Duration(n)*time.Minute - time.Hour)
		if err := os.Chtimes(filepath.Join(string(cache.dir), cacheFile(idx(n).DiffID)), old, old); err != nil {
			t.Fatal(err)
		}
	}
	if _, _, ok := cache.Get(idx(0).DiffID); !ok { // used last, though put first
		t.Fatal("not there")
	}
	if err := cache.Put(idx(3), Cost{}); err != nil {
		t.Fatal(err)
	}
	for n, want := range []bool{true, false, true, true} {
		if _, _, ok := cache.Get(idx(byte(n)).DiffID); ok != want {
			t.Errorf("index %d: %t", n, ok)
		}
	}
	var none *Cache
	if _, _, ok := none.Get(idx(0).DiffID); ok || none.Put(idx(0), Cost{}) != nil {
		t.Error("no cache keeps nothing")
	}
}

func TestCacheTwice(t *testing.T) {
	dir := t.TempDir()
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			cache, err := OpenCache(dir, 20_000)
			if err != nil {
				t.Error(err)
				return
			}
			for n := range byte(20) {
				idx := &whittle.Index{DiffID: whittle.SHA256([32]byte{n}), Hashed: true, Verified: true, Entries: []whittle.Entry{{Path: strings.Repeat(string('a'+rune(n)), 3000)}}}
				if err := cache.Put(idx, Cost{}); err != nil {
					t.Error(err)
				}
				if got, _, ok := cache.Get(idx.DiffID); ok && cmp.Diff(idx, got) != "" {
					t.Error("another index")
				}
			}
		})
	}
	wg.Wait()
}

// TestStepsOfOneFile: the limits and the progress see what one large file has while it is
// read, whether it is hashed or skipped.
func TestStepsOfOneFile(t *testing.T) {
	layer := imagetest.New(t, imagetest.Gzip, fmt.Sprintf("f large %d\n", 8<<20)).Layers()[0]
	for _, opts := range []Options{{Hash: true}, {NoDigests: true}} {
		calls := 0
		opts.Progress = func(int64) { calls++ }
		if _, err := Read(t.Context(), layer, opts); err != nil {
			t.Fatal(err)
		}
		if calls < 5 {
			t.Errorf("%+v: of 8 MiB only %d steps were shown", opts.Hash, calls)
		}
	}
}
