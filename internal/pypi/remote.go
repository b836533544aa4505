package pypi

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"

	"whittle.dev/whittle"
)

// remote is a file in the index that is read in parts, and whole where its
// server knows no ranges.
type remote struct {
	client *Client
	file   File
	url    *url.URL
	size   int64
	// tail is the last part, which was asked for first.
	tail []byte
	// local is the whole file, nil while ranges do.
	local *os.File
}

// openRemote asks for the end of a file.
func (c *Client) openRemote(ctx context.Context, f File) (*remote, error) {
	u, err := fileURL(f)
	if err != nil {
		return nil, err
	}
	r := &remote{client: c, file: f, url: u}
	err = r.ask(ctx, "bytes=-"+strconv.Itoa(tailSize), func(resp *http.Response, first, last, total int64) error {
		if last != total-1 || f.Size > 0 && f.Size != total {
			return whittle.ErrCorrupt.Errorf("the server gives bytes %d to %d of %d for the end of a file of %d", first, last, total, f.Size)
		}
		r.size = total
		r.tail, err = readPart(resp.Body, last-first+1)
		return err
	})
	if err != nil {
		r.close()
		return nil, err
	}
	return r, nil
}

// close removes what was downloaded.
func (r *remote) close() {
	if r.local != nil {
		r.local.Close()
		os.Remove(r.local.Name())
		r.local = nil
	}
}

// read gives n bytes at an offset, both of which lie within the file.
func (r *remote) read(ctx context.Context, offset, n int64) ([]byte, error) {
	if offset < 0 || n < 0 || offset > r.size-n {
		return nil, damaged("it ends before byte %d", offset+n)
	}
	if n > maxDirectory {
		return nil, whittle.ErrLimit.Errorf("reading %d bytes at once, more than %d", n, maxDirectory)
	}
	if r.local == nil {
		if begin := r.size - int64(len(r.tail)); offset >= begin {
			return r.tail[offset-begin:][:n], nil
		}
	}
	if n == 0 {
		return nil, nil
	}
	var out []byte
	if r.local == nil {
		err := r.ask(ctx, fmt.Sprintf("bytes=%d-%d", offset, offset+n-1), func(resp *http.Response, first, last, total int64) (err error) {
			if first != offset || last != offset+n-1 || total != r.size {
				return whittle.ErrCorrupt.Errorf("the server gives bytes %d to %d of %d for %d to %d of %d", first, last, total, offset, offset+n-1, r.size)
			}
			out, err = readPart(resp.Body, n)
			return err
		})
		if err != nil || r.local == nil {
			return out, err
		}
	}
	out = make([]byte, n)
	if _, err := r.local.ReadAt(out, offset); err != nil {
		return nil, fmt.Errorf("reading what was downloaded: %w", err)
	}
	return out, nil
}

// ask asks for a range and hands it to use. Where the server sends the whole
// file instead, or refuses the range, the file is downloaded.
func (r *remote) ask(ctx context.Context, span string, use func(resp *http.Response, first, last, total int64) error) error {
	header := http.Header{"Range": {span}, "Accept-Encoding": {"identity"}}
	err := r.client.get(ctx, r.url, header, func(resp *http.Response) error {
		kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
		if resp.StatusCode != http.StatusPartialContent {
			return r.download(resp)
		}
		first, last, total, ok := contentRange(resp.Header.Get("Content-Range"))
		if !ok || kind == "multipart/byteranges" || last-first >= maxDirectory {
			return errNoRange
		}
		return use(resp, first, last, total)
	})
	var f *failure
	refused := errors.As(err, &f) && (f.status == http.StatusRequestedRangeNotSatisfiable || f.status == http.StatusNotImplemented ||
		f.status == http.StatusBadRequest || f.status == http.StatusMethodNotAllowed)
	if errors.Is(err, errNoRange) || refused {
		return r.client.get(ctx, r.url, http.Header{"Accept-Encoding": {"identity"}}, r.download)
	}
	return err
}

// errNoRange: the answer to a request of a range cannot be used.
var errNoRange = errors.New("no such range")

// contentRange reads "bytes 5-9/100".
func contentRange(text string) (first, last, total int64, ok bool) {
	text, ok = strings.CutPrefix(text, "bytes ")
	span, all, ok2 := strings.Cut(text, "/")
	from, to, ok3 := strings.Cut(span, "-")
	first, err1 := strconv.ParseInt(strings.TrimSpace(from), 10, 63)
	last, err2 := strconv.ParseInt(strings.TrimSpace(to), 10, 63)
	total, err3 := strconv.ParseInt(strings.TrimSpace(all), 10, 63)
	ok = ok && ok2 && ok3 && err1 == nil && err2 == nil && err3 == nil && 0 <= first && first <= last && last < total
	return first, last, total, ok
}

// readPart reads a range that must have n bytes.
func readPart(body io.Reader, n int64) ([]byte, error) {
	b, err := readAll(body, "the range", n)
	if errors.Is(err, whittle.ErrLimit) {
		return nil, whittle.ErrCorrupt.Errorf("the server sends more than the %d bytes of the range", n)
	}
	if err == nil && int64(len(b)) < n {
		return nil, &readError{io.ErrUnexpectedEOF}
	}
	return b, err
}

// download keeps a whole file, which must be of the digest and the size that
// the index says.
func (r *remote) download(resp *http.Response) (err error) {
	if resp.StatusCode != http.StatusOK {
		return whittle.ErrCorrupt.Errorf("the server answers with %s", status(resp))
	}
	limit := int64(maxWheel)
	if r.file.Size > 0 {
		limit = min(limit, r.file.Size)
	}
	tmp, err := os.CreateTemp("", "whittle-*.whl")
	if err != nil {
		return fmt.Errorf("downloading: %w", err)
	}
	defer func() {
		if err != nil {
			tmp.Close()
			os.Remove(tmp.Name())
		}
	}()
	h := sha256.New()
	n, err := io.Copy(disk{io.MultiWriter(tmp, h)}, io.LimitReader(resp.Body, limit+1))
	var full *diskError
	switch {
	case errors.As(err, &full):
		return fmt.Errorf("downloading: %w", err)
	case err != nil:
		return &readError{err}
	case n > limit && r.file.Size > 0, r.file.Size > 0 && n != r.file.Size:
		return whittle.ErrCorrupt.Errorf("the file has not the %d bytes that the index says", r.file.Size)
	case n > limit:
		return whittle.ErrLimit.Errorf("the file has more than %d bytes", limit)
	}
	if got := fmt.Sprintf("%x", h.Sum(nil)); r.file.SHA256 != "" && got != r.file.SHA256 {
		return whittle.ErrCorrupt.Errorf("the file has the digest %s and not %s", got, r.file.SHA256)
	}
	if r.size > 0 && n != r.size {
		return whittle.ErrCorrupt.Errorf("the file has %d bytes and had %d", n, r.size)
	}
	r.close()
	r.local, r.size, r.tail = tmp, n, nil
	return nil
}

// disk marks the errors of writing among those of copying, which another
// attempt does not mend.
type disk struct{ io.Writer }

type diskError struct{ error }

func (e *diskError) Unwrap() error { return e.error }

func (d disk) Write(p []byte) (int, error) {
	n, err := d.Writer.Write(p)
	if err != nil {
		err = &diskError{err}
	}
	return n, err
}
