package destination_test

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"log"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-containerregistry/pkg/registry"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/destination"
	"whittle.dev/whittle/internal/imagetest"
	"whittle.dev/whittle/internal/source"
)

const certificate = "application/vnd.whittle.test.v1+json"

// image is a small image: its configuration has a field that whittle does not know.
func image(t testing.TB, codec imagetest.Codec, arch string) destination.Image {
	t.Helper()
	var img destination.Image
	var ids []whittle.Digest
	for _, notation := range []string{"d etc\nf etc/os-release \"ID=debian\\n\"\nf big 70000", "w big\nf etc/arch \"" + arch + "\""} {
		raw := imagetest.Tar(t, notation)
		img.Layers = append(img.Layers, layer(imagetest.Compress(t, codec, raw), whittle.DigestOf(raw)))
		ids = append(ids, whittle.DigestOf(raw))
	}
	var err error
	if img.Config, err = json.Marshal(map[string]any{"os": "linux", "architecture": arch, "config": map[string]any{"Cmd": []string{"sh"}, "ArgsEscaped": true},
		"rootfs": map[string]any{"type": "layers", "diff_ids": ids}, "moby.buildkit.buildinfo.v1": "e30="}); err != nil {
		t.Fatal(err)
	}
	return img
}

func layer(stored []byte, diffID whittle.Digest) destination.Layer {
	return destination.Layer{Digest: whittle.DigestOf(stored), DiffID: diffID, Size: int64(len(stored)),
		Open: func(context.Context) (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(stored)), nil }}
}

func write(t *testing.T, to string, img destination.Image, o source.Options) destination.Written {
	t.Helper()
	d, err := destination.Parse(to)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Check(whittle.Ref{}, o); err != nil {
		t.Fatal(err)
	}
	w, err := d.Write(context.Background(), img, o)
	if err != nil {
		t.Fatalf("%s: %v", to, err)
	}
	return w
}

// same says whether the image of a name has the configuration and the layers that were
// written, byte for byte.
func same(t *testing.T, name string, want destination.Image, o source.Options) source.Details {
	t.Helper()
	ctx := context.Background()
	img, err := source.Open(ctx, name, o)
	if err != nil {
		t.Fatal(err)
	}
	defer img.Close()
	got, err := source.DetailsOf(ctx, img)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got.Config, want.Config) {
		t.Errorf("%s: configuration %s, want %s", name, got.Config, want.Config)
	}
	if len(img.Layers()) != len(want.Layers) {
		t.Fatalf("%s: %d layers, want %d", name, len(img.Layers()), len(want.Layers))
	}
	for i, l := range img.Layers() {
		if !bytes.Equal(content(t, l.Open), content(t, want.Layers[i].Open)) || l.DiffID() != want.Layers[i].DiffID {
			t.Errorf("%s: layer %d differs", name, i)
		}
	}
	return got
}

func content(t *testing.T, open func(context.Context) (io.ReadCloser, error)) []byte {
	t.Helper()
	r, err := open(context.Background())
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

// bytesOf is everything in a file or a folder.
func bytesOf(t *testing.T, path string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(path, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(p)
		files[p] = string(b)
		return err
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	return files
}

func registryHost(t *testing.T) string {
	t.Helper()
	server := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0)), registry.WithReferrersSupport(true)))
	t.Cleanup(server.Close)
	return server.Listener.Addr().String()
}

