package main

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/imagetest"
)

// outcome is all that a run says.
type outcome struct {
	code     int
	out, err string
}

func whittleRun(args ...string) outcome {
	var out, err bytes.Buffer
	code := run(args, stdio{bytes.NewReader(nil), &out, &err})
	return outcome{code, out.String(), err.String()}
}

// storedLayer is a layer on its way into an image.
type storedLayer struct {
	tar, blob []byte
	diffID    whittle.Digest
	media     string
	// claim is the descriptor; missing leaves the blob away.
	digest  whittle.Digest
	size    int
	missing bool
}

func storeLayer(t *testing.T, codec imagetest.Codec, raw []byte) *storedLayer {
	l := &storedLayer{tar: raw, blob: imagetest.Compress(t, codec, raw), diffID: whittle.DigestOf(raw)}
	l.media = "application/vnd.oci.image.layer.v1.tar" + map[imagetest.Codec]string{imagetest.Gzip: "+gzip", imagetest.Zstd: "+zstd"}[codec]
	l.claim()
	return l
}

// claim describes the blob as it is.
func (l *storedLayer) claim() { l.digest, l.size = whittle.DigestOf(l.blob), len(l.blob) }

// layoutFiles are the files of an OCI layout.
func layoutFiles(layers []*storedLayer) map[string][]byte {
	files := map[string][]byte{"oci-layout": []byte(`{"imageLayoutVersion":"1.0.0"}`)}
	put := func(media string, b []byte) map[string]any {
		d := whittle.DigestOf(b)
		files["blobs/sha256/"+d.Hex()] = b
		return map[string]any{"mediaType": media, "digest": d, "size": len(b)}
	}
	ids, list := []whittle.Digest{}, []any{}
	for _, l := range layers {
		ids = append(ids, l.diffID)
		list = append(list, map[string]any{"mediaType": l.media, "digest": l.digest, "size": l.size})
	}
	config, _ := json.Marshal(map[string]any{"os": "linux", "architecture": "amd64", "rootfs": map[string]any{"type": "layers", "diff_ids": ids}})
	manifest, _ := json.Marshal(map[string]any{"schemaVersion": 2, "config": put("application/vnd.oci.image.config.v1+json", config), "layers": list})
	index, _ := json.Marshal(map[string]any{"schemaVersion": 2, "manifests": []any{put("application/vnd.oci.image.manifest.v1+json", manifest)}})
	files["index.json"] = index
	for _, l := range layers {
		if !l.missing {
			files["blobs/sha256/"+l.digest.Hex()] = l.blob
		}
	}
	return files
}

// archiveFiles are the files of a docker archive.
func archiveFiles(layers []*storedLayer) map[string][]byte {
	files := map[string][]byte{}
	ids, names := []whittle.Digest{}, []string{}
	for i, l := range layers {
		ids, names = append(ids, l.diffID), append(names, fmt.Sprintf("%d/layer.tar", i))
		if !l.missing {
			files[names[i]] = l.blob
		}
	}
	files["config.json"], _ = json.Marshal(map[string]any{"os": "linux", "architecture": "amd64", "rootfs": map[string]any{"type": "layers", "diff_ids": ids}})
	files["manifest.json"], _ = json.Marshal([]any{map[string]any{"Config": "config.json", "Layers": names}})
	return files
}

