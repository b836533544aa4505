package whittle

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// MaxText is the size in bytes of the largest text that is read whole: of
// declarations, sources, locks and the like.
const MaxText = 64 << 20

// OpenFile opens a regular file to read it; links to it are followed. Anything
// else is refused: opening a FIFO waits for a writer, reading a device may have
// no end. Errors of what is there wrap [ErrUsage], of what is not [fs.ErrNotExist].
func OpenFile(name string) (*os.File, error) {
	// Asked before it is opened, as opening a device may do something, and
	// again afterwards, as it may be another file by then.
	info, err := os.Stat(name)
	if err != nil {
		return nil, withoutCall(err)
	}
	f, err := regular(name, info, func() (*os.File, error) {
		return os.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	})
	return f, withoutCall(err)
}

// withoutCall is an error of a path without the name of the system's call.
func withoutCall(err error) error {
	if path, ok := err.(*fs.PathError); ok { //nolint:errorlint // what wraps it says more
		return pathError{path}
	}
	return err
}

type pathError struct{ *fs.PathError }

func (e pathError) Unwrap() error { return e.PathError }
func (e pathError) Error() string { return e.Path + ": " + e.Err.Error() }

// ReadFile reads a regular file of at most so many bytes; a larger one is
// [ErrLimit].
func ReadFile(name string, most int64) ([]byte, error) {
	f, err := OpenFile(name)
	if err != nil {
		return nil, err
	}
	return readWhole(f, name, most)
}

func regular(name string, info fs.FileInfo, open func() (*os.File, error)) (*os.File, error) {
	if !info.Mode().IsRegular() {
		return nil, notRegular(name, info.Mode())
	}
	f, err := open()
	if err != nil {
		return nil, err
	}
	if info, err = f.Stat(); err == nil && !info.Mode().IsRegular() {
		err = notRegular(name, info.Mode())
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// notRegular says what a file is that is not read.
func notRegular(name string, mode fs.FileMode) error {
	kind := "no regular file"
	switch {
	case mode.IsDir():
		kind = "a folder"
	case mode&fs.ModeNamedPipe != 0:
		kind = "a FIFO"
	case mode&fs.ModeSocket != 0:
		kind = "a socket"
	case mode&fs.ModeDevice != 0:
		kind = "a device"
	}
	return &fs.PathError{Op: "open", Path: name, Err: ErrUsage.Errorf("it is %s, and only regular files are read", kind)}
}

// readWhole reads and closes a file.
func readWhole(f *os.File, name string, most int64) ([]byte, error) {
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if info.Size() > most {
		return nil, tooLarge(name, most)
	}
	b := bytes.NewBuffer(make([]byte, 0, info.Size()+bytes.MinRead))
	if n, err := b.ReadFrom(io.LimitReader(f, most+1)); err != nil { // it may grow
		return nil, err
	} else if n > most {
		return nil, tooLarge(name, most)
	}
	return b.Bytes(), nil
}

func tooLarge(name string, most int64) error {
	return &fs.PathError{Op: "read", Path: name, Err: ErrLimit.Errorf("more than %s", Bytes(most))}
}

// Folder is a folder of this machine from which nothing outside of it is
// reached: a link that leads out is an error, as is what is neither a regular
// file nor a folder. It is a file system whose paths are slashed and relative;
// files that are read whole have at most [MaxText] bytes.
type Folder string

// Open implements [fs.FS].
func (f Folder) Open(name string) (fs.File, error) { return f.open("open", name, true) }

// OpenFile opens a regular file of the folder to read it.
func (f Folder) OpenFile(name string) (*os.File, error) { return f.open("open", name, false) }

// ReadFile implements [fs.ReadFileFS].
func (f Folder) ReadFile(name string) ([]byte, error) { return f.Read(name, MaxText) }

// Read reads a regular file of at most so many bytes; a larger one is
// [ErrLimit].
func (f Folder) Read(name string, most int64) ([]byte, error) {
	file, err := f.OpenFile(name)
	if err != nil {
		return nil, err
	}
	return readWhole(file, name, most)
}

// Stat implements [fs.StatFS].
func (f Folder) Stat(name string) (fs.FileInfo, error) {
	var info fs.FileInfo
	err := f.within("stat", name, func(root *os.Root) (err error) {
		info, err = root.Stat(filepath.FromSlash(name))
		return err
	})
	return info, err
}

func (f Folder) open(op, name string, folders bool) (*os.File, error) {
	var file *os.File
	err := f.within(op, name, func(root *os.Root) error {
		at := filepath.FromSlash(name)
		info, err := root.Stat(at)
		if err != nil {
			return err
		}
		if folders && info.IsDir() {
			file, err = root.Open(at)
			return err
		}
		file, err = regular(name, info, func() (*os.File, error) {
			return root.OpenFile(at, os.O_RDONLY|syscall.O_NONBLOCK, 0)
		})
		return err
	})
	return file, err
}

// within calls do with the folder's root, and says of a link out what it is.
func (f Folder) within(op, name string, do func(*os.Root) error) error {
	if !fs.ValidPath(name) {
		return &fs.PathError{Op: op, Path: name, Err: fs.ErrInvalid}
	}
	root, err := os.OpenRoot(string(f))
	if err != nil {
		return err
	}
	defer root.Close()
	err = do(root)
	if escapes(err) {
		return &fs.PathError{Op: op, Path: name, Err: ErrUsage.Errorf("it is a link out of %s, which is not followed", string(f))}
	}
	return err
}

// escapes recognizes the error of a link that leads out of an [os.Root]; package
// os has no name for it.
func escapes(err error) bool {
	var p *fs.PathError
	return errors.As(err, &p) && strings.HasSuffix(p.Err.Error(), "escapes from parent")
}
