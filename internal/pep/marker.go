package pep

import (
	"fmt"
	"strings"

	"whittle.dev/whittle"
)

// Environment is what markers are evaluated in (PEP 508).
// https://packaging.python.org/en/latest/specifications/dependency-specifiers/
type Environment struct {
	PythonVersion, PythonFullVersion          string // "3.13", "3.13.5"
	ImplementationName, ImplementationVersion string // "cpython", "3.13.5"
	PlatformPythonImplementation              string // "CPython"
	OSName, SysPlatform                       string // "posix", "linux"
	PlatformSystem, PlatformMachine           string // "Linux", "x86_64"
	PlatformRelease, PlatformVersion          string // of the kernel, mostly not known
}

// get is the value of a marker's variable; ok is false for what is none.
func (e *Environment) get(name, extra string) (value string, ok bool) {
	switch name {
	case "python_version":
		return e.PythonVersion, true
	case "python_full_version":
		// An interpreter built from no release calls itself "3.14.0a1+".
		if strings.HasSuffix(e.PythonFullVersion, "+") {
			return e.PythonFullVersion + "local", true
		}
		return e.PythonFullVersion, true
	case "implementation_name":
		return e.ImplementationName, true
	case "implementation_version":
		return e.ImplementationVersion, true
	case "platform_python_implementation":
		return e.PlatformPythonImplementation, true
	case "os_name":
		return e.OSName, true
	case "sys_platform":
		return e.SysPlatform, true
	case "platform_system":
		return e.PlatformSystem, true
	case "platform_machine":
		return e.PlatformMachine, true
	case "platform_release":
		return e.PlatformRelease, true
	case "platform_version":
		return e.PlatformVersion, true
	case "extra":
		return extra, true
	}
	return "", false
}

// variables are the names in markers, with the old ones that are still met.
var variables = map[string]string{
	"python_version": "python_version", "python_full_version": "python_full_version",
	"implementation_name": "implementation_name", "implementation_version": "implementation_version",
	"platform_python_implementation": "platform_python_implementation",
	"platform.python_implementation": "platform_python_implementation", "python_implementation": "platform_python_implementation",
	"os_name": "os_name", "os.name": "os_name", "sys_platform": "sys_platform", "sys.platform": "sys_platform",
	"platform_system": "platform_system", "platform_machine": "platform_machine", "platform.machine": "platform_machine",
	"platform_release": "platform_release", "platform_version": "platform_version", "platform.version": "platform_version",
	"extra": "extra", "extras": "extras", "dependency_groups": "dependency_groups",
}

// comparesVersions are the variables that hold versions; others are text.
var comparesVersions = map[string]bool{"python_version": true, "python_full_version": true, "implementation_version": true, "platform_release": true}

// Marker says when a requirement applies. The zero value always does.
type Marker struct{ root *markerNode }

// markerNode is a comparison, or "and" or "or" of two.
type markerNode struct {
	op          string
	left, right *markerNode
	// variable is what a comparison reads, value what it compares with, first
	// whether the variable is before the operator.
	variable, value string
	first           bool
}

// ParseMarker reads a marker (`python_version < "3.11" and extra == "fast"`).
// What is none is [whittle.ErrCorrupt].
func ParseMarker(text string) (Marker, error) {
	if len(text) > maxRequirement {
		return Marker{}, whittle.ErrLimit.Errorf("a marker has %d bytes, more than %d", len(text), maxRequirement)
	}
	p := markerParser{cursor{rest: text}}
	root, err := p.or(0)
	if err == nil && p.rest != "" {
		err = p.expected("the end")
	}
	if err != nil {
		return Marker{}, fmt.Errorf("the marker %.80q: %w", text, err)
	}
	return Marker{root}, nil
}

// maxDepth bounds parentheses within parentheses.
const maxDepth = 100

type markerParser struct{ cursor }

// word skips a word that no other letter follows.
func (p *markerParser) word(w string) bool {
	rest, ok := strings.CutPrefix(p.rest, w)
	if !ok || rest != "" && isWord(rest[0]) {
		return false
	}
	p.rest = rest
	return true
}

func isWord(b byte) bool {
	return isLower(b|0x20) || isDigit(b) || b == '_' || b >= 0x80
}

func (p *markerParser) or(depth int) (*markerNode, error) {
	return p.joined("or", depth, func(depth int) (*markerNode, error) { return p.joined("and", depth, p.atom) })
}

func (p *markerParser) joined(op string, depth int, part func(depth int) (*markerNode, error)) (*markerNode, error) {
	left, err := part(depth)
	for err == nil && p.word(op) {
		var right *markerNode
		right, err = part(depth)
		left = &markerNode{op: op, left: left, right: right}
	}
	return left, err
}

