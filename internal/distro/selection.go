package distro

import (
	"crypto/sha256"
	"encoding/hex"
	"path"
	"slices"
	"strings"
)

// selection selects paths by patterns: those of [path.Match], which may begin
// with "**/" for any depth.
type selection struct {
	// name is a digest of the patterns.
	name  string
	exact map[string]bool
	globs []glob
}

// glob is a pattern with a * in it.
type glob struct {
	pattern string
	// deep says that it matches the last parts of a path, as many as it has.
	deep  bool
	parts int
	// prefix and suffix are what every match of a deep one ends, and of another
	// begins with.
	prefix, suffix string
}

func newSelection(patterns []string) selection {
	slices.Sort(patterns)
	patterns = slices.Compact(patterns)
	sum := sha256.Sum256([]byte(strings.Join(patterns, "\n")))
	s := selection{name: hex.EncodeToString(sum[:6]), exact: map[string]bool{}}
	for _, p := range patterns {
		if !strings.ContainsAny(p, `*?[\`) {
			s.exact[p] = true
			continue
		}
		rest, deep := strings.CutPrefix(p, "**/")
		g := glob{pattern: rest, deep: deep, parts: strings.Count(rest, "/") + 1, suffix: rest[strings.LastIndexAny(rest, `*?[]\`)+1:]}
		if !deep {
			g.prefix = rest[:strings.IndexAny(rest, `*?[\`)]
		}
		s.globs = append(s.globs, g)
	}
	return s
}

func (s *selection) has(p string) bool {
	return s.exact[p] || slices.ContainsFunc(s.globs, func(g glob) bool { return g.matches(p) })
}

func (g *glob) matches(p string) bool {
	if !strings.HasSuffix(p, g.suffix) || !strings.HasPrefix(p, g.prefix) {
		return false // most paths end here
	}
	if g.deep {
		at := len(p)
		for range g.parts {
			if at < 0 {
				return false
			}
			at = strings.LastIndexByte(p[:at], '/')
		}
		p = p[at+1:]
	}
	ok, _ := path.Match(g.pattern, p)
	return ok
}
