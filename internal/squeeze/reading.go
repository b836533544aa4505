package squeeze

import (
	"archive/tar"
	"bufio"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/codec"
)

// The second reading applies the layers one after another to one tree, as the image
// specification describes it, with archive/tar and nothing of the rooms index and
// ledger: https://github.com/opencontainers/image-spec/blob/main/layer.md

// record is one entry of a layer's tar.
type record struct {
	whittle.Entry // its Path is not set
	name          string
	marker        byte // 'w' for a whiteout, 'o' for an opaque marker
}

// readRecords reads a layer once, and compares it with its diff ID. most bounds the
// number of entries.
func readRecords(ctx context.Context, layer whittle.Layer, most int) ([]record, error) {
	plain, err := openTar(ctx, layer)
	if err != nil {
		return nil, err
	}
	defer plain.close()
	sum := sha256.New()
	all := io.TeeReader(plain, sum)
	var out []record
	for r := tar.NewReader(all); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		if len(out) == most {
			return nil, whittle.ErrLimit.Errorf("the layers have more than %d entries", most)
		}
		if h.Typeflag == tar.TypeXGlobalHeader {
			continue
		}
		rec, err := recordOf(h, r)
		if err != nil {
			return nil, fmt.Errorf("%.80q: %w", h.Name, err)
		}
		out = append(out, rec)
	}
	if _, err := io.Copy(io.Discard, all); err != nil {
		return nil, err
	}
	if _, err := io.Copy(io.Discard, plain.stored); err != nil { // so that the layer's reader verifies its blob
		return nil, err
	}
	if got := whittle.SHA256([32]byte(sum.Sum(nil))); layer.DiffID() != "" && got != layer.DiffID() {
		return nil, whittle.ErrCorrupt.Errorf("its content has the digest %s, the configuration says %s", got, layer.DiffID())
	}
	return out, nil
}

// layerTar is a layer's uncompressed tar, and the bytes that it is read from.
type layerTar struct {
	io.Reader
	stored  io.ReadCloser
	release func()
}

// openTar opens a layer's tar, which is to be closed.
func openTar(ctx context.Context, layer whittle.Layer) (*layerTar, error) {
	stored, err := layer.Open(ctx)
	if err != nil {
		return nil, err
	}
	plain, release, err := codec.Decompress(bufio.NewReaderSize(reader{ctx, stored}, 256<<10))
	if err != nil {
		_ = stored.Close()
		return nil, err
	}
	return &layerTar{plain, stored, release}, nil
}

func (t *layerTar) close() {
	t.release()
	_ = t.stored.Close()
}

// reader ends when its context does.
type reader struct {
	ctx context.Context
	io.Reader
}

func (r reader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, context.Cause(r.ctx)
	}
	return r.Reader.Read(p)
}

func recordOf(h *tar.Header, content io.Reader) (r record, err error) {
	if r.name, err = normal(h.Name); err != nil {
		return r, err
	}
	dir, base := "", r.name
	if i := strings.LastIndexByte(r.name, '/'); i >= 0 {
		dir, base = r.name[:i], r.name[i+1:]
	}
	if base == ".wh..wh..opq" {
		return record{name: dir, marker: 'o'}, nil
	}
	if hidden, ok := strings.CutPrefix(base, ".wh."); ok {
		if hidden == "" || hidden == "." || hidden == ".." {
			return r, whittle.ErrCorrupt.Errorf("a whiteout names no file")
		}
		return record{name: strings.TrimPrefix(dir+"/"+hidden, "/"), marker: 'w'}, nil
	}
	r.name = strings.Clone(r.name)
	r.Mode, r.UID, r.GID, r.ModTime = uint32(h.Mode)&0o7777, uint32(h.Uid), uint32(h.Gid), saturated(h.ModTime.Unix(), int64(h.ModTime.Nanosecond()))
	special := whittle.Special{Xattrs: attributes(h.PAXRecords)}
	switch h.Typeflag {
	case tar.TypeReg, tar.TypeCont, tar.TypeGNUSparse:
		r.Kind = whittle.File
		sum := sha256.New()
		if r.Size, err = io.Copy(sum, content); err != nil {
			return r, err
		}
		r.Content = [32]byte(sum.Sum(nil))
	case tar.TypeDir:
		r.Kind = whittle.Dir
	case tar.TypeSymlink:
		r.Kind, r.Link = whittle.Symlink, strings.Clone(h.Linkname)
	case tar.TypeLink:
		r.Kind = whittle.HardLink
		r.Link, err = normal(h.Linkname)
		r.Link = strings.Clone(r.Link)
	case tar.TypeChar:
		r.Kind, special.Major, special.Minor = whittle.CharDevice, h.Devmajor, h.Devminor
	case tar.TypeBlock:
		r.Kind, special.Major, special.Minor = whittle.BlockDevice, h.Devmajor, h.Devminor
	case tar.TypeFifo:
		r.Kind = whittle.FIFO
	default:
		return r, whittle.ErrUnsupported.Errorf("the tar entry type %q is not known", h.Typeflag)
	}
	r.Special = special.Kept()
	return r, err
}

