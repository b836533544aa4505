package work_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-containerregistry/pkg/registry"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/imagetest"
)

// place is a registry with its blobs on the disk, behind a proxy that counts what it is asked
// for, and that may answer in its stead.
type place struct {
	host string
	// fault, if not nil, may answer a request for a blob or a manifest; false lets it through.
	fault func(w http.ResponseWriter, r *http.Request, through http.Handler) bool

	mu    sync.Mutex
	blobs map[string]int // GET requests for the blobs of layers, by digest
	all   int

	server *httptest.Server
	inner  http.Handler
	// layers are those that were made, by their notation; digests are those of their blobs.
	layers  map[string]*imagetest.Layer
	digests map[string]bool
}

func newPlace(t testing.TB) *place {
	t.Helper()
	p := &place{blobs: map[string]int{}, layers: map[string]*imagetest.Layer{}, digests: map[string]bool{}}
	p.inner = registry.New(registry.Logger(log.New(io.Discard, "", 0)), registry.WithBlobHandler(registry.NewDiskBlobHandler(t.TempDir())))
	p.server = httptest.NewServer(http.HandlerFunc(p.serve))
	t.Cleanup(p.server.Close)
	p.host = strings.TrimPrefix(p.server.URL, "http://")
	return p
}

func (p *place) serve(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodGet {
		p.mu.Lock()
		p.all++
		if _, digest, ok := strings.Cut(r.URL.Path, "/blobs/"); ok && p.isLayer(digest) {
			p.blobs[digest]++
		}
		p.mu.Unlock()
	}
	if p.fault != nil && r.Method == http.MethodGet && r.URL.Path != "/v2/" && p.fault(w, r, p.inner) {
		return
	}
	p.inner.ServeHTTP(w, r)
}

// isLayer says whether a blob is a layer's, and no configuration.
func (p *place) isLayer(digest string) bool { return p.digests[digest] }

// put uploads bytes.
func (p *place) put(t testing.TB, path, mediaType string, content []byte) {
	t.Helper()
	method := http.MethodPut
	if strings.Contains(path, "/uploads/") {
		method = http.MethodPost
	}
	req := httptest.NewRequest(method, path, bytes.NewReader(content))
	req.Header.Set("Content-Type", mediaType)
	resp := httptest.NewRecorder()
	p.inner.ServeHTTP(resp, req)
	if resp.Code >= 300 {
		t.Fatalf("%s %s: %d %s", method, path, resp.Code, resp.Body)
	}
}

const (
	configType   = "application/vnd.oci.image.config.v1+json"
	manifestType = "application/vnd.oci.image.manifest.v1+json"
)

// layer has a layer of a notation, which is made and uploaded once.
func (p *place) layer(t testing.TB, notation string) *imagetest.Layer {
	t.Helper()
	if known := p.layers[notation]; known != nil {
		return known
	}
	l := imagetest.NewLayer(t, imagetest.Gzip, imagetest.Tar(t, notation))
	b, _ := l.Blob()
	p.put(t, "/v2/shared/blobs/uploads/?digest="+string(b.Digest), "application/octet-stream", l.Stored)
	p.layers[notation], p.digests[string(b.Digest)] = l, true
	return l
}

// push uploads an image, and gives its name. change may make it lie.
func (p *place) push(t testing.TB, repository, tag string, labels map[string]string, layers []*imagetest.Layer, change func(config *whittle.Config, manifest map[string]any)) string {
	t.Helper()
	config := whittle.Config{OS: "linux", Architecture: "amd64"}
	config.RootFS.Type, config.Config.Labels = "layers", labels
	var described []map[string]any
	for i, l := range layers {
		config.RootFS.DiffIDs = append(config.RootFS.DiffIDs, l.ID)
		config.History = append(config.History, whittle.History{CreatedBy: fmt.Sprintf("RUN step %d", i)})
		b, _ := l.Blob()
		described = append(described, map[string]any{"mediaType": b.MediaType, "digest": b.Digest, "size": b.Size})
	}
	manifest := map[string]any{"schemaVersion": 2, "mediaType": manifestType, "layers": described}
	if change != nil {
		change(&config, manifest)
	}
	text, err := json.Marshal(config)
	imagetest.Must(t, err)
	digest := whittle.DigestOf(text)
	p.put(t, "/v2/"+repository+"/blobs/uploads/?digest="+string(digest), "application/octet-stream", text)
	manifest["config"] = map[string]any{"mediaType": configType, "digest": digest, "size": len(text)}
	text, err = json.Marshal(manifest)
	imagetest.Must(t, err)
	p.put(t, "/v2/"+repository+"/manifests/"+tag, manifestType, text)
	return p.host + "/" + repository + ":" + tag
}

