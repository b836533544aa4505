package squeeze

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/ledger"
)

// Options say what may be changed.
type Options struct {
	// Whole says of each layer that nothing may be dropped from it; nil allows it of
	// all.
	Whole []bool
	// AnyRuntime goes on where runtimes merge the layers differently, and keeps
	// everything that such a place is about.
	AnyRuntime bool
	// Ledger bounds the merge.
	Ledger ledger.Options
}

// Plan says which entries the merged root file system needs.
type Plan struct {
	// Keep has, by layer, one value for each entry.
	Keep [][]bool
	// Ledger is that of the image as it is.
	Ledger *whittle.Ledger
}

// Changed says whether a layer loses an entry.
func (p *Plan) Changed(layer int) bool { return slices.Contains(p.Keep[layer], false) }

// Empty says whether nothing of a layer is needed.
func (p *Plan) Empty(layer int) bool { return !slices.Contains(p.Keep[layer], true) }

// Refusal says why an image is not squeezed.
type Refusal struct {
	Why string
	// Places are those that runtimes merge differently, if that is why.
	Places []whittle.Ambiguity
}

// Error is one line.
func (r *Refusal) Error() string {
	if len(r.Places) == 0 {
		return r.Why
	}
	p := r.Places[0]
	text := fmt.Sprintf("%s: layer %d, %.80q: %s", r.Why, p.Layer, p.Path, p.What)
	if more := len(r.Places) - 1; more > 0 {
		text += fmt.Sprintf(" (and %s)", ledger.Count(more, "more place"))
	}
	return text
}

// Is makes it an error of unsupported input.
func (r *Refusal) Is(target error) bool { return target == whittle.ErrUnsupported } //nolint:errorlint // kinds are compared, not wrapped

// Hint implements [whittle.Hinted].
func (r *Refusal) Hint() string {
	if len(r.Places) == 0 {
		return ""
	}
	return "--any-runtime squeezes it if the tree stays the same by both of whittle's readings"
}

// maxRounds bounds how often a plan is tried and mended. A plan that is not proven by
// then keeps everything.
const maxRounds = 64

// Find finds the entries that the merged root file system needs, and proves it by the
// ledger: it merges the layers without the others, and where the tree is another one,
// or runtimes would merge it differently, it brings entries back until it is the same.
// Errors are a [*Refusal] where runtimes disagree on the image as it is.
func Find(ctx context.Context, indexes []*whittle.Index, o Options) (*Plan, error) {
	before, err := ledger.Build(indexes, o.Ledger)
	if err != nil {
		return nil, err
	}
	if len(before.Ambiguous) > 0 && !o.AnyRuntime {
		return nil, &Refusal{"runtimes merge its layers differently", before.Ambiguous}
	}
	f := newFinder(indexes, before, o)
	f.seed()
	for range maxRounds {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		f.close()
		same, err := f.mend()
		if err != nil {
			return nil, err
		}
		if same {
			return &Plan{Keep: f.keep, Ledger: before}, nil
		}
	}
	for n := range f.keep {
		f.keepLayer(n)
	}
	return &Plan{Keep: f.keep, Ledger: before}, nil
}

// finder finds the entries that are needed.
type finder struct {
	indexes []*whittle.Index
	before  *whittle.Ledger
	options Options
	keep    [][]bool
	// at has, by layer, the entries of each path, in their order.
	at []map[string][]int32
	// mixed has, by layer, the entries of each file whose hard links have other
	// metadata than it has: some runtimes give the file those of the last link.
	mixed [][][]int
	// touched is, for each directory that a layer lists and that is visible, the
	// highest layer that has something below it.
	touched map[string]int
	changed bool // since mend began
}

func newFinder(indexes []*whittle.Index, before *whittle.Ledger, o Options) *finder {
	f := &finder{indexes: indexes, before: before, options: o, keep: make([][]bool, len(indexes)), at: make([]map[string][]int32, len(indexes)), mixed: make([][][]int, len(indexes))}
	for n, idx := range indexes {
		f.keep[n] = make([]bool, len(idx.Entries))
		f.at[n] = make(map[string][]int32, len(idx.Entries))
		for i := range idx.Entries {
			p := idx.Entries[i].Path
			f.at[n][p] = append(f.at[n][p], int32(i))
		}
		f.mixed[n] = mixedFiles(idx)
	}
	f.touched = f.touches(nil)
	return f
}

// mark keeps an entry.
func (f *finder) mark(layer, entry int) {
	if !f.keep[layer][entry] {
		f.keep[layer][entry] = true
		f.changed = true
	}
}

func (f *finder) keepLayer(n int) {
	for i := range f.keep[n] {
		f.mark(n, i)
	}
}

