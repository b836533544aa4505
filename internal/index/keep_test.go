package index

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"whittle"
	"whittle/internal/imagetest"
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
