package pypi

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"net/http"
	"path"
	"strings"

	"whittle.dev/whittle"
)

// maxSourceFiles bounds the entries of a source distribution that are passed
// over.
const maxSourceFiles = 200_000

// sourceMetadata reads the PKG-INFO of a source distribution. It is only what
// its author's tools wrote: the requirements that building it comes to may
// differ where it says that they are dynamic, or says nothing (PEP 643).
func (c *Client) sourceMetadata(ctx context.Context, f File) ([]byte, error) {
	if !strings.HasSuffix(f.Name, ".tar.gz") {
		return nil, whittle.ErrUnsupported.Errorf("%.200q is neither a wheel nor a .tar.gz", f.Name)
	}
	if f.Size > maxSource {
		return nil, whittle.ErrLimit.Errorf("the source distribution has %d bytes, more than %d", f.Size, maxSource)
	}
	u, err := fileURL(f)
	if err != nil {
		return nil, err
	}
	var out []byte
	err = c.get(ctx, u, http.Header{"Accept-Encoding": {"identity"}}, func(resp *http.Response) (err error) {
		out, err = pkgInfo(resp.Body)
		return err
	})
	return out, err
}

// pkgInfo reads an archive up to the PKG-INFO in its one folder.
func pkgInfo(r io.Reader) ([]byte, error) {
	body := &failing{Reader: r}
	z, err := gzip.NewReader(body)
	if err != nil {
		return nil, body.or(err)
	}
	unpacked := &io.LimitedReader{R: z, N: maxSource}
	t := tar.NewReader(unpacked)
	for range maxSourceFiles {
		h, err := t.Next()
		switch {
		case unpacked.N <= 0:
			return nil, whittle.ErrLimit.Errorf("the source distribution unpacks to more than %d bytes", maxSource)
		case errors.Is(err, io.EOF):
			return nil, whittle.ErrNotFound.Errorf("it has no PKG-INFO")
		case err != nil:
			return nil, body.or(err)
		}
		dir, base := path.Split(path.Clean(h.Name))
		if base == "PKG-INFO" && strings.Count(dir, "/") == 1 && h.Typeflag == tar.TypeReg {
			b, err := readAll(t, "PKG-INFO", maxMetadata)
			var broken *readError
			if errors.As(err, &broken) {
				return nil, body.or(broken.error)
			}
			return b, err
		}
	}
	return nil, whittle.ErrLimit.Errorf("the source distribution has more than %d files", maxSourceFiles)
}

// failing remembers the error of a connection, which decoders wrap or hide.
type failing struct {
	io.Reader
	err error
}

func (f *failing) Read(p []byte) (int, error) {
	n, err := f.Reader.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		f.err = err
	}
	return n, err
}

// or is the connection's error, or else that of what it brought.
func (f *failing) or(err error) error {
	if f.err != nil {
		return &readError{f.err}
	}
	return whittle.ErrCorrupt.Errorf("the source distribution is no .tar.gz: %w", err)
}
