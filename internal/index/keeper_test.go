package index

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/imagetest"
)

// TestKeep: selected contents come with the index, through the cache too, and
// another selection reads the layer again.
func TestKeep(t *testing.T) {
	layer := imagetest.New(t, imagetest.Gzip, "f a.db \"one\"\nf big 5000\nf b.db \"\"\nf a.db \"two\"").Layers()[0]
	cache, err := OpenCache(t.TempDir(), 0)
	if err != nil {
		t.Fatal(err)
	}
	opts := Options{Cache: cache, KeepName: "db", Keep: func(e *whittle.Entry) bool { return strings.HasSuffix(e.Path, ".db") }}
	for _, pass := range []string{"read", "cached"} {
		idx, err := Read(context.Background(), layer, opts)
		if err != nil {
			t.Fatal(err)
		}
		got := map[int]string{}
		for i, b := range idx.Kept {
			got[i] = string(b)
		}
		if diff := cmp.Diff(map[int]string{0: "one", 2: "", 3: "two"}, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", pass, diff)
		}
	}
	reads := 0
	opts.KeepName, opts.Keep = "other", func(e *whittle.Entry) bool { reads++; return e.Path == "big" }
	idx, err := Read(context.Background(), layer, opts)
	if err != nil {
		t.Fatal(err)
	}
	if reads == 0 || len(idx.Kept[1]) != 5000 || len(idx.Kept) != 1 {
		t.Errorf("another selection kept %d files after %d questions", len(idx.Kept), reads)
	}
	// Without a selection any cached index will do.
	if idx, err := Read(context.Background(), layer, Options{Cache: cache}); err != nil || idx.KeptBy != "other" {
		t.Errorf("cached index %+v (%v)", idx, err)
	}
}

// TestDistil: what is kept may be made out of the contents, by several workers
// at once, and nothing is kept of what gives nothing.
func TestDistil(t *testing.T) {
	var files strings.Builder
	for i := range 500 {
		fmt.Fprintf(&files, "f %03d.py %q\n", i, strings.Repeat("x", i))
	}
	layer := imagetest.New(t, imagetest.Gzip, files.String()+"f no.py \"-\"\nf other \"\"").Layers()[0]
	idx, err := Read(context.Background(), layer, Options{
		KeepName: "lengths", Keep: func(e *whittle.Entry) bool { return strings.HasSuffix(e.Path, ".py") },
		Distil: func(e *whittle.Entry, content []byte) []byte {
			if string(content) == "-" {
				return nil
			}
			return fmt.Appendf(nil, "%s %d", e.Path, len(content))
		}})
	if err != nil {
		t.Fatal(err)
	}
	if len(idx.Kept) != 500 {
		t.Errorf("%d files are kept", len(idx.Kept))
	}
	for i, b := range idx.Kept {
		if want := fmt.Sprintf("%03d.py %d", i, i); string(b) != want {
			t.Errorf("entry %d has %q", i, b)
		}
	}
}

