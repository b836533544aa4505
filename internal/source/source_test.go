package source

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/imagetest"
)

func discardLog() *log.Logger { return log.New(io.Discard, "", 0) }

// TestContract opens one image in every place: what the places say must agree.
func TestContract(t *testing.T) {
	for _, codec := range []imagetest.Codec{imagetest.Plain, imagetest.Gzip, imagetest.Zstd} {
		m := make2(t, codec, "amd64")
		one := map[string]*made{"": m}
		amd64 := Options{Platform: &whittle.Platform{OS: "linux", Architecture: "amd64"}}
		places := map[string]string{
			"docker-archive, old": "docker-archive:" + writeTar(t, dockerFiles(t, true, one)),
			"docker-archive, new": "docker-archive:" + writeTar(t, dockerFiles(t, false, one)),
			"oci-layout":          "oci-layout:" + writeFolder(t, layoutFiles(t, one)),
			"oci-archive":         "oci-archive:" + writeTar(t, layoutFiles(t, one)),
			"registry":            "registry:" + pushed(t, one),
			"bare folder":         writeFolder(t, layoutFiles(t, one)),
			"bare docker archive": writeTar(t, dockerFiles(t, true, one)),
			"bare oci archive":    writeTar(t, layoutFiles(t, one)),
			"bare registry name":  pushed(t, one),
		}
		for place, name := range places {
			t.Run(string(codec)+" "+place, func(t *testing.T) {
				o := amd64
				o.DockerHost = "unix://" + filepath.Join(t.TempDir(), "none.sock")
				img := opened(t, name, o)
				checkContract(t, img, m, strings.Contains(place, ", old") || place == "bare docker archive",
					strings.Contains(place, "docker"))
			})
		}
	}
}

func checkContract(t *testing.T, img whittle.Image, m *made, old, docker bool) {
	t.Helper()
	var want whittle.Config
	if err := json.Unmarshal(m.config, &want); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(&want, img.Config()); diff != "" {
		t.Errorf("config (-want +got):\n%s", diff)
	}
	if len(img.Layers()) != len(m.raws) {
		t.Fatalf("%d layers, want %d", len(img.Layers()), len(m.raws))
	}
	compressed := m.mediaType != "application/vnd.oci.image.layer.v1.tar"
	for i, l := range img.Layers() {
		if got := l.DiffID(); got != digestOf(m.raws[i]) {
			t.Errorf("layer %d: diff ID %s", i, got)
		}
		wantStored := m.stored[i]
		if old {
			wantStored = m.raws[i]
		}
		if got := stored(t, l); !bytes.Equal(got, wantStored) {
			t.Errorf("layer %d: stored bytes differ", i)
		}
		blob, ok := l.Blob()
		if wantTransfer := !old && (compressed || !docker); ok != wantTransfer {
			t.Errorf("layer %d: transfer known = %v, want %v", i, ok, wantTransfer)
		} else if want := (whittle.Blob{Digest: digestOf(m.stored[i]), Size: int64(len(m.stored[i])), MediaType: m.mediaType}); ok && blob != want {
			t.Errorf("layer %d: blob %+v, want %+v", i, blob, want)
		}
		section, ok := l.(whittle.Sectioner).Section()
		if wantSection := (old || !compressed) && img.Ref().Source != Registry; ok != wantSection {
			t.Errorf("layer %d: in place = %v, want %v", i, ok, wantSection)
		} else if ok {
			if got, err := io.ReadAll(section); err != nil || !bytes.Equal(got, m.raws[i]) {
				t.Errorf("layer %d: section differs (%v)", i, err)
			}
		}
	}
	wantDigest := digestOf(m.manifest(t))
	if old {
		wantDigest = digestOf(m.config)
	}
	if img.Ref().Digest != wantDigest {
		t.Errorf("digest %s, want %s", img.Ref().Digest, wantDigest)
	}
}

