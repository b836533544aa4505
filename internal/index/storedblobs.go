package index

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"strconv"
	"strings"

	"whittle.dev/whittle"
)

// seen are stored bytes that were read to their end and came to a layer's diff
// ID.
type seen struct {
	blob whittle.Digest
	size int64
	// identity is where they were, see [whittle.Stat]; empty if that is not
	// known.
	identity string
}

// maxSeen bounds what is remembered of one diff ID; the newest stay.
const maxSeen = 64

// maxSeenFile is the largest such list that is read, in bytes.
const maxSeenFile = 1 << 20

// seenFile lists the stored bytes of one diff ID: a line with the SHA-256 of
// the rest, then a line "DIGEST SIZE IDENTITY" for each.
func seenFile(id whittle.Digest) string { return id.Hex() + seenSuffix }

func (c *Cache) seen(id whittle.Digest) []seen {
	if _, err := whittle.ParseDigest(string(id)); c == nil || err != nil {
		return nil
	}
	data, err := c.dir.Read(seenFile(id), maxSeenFile)
	sum, lines, _ := bytes.Cut(data, []byte("\n"))
	if err != nil || string(sum) != string(whittle.DigestOf(lines)) {
		return nil
	}
	_ = c.dir.Touch(seenFile(id))
	var out []seen
	for line := range strings.Lines(string(lines)) {
		digest, rest, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		size, identity, _ := strings.Cut(rest, " ")
		if n, err := strconv.ParseInt(size, 10, 64); err == nil {
			out = append(out, seen{whittle.Digest(digest), n, identity})
		}
	}
	return out
}

// saw remembers stored bytes of a diff ID. Of two processes that do so at once
// one is forgotten, and its bytes are read once more.
func (c *Cache) saw(id whittle.Digest, s seen) {
	if _, err := whittle.ParseDigest(string(id)); c == nil || err != nil || strings.Contains(s.identity, "\n") {
		return
	}
	lines := []byte(fmt.Sprintf("%s %d %s\n", s.blob, s.size, s.identity))
	n := 1
	for _, old := range c.seen(id) {
		if old != s && n < maxSeen {
			lines = fmt.Appendf(lines, "%s %d %s\n", old.blob, old.size, old.identity)
			n++
		}
	}
	_ = c.dir.Write(seenFile(id), append([]byte(whittle.DigestOf(lines)+"\n"), lines...), 0o600) // bytes that are not remembered are read again
}

// look is what is known of a layer's stored bytes without reading them.
func look(ctx context.Context, layer whittle.Layer) (whittle.Stat, error) {
	if l, ok := layer.(whittle.Stater); ok {
		return l.Stat(ctx)
	}
	claim, _ := layer.Blob()
	return whittle.Stat{Claim: claim, Size: -1}, nil
}

// proven says whether a layer's stored bytes are there and the very ones that
// came to its diff ID before. That is so if they have the digest that they claim
// and the identity that was noted then; otherwise they are read and
// hashed, which takes much less than decompressing them. again asks for that
// always.
func (c *Cache) proven(ctx context.Context, layer whittle.Layer, st whittle.Stat, again bool) bool {
	known := c.seen(layer.DiffID())
	fits := func(s seen) bool {
		return (st.Claim.Digest == "" || st.Claim.Digest == s.blob && st.Claim.Size == s.size) && (st.Size < 0 || st.Size == s.size)
	}
	candidate := false
	for _, s := range known {
		if !fits(s) {
			continue
		}
		if candidate = true; !again && s.identity != "" && s.identity == st.Identity {
			return true
		}
	}
	if !candidate {
		return false
	}
	now, err := read256(ctx, layer, st)
	if err != nil {
		return false
	}
	for _, s := range known {
		if fits(s) && s.blob == now.blob && s.size == now.size {
			if st.Identity != "" {
				c.saw(layer.DiffID(), now)
			}
			return true
		}
	}
	return false
}

// read256 reads a layer's stored bytes and hashes them, unless their reader
// does: it checks them against what is claimed of them.
func read256(ctx context.Context, layer whittle.Layer, st whittle.Stat) (seen, error) {
	r, err := layer.Open(ctx)
	if err != nil {
		return seen{}, err
	}
	defer r.Close()
	out := seen{blob: st.Claim.Digest, identity: st.Identity}
	if out.blob != "" {
		out.size, err = copyContext(ctx, io.Discard, r)
		return out, err
	}
	sum := sha256.New()
	out.size, err = copyContext(ctx, sum, r)
	out.blob = whittle.SHA256([32]byte(sum.Sum(nil)))
	return out, err
}

// copyContext copies until the context ends.
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
