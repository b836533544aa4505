package source

import (
	"context"
	"errors"
	"maps"
	"strings"
	"testing"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/imagetest"
)

// shape is a store of blobs for a test, and its index.json's entries.
type shape struct {
	t     testing.TB
	files map[string][]byte
	roots []any
}

func newShape(t testing.TB) *shape { return &shape{t: t, files: map[string][]byte{}} }

// entry is a descriptor with its annotations and platform.
type entry = map[string]any

func (s *shape) put(mediaType string, b []byte) entry {
	s.files["blobs/sha256/"+digestOf(b).Hex()] = b
	return desc(mediaType, b)
}

// manifest stores an image of one gzip layer whose configuration has the label
// id. A platform without parts is in neither the index nor the configuration.
func (s *shape) manifest(id, platform string, change ...func(config, manifest entry)) entry {
	raw := imagetest.Tar(s.t, "f "+id+" 10")
	config := entry{"config": entry{"Labels": entry{"id": id}}, "rootfs": entry{"type": "layers", "diff_ids": []any{digestOf(raw)}}}
	if platform != "" {
		p := parts(platform)
		for _, k := range []string{"os", "architecture", "variant"} {
			if v, ok := p[k]; ok {
				config[k] = v
			}
		}
	}
	manifest := entry{"schemaVersion": 2, "mediaType": ociManifest,
		"layers": []any{s.put(ociLayer+"+gzip", imagetest.Compress(s.t, imagetest.Gzip, raw))}}
	for _, f := range change {
		f(config, manifest)
	}
	if manifest["config"] == nil {
		manifest["config"] = s.put(ociConfig, mustJSON(s.t, config))
	}
	return s.put(ociManifest, mustJSON(s.t, manifest))
}

func parts(platform string) entry {
	f := strings.Split(platform, "/")
	p := entry{"os": f[0], "architecture": f[1]}
	if len(f) == 3 {
		p["variant"] = f[2]
	}
	return p
}

// on is an entry with a platform.
func on(d entry, platform string) entry {
	d = maps.Clone(d)
	d["platform"] = parts(platform)
	return d
}

// image is a manifest whose entry has its platform, too.
func (s *shape) image(id, platform string) entry { return on(s.manifest(id, platform), platform) }

func (s *shape) index(entries ...any) entry {
	return s.put(ociIndex, mustJSON(s.t, entry{"schemaVersion": 2, "mediaType": ociIndex, "manifests": entries}))
}

func (s *shape) artifact(kind string) entry {
	return s.manifest("artifact", "", func(_, m entry) {
		m["config"] = s.put(kind, []byte("{}"))
		m["layers"] = []any{s.put("application/vnd.cncf.helm.chart.content.v1.tar+gzip", []byte("x"))}
	})
}

// beside is a signature or attestation that has an image's configuration.
func (s *shape) beside(layerType string) entry {
	return s.manifest("beside", "", func(_, m entry) {
		m["layers"] = []any{s.put(layerType, []byte(layerType))}
	})
}

// tagged names an entry as skopeo and umoci do, buildkit as BuildKit and
// containerd do.
func tagged(d entry, name string) entry { return annotated(d, entry{refName: name}) }

func buildkit(d entry, name string) entry {
	_, tag, _ := strings.Cut(name, ":")
	return annotated(d, entry{refName: tag, containerName: "docker.io/library/" + name})
}

func annotated(d entry, a entry) entry {
	d = maps.Clone(d)
	d["annotations"] = a
	return d
}

func (s *shape) gone(d entry) entry {
	delete(s.files, "blobs/sha256/"+d["digest"].(whittle.Digest).Hex())
	return d
}

func (s *shape) layout(entries ...any) { s.roots = entries }

func hexOf(d entry) string { return d["digest"].(whittle.Digest).Hex() }

// opens says what a name must open: the label of an image, or an error.
type opens struct {
	selector, platform string
	want               string
	kind               error // nil for an image
}

