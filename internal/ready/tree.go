package ready

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/codec"
)

// tree is a folder into which layers are unpacked.
type tree struct {
	root   *os.Root
	bounds Bounds
	own    bool // files get their owners
	buffer []byte
	out    Unpacked

	// made are the paths that this layer has made. folders has the folder of a path as
	// the layer's entries spell it, where links of this layer are followed.
	made    map[string]bool
	folders map[string]string
	times   []stamp // of the folders that this layer has, set at its end
	// at is the open folder of the last entry, whose path is place.
	at    *os.Root
	place string
}

// stamp is a time that a path gets.
type stamp struct {
	path string
	time time.Time
}

const (
	whiteout = ".wh."
	opaque   = ".wh..wh..opq"
)

// apply unpacks one layer's tar. The formats of markers are those of the OCI
// specification.
// https://github.com/opencontainers/image-spec/blob/main/layer.md#whiteouts
func (t *tree) apply(r io.Reader) error {
	t.made, t.folders, t.times = map[string]bool{}, map[string]string{}, nil
	in := tar.NewReader(r)
	for {
		h, err := in.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return codec.Error(err)
		}
		if t.out.Entries++; t.out.Entries > t.bounds.Entries {
			return whittle.ErrLimit.Errorf("it has more than %s entries", whittle.Thousands(int64(t.bounds.Entries)))
		}
		if err := t.entry(h, in); err != nil {
			return fmt.Errorf("%s: %w", whittle.Shorten(whittle.Printable(h.Name), 200), err)
		}
	}
	for _, s := range t.times {
		if info, err := t.root.Lstat(s.path); err != nil || !info.IsDir() {
			continue // it is gone since
		}
		if err := t.root.Chtimes(s.path, s.time, s.time); err != nil {
			return whittle.ErrSystem.Errorf("setting the time of a folder: %w", err)
		}
	}
	return nil
}

// entry applies one entry.
func (t *tree) entry(h *tar.Header, content io.Reader) error {
	name, err := whittle.CleanPath(h.Name)
	if err != nil || name == "." || h.Typeflag == tar.TypeXGlobalHeader {
		return err
	}
	base := path.Base(name)
	how := create
	if strings.HasPrefix(base, whiteout) {
		how = mark
	}
	folder, err := t.folder(path.Dir(name), how)
	if err != nil || folder == "" {
		return err
	}
	switch {
	case base == opaque:
		return t.empty(folder)
	case strings.HasPrefix(base, ".wh..wh."): // of AUFS itself
		return nil
	case strings.HasPrefix(base, whiteout):
		if p := path.Join(folder, base[len(whiteout):]); !t.made[p] && p != folder {
			return t.remove(p)
		}
		return nil
	}
	return t.put(h, folder, base, content)
}

// put makes the file base in a folder, or what else an entry has.
func (t *tree) put(h *tar.Header, folder, base string, content io.Reader) error {
	at, err := t.open(folder)
	if err != nil {
		return err
	}
	name, mode := path.Join(folder, base), fs.FileMode(h.Mode).Perm()
	target := ""
	switch h.Typeflag {
	case tar.TypeReg, tar.TypeGNUSparse, tar.TypeDir, tar.TypeSymlink:
	case tar.TypeLink:
		if target, err = t.target(h.Linkname); err != nil || target == "" || target == name {
			t.out.Skipped++
			return err
		}
	default:
		t.out.Skipped++
		return t.remove(name) // it hides what is below
	}
	info, err := at.Lstat(base)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	there := err == nil && h.Typeflag == tar.TypeDir && info.IsDir()
	if err == nil && !there {
		if err := t.remove(name); err != nil {
			return err
		}
		if at, err = t.open(folder); err != nil {
			return err
		}
	}
	t.made[name] = true
	switch h.Typeflag {
	case tar.TypeDir:
		if !there {
			err = at.Mkdir(base, 0o700)
		}
		if err == nil {
			err = at.Chmod(base, mode|0o700)
		}
		t.times = append(t.times, stamp{name, h.ModTime})
	case tar.TypeSymlink:
		err = at.Symlink(h.Linkname, base)
	case tar.TypeLink:
		return t.root.Link(target, name)
	default:
		return t.file(h, at, base, mode, content)
	}
	if err == nil && t.own {
		err = at.Lchown(base, h.Uid, h.Gid)
	}
	return err
}

