//go:build linux

package build

import (
	"bytes"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	bkclient "github.com/moby/buildkit/client"

	"whittle.dev/whittle"
)

// What a registry does wrong while the engine pulls a base: the network's fault
// is the world's, what is corrupt or not there is what the user named.
func TestPullFaults(t *testing.T) {
	f := needEngine(t)
	opts, _ := privateOptions()
	opts.Daemon.StateDir, opts.Daemon.HostNetwork = t.TempDir(), true // the registry is on the loopback
	e, err := Open(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	blob := func(digest string) []byte {
		text, err := os.ReadFile(filepath.Join(f.layout.Layout, "blobs", "sha256", strings.TrimPrefix(digest, "sha256:")))
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	var manifest struct {
		Config struct{ Digest string }
		Layers []struct{ Digest string }
	}
	if err := json.Unmarshal(blob(string(f.layout.Digest)), &manifest); err != nil {
		t.Fatal(err)
	}
	parts := map[string]string{"manifest": string(f.layout.Digest), "configuration": manifest.Config.Digest, "layer": manifest.Layers[0].Digest}
	faults := map[string]struct {
		do   func(w http.ResponseWriter, b []byte)
		want error
	}{
		"breaks off": {func(w http.ResponseWriter, b []byte) {
			w.Header().Set("Content-Length", "1000000")
			_, _ = w.Write(b[:len(b)/2])
			w.(http.Flusher).Flush()
			panic(http.ErrAbortHandler)
		}, whittle.ErrEngine},
		"is broken": {func(w http.ResponseWriter, _ []byte) { w.WriteHeader(http.StatusServiceUnavailable) }, whittle.ErrEngine},
		"is busy":   {func(w http.ResponseWriter, _ []byte) { w.WriteHeader(http.StatusTooManyRequests) }, whittle.ErrEngine},
		"lacks it":  {func(w http.ResponseWriter, _ []byte) { w.WriteHeader(http.StatusNotFound) }, whittle.ErrUsage},
		"lies":      {func(w http.ResponseWriter, b []byte) { _, _ = w.Write(bytes.ToUpper(b)) }, whittle.ErrUsage},
	}
	pull := func(t *testing.T, digest string, fault func(w http.ResponseWriter, b []byte)) error {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			what, wanted := filepath.Base(filepath.Dir(r.URL.Path)), filepath.Base(r.URL.Path)
			if wanted == "1" {
				wanted = string(f.layout.Digest)
			}
			if r.URL.Path == "/v2/" {
				return
			}
			b := blob(wanted)
			if what == "manifests" {
				w.Header().Set("Content-Type", "application/vnd.oci.image.manifest.v1+json")
				w.Header().Set("Docker-Content-Digest", wanted)
			}
			if wanted == digest && r.Method == http.MethodGet {
				fault(w, b)
				return
			}
			_, _ = w.Write(b)
		}))
		defer func() { server.CloseClientConnections(); server.Close() }()
		if err := e.client.Prune(t.Context(), nil, bkclient.PruneAll); err != nil { // what the case before has pulled
			t.Fatal(err)
		}
		image := strings.TrimPrefix(server.URL, "http://") + "/team/app:1"
		_, err := e.Build(t.Context(), Definition{Context: t.TempDir(), Content: []byte("FROM " + image + "\nRUN [\"/probe\", \"exit\", \"0\"]\n")}, Output{})
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(faults)) { // what lies comes last: its bytes stay for a time
		fault := faults[name]
		for part, digest := range parts {
			if part != "layer" && (name == "breaks off" || name == "is broken") {
				continue // containerd tries for seven seconds
			}
			t.Run(part+" "+name, func(t *testing.T) {
				err := pull(t, digest, fault.do)
				if !errors.Is(err, fault.want) || fault.want == whittle.ErrUsage && errors.Is(err, whittle.ErrEngine) || strings.Contains(err.Error(), "\n") {
					t.Errorf("%v, want %v", err, fault.want)
				}
				if failed := (*Error)(nil); !errors.As(err, &failed) || failed.Kind != BaseMissing {
					t.Errorf("%v is not about a base", err)
				}
			})
		}
	}
	// The next engine is not kept from the bytes that were refused.
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	if e, err = Open(t.Context(), opts); err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	if err := pull(t, "", nil); err != nil {
		t.Errorf("a registry that is well again: %v", err)
	}
	// ADD asks for pages: one that is not there, a server that is broken, none.
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/broken" {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		http.NotFound(w, r)
	}))
	defer server.Close()
	for url, world := range map[string]bool{server.URL + "/gone": false, server.URL + "/broken": true, "http://127.0.0.1:1/": true} {
		_, err := e.Build(t.Context(), Definition{Context: t.TempDir(), Content: []byte("FROM scratch\nADD " + url + " /x\n")}, Output{})
		if errors.Is(err, whittle.ErrEngine) != world || errors.Is(err, whittle.ErrUsage) == world {
			t.Errorf("ADD %s: %v", url, err)
		}
	}
}
