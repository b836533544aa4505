package serve

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/audit"
	"whittle.dev/whittle/internal/host"
	"whittle.dev/whittle/internal/imagetest"
)

// named opens images by their names.
type named map[string]whittle.Image

func (n named) Open(_ context.Context, name string) (whittle.Image, error) {
	if img, ok := n[name]; ok {
		return img, nil
	}
	return nil, whittle.ErrNotFound.Errorf("there is no %s", name)
}

// hostile is a text that would be markup, or be seen in another order.
const hostile = "</pre><script>alert(1)</script>\u202e\x1b[31m"

func testEnv(t *testing.T) *host.Env {
	images := named{}
	for name, layers := range map[string][]string{
		"app:1":          {"d etc\nf etc/os-release \"ID=test\\n\"\nf usr/share/doc/x 70000", "f app/main.py \"import os\\n\"\nf app/tests/t.py 50000\nf app/hostile " + quoted(hostile) + "\nf app/binary \"a\\x00b\"\nf app/large 1500000"},
		"app:2":          {"d etc\nf etc/os-release \"ID=test\\n\"\nf usr/share/doc/x 70000", "f app/main.py \"import os\\n\""},
		"<b>&" + hostile: {"d etc"},
	} {
		img := imagetest.New(t, imagetest.Gzip, layers...)
		img.Name = name
		images[name] = img
	}
	return &host.Env{Images: images}
}

func quoted(s string) string { b, _ := json.Marshal(s); return string(b) }

// served is a server that a test asks.
type served struct {
	*testing.T
	*Server
	url string
	web *httptest.Server
}

func serve(t *testing.T, o Options) *served {
	t.Helper()
	if o.Env == nil {
		o.Env = testEnv(t)
	}
	if o.State == "" {
		o.State = t.TempDir()
	}
	s, err := New(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	web := httptest.NewUnstartedServer(nil)
	web.Config.Handler = s.Handler(web.Listener.Addr())
	web.Start()
	t.Cleanup(web.Close)
	return &served{t, s, s.URL(web.Listener.Addr()), web}
}

// answer is what a request got.
type answer struct {
	code   int
	header http.Header
	body   string
}

// do sends a request and reads the answer; redirects are not followed.
func (s *served) do(method, url, body string, change func(*http.Request)) answer {
	s.Helper()
	r, err := http.NewRequestWithContext(s.Context(), method, url, strings.NewReader(body))
	if err != nil {
		s.Fatal(err)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	if change != nil {
		change(r)
	}
	res, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		s.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		s.Fatal(err)
	}
	return answer{res.StatusCode, res.Header, string(text)}
}

// get asks for a page, which has to have a status.
func (s *served) get(name string, status int) string {
	s.Helper()
	a := s.do("GET", s.url+name, "", nil)
	if a.code != status {
		s.Fatalf("%s: %d, want %d\n%s", name, a.code, status, a.body[:min(len(a.body), 2000)])
	}
	return a.body
}

// TestGuard: only who has the token is answered, and only at the server's own address.
func TestGuard(t *testing.T) {
	s := serve(t, Options{})
	at := strings.TrimSuffix(s.url, s.token+"/")
	header := func(name, value string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set(name, value) }
	}
	hostIs := func(name string) func(*http.Request) { return func(r *http.Request) { r.Host = name } }
	_, port, _ := strings.Cut(strings.TrimPrefix(at, "http://"), ":")
	port = strings.TrimSuffix(port, "/")
	for _, tc := range []struct {
		name, method, url string
		change            func(*http.Request)
		want              int
	}{
		{"the page", "GET", s.url, nil, 200},
		{"its head", "HEAD", s.url, nil, 200},
		{"by the name of this machine", "GET", s.url, hostIs("localhost:" + port), 200},
		{"its own origin", "GET", s.url, header("Origin", strings.TrimSuffix(at, "/")), 200},
		{"without the slash", "GET", strings.TrimSuffix(s.url, "/"), nil, 301},
		{"no token", "GET", at, nil, 403},
		{"no token in a page", "GET", at + "inspect?image=app:1", nil, 403},
		{"a wrong token", "GET", at + strings.ToLower(s.token) + "/", nil, 403},
		{"the token and more", "GET", at + s.token + "x/", nil, 403},
		{"a part of the token", "GET", at + s.token[:len(s.token)-1] + "/", nil, 403},
		{"an empty token", "GET", at + "/", nil, 403},
		{"the token behind another", "GET", at + "x/" + s.token + "/", nil, 403},
		{"dots before the token", "GET", at + "../" + s.token + "/", nil, 403},
		{"encoded dots", "GET", at + "%2e%2e/" + s.token + "/", nil, 403},
		{"a name that leads here", "GET", s.url, hostIs("rebound.example:" + port), 403},
		{"a name without a port", "GET", s.url, hostIs("127.0.0.1"), 403},
		{"another port", "GET", s.url, hostIs("127.0.0.1:1"), 403},
		{"no host", "GET", s.url, hostIs(""), 200}, // the client sends that of the URL
		{"another site", "GET", s.url, header("Origin", "http://evil.example"), 403},
		{"another port's site", "GET", s.url, header("Origin", "http://127.0.0.1:1"), 403},
		{"a site without a name", "GET", s.url, header("Origin", "null"), 403},
		{"another scheme", "GET", s.url, header("Origin", strings.Replace(strings.TrimSuffix(at, "/"), "http", "https", 1)), 403},
		{"a form of another site", "POST", s.url + "inspect", header("Sec-Fetch-Site", "cross-site"), 403},
		{"a method that is not there", "POST", s.url + "inspect", header("Sec-Fetch-Site", "same-origin"), 405},
		{"another method", "DELETE", s.url, nil, 405},
		{"a page that is not there", "GET", s.url + "nothing", nil, 404},
		{"a page below one", "GET", s.url + "inspect/x", nil, 404},
		{"dots behind the token", "GET", s.url + "../../etc/passwd", nil, 403}, // without them there is no token
		{"encoded slashes", "GET", s.url + "..%2f..%2fetc%2fpasswd", nil, 404},
	} {
		got := s.do(tc.method, tc.url, "", tc.change)
		if tc.name == "dots behind the token" && got.code == http.StatusTemporaryRedirect || got.code == http.StatusMovedPermanently && tc.want == 403 {
			if to := got.header.Get("Location"); strings.Contains(to, s.token) {
				t.Errorf("%s: leads to %s", tc.name, to)
			}
			continue
		}
		if got.code != tc.want {
			t.Errorf("%s: %d, want %d: %s", tc.name, got.code, tc.want, got.body[:min(len(got.body), 200)])
		}
		for name, want := range map[string]string{"Content-Security-Policy": "default-src 'none'", "X-Content-Type-Options": "nosniff", "Cache-Control": "no-store", "Cross-Origin-Resource-Policy": "same-origin"} {
			if v := got.header.Get(name); !strings.HasPrefix(v, want) {
				t.Errorf("%s: %s is %q", tc.name, name, v)
			}
		}
		if tc.want == 403 && strings.Contains(got.body, s.token) {
			t.Errorf("%s: the answer has the token", tc.name)
		}
	}
	if metrics := s.get("metrics", 200); !strings.Contains(metrics, "whittle_serve_refused_total 16\n") || !strings.Contains(metrics, `{name="home",code="200"}`) {
		t.Errorf("metrics: %s", metrics)
	}
}