// TestParse: what each text means, and what is refused.
func TestParse(t *testing.T) {
	for text, kind := range map[string]string{
		"docker-archive:x.tar": source.DockerArchive, "docker-archive:/a b/x:example.org/team/app:1": source.DockerArchive, "x.tar": source.DockerArchive, "./a/x.tar": source.DockerArchive,
		"oci-archive:x": source.OCIArchive, "oci-archive:x:v1": source.OCIArchive, "oci-layout:d": source.OCILayout, "oci:d:team/app:1.0": source.OCILayout,
		"docker:app": source.Docker, "docker-daemon:app:1": source.Docker, "registry:example.org/app:1": source.Registry, "docker://example.org/app": source.Registry,
	} {
		if d, err := destination.Parse(text); err != nil || d.Kind() != kind || d.String() != text {
			t.Errorf("%s: %s, %v; want %s", text, d.Kind(), err, kind)
		}
	}
	for text, want := range map[string]string{
		"": "names no place", "app": "names no place", "text=x": "names no place", "docker-archive:": "no place is named", "oci-layout:": "no place is named", "oci::v1": "no place is named",
		"docker-archive:x.tar:": "no place is named", "docker:": "no place is named", "registry:": "no place is named", "oci-layout:d:@0": "no tag", "oci-layout:d:a b": "no tag", "oci-layout:d:" + strings.Repeat("a", 300): "no tag",
		"docker-archive:x.tar:UPPER": "no name of an image", "registry:https://example.org/app": "no name of an image", "docker:a@sha256:" + strings.Repeat("0", 64): "has its own digest",
		"dir:x": "no image is written to a dir", "rootfs:x": "no image is written to a rootfs", "podman:app": "no image is written to a podman", "containers-storage:app": "no image is written", "docker-archive:a\x00b": "NUL",
	} {
		if _, err := destination.Parse(text); !errors.Is(err, whittle.ErrUsage) || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v; want %q", text, err, want)
		}
	}
}

// TestReadBack: what is written to each place is read from it again, byte for byte, and
// is the same bytes if it is written again.
func TestReadBack(t *testing.T) {
	for _, codec := range []imagetest.Codec{imagetest.Plain, imagetest.Gzip, imagetest.Zstd} {
		t.Run(string(codec), func(t *testing.T) {
			img, dir := image(t, codec, "amd64"), t.TempDir()
			img.Annotations = map[string]string{"org.example.note": "kept"}
			img.Layers[0].Annotations = map[string]string{"org.example.layer": "kept"}
			o := source.Options{Platform: &whittle.Platform{OS: "linux", Architecture: "amd64"}}
			for _, to := range []string{
				"docker-archive:" + dir + "/a.tar", "docker-archive:" + dir + "/b.tar:example.org/team/app:1", dir + "/c.tar",
				"oci-archive:" + dir + "/d.oci", "oci-archive:" + dir + "/e.oci:v1", "oci-layout:" + dir + "/f", "oci:" + dir + "/g:team/app:1", "registry:" + registryHost(t) + "/team/app:1",
			} {
				first := write(t, to, img, o)
				before := bytesOf(t, dir)
				got := same(t, to, img, o)
				if got.Annotations["org.example.note"] != "kept" || got.Layers[0].Annotations["org.example.layer"] != "kept" {
					t.Errorf("%s: annotations %v, %v", to, got.Annotations, got.Layers)
				}
				if second := write(t, to, img, o); second.Digest != first.Digest || !maps.Equal(before, bytesOf(t, dir)) {
					t.Errorf("%s: other bytes the second time", to)
				}
				if left, _ := filepath.Glob(dir + "/.whittle-*"); len(left) > 0 {
					t.Errorf("%s: left behind: %q", to, left)
				}
			}
		})
	}
}

