package source

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/imagetest"
)

// archived is an image of a docker archive: an entry of manifest.json with its
// files, in the old layout. Its ID is the digest of config.
type archived struct {
	config []byte
	entry  entry
}

// archive adds an image to a docker archive as docker save did before 25, with
// the layer stored as codec says and the configuration under any name.
func (s *shape) archive(id, platform string, codec imagetest.Codec, configName string, tags ...string) archived {
	raw := imagetest.Tar(s.t, "f "+id+" 10")
	p := parts(platform)
	config := mustJSON(s.t, entry{"config": entry{"Labels": entry{"id": id}}, "os": p["os"], "architecture": p["architecture"],
		"rootfs": entry{"type": "layers", "diff_ids": []any{digestOf(raw)}}})
	layer := digestOf(raw).Hex() + ".tar"
	s.files[layer] = imagetest.Compress(s.t, codec, raw)
	if configName == "" {
		configName = digestOf(config).Hex() + ".json"
	}
	s.files[configName] = config
	return archived{config, entry{"Config": configName, "RepoTags": tags, "Layers": []string{layer}}}
}

// stored is an image of a docker archive as docker save of a containerd store
// writes it: index.json and manifest.json name blobs.
func (s *shape) stored(d entry, tags ...string) entry {
	var manifest struct {
		Config descriptor
		Layers []descriptor
	}
	unmarshal(s.t, s.files["blobs/sha256/"+hexOf(d)], &manifest)
	layers := []string{}
	for _, l := range manifest.Layers {
		layers = append(layers, blobName(l.Digest))
	}
	return entry{"Config": blobName(manifest.Config.Digest), "RepoTags": tags, "Layers": layers}
}

// TestDockerShapes opens docker archives of all kinds.
func TestDockerShapes(t *testing.T) {
	const amd, arm = "linux/amd64", "linux/arm64"
	usage, absent, corrupt := whittle.ErrUsage, whittle.ErrNotFound, whittle.ErrCorrupt
	for _, tc := range []struct {
		name  string
		make  func(s *shape) (manifest []any)
		cases func(s *shape) []opens
	}{
		{"several images", func(s *shape) []any {
			return []any{s.archive("a", amd, imagetest.Plain, "", "app:1", "app:latest").entry, s.archive("b", amd, imagetest.Plain, "", "db:latest").entry, s.archive("c", arm, imagetest.Plain, "").entry}
		}, func(s *shape) []opens {
			return []opens{{"", "", "the archive has 3 images: app:1 = app:latest, db:latest, @2", usage}, {"", arm, "c", nil}, {"", amd, "the archive has 2 images", usage},
				{":latest", "", `"latest" names 2 images: app:1 = app:latest, db:latest`, usage}, {":app", "", "a", nil}, {":1", "", "a", nil}, {":db", "", "b", nil},
				{":docker.io/library/db:latest", "", "b", nil}, {":@2", "", "c", nil}, {":@3", "", "no image is named", absent}, {":db:2", "", "there are app:1", absent}, {":db", arm, "no image for linux/arm64", absent},
				{"@sha256:" + digestOf(s.files[s.roots[1].(entry)["Config"].(string)]).Hex(), "", "b", nil}, {":@" + digestOf(s.files[s.roots[1].(entry)["Config"].(string)]).Hex()[:12], "", "b", nil},
				{":@beef", "", "is no digest", usage}}
		}},
		{"one image in two entries", func(s *shape) []any {
			return []any{s.archive("a", amd, imagetest.Plain, "", "app:1").entry, s.archive("a", amd, imagetest.Plain, "", "app:2").entry}
		}, func(s *shape) []opens {
			return []opens{{"", "", "a", nil}, {":2", "", "a", nil}, {":app", "", "a", nil}}
		}},
		{"several images under one name", func(s *shape) []any {
			return []any{s.archive("a", amd, imagetest.Plain, "", "app:1").entry, s.archive("b", arm, imagetest.Plain, "", "app:1").entry}
		}, func(s *shape) []opens {
			return []opens{{"", "", "the archive has 2 images: app:1 = @0, app:1 = @1", usage}, {":1", "", `"1" names 2 images: app:1 = @0, app:1 = @1`, usage},
				{":app:1", arm, "b", nil}, {"", amd, "a", nil}, {":@1", "", "b", nil}, {":db", "", "there are app:1 = @0, app:1 = @1", absent}}
		}},
		{"a configuration under any name", func(s *shape) []any {
			return []any{s.archive("a", amd, imagetest.Plain, strings.Repeat("6", 64)+".json", "app:1").entry}
		}, func(s *shape) []opens {
			return []opens{{"", "", "a", nil}, {"", arm, "the archive has linux/amd64", absent}}
		}},
		{"a blob under another name", func(s *shape) []any {
			return []any{s.archive("a", amd, imagetest.Plain, "blobs/sha256/"+strings.Repeat("6", 64)).entry}
		}, func(s *shape) []opens { return []opens{{"", "", "has another digest", corrupt}} }},
		{"the host's platform is not there", func(s *shape) []any {
			b := s.image("b", arm)
			s.layout(annotated(s.index(s.gone(s.image("a", amd)), b), entry{refName: "1", containerName: "docker.io/library/app:1"}))
			return []any{s.stored(b, "app:1")}
		}, func(s *shape) []opens {
			return []opens{{"", "", "b", nil}, {":1", "", "b", nil}, {"", arm, "b", nil}, {"", amd, "the archive has linux/arm64", absent}}
		}},
		{"more platforms than manifest.json names", func(s *shape) []any {
			a := s.image("a", amd)
			s.layout(tagged(s.index(a, s.image("b", arm)), "app:1"))
			return []any{s.stored(a, "app:1")}
		}, func(s *shape) []opens {
			return []opens{{"", "", "a", nil}, {"", arm, "b", nil}, {":app", arm, "b", nil}, {":app", "linux/s390x", "the archive has linux/amd64", absent}, {":db", "", "no image is named", absent}}
		}},
		{"attestations in the index", func(s *shape) []any {
			a := s.image("a", amd)
			s.layout(s.index(a, on(s.beside("application/vnd.in-toto+json"), "unknown/unknown")))
			return []any{s.stored(a)}
		}, func(s *shape) []opens { return []opens{{"", "", "a", nil}} }},
		{"nothing", func(s *shape) []any { return []any{} }, func(s *shape) []opens { return []opens{{"", "", "names no image", corrupt}} }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := newShape(t)
			manifest := tc.make(s)
			s.files["manifest.json"] = mustJSON(t, manifest)
			if s.roots != nil {
				s.files["index.json"] = mustJSON(t, entry{"schemaVersion": 2, "manifests": s.roots})
			} else {
				s.roots = manifest
			}
			checkOpens(t, "docker-archive:"+writeTar(t, s.files), tc.cases(s))
			checkOpens(t, writeTar(t, s.files), tc.cases(s))
		})
	}
}