func TestSelect(t *testing.T) {
	a, b := make2(t, imagetest.Gzip, "amd64"), make2(t, imagetest.Gzip, "arm64")
	named := map[string]*made{"example.org/app:1": a, "example.org/app:2": b}
	archive, oci := writeTar(t, dockerFiles(t, true, named)), writeTar(t, layoutFiles(t, named))
	dir := writeFolder(t, layoutFiles(t, named))
	platforms := writeFolder(t, layoutFiles(t, map[string]*made{"": a}))
	both := layoutFiles(t, map[string]*made{"x": a, "y": b})
	both["index.json"] = bytes.ReplaceAll(bytes.ReplaceAll(both["index.json"], []byte(`"x"`), []byte(`"app:1"`)), []byte(`"y"`), []byte(`"app:1"`))
	index := writeFolder(t, both)
	arm := Options{Platform: &whittle.Platform{OS: "linux", Architecture: "arm64"}}
	s390 := Options{Platform: &whittle.Platform{OS: "linux", Architecture: "s390x"}}
	for _, tc := range []struct {
		name string
		o    Options
		want string // architecture, or an error
		kind error
	}{
		{"docker-archive:" + archive + ":example.org/app:2", Options{}, "arm64", nil},
		{"docker-archive:" + archive + ":1", Options{}, "amd64", nil},
		{"docker-archive:" + archive + ":@1", Options{}, "arm64", nil},
		{"docker-archive:" + archive, Options{}, "the archive has 2 images: example.org/app:1, example.org/app:2", whittle.ErrUsage},
		{"docker-archive:" + archive + ":3", Options{}, `no image is named "3"`, whittle.ErrNotFound},
		{"oci-archive:" + oci + ":1", Options{}, "amd64", nil},
		{"oci-archive:" + oci, Options{}, "there are 2 images", whittle.ErrUsage},
		{"oci-layout:" + dir + ":example.org/app:2", arm, "arm64", nil},
		{"oci-layout:" + dir + "@" + string(digestOf(b.manifest(t))), Options{}, "arm64", nil},
		{"oci-layout:" + index + ":app:1", arm, "arm64", nil},
		{"oci-layout:" + index, s390, "no image for linux/s390x", whittle.ErrNotFound},
		{"oci-layout:" + platforms, arm, "no image for linux/arm64", whittle.ErrNotFound},
		{"oci-layout:" + dir + "/nothing", Options{}, "no folder", whittle.ErrNotFound},
		{"oci-archive:" + dir + "/index.jso", Options{}, "no file", whittle.ErrNotFound},
		{"oci-layout:" + oci, Options{}, "is a file", whittle.ErrUsage},
		{dir + "/oci-layout", Options{}, "is not a tar archive", whittle.ErrCorrupt},
		{"", Options{}, "no image is named", whittle.ErrUsage},
		{"./nothing.tar", Options{}, "no such file or folder", whittle.ErrNotFound},
		{"nothing.tar:app:1", Options{}, "no such file or folder", whittle.ErrNotFound},
	} {
		t.Run(tc.name, func(t *testing.T) {
			img, err := Open(context.Background(), tc.name, tc.o)
			if tc.kind != nil {
				if !errors.Is(err, tc.kind) || !strings.Contains(err.Error(), tc.want) || strings.Contains(err.Error(), "\n") {
					t.Fatalf("error %v, want one line with %q", err, tc.want)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			defer img.Close()
			if got := img.Config().Architecture; got != tc.want {
				t.Errorf("architecture %s, want %s", got, tc.want)
			}
		})
	}
}

// TestNowhere: the error of a name that is nowhere says what was tried.
func TestNowhere(t *testing.T) {
	t.Setenv("CONTAINER_HOST", "unix://"+filepath.Join(t.TempDir(), "none.sock"))
	o := Options{DockerHost: "unix://" + filepath.Join(t.TempDir(), "none.sock")}
	repo := pushed(t, map[string]*made{"": make2(t, imagetest.Gzip, "amd64")})
	repo = strings.TrimSuffix(repo, ":1")
	_, err := Open(context.Background(), repo+":2", o)
	if !errors.Is(err, whittle.ErrNotFound) {
		t.Errorf("%v does not wrap ErrNotFound", err)
	}
	for _, want := range []string{"no such file", "docker: no Docker engine answers at unix://", "podman: no Podman engine answers at unix://", "registry: ", "has no"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q in it", err, want)
		}
	}
	if whittle.Hint(err) == "" {
		t.Error("no hint")
	}
}

// TestHostile changes one thing of a good image at a time.
func TestHostile(t *testing.T) {
	m := make2(t, imagetest.Gzip, "amd64")
	blob := func(b []byte) string { return "blobs/sha256/" + digestOf(b).Hex() }
	for _, tc := range []struct {
		name   string
		old    bool
		change func(files map[string][]byte)
		want   string
		kind   error
	}{
		{"index.json is not JSON", false, func(f map[string][]byte) { f["index.json"] = []byte("{") }, "index.json", whittle.ErrCorrupt},
		{"index.json is a list", false, func(f map[string][]byte) { f["index.json"] = []byte("[1]") }, "index.json", whittle.ErrCorrupt},
		{"index.json names nothing", false, func(f map[string][]byte) { f["index.json"] = []byte("{}") }, "names no image", whittle.ErrNotFound},
		{"index.json is huge", false, func(f map[string][]byte) { f["index.json"] = bytes.Repeat([]byte(" "), 5<<20) }, "larger than", whittle.ErrLimit},
		{"manifest is gone", false, func(f map[string][]byte) { delete(f, blob(m.manifest(t))) }, "is not in the", whittle.ErrCorrupt},
		{"manifest has another digest", false, func(f map[string][]byte) {
			f[blob(m.manifest(t))] = bytes.Replace(m.manifest(t), []byte("2"), []byte("3"), 1)
		}, "has another digest", whittle.ErrCorrupt},
		{"manifest claims another size", false, func(f map[string][]byte) {
			f["index.json"] = bytes.Replace(f["index.json"], []byte(`"size":`), []byte(`"size":9`), 1)
		}, "bytes, not", whittle.ErrCorrupt},
		{"digest climbs out", false, func(f map[string][]byte) {
			f["index.json"] = []byte(`{"manifests":[{"digest":"sha256:../../../../etc/passwd","size":1}]}`)
		}, "hexadecimal", whittle.ErrCorrupt},
		{"digest of another kind", false, func(f map[string][]byte) {
			f["index.json"] = []byte(`{"manifests":[{"digest":"md5:00","size":1}]}`)
		}, "algorithm", whittle.ErrUnsupported},
		{"configuration is gone", false, func(f map[string][]byte) { delete(f, blob(m.config)) }, "is not in the", whittle.ErrCorrupt},
		{"configuration has another digest", false, func(f map[string][]byte) { f[blob(m.config)] = append([]byte(" "), m.config[1:]...) }, "has another digest", whittle.ErrCorrupt},
		{"old: manifest.json is a map", true, func(f map[string][]byte) { f["manifest.json"] = []byte("{}") }, "manifest.json", whittle.ErrCorrupt},
		{"old: manifest.json is empty", true, func(f map[string][]byte) { f["manifest.json"] = []byte("[]") }, "names no image", whittle.ErrCorrupt},
		{"old: a layer climbs out", true, func(f map[string][]byte) {
			f["manifest.json"] = bytes.Replace(f["manifest.json"], []byte(`"Layers":["`), []byte(`"Layers":["../`), 1)
		}, "leaves the root", whittle.ErrCorrupt},
		{"old: the configuration climbs out", true, func(f map[string][]byte) {
			f["manifest.json"] = []byte(`[{"Config":"../../etc/passwd","Layers":[]}]`)
		}, "leaves the root", whittle.ErrCorrupt},
		{"old: a layer is gone", true, func(f map[string][]byte) { delete(f, digestOf(m.raws[0]).Hex()+"/layer.tar") }, "the archive has no", whittle.ErrCorrupt},
		{"old: fewer layers than diff IDs", true, func(f map[string][]byte) {
			f["manifest.json"] = []byte(`[{"Config":"` + digestOf(m.config).Hex() + `.json","Layers":[]}]`)
		}, "2 diff IDs for 0 layers", whittle.ErrCorrupt},
		{"is of two kinds", false, func(f map[string][]byte) {
			both := bytes.Replace(m.manifest(t), []byte(`{`), []byte(`{"manifests":[],`), 1)
			f[blob(both)] = both
			f["index.json"] = mustJSON(t, map[string]any{"manifests": []any{desc(ociManifest, both)}})
		}, "of two kinds", whittle.ErrCorrupt},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var names []string
			if tc.old {
				files := dockerFiles(t, true, map[string]*made{"": m})
				tc.change(files)
				names = []string{"docker-archive:" + writeTar(t, files)}
			} else {
				files := layoutFiles(t, map[string]*made{"": m})
				tc.change(files)
				names = []string{"oci-archive:" + writeTar(t, files), "oci-layout:" + writeFolder(t, files)}
			}
			for _, name := range names {
				img, err := Open(context.Background(), name, Options{})
				if err == nil {
					img.Close()
					t.Fatalf("%s: no error", name)
				}
				if !errors.Is(err, tc.kind) || !strings.Contains(err.Error(), tc.want) || len(err.Error()) > 1000 {
					t.Errorf("error %v, want %q", err, tc.want)
				}
			}
		})
	}
}

