package pypi

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

// made is a file that a test's index serves.
type made struct {
	name    string
	content []byte
	// metadata is beside the file where it is not nil.
	metadata []byte
}

func (m made) sha256() string { return fmt.Sprintf("%x", sha256.Sum256(m.content)) }

// member is one file of a wheel to make.
type member struct{ name, content string }

// makeWheel packs members; those whose names end in "!" are not compressed.
func makeWheel(t testing.TB, members ...member) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, m := range members {
		h := &zip.FileHeader{Name: strings.TrimSuffix(m.name, "!"), Method: zip.Deflate}
		if strings.HasSuffix(m.name, "!") {
			h.Method = zip.Store
		}
		w, err := z.CreateHeader(h)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(m.content)); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

const tinyMetadata = "Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\nRequires-Dist: other>=2\n\nText.\n"

func tinyWheel(t testing.TB) made {
	return made{name: "tiny-1.0-py3-none-any.whl", content: makeWheel(t,
		member{"tiny/", ""}, member{"tiny/__init__.py", strings.Repeat("x = 1\n", 2000)}, member{"tiny/data!", "raw"},
		member{"tiny-1.0.dist-info/METADATA", tinyMetadata},
		member{"tiny-1.0.dist-info/entry_points.txt", "[console_scripts]\ntiny = tiny:main\n"},
		member{"tiny-1.0.dist-info/RECORD", "tiny/__init__.py,,\n"})}
}

// server is an index on loopback, with faults to order.
type server struct {
	*httptest.Server
	mu    sync.Mutex
	files []made
	// fault may answer in place of the index; it says whether it did.
	fault func(n int, w http.ResponseWriter, r *http.Request) bool
	asked []string
}

func newServer(t testing.TB, files ...made) *server {
	t.Helper()
	s := &server{files: files}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	return s
}

// requests are what was asked so far: path and range.
func (s *server) requests() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.asked...)
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	line := r.URL.Path
	if span := r.Header.Get("Range"); span != "" {
		line += " " + span
	}
	s.asked = append(s.asked, line)
	n := len(s.asked)
	s.mu.Unlock()
	if s.fault != nil && s.fault(n, w, r) {
		return
	}
	if r.URL.Path == "/simple/tiny/" {
		s.listing(w)
		return
	}
	for _, f := range s.files {
		switch r.URL.Path {
		case "/files/" + f.name:
			http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(f.content))
			return
		case "/files/" + f.name + ".metadata":
			if f.metadata != nil {
				_, _ = w.Write(f.metadata)
				return
			}
		}
	}
	http.NotFound(w, r)
}

func (s *server) listing(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/vnd.pypi.simple.v1+json")
	var parts []string
	for _, f := range s.files {
		core := "false"
		if f.metadata != nil {
			core = fmt.Sprintf(`{"sha256":"%x"}`, sha256.Sum256(f.metadata))
		}
		parts = append(parts, fmt.Sprintf(`{"filename":%q,"url":"../../files/%s","hashes":{"sha256":%q},"size":%d,"core-metadata":%s}`,
			f.name, f.name, f.sha256(), len(f.content), core))
	}
	fmt.Fprintf(w, `{"meta":{"api-version":"1.1"},"name":"tiny","files":[%s]}`, strings.Join(parts, ","))
}

// client is one of the server that does not wait between attempts; waits has
// how long it would have.
func (s *server) client(t testing.TB, o Options) (c *Client, waits *[]time.Duration) {
	t.Helper()
	if o.Index == "" {
		o.Index = s.URL + "/simple"
	}
	o.Getenv = func(string) string { return "" }
	if o.HTTP == nil {
		o.HTTP = s.Client()
	}
	c = Open(o)
	waits = &[]time.Duration{}
	c.sleep = func(ctx context.Context, d time.Duration) error {
		*waits = append(*waits, d)
		return ctx.Err()
	}
	return c, waits
}

// only is the first file that the index lists.
func (s *server) only(t testing.TB, c *Client) File {
	t.Helper()
	files, err := c.Files(t.Context(), "Tiny")
	if err != nil {
		t.Fatal(err)
	}
	return files[0]
}
