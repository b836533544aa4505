package index

import (
	"context"
	"crypto/sha256"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/imagetest"
)

// The files of testdata were written by GNU tar 1.34: sparse files in all four
// formats (1,000,000 bytes, with "head" at the start and "middle" at 200,000),
// names over 256 bytes, and the oldest format of all.
func TestForms(t *testing.T) {
	sparse := make([]byte, 1_000_000)
	copy(sparse, "head")
	copy(sparse[200_000:], "middle")
	long := strings.Repeat("d", 90) + "/" + strings.Repeat("e", 90) + "/" + strings.Repeat("f", 90)
	want := map[string]map[string]string{"v7": {"after": "after"}, "long-gnu": {long: "long"}, "long-pax": {long: "long"}}
	for _, form := range []string{"sparse-gnu", "sparse-pax-0.0", "sparse-pax-0.1", "sparse-pax-1.0"} {
		want[form] = map[string]string{"sparse": string(sparse), "after": "after"}
	}
	for form, files := range want {
		raw, err := os.ReadFile(filepath.Join("testdata", form+".tar"))
		if err != nil {
			t.Fatal(err)
		}
		for _, codec := range codecs {
			checkForm(t, form, imagetest.NewLayer(t, codec, raw), files)
		}
	}
}

func checkForm(t *testing.T, form string, l *imagetest.Layer, files map[string]string) {
	t.Helper()
	ctx := context.Background()
	idx, err := Read(ctx, l, Options{})
	if err != nil {
		t.Fatal(form, err)
	}
	found := 0
	for i, e := range idx.Entries {
		if e.Kind == whittle.Symlink && e.Link != idx.Entries[0].Path {
			t.Errorf("%s: %q leads to %q", form, e.Path, e.Link)
		}
		content, ok := files[e.Path]
		if !ok {
			continue
		}
		found++
		if e.Size != int64(len(content)) || idx.Hashed && e.Content != sha256.Sum256([]byte(content)) || e.ModTime != 1700000000e9 || e.Mode != 0o644 {
			t.Errorf("%s, %s: %+v", form, l.Codec, e)
		}
		if (e.Offset == 0) != (e.Path == "sparse") {
			t.Errorf("%s: %q starts at %d", form, e.Path, e.Offset)
		}
		err := Files(ctx, l, idx, func(n int) bool { return n == i }, func(_ int, r io.Reader) error {
			if got, err := io.ReadAll(r); err != nil || string(got) != content {
				t.Errorf("%s, %s: %q holds other content, %v", form, l.Codec, e.Path, err)
			}
			return nil
		})
		if err != nil {
			t.Error(form, err)
		}
	}
	if found != len(files) {
		t.Errorf("%s, %s: %d of %d files in %+v", form, l.Codec, found, len(files), idx.Entries)
	}
}