func checkOpens(t *testing.T, place string, cases []opens) {
	t.Helper()
	for _, c := range cases {
		t.Run(strings.SplitN(place, ":", 2)[0]+" "+c.selector+" "+c.platform, func(t *testing.T) {
			o := Options{Platform: &whittle.Platform{OS: "linux", Architecture: "amd64"}}
			if c.platform == "" { // the machine's, whichever that is
				o.Platform, o.host = nil, whittle.Platform{OS: "linux", Architecture: "amd64"}
			} else if p, err := whittle.ParsePlatform(c.platform); err != nil {
				t.Fatal(err)
			} else {
				o.Platform = &p
			}
			img, err := Open(context.Background(), place+c.selector, o)
			if err == nil {
				defer img.Close()
			}
			switch {
			case c.kind == nil && err != nil:
				t.Fatalf("%v (%s), want image %s", err, whittle.Hint(err), c.want)
			case c.kind == nil:
				if got := img.Config().Config.Labels["id"]; got != c.want {
					t.Errorf("opened %q, want %q", got, c.want)
				}
			case err == nil:
				t.Errorf("opened %q, want an error with %q", img.Config().Config.Labels["id"], c.want)
			case !errors.Is(err, c.kind), !strings.Contains(err.Error()+" ("+whittle.Hint(err), c.want):
				t.Errorf("error %v (%s), want %q", err, whittle.Hint(err), c.want)
			}
		})
	}
}

