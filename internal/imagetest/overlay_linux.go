package imagetest

import (
	"archive/tar"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"whittle.dev/whittle"
)

// Seen is one path as the kernel shows it. Of a directory only the kind is set.
type Seen struct {
	Kind  whittle.Kind
	Size  int64
	Mode  uint32
	MTime int64 // nanoseconds since 1970
	Inode uint64
	Sum   [32]byte
	Link  string // a symlink's target
}

// TryOverlay says whether overlayfs can be mounted in a folder.
func TryOverlay(dir string) error {
	a, b := filepath.Join(dir, "a"), filepath.Join(dir, "b")
	if err := errors.Join(os.Mkdir(a, 0o755), os.Mkdir(b, 0o755)); err != nil {
		return err
	}
	if err := syscall.Mknod(filepath.Join(a, "w"), syscall.S_IFCHR, 0); err != nil {
		return err
	}
	if err := syscall.Setxattr(a, "trusted.overlay.opaque", []byte("y"), 0); err != nil {
		return err
	}
	_, err := OverlayOf([]string{a, b}, filepath.Join(dir, "m"))
	return err
}

// OverlayOf mounts the directories, lowest first, and walks the merged tree.
func OverlayOf(dirs []string, at string) (view map[string]Seen, err error) {
	empty := at + "-empty"
	if err := errors.Join(os.Mkdir(at, 0o755), os.Mkdir(empty, 0o755)); err != nil {
		return nil, err
	}
	option := "lowerdir="
	for i := len(dirs) - 1; i >= 0; i-- {
		option += dirs[i] + ":"
	}
	if err := syscall.Mount("overlay", at, "overlay", syscall.MS_RDONLY, option+empty); err != nil {
		return nil, fmt.Errorf("mount: %w", err)
	}
	defer func() { err = errors.Join(err, syscall.Unmount(at, 0)) }()
	view = map[string]Seen{}
	return view, look(view, at, "")
}

func look(view map[string]Seen, root, dir string) error {
	names, err := os.ReadDir(filepath.Join(root, dir))
	if err != nil {
		return err
	}
	for _, d := range names {
		p := filepath.Join(dir, d.Name())
		info, err := os.Lstat(filepath.Join(root, p))
		if errors.Is(err, fs.ErrNotExist) {
			continue // a whiteout in a directory that is not merged is listed
		}
		if err != nil {
			return err
		}
		st := info.Sys().(*syscall.Stat_t)
		v := Seen{Size: info.Size(), Mode: st.Mode & 0o7777, MTime: st.Mtim.Nano(), Inode: st.Ino}
		switch info.Mode().Type() {
		case 0:
			v.Kind = whittle.File
			data, err := os.ReadFile(filepath.Join(root, p))
			if err != nil {
				return err
			}
			v.Sum = sha256.Sum256(data)
		case fs.ModeDir:
			v.Kind = whittle.Dir
			if err := look(view, root, p); err != nil {
				return err
			}
		case fs.ModeSymlink:
			v.Kind = whittle.Symlink
			if v.Link, err = os.Readlink(filepath.Join(root, p)); err != nil {
				return err
			}
		case fs.ModeDevice | fs.ModeCharDevice:
			v.Kind = whittle.CharDevice
		}
		view[p] = v
	}
	return nil
}

// Extraction is one layer's directory, written as Docker's archive package
// does with overlay whiteouts, from within a chroot.
type Extraction struct {
	Root  string
	Layer int
	// Inodes are those of regular files: layer and entry. It may be nil.
	Inodes map[uint64][2]int
}

var errRefused = errors.New("refused")

