package pep

import (
	"fmt"
	"strings"

	"whittle.dev/whittle"
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

// Parts are a requirement taken apart, with its specifiers and its marker
// unread.
type Parts struct {
	// Written is the name as written; Name and the Extras are normalized.
	Written, Name string
	Extras        []string
	// Specifiers are without the parentheses that may be around them.
	Specifiers, URL, Marker string
}

// SplitRequirement takes a requirement apart. What is none is
// [whittle.ErrCorrupt], but specifiers and the marker are not looked at.
func SplitRequirement(text string) (Parts, error) {
	if len(text) > maxRequirement {
		return Parts{}, whittle.ErrLimit.Errorf("a requirement has %d bytes, more than %d", len(text), maxRequirement)
	}
	p := requirementParser{cursor{rest: text}}
	return p.parts()
}

// ParseRequirement reads a requirement. What is none is [whittle.ErrCorrupt].
func ParseRequirement(text string) (Requirement, error) {
	r, err := parseRequirement(text)
	if err != nil {
		return Requirement{}, fmt.Errorf("the requirement %.80q: %w", text, err)
	}
	return r, nil
}

func parseRequirement(text string) (Requirement, error) {
	p, err := SplitRequirement(text)
	if err != nil {
		return Requirement{}, err
	}
	r := Requirement{Name: p.Name, Extras: p.Extras, URL: p.URL}
	if r.Specifiers, err = ParseSpecifiers(p.Specifiers); err == nil && p.Marker != "" {
		r.Marker, err = ParseMarker(p.Marker)
	}
	return r, err
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

type requirementParser struct{ cursor }

func (p *requirementParser) parts() (r Parts, err error) {
	p.space()
	if r.Written = p.name(); r.Written == "" {
		return r, p.expected("a name")
	}
	r.Name = Normalize(r.Written)
	p.space()
	if p.skip("[") {
		if r.Extras, err = p.extras(); err != nil {
			return r, err
		}
	}
	p.space()
	if p.skip("@") {
		p.space()
		if r.URL = p.while(func(b byte) bool { return b != ' ' && b != '\t' }); r.URL == "" {
			return r, p.expected("a URL")
		}
	} else if r.Specifiers, err = p.specifiers(); err != nil {
		return r, err
	}
	p.space()
	switch {
	case p.skip(";"):
		p.space()
		if r.Marker = strings.TrimRight(p.rest, " \t"); r.Marker == "" {
			return r, p.expected("a marker")
		}
	case p.rest != "":
		return r, p.expected("a semicolon or the end")
	}
	return r, nil
}

// name reads an identifier. "_" at the end is met and taken.
func (p *requirementParser) name() string {
	name, rest := CutName(p.rest)
	if tail := rest[:len(rest)-len(strings.TrimLeft(rest, "_"))]; name != "" && tail != "" {
		name, rest = name+tail, rest[len(tail):]
	}
	p.rest = rest
	return name
}

func (p *requirementParser) extras() ([]string, error) {
	var out []string
	p.space()
	if p.skip("]") {
		return nil, nil
	}
	for {
		p.space()
		name := p.name()
		if name == "" {
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

// specifiers takes what is before the marker, within parentheses or
// without.
func (p *requirementParser) specifiers() (string, error) {
	if p.skip("(") {
		inside, rest, ok := strings.Cut(p.rest, ")")
		if !ok {
			return "", p.expected("a closing parenthesis")
		}
		p.rest = rest
		return strings.Trim(inside, " \t"), nil
	}
	if p.rest != "" && !strings.ContainsAny(p.rest[:1], "<>=!~;") {
		return "", p.expected("a version specifier")
	}
	text, _, _ := strings.Cut(p.rest, ";")
	p.rest = p.rest[len(text):]
	return strings.Trim(text, " \t"), nil
}
