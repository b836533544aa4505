package distro

import (
	"cmp"
	"strings"
)

// relation is one dependency: any of its alternatives will do.
type relation []alternative

// alternative is a name with a condition on its version, as far as there is
// one.
type alternative struct {
	name, op, version string
}

// relations reads a list of dependencies or of what a package provides.
// https://www.debian.org/doc/debian-policy/ch-relationships.html
func relations(text string) []relation {
	var out []relation
	for clause := range strings.SplitSeq(text, ",") {
		var r relation
		for alt := range strings.SplitSeq(clause, "|") {
			if a := debianAlternative(alt); a.name != "" {
				r = append(r, a)
			}
		}
		if len(r) > 0 {
			out = append(out, r)
		}
	}
	return out
}

// debianAlternative reads "libc6:any (>= 2.36) [amd64]".
func debianAlternative(text string) (a alternative) {
	text = strings.TrimSpace(text)
	if i := strings.IndexAny(text, " \t(["); i >= 0 {
		a.name = text[:i]
		if _, in, ok := strings.Cut(text[i:], "("); ok {
			in, _, _ = strings.Cut(in, ")")
			in = strings.TrimSpace(in)
			a.op = in[:len(in)-len(strings.TrimLeft(in, "<>="))]
			a.version = strings.TrimSpace(in[len(a.op):])
		}
	} else {
		a.name = text
	}
	a.name, _, _ = strings.Cut(a.name, ":")
	return a
}

// relationNames are the names of a list of dependencies.
func relationNames(text string) [][]string {
	var out [][]string
	for _, r := range relations(text) {
		names := make([]string, len(r))
		for i := range r {
			names[i] = r[i].name
		}
		out = append(out, names)
	}
	return out
}

// allows says whether a version meets the condition.
func (a alternative) allows(version string) bool {
	if a.op == "" {
		return true
	}
	c := compareVersions(version, a.version)
	switch a.op {
	case "<<":
		return c < 0
	case "<=", "<":
		return c <= 0
	case "=":
		return c == 0
	case ">=", ">":
		return c >= 0
	case ">>":
		return c > 0
	}
	return false
}

// compareVersions orders versions of Debian's packages.
// https://man7.org/linux/man-pages/man7/deb-version.7.html
func compareVersions(a, b string) int {
	aEpoch, aRest := epoch(a)
	bEpoch, bRest := epoch(b)
	if c := comparePart(aEpoch, bEpoch); c != 0 {
		return c
	}
	aUp, aRev := revision(aRest)
	bUp, bRev := revision(bRest)
	return cmp.Or(comparePart(aUp, bUp), comparePart(aRev, bRev))
}

func epoch(v string) (number, rest string) {
	if number, rest, ok := strings.Cut(v, ":"); ok {
		return number, rest
	}
	return "", v
}

func revision(v string) (upstream, revision string) {
	if i := strings.LastIndexByte(v, '-'); i >= 0 {
		return v[:i], v[i+1:]
	}
	return v, ""
}

// comparePart compares runs of other characters and runs of digits in turn.
func comparePart(a, b string) int {
	for a != "" || b != "" {
		for a != "" && !digit(a[0]) || b != "" && !digit(b[0]) {
			if c := cmp.Compare(order(a), order(b)); c != 0 {
				return c
			}
			a, b = a[1:], b[1:]
		}
		aNumber, aRest := digits(a)
		bNumber, bRest := digits(b)
		if c := cmp.Or(cmp.Compare(len(aNumber), len(bNumber)), strings.Compare(aNumber, bNumber)); c != 0 {
			return c
		}
		a, b = aRest, bRest
	}
	return 0
}

// order is the weight of the first character outside of numbers: a tilde comes
// before the end, the end before letters, letters before the rest.
func order(s string) int {
	switch {
	case s == "" || digit(s[0]):
		return 0
	case s[0] == '~':
		return -1
	case s[0]|0x20 >= 'a' && s[0]|0x20 <= 'z':
		return int(s[0])
	}
	return int(s[0]) + 256
}

func digit(c byte) bool { return c >= '0' && c <= '9' }

// digits parts a leading number, without its zeros, from the rest.
func digits(s string) (number, rest string) {
	i := 0
	for i < len(s) && digit(s[i]) {
		i++
	}
	return strings.TrimLeft(s[:i], "0"), s[i:]
}
