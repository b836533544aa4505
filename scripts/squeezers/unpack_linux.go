package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// unpacked unpacks an image with umoci and describes each path. It needs the folder dir
// meanwhile. Of folders that are not listed only the type is described: no layer says
// more of them.
func unpacked(ctx context.Context, image, dir string, listed map[string]bool) (map[string]string, error) {
	img, err := tarball.ImageFromPath(image, nil)
	if err != nil {
		return nil, err
	}
	if img, err = asOCI(img); err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	to, err := layout.Write(filepath.Join(dir, "layout"), empty.Index)
	if err != nil {
		return nil, err
	}
	if err := to.AppendImage(img, layout.WithAnnotations(map[string]string{"org.opencontainers.image.ref.name": "it"})); err != nil {
		return nil, err
	}
	began := time.Now().Add(-time.Second)
	bundle := filepath.Join(dir, "bundle")
	if _, err := output(ctx, "umoci", "unpack", "--image", filepath.Join(dir, "layout")+":it", bundle); err != nil {
		return nil, err
	}
	return walk(filepath.Join(bundle, "rootfs"), began, listed)
}

// walk describes each path below root: type, mode, owner, time, content, link, device,
// extended attributes, and the first name of the same file. A folder into which umoci wrote
// later has a time after began, which is not compared.
func walk(root string, began time.Time, listed map[string]bool) (map[string]string, error) {
	out, first := map[string]string{}, map[uint64]string{}
	err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(root, p)
		if d.IsDir() && !listed[rel] {
			out[rel] = "folder"
			return nil
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		st := info.Sys().(*syscall.Stat_t)
		text := fmt.Sprintf("%s %d:%d", info.Mode(), st.Uid, st.Gid)
		if info.ModTime().Before(began) || !d.IsDir() {
			text += fmt.Sprint(" ", st.Mtim.Nano())
		}
		switch info.Mode().Type() {
		case 0:
			sum, err := sumOf(p)
			if err != nil {
				return err
			}
			text += fmt.Sprintf(" %x", sum)
		case fs.ModeSymlink:
			target, err := os.Readlink(p)
			if err != nil {
				return err
			}
			text += " -> " + target
		case fs.ModeDevice, fs.ModeDevice | fs.ModeCharDevice:
			text += fmt.Sprintf(" device %d", st.Rdev)
		}
		if !d.IsDir() {
			if _, ok := first[st.Ino]; !ok {
				first[st.Ino] = rel
			}
			text += " = " + first[st.Ino]
		}
		if info.Mode().Type()&fs.ModeSymlink == 0 {
			attributes, err := xattrs(p)
			if err != nil {
				return err
			}
			text += attributes
		}
		out[rel] = text
		return nil
	})
	return out, err
}

func sumOf(path string) (sum [32]byte, err error) {
	f, err := os.Open(path)
	if err != nil {
		return sum, err
	}
	defer f.Close()
	h := sha256.New()
	_, err = io.Copy(h, f)
	return [32]byte(h.Sum(nil)), err
}

func xattrs(path string) (text string, err error) {
	names := make([]byte, 64<<10)
	n, err := syscall.Listxattr(path, names)
	if err != nil {
		return "", err
	}
	var list []string
	for name := range bytes.SplitSeq(names[:n], []byte{0}) {
		if len(name) == 0 {
			continue
		}
		value := make([]byte, 64<<10)
		n, err := syscall.Getxattr(path, string(name), value)
		if err != nil {
			return "", err
		}
		list = append(list, fmt.Sprintf(" %s=%x", name, value[:n]))
	}
	slices.Sort(list)
	return strings.Join(list, ""), nil
}

// different says how two trees differ, empty if they do not.
func different(a, b map[string]string) string {
	var paths []string
	for p, x := range a {
		if b[p] != x {
			paths = append(paths, p)
		}
	}
	for p := range b {
		if _, ok := a[p]; !ok {
			paths = append(paths, p)
		}
	}
	if len(paths) == 0 {
		return ""
	}
	slices.Sort(paths)
	what := func(m map[string]string) string {
		if text, ok := m[paths[0]]; ok {
			return text
		}
		return "not there"
	}
	return line(fmt.Sprintf("%d path(s), %q: %s, %s", len(paths), paths[0], what(a), what(b)))
}
