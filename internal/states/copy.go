package states

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"whittle.dev/whittle"
)

// Copy is a copy of a project in which its states are checked out one after the
// other. The project's folder is not changed.
type Copy struct {
	// Dir is the folder of the copy.
	Dir      string
	written  map[string]bool
	original map[string][]byte // contents of files before the first change, nil if there was no file
	// Parts are texts that states have by names of their own, and that are parts of
	// files.
	Parts map[string]Part
	texts map[string][]byte // of parts, in the state that is checked out
}

// Part is a text in a file.
type Part struct {
	File string
	// Text is the text in the original file, and Put gives the file with another one.
	Text []byte
	Put  func(file, text []byte) ([]byte, error)
}

// Whole is a state in which the files have the texts that are parts of them.
func (c *Copy) Whole(s State) (State, error) {
	out := State{}
	for name, text := range s {
		if _, ok := c.Parts[name]; !ok {
			out[name] = text
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.Parts)) {
		part := c.Parts[name]
		text, ok := s[name]
		if !ok || bytes.Equal(text, part.Text) {
			continue
		}
		file, err := c.Content(out, part.File)
		if err != nil {
			return nil, err
		}
		if out[part.File], err = part.Put(file, text); err != nil {
			return nil, whittle.ErrUsage.Errorf("changing %s: %w", part.File, err)
		}
	}
	return out, nil
}

// Text is the text of a part in the state that is checked out, otherwise if it is none.
func (c *Copy) Text(name string, otherwise []byte) []byte {
	if text, ok := c.texts[name]; ok {
		return text
	}
	return otherwise
}

// NewCopy copies a project to a folder that exists. It skips paths as [CopyTree]
// does.
func NewCopy(ctx context.Context, from, to string, skip func(rel string, d fs.DirEntry) bool) (*Copy, error) {
	if err := CopyTree(ctx, from, to, skip); err != nil {
		return nil, whittle.ErrUsage.Errorf("copying the project: %w", err)
	}
	return &Copy{Dir: to, written: map[string]bool{}, original: map[string][]byte{}}, nil
}

// Checkout writes a state's files into the copy, and restores all others.
func (c *Copy) Checkout(s State) error {
	c.texts = map[string][]byte{}
	for name := range c.Parts {
		if text, ok := s[name]; ok {
			c.texts[name] = text
		}
	}
	s, err := c.Whole(s)
	if err != nil {
		return err
	}
	for name := range c.written {
		if _, ok := s[name]; ok {
			continue
		}
		if err := c.restore(name); err != nil {
			return err
		}
	}
	for name, text := range s {
		if err := c.put(name, text); err != nil {
			return err
		}
	}
	return nil
}

// Original is the content of a file when the project was copied; nil if
// there was none.
func (c *Copy) Original(name string) ([]byte, error) {
	if part, ok := c.Parts[name]; ok {
		return part.Text, nil
	}
	if text, ok := c.original[name]; ok {
		return text, nil
	}
	text, err := whittle.Folder(c.Dir).ReadFile(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		text = nil
	case err != nil:
		return nil, whittle.ErrUsage.Errorf("reading %s: %w", name, err)
	case text == nil:
		text = []byte{}
	}
	c.original[name] = text
	return text, nil
}

// restore gives a file of the copy its original content, or removes it.
func (c *Copy) restore(name string) error {
	text, err := c.Original(name)
	if err == nil && text == nil {
		err = whittle.Folder(c.Dir).Remove(name)
	} else if err == nil {
		err = c.put(name, text)
	}
	delete(c.written, name)
	return err
}

// put writes a file of the copy. A link that leads out of the copy is an error.
func (c *Copy) put(name string, text []byte) error {
	root, err := os.OpenRoot(c.Dir)
	if err != nil {
		return whittle.ErrSystem.Errorf("writing %s: %w", name, err)
	}
	defer root.Close()
	if _, err := c.Original(name); err != nil {
		return err
	}
	c.written[name] = true
	file, mode := filepath.FromSlash(name), fs.FileMode(0o644)
	if info, err := root.Stat(file); err == nil {
		mode = info.Mode().Perm()
	} else if err := root.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return whittle.ErrUsage.Errorf("writing %s: %w", name, err)
	}
	if err := root.WriteFile(file, text, mode); err != nil {
		return whittle.ErrUsage.Errorf("writing %s: %w", name, err)
	}
	return nil
}

// Content is the content of a file in a state, nil if there is no file.
func (c *Copy) Content(s State, name string) ([]byte, error) {
	if text, ok := s[name]; ok {
		return text, nil
	}
	return c.Original(name)
}

// Files are the contents, in a state, of the files that fixes edit.
func (c *Copy) Files(s State, fixes []*whittle.Fix) (map[string][]byte, error) {
	out := map[string][]byte{}
	for _, f := range fixes {
		for _, p := range f.Patches {
			if text, ok := s[p.File]; ok {
				out[p.File] = text
				continue
			}
			text, err := c.Original(p.File)
			if err != nil {
				return nil, err
			}
			if text != nil {
				out[p.File] = text
			}
		}
	}
	return out, nil
}
