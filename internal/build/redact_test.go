package build

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	bkclient "github.com/moby/buildkit/client"
	digest "github.com/opencontainers/go-digest"
	"pgregory.net/rapid"

	"whittle.dev/whittle"
)

// TestRedactor: values are hidden in the forms in which programs print them.
func TestRedactor(t *testing.T) {
	const secret = "p@ss/wörd \"x\""
	v := newRedactor([]string{secret + "\n", "postgresql://app:geheim%20@db:5432/app", "-----BEGIN KEY-----\nAAAABBBB\n-----END KEY-----\n", "abc", ""})
	for _, text := range []string{secret, url.QueryEscape(secret), url.PathEscape(secret), `p@ss/wörd \"x\"`, base64.StdEncoding.EncodeToString([]byte(secret))[:16],
		"geheim ", "postgresql://app:geheim%20@db:5432/app", "AAAABBBB", "-----BEGIN KEY-----"} {
		got := v.text("before " + text + " after")
		if strings.Contains(got, text) || !strings.HasPrefix(got, "before ") || !strings.HasSuffix(got, " after") {
			t.Errorf("%q: %q", text, got)
		}
	}
	if got := v.text("abc is too short"); got != "abc is too short" {
		t.Errorf("%q", got)
	}
	if newRedactor([]string{"", "abc"}) != nil {
		t.Error("a redactor over nothing")
	}
	err := v.error(fmt.Errorf("pulling x: AAAABBBB: %w", whittle.ErrEngine))
	if strings.Contains(err.Error(), "AAAABBBB") || !errors.Is(err, whittle.ErrEngine) {
		t.Error(err)
	}
	r := RunResult{Args: []string{"x", "--key=AAAABBBB"}, Stdout: []byte("AAAABBBB"), Stderr: []byte("y AAAABBBB"), Err: errors.New("AAAABBBB"), Watched: &Watched{CheckOutput: []byte("AAAABBBB")}}
	v.result(&r)
	if text := fmt.Sprintf("%s %s %s %v %s", r.Args, r.Stdout, r.Stderr, r.Err, r.Watched.CheckOutput); strings.Contains(text, "AAAABBBB") {
		t.Error(text)
	}
}

// TestRedactedForms: the forms are those of other programs: Python's json and quote,
// JavaScript's encodeURI, a header of basic authentication, base64 in broken lines.
func TestRedactedForms(t *testing.T) {
	secret := "p@ss/wörd <x> & y+z=1!"
	long := strings.Repeat("0123456789abcdef", 12)
	v := newRedactor([]string{secret, long})
	wrapped := base64.StdEncoding.EncodeToString([]byte(long))
	coded := func(user string) string { return base64.StdEncoding.EncodeToString([]byte(user + ":" + secret)) }
	for what, text := range map[string]string{
		"python json.dumps":          `p@ss/w\u00f6rd <x> & y+z=1!`,
		"python quote":               "p%40ss/w%C3%B6rd%20%3Cx%3E%20%26%20y%2Bz%3D1%21",
		"python quote(safe='')":      "p%40ss%2Fw%C3%B6rd%20%3Cx%3E%20%26%20y%2Bz%3D1%21",
		"python quote_plus":          "p%40ss%2Fw%C3%B6rd+%3Cx%3E+%26+y%2Bz%3D1%21",
		"javascript encodeURI":       "p@ss/w%C3%B6rd%20%3Cx%3E%20&%20y+z=1!",
		"encodeURIComponent":         "p%40ss%2Fw%C3%B6rd%20%3Cx%3E%20%26%20y%2Bz%3D1!",
		"basic authentication":       coded("user"),
		"basic authentication, 2":    coded("us"),
		"basic authentication, 3":    coded("use"),
		"a line of 76":               wrapped[76:152],
		"a line of 64":               wrapped[64:128],
		"the last line of 76":        wrapped[228:],
		"json with escaped brackets": `p@ss/wörd \u003cx\u003e \u0026 y+z=1!`,
	} {
		if got := v.text("before\n" + text + "\nafter"); strings.Contains(got, text[len(text)/2-4:len(text)/2+4]) || !strings.Contains(got, shown) {
			t.Errorf("%s: %q", what, got)
		}
	}
}

// TestRedactedStream: however a step's output is cut into pieces, nothing of a
// value is shown, and all else is, in its order.
func TestRedactedStream(t *testing.T) {
	const secret = "hunter2hunter3"
	rapid.Check(t, func(t *rapid.T) {
		words := rapid.SliceOf(rapid.SampledFrom([]string{"a", "hunter2", secret, "\n", " ", "\r", "hunter"})).Draw(t, "words")
		text := strings.Join(words, "")
		s := &stream{newRedactor([]string{secret}), map[pieceKey][]byte{}}
		var shown strings.Builder
		vertex, now := digest.FromString("x"), time.Now()
		send := func(st *bkclient.SolveStatus) {
			for _, l := range s.status(st).Logs {
				shown.Write(l.Data)
			}
		}
		for rest := text; rest != ""; {
			n := rapid.IntRange(1, len(rest)).Draw(t, "n")
			send(&bkclient.SolveStatus{Logs: []*bkclient.VertexLog{{Vertex: vertex, Stream: 1, Data: []byte(rest[:n])}}})
			rest = rest[n:]
		}
		send(&bkclient.SolveStatus{Vertexes: []*bkclient.Vertex{{Digest: vertex, Completed: &now}}})
		if want := strings.ReplaceAll(text, secret, "***"); shown.String() != want {
			t.Fatalf("%q, want %q", shown.String(), want)
		}
	})
}

// TestRedactedLongLine: a line without an end is shown nevertheless.
func TestRedactedLongLine(t *testing.T) {
	s := &stream{newRedactor([]string{"hunter2hunter3"}), map[pieceKey][]byte{}}
	key := pieceKey{stream: 1}
	var shown strings.Builder
	for range 40 {
		shown.Write(s.piece(key, []byte(strings.Repeat("x", 3001)+"hunter2hunter3")))
		if len(s.pending[key]) > maxPending+4096 {
			t.Fatalf("%d bytes are held back", len(s.pending[key]))
		}
	}
	if strings.Contains(shown.String(), "hunter2") || shown.Len() < 40<<10 {
		t.Errorf("%d bytes", shown.Len())
	}
}
