// Package names finds the names of the images of a fleet: in a list, in the catalog of a
// registry, in Kubernetes manifests.
package names

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/source/catalog"
)

// maxLine bounds a line of a list, in bytes.
const maxLine = 64 << 10

// List reads names from a text: one in each line; what follows a # is a comment.
func List(r io.Reader, what string) (out []string, err error) {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxLine)
	for n := 1; lines.Scan(); n++ {
		text, _, _ := strings.Cut(lines.Text(), "#")
		switch words := strings.Fields(text); {
		case len(words) == 1:
			out = append(out, words[0])
		case len(words) > 1:
			return nil, whittle.WithHint(whittle.ErrUsage.Errorf("%s:%d: %d words in a line", what, n, len(words)), "a list has the name of one image in each line")
		}
	}
	if err := lines.Err(); err != nil {
		if errors.Is(err, bufio.ErrTooLong) {
			return nil, whittle.ErrLimit.Errorf("%s has a line with more than %d bytes", what, maxLine)
		}
		return nil, whittle.ErrUsage.Errorf("reading %s: %w", what, err)
	}
	return out, nil
}

// Pattern says which names are meant: * is any text without a slash, ** any text, ? one
// character. A pattern that begins with ! excludes what it matches. Without patterns that
// include, all others are included.
type Pattern []string

// Match is a function that says whether a name is meant. A pattern without a name is
// [whittle.ErrUsage].
func (p Pattern) Match() (func(name string) bool, error) {
	var in, out []*regexp.Regexp
	for _, text := range p {
		of := &in
		rest, excluded := strings.CutPrefix(text, "!")
		if excluded {
			of = &out
		}
		if rest == "" {
			return nil, whittle.WithHint(whittle.ErrUsage.Errorf("%q is no pattern", text), "such as team-*/**")
		}
		quoted := strings.NewReplacer(`\*\*`, `.*`, `\*`, `[^/]*`, `\?`, `[^/]`).Replace(regexp.QuoteMeta(rest))
		*of = append(*of, regexp.MustCompile(`^`+quoted+`$`))
	}
	matches := func(of []*regexp.Regexp, name string) bool {
		return slices.ContainsFunc(of, func(r *regexp.Regexp) bool { return r.MatchString(name) })
	}
	return func(name string) bool { return (len(in) == 0 || matches(in, name)) && !matches(out, name) }, nil
}

// Catalog is what is meant of a registry.
type Catalog struct {
	Registry           string
	Repositories, Tags Pattern
}

// String says what is meant.
func (c Catalog) String() string {
	s := "registry " + c.Registry
	if len(c.Repositories) > 0 {
		s += ", repositories " + strings.Join(c.Repositories, " ")
	}
	if len(c.Tags) > 0 {
		s += ", tags " + strings.Join(c.Tags, " ")
	}
	return s
}

// atOnce is how many repositories are asked for their tags at once.
const atOnce = 8

// Names asks the registry for its repositories and their tags. A repository whose tags it does
// not give is named in the notes; if there is none that it gives, that is an error.
func (c Catalog) Names(ctx context.Context, o catalog.Options) (out, notes []string, err error) {
	repositories, err := c.Repositories.Match()
	if err != nil {
		return nil, nil, err
	}
	tags, err := c.Tags.Match()
	if err != nil {
		return nil, nil, err
	}
	found, err := catalog.Repositories(ctx, c.Registry, repositories, o)
	if err != nil {
		return nil, nil, err
	}
	named, errs := make([][]string, len(found)), make([]error, len(found))
	var g errgroup.Group
	g.SetLimit(atOnce)
	for i, repository := range found {
		g.Go(func() error {
			full := c.Registry + "/" + repository
			var list []string
			if list, errs[i] = catalog.Tags(ctx, full, tags, o); errs[i] != nil {
				return nil
			}
			for _, tag := range list {
				named[i] = append(named[i], full+":"+tag)
			}
			return nil
		})
	}
	_ = g.Wait()
	failed := 0
	for i := range found {
		out = append(out, named[i]...)
		if errs[i] != nil {
			failed++
			notes = append(notes, errs[i].Error())
		}
	}
	if failed > 0 && failed == len(found) {
		return nil, nil, fmt.Errorf("all %d repositories of %s: %w", failed, c.Registry, errs[0])
	}
	return out, notes, ctx.Err()
}
