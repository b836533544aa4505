package index

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"whittle.dev/whittle"
)

// storedBlob is a blob that was verified to contain the layer of a diff ID.
type storedBlob struct {
	digest whittle.Digest
	size   int64
	// identity identifies its place and version, see [whittle.Stat]; empty if not
	// known.
	identity string
}

// maxStoredBlobs bounds the blobs of one diff ID in the cache; the newest are kept.
const maxStoredBlobs = 64

// maxStoredBlobsFile bounds the list of blobs of one diff ID, in bytes.
const maxStoredBlobsFile = 1 << 20

// storedBlobsFile is the name of the file of the blobs of one diff ID, which Cache.seal writes: a
// line "DIGEST SIZE IDENTITY" for each.
func storedBlobsFile(id whittle.Digest) string { return id.Hex() + seenSuffix }

func (c *Cache) storedBlobs(id whittle.Digest) []storedBlob {
	if _, err := whittle.ParseDigest(string(id)); c == nil || err != nil {
		return nil
	}
	lines, _ := c.sealed(storedBlobsFile(id), maxStoredBlobsFile)
	var out []storedBlob
	for line := range strings.Lines(string(lines)) {
		digest, rest, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		size, identity, _ := strings.Cut(rest, " ")
		if n, err := strconv.ParseInt(size, 10, 64); err == nil {
			out = append(out, storedBlob{whittle.Digest(digest), n, identity})
		}
	}
	return out
}

// remember adds a blob of a diff ID. If two processes do so at once, one blob is
// lost, and will be read again.
func (c *Cache) remember(id whittle.Digest, s storedBlob) {
	if _, err := whittle.ParseDigest(string(id)); c == nil || err != nil || strings.Contains(s.identity, "\n") {
		return
	}
	lines := []byte(fmt.Sprintf("%s %d %s\n", s.digest, s.size, s.identity))
	n := 1
	for _, old := range c.storedBlobs(id) {
		if old != s && n < maxStoredBlobs {
			lines = fmt.Appendf(lines, "%s %d %s\n", old.digest, old.size, old.identity)
			n++
		}
	}
	_ = c.seal(storedBlobsFile(id), lines) // a blob that is not in the list is read again
}

// statOf is what is known about a layer's blob without reading it.
func statOf(ctx context.Context, layer whittle.Layer) (whittle.Stat, error) {
	if l, ok := layer.(whittle.Stater); ok {
		return l.Stat(ctx)
	}
	claim, _ := layer.Blob()
	return whittle.Stat{Claim: claim, Size: -1}, nil
}

// proven says whether a layer's blob exists and is known to have the layer's diff
// ID. It is, if the blob has the claimed digest and the identity of a verified one.
// Otherwise it is read and hashed, which takes much less than decompressing it;
// with reread this is always done.
func (c *Cache) proven(ctx context.Context, layer whittle.Layer, st whittle.Stat, reread bool) bool {
	if !reread && c.seen(layer.DiffID(), st) {
		return true
	}
	known := c.storedBlobs(layer.DiffID())
	if !slices.ContainsFunc(known, func(s storedBlob) bool { return s.fits(st) }) {
		return false
	}
	now, err := hashStored(ctx, layer, st)
	if err != nil {
		return false
	}
	for _, s := range known {
		if s.fits(st) && s.digest == now.digest && s.size == now.size {
			if st.Identity != "" {
				c.remember(layer.DiffID(), now)
			}
			return true
		}
	}
	return false
}

// seen says whether a blob is where a verified one of the diff ID was, and unchanged
// since.
func (c *Cache) seen(id whittle.Digest, st whittle.Stat) bool {
	return st.Identity != "" && slices.ContainsFunc(c.storedBlobs(id), func(s storedBlob) bool { return s.fits(st) && s.identity == st.Identity })
}

// fits says whether a blob may be one of which st is known.
func (s storedBlob) fits(st whittle.Stat) bool {
	return (st.Claim.Digest == "" || st.Claim.Digest == s.digest && st.Claim.Size == s.size) && (st.Size < 0 || st.Size == s.size)
}

// hashStored reads a layer's blob and hashes it. If a digest is claimed, the layer's
// reader verifies that instead.
func hashStored(ctx context.Context, layer whittle.Layer, st whittle.Stat) (storedBlob, error) {
	r, err := layer.Open(ctx)
	if err != nil {
		return storedBlob{}, err
	}
	defer r.Close()
	out := storedBlob{digest: st.Claim.Digest, identity: st.Identity}
	if out.digest != "" {
		out.size, err = copyContext(ctx, io.Discard, r)
		return out, err
	}
	sum := sha256.New()
	out.size, err = copyContext(ctx, sum, r)
	out.digest = whittle.SHA256([32]byte(sum.Sum(nil)))
	return out, err
}

// copyContext copies until the end or until the context is done.
func copyContext(ctx context.Context, w io.Writer, r io.Reader) (n int64, err error) {
	buf := make([]byte, 1<<20)
	for {
		if err := ctx.Err(); err != nil {
			return n, err
		}
		m, err := r.Read(buf)
		_, _ = w.Write(buf[:m]) // a hash, or nothing: neither fails
		n += int64(m)
		if err == io.EOF {
			return n, nil
		}
		if err != nil {
			return n, err
		}
	}
}