// seed keeps what is visible, and what may not be dropped. Markers are kept where
// mend finds that they are needed.
func (f *finder) seed() {
	for n := range f.indexes {
		if n < len(f.options.Whole) && f.options.Whole[n] {
			f.keepLayer(n)
		}
	}
	if at, ok := rootEntry(f.indexes); ok {
		f.mark(at.Layer, at.Entry)
	}
	for i := range f.before.Tree.Nodes {
		n := &f.before.Tree.Nodes[i]
		if n.Item >= 0 {
			it := &f.before.Items[n.Item]
			f.mark(it.Layer, it.Entry)
		}
		if n.Entry < 0 {
			continue
		}
		f.mark(n.Layer, n.Entry)
		if f.indexes[n.Layer].Entries[n.Entry].Path != n.Path { // a hard link to a symlink or a device
			for _, i := range f.at[n.Layer][n.Path] {
				f.mark(n.Layer, int(i))
			}
		}
	}
	f.seedPlaces()
}

// seedPlaces keeps everything at, above and below the places that runtimes merge
// differently, and all of the layers that have them.
func (f *finder) seedPlaces() {
	if len(f.before.Ambiguous) == 0 {
		return
	}
	places, above := map[string]bool{}, map[string]bool{}
	for _, a := range f.before.Ambiguous {
		f.keepLayer(a.Layer)
		places[a.Path] = true
		for p := range parents(a.Path) {
			above[p] = true
		}
	}
	for n, idx := range f.indexes {
		for i := range idx.Entries {
			p := idx.Entries[i].Path
			needed := places[p] || above[p] || places["."]
			for q := range parents(p) {
				needed = needed || places[q]
			}
			if needed {
				f.mark(n, i)
			}
		}
	}
}

// close keeps the targets of the hard links that are kept, in the same layer and
// before them, and all names of a file whose names disagree on its metadata.
func (f *finder) close() {
	for n, idx := range f.indexes {
		for again := true; again; {
			for i := len(idx.Entries) - 1; i >= 0; i-- {
				if e := &idx.Entries[i]; f.keep[n][i] && e.Kind == whittle.HardLink {
					f.keepTarget(n, i, e.Link)
				}
			}
			again = f.keepMixed(n)
		}
	}
}

// keepMixed keeps all names of a file whose names disagree on its metadata, if one is
// kept; it says whether there was one to add.
func (f *finder) keepMixed(n int) (some bool) {
	for _, names := range f.mixed[n] {
		kept := 0
		for _, i := range names {
			if f.keep[n][i] {
				kept++
			}
		}
		if kept == 0 || kept == len(names) {
			continue
		}
		some = true
		for _, i := range names {
			f.mark(n, i)
		}
	}
	return some
}

// keepTarget keeps the entry that a hard link names: the last one before it.
func (f *finder) keepTarget(n, link int, target string) {
	for _, i := range slices.Backward(f.at[n][target]) {
		if int(i) < link {
			f.mark(n, int(i))
			return
		}
	}
	// A symlink is on its way, or it leads to nothing of the layer.
	f.keepLayer(n)
}

// mixedFiles are the files of a layer with hard links of other metadata, each with all
// of its names.
func mixedFiles(idx *whittle.Index) (out [][]int) {
	file := map[string]int{} // the file that a path names
	names := map[int][]int{}
	mixed := map[int]bool{}
	for i := range idx.Entries {
		e := &idx.Entries[i]
		if e.Kind != whittle.HardLink {
			file[e.Path] = i
			continue
		}
		of, ok := file[e.Link]
		if !ok {
			delete(file, e.Path)
			continue
		}
		file[e.Path] = of
		names[of] = append(names[of], i)
		t := &idx.Entries[of]
		mixed[of] = mixed[of] || e.Mode != t.Mode || e.UID != t.UID || e.GID != t.GID || e.ModTime != t.ModTime || e.Special.Value().Xattrs != t.Special.Value().Xattrs
	}
	for of := range idx.Entries {
		if mixed[of] {
			out = append(out, append([]int{of}, names[of]...))
		}
	}
	return out
}

// touches is, for each directory with an entry in some layer, the highest layer that
// has an entry below it, of those that are kept; nil takes all.
func (f *finder) touches(keep [][]bool) map[string]int {
	out := map[string]int{}
	for n, idx := range f.indexes {
		for i := range idx.Entries {
			if keep != nil && !keep[n][i] {
				continue
			}
			e := &idx.Entries[i]
			if e.Kind == whittle.Opaque && e.Path != "." {
				out[e.Path] = n
			}
			for p := range parents(e.Path) {
				if last, ok := out[p]; ok && last == n {
					break // and so those above it
				}
				out[p] = n
			}
		}
	}
	return out
}

// parents are the directories above a path, without the root, the lowest first.
func parents(p string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for i := strings.LastIndexByte(p, '/'); i > 0; i = strings.LastIndexByte(p[:i], '/') {
			if !yield(p[:i]) {
				return
			}
		}
	}
}