// file writes a regular file.
func (t *tree) file(h *tar.Header, at *os.Root, base string, mode fs.FileMode, content io.Reader) (err error) {
	if t.out.Bytes += h.Size; t.out.Bytes > t.bounds.Bytes || h.Size < 0 {
		return whittle.ErrLimit.Errorf("the files have more than %s", whittle.Bytes(t.bounds.Bytes))
	}
	f, err := at.OpenFile(base, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if _, err := io.CopyBuffer(onlyWriter{f}, content, t.buffer); err != nil {
		return err
	}
	if t.own {
		if err := f.Chown(h.Uid, h.Gid); err != nil {
			return err
		}
	}
	if err := f.Chmod(mode); err != nil {
		return err
	}
	return at.Chtimes(base, h.ModTime, h.ModTime)
}

// onlyWriter hides what else a writer can do, so that a copy uses its own buffer.
type onlyWriter struct{ io.Writer }

// maxHops bounds the links that are followed for one path.
const maxHops = 40

// What happens where a folder is not there.
const (
	find   = iota // nothing
	create        // it is made, in the place of what else is there
	mark          // it is made, but not in the place of what this layer has made
)

// folder gives the path of a folder without links, empty where it is not there and is not
// to be made. Links that this layer has made are followed within
// the tree; what lower layers have in its way is replaced.
func (t *tree) folder(name string, how int) (string, error) {
	if name == "." {
		return ".", nil
	}
	if known, ok := t.folders[name]; ok {
		return known, nil
	}
	here, hops := ".", 0
	for rest := name; rest != ""; {
		var part string
		part, rest, _ = strings.Cut(rest, "/")
		p := path.Join(here, part) // a link may lead to "..", and none above the root
		if p == ".." || strings.HasPrefix(p, "../") {
			p = "."
		}
		if p == "." {
			here = p
			continue
		}
		info, err := t.root.Lstat(p)
		switch {
		case err == nil && info.IsDir():
			here = p
			continue
		case err == nil && info.Mode()&fs.ModeSymlink != 0 && t.made[p]:
			if hops++; hops > maxHops {
				return "", whittle.ErrCorrupt.Errorf("its path has more than %d links", maxHops)
			}
			to, err := t.root.Readlink(p)
			if err != nil {
				return "", err
			}
			if to = filepath.ToSlash(to); path.IsAbs(to) {
				here = "."
			}
			rest = strings.Trim(to, "/") + "/" + rest
			rest = strings.TrimPrefix(rest, "/")
			continue
		case err != nil && !errors.Is(err, fs.ErrNotExist):
			return "", err
		case how == find || how == mark && err == nil && t.made[p]:
			return "", nil
		case err == nil:
			if err := t.remove(p); err != nil {
				return "", err
			}
		}
		if err := t.root.Mkdir(p, 0o755); err != nil {
			return "", err
		}
		t.made[p], here = how == create, p // a marker alone makes nothing
	}
	t.folders[name] = here
	return here, nil
}

// target is the path of a hard link's target, empty where there is no file.
func (t *tree) target(link string) (string, error) {
	name, err := whittle.CleanPath(link)
	if err != nil {
		return "", err
	}
	folder, err := t.folder(path.Dir(name), find)
	if err != nil || folder == "" {
		return "", err
	}
	p := path.Join(folder, path.Base(name))
	info, err := t.root.Lstat(p)
	if errors.Is(err, fs.ErrNotExist) || err == nil && info.IsDir() {
		return "", nil
	}
	return p, err
}

// open gives a folder. It is open until another one is.
func (t *tree) open(folder string) (*os.Root, error) {
	if folder == "." {
		return t.root, nil
	}
	if t.at != nil && t.place == folder {
		return t.at, nil
	}
	t.close()
	at, err := t.root.OpenRoot(folder)
	if err == nil {
		t.at, t.place = at, folder
	}
	return at, err
}

func (t *tree) close() {
	if t.at != nil {
		_ = t.at.Close()
		t.at = nil
	}
}

// remove removes what is at a path.
func (t *tree) remove(p string) error {
	info, err := t.root.Lstat(p)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if info.IsDir() || info.Mode()&fs.ModeSymlink != 0 {
		clear(t.folders)
		t.close()
	}
	delete(t.made, p)
	return t.root.RemoveAll(p)
}

// empty removes from a folder what this layer has not made.
func (t *tree) empty(folder string) error {
	at, err := t.root.Open(folder)
	if err != nil {
		return err
	}
	names, err := at.Readdirnames(-1)
	if err = errors.Join(err, at.Close()); err != nil {
		return err
	}
	for _, n := range names {
		p := path.Join(folder, n)
		if !t.made[p] {
			err = errors.Join(err, t.remove(p))
			continue
		}
		if info, failed := t.root.Lstat(p); failed == nil && info.IsDir() {
			err = errors.Join(err, t.empty(p))
		}
	}
	return err
}

// removeAll removes a folder, whatever the modes in it are.
func removeAll(dir string) error {
	err := os.RemoveAll(dir)
	if err == nil {
		return nil
	}
	_ = filepath.WalkDir(dir, func(name string, d fs.DirEntry, _ error) error {
		if d != nil && d.IsDir() {
			_ = os.Chmod(name, 0o700)
		}
		return nil
	})
	return os.RemoveAll(dir)
}
