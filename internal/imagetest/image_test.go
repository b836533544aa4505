package imagetest

import (
	"archive/tar"
	"bytes"
	"io"
	"testing"
)

func TestTar(t *testing.T) {
	raw := Tar(t, `
		# a comment
		d usr mode=0700
		f usr/a 100 uid=7
		f "usr/b c\xff" "hello\n" x.user.k=v mtime=5
		s usr/l a
		h usr/h usr/a
		w usr/gone
		o usr
		c dev/null 1:3
	`)
	r := tar.NewReader(bytes.NewReader(raw))
	var names []string
	for {
		h, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, h.Name)
		if h.Name == "usr/a" && (h.Size != 100 || h.Uid != 7) {
			t.Errorf("usr/a: %+v", h)
		}
		if h.Name == "usr/b c\xff" && (h.Size != 6 || h.PAXRecords["SCHILY.xattr.user.k"] != "v" || h.ModTime.Unix() != 5) {
			t.Errorf("usr/b c: %+v", h)
		}
	}
	want := "[usr/ usr/a usr/b c\xff usr/l usr/h usr/.wh.gone usr/.wh..wh..opq dev/null]"
	if got := "[" + string(bytes.Join(toBytes(names), []byte(" "))) + "]"; got != want {
		t.Errorf("names %q, want %q", got, want)
	}
}

func toBytes(s []string) [][]byte {
	b := make([][]byte, len(s))
	for i := range s {
		b[i] = []byte(s[i])
	}
	return b
}

func TestUnzstd(t *testing.T) {
	if plain, ok := Unzstd(Compress(t, Zstd, []byte("a layer"))); !ok || string(plain) != "a layer" {
		t.Errorf("%q %v", plain, ok)
	}
}
