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

// FolderVersion identifies the content of folders without reading it: by the names of all
// their files, and their places and times. It is false if they do not say that surely, such as
// just after a change, or if there are too many of them. What is not a project's own does not
// count: environments, packages, and folders whose names begin with a dot.
func FolderVersion(dirs ...string) (whittle.Digest, bool) {
	sum, n := sha256.New(), 0
	look := func(path string, d fs.DirEntry, err error) error {
		if n++; err != nil || n > maxVersioned {
			return errUnversioned
		}
		version := "folder"
		switch {
		case d.IsDir() && aside(path):
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

// aside says that a folder is not the project's own, so that no check looks into it.
func aside(dir string) bool {
	name := filepath.Base(dir)
	if len(name) > 1 && name[0] == '.' && name != ".." || slices.Contains([]string{"node_modules", "site-packages", "__pycache__"}, name) {
		return true
	}
	_, err := os.Stat(filepath.Join(dir, "pyvenv.cfg"))
	return err == nil
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