// normal is a path without what means nothing in it: "" for the root.
func normal(name string) (string, error) {
	var parts []string
	for part := range strings.SplitSeq(name, "/") {
		switch part {
		case "", ".":
		case "..":
			if len(parts) == 0 {
				return "", whittle.ErrCorrupt.Errorf("a name leaves the root directory")
			}
			parts = parts[:len(parts)-1]
		default:
			parts = append(parts, part)
		}
	}
	return strings.Join(parts, "/"), nil
}

// saturated is a time in nanoseconds, or the nearest int64.
func saturated(seconds, nanoseconds int64) int64 {
	const most = math.MaxInt64 / 1_000_000_000
	if seconds >= most {
		return math.MaxInt64
	}
	if seconds <= -most {
		return math.MinInt64
	}
	return seconds*1_000_000_000 + nanoseconds
}

// attributes is the digest of extended attributes: of the names in order, each with its
// value, and the length of either before it in eight bytes, the lowest first.
func attributes(records map[string]string) whittle.Digest {
	h, some := sha256.New(), false
	for _, key := range slices.Sorted(maps.Keys(records)) {
		name, ok := strings.CutPrefix(key, "SCHILY.xattr.")
		if !ok {
			continue
		}
		some = true
		for _, text := range []string{name, records[key]} {
			var n [8]byte
			binary.LittleEndian.PutUint64(n[:], uint64(len(text)))
			h.Write(n[:])
			h.Write([]byte(text))
		}
	}
	if !some {
		return ""
	}
	return whittle.SHA256([32]byte(h.Sum(nil)))
}

const (
	// maxDepth bounds how deep directories are, maxSteps the components of paths that
	// are walked, for each entry that is allowed.
	maxDepth = 32 << 10
	maxSteps = 64
	maxLinks = 40 // as Linux does
)

// place is a name in the tree: a file, which may have others, or a directory.
type place struct {
	entry *whittle.Entry // nil for a directory that no layer lists
	dir   map[string]*place
	depth int
	up    *place
}

func (p *place) isDir() bool { return p.dir != nil }

// merger applies layers to a tree.
type merger struct {
	root  *place
	steps int
	made  int // directories that may still be made
}

// apply lays a layer over the tree: its markers hide what is there, then its entries
// come.
func (m *merger) apply(records []record) error {
	for i := range records {
		switch r := &records[i]; r.marker {
		case 'w':
			if in, name := m.find(r.name); in != nil && in.dir[name] != nil {
				delete(in.dir, name)
			}
		case 'o':
			if in, name := m.find(r.name); in != nil {
				if d := below(in, name); d != nil && d.isDir() {
					clear(d.dir)
				}
			}
		}
	}
	for i := range records {
		if records[i].marker == 0 {
			if err := m.put(&records[i]); err != nil {
				return fmt.Errorf("entry %d (%.80q): %w", i, records[i].name, err)
			}
		}
	}
	return m.holdMarkers(records)
}

// holdMarkers makes the directories in which a layer's markers are, but for those that
// the layer deletes.
func (m *merger) holdMarkers(records []record) error {
	deleted := map[string]bool{}
	for i := range records {
		if records[i].marker == 'w' {
			deleted[records[i].name] = true
		}
	}
	for i := range records {
		r := &records[i]
		dir := r.name
		switch r.marker {
		case 0:
			continue
		case 'w':
			dir = dir[:max(strings.LastIndexByte(dir, '/'), 0)]
		}
		gone := false
		for p := dir; p != "" && !gone; p = p[:max(strings.LastIndexByte(p, '/'), 0)] {
			gone = deleted[p]
		}
		if gone {
			continue
		}
		if _, err := m.open(dir, false); err != nil {
			return fmt.Errorf("entry %d (%.80q): %w", i, r.name, err)
		}
	}
	return nil
}

// below is the place of a name, a directory itself for "".
func below(in *place, name string) *place {
	if name == "" {
		return in
	}
	return in.dir[name]
}

func (m *merger) put(r *record) error {
	if r.name == "" {
		if r.Kind != whittle.Dir {
			return whittle.ErrCorrupt.Errorf("the root directory is a %s", r.Kind)
		}
		m.root.entry = &r.Entry
		return nil
	}
	path := r.name
	cut := strings.LastIndexByte(path, '/')
	in, err := m.open(path[:max(cut, 0)], true)
	if err != nil {
		return err
	}
	name := path[cut+1:]
	old := in.dir[name]
	switch r.Kind {
	case whittle.Dir:
		if old != nil && old.isDir() {
			old.entry = &r.Entry
			return nil
		}
		in.dir[name] = &place{entry: &r.Entry, dir: map[string]*place{}, depth: in.depth + 1, up: in}
	case whittle.HardLink:
		entry := &r.Entry
		if from, base := m.find(r.Link); from != nil {
			if target := from.dir[base]; target != nil && !target.isDir() {
				entry = target.entry
				if target == old {
					return nil
				}
			}
		}
		in.dir[name] = &place{entry: entry}
	default:
		in.dir[name] = &place{entry: &r.Entry}
	}
	return nil
}

