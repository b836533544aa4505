package source

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	"whittle.dev/whittle"
)

// otherSchemes are schemes of other tools with a hint; REST in it stands for what
// follows the scheme.
var otherSchemes = []struct{ scheme, hint string }{
	{"registry://", "did you mean registry:REST?"},
	{"oci://", "did you mean registry:REST?"},
	{"https://", "a name in a registry has no scheme: registry:REST"},
	{"http://", "a name in a registry has no scheme: registry:REST"},
	{"file://", "name the path alone: REST"},
	{"tarball:", "did you mean docker-archive:REST?"},
	{"docker-tar:", "did you mean docker-archive:REST?"},
	{"ostree:", "copy it first: skopeo copy ostree:REST oci:FOLDER"},
	{"sif:", "copy it first: skopeo copy sif:REST oci:FOLDER"},
	{"containerd:", "export it first: ctr images export FILE.tar REST"},
}

// otherScheme is the error of a name in the syntax of another tool.
func otherScheme(name string) error {
	for _, s := range otherSchemes {
		rest, ok := strings.CutPrefix(name, s.scheme)
		if !ok {
			continue
		}
		return whittle.WithHint(whittle.ErrUsage.Errorf("opening %s: %s is not supported", name, s.scheme),
			strings.ReplaceAll(s.hint, "REST", strings.TrimLeft(rest, "/")))
	}
	return nil
}

// noSuchFile is the error of a path that does not exist, with similar names.
func noSuchFile(name, why, file string) error {
	err := &placeError{place: name, why: why, kind: whittle.ErrNotFound}
	if near := nearNames(file); len(near) > 0 {
		return whittle.WithHint(err, "there is "+strings.Join(near, ", "))
	}
	return err
}

// nearNames are up to three names in the folder of a missing file: those that are
// spelled alike, then archives and layouts by the length of the prefix that they
// share with it, if the missing one has the name of an archive.
func nearNames(file string) []string {
	dir, base := filepath.Split(file)
	entries, err := os.ReadDir(filepath.Clean("./" + dir))
	if filepath.IsAbs(file) {
		entries, err = os.ReadDir(filepath.Clean(dir))
	}
	if err != nil || base == "" {
		return nil
	}
	var names, near []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	if alike := whittle.Nearest(base, names); alike != "" {
		near = append(near, dir+alike)
	}
	if !looksLikePath(file) {
		return near
	}
	shared := func(n string) int {
		i := 0
		for i < len(n) && i < len(base) && n[i] == base[i] {
			i++
		}
		return i
	}
	first := len(near)
	for _, n := range names {
		if (strings.Contains(n, ".tar") || path.Ext(n) == path.Ext(base) && path.Ext(n) != "") && !slices.Contains(near, dir+n) {
			near = append(near, dir+n)
		}
	}
	slices.SortStableFunc(near[first:], func(a, b string) int { return shared(b[len(dir):]) - shared(a[len(dir):]) })
	return near[:min(3, len(near))]
}

// checkMagic distinguishes a tar, which is read in place, from other files.
func checkMagic(f io.ReaderAt, path string) error {
	var b [512]byte
	n, err := f.ReadAt(b[:], 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return whittle.ErrUsage.Errorf("reading %s: %w", path, err)
	}
	switch {
	case n == 0:
		return whittle.WithHint(whittle.ErrCorrupt.Errorf("%s is empty (0 bytes)", path), "did the command that wrote it fail?")
	case n == len(b) && plainTar(f):
		return nil
	}
	return whittle.WithHint(whittle.ErrCorrupt.Errorf("%s is not a tar archive, %s", path, fileKind(b[:n])), otherFile(path))
}

// otherKinds are files of other kinds by their first bytes.
var otherKinds = []struct{ magic, is string }{
	{"PK\x03\x04", "it is a zip archive"}, {"\x7fELF", "it is a program or a library"}, {"hsqs", "it is a SquashFS image"}, {"%PDF", "it is a PDF"},
	{"7z\xbc\xaf\x27\x1c", "it is a 7-Zip archive"}, {"QFI\xfb", "it is a virtual machine's disk"}, {"\x04\x22\x4d\x18", "it is compressed by lz4"}, {"SQLite format 3\x00", "it is a database"},
}

