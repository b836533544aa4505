package index

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"

	"whittle.dev/whittle"
)

// maxResult is the largest result that the cache keeps, in bytes.
const maxResult = 64 << 20

// resultFile is the name of the file of a result, which Cache.seal writes.
func resultFile(key whittle.Digest) string { return key.Hex() + resultSuffix }

// Result gives a result that was kept under a key.
func (c *Cache) Result(key whittle.Digest) ([]byte, bool) {
	if c == nil {
		return nil, false
	}
	return c.sealed(resultFile(key), maxResult)
}

// KeepResult keeps a result, in parts that follow each other, under a key, which must be a
// digest of everything that the result depends on: of the layers by their LayerVersions.
func (c *Cache) KeepResult(key whittle.Digest, result ...[]byte) error {
	length := 0
	for _, part := range result {
		length += len(part)
	}
	if c == nil || length > maxResult-128 {
		return nil
	}
	if err := c.seal(resultFile(key), result...); err != nil {
		return fmt.Errorf("keeping a result: %w", err)
	}
	return c.trim(key)
}

// sealed reads a file of the cache that seal wrote. ok is false if there is none, or it is damaged.
func (c *Cache) sealed(name string, most int64) (content []byte, ok bool) {
	data, err := c.dir.Read(name, most)
	sum, content, _ := bytes.Cut(data, []byte("\n"))
	if err != nil || string(sum) != string(whittle.DigestOf(content)) {
		return nil, false
	}
	_ = c.dir.Touch(name) // only the order of eviction depends on it
	return content, true
}

// seal writes a file of the cache: a line with the SHA-256 of the rest, then the parts.
func (c *Cache) seal(name string, parts ...[]byte) error {
	sum := sha256.New()
	for _, part := range parts {
		_, _ = sum.Write(part) // it never fails
	}
	first := []byte(whittle.SHA256([32]byte(sum.Sum(nil))) + "\n")
	return c.dir.WriteBy(name, 0o600, func(w io.Writer) error {
		for _, part := range append([][]byte{first}, parts...) {
			if _, err := w.Write(part); err != nil {
				return err
			}
		}
		return nil
	})
}

// LayerVersion identifies the bytes of a layer without reading them: two results about layers of
// the same versions are about the same bytes. The zero LayerVersion is that of a layer of which
// this is not known.
type LayerVersion struct {
	// Text is the diff ID of a layer whose stored bytes are those that were verified
	// before; of other uncompressed layers it has the place of the file and its times.
	Text     string
	Verified bool
}

// LayerVersions are the versions of layers, as far as the cache knows their bytes.
func (c *Cache) LayerVersions(ctx context.Context, layers []whittle.Layer) []LayerVersion {
	out := make([]LayerVersion, len(layers))
	if c == nil {
		return out
	}
	for i, l := range layers {
		st, err := statOf(ctx, l)
		if err != nil || st.Identity == "" {
			continue
		}
		section, plain := plainSection(l)
		switch {
		case plain && c.verified(l.DiffID(), section.Size(), st), !plain && c.seen(l.DiffID(), st):
			out[i] = LayerVersion{fmt.Sprintf("%s %s %d", l.DiffID(), st.Claim.Digest, st.Claim.Size), true}
		case plain:
			out[i] = LayerVersion{fmt.Sprintf("%s %s %d %s", l.DiffID(), st.Claim.Digest, st.Claim.Size, st.Identity), false}
		}
	}
	return out
}
