package commandline

import (
	"cmp"
	"errors"
	"io"
	"os"
	"path/filepath"

	"whittle.dev/whittle"
)

// Writable returns a usage error if a file for a result cannot be written, as far as that
// is known before it is.
func Writable(name string) error {
	if info, err := os.Stat(name); err == nil && info.IsDir() {
		return whittle.WithHint(whittle.ErrUsage.Errorf("-o: %s is a folder", name), "name a file in it")
	}
	dir := filepath.Dir(name)
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return whittle.WithHint(whittle.ErrUsage.Errorf("-o: %s is not in a folder that exists: there is no folder %s", name, dir), "make it, or name another one")
	}
	return nil
}

// Put writes a file, whole or not at all; what is not a regular file, such as a pipe
// or a terminal, is written to as it is.
func Put(name, text string) error {
	if info, err := os.Stat(name); err == nil && !info.Mode().IsRegular() {
		f, err := os.OpenFile(name, os.O_WRONLY, 0)
		if err == nil {
			_, err = io.WriteString(f, text)
			err = errors.Join(err, f.Close())
		}
		if err != nil {
			return whittle.ErrSystem.Errorf("writing %s: %w", name, err)
		}
		return nil
	}
	if target, err := filepath.EvalSymlinks(name); err == nil {
		name = target // a link stays one
	}
	return whittle.WriteFile(name, []byte(text))
}

// AppendTo adds to the file that a variable of the environment names, if it names one,
// what text gives for its size.
func AppendTo(variable string, text func(there int64) string) error {
	name := os.Getenv(variable)
	if name == "" {
		return nil
	}
	f, err := os.OpenFile(name, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return whittle.ErrSystem.Errorf("writing %s: %w", variable, err)
	}
	there := int64(0)
	if info, err := f.Stat(); err == nil {
		there = info.Size()
	}
	_, err = io.WriteString(f, text(there))
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return whittle.ErrSystem.Errorf("writing %s: %w", variable, err)
	}
	return nil
}

// NearFile is a hint at what a mistyped name of a file may have meant; empty where
// there is the file, or nothing like it.
func NearFile(name string) string {
	if _, err := os.Stat(name); err == nil {
		return ""
	}
	entries, err := os.ReadDir(cmp.Or(filepath.Dir(name), "."))
	if err != nil {
		return ""
	}
	var there []string
	for _, e := range entries {
		there = append(there, filepath.Join(filepath.Dir(name), e.Name()))
	}
	return whittle.DidYouMean(filepath.Clean(name), there, "")
}