// fileKind says what a file is that begins with some bytes, and is no tar.
func fileKind(b []byte) string {
	for _, k := range otherKinds {
		if strings.HasPrefix(string(b), k.magic) {
			return k.is
		}
	}
	switch {
	case !bytes.ContainsRune(b, 0) && isText(b):
		return "it is text"
	case len(b) < 512:
		return fmt.Sprintf("it has %d bytes", len(b))
	}
	return "and of no kind that whittle knows"
}

// otherFile is what to try where a file is no archive.
func otherFile(file string) string {
	dir, base := filepath.Split(file)
	name := strings.ToLower(base)
	for _, part := range []string{"dockerfile", "containerfile", "compose", "docker-bake", "whittle.yaml", "pyproject.toml", "requirements"} {
		if strings.Contains(name, part) {
			return "for a project: whittle lab " + cmp.Or(strings.TrimSuffix(dir, "/"), ".")
		}
	}
	return writeImage
}

// writeImage is how to get an archive of an image.
const writeImage = "docker save NAME > image.tar writes an archive of an image"

// isText says whether bytes are UTF-8, apart from a truncated last rune.
func isText(b []byte) bool {
	for i := 0; i < utf8.UTFMax && len(b) > 0; i++ {
		if utf8.Valid(b) {
			return true
		}
		b = b[:len(b)-1]
	}
	return false
}

// truncated is the error of an archive whose end is missing.
func truncated(size int64) error {
	return whittle.WithHint(whittle.ErrCorrupt.Errorf("the archive ends early, at %s bytes", whittle.Thousands(size)),
		"a download that broke off, or a full disk?")
}

// noImage is the error of a tar without the files of an image archive.
func (a *archive) noImage() error {
	if a.size > 0 && !a.hasEnd() {
		return truncated(a.size)
	}
	err := whittle.ErrCorrupt.Errorf("no image in it: neither manifest.json (docker save) nor index.json (OCI)")
	for name := range a.files {
		if dir, base := path.Split(name); dir != "" && (base == "manifest.json" || base == "index.json") && strings.Count(dir, "/") == 1 {
			return whittle.WithHint(err, fmt.Sprintf("the image is in its folder %s: unpack it, or pack that folder's content", strings.TrimSuffix(dir, "/")))
		}
	}
	if _, old := a.files["repositories"]; old {
		return whittle.WithHint(err, "an archive of Docker before 1.10: load it and save it again")
	}
	return whittle.WithHint(err, writeImage)
}

// hasEnd says whether the archive ends with the zeros that end a tar.
func (a *archive) hasEnd() bool {
	var b [512]byte
	n, err := a.file.ReadAt(b[:], a.size-int64(len(b)))
	return (err == nil || errors.Is(err, io.EOF)) && n == len(b) && b == [512]byte{}
}

// noLayout is the error of a folder that is no OCI layout.
func (f folder) noLayout() error {
	err := &placeError{why: string(f) + " is a folder, not an OCI layout (it has no index.json)", kind: whittle.ErrNotFound}
	has := func(name string) bool {
		_, err := os.Stat(filepath.Join(string(f), name))
		return err == nil
	}
	entries, readErr := os.ReadDir(string(f))
	switch {
	case readErr == nil && len(entries) == 0:
		err.why = string(f) + " is an empty folder"
	case has("manifest.json"):
		return whittle.WithHint(err, "an unpacked docker archive: pack its content into a tar")
	}
	return whittle.WithHint(err, "for a project: whittle lab "+string(f)+", whittle advise "+string(f)+" or whittle check "+string(f))
}

// exists says whether a path exists.
func exists(path string) bool {
	_, err := os.Stat(path)
	return !errors.Is(err, fs.ErrNotExist)
}
