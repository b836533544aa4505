package source

import (
	"bytes"
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
	{"docker://", "did you mean registry:REST, or docker:REST for the Docker engine?"},
	{"registry://", "did you mean registry:REST?"},
	{"oci://", "did you mean registry:REST?"},
	{"https://", "a name in a registry has no scheme: registry:REST"},
	{"http://", "a name in a registry has no scheme: registry:REST"},
	{"file://", "name the path alone: REST"},
	{"oci:", "did you mean oci-layout:REST?"},
	{"dir:", "copy it first: skopeo copy dir:REST oci:FOLDER"},
	{"docker-daemon:", "did you mean docker:REST?"},
	{"tarball:", "did you mean docker-archive:REST?"},
	{"docker-tar:", "did you mean docker-archive:REST?"},
	{"podman:", podmanHint},
	{"containers-storage:", podmanHint},
	{"ostree:", "copy it first: skopeo copy ostree:REST oci:FOLDER"},
	{"sif:", "copy it first: skopeo copy sif:REST oci:FOLDER"},
	{"containerd:", "export it first: ctr images export FILE.tar REST"},
}

const podmanHint = "podman save --format oci-archive -o FILE.tar REST, or DOCKER_HOST=unix://SOCKET of podman system service"

// otherScheme is the error of a name in the syntax of another tool.
func otherScheme(name string) error {
	for _, s := range otherSchemes {
		rest, ok := strings.CutPrefix(name, s.scheme)
		if !ok {
			continue
		}
		return whittle.WithHint(whittle.ErrUsage.Errorf("opening %s: whittle has no scheme %q", name, strings.TrimRight(s.scheme, ":/")),
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

// nearNames are up to three archives and layouts in the folder of a missing file,
// sorted by the length of the prefix that they share with it.
func nearNames(file string) []string {
	dir, base := filepath.Split(file)
	entries, err := os.ReadDir(filepath.Clean("./" + dir))
	if filepath.IsAbs(file) {
		entries, err = os.ReadDir(filepath.Clean(dir))
	}
	if err != nil || base == "" {
		return nil
	}
	shared := func(n string) int {
		i := 0
		for i < len(n) && i < len(base) && n[i] == base[i] {
			i++
		}
		return i
	}
	var near []string
	for _, e := range entries {
		if n := e.Name(); strings.Contains(n, ".tar") || path.Ext(n) == path.Ext(base) && path.Ext(n) != "" {
			near = append(near, dir+n)
		}
	}
	slices.SortStableFunc(near, func(a, b string) int { return shared(b[len(dir):]) - shared(a[len(dir):]) })
	return near[:min(3, len(near))]
}

// checkMagic distinguishes a tar, which is read in place, from other files.
func checkMagic(f *os.File, path string) error {
	var b [512]byte
	n, err := f.ReadAt(b[:], 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return whittle.ErrUsage.Errorf("reading %s: %w", path, err)
	}
	for magic, tool := range map[string]string{string(gzipMagic): "gunzip", string(zstdMagic): "unzstd", "BZh": "bunzip2", "\xfd7zXZ": "unxz"} {
		if strings.HasPrefix(string(b[:n]), magic) {
			return whittle.WithHint(whittle.ErrUnsupported.Errorf("%s is compressed as a whole", path),
				"archives are read in place: "+tool+" it first")
		}
	}
	switch {
	case n == 0:
		return whittle.WithHint(whittle.ErrCorrupt.Errorf("%s is empty (0 bytes)", path), "did the command that wrote it fail?")
	case n == len(b) && plainTar(f):
		return nil
	case !bytes.ContainsRune(b[:n], 0) && isText(b[:n]):
		return whittle.ErrCorrupt.Errorf("%s is not a tar archive, it is text", path)
	case n < len(b):
		return whittle.ErrCorrupt.Errorf("%s is not a tar archive, it has %d bytes", path, n)
	}
	return whittle.ErrCorrupt.Errorf("%s is not a tar archive", path)
}

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
	return err
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
	case has("version") && has("manifest.json"):
		return whittle.WithHint(err, "skopeo wrote it as a dir: copy it with skopeo copy dir:"+string(f)+" oci:FOLDER")
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
