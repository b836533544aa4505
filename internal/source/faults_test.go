package source

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/imagetest"
)

// front is a proxy before a registry: it asks for a token, and does to requests
// what a test says.
type front struct {
	host string // host:port
	name string // of the image
	mu   sync.Mutex
	// seen are the methods and paths of requests, scopes those of tokens.
	seen, scopes []string
}

// newFront puts a front before a registry that has the images; fault answers a
// request itself or returns false.
func newFront(t *testing.T, images map[string]*made, fault func(w http.ResponseWriter, r *http.Request) bool) *front {
	t.Helper()
	backend, path, _ := strings.Cut(pushed(t, images), "/")
	proxy := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: backend})
	proxy.ErrorLog = discardLog()
	f := &front{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.mu.Lock()
		f.seen = append(f.seen, r.Method+" "+r.URL.Path)
		if r.URL.Path == "/token" {
			f.scopes = append(f.scopes, r.URL.Query().Get("scope"))
		}
		f.mu.Unlock()
		switch {
		case fault(w, r):
		case r.URL.Path == "/token":
			fmt.Fprint(w, `{"token":"t0ken"}`)
		case r.Header.Get("Authorization") != "Bearer t0ken":
			w.Header().Set("WWW-Authenticate", `Bearer realm="http://`+r.Host+`/token",service="here"`)
			w.WriteHeader(http.StatusUnauthorized)
		default:
			proxy.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(func() { server.CloseClientConnections(); server.Close() })
	f.host = server.Listener.Addr().String()
	f.name = "registry:" + f.host + "/" + path
	return f
}

func quick() Options {
	return Options{Platform: &whittle.Platform{OS: "linux", Architecture: "amd64"},
		Deadlines: Deadlines{Connect: 300 * time.Millisecond, Answer: 150 * time.Millisecond, Document: 600 * time.Millisecond, Stall: 300 * time.Millisecond, Retry: time.Millisecond}}
}

// TestOneToken: opening an image and reading all of its layers takes one token,
// for pulling from its repository.
func TestOneToken(t *testing.T) {
	m := make2(t, imagetest.Gzip, "amd64")
	f := newFront(t, map[string]*made{"": m}, func(http.ResponseWriter, *http.Request) bool { return false })
	o := quick()
	o.Deadlines = Deadlines{}
	img := opened(t, f.name, o)
	for range 2 {
		for _, l := range img.Layers() {
			stored(t, l)
			if s, err := l.(whittle.Stater).Stat(context.Background()); err != nil || s.Size != s.Claim.Size {
				t.Errorf("stat %+v, %v", s, err)
			}
		}
	}
	if want := []string{"repository:team/app:pull"}; !slices.Equal(f.scopes, want) {
		t.Errorf("tokens for %q, want %q", f.scopes, want)
	}
	if n := strings.Count(strings.Join(f.seen, "\n"), "/manifests/1"); n != 1 {
		t.Errorf("the tag was asked for %d times", n)
	}
}

// misbehave are ways in which a registry can fail to answer.
var misbehave = map[string]func(w http.ResponseWriter, r *http.Request){
	"hangs": func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
	"drips": func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "100000")
		for r.Context().Err() == nil {
			w.Write([]byte(" "))
			w.(http.Flusher).Flush()
			time.Sleep(5 * time.Millisecond)
		}
	},
	"stops": func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "100000")
		w.Write([]byte("  "))
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	},
	"loops": func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Location", r.URL.String())
		w.WriteHeader(http.StatusTemporaryRedirect)
	},
	"wanders": func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Location", r.URL.Path+"?"+r.URL.RawQuery+"1")
		w.WriteHeader(http.StatusTemporaryRedirect)
	},
	"hangs up": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
	"breaks off": func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100000")
		w.Write([]byte("{"))
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	},
	"is broken": func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusBadGateway)
		fmt.Fprint(w, strings.Repeat("a page\n", 1000))
	},
	"refuses": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) },
	"lies": func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", ociManifest)
		fmt.Fprint(w, "{")
	},
	"asks again": func(w http.ResponseWriter, r *http.Request) { // however often it is told who asks
		w.Header().Set("WWW-Authenticate", `Bearer realm="http://`+r.Host+`/token",service="here"`)
		w.WriteHeader(http.StatusUnauthorized)
	},
	"is busy": func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "3600")
		w.WriteHeader(http.StatusTooManyRequests)
	},
	"floods": func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", ociManifest)
		for b := bytes.Repeat([]byte(" "), 1<<16); r.Context().Err() == nil; {
			if _, err := w.Write(b); err != nil {
				return
			}
		}
	},
	"mixes up": func(w http.ResponseWriter, _ *http.Request) { // bytes of another part
		w.Header().Set("Content-Type", ociManifest)
		fmt.Fprintf(w, `{"schemaVersion":2,"mediaType":%q,"config":{},"layers":[]}`, ociManifest)
	},
	"lacks it": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotFound) },
}

