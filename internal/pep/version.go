package pep

import (
	"cmp"
	"slices"
	"strings"

	"whittle.dev/whittle"
)

// maxVersion bounds the text of a version in bytes.
const maxVersion = 1024

// Version is a version of a distribution (PEP 440). The zero value is no
// version; versions come from [ParseVersion].
// https://packaging.python.org/en/latest/specifications/version-specifiers/
type Version struct {
	epoch   number
	release []number
	// pre is "a", "b" or "rc", empty where it is no pre-release.
	pre         string
	preN        number
	post, dev   bool
	postN, devN number
	local       []string
	text        string // as written, without space around it
}

// number is a decimal number without leading zeros, "" for zero: versions hold
// dates and hashes that no machine word holds.
type number string

func (n number) compare(m number) int {
	return cmp.Or(cmp.Compare(len(n), len(m)), strings.Compare(string(n), string(m)))
}

func (n number) String() string {
	if n == "" {
		return "0"
	}
	return string(n)
}

// next is the number after it.
func (n number) next() number {
	digits := []byte("0" + n)
	i := len(digits) - 1
	for ; digits[i] == '9'; i-- {
		digits[i] = '0'
	}
	digits[i]++
	return number(strings.TrimLeft(string(digits), "0"))
}

// ParseVersion reads a version in any spelling that PEP 440 allows. What is
// none is [whittle.ErrCorrupt].
func ParseVersion(text string) (Version, error) {
	s := strings.TrimSpace(text)
	if len(s) > maxVersion {
		return Version{}, whittle.ErrLimit.Errorf("a version has %d bytes, more than %d", len(s), maxVersion)
	}
	c := cursor{rest: lower(s)}
	v := Version{text: s}
	c.skip("v")
	if !c.public(&v) {
		return Version{}, notVersion(text)
	}
	if c.skip("+") && !c.local(&v) || c.rest != "" {
		return Version{}, notVersion(text)
	}
	return v, nil
}

func notVersion(text string) error {
	return whittle.ErrCorrupt.Errorf("%.80q is not a version", text)
}

// lower lowers ASCII letters only: no other letter is part of a version.
func lower(s string) string {
	return strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, s)
}

// cursor reads a text from its start.
type cursor struct{ rest string }

func (c *cursor) skip(prefix string) bool {
	rest, ok := strings.CutPrefix(c.rest, prefix)
	if ok {
		c.rest = rest
	}
	return ok
}

func (c *cursor) expected(what string) error {
	return whittle.ErrCorrupt.Errorf("expected %s at %.20q", what, c.rest)
}

func (c *cursor) space() { c.rest = strings.TrimLeft(c.rest, " \t") }

// one skips the first of some prefixes that is there, and says which.
func (c *cursor) one(prefixes ...string) string {
	for _, p := range prefixes {
		if c.skip(p) {
			return p
		}
	}
	return ""
}

// while takes the bytes at the start that are fit.
func (c *cursor) while(fit func(b byte) bool) string {
	i := 0
	for i < len(c.rest) && fit(c.rest[i]) {
		i++
	}
	taken := c.rest[:i]
	c.rest = c.rest[i:]
	return taken
}

func isDigit(b byte) bool { return '0' <= b && b <= '9' }
func isLower(b byte) bool { return 'a' <= b && b <= 'z' }

// number takes digits; ok is false where there are none.
func (c *cursor) number() (n number, ok bool) {
	digits := c.while(isDigit)
	return number(strings.TrimLeft(digits, "0")), digits != ""
}

// public reads a version up to its local part. What cannot go on stays in the
// cursor.
func (c *cursor) public(v *Version) bool {
	n, ok := c.number()
	if !ok {
		return false
	}
	if c.skip("!") {
		v.epoch = n
		if n, ok = c.number(); !ok {
			return false
		}
	}
	v.release = append(v.release, n)
	for len(c.rest) > 1 && c.rest[0] == '.' && isDigit(c.rest[1]) {
		c.rest = c.rest[1:]
		n, _ := c.number()
		v.release = append(v.release, n)
	}
	if name, n := c.suffix("alpha", "a", "beta", "b", "preview", "pre", "c", "rc"); name != "" {
		v.pre, v.preN = preNames[name], n
	}
	if len(c.rest) > 1 && c.rest[0] == '-' && isDigit(c.rest[1]) {
		c.rest = c.rest[1:]
		v.postN, v.post = c.number()
	} else if name, n := c.suffix("post", "rev", "r"); name != "" {
		v.post, v.postN = true, n
	}
	if name, n := c.suffix("dev"); name != "" {
		v.dev, v.devN = true, n
	}
	return true
}

