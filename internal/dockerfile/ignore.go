package dockerfile

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"sync"

	"whittle.dev/whittle"

	"github.com/moby/patternmatcher"
	"github.com/moby/patternmatcher/ignorefile"
)

// Ignore are the patterns of a .dockerignore file; the zero value ignores
// nothing. It is safe for concurrent use.
// https://docs.docker.com/build/concepts/context/#dockerignore-files
type Ignore struct {
	// Name is the file that the patterns are from, empty where there is none.
	Name string
	// Patterns are cleaned, in the order of the file.
	Patterns []string

	mu      sync.Mutex // the matcher compiles patterns when they are first used
	matcher *patternmatcher.PatternMatcher
}

const (
	// MaxPatterns is how many patterns a file may have: each is compared with
	// each path of the context.
	MaxPatterns = 5000
	// maxPattern is how long one may be, in bytes: the longest path of Linux.
	maxPattern = 4096
)

// ParseIgnore reads the text of a .dockerignore file. Errors are
// [*ParseError].
func ParseIgnore(name string, src []byte) (*Ignore, error) {
	if len(src) > MaxSize {
		return nil, &ParseError{File: name, Text: "over the limit of " + whittle.Bytes(MaxSize), over: true}
	}
	patterns, err := ignorefile.ReadAll(bytes.NewReader(src))
	if err != nil {
		return nil, &ParseError{File: name, Text: brief(err.Error())}
	}
	if len(patterns) > MaxPatterns {
		return nil, &ParseError{File: name, Text: fmt.Sprintf("over the limit of %d patterns", MaxPatterns), over: true}
	}
	for _, p := range patterns {
		if len(p) > maxPattern {
			return nil, &ParseError{File: name, Text: fmt.Sprintf("%.40q is over the limit of %d bytes for a pattern", p, maxPattern), over: true}
		}
	}
	ig := &Ignore{Name: name, Patterns: patterns}
	if ig.matcher, err = patternmatcher.New(patterns); err != nil {
		return nil, &ParseError{File: name, Line: ig.badLine(src), Text: brief(err.Error())}
	}
	return ig, nil
}

// badLine finds the line whose pattern is refused, 0 if it is not one alone.
func (ig *Ignore) badLine(src []byte) int {
	for i, line := range bytes.Split(src, []byte("\n")) {
		patterns, err := ignorefile.ReadAll(bytes.NewReader(line))
		if err != nil {
			return i + 1
		}
		if _, err := patternmatcher.New(patterns); err != nil {
			return i + 1
		}
	}
	return 0
}

// LoadIgnore reads the ignore file that a build with this Dockerfile and
// context uses: NAME.dockerignore beside the Dockerfile, else .dockerignore in
// the context, else none. An empty NAME.dockerignore counts.
func LoadIgnore(context, dockerfile string) (*Ignore, error) {
	for _, name := range []string{dockerfile + ".dockerignore", filepath.Join(context, ".dockerignore")} {
		src, err := readIgnore(context, name)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			continue
		case err != nil:
			return nil, fmt.Errorf("reading the ignore file: %w: %w", err, whittle.ErrUsage)
		}
		return ParseIgnore(name, src)
	}
	return &Ignore{}, nil
}

// readIgnore reads an ignore file; one in the context is no link out of it.
func readIgnore(context, name string) ([]byte, error) {
	if rel, err := filepath.Rel(context, name); err == nil && filepath.IsLocal(rel) {
		return whittle.Folder(context).Read(filepath.ToSlash(rel), MaxSize)
	}
	return whittle.ReadFile(name, MaxSize)
}

// Ignore says that the path, slashed and relative to the context, is left out
// of the build. A directory that is left out may still hold files that are
// not, where a later pattern starts with "!".
func (ig *Ignore) Ignore(path string) bool {
	if ig == nil || ig.matcher == nil {
		return false
	}
	path = strings.Trim(filepath.ToSlash(filepath.Clean("/"+path)), "/")
	if path == "" {
		return false
	}
	ig.mu.Lock()
	defer ig.mu.Unlock()
	var info patternmatcher.MatchInfo
	matched := false
	for end := 0; end < len(path); end++ {
		if i := strings.IndexByte(path[end:], '/'); i >= 0 {
			end += i
		} else {
			end = len(path)
		}
		m, next, err := ig.matcher.MatchesUsingParentResults(path[:end], info)
		if err != nil {
			return false
		}
		matched, info = m, next
	}
	return matched
}
