package ledger

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
	"testing"

	"pgregory.net/rapid"

	"whittle.dev/whittle"
)

// The oracle is the kernel: each layer is extracted alone as Docker's overlay2
// driver does, overlayfs merges the directories, and what it shows must be
// what the ledger says, after each layer of the stack.

// seen is one path as the kernel shows it.
type seen struct {
	kind  whittle.Kind
	size  int64
	mode  uint32
	mtime int64
	inode uint64
	sum   [32]byte
}

func TestKernel(t *testing.T) {
	if err := tryOverlay(t.TempDir()); err != nil {
		t.Skipf("no overlayfs here (root, and a file system that can be below it, are needed): %v", err)
	}
	for _, f := range flavors {
		t.Run(f.name, func(t *testing.T) {
			work := t.TempDir()
			n := 0
			rapid.Check(t, func(rt *rapid.T) {
				n++
				dir := filepath.Join(work, fmt.Sprint(n))
				defer os.RemoveAll(dir)
				checkStack(t, rt, f.stack(rt), dir)
			})
		})
	}
}

func tryOverlay(dir string) error {
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
	_, err := overlayOf([]string{a, b}, filepath.Join(dir, "m"))
	return err
}

func checkStack(t *testing.T, rt *rapid.T, stack [][]tarEntry, dir string) {
	var idx []*whittle.Index
	var dirs []string
	inodes := map[uint64][2]int{}
	views := make([]map[string]seen, len(stack))
	for n, entries := range stack {
		x := &extraction{root: filepath.Join(dir, fmt.Sprint("layer", n)), layer: n, inodes: inodes}
		if err := os.MkdirAll(x.root, 0o755); err != nil {
			rt.Fatal(err)
		}
		var taken []tarEntry
		for _, e := range entries {
			// What Docker refuses is skipped: there is nothing to compare.
			if x.extract(e, len(taken)) == nil {
				taken = append(taken, e)
			}
		}
		idx = append(idx, indexTar(t, writeTar(t, taken)))
		dirs = append(dirs, x.root)
		var err error
		if views[n], err = overlayOf(dirs, filepath.Join(dir, fmt.Sprint("merged", n))); err != nil {
			rt.Fatal(err)
		}
	}
	var before *whittle.Ledger
	for n := range stack {
		l, err := Build(idx[:n+1], Options{})
		if err != nil {
			rt.Fatal(err)
		}
		if problem := compareView(l, idx, views[n], inodes); problem != "" {
			rt.Fatalf("after layer %d: %s\nledger: %v\ntree: %s", n, problem, show(l), showTree(l))
		}
		if problem := compareHidden(l, before, idx, views, n); problem != "" {
			rt.Fatalf("after layer %d: %s\nledger: %v\ntree: %s", n, problem, show(l), showTree(l))
		}
		before = l
	}
}

// compareView compares the merged tree.
func compareView(l *whittle.Ledger, idx []*whittle.Index, view map[string]seen, inodes map[uint64][2]int) string {
	if len(l.Tree.Nodes) != len(view) {
		return fmt.Sprintf("the kernel shows %d paths: %v", len(view), view)
	}
	visible := map[uint64]int64{}
	for _, n := range l.Tree.Nodes {
		v, ok := view[n.Path]
		switch {
		case !ok:
			return fmt.Sprintf("the kernel does not show %q", n.Path)
		case n.Entry < 0:
			if v.kind != whittle.Dir {
				return fmt.Sprintf("%q is a %s", n.Path, v.kind)
			}
			continue
		case n.Item < 0:
			if e := idx[n.Layer].Entries[n.Entry]; v.kind != e.Kind {
				return fmt.Sprintf("%q is a %s, not a %s", n.Path, v.kind, e.Kind)
			}
			continue
		}
		it := l.Items[n.Item]
		e := idx[it.Layer].Entries[it.Entry]
		if v.kind != whittle.File || v.size != e.Size || v.sum != e.Content {
			return fmt.Sprintf("%q is %v", n.Path, v)
		}
		if inodes[v.inode] != [2]int{it.Layer, it.Entry} {
			return fmt.Sprintf("%q is layer and entry %v", n.Path, inodes[v.inode])
		}
		visible[v.inode] = v.size
	}
	var sum int64
	for _, size := range visible {
		sum += size
	}
	if got := l.Sum().Visible; got != sum {
		return fmt.Sprintf("%d bytes are visible, the kernel shows %d", got, sum)
	}
	return ""
}

