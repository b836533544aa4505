// Package inline edits Dockerfiles that are texts in compose and Bake files.
package inline

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/project/bake"
	"whittle.dev/whittle/internal/project/block"
	"whittle.dev/whittle/internal/project/compose"
)

// From is where the text of a Dockerfile is.
type From struct {
	// Files are those that may have it, Name is its service or target, and Bake says that
	// the files are Bake's.
	Files []string
	Name  string
	Bake  bool
}

// Find finds the file of a project's folder that has the text. Its error says in one
// line why it cannot be edited.
func (f From) Find(dir string, text []byte) (file string, err error) {
	for _, name := range f.Files {
		rel, ok := whittle.Below(dir, whittle.WithoutLinks(name))
		if !ok {
			continue
		}
		src, err := whittle.Folder(dir).Read(filepath.ToSlash(rel), 1<<20)
		if err != nil {
			return "", err
		}
		b, found, err := f.find(src)
		switch {
		case !found:
			continue
		case err != nil:
			return "", err
		case file != "":
			return "", errors.New("several files have it")
		case strings.TrimRight(b.Text(), "\n") != strings.TrimRight(f.escaped(string(text)), "\n"):
			return "", errors.New("its text has variables")
		}
		file = filepath.ToSlash(rel)
	}
	if file == "" {
		return "", errors.New("its text is not in the service or target itself")
	}
	return file, nil
}

// find finds the text in a file.
func (f From) find(src []byte) (block.Block, bool, error) {
	if f.Bake {
		return bake.Inline(src, f.Name)
	}
	return compose.Inline(src, f.Name)
}

// escaped is a text as the file has it.
func (f From) escaped(text string) string {
	if f.Bake {
		return strings.NewReplacer("${", "$${", "%{", "%%{").Replace(text)
	}
	return strings.ReplaceAll(text, "$", "$$")
}

// Put gives a file with another text of the Dockerfile, in which all that is not
// changed is the same byte for byte.
func (f From) Put(src, text []byte) ([]byte, error) {
	b, found, err := f.find(src)
	if err != nil || !found {
		return nil, fmt.Errorf("%s is not there any more", f.Name)
	}
	want := f.escaped(string(text))
	out := b.With(src, want)
	if b, found, err = f.find(out); err != nil || !found || strings.TrimRight(b.Text(), "\n") != strings.TrimRight(want, "\n") {
		return nil, fmt.Errorf("%s cannot have this text", f.Name)
	}
	return out, nil
}