// TestBadBlob: a layer's bytes are verified while they are read.
func TestBadBlob(t *testing.T) {
	m := make2(t, imagetest.Gzip, "amd64")
	name := "blobs/sha256/" + digestOf(m.stored[0]).Hex()
	for what, change := range map[string]func([]byte) []byte{
		"bit flipped": func(b []byte) []byte { b = bytes.Clone(b); b[len(b)/2] ^= 1; return b },
		"cut off":     func(b []byte) []byte { return b[:len(b)-1] },
		"longer":      func(b []byte) []byte { return append(bytes.Clone(b), 0) },
	} {
		t.Run(what, func(t *testing.T) {
			files := layoutFiles(t, map[string]*made{"": m})
			files[name] = change(files[name])
			img := opened(t, "oci-layout:"+writeFolder(t, files), Options{})
			r, err := img.Layers()[0].Open(context.Background())
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			if _, err = io.Copy(io.Discard, r); !errors.Is(err, whittle.ErrCorrupt) || !strings.Contains(err.Error(), string(digestOf(m.stored[0]))) {
				t.Errorf("error %v, want one that names the blob", err)
			}
		})
	}
}

// TestIndexLoop: an index cannot name itself by its digest, but layouts can
// nest deep and wide.
func TestIndexLoop(t *testing.T) {
	files := layoutFiles(t, map[string]*made{"": make2(t, imagetest.Gzip, "amd64")})
	inner := files["index.json"]
	for range 20 {
		files["blobs/sha256/"+digestOf(inner).Hex()] = inner
		inner = mustJSON(t, map[string]any{"schemaVersion": 2, "manifests": []any{desc("application/vnd.oci.image.index.v1+json", inner)}})
	}
	files["index.json"] = inner
	if _, err := Open(context.Background(), "oci-layout:"+writeFolder(t, files), Options{}); !errors.Is(err, whittle.ErrLimit) {
		t.Errorf("error %v, want a limit", err)
	}
}