// compareHidden checks what layer n hides, and why, by what was at the path before
// and what is there now.
func compareHidden(l, before *whittle.Ledger, idx []*whittle.Index, views []map[string]seen, n int) string {
	for i, it := range l.Items {
		if before == nil || i >= len(before.Items) {
			if it.Cause != whittle.Visible && it.HiddenBy != n {
				return fmt.Sprintf("%+v is hidden by another layer", it)
			}
			continue
		}
		was := before.Items[i]
		if was.Cause != whittle.Visible {
			if it != was {
				return fmt.Sprintf("%+v is hidden again: %+v", was, it)
			}
			continue
		}
		if it.Cause == whittle.Visible {
			continue
		}
		want := whittle.Visible
		for _, node := range before.Tree.Nodes {
			if node.Item == i {
				want = max(want, causeSeen(node.Path, views[n-1][node.Path], views[n]))
			}
		}
		if it.HiddenBy != n || it.Cause != want {
			return fmt.Sprintf("%+v: the kernel says %s by %d", it, want, n)
		}
	}
	return ""
}

func causeSeen(path string, was seen, now map[string]seen) whittle.Cause {
	is, ok := now[path]
	if !ok {
		for dir, _ := splitPath(path); dir != ""; dir, _ = splitPath(dir) {
			if above, ok := now[dir]; ok && above.kind != whittle.Dir {
				return whittle.Replaced
			}
		}
		return whittle.Deleted
	}
	switch {
	case is.kind != whittle.File || is.size != was.size || is.sum != was.sum:
		return whittle.Replaced
	case is.mode == was.mode && is.mtime == was.mtime:
		return whittle.Identical
	}
	return whittle.Metadata
}

// overlayOf mounts the directories, lowest first, and walks the merged tree.
func overlayOf(dirs []string, at string) (view map[string]seen, err error) {
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
	view = map[string]seen{}
	return view, look(view, at, "")
}

func look(view map[string]seen, root, dir string) error {
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
		v := seen{size: info.Size(), mode: st.Mode & 0o7777, mtime: st.Mtim.Nano(), inode: st.Ino}
		switch info.Mode().Type() {
		case 0:
			v.kind = whittle.File
			data, err := os.ReadFile(filepath.Join(root, p))
			if err != nil {
				return err
			}
			v.sum = sha256.Sum256(data)
		case fs.ModeDir:
			v.kind = whittle.Dir
			if err := look(view, root, p); err != nil {
				return err
			}
		case fs.ModeSymlink:
			v.kind = whittle.Symlink
		case fs.ModeDevice | fs.ModeCharDevice:
			v.kind = whittle.CharDevice
		}
		view[p] = v
	}
	return nil
}

// extraction is one layer's directory, written as Docker's archive package
// does with overlay whiteouts, from within a chroot.
type extraction struct {
	root   string
	layer  int
	inodes map[uint64][2]int // of regular files: layer and entry
}

var errRefused = errors.New("refused")

// inside resolves the symlinks of a directory's path as a chroot would.
func (x *extraction) inside(dir string) (string, error) {
	done, rest := "", strings.Split(dir, "/")
	for links := 0; len(rest) > 0; {
		name := rest[0]
		rest = rest[1:]
		next := filepath.Join("/", done, name) // never above the root
		target, err := os.Readlink(filepath.Join(x.root, next))
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
	return filepath.Join(x.root, done), nil
}

func (x *extraction) at(name string) (string, error) {
	dir, base := splitPath(strings.TrimSuffix(name, "/"))
	real, err := x.inside(dir)
	if err != nil {
		return "", err
	}
	return filepath.Join(real, base), nil
}

// extract writes one entry; where it is refused nothing has changed.
func (x *extraction) extract(e tarEntry, position int) error {
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

func (x *extraction) write(e tarEntry, path string, position int) (err error) {
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

func (x *extraction) create(e tarEntry, path, target string, position int) error {
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
	if err := os.WriteFile(path, []byte(e.content), 0o600); err != nil {
		return err
	}
	if err := errors.Join(os.Chmod(path, fs.FileMode(e.Mode)), os.Chtimes(path, e.ModTime, e.ModTime)); err != nil {
		return err
	}
	info, err := os.Lstat(path)
	if err == nil {
		x.inodes[info.Sys().(*syscall.Stat_t).Ino] = [2]int{x.layer, position}
	}
	return err
}
