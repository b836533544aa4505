package keep

import (
	"context"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/distro"
)

// Contents are the contents of an image's files.
type Contents struct {
	Process *whittle.Process
	// Binary says that a file is an ELF file.
	Binary func(path string) bool
	// Each reads the visible regular files that want selects.
	Each func(ctx context.Context, want func(path string) bool, each func(path string, r io.Reader) error) error
}

// mentions are the words of a vocabulary in an image's files and configuration, and the
// words of dpkg's notes on triggers, diversions and overridden modes.
type mentions struct {
	files  map[string][]string
	config []string
	books  map[string]bool
}

func (c *Contents) mentions(ctx context.Context, words Vocabulary, packaged map[string]bool) (*mentions, error) {
	m := &mentions{files: map[string][]string{}, books: map[string]bool{}}
	how := func(p string) Texts {
		texts := TextsOf(p, packaged[p])
		if texts == Libraries && !c.Binary(p) {
			return NoText
		}
		return texts
	}
	err := c.Each(ctx, func(p string) bool { return how(p) != NoText || isBook(p) }, func(p string, r io.Reader) (err error) {
		if isBook(p) {
			return m.book(p, r)
		}
		m.files[p], err = words.Words(r, how(p))
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("reading which files name packages: %w", err)
	}
	p := c.Process
	texts := slices.Concat(p.Entrypoint, p.Cmd, p.Env, p.Shell, []string{p.WorkingDir})
	if p.Healthcheck != nil {
		texts = append(texts, p.Healthcheck.Test...)
	}
	m.config, err = words.Words(strings.NewReader(strings.Join(texts, "\n")), Script)
	return m, err
}

// isBook says whether a file is one of dpkg's notes that name packages or their files.
func isBook(p string) bool {
	return strings.HasPrefix(p, "var/lib/dpkg/triggers/") || p == "var/lib/dpkg/diversions" || p == "var/lib/dpkg/statoverride"
}

// maxBook bounds a note in bytes.
const maxBook = 16 << 20

func (m *mentions) book(p string, r io.Reader) error {
	text, err := io.ReadAll(io.LimitReader(r, maxBook+1))
	if err != nil {
		return err
	}
	if len(text) > maxBook {
		return whittle.ErrLimit.Errorf("%s has more than %s", p, whittle.Bytes(maxBook))
	}
	for _, word := range strings.Fields(string(text)) {
		m.books[word] = true
	}
	return nil
}

// shadowed says whether PATH finds another program before one of a package, and no
// package has it.
func shadowed(root whittle.Root, env []string, packaged map[string]bool) func(p string) bool {
	dirs := []string{"usr/local/sbin", "usr/local/bin", "usr/sbin", "usr/bin", "sbin", "bin"}
	for _, v := range env {
		if list, ok := strings.CutPrefix(v, "PATH="); ok {
			dirs = nil
			for dir := range strings.SplitSeq(list, ":") {
				dirs = append(dirs, strings.Trim(dir, "/"))
			}
		}
	}
	return func(p string) bool {
		for _, dir := range dirs {
			at := path.Join(dir, path.Base(p))
			real, e, ok := whittle.Follow(root, "", at)
			if ok && e.Kind == whittle.File && e.Mode&0o111 != 0 {
				return !packaged[real] && !packaged[at]
			}
		}
		return false
	}
}

// filesOf are the files of packages.
func filesOf(packages []distro.Installed) map[string]bool {
	out := map[string]bool{}
	for i := range packages {
		for _, p := range packages[i].Files {
			out[p] = true
		}
	}
	return out
}
