package redact

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"whittle.dev/whittle"
)

// TestRedactor: values are hidden in the forms in which programs print them.
func TestRedactor(t *testing.T) {
	const secret = "p@ss/wörd \"x\""
	v := New([]string{secret + "\n", "postgresql://app:geheim%20@db:5432/app", "-----BEGIN KEY-----\nAAAABBBB\n-----END KEY-----\n", "abc", ""})
	for _, text := range []string{secret, url.QueryEscape(secret), url.PathEscape(secret), `p@ss/wörd \"x\"`, base64.StdEncoding.EncodeToString([]byte(secret))[:16],
		"geheim ", "postgresql://app:geheim%20@db:5432/app", "AAAABBBB", "-----BEGIN KEY-----"} {
		got := v.Text("before " + text + " after")
		if strings.Contains(got, text) || !strings.HasPrefix(got, "before ") || !strings.HasSuffix(got, " after") {
			t.Errorf("%q: %q", text, got)
		}
	}
	if got := v.Text("abc is too short"); got != "abc is too short" {
		t.Errorf("%q", got)
	}
	if New([]string{"", "abc"}) != nil {
		t.Error("a redactor over nothing")
	}
	err := v.Error(fmt.Errorf("pulling x: AAAABBBB: %w", whittle.ErrEngine))
	if strings.Contains(err.Error(), "AAAABBBB") || !errors.Is(err, whittle.ErrEngine) {
		t.Error(err)
	}
}

// TestRedactedForms: the forms are those of other programs: Python's json and quote,
// JavaScript's encodeURI, a header of basic authentication, base64 in broken lines.
func TestRedactedForms(t *testing.T) {
	secret := "p@ss/wörd <x> & y+z=1!"
	long := strings.Repeat("0123456789abcdef", 12)
	v := New([]string{secret, long})
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
		if got := v.Text("before\n" + text + "\nafter"); strings.Contains(got, text[len(text)/2-4:len(text)/2+4]) || !strings.Contains(got, shown) {
			t.Errorf("%s: %q", what, got)
		}
	}
}
