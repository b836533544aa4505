package squeeze

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
	"time"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/index"
	"whittle.dev/whittle/internal/ledger"
)

// Trim says what is to go from an image's tree.
type Trim struct {
	// Remove are visible paths: files with all of their names, symlinks, and directories
	// with all that is in them.
	Remove map[string]bool
	// Edits give new contents of visible files, such as lists of files.
	Edits map[string]func(content []byte) []byte
}

// Edit is a file with a new content.
type Edit struct {
	Path          string
	Before, After whittle.Digest
}

// Trimmed is an image without what a trim removes. Its layers are in the folder of its
// job; those without change are the image's own.
type Trimmed struct {
	whittle.Image
	Edited []Edit
	// Dropped adds up, by layer, what went from it.
	Dropped []whittle.Dropped
	conf    *whittle.Config
	raw     []byte
	layers  []whittle.Layer
}

// Config implements [whittle.Image].
func (t *Trimmed) Config() *whittle.Config { return t.conf }

// RawConfig implements [whittle.RawConfiger].
func (t *Trimmed) RawConfig() []byte { return t.raw }

// Layers implements [whittle.Image].
func (t *Trimmed) Layers() []whittle.Layer { return t.layers }

// Trimmer trims one image.
type Trimmer struct {
	img     whittle.Image
	layers  []whittle.Layer
	indexes []*whittle.Index
	job     Job
	ledger  *whittle.Ledger
	// untouchable says why a layer may not be changed, if so.
	untouchable func(layer int) string
	// fixed says of each path why it cannot go: it is in a layer that is left alone.
	fixed map[string]string
	// names are the paths of each item.
	names map[int][]string
}

// NewTrimmer reads nothing: indexes and l are those of the image.
func NewTrimmer(img whittle.Image, indexes []*whittle.Index, l *whittle.Ledger, job Job) *Trimmer {
	r := &runner{layers: img.Layers(), indexes: indexes, job: job}
	t := &Trimmer{img: img, layers: img.Layers(), indexes: indexes, job: job, ledger: l, untouchable: r.untouchable, fixed: map[string]string{}, names: map[int][]string{}}
	for n, idx := range indexes {
		why := t.untouchable(n)
		if why == "" {
			continue
		}
		for i := range idx.Entries {
			t.fixed[idx.Entries[i].Path] = fmt.Sprintf("layer %d is left alone: %s", n, why)
		}
	}
	for i := range l.Tree.Nodes {
		if n := &l.Tree.Nodes[i]; n.Item >= 0 {
			t.names[n.Item] = append(t.names[n.Item], n.Path)
		}
	}
	return t
}

// Fixed says why a path cannot go or change, empty if it can.
func (t *Trimmer) Fixed(p string) string { return t.fixed[p] }

// Names are the visible paths of an item of the ledger: several for hard links.
func (t *Trimmer) Names(item int) []string { return t.names[item] }

// Emptied are the directories in which a trim leaves nothing, and that are of the layers
// that may change with all that was ever in them.
func (t *Trimmer) Emptied(remove map[string]bool) []string {
	stays, cut := map[string]bool{}, map[string]bool{}
	for i := range t.ledger.Tree.Nodes {
		n := &t.ledger.Tree.Nodes[i]
		dir := n.Item < 0 && (n.Entry < 0 || t.indexes[n.Layer].Entries[n.Entry].Kind == whittle.Dir)
		for p := range parents(n.Path) {
			if remove[n.Path] {
				cut[p] = true
			} else if !dir {
				stays[p] = true
			}
		}
	}
	for p := range t.fixed {
		stays[p] = true
		for above := range parents(p) {
			stays[above] = true
		}
	}
	var out []string
	for p := range cut {
		if !stays[p] {
			out = append(out, p)
		}
	}
	slices.Sort(out)
	return out
}