// TestSkopeo: skopeo reads what is written, and copies it without a change.
func TestSkopeo(t *testing.T) {
	skopeo, err := exec.LookPath("skopeo")
	if err != nil {
		t.Skip("no skopeo on this machine (Debian's skopeo has it)")
	}
	for _, codec := range []imagetest.Codec{imagetest.Plain, imagetest.Gzip, imagetest.Zstd} {
		img, dir := image(t, codec, "amd64"), t.TempDir()
		img.Artifacts = []destination.Artifact{{Type: certificate, Content: []byte(`{"a":1}`)}}
		for i, c := range []struct{ to, from string }{
			{"docker-archive:" + dir + "/a.tar:example.org/app:1", "docker-archive:" + dir + "/a.tar:example.org/app:1"},
			{"docker-archive:" + dir + "/b.tar", "docker-archive:" + dir + "/b.tar"},
			{"oci-archive:" + dir + "/c.oci:v1", "oci-archive:" + dir + "/c.oci:v1"},
			{"oci-layout:" + dir + "/d:v1", "oci:" + dir + "/d:v1"},
			{"registry:" + registryHost(t) + "/app:1", ""},
		} {
			if c.from == "" {
				c.from = strings.Replace(c.to, "registry:", "docker://", 1)
			}
			w := write(t, c.to, img, source.Options{})
			flat := filepath.Join(dir, "flat", string(rune('a'+i)))
			if err := os.MkdirAll(filepath.Dir(flat), 0o755); err != nil {
				t.Fatal(err)
			}
			if out, err := exec.Command(skopeo, "copy", "--quiet", "--src-tls-verify=false", c.from, "dir:"+flat).CombinedOutput(); err != nil {
				t.Errorf("%s: %v: %s", c.from, err, out)
				continue
			}
			config, err := os.ReadFile(filepath.Join(flat, w.ID.Hex()))
			if err != nil || !bytes.Equal(config, img.Config) {
				t.Errorf("%s: configuration %s (%v)", c.from, config, err)
			}
			copied := same(t, "dir:"+flat, plainIf(t, img, strings.HasPrefix(c.from, "docker-archive")), source.Options{})
			if len(copied.Layers) != 2 {
				t.Errorf("%s: %d layers", c.from, len(copied.Layers))
			}
		}
	}
}

// plainIf is the image with plain layers: skopeo decompresses those of a docker archive.
func plainIf(t *testing.T, img destination.Image, plain bool) destination.Image {
	t.Helper()
	if !plain {
		return img
	}
	out := img
	out.Layers = nil
	for _, notation := range []string{"d etc\nf etc/os-release \"ID=debian\\n\"\nf big 70000", "w big\nf etc/arch \"amd64\""} {
		raw := imagetest.Tar(t, notation)
		out.Layers = append(out.Layers, layer(raw, whittle.DigestOf(raw)))
	}
	return out
}

// TestLayout: an image is added to a layout, or takes the place of the one of its name;
// other images and fields stay.
func TestLayout(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "layout")
	a, b, c := image(t, imagetest.Gzip, "a"), image(t, imagetest.Gzip, "b"), image(t, imagetest.Zstd, "c")
	o := source.Options{}
	write(t, "oci-layout:"+dir+":one", a, o)
	index := filepath.Join(dir, "index.json")
	text, err := os.ReadFile(index)
	if err != nil {
		t.Fatal(err)
	}
	text = bytes.Replace(text, []byte(`{`), []byte(`{"annotations":{"who":"me"},"x-own":[1,2],`), 1)
	if err := os.WriteFile(index, text, 0o600); err != nil {
		t.Fatal(err)
	}
	b.Artifacts = []destination.Artifact{{Type: certificate, Content: []byte("{}")}}
	w := write(t, "oci-layout:"+dir+":two", b, o)
	details := same(t, "oci-layout:"+dir+":two", b, o)
	if len(w.Artifacts) != 1 || len(details.Attached) != 1 || details.Attached[0].Digest != w.Artifacts[0] || details.Attached[0].Type != certificate {
		t.Errorf("attached: %+v, %+v", w.Artifacts, details.Attached)
	}
	if d := same(t, "oci-layout:"+dir+":one", a, o); len(d.Attached) > 0 {
		t.Errorf("attached to another image: %+v", d.Attached)
	}
	write(t, "oci-layout:"+dir+":one", c, o)
	same(t, "oci-layout:"+dir+":one", c, o)
	same(t, "oci-layout:"+dir+":two", b, o)
	var fields struct {
		Annotations map[string]string `json:"annotations"`
		Own         []int             `json:"x-own"`
		Manifests   []any             `json:"manifests"`
	}
	if text, err = os.ReadFile(index); err == nil {
		err = json.Unmarshal(text, &fields)
	}
	if err != nil || fields.Annotations["who"] != "me" || !slices.Equal(fields.Own, []int{1, 2}) || len(fields.Manifests) != 3 {
		t.Errorf("index.json: %s (%v)", text, err)
	}
	d, err := destination.Parse("oci-layout:" + dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.Write(context.Background(), a, o); !errors.Is(err, whittle.ErrUsage) || !strings.Contains(err.Error(), "would have no name") {
		t.Errorf("a nameless image beside others: %v", err)
	}
	// A blob that is damaged is written again.
	blob := filepath.Join(dir, "blobs", "sha256", c.Layers[0].Digest.Hex())
	if err := os.WriteFile(blob, []byte("damaged"), 0o600); err != nil {
		t.Fatal(err)
	}
	write(t, "oci-layout:"+dir+":three", c, o)
	same(t, "oci-layout:"+dir+":three", c, o)
}

