package tui

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"whittle.dev/whittle"
)

// chosen is the file that an answer to "where to" names: a folder that is there
// gets a file of the offered name, and ~ is the home folder, as no shell sees it.
func chosen(answer, offered string) string {
	if rest, ok := strings.CutPrefix(answer, "~"+string(filepath.Separator)); ok {
		if home, err := os.UserHomeDir(); err == nil {
			answer = filepath.Join(home, rest)
		}
	}
	if info, err := os.Stat(answer); err == nil && info.IsDir() {
		return filepath.Join(answer, offered)
	}
	return answer
}

// writeNew writes a file that is not there yet, whole or not at all: it is
// written beside it, and gets its name once it is complete. No link is followed
// at its name, and nothing is written over.
func writeNew(name string, write func(io.Writer) error) (n int64, err error) {
	if _, err := os.Lstat(name); err == nil {
		return 0, isThere(name)
	}
	partial := filepath.Join(filepath.Dir(name), whittle.TempName(".whittle-")+".partial")
	f, err := os.OpenFile(partial, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return 0, notWritten(name, err)
	}
	defer os.Remove(partial)
	c := &counter{w: f}
	if err := errors.Join(write(c), f.Close()); err != nil {
		return c.n, notWritten(name, err)
	}
	// A second name, as a rename would take the place of a file that has come
	// meanwhile. Where there are no second names, it is looked for once more.
	if err = os.Link(partial, name); err == nil {
		return c.n, nil
	}
	if _, there := os.Lstat(name); errors.Is(err, fs.ErrExist) || there == nil {
		return 0, isThere(name)
	}
	if err := os.Rename(partial, name); err != nil {
		return 0, notWritten(name, err)
	}
	return c.n, nil
}

func isThere(name string) error {
	return whittle.WithHint(whittle.ErrUsage.Errorf("%s is there already", name), "choose another name")
}

// notWritten is why a file could not be written, without the name of the partial
// file.
func notWritten(name string, err error) error {
	var at *fs.PathError
	if errors.As(err, &at) {
		return whittle.ErrSystem.Errorf("writing %s: %w", name, at.Err)
	}
	return err
}

// counter counts what is written.
type counter struct {
	w io.Writer
	n int64
}

func (c *counter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}
