// Package redact replaces secret values in what a build prints: as they are, line by
// line, quoted for JSON and URLs, in base64, and the passwords of URLs.
package redact

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"unicode/utf16"
)

const (
	// minHidden is the shortest value that is replaced, in bytes: shorter ones are
	// in every text.
	minHidden = 4
	// shown is printed instead of a value.
	shown = "***"
)

// Redactor replaces secret values in texts. A nil one replaces nothing.
type Redactor struct {
	replacer *strings.Replacer
	longest  int
}

// New is what replaces some values, nil if none of them can be told from other text.
func New(values []string) *Redactor {
	var needles []string
	add := func(s string) {
		if len(s) >= minHidden && !slices.Contains(needles, s) {
			needles = append(needles, s)
		}
	}
	for _, value := range values {
		for _, form := range forms(value) {
			add(form)
		}
	}
	if len(needles) == 0 {
		return nil
	}
	// The longest first: one value may be the beginning of another.
	slices.SortStableFunc(needles, func(a, b string) int { return len(b) - len(a) })
	v := &Redactor{longest: len(needles[0])}
	pairs := make([]string, 0, 2*len(needles))
	for _, n := range needles {
		pairs = append(pairs, n, shown)
	}
	v.replacer = strings.NewReplacer(pairs...)
	return v
}

// forms are the texts in which a value may be printed.
func forms(value string) (out []string) {
	whole := strings.TrimSpace(value)
	if len(whole) < minHidden {
		return nil
	}
	for _, s := range secretParts(whole) {
		out = append(out, s)
		out = append(out, inURLs(s)...)
		out = append(out, inJSON(s)...)
	}
	out = append(out, inBase64(value)...)
	return append(out, inBase64(whole)...)
}

// secretParts are a value, its lines, what these set, and the password if it is a URL.
func secretParts(whole string) []string {
	parts := []string{whole}
	for line := range strings.Lines(whole) {
		line = strings.TrimSpace(line)
		parts = append(parts, line)
		// A file of settings: "//host/:_authToken=value".
		if _, set, ok := strings.Cut(line, "="); ok && len(set) >= 2*minHidden {
			parts = append(parts, set)
		}
	}
	if u, err := url.Parse(whole); err == nil && u.User != nil {
		if password, ok := u.User.Password(); ok {
			parts = append(parts, password)
		}
	}
	return parts
}

// inURLs are the forms of a text within a URL, as different programs escape it.
func inURLs(s string) []string {
	out := []string{url.QueryEscape(s), url.PathEscape(s)}
	for _, kept := range unescaped {
		escaped := percent(s, kept)
		out = append(out, escaped, strings.ReplaceAll(escaped, "%20", "+"))
	}
	return out
}

// unescaped are the characters besides letters, digits and "-._~" that programs leave
// as they are in URLs: none, Python's quote, JavaScript's encodeURIComponent and
// encodeURI.
var unescaped = []string{"", "/", "!*'()", "!*'();/?:@&=+$,#"}

// percent escapes a text for a URL.
func percent(s, kept string) string {
	var b strings.Builder
	for i := range len(s) {
		c := s[i]
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("-._~"+kept, c) >= 0 {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

// inJSON are the forms of a text within a string of JSON: with "<", ">" and "&"
// escaped or not, and with everything escaped that is not ASCII.
func inJSON(s string) (out []string) {
	for _, html := range []bool{true, false} {
		var b strings.Builder
		enc := json.NewEncoder(&b)
		enc.SetEscapeHTML(html)
		if enc.Encode(s) != nil {
			continue
		}
		quoted := strings.TrimSuffix(strings.TrimPrefix(strings.TrimSuffix(b.String(), "\n"), `"`), `"`)
		ascii := ""
		for _, unit := range utf16.Encode([]rune(quoted)) {
			if unit < 0x80 {
				ascii += string(rune(unit))
			} else {
				ascii += fmt.Sprintf(`\u%04x`, unit)
			}
		}
		out = append(out, quoted, ascii)
	}
	return out
}

// inBase64 are the parts of a text's base64 that do not depend on what is before and
// after it: a text may follow a user's name and a colon. Programs break long lines
// after 76 or 64 characters.
func inBase64(text string) (out []string) {
	for skip := range 3 {
		n := (len(text) - skip) / 3 * 3
		if n < 2*minHidden {
			continue
		}
		part := []byte(text[skip : skip+n])
		for _, coding := range []*base64.Encoding{base64.StdEncoding, base64.URLEncoding} {
			coded := coding.EncodeToString(part)
			out = append(out, coded)
			if skip > 0 {
				continue
			}
			for _, width := range []int{76, 64} {
				for at := 0; at < len(coded) && len(coded) > width; at += width {
					if line := coded[at:min(at+width, len(coded))]; len(line) >= 2*minHidden {
						out = append(out, line)
					}
				}
			}
		}
	}
	return out
}

// Longest is the length in bytes of the longest text that is replaced, 0 without any.
func (v *Redactor) Longest() int {
	if v == nil {
		return 0
	}
	return v.longest
}

// Text is s without the values.
func (v *Redactor) Text(s string) string {
	if v == nil {
		return s
	}
	return v.replacer.Replace(s)
}

// Bytes are b without the values: b itself where nothing is replaced.
func (v *Redactor) Bytes(b []byte) []byte {
	if v == nil || len(b) == 0 {
		return b
	}
	return []byte(v.replacer.Replace(string(b)))
}

// Lines are new lines without the values.
func (v *Redactor) Lines(all []string) []string {
	out := slices.Clone(all)
	for i := range out {
		out[i] = v.Text(out[i])
	}
	return out
}

// Error redacts an error's text; errors.Is and errors.As see the same errors.
func (v *Redactor) Error(err error) error {
	if v == nil || err == nil || v.Text(err.Error()) == err.Error() {
		return err
	}
	return &redacted{text: v.Text(err.Error()), err: err}
}

// redacted is an error with a redacted text.
type redacted struct {
	text string
	err  error
}

func (e *redacted) Error() string { return e.text }
func (e *redacted) Unwrap() error { return e.err }