// TestWriters: images that are added to a layout at the same time are all in it.
func TestWriters(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "layout")
	write(t, "oci-layout:"+dir+":first", image(t, imagetest.Gzip, "first"), source.Options{})
	var wait sync.WaitGroup
	names := []string{"a", "b", "c", "d", "e"}
	for _, n := range names {
		img := image(t, imagetest.Gzip, n)
		wait.Go(func() { write(t, "oci-layout:"+dir+":"+n, img, source.Options{}) })
	}
	wait.Wait()
	for _, n := range append(names, "first") {
		same(t, "oci-layout:"+dir+":"+n, image(t, imagetest.Gzip, n), source.Options{})
	}
}

// failing is a layer whose bytes are not what its digest says.
func failing(t *testing.T, how string) destination.Image {
	img := image(t, imagetest.Gzip, "bad")
	b := content(t, img.Layers[1].Open)
	read := func(b []byte) func(context.Context) (io.ReadCloser, error) {
		return func(context.Context) (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b)), nil }
	}
	switch l := &img.Layers[1]; how {
	case "flipped":
		b[len(b)/2] ^= 1
		l.Open = read(b)
	case "short":
		l.Open = read(b[:len(b)-1])
	case "long":
		l.Open = read(append(b, 0))
	case "unreadable":
		l.Open = func(context.Context) (io.ReadCloser, error) { return nil, whittle.ErrSystem.Errorf("no such disk") }
	case "breaks off":
		l.Open = func(context.Context) (io.ReadCloser, error) {
			return io.NopCloser(io.MultiReader(bytes.NewReader(b[:10]), errorReader{})), nil
		}
	}
	return img
}

type errorReader struct{}

func (errorReader) Read([]byte) (int, error) { return 0, whittle.ErrSystem.Errorf("the disk broke") }

// TestBadBytes: an image whose bytes are not what it says is written nowhere, and what
// was there stays.
func TestBadBytes(t *testing.T) {
	host := registryHost(t)
	for how, kind := range map[string]error{"flipped": whittle.ErrCorrupt, "short": whittle.ErrCorrupt, "long": whittle.ErrCorrupt, "unreadable": whittle.ErrSystem, "breaks off": whittle.ErrSystem} {
		for _, to := range []string{"docker-archive:DIR/a.tar", "oci-archive:DIR/a.tar", "oci-layout:DIR/layout:v1", "registry:" + host + "/app:" + strings.ReplaceAll(how, " ", "-")} {
			for _, old := range []bool{false, true} {
				dir := t.TempDir()
				to := strings.Replace(to, "DIR", dir, 1)
				good := image(t, imagetest.Gzip, "old")
				if old {
					write(t, to, good, source.Options{})
				}
				before := bytesOf(t, dir)
				d, err := destination.Parse(to)
				if err != nil {
					t.Fatal(err)
				}
				_, err = d.Write(context.Background(), failing(t, how), source.Options{})
				if !errors.Is(err, kind) {
					t.Errorf("%s, %s: %v, want %v", how, to, err, kind)
				}
				if after := bytesOf(t, dir); d.Kind() != source.OCILayout && !maps.Equal(before, after) {
					t.Errorf("%s, %s: something was changed", how, to)
				}
				if old {
					same(t, to, good, source.Options{})
				} else if img, err := source.Open(context.Background(), to, source.Options{}); err == nil {
					img.Close()
					t.Errorf("%s, %s: there is an image", how, to)
				}
			}
		}
	}
}

