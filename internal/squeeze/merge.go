package squeeze

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"path"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/codec"
	"whittle.dev/whittle/internal/index"
	"whittle.dev/whittle/internal/ledger"
)

// merge makes one layer of all above the base's: of the entries that are visible, in
// the order of the layers, and of whiteouts for what is not there of the base's. The
// proof rejects it where one layer cannot say what several do.
func (r *runner) merge(ctx context.Context, squeezed *Result) (*Result, error) {
	base := r.job.Base
	if len(r.layers)-base < 2 {
		return squeezed, nil
	}
	for n := base; n < len(r.layers); n++ {
		if r.whole[n] && r.untouchable(n) != "" {
			return nil, &Refusal{Why: fmt.Sprintf("its layers cannot be made into one: layer %d must stay: %s", n, r.untouchable(n))}
		}
	}
	if !r.gone {
		return nil, &Refusal{Why: "its layers cannot be made into one: its history has not a line for each of them"}
	}
	f := newFinder(r.indexes, squeezed.Plan.Ledger, Options{})
	f.seed()
	f.close()
	markers, err := r.markers(squeezed.Plan.Ledger)
	if err != nil {
		return nil, err
	}
	made, err := r.writeMerged(ctx, f.keep, markers)
	if err != nil {
		return nil, err
	}
	var old int64
	for n := base; n < len(r.layers); n++ {
		bytes, err := storedBytes(ctx, r.layers[n])
		if err != nil {
			return nil, err
		}
		old += bytes
	}
	if made.Stored.Size >= old {
		return nil, &Refusal{Why: fmt.Sprintf("one layer of the %d above the base's would be larger than they are: %s, not %s", len(r.layers)-base, whittle.Bytes(made.Stored.Size), whittle.Bytes(old))}
	}
	out := &Result{Plan: &Plan{Keep: f.keep, Ledger: squeezed.Plan.Ledger}, Actions: make([]string, len(r.layers)), Why: make([]string, len(r.layers)), After: make([]*Layer, len(r.layers))}
	for n := range r.layers {
		if n < base {
			out.Why[n] = r.why[n]
			for i := range f.keep[n] {
				f.keep[n][i] = true
			}
			if err := r.keep(ctx, out, n); err != nil {
				return nil, err
			}
			continue
		}
		out.Actions[n] = Merged
	}
	out.After[len(r.layers)-1] = made
	return out, nil
}

// writeMerged writes the layer that stands for all above the base's.
func (r *runner) writeMerged(ctx context.Context, keep [][]bool, markers []byte) (*Layer, error) {
	first := r.layers[r.job.Base]
	old, err := codecOf(ctx, first)
	if err != nil {
		return nil, err
	}
	blob, _ := first.Blob()
	to, level := r.job.Compression.of(old, r.job.isChunked(r.job.Base)), r.job.Compression.Level
	if r.job.Compression.Codec == "" {
		level = 0
	}
	made, err := write(ctx, r.job.Dir, to, level, mediaType(blob.MediaType, to), func(w io.Writer) error {
		for n := r.job.Base; n < len(r.layers); n++ {
			if err := index.CopyEntries(ctx, r.layers[n], r.indexes[n], func(i int) bool { return keep[n][i] }, w); err != nil {
				return err
			}
		}
		if _, err := w.Write(markers); err != nil {
			return err
		}
		_, err := w.Write(index.EndOfArchive())
		return err
	})
	if errors.Is(err, index.ErrGlobalHeader) {
		return nil, &Refusal{Why: "its layers cannot be made into one: a tar of them has a global extended header"}
	}
	if err != nil && to == codec.Plain {
		return nil, fmt.Errorf("writing the merged layer: %w", err)
	}
	return made, err
}

// markers are the whiteouts, as entries of a tar, of what the base has and the merged
// root file system has not.
func (r *runner) markers(merged *whittle.Ledger) ([]byte, error) {
	lower, err := ledger.Build(r.indexes[:r.job.Base], ledgerOptions(r.job.Limits))
	if err != nil {
		return nil, err
	}
	present := make(map[string]*whittle.Node, len(merged.Tree.Nodes))
	for i := range merged.Tree.Nodes {
		present[merged.Tree.Nodes[i].Path] = &merged.Tree.Nodes[i]
	}
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	hidden := map[string]bool{} // paths below which nothing needs a marker
	for i := range lower.Tree.Nodes {
		p := lower.Tree.Nodes[i].Path
		if hidden[path.Dir(p)] {
			hidden[p] = true
			continue
		}
		n := present[p]
		if n == nil {
			hidden[p] = true
			name := path.Join(path.Dir(p), ".wh."+path.Base(p))
			if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name}); err != nil {
				return nil, err
			}
			continue
		}
		hidden[p] = n.Entry >= 0 && r.indexes[n.Layer].Entries[n.Entry].Kind != whittle.Dir
	}
	return b.Bytes(), w.Flush()
}
