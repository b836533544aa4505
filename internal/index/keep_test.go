package index

import (
	"context"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

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
	opts := Options{Cache: cache, KeepName: "db", Keep: func(p string) bool { return strings.HasSuffix(p, ".db") }}
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
	opts.KeepName, opts.Keep = "other", func(p string) bool { reads++; return p == "big" }
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