// TestShapes opens layouts of all kinds, as folders and as archives.
func TestShapes(t *testing.T) {
	const amd, arm = "linux/amd64", "linux/arm64"
	usage, absent, corrupt, unsupported := whittle.ErrUsage, whittle.ErrNotFound, whittle.ErrCorrupt, whittle.ErrUnsupported
	for _, tc := range []struct {
		name  string
		make  func(s *shape)
		cases func(s *shape) []opens
	}{
		{"BuildKit's names", func(s *shape) {
			s.layout(buildkit(s.image("a", amd), "app:latest"), buildkit(s.image("b", amd), "db:latest"))
		}, func(s *shape) []opens {
			return []opens{
				{"", "", "there are 2 images: docker.io/library/app:latest, docker.io/library/db:latest", usage},
				{"", amd, "there are 2 images", usage},
				{"", arm, "--platform picks one of linux/amd64", absent},
				{":latest", "", `"latest" names 2 images: docker.io/library/app:latest`, usage},
				{":app:latest", "", "a", nil}, {":db", "", "b", nil}, {":library/db:latest", "", "b", nil},
				{":docker.io/library/app:latest", "", "a", nil}, {":app:1", "", `no image is named "app:1"`, absent},
			}
		}},
		{"BuildKit's names, other platforms", func(s *shape) {
			s.layout(buildkit(s.image("a", amd), "app:latest"), buildkit(s.image("b", arm), "db:latest"))
		}, func(s *shape) []opens {
			return []opens{{"", "", "there are 2 images", usage}, {":latest", "", "names 2 images", usage},
				{"", arm, "b", nil}, {":latest", amd, "a", nil}, {":db", "", "b", nil}, {":app", arm, "no image for linux/arm64", absent}}
		}},
		{"two tags of one image", func(s *shape) {
			a := s.image("a", amd)
			s.layout(buildkit(a, "app:1.0"), buildkit(a, "app:latest"))
		}, func(s *shape) []opens {
			return []opens{{"", "", "a", nil}, {":1.0", "", "a", nil}, {":app:latest", "", "a", nil}, {":app", "", "a", nil}, {":2", "", "there is docker.io/library/app:1.0 = docker.io/library/app:latest", absent}}
		}},
		{"one tag on two images", func(s *shape) {
			s.layout(tagged(s.manifest("a", amd), "1"), tagged(s.manifest("b", arm), "1"))
		}, func(s *shape) []opens {
			return []opens{{"", "", "there are 2 images: 1 @sha256:", usage}, {":1", "", `"1" names 2 images`, usage}, {":1", arm, "b", nil}}
		}},
		{"one name on the platforms of an image", func(s *shape) {
			s.layout(tagged(s.image("a", amd), "app:1"), tagged(s.image("b", arm), "app:1"))
		}, func(s *shape) []opens {
			return []opens{{"", "", "a", nil}, {":1", "", "a", nil}, {":app", arm, "b", nil}, {":1", "linux/s390x", "one of linux/amd64, linux/arm64", absent}}
		}},
		{"whole names and their ends", func(s *shape) {
			s.layout(tagged(s.image("a", amd), "app:1"), tagged(s.image("b", amd), "team/app:1"), tagged(s.image("c", amd), "host:5000/db"))
		}, func(s *shape) []opens {
			return []opens{{":app:1", "", "a", nil}, {":team/app:1", "", "b", nil}, {":1", "", "names 2 images", usage}, {":app", "", "names 2 images: app:1, team/app:1", usage}, {":db", "", "c", nil}}
		}},
		{"no names, no platforms", func(s *shape) { s.layout(s.manifest("a", amd), s.manifest("b", arm)) }, func(s *shape) []opens {
			return []opens{{"", "", "there are 2 images: @sha256:", usage}, {"", arm, "b", nil}, {"", amd, "a", nil}}
		}},
		{"no names, platforms", func(s *shape) { s.layout(s.image("a", amd), s.image("b", arm)) }, func(s *shape) []opens {
			return []opens{{"", "", "a", nil}, {"", arm, "b", nil}, {"", "linux/riscv64", "no image for linux/riscv64", absent}}
		}},
		{"two images of a platform", func(s *shape) { s.layout(s.image("a", amd), s.image("b", amd)) }, func(s *shape) []opens {
			return []opens{{"", "", "there are 2 images for linux/amd64: @sha256:", usage},
				{"@sha256:" + hexOf(s.roots[0].(entry)), "", "a", nil}, {"@" + hexOf(s.roots[1].(entry))[:9], "", "b", nil}}
		}},
		{"digests", func(s *shape) {
			s.layout(s.index(s.image("a", amd), s.index(s.image("b", arm))), s.index(s.image("c", amd)))
			s.manifest("d", amd) // in the store, in no index
		}, func(s *shape) []opens {
			root, image := hexOf(s.roots[0].(entry)), hexOf(s.manifest("b", arm))
			return []opens{{"@sha256:" + root, "", "a", nil}, {"@" + root[:12], arm, "b", nil}, {"@sha256:" + image, "", "b", nil}, {"@sha256:" + image[:7], "", "b", nil},
				{"@sha256:", "", "is no digest", usage}, {"@" + image[:3], "", "is no digest", usage}, {"@sha256:" + strings.Repeat("0", 64), "", "is not in the", corrupt},
				{"@sha256:0000000", "", "no digest begins with 0000000", absent}, {"@md5:00", "", "algorithm", unsupported}, {"@sha256:" + hexOf(s.manifest("d", amd)), "", "d", nil},
				{"@sha256:" + digestOf(mustJSON(s.t, entry{})).Hex(), "", "is not in the", corrupt}}
		}},
		{"two indexes without names", func(s *shape) { s.layout(s.index(s.image("a", amd)), s.index(s.image("b", arm))) }, func(s *shape) []opens {
			return []opens{{"", "", "there are 2 images", usage}, {"", arm, "b", nil}}
		}},
		{"an index and a manifest of it", func(s *shape) {
			a := s.image("a", amd)
			s.layout(tagged(s.index(a, s.image("b", arm)), "1"), a)
		}, func(s *shape) []opens { return []opens{{"", "", "a", nil}, {"", arm, "b", nil}} }},
		{"names inside an index", func(s *shape) {
			s.layout(s.index(tagged(s.image("a", amd), "x:1"), tagged(s.image("b", arm), "y:1")))
		}, func(s *shape) []opens {
			return []opens{{"", "", "there are 2 images: x:1, y:1", usage}, {":y", "", "b", nil}, {":1", "", "names 2 images", usage}}
		}},
		{"attestations, SBOM and signatures", func(s *shape) {
			attestation := annotated(on(s.beside("application/vnd.in-toto+json"), "unknown/unknown"), entry{"vnd.docker.reference.type": "attestation-manifest"})
			bundle := s.manifest("bundle", "", func(_, m entry) {
				m["artifactType"], m["config"] = "application/vnd.dev.sigstore.bundle.v0.3+json", s.put("application/vnd.oci.empty.v1+json", []byte("{}"))
				m["subject"] = desc(ociManifest, []byte("x"))
			})
			s.layout(tagged(s.index(s.image("a", amd), attestation), "app:1"), tagged(s.beside("application/vnd.dev.cosign.simplesigning.v1+json"), "sha256-0.sig"),
				s.beside("text/spdx+json"), bundle, on(s.beside("application/vnd.cyclonedx+json"), amd))
		}, func(s *shape) []opens {
			return []opens{{"", "", "a", nil}, {"", amd, "a", nil}, {"", arm, "picks one of linux/amd64", absent}, {":app", "", "a", nil},
				{":sha256-0.sig", "", "a signature, not a container image (its type is application/vnd.dev.cosign.simplesigning.v1+json)", unsupported}}
		}},
		{"an SBOM in the index of the only image", func(s *shape) {
			s.layout(s.index(s.beside("application/vnd.cyclonedx+json"), s.image("a", amd), on(s.beside("application/spdx+json"), amd)))
		}, func(s *shape) []opens { return []opens{{"", "", "a", nil}, {"", amd, "a", nil}} }},
		{"a Helm chart", func(s *shape) { s.layout(tagged(s.artifact("application/vnd.cncf.helm.config.v1+json"), "1")) }, func(s *shape) []opens {
			return []opens{{"", "", "a Helm chart, not a container image (its type is application/vnd.cncf.helm.config.v1+json)", unsupported}, {":1", amd, "a Helm chart", unsupported}}
		}},
		{"an artifact without a configuration", func(s *shape) {
			s.layout(s.put("application/vnd.oci.artifact.manifest.v1+json", []byte(`{"artifactType":"application/wasm","blobs":[]}`)))
		}, func(s *shape) []opens { return []opens{{"", "", "a WebAssembly module", unsupported}} }},
		{"two artifacts", func(s *shape) { s.layout(s.artifact("a/b"), s.beside("c/d")) }, func(s *shape) []opens {
			return []opens{{"", "", "an artifact, not a container image", unsupported}}
		}},
		{"variants", func(s *shape) {
			s.layout(s.index(s.image("six", "linux/arm/v6"), s.image("seven", "linux/arm/v7"), s.image("eight", "linux/arm64/v8"), s.image("nine", "linux/arm64/v9"), s.image("three", "linux/amd64/v3"), s.image("one", amd)))
		}, func(s *shape) []opens {
			return []opens{{"", "linux/arm", "seven", nil}, {"", "armhf", "seven", nil}, {"", "armel", "six", nil}, {"", "linux/arm/6", "six", nil}, {"", "linux/arm/v8", "seven", nil}, {"", "linux/arm/v5", "no image for linux/arm/v5", absent},
				{"", "arm64", "eight", nil}, {"", "aarch64", "eight", nil}, {"", "linux/arm64/v8", "eight", nil}, {"", "arm64/v8", "eight", nil}, {"", "arm/v6", "six", nil}, {"", "x86_64/v2", "one", nil}, {"", "linux/arm64/v9", "nine", nil}, {"", "linux/amd64/v1", "one", nil}, {"", "linux/x86_64", "one", nil},
				{"", "linux/amd64/v2", "one", nil}, {"", "linux/amd64/v4", "three", nil}, {"", "i386", "no image for linux/386", absent}, {"", "", "one", nil}}
		}},
		{"only another platform", func(s *shape) { s.layout(s.index(s.image("a", arm))) }, func(s *shape) []opens {
			return []opens{{"", "", "a", nil}, {"", amd, "picks one of linux/arm64", absent}}
		}},
		{"one platform is not there", func(s *shape) { s.layout(s.index(s.gone(s.image("a", amd)), s.image("b", arm))) }, func(s *shape) []opens {
			return []opens{{"", "", "b", nil}, {"", arm, "b", nil}, {"", amd, "is not in the", corrupt}}
		}},
		{"a named image is not there", func(s *shape) {
			s.layout(tagged(s.gone(s.image("a", amd)), "x:1"), tagged(s.image("b", amd), "y:1"))
		}, func(s *shape) []opens {
			return []opens{{":y", "", "b", nil}, {":x", "", "is not in the", corrupt}, {"", "", "there are 2 images", usage}}
		}},
		{"a digest of another kind", func(s *shape) {
			d := maps.Clone(s.image("a", arm))
			d["digest"] = "sha512:" + strings.Repeat("0", 128)
			s.layout(s.index(d, s.image("b", amd)))
		}, func(s *shape) []opens {
			return []opens{{"", "", "b", nil}, {"", arm, "algorithm", unsupported}, {"@sha256:0000000", "", "no digest begins", absent}}
		}},
		{"sizes below zero", func(s *shape) {
			a, b := maps.Clone(s.image("a", amd)), s.image("b", arm)
			a["size"] = -1
			s.layout(s.index(a, b))
		}, func(s *shape) []opens {
			return []opens{{"", amd, "bytes, not -1", corrupt}, {"", arm, "b", nil}}
		}},
		{"nothing is there", func(s *shape) { s.layout(s.gone(s.index(s.image("a", amd)))) }, func(s *shape) []opens {
			return []opens{{"", "", "is not in the", corrupt}}
		}},
		{"empty index", func(s *shape) { s.layout(s.index([]any{}...)) }, func(s *shape) []opens {
			return []opens{{"", "", "names", corrupt}}
		}},
		{"one image compressed in two ways", func(s *shape) {
			s.layout(s.index(s.image("a", amd), on(s.manifest("a", amd, func(_, m entry) { m["annotations"] = entry{"again": "1"} }), amd)))
		}, func(s *shape) []opens { return []opens{{"", "", "a", nil}, {"", amd, "a", nil}} }},
		{"no media types", func(s *shape) {
			plain := func(d entry) entry { d = maps.Clone(d); delete(d, "mediaType"); return d }
			s.layout(plain(s.put("", mustJSON(s.t, entry{"manifests": []any{plain(on(s.manifest("a", amd, func(_, m entry) { delete(m, "mediaType") }), amd))}}))))
		}, func(s *shape) []opens { return []opens{{"", "", "a", nil}, {"", amd, "a", nil}} }},
		{"Docker's media types", func(s *shape) {
			m := s.manifest("a", amd, func(_, m entry) { m["mediaType"] = "application/vnd.docker.distribution.manifest.v2+json" })
			m["mediaType"] = "application/vnd.docker.distribution.manifest.v2+json"
			list := s.index(on(m, amd), s.image("b", arm))
			list["mediaType"] = "application/vnd.docker.distribution.manifest.list.v2+json"
			s.layout(list)
		}, func(s *shape) []opens { return []opens{{"", "", "a", nil}, {"", arm, "b", nil}} }},
		{"no architecture", func(s *shape) { s.layout(s.manifest("a", "")) }, func(s *shape) []opens {
			return []opens{{"", "", "a", nil}, {"", arm, "a", nil}}
		}},
		{"deep indexes", func(s *shape) { s.layout(tagged(s.index(s.index(s.index(s.image("a", amd)))), "1")) }, func(s *shape) []opens {
			return []opens{{"", "", "a", nil}, {":1", amd, "a", nil}}
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := newShape(t)
			tc.make(s)
			cases := tc.cases(s)
			s.files["index.json"] = mustJSON(t, entry{"schemaVersion": 2, "manifests": s.roots})
			checkOpens(t, "oci-layout:"+writeFolder(t, s.files), cases)
			checkOpens(t, "oci-archive:"+writeTar(t, s.files), cases)
		})
	}
}