// TestCancelled: Ctrl-C leaves what was there.
func TestCancelled(t *testing.T) {
	for _, to := range []string{"docker-archive:DIR/a.tar", "oci-archive:DIR/a.tar", "oci-layout:DIR/layout:v1"} {
		dir := t.TempDir()
		d, err := destination.Parse(strings.Replace(to, "DIR", dir, 1))
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(context.Background())
		img := image(t, imagetest.Gzip, "amd64")
		open := img.Layers[1].Open
		img.Layers[1].MediaType = "application/vnd.oci.image.layer.v1.tar+gzip"
		img.Layers[1].Open = func(ctx context.Context) (io.ReadCloser, error) { cancel(); return open(ctx) }
		if _, err := d.Write(ctx, img, source.Options{}); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", to, err)
		}
		if left := bytesOf(t, dir); len(left) > 0 {
			t.Errorf("%s: left behind: %v", to, slices.Sorted(maps.Keys(left)))
		}
	}
}

// TestSource: the image that is read is no destination, by whatever name.
func TestSource(t *testing.T) {
	dir := t.TempDir()
	img, o := image(t, imagetest.Gzip, "amd64"), source.Options{}
	host := registryHost(t)
	for _, to := range []string{"docker-archive:" + dir + "/a.tar:app:1", "oci-archive:" + dir + "/o.tar:v1", "oci-layout:" + dir + "/l:v1", "registry:" + host + "/app:1"} {
		write(t, to, img, o)
	}
	if err := errors.Join(os.Symlink("a.tar", dir+"/link.tar"), os.Link(dir+"/a.tar", dir+"/twin.tar"), os.Symlink("l", dir+"/m")); err != nil {
		t.Fatal(err)
	}
	for from, tos := range map[string]map[string]bool{
		dir + "/a.tar":                         {"docker-archive:" + dir + "/a.tar": true, "oci-archive:" + dir + "/link.tar": true, dir + "/twin.tar": true, dir + "/b.tar": false},
		"docker-archive:" + dir + "/a.tar:app": {dir + "/a.tar": true},
		"oci-archive:" + dir + "/o.tar:v1":     {"oci-archive:" + dir + "/o.tar:v2": true},
		"oci:" + dir + "/l:v1":                 {"oci-layout:" + dir + "/m:v1": true, "oci-layout:" + dir + "/l:v2": false},
		"docker://" + host + "/app:1":          {"registry:" + host + "/app:1": true, "registry:" + host + "/app:2": false, "registry:" + host + "/other:1": false},
	} {
		read, err := source.Open(context.Background(), from, o)
		if err != nil {
			t.Fatal(err)
		}
		for to, refused := range tos {
			d, err := destination.Parse(to)
			if err != nil {
				t.Fatal(err)
			}
			err = d.Check(read.Ref(), o)
			if refused && (!errors.Is(err, whittle.ErrUsage) || !strings.Contains(err.Error(), "stays as it is")) || !refused && err != nil {
				t.Errorf("%s to %s: %v", from, to, err)
			}
		}
		read.Close()
	}
}

