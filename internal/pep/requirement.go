package pep

import (
	"fmt"
	"strings"

	"whittle"
)

// maxRequirement bounds the text of a requirement in bytes.
const maxRequirement = 64 << 10

// Requirement is what a distribution or a project asks for (PEP 508):
// "requests[socks] >= 2 ; python_version < '3.12'".
type Requirement struct {
	// Name is normalized, as are the Extras.
	Name       string
	Extras     []string
	Specifiers Specifiers
	// URL is where "name @ url" points.
	URL    string
	Marker Marker
}

// ParseRequirement reads a requirement. What is none is [whittle.ErrCorrupt].
func ParseRequirement(text string) (Requirement, error) {
	if len(text) > maxRequirement {
		return Requirement{}, fmt.Errorf("a requirement of %d bytes: %w", len(text), whittle.ErrLimit)
	}
	p := requirementParser{markerParser{cursor{rest: text}}}
	r, err := p.requirement()
	if err != nil {
		return Requirement{}, fmt.Errorf("the requirement %.80q: %w", text, err)
	}
	return r, nil
}

// Allows says whether the specifiers allow a version that is installed, which
// may be none that PEP 440 knows: then only "===" with the same text does.
func (r Requirement) Allows(version string) bool {
	v, err := ParseVersion(version)
	if err == nil {
		return r.Specifiers.Contains(v, true)
	}
	for _, s := range r.Specifiers {
		if s.op != "===" || !strings.EqualFold(s.text, version) {
			return false
		}
	}
	return true
}

type requirementParser struct{ markerParser }

func (p *requirementParser) requirement() (r Requirement, err error) {
	p.space()
	name, ok := p.name()
	if !ok {
		return r, p.expected("a name")
	}
	r.Name = Normalize(name)
	p.space()
	if p.skip("[") {
		if r.Extras, err = p.extras(); err != nil {
			return r, err
		}
	}
	p.space()
	if p.skip("@") {
		p.space()
		r.URL = p.while(func(b byte) bool { return b != ' ' && b != '\t' })
		if r.URL == "" {
			return r, p.expected("a URL")
		}
	} else if r.Specifiers, err = p.specifiers(); err != nil {
		return r, err
	}
	p.space()
	if p.skip(";") {
		r.Marker, err = ParseMarker(p.rest)
		return r, err
	}
	if p.rest != "" {
		return r, p.expected("a semicolon or the end")
	}
	return r, nil
}

// name reads an identifier: letters and digits, with ".", "-" and "_" between.
// "_" at the end is met and taken.
func (p *requirementParser) name() (string, bool) {
	n := p.while(func(b byte) bool { return isLower(b|0x20) || isDigit(b) || b == '.' || b == '-' || b == '_' })
	trimmed := strings.TrimRight(n, "-.")
	p.rest = n[len(trimmed):] + p.rest
	if trimmed == "" || trimmed[0] == '.' || trimmed[0] == '-' || trimmed[0] == '_' {
		return "", false
	}
	return trimmed, true
}

func (p *requirementParser) extras() ([]string, error) {
	var out []string
	p.space()
	if p.skip("]") {
		return nil, nil
	}
	for {
		p.space()
		name, ok := p.name()
		if !ok {
			return nil, p.expected("the name of an extra")
		}
		out = append(out, Normalize(name))
		p.space()
		if p.skip("]") {
			return out, nil
		}
		if !p.skip(",") {
			return nil, p.expected("a comma or a closing bracket")
		}
	}
}

// specifiers reads up to the marker, within parentheses or without.
func (p *requirementParser) specifiers() (Specifiers, error) {
	text := p.rest
	if p.skip("(") {
		inside, rest, ok := strings.Cut(p.rest, ")")
		if !ok {
			return nil, p.expected("a closing parenthesis")
		}
		p.rest = rest
		return ParseSpecifiers(inside)
	}
	text, _, _ = strings.Cut(text, ";")
	p.rest = p.rest[len(text):]
	return ParseSpecifiers(text)
}
