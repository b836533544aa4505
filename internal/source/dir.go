package source

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"whittle.dev/whittle"
)

// flat is skopeo's "dir": manifest.json, the blobs by their hexadecimal digests, and,
// with skopeo copy --all, further manifests beside an index.
// https://github.com/containers/image/blob/main/directory/directory_transport.go
type flat struct {
	dir string
	// root is the digest of manifest.json, content its bytes.
	root    whittle.Digest
	content []byte
}

// isFlat says whether a folder is skopeo's "dir".
func isFlat(dir string) bool {
	return exists(filepath.Join(dir, "manifest.json")) && exists(filepath.Join(dir, "version")) && !exists(filepath.Join(dir, "index.json"))
}

// openFlat opens the image of a folder of skopeo's "dir".
func openFlat(ctx context.Context, dir string, o Options) (*image, error) {
	b, err := folder(dir).readFile("manifest.json", o.Limits.Manifest)
	if err != nil {
		return nil, err
	}
	f := &flat{dir, whittle.DigestOf(b), b}
	doc, err := parseDocument(b, f.root)
	if err != nil {
		return nil, err
	}
	return pick(ctx, f, []descriptor{{MediaType: doc.MediaType, Digest: f.root, Size: int64(len(b))}}, "", o)
}

func (f *flat) open(_ context.Context, d whittle.Digest) (io.ReadCloser, error) {
	file, err := whittle.OpenFile(f.blob(d))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, &absentError{d, "folder"}
	}
	return file, err
}

// blob is the path of a blob. Version 1.0 had .tar behind the digests of layers.
func (f *flat) blob(d whittle.Digest) string {
	path := filepath.Join(f.dir, d.Hex())
	if old := path + ".tar"; !exists(path) && exists(old) {
		return old
	}
	return path
}

func (f *flat) manifest(_ context.Context, d whittle.Digest) (io.ReadCloser, error) {
	if d == f.root {
		return io.NopCloser(bytes.NewReader(f.content)), nil
	}
	file, err := whittle.OpenFile(filepath.Join(f.dir, d.Hex()+".manifest.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, &absentError{d, "folder"}
	}
	return file, err
}

func (f *flat) section(d whittle.Digest) (*io.SectionReader, bool) { return sectionOf(f.blob(d)) }

func (f *flat) stat(_ context.Context, d whittle.Digest) (int64, string, error) {
	return statOf(f.blob(d), &absentError{d, "folder"})
}

// sectionOf opens a file for reading in place. The garbage collector closes the file
// once nothing refers to it.
func sectionOf(path string) (*io.SectionReader, bool) {
	file, err := whittle.OpenFile(path)
	if err != nil {
		return nil, false
	}
	info, err := file.Stat()
	if err != nil {
		file.Close()
		return nil, false
	}
	return io.NewSectionReader(file, 0, info.Size()), true
}

// statOf is the size and the identity of a file, or absent if there is none.
func statOf(path string, absent error) (int64, string, error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, "", absent
	}
	if err != nil {
		return 0, "", err
	}
	return info.Size(), FileIdentity(info), nil
}
