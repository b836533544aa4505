package pypi

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"whittle.dev/whittle"
)

func isFile(r *http.Request) bool { return strings.HasSuffix(r.URL.Path, ".whl") }

// reset ends a connection without an answer, or in the middle of one.
func reset(w http.ResponseWriter) {
	conn, _, err := w.(http.Hijacker).Hijack()
	if err != nil {
		panic(err)
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	conn.Close()
}

// TestServers: servers that do ranges badly or not at all, and those that fail
// and recover. In each case the members come out right.
func TestServers(t *testing.T) {
	whole := func(w http.ResponseWriter, b []byte) bool {
		_, _ = w.Write(b)
		return true
	}
	tests := []struct {
		name  string
		fault func(content []byte) func(n int, w http.ResponseWriter, r *http.Request) bool
		// waits is how often is waited at least: net/http asks again by itself
		// where a connection that was open before is reset.
		waits int
	}{
		{"ranges are ignored", func(b []byte) func(int, http.ResponseWriter, *http.Request) bool {
			return func(_ int, w http.ResponseWriter, r *http.Request) bool { return isFile(r) && whole(w, b) }
		}, 0},
		{"ranges are refused", func(b []byte) func(int, http.ResponseWriter, *http.Request) bool {
			return func(_ int, w http.ResponseWriter, r *http.Request) bool {
				if !isFile(r) {
					return false
				}
				if r.Header.Get("Range") != "" {
					w.WriteHeader(http.StatusRequestedRangeNotSatisfiable)
					return true
				}
				return whole(w, b)
			}
		}, 0},
		{"ranges are not implemented", func(b []byte) func(int, http.ResponseWriter, *http.Request) bool {
			return func(_ int, w http.ResponseWriter, r *http.Request) bool {
				if isFile(r) && r.Header.Get("Range") != "" {
					w.WriteHeader(http.StatusNotImplemented)
					return true
				}
				return false
			}
		}, 0},
		{"many parts", func(b []byte) func(int, http.ResponseWriter, *http.Request) bool {
			return func(_ int, w http.ResponseWriter, r *http.Request) bool {
				if isFile(r) && r.Header.Get("Range") != "" {
					w.Header().Set("Content-Type", "multipart/byteranges; boundary=x")
					w.WriteHeader(http.StatusPartialContent)
					return true
				}
				return false
			}
		}, 0},
		{"busy, then well", func([]byte) func(int, http.ResponseWriter, *http.Request) bool {
			return func(n int, w http.ResponseWriter, _ *http.Request) bool {
				if n%2 == 1 {
					w.Header().Set("Retry-After", "7")
					w.WriteHeader([]int{http.StatusTooManyRequests, http.StatusServiceUnavailable, http.StatusBadGateway}[n%3])
					return true
				}
				return false
			}
		}, 2},
		{"reset, then well", func([]byte) func(int, http.ResponseWriter, *http.Request) bool {
			return func(n int, w http.ResponseWriter, _ *http.Request) bool {
				if n%2 == 1 {
					reset(w)
					return true
				}
				return false
			}
		}, 1},
		{"cut short, then well", func(b []byte) func(int, http.ResponseWriter, *http.Request) bool {
			return func(n int, w http.ResponseWriter, r *http.Request) bool {
				if isFile(r) && n == 2 {
					w.Header().Set("Content-Length", strconv.Itoa(len(b)))
					w.Header().Set("Content-Range", fmt.Sprintf("bytes 0-%d/%d", len(b)-1, len(b)))
					w.WriteHeader(http.StatusPartialContent)
					_, _ = w.Write(b[:10])
					reset(w)
					return true
				}
				return false
			}
		}, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tmp := t.TempDir()
			t.Setenv("TMPDIR", tmp)
			w := tinyWheel(t)
			s := newServer(t, w)
			s.fault = tt.fault(w.content)
			c, waits := s.client(t, Options{})
			f := s.only(t, c)
			m, err := c.Members(t.Context(), f)
			if err != nil || len(m) != 5 {
				t.Errorf("%d members, %v", len(m), err)
			}
			if len(*waits) < tt.waits || tt.waits == 0 && len(*waits) > 0 {
				t.Errorf("waited %v", *waits)
			}
			for _, d := range *waits {
				if strings.HasPrefix(tt.name, "busy") && d != 7*time.Second {
					t.Errorf("waited %s where the server asked for 7 s", d)
				}
			}
			if left, err := os.ReadDir(tmp); err != nil || len(left) > 0 {
				t.Errorf("left behind: %v, %v", left, err)
			}
		})
	}
}