// inside resolves the symlinks of a directory's path as a chroot would.
func (x *Extraction) inside(dir string) (string, error) {
	done, rest := "", strings.Split(dir, "/")
	for links := 0; len(rest) > 0; {
		name := rest[0]
		rest = rest[1:]
		next := filepath.Join("/", done, name) // never above the root
		target, err := os.Readlink(filepath.Join(x.Root, next))
		if err != nil {
			done = next
			continue
		}
		if links++; links > 40 {
			return "", errRefused
		}
		if strings.HasPrefix(target, "/") {
			done = ""
		}
		rest = append(strings.Split(target, "/"), rest...)
	}
	return filepath.Join(x.Root, done), nil
}

func (x *Extraction) at(name string) (string, error) {
	name = strings.TrimSuffix(name, "/")
	i := strings.LastIndexByte(name, '/')
	dir, base := name[:max(i, 0)], name[i+1:]
	real, err := x.inside(dir)
	if err != nil {
		return "", err
	}
	return filepath.Join(real, base), nil
}

// Extract writes one entry; where it is refused nothing has changed.
func (x *Extraction) Extract(e TarEntry, position int) error {
	if e.Name == "./" {
		return nil
	}
	path, err := x.at(e.Name)
	if err != nil {
		return err
	}
	undo, err := parents(filepath.Dir(path))
	if err == nil {
		err = x.write(e, path, position)
	}
	if err != nil {
		undo()
	}
	return err
}

func (x *Extraction) write(e TarEntry, path string, position int) (err error) {
	dir, base := filepath.Split(path)
	if base == ".wh..wh..opq" {
		return syscall.Setxattr(dir, "trusted.overlay.opaque", []byte("y"), 0)
	}
	if name, ok := strings.CutPrefix(base, ".wh."); ok {
		return syscall.Mknod(filepath.Join(dir, name), syscall.S_IFCHR, 0)
	}
	var target string
	if e.Typeflag == tar.TypeLink {
		// Docker removes what is there first and refuses afterwards.
		if target, err = x.at(e.Linkname); err != nil {
			return err
		}
		info, err := os.Lstat(target)
		if err != nil || info.IsDir() || target == path || strings.HasPrefix(target, path+"/") {
			return errRefused
		}
		if info.Sys().(*syscall.Stat_t).Rdev == 0 && info.Mode()&fs.ModeCharDevice != 0 {
			return errRefused // Docker makes another whiteout
		}
	}
	if info, err := os.Lstat(path); err == nil && (!info.IsDir() || e.Typeflag != tar.TypeDir) {
		if err := os.RemoveAll(path); err != nil {
			return err
		}
	}
	return x.create(e, path, target, position)
}

// parents makes the directories that the layer does not list, and says how to
// take them back.
func parents(dir string) (undo func(), err error) {
	var missing []string
	for d := filepath.Clean(dir); ; d = filepath.Dir(d) {
		if _, err := os.Lstat(d); !errors.Is(err, fs.ErrNotExist) {
			break
		}
		missing = append(missing, d)
	}
	undo = func() {
		for _, d := range missing {
			os.Remove(d)
		}
	}
	return undo, os.MkdirAll(dir, 0o755)
}

func (x *Extraction) create(e TarEntry, path, target string, position int) error {
	switch e.Typeflag {
	case tar.TypeDir:
		if err := os.Mkdir(path, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
		return nil
	case tar.TypeSymlink:
		return os.Symlink(e.Linkname, path)
	case tar.TypeChar:
		return syscall.Mknod(path, syscall.S_IFCHR, int(e.Devminor))
	case tar.TypeLink:
		return os.Link(target, path)
	}
	if err := os.WriteFile(path, []byte(e.Content), 0o600); err != nil {
		return err
	}
	if err := errors.Join(os.Chmod(path, fs.FileMode(e.Mode)), os.Chtimes(path, e.ModTime, e.ModTime)); err != nil {
		return err
	}
	info, err := os.Lstat(path)
	if err == nil && x.Inodes != nil {
		x.Inodes[info.Sys().(*syscall.Stat_t).Ino] = [2]int{x.Layer, position}
	}
	return err
}