var preNames = map[string]string{"alpha": "a", "a": "a", "beta": "b", "b": "b", "c": "rc", "rc": "rc", "pre": "rc", "preview": "rc"}

// suffix reads one of some words with its number; a separator may be before
// the word and between both.
func (c *cursor) suffix(words ...string) (word string, n number) {
	before := c.rest
	c.one(".", "-", "_")
	if word = c.one(words...); word == "" {
		c.rest = before
		return "", ""
	}
	c.one(".", "-", "_")
	n, _ = c.number()
	return word, n
}

func (c *cursor) local(v *Version) bool {
	for {
		part := c.while(func(b byte) bool { return isDigit(b) || isLower(b) })
		if part == "" {
			return false
		}
		if isNumber(part) {
			part = number(strings.TrimLeft(part, "0")).String()
		}
		v.local = append(v.local, part)
		if c.one(".", "-", "_") == "" {
			return true
		}
	}
}

func isNumber(s string) bool { return strings.Trim(s, "0123456789") == "" }

// String is the version in its normal form.
func (v Version) String() string {
	var b strings.Builder
	if v.epoch != "" {
		b.WriteString(v.epoch.String() + "!")
	}
	for i, n := range v.release {
		if i > 0 {
			b.WriteByte('.')
		}
		b.WriteString(n.String())
	}
	if v.pre != "" {
		b.WriteString(v.pre + v.preN.String())
	}
	if v.post {
		b.WriteString(".post" + v.postN.String())
	}
	if v.dev {
		b.WriteString(".dev" + v.devN.String())
	}
	if len(v.local) > 0 {
		b.WriteString("+" + strings.Join(v.local, "."))
	}
	return b.String()
}

// Key is the same text for versions that are equal: "1.0" and "1".
func (v Version) Key() string {
	n := len(v.release)
	for n > 1 && v.release[n-1] == "" {
		n--
	}
	v.release = v.release[:n]
	return v.String()
}

// Prerelease says whether it is an alpha, a beta, a release candidate or a
// development version.
func (v Version) Prerelease() bool { return v.pre != "" || v.dev }

// Compare orders versions: -1, 0 or 1.
func (v Version) Compare(w Version) int {
	return cmp.Or(v.comparePublic(w), compareLocal(v.local, w.local))
}

// comparePublic orders versions without their local parts.
func (v Version) comparePublic(w Version) int {
	return cmp.Or(
		v.compareBase(w),
		cmp.Compare(v.preRank(), w.preRank()), v.preN.compare(w.preN),
		whittle.CompareBools(v.post, w.post), v.postN.compare(w.postN),
		whittle.CompareBools(!v.dev, !w.dev), v.devN.compare(w.devN),
	)
}

// compareBase orders epochs and releases; zeros at the end do not count.
func (v Version) compareBase(w Version) int {
	if c := v.epoch.compare(w.epoch); c != 0 {
		return c
	}
	for i := range max(len(v.release), len(w.release)) {
		if c := at(v.release, i).compare(at(w.release, i)); c != 0 {
			return c
		}
	}
	return 0
}

// at is a part of a release, zero behind its end.
func at(release []number, i int) number {
	if i < len(release) {
		return release[i]
	}
	return ""
}

// preRank orders what follows the release: a development version of the
// release itself comes before its pre-releases, and these before it.
func (v Version) preRank() int {
	switch v.pre {
	case "a":
		return 1
	case "b":
		return 2
	case "rc":
		return 3
	}
	if v.dev && !v.post {
		return 0
	}
	return 4
}

// compareLocal orders local parts: none comes first, words before numbers.
func compareLocal(a, b []string) int {
	return slices.CompareFunc(a, b, func(x, y string) int {
		nx, ny := isNumber(x), isNumber(y)
		if nx && ny {
			return number(x).compare(number(y))
		}
		return cmp.Or(whittle.CompareBools(nx, ny), strings.Compare(x, y))
	})
}
