// Package destination writes images to the places where they are stored: docker
// archives, OCI layouts in folders and tars, a Docker engine, a registry.
//
// A place has the whole image or what it had before, whatever happens meanwhile:
// archives are written beside their name and renamed, a layout gets its index last,
// a registry its manifest. The same image gives the same bytes.
package destination

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/source"
)

// Destination is a place that an image can be written to.
type Destination struct {
	text string // as it was written
	kind string // one of source's schemes
	// path is a file's or a folder's; name is that of the image: a tag of a layout, or a
	// whole name, empty if there is none.
	path, name string
}

// String is the destination as it was written.
func (d Destination) String() string { return d.text }

// Kind is "docker-archive", "oci-archive", "oci-layout", "docker" or "registry".
func (d Destination) Kind() string { return d.kind }

// schemes are those that can be written, as [source.Open] spells them, and whether a
// path comes behind them. docker:// has to come before docker:.
var schemes = []struct {
	prefix, kind string
	path         bool
}{
	{source.DockerArchive + ":", source.DockerArchive, true},
	{source.OCIArchive + ":", source.OCIArchive, true},
	{source.OCILayout + ":", source.OCILayout, true},
	{"oci:", source.OCILayout, true},
	{"docker://", source.Registry, false},
	{source.Docker + ":", source.Docker, false},
	{"docker-daemon:", source.Docker, false},
	{source.Registry + ":", source.Registry, false},
}

// readOnly are schemes of images that cannot be written, with what to do instead.
var readOnly = map[string]string{
	source.Dir + ":":               "write oci-layout:FOLDER:TAG, then skopeo copy oci:FOLDER:TAG dir:FOLDER",
	source.RootFS + ":":            "write oci-layout:FOLDER:TAG, then umoci unpack --image FOLDER:TAG BUNDLE",
	source.PodmanEngine + ":":      "write docker-archive:FILE.tar:NAME, then podman load -i FILE.tar",
	source.ContainersStorage + ":": "write docker-archive:FILE.tar:NAME, then podman load -i FILE.tar",
}

// Places is a line for messages: what can be written.
const Places = "docker-archive:FILE[:NAME], oci-archive:FILE[:TAG], oci-layout:FOLDER[:TAG], registry:NAME or docker:NAME"

// Is says whether a text begins as a destination does: with a scheme.
func Is(text string) bool {
	for _, s := range schemes {
		if strings.HasPrefix(text, s.prefix) {
			return true
		}
	}
	for scheme := range readOnly {
		if strings.HasPrefix(text, scheme) {
			return true
		}
	}
	return false
}

// Parse reads docker-archive:FILE[:NAME], oci-archive:FILE[:TAG],
// oci-layout:FOLDER[:TAG] or oci:, registry:NAME or docker://NAME, docker:NAME or
// docker-daemon:NAME, or FILE.tar, which is a docker archive. The first colon behind a
// path ends it. Errors wrap [whittle.ErrUsage].
func Parse(text string) (Destination, error) {
	for _, s := range schemes {
		rest, ok := strings.CutPrefix(text, s.prefix)
		if !ok {
			continue
		}
		d := Destination{text: text, kind: s.kind, name: rest}
		if s.path {
			d.path, d.name = cutPath(rest)
		}
		return d, d.check()
	}
	for scheme, hint := range readOnly {
		if strings.HasPrefix(text, scheme) {
			return Destination{}, whittle.WithHint(whittle.ErrUsage.Errorf("%s: no image is written to a %s", text, strings.TrimSuffix(scheme, ":")), hint)
		}
	}
	if strings.HasSuffix(text, ".tar") {
		d := Destination{text: text, kind: source.DockerArchive, path: text}
		return d, d.check()
	}
	return Destination{}, whittle.WithHint(whittle.ErrUsage.Errorf("%.200q names no place for an image", text), "say which: "+Places)
}

// cutPath splits a path from what names the image in it. The colon of a drive is part
// of the path.
func cutPath(s string) (path, name string) {
	drive := filepath.VolumeName(s)
	path, name, named := strings.Cut(s[len(drive):], ":")
	if named && name == "" {
		return drive + path + ":", "" // which is refused
	}
	return drive + path, name
}

// tagForm is what a layout calls an image by.
// https://github.com/opencontainers/image-spec/blob/main/annotations.md
var tagForm = regexp.MustCompile(`^[A-Za-z0-9]+((-|--|[._:+])[A-Za-z0-9]+)*(/[A-Za-z0-9]+((-|--|[._:+])[A-Za-z0-9]+)*)*$`)