// TestNoDigests: a layer that was read without digests serves who asks for
// none, and what one reading made is not lost by the next that makes the other.
func TestNoDigests(t *testing.T) {
	layer := imagetest.New(t, imagetest.Gzip, "f a.py \"one\"\nf big 3000000\nh link a.py\nf b.py \"two\"").Layers()[0]
	whole, err := Read(context.Background(), layer, Options{})
	if err != nil || !whole.Hashed {
		t.Fatal(whole, err)
	}
	facts := map[int][]byte{0: []byte("ONE"), 3: []byte("TWO")}
	for _, order := range []string{"facts, digests", "digests, facts", "facts, facts, digests, facts, digests"} {
		cache, err := OpenCache(t.TempDir(), 0)
		if err != nil {
			t.Fatal(err)
		}
		distilled, done := 0, map[string]bool{}
		for _, pass := range strings.Split(order, ", ") {
			opts := Options{Cache: cache}
			if pass == "facts" {
				opts.NoDigests, opts.KeepName = true, "facts"
				opts.Keep = func(e *whittle.Entry) bool { return strings.HasSuffix(e.Path, ".py") }
				opts.Distil = func(_ *whittle.Entry, b []byte) []byte { return bytes.ToUpper(b) }
			}
			opened := &countOpens{Layer: layer}
			idx, err := Read(context.Background(), opened, opts)
			if err != nil {
				t.Fatal(err)
			}
			if again := done[pass]; again == (opened.n > 0) {
				t.Errorf("%s: %s again is %v, and the layer was opened %d times", order, pass, again, opened.n)
			}
			done[pass] = true
			distilled += opened.n
			want := &whittle.Index{DiffID: whole.DiffID, Size: whole.Size, TarSize: whole.TarSize, Verified: true, Hashed: done["digests"], Entries: slices.Clone(whole.Entries)}
			if done["facts"] {
				want.Kept, want.KeptBy = facts, "facts"
			}
			for i := range want.Entries {
				if !want.Hashed {
					want.Entries[i].Content = [32]byte{}
				}
			}
			if diff := cmp.Diff(want, idx); diff != "" {
				t.Errorf("%s: %s (-want +got):\n%s", order, pass, diff)
			}
		}
		if distilled != 2 {
			t.Errorf("%s: the layer was read %d times", order, distilled)
		}
	}
}

// countOpens is a layer in a file that nobody touches.
type countOpens struct {
	whittle.Layer
	n int
}

func (l *countOpens) Stat(context.Context) (whittle.Stat, error) {
	blob, _ := l.Blob()
	return whittle.Stat{Claim: blob, Size: blob.Size, Identity: "a file"}, nil
}

func (l *countOpens) Open(ctx context.Context) (io.ReadCloser, error) {
	l.n++
	return l.Layer.Open(ctx)
}

// TestForeignCache: a cached index of other entries, which only a damaged cache
// has, gives nothing to the new one.
func TestForeignCache(t *testing.T) {
	layer := imagetest.New(t, imagetest.Gzip, "f a.py \"one\"").Layers()[0]
	cache, err := OpenCache(t.TempDir(), 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := cache.Put(&whittle.Index{DiffID: layer.DiffID(), Entries: []whittle.Entry{{Path: "b.py", Kind: whittle.File}}}, Cost{}); err != nil {
		t.Fatal(err)
	}
	idx, err := Read(context.Background(), layer, Options{Cache: cache})
	if err != nil || !idx.Hashed || len(idx.Entries) != 1 || idx.Entries[0].Path != "a.py" || idx.Entries[0].Content != sha256.Sum256([]byte("one")) {
		t.Errorf("%+v, %v", idx, err)
	}
}

// TestLargeKept: files that are larger than what a header is trusted with come
// whole, one after another in the same memory.
func TestLargeKept(t *testing.T) {
	sizes := []int{smallFile, smallFile + 1, TrustedSize, 3*TrustedSize + 5, 2, TrustedSize + 1}
	var lines strings.Builder
	for i, n := range sizes {
		fmt.Fprintf(&lines, "f %d %d\n", i, n)
	}
	layer := imagetest.New(t, imagetest.Gzip, lines.String()).Layers()[0]
	idx, err := Read(context.Background(), layer, Options{KeepName: "sums", Keep: func(*whittle.Entry) bool { return true },
		Distil: func(_ *whittle.Entry, b []byte) []byte { sum := sha256.Sum256(b); return sum[:] }})
	if err != nil {
		t.Fatal(err)
	}
	for i, e := range idx.Entries {
		if e.Size != int64(sizes[i]) || [32]byte(idx.Kept[i]) != e.Content {
			t.Errorf("entry %d of %d bytes: %x, digest %x", i, e.Size, idx.Kept[i], e.Content)
		}
	}
}