// TestPlace: a destination that cannot be one is refused before anything is done.
func TestPlace(t *testing.T) {
	dir := t.TempDir()
	if err := errors.Join(os.WriteFile(dir+"/file", nil, 0o600), os.Mkdir(dir+"/full", 0o700), os.WriteFile(dir+"/full/notes.txt", nil, 0o600), os.WriteFile(dir+"/full.tar", nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	for to, want := range map[string]string{
		"docker-archive:" + dir + "/none/x.tar": "there is no folder", "docker-archive:" + dir: "no regular file", "docker-archive:/dev/null": "no regular file",
		"docker-archive:" + dir + "/file/x.tar": "not a directory", "oci-layout:" + dir + "/full:v1": "no OCI layout", "oci-layout:" + dir + "/file:v1": "not a directory", "oci-layout:" + dir + "/none/x": "there is no folder",
		"registry:example.org/app": "--offline forbids",
	} {
		d, err := destination.Parse(to)
		if err != nil {
			t.Fatal(err)
		}
		if err := d.Check(whittle.Ref{}, source.Options{Offline: true}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v; want %q", to, err, want)
		}
	}
}

// TestForeign: the bytes of a foreign layer are not asked for, and what says where they
// are is kept; a docker archive cannot say it.
func TestForeign(t *testing.T) {
	img := image(t, imagetest.Gzip, "amd64")
	img.Layers[0].MediaType = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"
	img.Layers[0].URLs, img.Layers[0].Open = []string{"https://example.org/layer"}, nil
	dir := t.TempDir()
	for _, to := range []string{"oci-layout:" + dir + "/l:v1", "oci-archive:" + dir + "/a:v1", "registry:" + registryHost(t) + "/app:1"} {
		write(t, to, img, source.Options{})
		read, err := source.Open(context.Background(), to, source.Options{})
		if err != nil {
			t.Fatal(err)
		}
		d, err := source.DetailsOf(context.Background(), read)
		if err != nil || d.Layers[0].MediaType != "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip" || !slices.Equal(d.Layers[0].URLs, img.Layers[0].URLs) || d.Layers[0].Here || !d.Layers[1].Here {
			t.Errorf("%s: %+v, %v", to, d.Layers, err)
		}
		read.Close()
	}
	d, err := destination.Parse(dir + "/x.tar")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.Write(context.Background(), img, source.Options{}); !errors.Is(err, whittle.ErrUnsupported) {
		t.Error(err)
	}
}

// TestRegistry: a registry gets only the blobs that it does not have, and the manifest
// last; what another of its repositories has is mounted.
func TestRegistry(t *testing.T) {
	var mu sync.Mutex
	var seen []string
	inner := registry.New(registry.Logger(log.New(io.Discard, "", 0)), registry.WithReferrersSupport(true))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		seen = append(seen, r.Method+" "+r.URL.RequestURI())
		mu.Unlock()
		if r.Method == http.MethodHead && strings.HasPrefix(r.URL.Path, "/v2/team/copy/blobs/") {
			w.WriteHeader(http.StatusNotFound) // all repositories of this registry have the same blobs
			return
		}
		inner.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	host := server.Listener.Addr().String()
	img, o := image(t, imagetest.Gzip, "amd64"), source.Options{}
	requests := func(to string, img destination.Image) (out []string) {
		seen = nil
		write(t, to, img, o)
		for _, r := range seen {
			if !strings.HasPrefix(r, "GET") && !strings.HasPrefix(r, "HEAD") {
				out = append(out, r)
			}
		}
		return out
	}
	count := func(list []string, word string) (n int) {
		for _, r := range list {
			if strings.Contains(r, word) {
				n++
			}
		}
		return n
	}
	first := requests("registry:"+host+"/team/app:1", img)
	if count(first, "POST") != 3 || !strings.HasPrefix(first[len(first)-1], "PUT /v2/team/app/manifests/1") {
		t.Errorf("the first time: %q", first)
	}
	if again := requests("registry:"+host+"/team/app:1", img); len(again) > 0 {
		t.Errorf("the second time: %q", again)
	}
	other := image(t, imagetest.Gzip, "arm64")
	other.Layers[0] = img.Layers[0] // both have the same base
	if some := requests("registry:"+host+"/team/app:2", other); count(some, "POST") != 2 {
		t.Errorf("another image of the same base: %q", some)
	}
	img.From = host + "/team/app"
	if mounted := requests("registry:"+host+"/team/copy:1", img); count(mounted, "from=team%2Fapp&mount=sha256") != 2 {
		t.Errorf("in another repository: %q", mounted)
	}
	img.Artifacts = []destination.Artifact{{Type: certificate, Content: []byte(`{"a":1}`)}}
	w := write(t, "registry:"+host+"/team/app:1", img, o)
	if d := same(t, "registry:"+host+"/team/app:1", img, o); len(d.Attached) != 1 || d.Attached[0].Digest != w.Artifacts[0] || d.Attached[0].Type != certificate {
		t.Errorf("attached: %+v", d.Attached)
	}
}

// TestRefused: what a registry says when it takes nothing.
func TestRefused(t *testing.T) {
	for status, kind := range map[int]error{401: whittle.ErrAuth, 403: whittle.ErrAuth, 507: whittle.ErrEngine} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			switch {
			case r.URL.Path == "/v2/":
			case r.Method == http.MethodHead:
				w.WriteHeader(http.StatusNotFound)
			default:
				w.WriteHeader(status)
			}
		}))
		d, err := destination.Parse("registry:" + server.Listener.Addr().String() + "/app:1")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := d.Write(context.Background(), image(t, imagetest.Gzip, "amd64"), source.Options{}); !errors.Is(err, kind) {
			t.Errorf("%d: %v, want %v", status, err, kind)
		}
		server.Close()
	}
}