// TestFaults: whatever a registry does at whichever request, whittle ends, and
// says whether the network or what came is at fault.
func TestFaults(t *testing.T) {
	m := make2(t, imagetest.Gzip, "amd64")
	parts := map[string]string{
		"ping":             "/v2/",
		"token":            "/token",
		"index":            "/v2/team/app/manifests/1",
		"manifest":         "/v2/team/app/manifests/" + string(digestOf(m.manifest(t))),
		"configuration":    "/v2/team/app/blobs/" + string(digestOf(m.config)),
		"layer":            "/v2/team/app/blobs/" + string(digestOf(m.stored[0])),
		"layer, looked at": "/v2/team/app/blobs/" + string(digestOf(m.stored[0])),
	}
	for what, answer := range misbehave {
		for part, path := range parts {
			look := part == "layer, looked at"
			want := whittle.ErrEngine
			switch {
			case look && slices.Contains([]string{"drips", "stops", "breaks off", "lies", "floods", "mixes up"}, what):
				continue // only its head is asked for
			case part == "ping" && slices.Contains([]string{"stops", "breaks off", "drips", "lies", "floods", "mixes up", "asks again"}, what):
				continue // the status is enough
			case what == "refuses", what == "asks again":
				want = whittle.ErrAuth
			case what == "floods" && part != "token" && part != "layer":
				want = whittle.ErrLimit
			case what == "floods" && part == "layer", (what == "lies" || what == "mixes up") && part != "token", what == "lacks it" && part != "index" && part != "ping" && part != "token":
				want = whittle.ErrCorrupt
			case what == "lacks it":
				want = whittle.ErrNotFound
			}
			t.Run(part+" "+what, func(t *testing.T) {
				t.Parallel()
				f := newFront(t, map[string]*made{"": m}, func(w http.ResponseWriter, r *http.Request) bool {
					if r.URL.Path != path || look != (r.Method == http.MethodHead) {
						return false
					}
					answer(w, r)
					return true
				})
				ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
				defer cancel()
				options := quick()
				if what == "floods" { // the limit of bytes is what ends it
					options.Deadlines.Document = time.Minute
				}
				err := readFirst(ctx, f.name, options, look)
				if !errors.Is(err, want) || ctx.Err() != nil || strings.Contains(err.Error(), "\n") {
					t.Fatalf("error %v, want %v", err, want)
				}
				if len(err.Error()) > 600 {
					t.Errorf("an error of %d bytes", len(err.Error()))
				}
				if bound := err.Error(); (what == "hangs" || what == "stops" || what == "drips") && !strings.Contains(bound, " s") {
					t.Errorf("error %q does not say the deadline", bound)
				}
			})
		}
	}
}

// readFirst opens an image and reads, or looks at, its first layer.
func readFirst(ctx context.Context, name string, o Options, look bool) error {
	img, err := Open(ctx, name, o)
	if err != nil {
		return err
	}
	defer img.Close()
	if look {
		_, err := img.Layers()[0].(whittle.Stater).Stat(ctx)
		return err
	}
	r, err := img.Layers()[0].Open(ctx)
	if err != nil {
		return err
	}
	defer r.Close()
	_, err = io.Copy(io.Discard, r)
	return err
}

