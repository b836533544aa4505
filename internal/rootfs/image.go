// Package rootfs reads an image once: the indexes of its layers, the root file
// system that they merge to, and the facts that later steps need of its files.
// Everything that looks into an image starts from an [Image].
package rootfs

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"runtime"
	"sync"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/codec"
	"whittle.dev/whittle/internal/index"
	"whittle.dev/whittle/internal/ledger"
)

// Options say what to read of an image.
type Options struct {
	// Index says how layers are read. Its Keep and Distil are set here.
	Index index.Options
	// Databases are the files whose contents are read with their layer.
	Databases Selection
	// Facts reads the facts of Python texts, binaries and scripts, too.
	Facts bool
}

// Selection selects files by their paths.
type Selection struct {
	// Name is part of a key in the cache: it changes with the selection.
	Name string
	Has  func(path string) bool
}

// Image is an image with its merged root file system. It implements
// [whittle.Root]. It is not for use by several goroutines at once.
type Image struct {
	whittle.Image
	// Indexes are those of the layers, lowest first.
	Indexes []*whittle.Index
	Ledger  *whittle.Ledger

	databases Selection
	paths     []string
	nodes     nodes
	// encoded has the facts that the indexes do not keep, by item; files has
	// those that were decoded, and the contents that were fetched.
	encoded map[int][]byte
	files   map[int]*facts
	mu      sync.Mutex // of files and scans
	scans   []scans    // by layer
	cache   *index.Cache
	ahead   *ahead
}

// maxContents bounds the files that one Fetch holds in memory, in bytes: all
// of them together.
const maxContents = 512 << 20

// Read reads the layers of an image, merges them, and reads the contents that
// the options select. name is how errors call the image.
func Read(ctx context.Context, img whittle.Image, name string, o Options) (*Image, error) {
	indexes, err := index.All(ctx, img, o.index(new(packer)))
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", name, err)
	}
	if o.Index.NoDigests {
		return Join(ctx, img, name, indexes, o)
	}
	// An index that was made from headers alone has no digests of contents.
	var unread error
	led, err := ledger.Decide(indexes, ledgerOptions(o.Index.Limits), func(layer int, entries []int) error {
		unread = index.Digest(ctx, img.Layers()[layer], indexes[layer], entries)
		return unread
	})
	if unread != nil {
		return nil, fmt.Errorf("reading %s: %w", name, unread)
	}
	if err != nil {
		return nil, fmt.Errorf("accounting for %s: %w", name, err)
	}
	if len(led.Items) > manyFiles {
		runtime.GC() // what merging took is garbage now: of 500,000 files, a tenth of all memory
	}
	return join(ctx, img, name, indexes, led, o)
}

// manyFiles is how many files an image has for which memory is collected when much of it is
// known to be garbage. Otherwise that waits until as much again is allocated as GOGC allows.
const manyFiles = 100_000

// Join merges layers whose indexes were read, and reads the contents that the
// options select: [Read] without the reading of the layers.
func Join(ctx context.Context, img whittle.Image, name string, indexes []*whittle.Index, o Options) (*Image, error) {
	led, err := Merge(indexes, o.Index.Limits)
	if err != nil {
		return nil, fmt.Errorf("accounting for %s: %w", name, err)
	}
	return join(ctx, img, name, indexes, led, o)
}

func join(ctx context.Context, img whittle.Image, name string, indexes []*whittle.Index, led *whittle.Ledger, o Options) (*Image, error) {
	m := newImage(img, indexes, led, o.Databases)
	m.cache = o.Index.Cache
	if o.Facts {
		if err := m.fetchFacts(ctx); err != nil {
			return nil, fmt.Errorf("reading the files of %s: %w", name, err)
		}
	}
	if err := m.Fetch(ctx, o.Databases.Has); err != nil {
		return nil, fmt.Errorf("reading the package databases of %s: %w", name, err)
	}
	return m, nil
}

// index are the options by which layers are read. An index that keeps facts
// keeps the databases, too, and the texts that p packs, if it is not nil.
func (o *Options) index(p *packer) index.Options {
	read := o.Index
	if o.Facts {
		read.Keep, read.KeepName, read.KeepToo = func(e *whittle.Entry) bool { return hasFacts(e, o.Databases) }, factsName(o.Databases), nil
		read.Distil = func(e *whittle.Entry, content []byte) []byte { return distil(e, content, o.Databases, p) }
		return read
	}
	read.Keep, read.KeepName = func(e *whittle.Entry) bool { return o.Databases.Has(e.Path) }, o.Databases.Name
	read.KeepToo, read.Distil = []string{factsName(o.Databases)}, nil
	return read
}