func FuzzArchive(f *testing.F) {
	f.Add([]byte("x"))
	f.Add(bytes.Repeat([]byte{0}, 1024))
	f.Add(imagetest.DockerArchive(f, imagetest.New(f, imagetest.Gzip, "f a 1")))
	f.Fuzz(func(t *testing.T, b []byte) {
		path := filepath.Join(t.TempDir(), "image.tar")
		if err := os.WriteFile(path, b, 0o644); err != nil {
			t.Fatal(err)
		}
		for _, scheme := range []string{"docker-archive:", "oci-archive:"} {
			if img, err := Open(context.Background(), scheme+path, Options{}); err == nil {
				img.Close()
			}
		}
	})
}

// FuzzManifest opens docker archives of any manifest.json and configuration:
// what opens has as many layers as its configuration says.
func FuzzManifest(f *testing.F) {
	f.Add([]byte(`[{"Config":"c.json","RepoTags":["a:1"],"Layers":["l.tar"]}]`), []byte(`{"os":"linux","architecture":"amd64","rootfs":{"diff_ids":["sha256:`+strings.Repeat("0", 64)+`"]}}`), "")
	f.Add([]byte(`[{"Config":"manifest.json"},{"Config":"../c.json","RepoTags":[""]}]`), []byte(`{}`), "a:1")
	path := filepath.Join(f.TempDir(), "image.tar")
	f.Fuzz(func(t *testing.T, manifest, config []byte, selector string) {
		var b bytes.Buffer
		w := tar.NewWriter(&b)
		for name, content := range map[string][]byte{"manifest.json": manifest, "c.json": config, "l.tar": make([]byte, 1024)} {
			if err := w.WriteHeader(&tar.Header{Name: name, Size: int64(len(content)), Mode: 0o644}); err != nil {
				t.Fatal(err)
			}
			w.Write(content)
		}
		w.Close()
		if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
		limits := Limits{}.withDefaults()
		a, err := openArchive(context.Background(), path, Options{Limits: limits})
		if err != nil {
			t.Fatal(err)
		}
		defer a.Close()
		img, err := dockerImage(context.Background(), a, selector, Options{Limits: limits})
		if err != nil {
			if !errors.Is(err, whittle.ErrCorrupt) && !errors.Is(err, whittle.ErrUsage) && !errors.Is(err, whittle.ErrNotFound) && !errors.Is(err, whittle.ErrUnsupported) && !errors.Is(err, whittle.ErrLimit) {
				t.Errorf("an error of no kind: %v", err)
			}
			return
		}
		if n := len(img.Layers()); n != len(img.Config().RootFS.DiffIDs) {
			t.Errorf("%d layers of %d", n, len(img.Config().RootFS.DiffIDs))
		}
	})
}