// check says what is wrong with the text of a destination.
func (d Destination) check() error {
	switch {
	case d.path == "" && d.name == "", d.path == "" && d.kind != source.Docker && d.kind != source.Registry, strings.HasSuffix(d.path, ":"):
		return whittle.WithHint(whittle.ErrUsage.Errorf("no place is named by %q", d.text), "put a path or a name behind the colon: "+Places)
	case strings.ContainsRune(d.path, 0):
		return whittle.ErrUsage.Errorf("%.200q has a NUL in its path", d.text)
	case d.kind == source.Registry, d.kind == source.Docker, d.kind == source.DockerArchive && d.name != "":
		if err := source.CheckTag(d.name); err != nil {
			return fmt.Errorf("%.200s: %w", d.text, err)
		}
	case d.name != "" && (len(d.name) > 255 || !tagForm.MatchString(d.name)):
		return whittle.WithHint(whittle.ErrUsage.Errorf("%s: %.200q is no tag of an OCI layout", d.text, d.name), "letters, digits and -._:+/ between them, such as app:1.0")
	}
	return nil
}

// Check says whether an image may be written here: the place is one that can be
// written to, and is not the one that the image is read from. It writes nothing.
func (d Destination) Check(from whittle.Ref, o source.Options) error {
	switch d.kind {
	case source.Registry, source.Docker:
		if err := source.CheckReach(d.kind, d.name, o); err != nil {
			return fmt.Errorf("writing %s: %w", d.text, err)
		}
		if source.SamePlace(from, d.kind, d.name) {
			return d.isSource()
		}
		return nil
	case source.OCILayout:
		return d.checkFolder(from)
	}
	return d.checkFile(from)
}

func (d Destination) isSource() error {
	return whittle.WithHint(whittle.ErrUsage.Errorf("%s is the image that is read, which stays as it is", d.text), "name another place")
}

func (d Destination) checkFile(from whittle.Ref) error {
	info, err := os.Stat(d.path)
	switch {
	case err == nil && !info.Mode().IsRegular():
		return whittle.WithHint(whittle.ErrUsage.Errorf("writing %s: %s is no regular file", d.text, d.path), "name a file, which is written whole and renamed")
	case err == nil && source.SameFile(from, info):
		return d.isSource()
	case err != nil && !errors.Is(err, os.ErrNotExist):
		return whittle.ErrUsage.Errorf("writing %s: %w", d.text, err)
	}
	return d.checkParent()
}

func (d Destination) checkParent() error {
	parent := filepath.Dir(d.path)
	info, err := os.Stat(parent)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return whittle.WithHint(whittle.ErrUsage.Errorf("writing %s: there is no folder %s", d.text, parent), "make it first")
	case err != nil:
		return whittle.ErrUsage.Errorf("writing %s: %w", d.text, err)
	case !info.IsDir():
		return whittle.ErrUsage.Errorf("writing %s: %s is no folder", d.text, parent)
	}
	return nil
}

// Write writes an image, whole or not at all. What the blobs of the image have is
// compared with their digests and sizes. It gives the digest of the manifest, and that
// of the manifest of each artifact. Errors wrap [whittle.ErrUsage], [whittle.ErrSystem],
// [whittle.ErrEngine], [whittle.ErrAuth] or [whittle.ErrUnsupported], or are of the
// image's bytes.
func (d Destination) Write(ctx context.Context, img Image, o source.Options) (Written, error) {
	p, err := pack(ctx, img)
	if err != nil {
		return Written{}, err
	}
	switch d.kind {
	case source.Registry:
		err = d.push(ctx, p, o)
	case source.Docker:
		err = d.load(ctx, p, o)
	case source.OCILayout:
		err = d.writeFolder(ctx, p)
	default:
		err = d.writeArchive(ctx, p)
	}
	if err != nil {
		return Written{}, err
	}
	return p.written(), nil
}

// TakesArtifacts says whether the place has room for documents about an image.
func (d Destination) TakesArtifacts() bool {
	return d.kind == source.OCILayout || d.kind == source.OCIArchive || d.kind == source.Registry
}

// ManifestDigest is the digest that the manifest of an image has wherever it is written.
func ManifestDigest(ctx context.Context, img Image) (whittle.Digest, error) {
	p, err := pack(ctx, img)
	if err != nil {
		return "", err
	}
	return p.manifest.Digest, nil
}