// Trim writes the layers without what is to go. It reads each layer that changes twice.
// That the tree is as it should be is not proven here: see [Changes].
func (t *Trimmer) Trim(ctx context.Context, trim Trim) (*Trimmed, error) {
	out := &Trimmed{Image: t.img, layers: slices.Clone(t.layers), Dropped: make([]whittle.Dropped, len(t.layers))}
	edits, err := t.places(trim.Edits)
	if err != nil {
		return nil, err
	}
	ids := make([]whittle.Digest, len(t.layers))
	for n, l := range t.layers {
		ids[n] = l.DiffID()
		keep, d := t.keeps(n, trim.Remove)
		if out.Dropped[n] = d; d.Entries == 0 && len(edits[n]) == 0 {
			continue
		}
		made, err := t.layer(ctx, n, keep, edits[n], out)
		if err != nil {
			return nil, err
		}
		out.layers[n], ids[n] = made, made.ID
	}
	raw, err := RawConfig(t.img)
	if err != nil {
		return nil, err
	}
	if out.raw, err = Config(raw, ids, make([]bool, len(ids))); err != nil {
		return nil, err
	}
	out.conf = &whittle.Config{}
	return out, whittle.ParseJSON(out.raw, out.conf)
}

// keeps says which entries of a layer stay, and adds up the others.
func (t *Trimmer) keeps(n int, remove map[string]bool) (keep []bool, d whittle.Dropped) {
	idx := t.indexes[n]
	keep, d.Reason = make([]bool, len(idx.Entries)), "trimmed"
	if t.untouchable(n) != "" {
		for i := range keep {
			keep[i] = true
		}
		return keep, d
	}
	for i := range idx.Entries {
		e := &idx.Entries[i]
		keep[i] = !remove[e.Path]
		for p := range parents(e.Path) {
			keep[i] = keep[i] && !remove[p]
		}
		if !keep[i] {
			d.Entries++
			d.Bytes += e.Size
		}
	}
	return keep, d
}

// edit is a file of a layer that changes.
type edit struct {
	path   string
	change func([]byte) []byte
}

// places are the edits by layer and entry.
func (t *Trimmer) places(edits map[string]func([]byte) []byte) ([]map[int]edit, error) {
	out := make([]map[int]edit, len(t.layers))
	found := 0
	for item, paths := range t.names {
		change, ok := edits[paths[0]]
		if !ok {
			continue
		}
		found++
		it := &t.ledger.Items[item]
		if len(paths) > 1 {
			return nil, whittle.ErrUnsupported.Errorf("%s has several names (hard links), and cannot be changed at one", paths[0])
		}
		if out[it.Layer] == nil {
			out[it.Layer] = map[int]edit{}
		}
		out[it.Layer][it.Entry] = edit{paths[0], change}
	}
	if found < len(edits) {
		return nil, whittle.ErrNotFound.Errorf("a file that was to be changed is not there")
	}
	return out, nil
}

// layer writes a layer without some entries. Those that change come after the others, with
// their headers but for the size.
func (t *Trimmer) layer(ctx context.Context, n int, keep []bool, edits map[int]edit, out *Trimmed) (*Layer, error) {
	l, idx := t.layers[n], t.indexes[n]
	for i := range edits {
		keep[i] = false
	}
	var edited []Edit
	made, err := t.job.write(ctx, n, l, func(w io.Writer) (err error) {
		if err := index.CopyEntries(ctx, l, idx, func(i int) bool { return keep[i] }, w); err != nil {
			return err
		}
		if edited, err = t.edited(ctx, l, idx, edits, w); err != nil {
			return err
		}
		_, err = w.Write(index.EndOfArchive())
		return err
	})
	out.Edited = append(out.Edited, edited...)
	return made, err
}

// edited writes the entries that change as records of a tar, one in memory at a time.
func (t *Trimmer) edited(ctx context.Context, l whittle.Layer, idx *whittle.Index, edits map[int]edit, to io.Writer) (done []Edit, err error) {
	if len(edits) == 0 {
		return nil, nil
	}
	plain, err := openTar(ctx, l)
	if err != nil {
		return nil, err
	}
	defer plain.close()
	r, w := tar.NewReader(plain), tar.NewWriter(to)
	for i := 0; i < len(idx.Entries) && len(done) < len(edits); i++ {
		h, err := r.Next()
		if err != nil {
			return nil, err
		}
		if h.Typeflag == tar.TypeXGlobalHeader {
			return nil, index.ErrGlobalHeader
		}
		e, ok := edits[i]
		if !ok {
			continue
		}
		if path.Clean("/"+h.Name) != "/"+idx.Entries[i].Path || h.Typeflag != tar.TypeReg {
			return nil, whittle.ErrCorrupt.Errorf("entry %d (%.80q) is not what its index says", i, h.Name)
		}
		text, err := io.ReadAll(r)
		if err != nil {
			return nil, err
		}
		next := e.change(text)
		done = append(done, Edit{e.path, whittle.DigestOf(text), whittle.DigestOf(next)})
		if err := writeEntry(w, h, next); err != nil {
			return nil, fmt.Errorf("writing %s: %w", e.path, err)
		}
	}
	return done, nil
}