// TestSlowReader: what whittle does between two reads is not the registry's
// time.
func TestSlowReader(t *testing.T) {
	m := make2(t, imagetest.Gzip, "amd64")
	f := newFront(t, map[string]*made{"": m}, func(http.ResponseWriter, *http.Request) bool { return false })
	o := quick()
	o.Deadlines.Stall, o.Deadlines.Bytes = 50*time.Millisecond, 1<<30
	img := opened(t, f.name, o)
	r, err := img.Layers()[0].Open(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	one := make([]byte, 1)
	for range 3 {
		time.Sleep(60 * time.Millisecond)
		if _, err := r.Read(one); err != nil {
			t.Fatal(err)
		}
	}
}

// TestNoCredentialsElsewhere: a blob may lie on another host, which gets
// neither token nor password.
func TestNoCredentialsElsewhere(t *testing.T) {
	m := make2(t, imagetest.Gzip, "amd64")
	blobs := map[string][]byte{}
	for _, b := range append(slices.Clone(m.stored), m.config) {
		blobs["/"+string(digestOf(b))] = b
	}
	var asked int
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked++
		if h := r.Header.Get("Authorization"); h != "" {
			t.Errorf("the other host got %q", h)
		}
		w.Write(blobs[r.URL.Path])
	}))
	t.Cleanup(other.Close)
	elsewhere := strings.Replace(other.URL, "127.0.0.1", "localhost", 1)
	f := newFront(t, map[string]*made{"": m}, func(w http.ResponseWriter, r *http.Request) bool {
		_, digest, ok := strings.Cut(r.URL.Path, "/blobs/")
		if ok && r.Header.Get("Authorization") != "" {
			http.Redirect(w, r, elsewhere+"/"+digest, http.StatusTemporaryRedirect)
			return true
		}
		return false
	})
	if got := stored(t, opened(t, f.name, quick()).Layers()[0]); digestOf(got) != digestOf(m.stored[0]) || asked == 0 {
		t.Errorf("%d bytes after %d requests elsewhere", len(got), asked)
	}
}

// TestHungEngine: a Docker engine that accepts and never answers.
func TestHungEngine(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	t.Cleanup(func() { server.CloseClientConnections(); server.Close() })
	o := quick()
	o.DockerHost = "tcp://" + server.Listener.Addr().String()
	_, err := Open(context.Background(), "docker:app", o)
	if !errors.Is(err, whittle.ErrEngine) || !strings.Contains(err.Error(), "gives no answer within 0.15 s") {
		t.Errorf("error %v, want the deadline", err)
	}
}

// TestEngineProtocol reads an image from a server that answers as a Docker
// engine does: a ping, and the archive of docker save. TestEngine has a real
// one, where there is one.
func TestEngineProtocol(t *testing.T) {
	m := make2(t, imagetest.Plain, "amd64")
	archive, err := os.ReadFile(writeTar(t, dockerFiles(t, true, map[string]*made{"app:1": m})))
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == "/_ping":
			w.Header().Set("Api-Version", "1.44")
		case strings.HasSuffix(r.URL.Path, "/images/get") && r.URL.Query().Get("names") == "app:1":
			w.Write(archive)
		default:
			w.WriteHeader(http.StatusNotFound)
			fmt.Fprint(w, `{"message":"reference does not exist"}`)
		}
	}))
	t.Cleanup(server.Close)
	o := Options{DockerHost: "tcp://" + server.Listener.Addr().String(), TempDir: t.TempDir()}
	if got := opened(t, "docker:app:1", o); got.Ref().Source != Docker || got.Ref().Digest != digestOf(m.config) {
		t.Errorf("opened %+v", got.Ref())
	}
	if _, err := Open(context.Background(), "docker:app:2", o); !errors.Is(err, whittle.ErrNotFound) || !strings.Contains(err.Error(), "the Docker engine has no image app:2") {
		t.Errorf("an image that is not there: %v", err)
	}
}

func TestCheckRedirect(t *testing.T) {
	for _, tc := range []struct {
		from, to string
		ok       bool
	}{
		{"registry.example", "cdn.example", true},
		{"registry.example", "203.0.113.7", true},
		{"registry.example", "169.254.169.254", false},
		{"registry.example", "10.0.0.1", false},
		{"registry.example", "[fd00:ec2::254]", false},
		{"registry.example", "[::ffff:127.0.0.1]", false},
		{"registry.example", "2130706433", false},
		{"registry.example", "0x7f.1", false},
		{"registry.example", "0", false},
		{"registry.example:5000", "registry.example:6000", true},
		{"10.0.0.5:5000", "10.0.0.6:9000", true},
		{"localhost:5000", "127.0.0.1:9000", true},
	} {
		from, to := &http.Request{URL: &url.URL{Host: tc.from}}, &http.Request{URL: &url.URL{Host: tc.to}}
		if err := checkRedirect(to, []*http.Request{from}); (err == nil) != tc.ok {
			t.Errorf("%s to %s: %v, want allowed = %v", tc.from, tc.to, err, tc.ok)
		}
	}
}