// TestLoad: an engine gets an archive with the image and its name; what it says went
// wrong is the error.
func TestLoad(t *testing.T) {
	img := image(t, imagetest.Gzip, "amd64")
	id := whittle.DigestOf(img.Config)
	for how, want := range map[string]string{"": "", "refuses": "no space left", "has another": "has another image", "hangs up": "Docker engine"} {
		archive := filepath.Join(t.TempDir(), "got.tar")
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Api-Version", "1.48")
			w.Header().Set("Content-Type", "application/json")
			switch {
			case strings.HasSuffix(r.URL.Path, "/_ping"):
			case strings.HasSuffix(r.URL.Path, "/images/load") && how == "hangs up":
				panic(http.ErrAbortHandler)
			case strings.HasSuffix(r.URL.Path, "/images/load"):
				b, _ := io.ReadAll(r.Body)
				_ = os.WriteFile(archive, b, 0o600)
				if how == "refuses" {
					_, _ = io.WriteString(w, `{"errorDetail":{"message":"no space left"},"error":"no space left"}`)
					return
				}
				_, _ = io.WriteString(w, `{"stream":"Loaded image: team/app:1\n"}`)
			case strings.Contains(r.URL.Path, "/images/team/app:1/json"):
				got := string(id)
				if how == "has another" {
					got = "sha256:" + strings.Repeat("0", 64)
				}
				_ = json.NewEncoder(w).Encode(map[string]any{"Id": got})
			default:
				w.WriteHeader(http.StatusNotFound)
			}
		}))
		server.Config.ErrorLog = log.New(io.Discard, "", 0)
		d, err := destination.Parse("docker:team/app:1")
		if err != nil {
			t.Fatal(err)
		}
		_, err = d.Write(context.Background(), img, source.Options{DockerHost: "tcp://" + server.Listener.Addr().String()})
		switch {
		case want == "" && err != nil, want != "" && (err == nil || !strings.Contains(err.Error(), want)):
			t.Errorf("%s: %v, want %q", how, err, want)
		case want == "":
			same(t, "docker-archive:"+archive+":team/app:1", img, source.Options{})
		}
		server.Close()
	}
}

// TestArchiveOrder: what says what is in an archive comes before the blobs, and nothing
// in it depends on the time or the user.
func TestArchiveOrder(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.tar")
	img := image(t, imagetest.Gzip, "amd64")
	img.Layers[1].Open, img.Layers[1].Digest, img.Layers[1].Size = img.Layers[0].Open, img.Layers[0].Digest, img.Layers[0].Size // the same blob twice
	write(t, "docker-archive:"+path+":app:1", img, source.Options{})
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var names []string
	for r := tar.NewReader(f); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if h.Uid != 0 || h.Gid != 0 || h.Uname != "" || h.ModTime.Unix() != 0 {
			t.Errorf("%+v", h)
		}
		names = append(names, h.Name)
	}
	if len(names) != 8 || !slices.Equal(names[:5], []string{"blobs/", "blobs/sha256/", "oci-layout", "index.json", "manifest.json"}) {
		t.Errorf("%q", names)
	}
}
