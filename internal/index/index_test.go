package index

import (
	"context"
	"errors"
	"io"
	"testing"

	"github.com/google/go-cmp/cmp"

	"whittle"
	"whittle/internal/imagetest"
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
	c dev/null 1:3
	b dev/sda 8:0
	p run/p
	f .dot/..x 3
	f big 1000000
`

var codecs = []imagetest.Codec{imagetest.Plain, imagetest.Gzip, imagetest.Zstd}

func TestRead(t *testing.T) {
	ctx := context.Background()
	var first *whittle.Index
	for _, codec := range codecs {
		layer := imagetest.NewLayer(t, codec, imagetest.Tar(t, sample))
		idx, err := Read(ctx, layer, Options{Hash: true})
		if err != nil {
			t.Fatal(codec, err)
		}
		if first == nil {
			first = idx
		}
		if d := cmp.Diff(first, idx); d != "" {
			t.Error(codec, d)
		}
		if codec != imagetest.Plain {
			continue
		}
		headers, err := Read(ctx, layer, Options{})
		if err != nil {
			t.Fatal(err)
		}
		for i := range headers.Entries {
			headers.Entries[i].Content = idx.Entries[i].Content
		}
		headers.Hashed = true
		if d := cmp.Diff(first, headers); d != "" {
			t.Error(d)
		}
		for i := range idx.Entries {
			t.Log(idx.Entries[i].Kind, idx.Entries[i].Path, idx.Entries[i].Offset)
		}
	}
}

func TestFiles(t *testing.T) {
	ctx := context.Background()
	for _, codec := range codecs {
		layer := imagetest.NewLayer(t, codec, imagetest.Tar(t, sample))
		for _, hash := range []bool{true, false} {
			idx, err := Read(ctx, layer, Options{Hash: hash})
			if err != nil {
				t.Fatal(err)
			}
			got := map[string]string{}
			err = Files(ctx, layer, idx, func(i int) bool { return idx.Entries[i].Size < 10 }, func(i int, r io.Reader) error {
				b, err := io.ReadAll(r)
				got[idx.Entries[i].Path] = string(b)
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			want := map[string]string{"usr/empty": "", "usr/long-\xff": "hello\n", ".dot/..x": string(imagetest.Content(".dot/..x", 3))}
			if d := cmp.Diff(want, got); d != "" {
				t.Error(codec, hash, d)
			}
		}
	}
}

func TestLies(t *testing.T) {
	for _, codec := range codecs {
		layer := imagetest.NewLayer(t, codec, imagetest.Tar(t, sample))
		layer.ID = whittle.SHA256([32]byte{1})
		if _, err := Read(context.Background(), layer, Options{Verify: true}); !errors.Is(err, whittle.ErrCorrupt) {
			t.Error(codec, err)
		} else {
			t.Log(err)
		}
	}
}
