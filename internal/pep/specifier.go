package pep

import (
	"iter"
	"strings"

	"whittle.dev/whittle"
)

// Specifiers are the versions that a requirement allows: all of its parts
// hold. None at all allow every version.
// https://packaging.python.org/en/latest/specifications/version-specifiers/
type Specifiers []specifier

type specifier struct {
	op string
	// version is what the operator compares with, absent for "===".
	version Version
	// prefix says that the version was written with ".*" at its end.
	prefix bool
	text   string // of the version, as written
}

// ParseSpecifiers reads specifiers joined by commas (">=2, <3"). What are none
// is [whittle.ErrCorrupt].
func ParseSpecifiers(text string) (Specifiers, error) {
	if len(text) > maxRequirement {
		return nil, whittle.ErrLimit.Errorf("the specifiers have %d bytes, more than %d", len(text), maxRequirement)
	}
	var out Specifiers
	for part := range strings.SplitSeq(text, ",") {
		if part = strings.TrimSpace(part); part == "" {
			continue
		}
		s, err := parseSpecifier(part)
		if err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	return out, nil
}

func parseSpecifier(text string) (specifier, error) {
	bad := whittle.ErrCorrupt.Errorf("%.80q is not a version specifier", text)
	c := cursor{rest: text}
	s := specifier{op: c.one("===", "~=", "==", "!=", "<=", ">=", "<", ">")}
	s.text = strings.TrimSpace(c.rest)
	switch {
	case s.op == "":
		return s, bad
	case s.op == "===":
		if strings.ContainsAny(s.text, " \t\r\n;)") {
			return s, bad
		}
		return s, nil
	}
	version := s.text
	if s.op == "==" || s.op == "!=" {
		version, s.prefix = strings.CutSuffix(version, ".*")
	}
	v, err := ParseVersion(version)
	if err != nil || version != v.text {
		return s, bad
	}
	plain := v.pre == "" && !v.post && !v.dev
	switch {
	case s.prefix && (!plain || len(v.local) > 0),
		s.op == "~=" && len(v.release) < 2,
		s.op != "==" && s.op != "!=" && len(v.local) > 0:
		return s, bad
	}
	s.version = v
	return s, nil
}

// String joins the specifiers as they were written, in their order.
func (s Specifiers) String() string {
	parts := make([]string, len(s))
	for i, p := range s {
		parts[i] = p.op + p.text
	}
	return strings.Join(parts, ",")
}

// All gives the operators with their versions, as written.
func (s Specifiers) All() iter.Seq2[string, string] {
	return func(yield func(string, string) bool) {
		for _, p := range s {
			if !yield(p.op, p.text) {
				return
			}
		}
	}
}

// Pinned is the one version that "==" or "===" asks for, as written.
func (s Specifiers) Pinned() (version string, ok bool) {
	for _, p := range s {
		if p.op == "===" || p.op == "==" && !p.prefix {
			return p.text, true
		}
	}
	return "", false
}

// NamesPrerelease says whether a pre-release is mentioned, which asks for such.
func (s Specifiers) NamesPrerelease() bool {
	for _, p := range s {
		v := p.version
		if p.op == "===" {
			v, _ = ParseVersion(p.text)
		}
		if p.op != "!=" && v.Prerelease() {
			return true
		}
	}
	return false
}

// Contains says whether all specifiers allow a version. Pre-releases count as
// any other version where they are asked for, and are refused where not; what
// is installed should be asked about with them.
func (s Specifiers) Contains(v Version, prereleases bool) bool {
	if v.Prerelease() && !prereleases {
		return false
	}
	for _, p := range s {
		if !p.allows(v) {
			return false
		}
	}
	return true
}

func (s specifier) allows(v Version) bool {
	switch s.op {
	case "===":
		return strings.EqualFold(v.text, s.text)
	case "==":
		return s.equals(v)
	case "!=":
		return !s.equals(v)
	case "<=":
		return v.comparePublic(s.version) <= 0
	case ">=":
		return v.comparePublic(s.version) >= 0
	case "<":
		return v.comparePublic(s.version) < 0 && !v.prereleaseOf(s.version)
	case ">":
		return v.comparePublic(s.version) > 0 && !v.postreleaseOf(s.version)
	case "~=":
		up := s.version.release[:len(s.version.release)-1]
		return v.comparePublic(s.version) >= 0 && v.startsWith(s.version.epoch, up)
	}
	return false
}

func (s specifier) equals(v Version) bool {
	switch {
	case s.prefix:
		return v.startsWith(s.version.epoch, s.version.release)
	case len(s.version.local) > 0:
		return v.Compare(s.version) == 0
	}
	return v.comparePublic(s.version) == 0
}

func (v Version) startsWith(epoch number, release []number) bool {
	if v.epoch != epoch {
		return false
	}
	for i, n := range release {
		if at(v.release, i) != n {
			return false
		}
	}
	return true
}

// prereleaseOf says whether v is a pre-release of a version that is none
// itself: "<2" does not mean 2rc1.
func (v Version) prereleaseOf(w Version) bool {
	if w.Prerelease() || !v.Prerelease() || v.compareBase(w) != 0 {
		return false
	}
	return !w.post || v.post && v.postN == w.postN && v.pre == ""
}

// postreleaseOf says whether v is a post-release of a version that is none
// itself: ">2" does not mean 2.post1.
func (v Version) postreleaseOf(w Version) bool {
	return v.post && !w.post && !w.dev && v.compareBase(w) == 0 && v.pre == w.pre && v.preN == w.preN
}
