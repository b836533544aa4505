package source

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-containerregistry/pkg/authn"

	"whittle.dev/whittle"
)

// answers is a registry that answers in memory; seen are the requests.
type answers struct {
	answer func(r *http.Request) *http.Response
	seen   []*http.Request
}

func (a *answers) RoundTrip(r *http.Request) (*http.Response, error) {
	a.seen = append(a.seen, r)
	if len(a.seen) > 200 {
		return nil, errors.New("it asks without end")
	}
	resp := a.answer(r)
	resp.Request, resp.ProtoMajor, resp.ProtoMinor = r, 1, 1
	return resp, nil
}

func answer(status int, header http.Header, body string) *http.Response {
	return &http.Response{StatusCode: status, Status: fmt.Sprint(status), Header: header, Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body))}
}

// ann knows a password for one registry.
type ann struct{}

func (ann) Resolve(of authn.Resource) (authn.Authenticator, error) {
	if of.RegistryStr() == "registry.example" {
		return &authn.Basic{Username: "ann", Password: "s3cret"}, nil
	}
	return authn.Anonymous, nil
}

// FuzzAnswers: whatever a registry answers to whom it asks who they are (the
// header of its challenge), to the login (the token), and to the request of a
// manifest (a status, a type, an error or a manifest): whittle ends after few
// requests, with an error of one short line and of a kind, without the
// password, which goes to the registry and to the login that it names alone.
func FuzzAnswers(f *testing.F) {
	const challenge = `Bearer realm="https://registry.example/token",service="here",scope="repository:a/b:pull"`
	index := `{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}`
	for _, s := range []struct {
		challenge, token string
		status           int
		kind, body       string
	}{
		{challenge, `{"token":"t","expires_in":1}`, 200, ociIndex, index},
		{"", "", 200, ociManifest, `{"config":{"digest":"sha256:` + strings.Repeat("0", 64) + `"},"layers":[]}`},
		{challenge, `{"access_token":"t"}`, 404, "application/json", `{"errors":[{"code":"MANIFEST_UNKNOWN","message":"a\nb","detail":{"x":[1]}}]}`},
		{challenge, `{"token":null}`, 401, "application/json", `{"errors":[{"code":"DENIED"},{"code":"UNAUTHORIZED"}]}`},
		{challenge, `[`, 500, "text/html", "<html>\x1b[2J\x00"},
		{`Basic realm="x`, "", 429, "application/json", `{"errors":[{"code":"TOOMANYREQUESTS"}]}`},
		{`Basic realm="x", Bearer realm="http://elsewhere.example/` + strings.Repeat("x", 5000) + `"`, `{"token":"` + strings.Repeat("x", 5000) + `"}`, 403, "a/b;c", ""},
		{`Negotiate`, "", 200, "application/json", `{"schemaVersion":1}`},
		{strings.Repeat("Digest a=b, ", 1000), "", 302, "", ""},
		{`Bearer realm="::",service=`, `{"token":"t"}`, 418, "", `{"errors":null,"Request":{"URL":{}},"StatusCode":200}`},
		{strings.Repeat("x", 5000), "", 200, "", ""},
		{`Bearer realm="http://` + strings.Repeat("[", 5000) + `"`, "", 200, "", ""},
		{challenge, `{"token":"t"}`, 307, "", "ftp://[" + strings.Repeat("x", 5000)},
		{challenge, `{"token":"t"}`, 307, "", "http://10.0.0.1/" + strings.Repeat("x", 5000)},
		{challenge, `{"token":"t"}`, 200, ociManifest, `{"config":{"digest":"` + strings.Repeat("x", 5000) + `"},"layers":[{"digest":"y"}]}`},
		{challenge, `{"token":"t"}`, 200, strings.Repeat("x/y", 5000), `{"mediaType":"` + strings.Repeat("x", 5000) + `"}`},
		{challenge, `{"token":"a\r\nX: y"}`, 200, "\"", "{}"},
	} {
		f.Add(s.challenge, s.token, s.status, s.kind, s.body)
	}
	kinds := []error{whittle.ErrAuth, whittle.ErrCorrupt, whittle.ErrEngine, whittle.ErrLimit, whittle.ErrNotFound, whittle.ErrUnsupported, whittle.ErrUsage}
	f.Fuzz(func(t *testing.T, challenge, token string, status int, kind, body string) {
		if status < 200 || status > 599 {
			t.Skip("Go's client gives no such status")
		}
		a := &answers{}
		a.answer = func(r *http.Request) *http.Response {
			switch {
			case r.URL.Path == "/v2/" && challenge != "":
				return answer(http.StatusUnauthorized, http.Header{"Www-Authenticate": {challenge}}, "")
			case r.URL.Path == "/v2/":
				return answer(http.StatusOK, http.Header{}, "{}")
			case strings.HasPrefix(r.URL.Path, "/v2/a/b/"):
				return answer(status, http.Header{"Content-Type": {kind}, "Location": {body}, "Retry-After": {body}}, body)
			}
			return answer(http.StatusOK, http.Header{"Content-Type": {"application/json"}}, token)
		}
		o := quick()
		o.Transport, o.Keychain, o.Deadlines.Retry = a, ann{}, time.Nanosecond
		img, err := Open(context.Background(), "registry:registry.example/a/b:1", o)
		for _, r := range a.seen {
			_, _, basic := r.BasicAuth()
			own := r.URL.Host == "registry.example"
			if h := r.Header.Get("Authorization"); !own && h != "" && !(basic && strings.Contains(challenge, r.URL.Host)) || own && r.URL.Scheme != "https" && h != "" && !strings.Contains(challenge, "http://") {
				t.Errorf("%s gets %q", r.URL, h)
			}
		}
		if err == nil {
			img.Close()
			t.Fatalf("an image without its blobs was opened: %q", body)
		}
		text := err.Error()
		if strings.Contains(text, "\n") || utf8.RuneCountInString(text) > 1000 || strings.Contains(text, "s3cret") && !strings.Contains(challenge+token+body, "s3cret") {
			t.Errorf("%d characters: %.2000q", len(text), text)
		}
		of := 0
		for _, k := range kinds {
			if errors.Is(err, k) {
				of++
			}
		}
		if of == 0 {
			t.Errorf("an error of no kind: %.500q", text)
		}
	})
}
