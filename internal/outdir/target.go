package outdir

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"whittle.dev/whittle"
)

// target is a file of a project that is changed. It is only opened below the
// project's folder; path is relative to it, links resolved.
type target struct {
	root *os.Root
	path string
}

func openTarget(project, name string) (target, error) {
	root, err := os.OpenRoot(project)
	return target{root, filepath.FromSlash(name)}, err
}

func (t target) close() error { return t.root.Close() }

// stage writes a new content with the mode, owner and attributes of the file that
// it will replace. If that file must be overwritten in place, stage also copies its
// old content and reserves space for the new one.
func (t target) stage(staged string, c whittle.FileChange) error {
	out, err := os.OpenFile(staged, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	if err := t.writeContent(out, c.After); err != nil {
		return err
	}
	if replaceable(staged, t) {
		return nil
	}
	if err := os.WriteFile(staged+beforeSuffix, c.Before, 0o600); err != nil {
		return err
	}
	old, err := t.root.OpenFile(t.path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	return errors.Join(reserve(old, int64(len(c.After))), old.Close())
}

// stageBeside writes a new content beside the file, as stage does.
func (t target) stageBeside(name string, text []byte) error {
	out, err := t.root.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	return t.writeContent(out, text)
}

// writeContent writes and closes a file that will replace the target.
func (t target) writeContent(out *os.File, text []byte) error {
	mode := fs.FileMode(0o644)
	old, err := t.root.OpenFile(t.path, os.O_RDONLY, 0)
	if errors.Is(err, fs.ErrNotExist) {
		old, err = nil, nil
	}
	if err == nil && old != nil {
		defer old.Close()
		var info fs.FileInfo
		if info, err = old.Stat(); err == nil {
			mode = info.Mode().Perm()
		}
	}
	if err == nil {
		_, err = out.Write(text)
	}
	if err == nil {
		t.inherit(out, old)
		err = errors.Join(out.Chmod(mode), out.Sync())
	}
	return errors.Join(err, out.Close())
}

// needsNoCopy says that a staged content needs no copy beside the target, because
// it can be renamed, or the target must be overwritten in place.
func needsNoCopy(project, name, staged string) (bool, error) {
	t, err := openTarget(project, name)
	if err != nil {
		return false, err
	}
	defer t.close()
	_, within := whittle.Below(t.root.Name(), staged)
	return !replaceable(staged, t) || within && sameDevice(staged, t), nil
}

// replace gives the target its new content, by a rename if possible.
func (t target) replace(staged string, row journalRow, text []byte) error {
	if replaceable(staged, t) {
		from := filepath.FromSlash(row.Beside)
		rel, within := whittle.Below(t.root.Name(), staged)
		if row.Beside == "" && within {
			from = rel
		}
		if from != "" && t.root.Rename(from, t.path) == nil {
			return nil
		}
	}
	return t.overwrite(text)
}

// overwrite writes the file in place, so that its owner and its hard links remain.
// It is truncated only after the whole content is written.
func (t target) overwrite(text []byte) error {
	out, err := t.root.OpenFile(t.path, os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	_, err = out.WriteAt(text, 0)
	if err == nil {
		err = out.Truncate(int64(len(text)))
	}
	if err == nil {
		err = out.Sync()
	}
	return errors.Join(err, out.Close())
}

// halfWritten says that a content is what overwrite leaves if its process is
// killed: the beginning of the new content and the rest of the old.
func (t target) halfWritten(now, after []byte, staged string) bool {
	before, err := whittle.ReadFile(staged+beforeSuffix, whittle.MaxText)
	if err != nil {
		return false
	}
	n := 0
	for n < len(now) && n < len(after) && now[n] == after[n] {
		n++
	}
	return bytes.Equal(now[n:], before[min(n, len(before)):])
}
