package pypi

import (
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"whittle.dev/whittle"
)

var sum = strings.Repeat("0a", 32)

func base(t testing.TB) *url.URL {
	t.Helper()
	u, err := url.Parse("https://index.example/simple/tiny/")
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// TestListing: both forms of a listing say the same.
func TestListing(t *testing.T) {
	const form, page = "application/vnd.pypi.simple.v1+json", "text/html; charset=utf-8"
	tests := []struct {
		name, kind, text string
		want             []File
	}{
		{"everything, JSON", form, `{"meta":{"api-version":"1.4"},"name":"tiny","versions":["1.0"],"files":[
			{"filename":"tiny-1.0-py3-none-any.whl","url":"../../f/tiny-1.0-py3-none-any.whl","hashes":{"md5":"x","sha256":"` + strings.ToUpper(sum) + `"},
			 "size":12,"requires-python":">=3.8","yanked":"broken","core-metadata":{"sha256":"` + sum + `"},"upload-time":"2020-01-01T00:00:00Z"}]}`,
			[]File{{Name: "tiny-1.0-py3-none-any.whl", URL: "https://index.example/f/tiny-1.0-py3-none-any.whl", SHA256: sum, Size: 12,
				RequiresPython: ">=3.8", Yanked: true, Metadata: true, MetadataSHA256: sum}}},
		{"everything, HTML", page, `<!DOCTYPE html><html><head><meta name="pypi:repository-version" content="1.3"><title>Links</title></head><body>
			<!-- <a href="/no.whl">no</a> --><script>"<a href='/no.whl'>"</script>
			<A HREF = "../../f/tiny-1.0-py3-none-any.whl#sha256=` + sum + `" data-requires-python='&gt;=3.8' data-yanked data-core-metadata="sha256=` + sum + `">tiny</A><br/></body>`,
			[]File{{Name: "tiny-1.0-py3-none-any.whl", URL: "https://index.example/f/tiny-1.0-py3-none-any.whl", SHA256: sum,
				RequiresPython: ">=3.8", Yanked: true, Metadata: true, MetadataSHA256: sum}}},
		{"little, JSON", form, `{"files":[{"filename":"tiny-1.tar.gz","url":"tiny-1.tar.gz","requires-python":null,"yanked":false,"core-metadata":false,"dist-info-metadata":true,"size":-5}]}`,
			[]File{{Name: "tiny-1.tar.gz", URL: "https://index.example/simple/tiny/tiny-1.tar.gz", Metadata: true}}},
		{"little, HTML", page, `<a href=tiny-1.tar.gz data-dist-info-metadata=true>`,
			[]File{{Name: "tiny-1.tar.gz", URL: "https://index.example/simple/tiny/tiny-1.tar.gz", Metadata: true}}},
		{"a base, and no metadata", page, `<base href="https://files.example/d/"><a href="tiny-1.tar.gz#md5=0" data-core-metadata="false">x`,
			[]File{{Name: "tiny-1.tar.gz", URL: "https://files.example/d/tiny-1.tar.gz"}}},
		{"what is no file", form, `{"files":[{"filename":"../x","url":"x"},{"filename":"x","url":"file:///x"},{"filename":"x","url":"http://%zz"},{"filename":"","url":"x"}]}`, nil},
		{"escaped", page, `<a href="tiny-1%2B2.tar.gz?a=1&amp;b=2">x</a><a>none</a><a href="javascript:x">y</a>`,
			[]File{{Name: "tiny-1+2.tar.gz", URL: "https://index.example/simple/tiny/tiny-1%2B2.tar.gz?a=1&b=2"}}},
		{"cut short", page, `<a href="tiny-1.tar.gz`, []File{{Name: "tiny-1.tar.gz", URL: "https://index.example/simple/tiny/tiny-1.tar.gz"}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := parseListing([]byte(tt.text), tt.kind, base(t))
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(tt.want, got); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
}

func TestAge(t *testing.T) {
	tests := map[string]time.Duration{
		"": usualAge, "max-age=600, public": 10 * time.Minute, "public, Max-Age=5": 5 * time.Second, "no-cache": 0, "no-store, max-age=9": 0,
		"max-age=99999999": maxAge, "max-age=-1": usualAge, "max-age=x": usualAge, "max-age=0": 0,
	}
	for control, want := range tests {
		if got := age(control); got != want {
			t.Errorf("%q is fresh for %s, not %s", control, got, want)
		}
	}
}

// FuzzListing: whatever an index sends, its files have plain names and
// addresses that HTTP reaches, without credentials.
func FuzzListing(f *testing.F) {
	f.Add([]byte(`{"files":[{"filename":"a-1.tar.gz","url":"a-1.tar.gz","yanked":"x","core-metadata":{"sha256":"y"}}]}`), true)
	f.Add([]byte(`<a href="https://u:p@h/a-1.tar.gz#sha256=0" data-yanked>a</a>`), false)
	f.Add([]byte(`<!--<a --><script></SCRIPT><a =b href='x'><base href=//h>`), false)
	f.Fuzz(func(t *testing.T, b []byte, asJSON bool) {
		kind := "text/html"
		if asJSON {
			kind = "application/json"
		}
		files, err := parseListing(b, kind, base(t))
		if err != nil && !errors.Is(err, whittle.ErrCorrupt) && !errors.Is(err, whittle.ErrUnsupported) {
			t.Fatal(err)
		}
		for _, file := range files {
			u, err := url.Parse(file.URL)
			if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil {
				t.Errorf("the address %q: %v", file.URL, err)
			}
			if strings.ContainsAny(file.Name, "/\\\x00\n") || file.Name == "" || file.Size < 0 {
				t.Errorf("the file %+v", file)
			}
		}
	})
}
