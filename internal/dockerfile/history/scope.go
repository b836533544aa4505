package history

import (
	"path"
	"slices"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/dockerfile"
)

// wild replaces what is not known in an expected text.
const wild = "\x00"

// scope is what is known of the build at one point of the chain.
type scope struct {
	escape rune
	// env has the variables that the chain set; wild where the value is not
	// known. Others are unknown too, unless closed says that there are none.
	env    map[string]string
	closed bool
	// image has those of the variables that ENV set: a stage starts with them,
	// whatever ARG made of them in the one below.
	image map[string]string
	// args are the names that ARG declared, in order; declared counts them
	// with repetitions.
	args     []string
	isArg    map[string]bool
	declared int
	// shells may run shell commands here, as far as is known.
	shells [][]string
	// dir is the working directory, wild where it is not known.
	dir string
	// baseArgs counts the ARG lines below the chain.
	baseArgs int
}

func newScope(escape rune, base []whittle.Step, isScratch bool) *scope {
	s := &scope{escape: escape, env: map[string]string{}, image: map[string]string{}, isArg: map[string]bool{}, closed: isScratch, dir: wild,
		shells: [][]string{{"/bin/sh", "-c"}, {"cmd", "/S", "/C"}}}
	if isScratch {
		s.dir = "/"
		s.env["PATH"] = wild // the platform's default
	}
	var shell []string
	for _, step := range base {
		line := step.CreatedBy
		if _, rest, ok := strings.Cut(line, nop); ok {
			line = strings.TrimLeft(rest, " ")
		}
		if words, ok := strings.CutPrefix(line, "SHELL ["); ok {
			shell = strings.Fields(strings.TrimSuffix(strings.TrimSpace(words), "]"))
		}
		if strings.HasPrefix(line, "ARG ") {
			s.baseArgs++
		}
	}
	if len(shell) > 0 {
		s.shells = append(s.shells, shell)
	}
	return s
}

// forget drops what was learned from lines that did not match.
func (s *scope) forget() {
	for k := range s.env {
		s.env[k] = wild
	}
	clear(s.image)
	s.closed = false
	s.dir = wild
}

// nextStage is where a stage of the chain ends and the next begins.
func (s *scope) nextStage() {
	for k := range s.env {
		if v, ok := s.image[k]; ok {
			s.env[k] = v
		} else if !s.closed {
			s.env[k] = wild // the base image may have an ENV of that name
		}
	}
}

// Get is a variable for BuildKit's word expansion.
func (s *scope) Get(name string) (string, bool) {
	v, ok := s.env[name]
	if !ok && !s.closed {
		return wild, true
	}
	return v, ok
}

// Keys are the names of the variables that the chain set.
func (s *scope) Keys() []string {
	keys := make([]string, 0, len(s.env))
	for k := range s.env {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// expand replaces variables; what is not known becomes wild.
func (s *scope) expand(word string) string {
	unknown := false
	out, ok := dockerfile.ExpandWith(word, s.escape, spy{s, &unknown})
	if !ok || unknown && dockerfile.HasModifier(word) {
		return wild // ${x:-y} with an x that may be set or not
	}
	return out
}

// spy notes whether an expansion asks for an unknown variable.
type spy struct {
	*scope
	unknown *bool
}

func (p spy) Get(name string) (string, bool) {
	v, ok := p.scope.Get(name)
	if ok && strings.Contains(v, wild) {
		*p.unknown = true
	}
	return v, ok
}

// set notes a variable's value.
func (s *scope) set(name, value string) {
	if len(value) > dockerfile.MaxValue {
		value = wild
	}
	s.env[name] = value
}

// declare notes an ARG.
func (s *scope) declare(name string) {
	s.declared++
	if !s.isArg[name] {
		s.isArg[name] = true
		s.args = append(s.args, name)
	}
}

// chdir are the directories that WORKDIR with this path may lead to.
func (s *scope) chdir(to string) []string {
	switch {
	case path.IsAbs(to) && !strings.Contains(to, wild):
		return []string{to, path.Clean(to)} // BuildKit cleans relative paths only
	case path.IsAbs(to):
		return []string{to}
	case strings.Contains(to, wild):
		return []string{wild}
	case s.dir != wild:
		return []string{path.Join(s.dir, to)}
	}
	if to = path.Clean(to); to == "." || to == ".." || strings.HasPrefix(to, "../") {
		return []string{wild}
	}
	return []string{"/" + to, "/" + wild + "/" + to}
}

// like compares a text with an expected one, in which a wild matches anything.
func like(want, text string) bool {
	parts := strings.Split(want, wild)
	if len(parts) == 1 {
		return want == text
	}
	first, last := parts[0], parts[len(parts)-1]
	if !strings.HasPrefix(text, first) || len(text) < len(first)+len(last) || !strings.HasSuffix(text, last) {
		return false
	}
	text = text[len(first) : len(text)-len(last)]
	for _, p := range parts[1 : len(parts)-1] {
		_, rest, ok := strings.Cut(text, p)
		if !ok {
			return false
		}
		text = rest
	}
	return true
}

// anyLike compares a text with several expected ones, the exact ones first.
func anyLike(text string, wants ...string) (ok, exact bool) {
	for _, w := range wants {
		if !strings.Contains(w, wild) && w == text {
			return true, true
		}
	}
	for _, w := range wants {
		if strings.Contains(w, wild) && like(w, text) {
			return true, false
		}
	}
	return false, false
}
