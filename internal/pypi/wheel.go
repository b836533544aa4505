package pypi

import (
	"bytes"
	"cmp"
	"compress/flate"
	"context"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"net/http"
	"path"
	"slices"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/pep"
)

// wheel is a wheel in the index, with its directory read.
type wheel struct {
	*remote
	file    File
	entries []entry
	start   int64 // of the central directory
}

// openWheel reads a wheel's central directory.
func (c *Client) openWheel(ctx context.Context, f File) (*wheel, error) {
	r, err := c.openRemote(ctx, f)
	if err != nil {
		return nil, err
	}
	w := &wheel{remote: r, file: f}
	if err := w.readDirectory(ctx); err != nil {
		r.close()
		return nil, err
	}
	return w, nil
}

func (w *wheel) readDirectory(ctx context.Context) error {
	n := min(w.size, tailSize)
	tail, err := w.read(ctx, w.size-n, n)
	if err != nil {
		return err
	}
	d, err := parseEnd(tail, w.size)
	if err != nil {
		return err
	}
	b, err := w.read(ctx, d.start, d.size)
	if err != nil {
		return err
	}
	w.start = d.start
	w.entries, err = parseDirectory(b, d)
	return err
}

// members are the files that the directory names; of several of one name the
// last counts, as for who extracts them.
func (w *wheel) members(ctx context.Context) ([]Member, error) {
	byPath := make(map[string]Member, len(w.entries))
	for _, e := range w.entries {
		byPath[e.name] = Member{Path: e.name, Size: e.size, Compressed: e.compressed}
	}
	points, err := w.info(ctx, "entry_points.txt")
	if err != nil && !isNotFound(err) {
		return nil, err
	}
	if err == nil {
		e, _ := w.find("entry_points.txt")
		m := byPath[e.name]
		m.Content = points
		byPath[e.name] = m
	}
	out := make([]Member, 0, len(byPath))
	for _, m := range byPath {
		out = append(out, m)
	}
	slices.SortFunc(out, func(a, b Member) int { return cmp.Compare(a.Path, b.Path) })
	return out, nil
}

// find is a file of the wheel's own .dist-info folder.
func (w *wheel) find(base string) (entry, bool) {
	name, _, _ := strings.Cut(w.file.Name, "-")
	var found entry
	ok := false
	for _, e := range w.entries {
		dir, file := path.Split(e.name)
		stem, isInfo := strings.CutSuffix(dir, ".dist-info/")
		project, _, _ := strings.Cut(stem, "-")
		if isInfo && file == base && !strings.Contains(stem, "/") && pep.Normalize(project) == pep.Normalize(name) {
			found, ok = e, true
		}
	}
	return found, ok
}

// info reads a file of the .dist-info folder.
func (w *wheel) info(ctx context.Context, base string) ([]byte, error) {
	e, ok := w.find(base)
	if !ok {
		return nil, whittle.ErrNotFound.Errorf("%s has no %s", w.file.Name, base)
	}
	if e.size > maxMetadata || e.compressed > maxMetadata {
		return nil, whittle.ErrLimit.Errorf("%s has %d bytes, more than %d", e.name, e.size, maxMetadata)
	}
	b, err := w.content(ctx, e)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", e.name, err)
	}
	return b, nil
}

// content reads one file and checks it against its sum.
func (w *wheel) content(ctx context.Context, e entry) ([]byte, error) {
	// The local header repeats the name and may have more in its extra field.
	const usualExtra = 256
	n := min(localSize+int64(len(e.name))+usualExtra+e.compressed, w.start-e.header)
	b, err := w.read(ctx, e.header, n)
	if err != nil {
		return nil, err
	}
	if string(b[:4]) != localMark {
		return nil, damaged("there is no file where its directory says")
	}
	skip := localSize + int64(binary.LittleEndian.Uint16(b[26:])) + int64(binary.LittleEndian.Uint16(b[28:]))
	if need := skip + e.compressed; need > int64(len(b)) {
		if e.header+need > w.start {
			return nil, damaged("a file reaches into the central directory")
		}
		if b, err = w.read(ctx, e.header, need); err != nil {
			return nil, err
		}
	}
	b = b[skip:][:e.compressed]
	if e.method == deflated {
		r := flate.NewReader(bytes.NewReader(b))
		if b, err = io.ReadAll(io.LimitReader(r, e.size+1)); err != nil {
			return nil, damaged("%v", err)
		}
	}
	if int64(len(b)) != e.size || crc32.ChecksumIEEE(b) != e.crc {
		return nil, damaged("a file is not what its directory says")
	}
	return b, nil
}

// beside reads the METADATA that the index has beside a file (PEP 658).
func (c *Client) beside(ctx context.Context, f File) ([]byte, error) {
	u, err := fileURL(f)
	if err != nil {
		return nil, err
	}
	u.Path += ".metadata"
	if u.RawPath != "" {
		u.RawPath += ".metadata"
	}
	var b []byte
	err = c.get(ctx, u, http.Header{}, func(resp *http.Response) (err error) {
		b, err = readAll(resp.Body, "the metadata", maxMetadata)
		return err
	})
	if err != nil {
		return nil, err
	}
	if got := whittle.DigestOf(b).Hex(); f.MetadataSHA256 != "" && got != f.MetadataSHA256 {
		return nil, whittle.ErrCorrupt.Errorf("the metadata beside it has the digest %s and not %s", got, f.MetadataSHA256)
	}
	return b, nil
}