// open is the directory at a path, which is made where it is missing; force makes it in
// the place of a file, too. It is nil where a file is in the way.
func (m *merger) open(path string, force bool) (*place, error) {
	return m.walk(path, func(in *place, name string, found *place) *place {
		if found != nil && !force {
			return nil
		}
		m.made--
		made := &place{dir: map[string]*place{}, depth: in.depth + 1, up: in}
		in.dir[name] = made
		return made
	})
}

// find is the directory in which a path is, and its last name; nil if there is none.
func (m *merger) find(path string) (in *place, name string) {
	cut := strings.LastIndexByte(path, '/')
	in, err := m.walk(path[:max(cut, 0)], func(*place, string, *place) *place { return nil })
	if err != nil {
		return nil, ""
	}
	return in, path[cut+1:]
}

// walk goes down a path and follows the symlinks on its way, inside the root. make
// gives what is used for a component that is no directory, nil to stop.
func (m *merger) walk(path string, otherwise func(in *place, name string, found *place) *place) (*place, error) {
	at, links := m.root, 0
	for rest := path; rest != ""; {
		name, tail, _ := strings.Cut(rest, "/")
		m.steps--
		if m.steps < 0 || m.made < 0 {
			return nil, whittle.ErrLimit.Errorf("the paths and symlinks take too many steps")
		}
		rest = tail
		switch name {
		case "", ".":
			continue
		case "..":
			if at.up != nil {
				at = at.up
			}
			continue
		}
		next := at.dir[name]
		if next != nil && !next.isDir() && next.entry.Kind == whittle.Symlink && links < maxLinks {
			links++
			if strings.HasPrefix(next.entry.Link, "/") {
				at = m.root
			}
			rest = next.entry.Link + "/" + tail
			continue
		}
		if next == nil || !next.isDir() {
			if next = otherwise(at, name, next); next == nil {
				return nil, nil //nolint:nilnil // there is no such directory
			}
		}
		if next.depth > maxDepth {
			return nil, whittle.ErrLimit.Errorf("directories are more than %d deep", maxDepth)
		}
		at = next
	}
	return at, nil
}

// mergeRecords is the tree of layers that were read, lowest first. most is the number
// of entries, and of directories that no layer lists, that are allowed.
func mergeRecords(layers [][]record, most int) (*Tree, error) {
	m := &merger{root: &place{dir: map[string]*place{}}, steps: most * maxSteps, made: most}
	for n, records := range layers {
		if err := m.apply(records); err != nil {
			return nil, fmt.Errorf("layer %d: %w", n, err)
		}
	}
	t := &Tree{}
	if m.root.entry != nil {
		t.Nodes = append(t.Nodes, Node{Path: ".", Entry: m.root.entry})
	}
	t.list(m.root, "")
	t.group()
	return t, nil
}

func (t *Tree) list(dir *place, prefix string) {
	for _, name := range slices.SortedFunc(maps.Keys(dir.dir), cmp.Compare[string]) {
		p := dir.dir[name]
		t.Nodes = append(t.Nodes, Node{Path: prefix + name, Entry: p.entry})
		if p.isDir() {
			t.list(p, prefix+name+"/")
		}
	}
}

// Reading reads layers the second way. Layers of the same diff ID are read once.
type Reading struct {
	// Entries bounds the number of entries of all layers.
	Entries int
	layers  map[whittle.Digest][]record
}

// Clone is a reading that has read the same layers: what it reads more, r does not keep.
func (r *Reading) Clone() *Reading {
	return &Reading{r.Entries, maps.Clone(r.layers)}
}

// Tree reads the layers, lowest first, and merges them.
func (r *Reading) Tree(ctx context.Context, layers []whittle.Layer) (*Tree, error) {
	if r.layers == nil {
		r.layers = map[whittle.Digest][]record{}
	}
	most := r.Entries
	if most <= 0 {
		most = 4_000_000
	}
	all, left := make([][]record, len(layers)), most
	for n, l := range layers {
		records, known := r.layers[l.DiffID()]
		if !known {
			var err error
			if records, err = readRecords(ctx, l, left); err != nil {
				return nil, fmt.Errorf("reading layer %s a second time: %w", l.DiffID().Short(), err)
			}
			r.layers[l.DiffID()] = records
		}
		left -= len(records)
		all[n] = records
	}
	return mergeRecords(all, most)
}
