package pep

import (
	"fmt"
	"strings"

	"whittle.dev/whittle"
)

// ParseConstraint reads a version constraint as Poetry writes it ("^1.2", "~1.2",
// "1.2.*", ">=1 <2") and gives the specifiers that allow the same versions; "*"
// gives none. What is no constraint is [whittle.ErrCorrupt]; alternatives
// ("^2 || ^3"), which specifiers cannot say, are [whittle.ErrUnsupported].
// https://python-poetry.org/docs/dependency-specification/
func ParseConstraint(text string) (Specifiers, error) {
	if len(text) > maxRequirement {
		return nil, whittle.ErrLimit.Errorf("a version constraint has %d bytes, more than %d", len(text), maxRequirement)
	}
	if strings.Contains(text, "|") {
		return nil, whittle.ErrUnsupported.Errorf("the version constraint %.80q has alternatives, which specifiers cannot say", text)
	}
	bad := func(err error) (Specifiers, error) {
		return nil, fmt.Errorf("%.80q is not a version constraint: %w", text, err)
	}
	c := cursor{rest: text}
	c.space()
	var out Specifiers
	if c.rest == "" {
		return bad(whittle.ErrCorrupt.Errorf("it is empty"))
	}
	for c.rest != "" {
		op := c.one("~=", "^", "~", "==", "!=", "<=", ">=", "=", "<", ">")
		c.space()
		version := c.while(func(b byte) bool { return b != ' ' && b != '\t' && b != ',' })
		part, err := constraint(op, version)
		if err != nil {
			return bad(err)
		}
		out = append(out, part...)
		c.space()
		if c.skip(",") {
			c.space()
		}
	}
	return out, nil
}

// constraint is one comparison as specifiers.
func constraint(op, version string) (Specifiers, error) {
	if op == "" && isAny(version) {
		return nil, nil
	}
	number, stars := version, 0
	for strings.HasSuffix(number, ".*") {
		number, stars = strings.TrimSuffix(number, ".*"), stars+1
	}
	v, err := ParseVersion(number)
	release := err == nil && v.pre == "" && !v.post && !v.dev && len(v.local) == 0
	if err != nil || number != v.text || stars > 1 && (!release || v.epoch != "" || len(v.release) > 3 || op != "" && op != "==" && op != "!=") {
		return nil, whittle.ErrCorrupt.Errorf("%.40q is not a version after %q", version, op)
	}
	switch {
	case strings.ContainsAny(op, "^~") && stars > 0:
		return nil, whittle.ErrCorrupt.Errorf("%.40q is not a version after %q", version, op)
	case op == "^", op == "~", op == "~=" && len(v.release) < 2:
		number = ">=" + number + ",<" + v.bound(op != "~")
	case strings.ContainsAny(op, "<>~"):
		number = op + number // ">=1.*" is ">=1"
	case stars > 0 && !release:
		return nil, whittle.ErrUnsupported.Errorf("%.40q has a wildcard after a pre-release", version)
	default:
		if op != "!=" {
			op = "=="
		}
		number = op + number + strings.Repeat(".*", min(stars, 1))
	}
	return ParseSpecifiers(number)
}

// isAny says whether a version is one of the wildcards that allow all: "*",
// "x", "*.*".
func isAny(version string) bool {
	for part := range strings.SplitSeq(strings.TrimPrefix(lower(version), "v"), ".") {
		if part != "*" && part != "x" {
			return false
		}
	}
	return true
}

// bound is the first release that "~" or, where it breaks, "^" no longer
// allows: that counts from the first of three numbers that is not zero.
func (v Version) bound(breaking bool) string {
	keep := min(1, len(v.release)-1)
	if breaking {
		keep = 0
		for keep < min(len(v.release), 3)-1 && v.release[keep] == "" {
			keep++
		}
	}
	b := Version{epoch: v.epoch, release: append([]number{}, v.release[:keep+1]...)}
	b.release[keep] = b.release[keep].next()
	return b.String()
}