// TestArchiveTransfer: compressed layers of docker archives are what is pushed,
// whatever the index says of other platforms; raw ones are not.
func TestArchiveTransfer(t *testing.T) {
	gzipped := imagetest.Compress(t, imagetest.Gzip, imagetest.Tar(t, "f a 10"))
	for _, tc := range []struct {
		name string
		make func(s *shape) entry
		want whittle.Blob // zero where nothing is transferred
	}{
		{"raw", func(s *shape) entry { return s.archive("a", "linux/amd64", imagetest.Plain, "").entry }, whittle.Blob{}},
		{"gzip", func(s *shape) entry { return s.archive("a", "linux/amd64", imagetest.Gzip, "").entry }, whittle.Blob{Size: int64(len(gzipped))}},
		{"zstd", func(s *shape) entry { return s.archive("a", "linux/amd64", imagetest.Zstd, "").entry },
			whittle.Blob{Size: int64(len(imagetest.Compress(t, imagetest.Zstd, imagetest.Tar(t, "f a 10"))))}},
		{"in a store of blobs", func(s *shape) entry { return s.stored(s.manifest("a", "linux/amd64")) },
			whittle.Blob{Digest: digestOf(gzipped), Size: int64(len(gzipped))}},
		{"with an index", func(s *shape) entry {
			a := s.image("a", "linux/amd64")
			s.layout(s.index(s.gone(s.image("b", "linux/s390x")), a))
			return s.stored(a)
		}, whittle.Blob{Digest: digestOf(gzipped), Size: int64(len(gzipped)), MediaType: ociLayer + "+gzip"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := newShape(t)
			s.files["manifest.json"] = mustJSON(t, []any{tc.make(s)})
			if s.roots != nil {
				s.files["index.json"] = mustJSON(t, entry{"manifests": s.roots})
			}
			l := opened(t, writeTar(t, s.files), Options{}).Layers()[0]
			blob, ok := l.Blob()
			if ok != (tc.want.Size > 0) || blob != tc.want {
				t.Errorf("transfer %+v (%v), want %+v", blob, ok, tc.want)
			}
			if got := stored(t, l); ok && int64(len(got)) != blob.Size {
				t.Errorf("%d bytes stored, %d to transfer", len(got), blob.Size)
			}
		})
	}
}

// TestSparseArchive: a file that GNU tar stored without its holes has not the
// bytes that its header says; it is refused, not read past its end.
func TestSparseArchive(t *testing.T) {
	for _, format := range []string{"gnu", "posix", "posix --sparse-version=0.0", "posix --sparse-version=0.1"} {
		t.Run(format, func(t *testing.T) {
			dir := t.TempDir()
			holes, err := os.Create(filepath.Join(dir, "layer.tar"))
			if err != nil {
				t.Fatal(err)
			}
			if err := errors.Join(holes.Truncate(1<<20), holes.Close()); err != nil {
				t.Fatal(err)
			}
			out := filepath.Join(dir, "x.tar")
			args := append([]string{"-C", dir, "--sparse", "-cf", out}, strings.Fields("--format="+format)...)
			if msg, err := exec.Command("tar", append(args, "layer.tar")...).CombinedOutput(); err != nil {
				t.Skipf("tar: %s", msg)
			}
			_, err = Open(t.Context(), out, Options{})
			if !errors.Is(err, whittle.ErrUnsupported) || !strings.Contains(whittle.Hint(err), "--sparse") {
				t.Errorf("error %v (%s), want that layer.tar is stored without its holes", err, whittle.Hint(err))
			}
		})
	}
}