// writeEntry writes a header with another size, and its content.
func writeEntry(w *tar.Writer, h *tar.Header, content []byte) error {
	h.Size, h.Format = int64(len(content)), tar.FormatUnknown
	if h.ModTime.Nanosecond() != 0 || len(h.PAXRecords) > 0 {
		h.Format = tar.FormatPAX
	}
	h.AccessTime, h.ChangeTime = time.Time{}, time.Time{} // not all forms have them, and no runtime sets them
	if err := w.WriteHeader(h); err != nil {
		return err
	}
	if _, err := w.Write(content); err != nil {
		return err
	}
	return w.Flush()
}

// Changes are what differs between the trees of an image and of a trimmed one.
type Changes struct {
	// Removed are only in the first, Edited differ in content and size alone.
	Removed []string
	Edited  []Edit
}

// TreeChanges compares two trees. It is an error if they differ in more than what was
// removed, and in the contents of files.
func TreeChanges(was, is *Tree) (c Changes, err error) {
	other := func(path, what string) error {
		return &Refusal{Why: fmt.Sprintf("trimmed, its merged root file system would differ in more: %.80q: %s", path, what)}
	}
	i, j := 0, 0
	for i < len(was.Nodes) {
		if j == len(is.Nodes) || whittle.ComparePaths(was.Nodes[i].Path, is.Nodes[j].Path) < 0 {
			c.Removed = append(c.Removed, was.Nodes[i].Path)
			i++
			continue
		}
		if whittle.ComparePaths(was.Nodes[i].Path, is.Nodes[j].Path) > 0 {
			return c, other(is.Nodes[j].Path, "only in the second")
		}
		a, b := was.record(i), is.record(j)
		if a != b {
			before, after := a[7], b[7]
			what := differs(a, b)
			a[6], a[7] = b[6], b[7]
			if a != b || a[1] != "f" {
				return c, other(a[0], what)
			}
			c.Edited = append(c.Edited, Edit{a[0], whittle.Digest("sha256:" + before), whittle.Digest("sha256:" + after)})
		}
		i++
		j++
	}
	if j < len(is.Nodes) {
		return c, other(is.Nodes[j].Path, "only in the second")
	}
	return c, nil
}

// Holds says whether the changes are those of a trim: all that it removes, what it edits,
// and directories that were there only for what is gone.
func (c Changes) Holds(was *Tree, remove map[string]bool, edited []Edit) error {
	gone := 0
	for _, p := range c.Removed {
		if remove[p] {
			gone++
			continue
		}
		at, ok := slices.BinarySearchFunc(was.Nodes, p, func(n Node, p string) int { return whittle.ComparePaths(n.Path, p) })
		if !ok || was.Nodes[at].Entry != nil {
			return &Refusal{Why: fmt.Sprintf("trimmed, its merged root file system would not have %.80q, which no rule removes", p)}
		}
	}
	want := 0
	for i := range was.Nodes {
		if remove[was.Nodes[i].Path] {
			want++
		}
	}
	if gone != want {
		return &Refusal{Why: fmt.Sprintf("trimmed, its merged root file system would still have %s that a rule removes", ledger.Count(want-gone, "path"))}
	}
	byPath := func(a, b Edit) int { return strings.Compare(a.Path, b.Path) }
	a, b := slices.SortedFunc(slices.Values(c.Edited), byPath), slices.SortedFunc(slices.Values(edited), byPath)
	b = slices.DeleteFunc(b, func(e Edit) bool { return e.Before == e.After })
	if !slices.Equal(a, b) {
		return &Refusal{Why: "trimmed, other files of its merged root file system would change than those that rules change, and lists of files"}
	}
	return nil
}

// Trees are the tree of an image by the ledger, and by the second reading r.
func Trees(ctx context.Context, layers []whittle.Layer, indexes []*whittle.Index, l *whittle.Ledger, r *Reading) (first, second *Tree, err error) {
	second, err = r.Tree(ctx, layers)
	return FromLedger(indexes, l), second, err
}

// AsRefusal says whether an image cannot be trimmed or squeezed, and why.
func AsRefusal(err error) (*Refusal, bool) {
	var r *Refusal
	return r, errors.As(err, &r)
}