// TestListen: the page cannot be reached from elsewhere.
func TestListen(t *testing.T) {
	for address, ok := range map[string]bool{"127.0.0.1:0": true, "localhost:8080": true, "[::1]:0": true, "127.1.2.3:80": true,
		"0.0.0.0:80": false, ":8080": false, "[::]:1": false, "192.0.2.1:80": false, "example.org:80": false, "8080": false, "": false, "127.0.0.1:http": false, "127.0.0.1:70000": false, "127.0.0.1:-1": false} {
		var a Address
		if err := a.Set(address); (err == nil) != ok || ok && a.String() != address {
			t.Errorf("%q: %q, %v", address, a, err)
		}
	}
}

// TestImages: each page of images shows its result, and /api has the same as JSON.
func TestImages(t *testing.T) {
	s := serve(t, Options{Images: []string{"app:1", "<b>&" + hostile}, Local: func(context.Context) ([]string, error) { return []string{"engine:latest"}, nil }})
	for name, want := range map[string][]string{
		"":                                {`inspect?image=app%3A1`, "&lt;b&gt;&amp;", "engine:latest"},
		"inspect?image=app:1":             {"Where the bytes are", `value="app:1"`},
		"advise?image=app:1":              {"Where the bytes are"},
		"compare?image=app:1&image=app:2": {"Where the difference is", "app:1 → app:2"},
		"simulate?image=app:1&without=**/tests&without=": {"Simulation", "50.0 kB"},
		"file?image=app:1&path=/etc/os-release":          {"ID=test"},
		"file?image=app:1&path=app/hostile":              {"&lt;/pre&gt;&lt;script&gt;"},
		"file?image=app:1&path=app/binary":               {"It is no text."},
		"file?image=app:1&path=app/large":                {"It is no text."},
	} {
		body := s.get(name, 200)
		for _, w := range want {
			if !strings.Contains(body, w) {
				t.Errorf("%s lacks %q", name, w)
			}
		}
		for _, bad := range []string{hostile, "<script>alert", "\u202e", "\x1b", "<b>&"} {
			if strings.Contains(body, bad) {
				t.Errorf("%s has %q", name, bad)
			}
		}
	}
	for name, schema := range map[string]string{
		"api/inspect?image=app:1":                     whittle.InspectSchema,
		"api/advise?image=app:1":                      whittle.AdviseSchema,
		"api/compare?image=app:1&image=app:2":         whittle.CompareSchema,
		"api/simulate?image=app:1&without=*.py":       whittle.SimulateSchema,
		"api/file?image=app:1&path=usr/share/doc/x":   "",
		"api/file?image=app:1&path=../../../../app/x": "404",
	} {
		status := 200
		if schema == "404" {
			status, schema = 404, "whittle.error/v1"
		}
		body := s.get(name, status)
		if schema == "" {
			if len(body) != 70000 {
				t.Errorf("%s has %d bytes", name, len(body))
			}
			continue
		}
		var v struct{ Schema string }
		if err := json.Unmarshal([]byte(body), &v); err != nil || v.Schema != schema {
			t.Errorf("%s: %q, %v", name, v.Schema, err)
		}
	}
}

