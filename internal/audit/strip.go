package audit

import (
	"context"
	"fmt"
	"io"
	"path"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/elf"
	"whittle.dev/whittle/internal/filelist"
)

// stripDebug is the rule that finds symbols and debugging sections.
const stripDebug = "strip-debug"

// maxStripped bounds a library that is stripped, in bytes: it is in memory, twice.
const maxStripped = 256 << 20

// stripped strips the libraries that the rule has found: see [elf.Strip].
func (t *trimming) stripped(ctx context.Context, f *whittle.Finding) (share, whittle.Trim, error) {
	row := whittle.Trim{Rule: f.Rule, Message: f.Message, Status: whittle.Applied, Left: []whittle.TrimLeft{}}
	of, left, items := share{strip: map[string]filelist.Content{}}, leftBy{}, t.visible()
	sizes := map[string]int64{} // of what may be stripped
	for _, at := range f.Change.Shrink {
		item, ok := items[at.Content]
		if !ok {
			continue
		}
		names, bytes := t.trimmer.Names(item), t.x.Facts.Ledger.Items[item].Bytes
		if why := t.unstripped(item, names, bytes); why != "" {
			left.add(why, 1, bytes)
			continue
		}
		sizes[names[0]] = bytes
	}
	err := t.x.Subject.Image.Each(ctx, func(p string) bool { return sizes[p] > 0 }, func(p string, r io.Reader) error {
		b, err := io.ReadAll(r)
		if err != nil {
			return err
		}
		content, err := elf.Strip(b)
		if err != nil {
			_, why, _ := strings.Cut(err.Error(), ": ")
			left.add(why, 1, sizes[p])
			return nil
		}
		of.strip[p], t.saved[p] = filelist.ContentOf(content), sizes[p]-int64(len(content))
		return nil
	})
	row.Left = left.rows()
	if of.empty() {
		row.Status, row.Reason = whittle.FixSkipped, "nothing of it can be removed"
	}
	return of, row, err
}

// countStripped counts in the row of the rule what was stripped: of what it found, other
// rules may have removed some.
func (t *trimming) countStripped(c *cut) {
	for i := range t.rows {
		if row := &t.rows[i]; c != nil && row.Rule == stripDebug && row.Status == whittle.Applied {
			row.Files, row.Bytes = len(c.strip), 0
			for p := range c.strip {
				row.Bytes += t.saved[p]
			}
		}
	}
}

// unstripped says why a library stays as it is, empty if it may be stripped.
func (t *trimming) unstripped(item int, names []string, bytes int64) string {
	if len(names) != 1 {
		return "a file with several names (hard links) is not changed"
	}
	if bytes > maxStripped {
		return "a file of more than " + whittle.Bytes(maxStripped) + " is not changed"
	}
	if why := t.stays(item, names); why != "" {
		return why
	}
	if by := t.verifiedBy(names[0]); by != "" {
		return "it verifies its own file: " + by
	}
	return ""
}

// verifiedBy is what says that a library compares its own file with a digest, empty if
// nothing does: FIPS modules refuse to load if a byte of them is another one.
func (t *trimming) verifiedBy(p string) string {
	dir, base := path.Split(p)
	if strings.Contains(strings.ToLower(base), "fips") {
		return "a FIPS module"
	}
	for _, beside := range []string{
		strings.TrimSuffix(base, ".so") + ".chk", // NSS
		"." + base + ".hmac", base + ".hmac",     // OpenSSL, GnuTLS and libgcrypt of Fedora and its relatives
	} {
		if _, err := t.x.Subject.Lstat(dir + beside); err == nil {
			return dir + beside
		}
	}
	return ""
}

// strip is how a library changes.
func strip(content []byte) []byte {
	if out, err := elf.Strip(content); err == nil {
		return out
	}
	return content
}

// does says what a cut is about to do.
func (c *cut) does() string {
	switch {
	case len(c.strip) == 0:
		return fmt.Sprintf("removing %d paths", len(c.remove))
	case len(c.remove) == 0:
		return fmt.Sprintf("stripping %d libraries", len(c.strip))
	}
	return fmt.Sprintf("removing %d paths, stripping %d libraries", len(c.remove), len(c.strip))
}