// ReadLayer reads one layer, and gives its index as [index.Decode] reads it: with all that
// [Read] with these options, or with fewer, needs of it.
func ReadLayer(ctx context.Context, layer whittle.Layer, o Options) ([]byte, error) {
	read := o.index(nil) // what is kept for long is kept small
	read.Hash, read.Verify = true, true
	return index.ReadEncoded(ctx, layer, read)
}

// Version changes with what [ReadLayer] gives of a layer: an index of another version is
// read anew.
func (o *Options) Version() string { return index.Version + "-" + o.index(nil).KeepName }

// Merge merges the layers of an image. The limit of the layers' tables bounds
// the folders, too.
func Merge(indexes []*whittle.Index, limits index.Limits) (*whittle.Ledger, error) {
	return ledger.Build(indexes, ledgerOptions(limits))
}

func ledgerOptions(limits index.Limits) ledger.Options {
	return ledger.Options{Folders: int(limits.Memory / index.EntrySize)}
}

func newImage(img whittle.Image, indexes []*whittle.Index, l *whittle.Ledger, databases Selection) *Image {
	m := &Image{Image: img, Indexes: indexes, Ledger: l, databases: databases, paths: make([]string, len(l.Tree.Nodes)),
		nodes: newNodes(l.Tree), encoded: map[int][]byte{}, files: map[int]*facts{}, scans: make([]scans, len(indexes))}
	for i := range l.Tree.Nodes {
		m.paths[i] = l.Tree.Nodes[i].Path
	}
	return m
}

// Paths implements [whittle.Root].
func (m *Image) Paths() []string { return m.paths }

// Lstat implements [whittle.Root]. A hard link is the file that it names.
func (m *Image) Lstat(path string) (whittle.Entry, error) {
	n, ok := m.nodes.find(path)
	if !ok {
		return whittle.Entry{}, fmt.Errorf("%s: %w", path, fs.ErrNotExist)
	}
	if n.Entry < 0 {
		return whittle.Entry{Path: path, Kind: whittle.Dir, Mode: 0o755}, nil
	}
	e := m.Indexes[n.Layer].Entries[n.Entry]
	if n.Item >= 0 && e.Kind == whittle.HardLink {
		it := m.Ledger.Items[n.Item]
		e = m.Indexes[it.Layer].Entries[it.Entry]
	}
	e.Path = path
	return e, nil
}

// ReadFile implements [whittle.Root] for the files whose contents were read.
func (m *Image) ReadFile(path string, limit int64) ([]byte, error) {
	n, ok := m.nodes.find(path)
	if !ok {
		return nil, fmt.Errorf("%s: %w", path, fs.ErrNotExist)
	}
	if n.Item < 0 {
		return nil, whittle.ErrUnsupported.Errorf("%s is not a regular file", path)
	}
	if size := m.Ledger.Items[n.Item].Bytes; size > limit {
		return nil, whittle.ErrLimit.Errorf("%s has %d bytes, more than %d", path, size, limit)
	}
	switch f := m.item(n.Item); {
	case f == nil:
		return nil, whittle.ErrUnsupported.Errorf("%s was not read with its layer", path)
	case f.binary != nil:
		return nil, whittle.ErrUnsupported.Errorf("%s is a binary", path)
	case f.source != nil, f.packed != nil:
		return nil, whittle.ErrUnsupported.Errorf("of %s only the imports are known", path)
	default:
		return f.text, nil
	}
}

// item are the facts of an item, nil where they are not known.
func (m *Image) item(item int) *facts {
	m.mu.Lock()
	defer m.mu.Unlock()
	if f, ok := m.files[item]; ok {
		return f
	}
	it := m.Ledger.Items[item]
	idx := m.Indexes[it.Layer]
	b, made := m.encoded[item]
	if !made {
		kept, ok := idx.Kept[it.Entry]
		if !ok {
			return nil
		}
		b = kept
	}
	f := &facts{text: b, scanned: new(scanned)}
	if whole := !made && idx.KeptBy == m.databases.Name; !whole && f.UnmarshalBinary(b) != nil {
		f = nil
	} else if f.packed != nil {
		f.said = m.said(it.Layer)[it.Entry]
	}
	m.files[item] = f
	return f
}

// setText gives an item a text that was fetched.
func (m *Image) setText(item int, text []byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.files[item] = &facts{text: text, scanned: new(scanned)}
}

// file are the facts of a file by its path, nil where they are not known.
func (m *Image) file(path string) *facts {
	n, ok := m.nodes.find(path)
	if !ok || n.Item < 0 {
		return nil
	}
	return m.item(n.Item)
}