// write puts an image into a folder, as a layout or in a tar.
func writeImage(t *testing.T, dir, form string, layers []*storedLayer) (name string) {
	t.Helper()
	files := layoutFiles(layers)
	if form == "docker-archive" {
		files = archiveFiles(layers)
	}
	if form == "oci-layout" {
		for name, b := range files {
			p := filepath.Join(dir, filepath.FromSlash(name))
			if err := os.MkdirAll(filepath.Dir(p), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(p, b, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		return form + ":" + dir
	}
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	for name, b := range files {
		if err := w.WriteHeader(&tar.Header{Name: name, Typeflag: tar.TypeReg, Size: int64(len(b)), Mode: 0o644}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(b); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(dir+".tar", buf.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return form + ":" + dir + ".tar"
}

// faults change a layer; what is claimed of it stays as it was, or is claimed
// anew of what it has become.
var faults = map[string]func(l *storedLayer, r *rand.Rand){
	"whole":          func(*storedLayer, *rand.Rand) {},
	"cut":            func(l *storedLayer, r *rand.Rand) { l.blob = l.blob[:len(l.blob)-1-r.IntN(len(l.blob)-1)] },
	"cut trailer":    func(l *storedLayer, _ *rand.Rand) { l.blob = l.blob[:len(l.blob)-4] },
	"empty":          func(l *storedLayer, _ *rand.Rand) { l.blob = nil },
	"flipped":        func(l *storedLayer, r *rand.Rand) { l.blob[r.IntN(len(l.blob))] ^= 1 << r.IntN(8) },
	"garbage":        func(l *storedLayer, _ *rand.Rand) { l.blob = append(l.blob, "garbage"...) },
	"zeros":          func(l *storedLayer, _ *rand.Rand) { l.blob = append(l.blob, make([]byte, 512)...) },
	"twice":          func(l *storedLayer, _ *rand.Rand) { l.blob = append(l.blob, l.blob...) },
	"size":           func(l *storedLayer, r *rand.Rand) { l.size += []int{1, -1, 1000, -l.size}[r.IntN(4)] },
	"missing":        func(l *storedLayer, _ *rand.Rand) { l.missing = true },
	"diff ID":        func(l *storedLayer, _ *rand.Rand) { l.diffID = whittle.DigestOf([]byte("another")) },
	"digest":         func(l *storedLayer, _ *rand.Rand) { l.digest = whittle.DigestOf([]byte("another")) },
	"media type":     func(l *storedLayer, _ *rand.Rand) { l.media = "application/vnd.oci.image.layer.v1.tar" },
	"not a tar":      func(l *storedLayer, _ *rand.Rand) { l.blob = bytes.Repeat([]byte("no tar "), 200) },
	"xz":             func(l *storedLayer, _ *rand.Rand) { l.blob = []byte("\xfd7zXZ\x00 and so on") },
	"stored as tar":  func(l *storedLayer, _ *rand.Rand) { l.blob = l.tar },
	"another's tar":  func(l *storedLayer, _ *rand.Rand) { l.blob = append(bytes.Clone(l.tar[512:]), l.tar[:512]...) },
	"another header": func(l *storedLayer, _ *rand.Rand) { l.blob = append([]byte("other"), l.tar[5:]...) },
}

// tarFaults change a tar before it is stored.
var tarFaults = map[string]func(raw []byte, r *rand.Rand) []byte{
	"":        func(raw []byte, _ *rand.Rand) []byte { return raw },
	"cut tar": func(raw []byte, r *rand.Rand) []byte { return raw[:r.IntN(len(raw)-1024)] },
	"no end":  func(raw []byte, _ *rand.Rand) []byte { return raw[:len(raw)-1024] },
	"flipped tar": func(raw []byte, r *rand.Rand) []byte {
		raw = bytes.Clone(raw)
		raw[r.IntN(len(raw))] ^= 1 << r.IntN(8)
		return raw
	},
}

var layerNotations = []string{
	"d etc\nf etc/passwd \"root:x:0:0::/:/bin/sh\\n\"\nf usr/lib/big 3000",
	"f app/a.py \"import os\\n\"\nf app/data 700\ns app/link a.py\nh app/hard app/data",
	"w usr/lib/big\nf app/data 700 seed=two",
	"f app/data 700 mode=0755\nd empty",
	"f usr/lib/python3/site-packages/x-1.dist-info/RECORD \"x.py,,\\n\"\nf usr/lib/python3/site-packages/x-1.dist-info/METADATA \"Name: x\\nVersion: 1\\n\"\nf usr/lib/python3/site-packages/x.py \"x = 1\\n\"",
	"f \"caf\\xe9\" 10\nf \"caf\\xe8\" 20\no app",
}

var limitFlags = [][]string{nil, nil, nil, nil, {"--max-entries", "3"}, {"--max-name", "8"}, {"--max-size", "9000"}, {"--max-memory", "1600"}, {"--verify-digests"},
	{"--duplicates"}, {"--json"}}

func keys[V any](m map[string]V) []string {
	var out []string
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

// TestCacheNeverChangesAnAnswer inspects images, whole and broken in many ways:
// without the cache, with an empty one, with what that left, and with what a
// whole image of the same diff IDs left.
func TestCacheNeverChangesAnAnswer(t *testing.T) {
	t.Setenv("PIP_CONFIG_FILE", os.DevNull)
	for _, name := range []string{"PIP_CERT", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"} {
		t.Setenv(name, "") // no certificates to be read at each start
	}
	r := rand.New(rand.NewPCG(12, 7))
	dir := t.TempDir()
	forms, codecs := []string{"oci-layout", "oci-archive", "docker-archive"}, []imagetest.Codec{imagetest.Gzip, imagetest.Zstd, imagetest.Plain}
	names, tarNames := keys(faults), keys(tarFaults)
	whole, broken := 0, 0
	images := 306
	if testing.Short() {
		images = 60
	}
	for n := range images {
		var layers, siblings []*storedLayer
		tarFault := ""
		if n%5 == 0 {
			tarFault = tarNames[r.IntN(len(tarNames))]
		}
		for range 1 + r.IntN(3) {
			raw := tarFaults[tarFault](imagetest.Tar(t, layerNotations[r.IntN(len(layerNotations))]), r)
			codec := codecs[r.IntN(len(codecs))]
			layers, siblings = append(layers, storeLayer(t, codec, raw)), append(siblings, storeLayer(t, codecs[r.IntN(2)], raw))
		}
		fault := "whole"
		if n%4 > 0 {
			fault = names[r.IntN(len(names))]
		}
		l := layers[r.IntN(len(layers))]
		faults[fault](l, r)
		anew := r.IntN(3) == 0
		if anew {
			l.claim()
		}
		form := forms[r.IntN(len(forms))]
		image := writeImage(t, filepath.Join(dir, fmt.Sprintf("i%d", n)), form, layers)
		sibling := writeImage(t, filepath.Join(dir, fmt.Sprintf("s%d", n)), "oci-layout", siblings)
		flags := limitFlags[r.IntN(len(limitFlags))]
		inspect := func(image string, more ...string) outcome {
			return whittleRun(append(append([]string{"inspect", "-q", image}, flags...), more...)...)
		}
		cold, other := filepath.Join(dir, fmt.Sprintf("c%d", n)), filepath.Join(dir, fmt.Sprintf("o%d", n))
		want := inspect(image, "--no-index-cache")
		got := map[string]outcome{"cold": inspect(image, "--cache-dir", cold), "warm": inspect(image, "--cache-dir", cold)}
		whittleRun("inspect", "-q", sibling, "--cache-dir", other)
		if n%4 == 0 {
			whittleRun("check", "-q", sibling, "--cache-dir", other)
		}
		got["after a sibling"] = inspect(image, "--cache-dir", other)
		got["after a sibling, again"] = inspect(image, "--cache-dir", other)
		for when, o := range got {
			if o != want {
				t.Errorf("image %d (%s, %s, %s, claimed anew %v) %v, %s:\n%+v\nwithout the cache:\n%+v", n, form, fault, tarFault, anew, flags, when, o, want)
			}
		}
		if want.code == 0 {
			whole++
		} else {
			broken++
		}
	}
	if whole < images/5 || broken < images/2 {
		t.Errorf("%d whole images and %d broken ones", whole, broken)
	}
}

// TestCacheSeesChanges: a file that was verified and is another one now, of the
// same size and time, is read again.
func TestCacheSeesChanges(t *testing.T) {
	for _, codec := range []imagetest.Codec{imagetest.Gzip, imagetest.Plain} {
		dir := filepath.Join(t.TempDir(), "image")
		l := storeLayer(t, codec, imagetest.Tar(t, layerNotations[0]))
		image := writeImage(t, dir, "oci-layout", []*storedLayer{l})
		blob := filepath.Join(dir, "blobs", "sha256", l.digest.Hex())
		time.Sleep(2100 * time.Millisecond) // until the file's times tell of changes
		cache := t.TempDir()
		good := whittleRun("inspect", "-q", image, "--cache-dir", cache)
		if again := whittleRun("inspect", "-q", image, "--cache-dir", cache); good.code != 0 || again != good {
			t.Fatalf("%+v, then %+v", good, again)
		}
		info, err := os.Stat(blob)
		if err != nil {
			t.Fatal(err)
		}
		b := bytes.Clone(l.blob)
		b[len(b)/2] ^= 1
		if err := os.WriteFile(blob, b, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(blob, info.ModTime(), info.ModTime()); err != nil {
			t.Fatal(err)
		}
		want := whittleRun("inspect", "-q", image, "--no-index-cache")
		if got := whittleRun("inspect", "-q", image, "--cache-dir", cache); want.code != 2 || got != want {
			t.Errorf("%s: %+v, without the cache %+v", codec, got, want)
		}
	}
}

// TestBrokenLayers: what is wrong with a layer's bytes is an error, however
// they are stored.
func TestBrokenLayers(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, codec := range []imagetest.Codec{imagetest.Gzip, imagetest.Zstd, imagetest.Plain} {
		for _, form := range []string{"oci-layout", "oci-archive"} {
			for _, fault := range keys(faults) {
				if fault == "stored as tar" && codec == imagetest.Plain {
					continue // that is no fault
				}
				want := 2
				if fault == "whole" || fault == "media type" {
					want = 0
				}
				l := storeLayer(t, codec, imagetest.Tar(t, layerNotations[1]))
				faults[fault](l, r)
				image := writeImage(t, filepath.Join(t.TempDir(), "image"), form, []*storedLayer{l})
				if got := whittleRun("inspect", "-q", "--no-index-cache", image); got.code != want {
					t.Errorf("%s, %s, %s: %+v", codec, form, fault, got)
				}
			}
		}
	}
}