// TestWrongQuestions: what is wrong is said, with what to try.
func TestWrongQuestions(t *testing.T) {
	s := serve(t, Options{})
	for name, want := range map[string]int{
		"inspect":                 400,
		"inspect?image=":          400,
		"inspect?image=a&image=b": 400,
		"inspect?image=nothing":   404,
		"inspect?image=%zz":       400,
		"compare?image=app:1":     400,
		"compare?" + strings.Repeat("image=app:1&", 9): 400,
		"simulate?image=app:1":                         400,
		"simulate?image=app:1&without=[":               400,
		"simulate?image=app:1&without=/nothing":        404,
		"file?image=app:1":                             400,
		"file?image=app:1&path=nothing":                404,
		"file?image=app:1&path=../../etc/passwd":       404,
		"file?image=app:1&path=etc":                    422,
	} {
		s.get(name, want)
		var v struct{ Schema, Error string }
		if err := json.Unmarshal([]byte(s.get("api/"+name, want)), &v); err != nil || v.Schema != "whittle.error/v1" || v.Error == "" {
			t.Errorf("api/%s: %+v, %v", name, v, err)
		}
	}
}

// TestKeptImages: an image is read once, until its name stands for another one.
func TestKeptImages(t *testing.T) {
	s := serve(t, Options{})
	first, err := s.imageOf(t.Context(), "app:1", audit.AdviseOptions{}, true)
	if err != nil {
		t.Fatal(err)
	}
	again, err := s.imageOf(t.Context(), "app:1", audit.AdviseOptions{}, true)
	if err != nil || again != first {
		t.Errorf("it was read again: %v", err)
	}
	images := s.o.Env.Images.(named)
	images["app:1"] = images["app:2"]
	if other, err := s.imageOf(t.Context(), "app:1", audit.AdviseOptions{}, true); err != nil || other == first {
		t.Errorf("another image has the old model: %v", err)
	}
}

// TestNoImage: an image that is named has to be there.
func TestNoImage(t *testing.T) {
	if _, err := New(t.Context(), Options{Env: testEnv(t), Images: []string{"app:1", "nothing"}}); !errors.Is(err, whittle.ErrNotFound) {
		t.Error(err)
	}
}

// TestServe: the server ends with its context.
func TestServe(t *testing.T) {
	s, err := New(t.Context(), Options{Env: testEnv(t)})
	if err != nil {
		t.Fatal(err)
	}
	l, err := Listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- s.Serve(ctx, l) }()
	if _, err := Listen(t.Context(), Address(l.Addr().String())); err == nil || strings.Contains(err.Error(), "bind:") || whittle.Hint(err) == "" {
		t.Errorf("a port that is taken: %v", err)
	}
	res, err := http.Get(s.URL(l.Addr()))
	if err != nil || res.StatusCode != http.StatusOK {
		t.Fatal(res, err)
	}
	res.Body.Close()
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// TestUncut: a text that is cut off is a text.
func TestUncut(t *testing.T) {
	text := "aé€😀"
	for n := range len(text) + 1 {
		got := string(uncut([]byte(text[:n])))
		if !strings.HasPrefix(text, got) || len(got) < n-3 || !isText([]byte(got)) {
			t.Errorf("of %d bytes there is %q", n, got)
		}
	}
	for _, bad := range []string{"a\xff", "a\xff\n", "\x00", "\x80\x80\x80\x80"} {
		if isText(uncut([]byte(bad))) {
			t.Errorf("%q is a text", bad)
		}
	}
}