// generated makes so many images of so many distinct layers: bases, packages, and applications
// that replace and hide what is below. The same numbers give the same images.
func (p *place) generated(t testing.TB, images, layers int) (names []string) {
	t.Helper()
	bases := max(1, layers/50)
	packages := max(2, layers/3)
	apps := layers - bases - packages
	for i := range images {
		base, first, second, app := i%bases, i%packages, (i*7+i/packages)%packages, i%apps
		stack := []*imagetest.Layer{p.layer(t, baseNotation(base)), p.layer(t, packageNotation(first))}
		if second != first {
			stack = append(stack, p.layer(t, packageNotation(second)))
		}
		stack = append(stack, p.layer(t, appNotation(app, packages)))
		labels := map[string]string{"team": fmt.Sprintf("team-%d", i%7), "number": fmt.Sprint(i)}
		names = append(names, p.push(t, fmt.Sprintf("team-%d/app-%d", i%7, i), "1", labels, stack, nil))
	}
	return names
}

func baseNotation(n int) string {
	return fmt.Sprintf("d etc\nd usr\nf etc/os-release \"ID=debian\\nVERSION_ID=\\\"1%d\\\"\\n\"\nf usr/bin/tool 20000 seed=base%d mode=0755\nf usr/lib/large.bin %d seed=base%d\nf root/.cache/pip/http/a 2000000 seed=base%d\nf var/cache/apt/archives/x.deb 9000 seed=b%d\n"+
		"f var/lib/dpkg/status \"Package: tool\\nStatus: install ok installed\\nVersion: 1.%d\\nArchitecture: amd64\\n\\n\"\nf var/lib/dpkg/info/tool.list \"/.\\n/usr\\n/usr/bin\\n/usr/bin/tool\\n\"\n", n%3, n, 40000+n*100, n, n, n, n)
}

func packageNotation(n int) string {
	name, version := fmt.Sprintf("pkg%d", n/3), fmt.Sprintf("1.%d", n%3)
	site := "usr/lib/python3/dist-packages/"
	return fmt.Sprintf("f %s%s/__init__.py \"import os\\nx = %d\\n\"\nf %s%s/data.bin %d seed=%s%s\nf %s%s/tests/test_it.py 3000 seed=%d\n", site, name, n, site, name, 10000+n*37, name, version, site, name, n) +
		fmt.Sprintf("f %[1]s%[2]s-%[3]s.dist-info/METADATA \"Metadata-Version: 2.1\\nName: %[2]s\\nVersion: %[3]s\\n\"\nf %[1]s%[2]s-%[3]s.dist-info/INSTALLER \"pip\\n\"\nf %[1]s%[2]s-%[3]s.dist-info/RECORD \"%[2]s/__init__.py,,\\n%[2]s/data.bin,,\\n%[2]s/tests/test_it.py,,\\n%[2]s-%[3]s.dist-info/METADATA,,\\n%[2]s-%[3]s.dist-info/INSTALLER,,\\n%[2]s-%[3]s.dist-info/RECORD,,\\n\"\n", site, name, version)
}

func appNotation(n, packages int) string {
	hidden := fmt.Sprintf("usr/lib/python3/dist-packages/pkg%d/tests", n%packages/3)
	return fmt.Sprintf("f app/main.py \"import pkg%d\\nn = %d\\n\"\nf app/data 5000 seed=app%d\nw %s\nf usr/lib/large.bin 1000 seed=app%d\nw var/cache/apt/archives\n", n%packages/3, n, n, hidden, n)
}