// TestFailures: what cannot be mended is the right kind of error, on one line,
// without secrets, and after few requests.
func TestFailures(t *testing.T) {
	code := func(c int) func(int, http.ResponseWriter, *http.Request) bool {
		return func(_ int, w http.ResponseWriter, _ *http.Request) bool { w.WriteHeader(c); return true }
	}
	body := func(kind, text string) func(int, http.ResponseWriter, *http.Request) bool {
		return func(_ int, w http.ResponseWriter, _ *http.Request) bool {
			w.Header().Set("Content-Type", kind)
			_, _ = w.Write([]byte(text))
			return true
		}
	}
	const form = "application/vnd.pypi.simple.v1+json"
	tests := []struct {
		name     string
		fault    func(int, http.ResponseWriter, *http.Request) bool
		want     error
		requests int
	}{
		{"always busy", code(http.StatusServiceUnavailable), whittle.ErrEngine, attempts},
		{"too many", code(http.StatusTooManyRequests), whittle.ErrEngine, attempts},
		{"not implemented", code(http.StatusNotImplemented), whittle.ErrEngine, 1},
		{"teapot", code(http.StatusTeapot), whittle.ErrEngine, 1},
		{"unauthorized", code(http.StatusUnauthorized), whittle.ErrAuth, 1},
		{"forbidden", code(http.StatusForbidden), whittle.ErrAuth, 1},
		{"gone", code(http.StatusGone), whittle.ErrNotFound, 1},
		{"nothing changed", code(http.StatusNotModified), whittle.ErrCorrupt, 1},
		{"resets", func(_ int, w http.ResponseWriter, _ *http.Request) bool { reset(w); return true }, whittle.ErrEngine, attempts},
		{"no JSON", body(form, "<html>"), whittle.ErrCorrupt, 1},
		{"a later API", body(form, `{"meta":{"api-version":"2.0"},"files":[]}`), whittle.ErrUnsupported, 1},
		{"a later page", body("text/html", `<meta name="pypi:repository-version" content="2.0">`), whittle.ErrUnsupported, 1},
		{"a picture", body("image/png", "x"), whittle.ErrCorrupt, 1},
		{"in circles", func(_ int, w http.ResponseWriter, r *http.Request) bool {
			http.Redirect(w, r, r.URL.Path+"?token=secret", http.StatusFound)
			return true
		}, whittle.ErrEngine, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newServer(t)
			s.fault = tt.fault
			c, _ := s.client(t, Options{Index: strings.Replace(s.URL, "http://", "http://me:secret@", 1) + "/simple?key=secret"})
			_, err := c.Files(t.Context(), "tiny")
			if !errors.Is(err, tt.want) {
				t.Errorf("%v is no %v", err, tt.want)
			}
			if err != nil && (strings.Contains(err.Error(), "secret") || strings.Contains(err.Error(), "\n")) {
				t.Errorf("it says too much: %q", err)
			}
			if n := len(s.requests()); tt.requests > 0 && n != tt.requests {
				t.Errorf("%d requests, not %d", n, tt.requests)
			}
		})
	}
}

// TestBadFiles: servers that send something else than what was listed.
func TestBadFiles(t *testing.T) {
	partial := func(span string, b []byte) func(int, http.ResponseWriter, *http.Request) bool {
		return func(_ int, w http.ResponseWriter, r *http.Request) bool {
			if isFile(r) {
				w.Header().Set("Content-Range", span)
				w.WriteHeader(http.StatusPartialContent)
				_, _ = w.Write(b)
			}
			return isFile(r)
		}
	}
	send := func(b []byte) func(int, http.ResponseWriter, *http.Request) bool {
		return func(_ int, w http.ResponseWriter, r *http.Request) bool {
			if isFile(r) {
				_, _ = w.Write(b)
			}
			return isFile(r)
		}
	}
	w := tinyWheel(t)
	n := len(w.content)
	other := bytes.Clone(w.content)
	other[0] ^= 1
	tests := []struct {
		name  string
		fault func(int, http.ResponseWriter, *http.Request) bool
	}{
		{"another size", partial(fmt.Sprintf("bytes 0-%d/%d", n, n+1), append(bytes.Clone(w.content), 0))},
		{"another range", partial(fmt.Sprintf("bytes 0-%d/%d", n-2, n), w.content[:n-1])},
		{"more than the range", partial(fmt.Sprintf("bytes 1-%d/%d", n-1, n), w.content)},
		{"another content, whole", send(other)},
		{"longer, whole", send(append(bytes.Clone(w.content), 0))},
		{"shorter, whole", send(w.content[:n-1])},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tmp := t.TempDir()
			t.Setenv("TMPDIR", tmp)
			s := newServer(t, w)
			s.fault = tt.fault
			c, _ := s.client(t, Options{})
			if m, err := c.Members(t.Context(), s.only(t, c)); !errors.Is(err, whittle.ErrCorrupt) {
				t.Errorf("%d members, %v", len(m), err)
			}
			if left, err := os.ReadDir(tmp); err != nil || len(left) > 0 {
				t.Errorf("left behind: %v, %v", left, err)
			}
		})
	}
}

