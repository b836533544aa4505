package whittle

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Files that are being written have names of this form, with [TempName]
// between the two.
const (
	partialPrefix = ".whittle-"
	partialSuffix = ".partial"
)

// Write puts a file into the folder, whole or not at all, in the place of
// whatever file or link has its name: it is written beside it, brought to the
// disk, and renamed. A regular file that it takes the place of keeps its mode;
// a new one has mode, less what the process's mask takes. Nothing outside of the
// folder is written to. Errors wrap [ErrSystem].
func (f Folder) Write(name string, content []byte, mode fs.FileMode) error {
	return f.WriteBy(name, mode, func(w io.Writer) error {
		_, err := w.Write(content)
		return err
	})
}

// WriteBy does what [Folder.Write] does with what write writes. An error of write
// leaves what was there as it was, and stays of its kind.
func (f Folder) WriteBy(name string, mode fs.FileMode, write func(io.Writer) error) error {
	var content error
	err := f.within("write", name, func(root *os.Root) error {
		return writeIn(root, filepath.FromSlash(name), mode, func(file *os.File) error {
			out := &diskWriter{w: file}
			if content = write(out); out.err != nil {
				content = nil
				return out.err
			}
			return content
		})
	})
	switch shown := filepath.Join(string(f), filepath.FromSlash(name)); {
	case err == nil:
		return nil
	case content != nil:
		return fmt.Errorf("writing %s: %w", shown, content)
	case errors.Is(err, ErrUsage):
		return fmt.Errorf("writing %s: %w", shown, reason(err))
	default:
		return ErrSystem.Errorf("writing %s: %w", shown, reason(err))
	}
}

// diskWriter tells an error of the disk from one of what is written to it.
type diskWriter struct {
	w   io.Writer
	err error
}

func (d *diskWriter) Write(p []byte) (int, error) {
	n, err := d.w.Write(p)
	if err != nil {
		d.err = err
	}
	return n, err
}

// reason is an error of a file without its name, which is a partial file's.
func reason(err error) error {
	var link *os.LinkError
	if errors.As(err, &link) {
		return link.Err
	}
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	return err
}

func writeIn(root *os.Root, at string, mode fs.FileMode, write func(*os.File) error) (err error) {
	old, err := root.Lstat(at)
	kept := err == nil && old.Mode().IsRegular()
	partial := filepath.Join(filepath.Dir(at), TempName(partialPrefix)+partialSuffix)
	file, err := root.OpenFile(partial, os.O_CREATE|os.O_EXCL|os.O_WRONLY, mode)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = root.Remove(partial)
		}
	}()
	_, _ = Lock(file) // so that nobody takes it for left behind
	if err = write(file); err == nil && kept {
		err = file.Chmod(old.Mode().Perm())
	}
	if err == nil {
		err = file.Sync()
	}
	if err = errors.Join(err, file.Close()); err != nil {
		return err
	}
	if err = root.Rename(partial, at); err != nil {
		return err
	}
	syncNames(root, filepath.Dir(at))
	return nil
}

// syncNames brings a folder's names to the disk, where the system can do that.
func syncNames(root *os.Root, dir string) {
	if f, err := root.Open(dir); err == nil {
		_ = f.Sync()
		_ = f.Close()
	}
}

// Remove removes a file or an empty folder; a link goes itself. That it is not
// there is no error.
func (f Folder) Remove(name string) error {
	err := f.within("remove", name, func(root *os.Root) error { return root.Remove(filepath.FromSlash(name)) })
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// Touch sets a regular file's time of change to now.
func (f Folder) Touch(name string) error {
	return f.within("touch", name, func(root *os.Root) error {
		now := time.Now()
		return root.Chtimes(filepath.FromSlash(name), now, now)
	})
}

// SweepPartials removes the files that processes which have ended were writing
// into the folder.
func (f Folder) SweepPartials() {
	entries, _ := fs.ReadDir(f, ".")
	for _, e := range entries {
		if !partialName(e.Name()) || !e.Type().IsRegular() {
			continue
		}
		info, err := e.Info()
		if err != nil || !LeftBehind(e.Name(), partialPrefix, info) {
			continue
		}
		file, err := f.OpenFile(e.Name())
		if err != nil {
			continue
		}
		if free, err := Lock(file); err == nil && free {
			_ = f.Remove(e.Name())
		}
		_ = file.Close()
	}
}

func partialName(name string) bool {
	return strings.HasPrefix(name, partialPrefix) && strings.HasSuffix(name, partialSuffix)
}

// LeftBehind says that the process that a name from [TempName] is of has ended.
// What is a moment old and of no known process is taken for its own.
func LeftBehind(name, prefix string, info fs.FileInfo) bool {
	number, _, _ := strings.Cut(strings.TrimPrefix(name, prefix), "-")
	pid, err := strconv.Atoi(number)
	return err == nil && !alive(pid) || time.Since(info.ModTime()) >= time.Minute
}

// OwnFolder is a folder that this user can write to, and nobody else but root
// may have written to; it is made, for this user alone, where it is missing.
// What others may write to is [ErrUsage]: its contents may say anything.
func OwnFolder(dir string) (Folder, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	info, err := os.Stat(dir)
	if err != nil {
		return "", err
	}
	if !info.IsDir() {
		return "", &fs.PathError{Op: "open", Path: dir, Err: ErrUsage.Errorf("it is no folder")}
	}
	if why := othersWrite(info); why != "" {
		return "", WithHint(ErrUsage.Errorf("%s %s, so that what is in it may be anyone's", dir, why), "--cache-dir names another folder")
	}
	f := Folder(dir)
	try := TempName(partialPrefix) + partialSuffix
	err = f.within("write", try, func(root *os.Root) error {
		file, err := root.OpenFile(try, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
		if err != nil {
			return err
		}
		return errors.Join(file.Close(), root.Remove(try))
	})
	if err != nil {
		return "", ErrSystem.Errorf("writing to %s: %w", dir, reason(err))
	}
	return f, nil
}

// WriteFile writes a file of any folder as [Folder.Write] does, for everybody to
// read.
func WriteFile(path string, content []byte) error {
	return Folder(filepath.Dir(path)).Write(filepath.Base(path), content, 0o644)
}