func (p *markerParser) atom(depth int) (*markerNode, error) {
	if depth > maxDepth {
		return nil, whittle.ErrLimit.Errorf("more than %d parentheses within each other", maxDepth)
	}
	p.space()
	defer p.space()
	if !p.skip("(") {
		return p.comparison()
	}
	n, err := p.or(depth + 1)
	if err == nil && !p.skip(")") {
		err = p.expected("a closing parenthesis")
	}
	return n, err
}

func (p *markerParser) comparison() (*markerNode, error) {
	left, literal, err := p.operand()
	if err != nil {
		return nil, err
	}
	op, err := p.operator()
	if err != nil {
		return nil, err
	}
	right, rightLiteral, err := p.operand()
	switch {
	case err != nil:
		return nil, err
	case literal == rightLiteral:
		return nil, whittle.ErrCorrupt.Errorf("%.20q %s %.20q does not compare a variable with a text", left, op, right)
	case literal:
		return &markerNode{op: op, variable: right, value: left}, nil
	}
	return &markerNode{op: op, variable: left, value: right, first: true}, nil
}

// operand reads a variable or a quoted text.
func (p *markerParser) operand() (s string, literal bool, err error) {
	p.space()
	defer p.space()
	if quote := p.one(`"`, "'"); quote != "" {
		s, rest, ok := strings.Cut(p.rest, quote)
		if !ok || strings.ContainsAny(s, "\\\n\r") {
			return "", true, p.expected("a quoted text")
		}
		p.rest = rest
		return s, true, nil
	}
	before := p.rest
	name := p.while(func(b byte) bool { return isWord(b) || b == '.' })
	if v, ok := variables[name]; ok {
		return v, false, nil
	}
	p.rest = before
	return "", false, p.expected("a variable or a quoted text")
}

func (p *markerParser) operator() (string, error) {
	switch op := p.one("===", "==", "~=", "!=", "<=", ">=", "<", ">"); {
	case op != "":
		return op, nil
	case p.word("in"):
		return "in", nil
	case p.word("not") && strings.TrimLeft(p.rest, " \t") != p.rest:
		p.space()
		if p.word("in") {
			return "not in", nil
		}
	}
	return "", p.expected("an operator")
}

// Evaluate says whether a marker holds in an environment, with one extra asked
// for or with none (""). Comparisons that have no meaning, and variables of
// lock files, are [whittle.ErrUnsupported].
func (m Marker) Evaluate(env Environment, extra string) (bool, error) {
	if m.root == nil {
		return true, nil
	}
	return m.root.evaluate(&env, Normalize(extra))
}

// MentionsExtra says whether the marker depends on an extra.
func (m Marker) MentionsExtra() bool { return m.root != nil && m.root.mentionsExtra() }

func (n *markerNode) mentionsExtra() bool {
	if n.left != nil {
		return n.left.mentionsExtra() || n.right.mentionsExtra()
	}
	return n.variable == "extra"
}

func (n *markerNode) evaluate(env *Environment, extra string) (bool, error) {
	switch n.op {
	case "and", "or":
		left, err := n.left.evaluate(env, extra)
		if err != nil {
			return false, err
		}
		right, err := n.right.evaluate(env, extra)
		if n.op == "and" {
			return left && right, err
		}
		return left || right, err
	}
	actual, ok := env.get(n.variable, extra)
	if !ok {
		return false, whittle.ErrUnsupported.Errorf("the variable %s has no value in an installation", n.variable)
	}
	value := n.value
	if n.variable == "extra" {
		value = Normalize(value)
	}
	if n.first {
		return compareValues(n.variable, actual, n.op, value)
	}
	return compareValues(n.variable, value, n.op, actual)
}

// compareValues compares as versions where the variable holds one and the
// right side can be one, and as text otherwise. Text has no order.
func compareValues(variable, left, op, right string) (bool, error) {
	if comparesVersions[variable] && op != "in" && op != "not in" {
		if s, err := parseSpecifier(op + strings.TrimSpace(right)); err == nil {
			if op == "===" {
				return strings.EqualFold(left, s.text), nil
			}
			v, err := ParseVersion(left)
			return err == nil && s.allows(v), nil
		}
	}
	switch op {
	case "==", "<=", ">=":
		return left == right, nil
	case "!=":
		return left != right, nil
	case "<", ">":
		return false, nil
	case "in":
		return strings.Contains(right, left), nil
	case "not in":
		return !strings.Contains(right, left), nil
	}
	return false, whittle.ErrUnsupported.Errorf("%.40q %s %.40q compares no versions", left, op, right)
}