// TestCredentials: they go to the index's host, and to no other.
func TestCredentials(t *testing.T) {
	w := tinyWheel(t)
	files := newServer(t, w)
	leaked := false
	files.fault = func(_ int, _ http.ResponseWriter, r *http.Request) bool {
		leaked = leaked || r.Header.Get("Authorization") != ""
		return false
	}
	index := newServer(t)
	seen := 0
	index.fault = func(_ int, rw http.ResponseWriter, r *http.Request) bool {
		user, password, _ := r.BasicAuth()
		if user != "me" || password != "secret" {
			rw.WriteHeader(http.StatusUnauthorized)
			return true
		}
		seen++
		rw.Header().Set("Content-Type", "text/html")
		fmt.Fprintf(rw, `<a href="%s/files/%s">x</a>`, strings.Replace(files.URL, "http://", "http://other:secret@", 1), w.name)
		return true
	}
	c, _ := index.client(t, Options{Index: strings.Replace(index.URL, "http://", "http://me:secret@", 1) + "/simple"})
	f := index.only(t, c)
	if strings.Contains(f.URL, "secret") || strings.Contains(c.Index(), "secret") {
		t.Errorf("shown: %s, %s", f.URL, c.Index())
	}
	if _, err := c.Members(t.Context(), f); err != nil || leaked || seen != 1 {
		t.Errorf("%v, leaked %t, %d listings", err, leaked, seen)
	}
}

// TestSilence: a server that stalls is given up when the caller gives up.
func TestSilence(t *testing.T) {
	s := newServer(t)
	done := make(chan struct{})
	t.Cleanup(func() { close(done) })
	s.fault = func(_ int, w http.ResponseWriter, r *http.Request) bool {
		w.Header().Set("Content-Type", "text/html")
		_, _ = w.Write([]byte("<a "))
		w.(http.Flusher).Flush()
		select {
		case <-r.Context().Done():
		case <-done:
		}
		return true
	}
	c, _ := s.client(t, Options{})
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := c.Files(ctx, "tiny"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v", err)
	}
}

// TestSeveralIndexes: a distribution is found in any, and the first that has a
// file counts.
func TestSeveralIndexes(t *testing.T) {
	w := tinyWheel(t)
	empty, full := newServer(t), newServer(t, w)
	empty.fault = func(_ int, rw http.ResponseWriter, r *http.Request) bool { http.NotFound(rw, r); return true }
	c, _ := empty.client(t, Options{Extra: []string{full.URL + "/simple", full.URL + "/simple"}})
	files, err := c.Files(t.Context(), "tiny")
	if err != nil || len(files) != 1 {
		t.Errorf("%d files, %v", len(files), err)
	}
}

func TestBrokenConfiguration(t *testing.T) {
	none := func(string) string { return "" }
	file := filepath.Join(t.TempDir(), "empty.pem")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	cert := func(name string) func(string) string {
		return func(key string) string {
			if key == "PIP_CERT" {
				return name
			}
			return ""
		}
	}
	tests := []struct {
		name string
		o    Options
		want error
	}{
		{"a folder", Options{Index: "file:///srv/simple", Getenv: none}, whittle.ErrUnsupported},
		{"no host", Options{Index: "https://", Getenv: none}, whittle.ErrUnsupported},
		{"no URL", Options{Index: "http://me:secret@[", Getenv: none}, whittle.ErrUsage},
		{"no certificates there", Options{Getenv: cert(file + ".none")}, whittle.ErrUsage},
		{"no certificate in it", Options{Getenv: cert(file)}, whittle.ErrUsage},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Open(tt.o).Files(t.Context(), "tiny")
			if !errors.Is(err, tt.want) || strings.Contains(err.Error(), "secret") {
				t.Errorf("%v", err)
			}
		})
	}
}
