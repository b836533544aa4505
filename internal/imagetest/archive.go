package imagetest

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"fmt"
	"testing"
)

// DockerArchive is the image as docker save wrote it before version 25: a
// folder with a layer.tar for each layer, and a manifest.json. Layers are as
// they are stored, so use [Plain].
func DockerArchive(t testing.TB, img *Image) []byte {
	t.Helper()
	files := map[string][]byte{}
	var layers []string
	for i, l := range img.layers {
		name := fmt.Sprintf("%d/layer.tar", i)
		files[name] = l.(*Layer).Stored
		layers = append(layers, name)
	}
	var err error
	if files["config.json"], err = json.Marshal(img.Config()); err != nil {
		t.Fatal(err)
	}
	if files["manifest.json"], err = json.Marshal([]map[string]any{{"Config": "config.json", "Layers": layers}}); err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, name := range append([]string{"config.json", "manifest.json"}, layers...) {
		if err := w.WriteHeader(&tar.Header{Name: name, Typeflag: tar.TypeReg, Size: int64(len(files[name])), Mode: 0o644}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(files[name]); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
