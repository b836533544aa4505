package recall

import (
	"crypto/sha256"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/source"
)

// maxVersioned is the most files that are looked at for its version.
const maxVersioned = 10_000

// folderVersion identifies the content of folders without reading it: by the names of all
// their files, and their places and times. It is false if they do not say that surely, such as
// just after a change, or if there are too many of them. The folders that are aside, and what is
// in them, do not count; the folders that are asked for do, whatever their names.
func folderVersion(aside func(fsys fs.FS, dir string) bool, dirs ...string) (whittle.Digest, bool) {
	sum, n := sha256.New(), 0
	look := func(path string, d fs.DirEntry, err error) error {
		if n++; err != nil || n > maxVersioned {
			return errUnversioned
		}
		version := "folder"
		switch {
		case d.IsDir() && !slices.Contains(dirs, path) && aside(os.DirFS(filepath.Dir(path)), filepath.Base(path)):
			return fs.SkipDir
		case d.IsDir():
		case d.Type()&fs.ModeSymlink != 0:
			if version, err = linkVersion(path); err != nil {
				return err
			}
		default:
			info, err := d.Info()
			if err != nil {
				return errUnversioned
			}
			if version = source.FileIdentity(info); version == "" {
				return errUnversioned
			}
		}
		fmt.Fprintf(sum, "%q %s\n", path, version)
		return nil
	}
	for _, dir := range dirs {
		if filepath.WalkDir(dir, look) != nil {
			return "", false
		}
	}
	return whittle.SHA256([32]byte(sum.Sum(nil))), true
}

// errUnversioned says that a file's content is not identified by what is known of it.
var errUnversioned = whittle.ErrUnsupported.Errorf("a file without a version")

// linkVersion identifies what a symlink names. A folder elsewhere may have any files.
func linkVersion(path string) (string, error) {
	target, err := os.Readlink(path)
	if err != nil {
		return "", errUnversioned
	}
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return "names nothing " + target, nil
	case info.IsDir() && !filepath.IsLocal(target):
		return "", errUnversioned
	case info.IsDir():
		return "folder " + target, nil
	}
	if id := source.FileIdentity(info); id != "" {
		return "file " + id, nil
	}
	return "", errUnversioned
}
