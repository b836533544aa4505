package lab

import (
	"context"
	"fmt"
	"io"
	"io/fs"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/distro"
	"whittle.dev/whittle/internal/index"
	"whittle.dev/whittle/internal/python"
)

// root is the merged root file system of an image, as the readers of package
// databases see it. It implements [whittle.Root].
type root struct {
	img     whittle.Image
	indexes []*whittle.Index
	ledger  *whittle.Ledger
	paths   []string
	nodes   map[string]*whittle.Node
	// contents holds the files that were fetched, by item.
	contents map[int][]byte
}

// maxContents bounds the database files that are held in memory, in bytes: of
// all of them together.
const maxContents = 512 << 20

func newRoot(img whittle.Image, indexes []*whittle.Index, l *whittle.Ledger) *root {
	r := &root{img: img, indexes: indexes, ledger: l, paths: make([]string, len(l.Tree.Nodes)),
		nodes: make(map[string]*whittle.Node, len(l.Tree.Nodes)), contents: map[int][]byte{}}
	for i := range l.Tree.Nodes {
		n := &l.Tree.Nodes[i]
		r.paths[i] = n.Path
		r.nodes[n.Path] = n
	}
	return r
}

// Paths implements [whittle.Root].
func (r *root) Paths() []string { return r.paths }

// Lstat implements [whittle.Root]. A hard link is the file that it names.
func (r *root) Lstat(path string) (whittle.Entry, error) {
	n, ok := r.nodes[path]
	if !ok {
		return whittle.Entry{}, fmt.Errorf("%s: %w", path, fs.ErrNotExist)
	}
	if n.Entry < 0 {
		return whittle.Entry{Path: path, Kind: whittle.Dir, Mode: 0o755}, nil
	}
	e := r.indexes[n.Layer].Entries[n.Entry]
	if n.Item >= 0 && e.Kind == whittle.HardLink {
		it := r.ledger.Items[n.Item]
		e = r.indexes[it.Layer].Entries[it.Entry]
	}
	e.Path = path
	return e, nil
}

// ReadFile implements [whittle.Root] for the files that fetch has read.
func (r *root) ReadFile(path string, limit int64) ([]byte, error) {
	n, ok := r.nodes[path]
	if !ok {
		return nil, fmt.Errorf("%s: %w", path, fs.ErrNotExist)
	}
	if n.Item < 0 {
		return nil, fmt.Errorf("%s is not a regular file: %w", path, whittle.ErrUnsupported)
	}
	if size := r.ledger.Items[n.Item].Bytes; size > limit {
		return nil, fmt.Errorf("%s has %d bytes, more than %d: %w", path, size, limit, whittle.ErrLimit)
	}
	b, ok := r.contents[n.Item]
	if !ok {
		return nil, fmt.Errorf("%s was not read with its layer: %w", path, whittle.ErrUnsupported)
	}
	return b, nil
}

// databasesVersion names the selection of isDatabase in cached indexes: change
// it when that changes.
const databasesVersion = "databases-v1"

// isDatabase says which files' contents are needed to find owners.
func isDatabase(path string) bool { return distro.Database(path) || python.Database(path) }

func keepDatabases(e *whittle.Entry) bool { return isDatabase(e.Path) }

// fetch reads the visible files that want selects, in one pass over each
// layer that has some.
func (r *root) fetch(ctx context.Context, want func(path string) bool) error {
	byEntry := make([]map[int]int, len(r.indexes)) // layer → entry → item
	var total int64
	for _, n := range r.ledger.Tree.Nodes {
		if n.Item < 0 || !want(n.Path) {
			continue
		}
		it := r.ledger.Items[n.Item]
		if total += it.Bytes; total > maxContents {
			return fmt.Errorf("package databases have more than %d bytes, at %.80q: %w", maxContents, n.Path, whittle.ErrLimit)
		}
		if byEntry[it.Layer] == nil {
			byEntry[it.Layer] = map[int]int{}
		}
		byEntry[it.Layer][it.Entry] = n.Item
	}
	for layer, entries := range byEntry {
		if len(entries) == 0 {
			continue
		}
		if err := r.fetchLayer(ctx, layer, entries); err != nil {
			return err
		}
	}
	return nil
}

func (r *root) fetchLayer(ctx context.Context, layer int, entries map[int]int) error {
	idx := r.indexes[layer]
	for entry, item := range entries {
		if b, ok := idx.Kept[entry]; ok {
			r.contents[item] = b
			delete(entries, entry)
		}
	}
	if len(entries) == 0 {
		return nil
	}
	want := func(entry int) bool { _, ok := entries[entry]; return ok }
	return index.Files(ctx, r.img.Layers()[layer], idx, want, func(entry int, f io.Reader) error {
		b, err := io.ReadAll(f)
		if err != nil {
			return err
		}
		r.contents[entries[entry]] = b
		return nil
	})
}

// claims reads the package databases of the root. Databases that cannot be
// read are named in the notes; the other claims stand.
func (r *root) claims(ctx context.Context) ([]whittle.Claim, []string, error) {
	if err := r.fetch(ctx, isDatabase); err != nil {
		return nil, nil, err
	}
	claims, problems := distro.Claims(ctx, r)
	more, others := python.Claims(ctx, r)
	var notes []string
	for _, p := range append(problems, others...) {
		notes = append(notes, whittle.OneLine(p.Error()))
	}
	return append(claims, more...), notes, ctx.Err()
}