// Fetch reads the contents of the visible files that want selects, in one pass
// over each layer that has some. What was read before is not read again.
func (m *Image) Fetch(ctx context.Context, want func(path string) bool) error {
	var total int64
	byLayer := make([]map[int]int, len(m.Indexes))
	for _, n := range m.Ledger.Tree.Nodes {
		if n.Item < 0 || !want(n.Path) {
			continue
		}
		it := m.Ledger.Items[n.Item]
		if total += it.Bytes; total > maxContents {
			return whittle.ErrLimit.Errorf("the files that have to be read have more than %d bytes, at %.80q", maxContents, n.Path)
		}
		switch f := m.item(n.Item); {
		case f == nil || f.binary != nil || f.source != nil:
			add(byLayer, it, n.Item)
		case f.packed != nil:
			text, err := codec.Unpack(f.packed, maxPackedText)
			if err != nil {
				return fmt.Errorf("%.80q: %w", n.Path, err)
			}
			m.setText(n.Item, text)
		}
	}
	return m.pass(ctx, byLayer, func(item int, _ *whittle.Entry, content []byte) {
		m.setText(item, content)
	})
}

// Copy writes the contents of one visible regular file as they are read, in one
// pass over its layer. It keeps nothing of them.
func (m *Image) Copy(ctx context.Context, path string, to io.Writer) error {
	n, ok := m.nodes.find(path)
	if !ok {
		return fmt.Errorf("%s: %w", path, fs.ErrNotExist)
	}
	if n.Item < 0 {
		return whittle.ErrUnsupported.Errorf("%s is not a regular file", path)
	}
	it := m.Ledger.Items[n.Item]
	want := func(entry int) bool { return entry == it.Entry }
	return index.Files(ctx, m.Layers()[it.Layer], m.Indexes[it.Layer], want, func(_ int, r io.Reader) error {
		_, err := io.Copy(to, r)
		return err
	})
}

// Each reads the contents of the visible regular files that want selects, each by one of
// its paths, in one pass over each layer that has some. It keeps nothing of them.
func (m *Image) Each(ctx context.Context, want func(path string) bool, each func(path string, r io.Reader) error) error {
	byLayer := make([]map[int]string, len(m.Indexes))
	for _, n := range m.Ledger.Tree.Nodes {
		if n.Item < 0 || !want(n.Path) {
			continue
		}
		it := m.Ledger.Items[n.Item]
		if byLayer[it.Layer] == nil {
			byLayer[it.Layer] = map[int]string{}
		}
		byLayer[it.Layer][it.Entry] = n.Path
	}
	for layer, paths := range byLayer {
		wanted := func(entry int) bool { _, ok := paths[entry]; return ok }
		err := index.Files(ctx, m.Layers()[layer], m.Indexes[layer], wanted, func(entry int, r io.Reader) error { return each(paths[entry], r) })
		if err != nil {
			return err
		}
	}
	return nil
}

// fetchFacts makes the facts of the visible files of layers that were indexed
// by their headers: the other indexes keep them.
func (m *Image) fetchFacts(ctx context.Context) error {
	byLayer, p := make([]map[int]int, len(m.Indexes)), new(packer)
	name := factsName(m.databases)
	for i := range m.Ledger.Tree.Nodes {
		n := &m.Ledger.Tree.Nodes[i]
		if n.Item < 0 {
			continue
		}
		it := m.Ledger.Items[n.Item]
		idx := m.Indexes[it.Layer]
		if e := &idx.Entries[it.Entry]; idx.KeptBy != name && hasFacts(e, m.databases) && e.Size <= index.MaxDistilled {
			add(byLayer, it, n.Item)
		}
	}
	return m.pass(ctx, byLayer, func(item int, e *whittle.Entry, content []byte) {
		if b := distil(e, content, m.databases, p); b != nil {
			m.encoded[item] = b
		}
	})
}

// add adds an item to those that are read of its layer.
func add(byLayer []map[int]int, it whittle.Item, item int) {
	if byLayer[it.Layer] == nil {
		byLayer[it.Layer] = map[int]int{}
	}
	byLayer[it.Layer][it.Entry] = item
}

// pass reads files, given as items by layer and entry, in one pass over each
// layer.
func (m *Image) pass(ctx context.Context, byLayer []map[int]int, each func(item int, e *whittle.Entry, content []byte)) error {
	for layer, entries := range byLayer {
		if len(entries) == 0 {
			continue
		}
		idx := m.Indexes[layer]
		want := func(entry int) bool { _, ok := entries[entry]; return ok }
		err := index.Files(ctx, m.Layers()[layer], idx, want, func(entry int, r io.Reader) error {
			e := &idx.Entries[entry]
			content := bytes.NewBuffer(make([]byte, 0, min(e.Size, index.TrustedSize)+bytes.MinRead))
			if _, err := content.ReadFrom(r); err != nil {
				return err
			}
			each(entries[entry], e, content.Bytes())
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// Verified says whether all layers were compared with their digests.
func (m *Image) Verified() bool {
	for _, idx := range m.Indexes {
		if !idx.Verified {
			return false
		}
	}
	return true
}

var _ whittle.Root = (*Image)(nil)
