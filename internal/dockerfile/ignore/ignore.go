// Package ignore reads .dockerignore files, says what they keep out of a build,
// and adds patterns to them.
// https://docs.docker.com/build/concepts/context/#dockerignore-files
package ignore

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"sync"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/dockerfile"

	"github.com/moby/patternmatcher"
	"github.com/moby/patternmatcher/ignorefile"
)

// File is a .dockerignore file; the zero value excludes nothing. It is safe for
// concurrent use.
type File struct {
	// Name is its path, empty where there is no file.
	Name string
	// Source is its text.
	Source []byte
	// Patterns are cleaned, in the order of the file.
	Patterns []string

	mu      sync.Mutex // the matcher compiles patterns when they are first used
	matcher *patternmatcher.PatternMatcher
}

const (
	// MaxSize is the size in bytes of the largest file that is read.
	MaxSize = dockerfile.MaxSize
	// MaxPatterns is how many patterns a file may have: each is compared with
	// each path of the context.
	MaxPatterns = 5000
	// maxPattern is how long one may be, in bytes: the longest path of Linux.
	maxPattern = 4096
)

// Parse reads the text of a .dockerignore file; name is for messages. Errors are
// [*dockerfile.ParseError].
func Parse(name string, src []byte) (*File, error) {
	if len(src) > MaxSize {
		return nil, &dockerfile.ParseError{File: name, Text: "over the limit of " + whittle.Bytes(MaxSize), Over: true}
	}
	patterns, err := ignorefile.ReadAll(bytes.NewReader(src))
	if err != nil {
		return nil, &dockerfile.ParseError{File: name, Text: err.Error()}
	}
	if len(patterns) > MaxPatterns {
		return nil, &dockerfile.ParseError{File: name, Text: fmt.Sprintf("over the limit of %d patterns", MaxPatterns), Over: true}
	}
	for _, p := range patterns {
		if len(p) > maxPattern {
			return nil, &dockerfile.ParseError{File: name, Text: fmt.Sprintf("%.40q is over the limit of %d bytes for a pattern", p, maxPattern), Over: true}
		}
	}
	f := &File{Name: name, Source: src, Patterns: patterns}
	if f.matcher, err = patternmatcher.New(patterns); err != nil {
		return nil, &dockerfile.ParseError{File: name, Line: badLine(src), Text: err.Error()}
	}
	return f, nil
}

// badLine finds the line whose pattern is refused, 0 if it is not one alone.
func badLine(src []byte) int {
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

// Load reads the ignore file that a build with this Dockerfile and
// context uses: NAME.dockerignore beside the Dockerfile, else .dockerignore in
// the context, else none. An empty NAME.dockerignore counts.
func Load(context, dockerfile string) (*File, error) {
	for _, name := range []string{dockerfile + ".dockerignore", filepath.Join(context, ".dockerignore")} {
		src, err := read(context, name)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			continue
		case err != nil:
			return nil, whittle.ErrUsage.Errorf("reading the ignore file: %w", err)
		}
		return Parse(name, src)
	}
	return &File{}, nil
}

// read reads an ignore file; one in the context is no link out of it.
func read(context, name string) ([]byte, error) {
	if rel, err := filepath.Rel(context, name); err == nil && filepath.IsLocal(rel) {
		return whittle.Folder(context).Read(filepath.ToSlash(rel), MaxSize)
	}
	return whittle.ReadFile(name, MaxSize)
}

// Excludes says that the path, slashed and relative to the context, is not sent
// to the build. An excluded directory may still hold files that are sent, where a
// later pattern starts with "!".
func (f *File) Excludes(path string) bool {
	if f == nil || f.matcher == nil {
		return false
	}
	path = strings.Trim(filepath.ToSlash(filepath.Clean("/"+path)), "/")
	if path == "" {
		return false
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	var info patternmatcher.MatchInfo
	matched := false
	for end := 0; end < len(path); end++ {
		if i := strings.IndexByte(path[end:], '/'); i >= 0 {
			end += i
		} else {
			end = len(path)
		}
		m, next, err := f.matcher.MatchesUsingParentResults(path[:end], info)
		if err != nil {
			return false
		}
		matched, info = m, next
	}
	return matched
}
