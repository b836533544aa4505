package source

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"io"
	"maps"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1/layout"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/imagetest"
)

// made is an image as a set of blobs, for writing it to every place.
type made struct {
	config    []byte
	raws      [][]byte // uncompressed layers
	stored    [][]byte // as stored in the layout
	mediaType string
	arch      string
}

func digestOf(b []byte) whittle.Digest { return whittle.SHA256(sha256.Sum256(b)) }

func make2(t *testing.T, codec imagetest.Codec, arch string) *made {
	t.Helper()
	m := &made{arch: arch, mediaType: "application/vnd.oci.image.layer.v1.tar"}
	if codec != imagetest.Plain {
		m.mediaType += "+" + string(codec)
	}
	var ids []whittle.Digest
	for _, notation := range []string{"d etc\nf etc/os-release \"ID=debian\\n\"\nf big 70000", "w big\nf etc/arch \"" + arch + "\""} {
		raw := imagetest.Tar(t, notation)
		m.raws = append(m.raws, raw)
		m.stored = append(m.stored, imagetest.Compress(t, codec, raw))
		ids = append(ids, digestOf(raw))
	}
	var err error
	m.config, err = json.Marshal(map[string]any{"os": "linux", "architecture": arch,
		"config":  map[string]any{"Env": []string{"A=b"}, "Cmd": []string{"sh"}},
		"rootfs":  map[string]any{"type": "layers", "diff_ids": ids},
		"history": []map[string]any{{"created_by": "ADD base"}, {"created_by": "ENV A=b", "empty_layer": true}, {"created_by": "RUN rm big"}}})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func mustJSON(t testing.TB, v any) []byte {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func unmarshal(t testing.TB, b []byte, v any) {
	t.Helper()
	if err := json.Unmarshal(b, v); err != nil {
		t.Fatal(err)
	}
}

func desc(mediaType string, b []byte) map[string]any {
	return map[string]any{"mediaType": mediaType, "digest": digestOf(b), "size": len(b)}
}

// manifest is the image's OCI manifest.
func (m *made) manifest(t *testing.T) []byte {
	var layers []any
	for _, l := range m.stored {
		layers = append(layers, desc(m.mediaType, l))
	}
	return mustJSON(t, map[string]any{"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
		"config": desc("application/vnd.oci.image.config.v1+json", m.config), "layers": layers})
}

// blobFiles are the files of a layout that hold the image.
func (m *made) blobFiles(t *testing.T) map[string][]byte {
	files := map[string][]byte{"oci-layout": []byte(`{"imageLayoutVersion":"1.0.0"}`)}
	for _, b := range append(slices.Clone(m.stored), m.config, m.manifest(t)) {
		files["blobs/sha256/"+digestOf(b).Hex()] = b
	}
	return files
}

// layoutFiles is an OCI layout of several images, each for its platform and
// with its name.
func layoutFiles(t *testing.T, images map[string]*made) map[string][]byte {
	files := map[string][]byte{}
	var manifests []any
	for _, tag := range slices.Sorted(maps.Keys(images)) {
		m := images[tag]
		maps.Copy(files, m.blobFiles(t))
		d := desc("application/vnd.oci.image.manifest.v1+json", m.manifest(t))
		d["platform"] = map[string]any{"os": "linux", "architecture": m.arch}
		if tag != "" {
			d["annotations"] = map[string]any{refName: tag}
		}
		manifests = append(manifests, d)
	}
	files["index.json"] = mustJSON(t, map[string]any{"schemaVersion": 2, "manifests": manifests})
	return files
}

// dockerFiles is a docker archive: of the new layout where the image has
// blobs in it, of the old one (a folder for each layer) otherwise.
func dockerFiles(t *testing.T, old bool, images map[string]*made) map[string][]byte {
	files := map[string][]byte{}
	var list []any
	for _, tag := range slices.Sorted(maps.Keys(images)) {
		m := images[tag]
		var layers []string
		for i := range m.stored {
			if old {
				name := digestOf(m.raws[i]).Hex() + "/layer.tar"
				files[name] = m.raws[i]
				layers = append(layers, name)
			} else {
				layers = append(layers, "blobs/sha256/"+digestOf(m.stored[i]).Hex())
			}
		}
		config := digestOf(m.config).Hex() + ".json"
		if old {
			files[config] = m.config
		} else {
			config = "blobs/sha256/" + digestOf(m.config).Hex()
			maps.Copy(files, layoutFiles(t, images))
		}
		entry := map[string]any{"Config": config, "Layers": layers}
		if tag != "" {
			entry["RepoTags"] = []string{tag}
		}
		list = append(list, entry)
	}
	files["manifest.json"] = mustJSON(t, list)
	return files
}

func writeTar(t *testing.T, files map[string][]byte) string {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, n := range slices.Sorted(maps.Keys(files)) {
		if err := w.WriteHeader(&tar.Header{Name: n, Typeflag: tar.TypeReg, Size: int64(len(files[n])), Mode: 0o644}); err != nil {
			t.Fatal(err)
		}
		w.Write(files[n])
	}
	w.Close()
	path := filepath.Join(t.TempDir(), "image.tar")
	if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func writeFolder(t *testing.T, files map[string][]byte) string {
	t.Helper()
	dir := t.TempDir()
	for n, b := range files {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, n)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, n), b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// pushed puts a layout's images into a registry on loopback and returns the
// repository's name there.
func pushed(t *testing.T, images map[string]*made) string {
	t.Helper()
	server := httptest.NewServer(registry.New(registry.Logger(discardLog())))
	t.Cleanup(server.Close)
	path, err := layout.FromPath(writeFolder(t, layoutFiles(t, images)))
	if err != nil {
		t.Fatal(err)
	}
	index, err := path.ImageIndex()
	if err != nil {
		t.Fatal(err)
	}
	ref, err := name.ParseReference(server.Listener.Addr().String() + "/team/app:1")
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.WriteIndex(ref, index); err != nil {
		t.Fatal(err)
	}
	return ref.Name()
}

// opened opens an image and closes it with the test.
func opened(t *testing.T, name string, o Options) whittle.Image {
	t.Helper()
	img, err := Open(context.Background(), name, o)
	if err != nil {
		t.Fatalf("Open(%s): %v", name, err)
	}
	t.Cleanup(func() {
		if err := img.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return img
}

func stored(t *testing.T, l whittle.Layer) []byte {
	t.Helper()
	r, err := l.Open(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
