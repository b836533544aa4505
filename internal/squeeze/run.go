package squeeze

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/index"
	"whittle.dev/whittle/internal/ledger"
)

// Job says how an image is squeezed.
type Job struct {
	// Base is the number of the lowest layers that are left alone.
	Base int
	// AnyRuntime is that of [Options].
	AnyRuntime bool
	// Compression is for the layers that are written. If it names a codec, those of
	// which nothing is dropped are written, too, if that makes them smaller.
	Compression Compression
	// Chunked says of each layer whether it is zstd:chunked, as its annotations say; it may
	// be shorter.
	Chunked []bool
	// Merge makes one layer of all above the base's.
	Merge bool
	// Dir is an empty folder for the layers that are written.
	Dir string
	// Limits are those with which the indexes were read.
	Limits index.Limits
}

// isChunked says whether a layer is zstd:chunked.
func (j *Job) isChunked(n int) bool { return n < len(j.Chunked) && j.Chunked[n] }

// What was done to a layer.
const (
	Kept      = "kept"
	Rewritten = "rewritten"
	Removed   = "removed"
	Merged    = "merged"
)

// Result is a squeezed image, proven to have the same merged root file system.
type Result struct {
	// Plan is by the layers of the image as it was.
	Plan *Plan
	// Actions and Why are what was done to each layer, and why one was kept that has
	// something to drop; After is what it became, nil where it is gone.
	Actions []string
	Why     []string
	After   []*Layer
	// Layers are those of the squeezed image, Indexes their indexes.
	Layers  []*Layer
	Indexes []*whittle.Index
	// Config is its configuration.
	Config []byte
	// Tree is that of both images.
	Tree whittle.TreeSum
}

// runner squeezes one image.
type runner struct {
	img     whittle.Image
	layers  []whittle.Layer
	indexes []*whittle.Index
	job     Job
	why     []string
	whole   []bool
	gone    bool // whether layers may go: each has a line of the history
	done    map[[32]byte]*Layer
	// second reads the layers for the proof.
	second Reading
}

// Run squeezes an image, whose indexes have the digests of all files. It reads the
// layers that it rewrites once for that, and all layers for the proof. Errors are a
// [*Refusal] where the image cannot be squeezed, or not proven.
func Run(ctx context.Context, img whittle.Image, indexes []*whittle.Index, job Job) (*Result, error) {
	r := &runner{img: img, layers: img.Layers(), indexes: indexes, job: job, why: make([]string, len(indexes)), whole: make([]bool, len(indexes)),
		gone: historyAgrees(img.Config()), done: map[[32]byte]*Layer{}, second: Reading{Entries: job.Limits.Entries}}
	for n := range indexes {
		if r.why[n] = r.untouchable(n); r.why[n] != "" {
			r.whole[n] = true
		}
	}
	out, err := r.squeeze(ctx)
	if err == nil && job.Merge {
		out, err = r.merge(ctx, out)
	}
	if err != nil {
		return nil, err
	}
	for _, l := range out.After {
		if l != nil {
			out.Layers = append(out.Layers, l)
		}
	}
	if err := r.configure(out); err != nil {
		return nil, err
	}
	return out, r.prove(ctx, out)
}

// untouchable says why a layer may not be changed, if so.
func (r *runner) untouchable(n int) string {
	if n < r.job.Base {
		return "it is the base's"
	}
	blob, _ := r.layers[n].Blob()
	switch {
	case strings.Contains(blob.MediaType, "foreign"), strings.Contains(blob.MediaType, "nondistributable"):
		return "registries do not have it: its media type says so"
	case strings.Contains(blob.MediaType, "encrypted"):
		return "it is encrypted"
	}
	for i := range r.indexes[n].Entries {
		if r.indexes[n].Entries[i].Path == "stargz.index.json" {
			return "it is an eStargz: its table of contents names all entries"
		}
	}
	return ""
}

func (r *runner) options() Options {
	return Options{Whole: r.whole, AnyRuntime: r.job.AnyRuntime, Ledger: ledgerOptions(r.job.Limits)}
}

// ledgerOptions bound a merge: the limit of the tables bounds the folders, too.
func ledgerOptions(l index.Limits) ledger.Options {
	return ledger.Options{Folders: int(l.Memory / index.EntrySize)}
}

// squeeze plans and rewrites. A layer that would not be smaller is left alone, and then
// the others are planned again: they have to hide what it has.
func (r *runner) squeeze(ctx context.Context) (*Result, error) {
	for {
		plan, err := Find(ctx, r.indexes, r.options())
		if err != nil {
			return nil, err
		}
		out := &Result{Plan: plan, Actions: make([]string, len(r.layers)), Why: r.why, After: make([]*Layer, len(r.layers))}
		again := false
		for n := range r.layers {
			left, err := r.layer(ctx, out, n)
			if err != nil {
				return nil, err
			}
			again = again || left
		}
		if !again {
			return out, r.leaveOne(ctx, out)
		}
	}
}

// layer does what is planned for one layer. left says that it must be left alone, which
// the plan does not know.
func (r *runner) layer(ctx context.Context, out *Result, n int) (left bool, err error) {
	plan, l := out.Plan, r.layers[n]
	if r.whole[n] || !plan.Changed(n) && r.job.Compression.Codec == "" && !plan.Empty(n) {
		return false, r.keep(ctx, out, n)
	}
	if plan.Empty(n) && r.gone {
		out.Actions[n] = Removed
		return false, nil
	}
	if plan.Empty(n) && !plan.Changed(n) {
		return false, r.keep(ctx, out, n)
	}
	key := sha256.Sum256(fmt.Append(nil, n, plan.Keep[n]))
	made := r.done[key]
	if made == nil {
		made, err = r.job.rewrite(ctx, n, l, r.indexes[n], plan.Keep[n])
		if errors.Is(err, index.ErrGlobalHeader) {
			return r.leave(out, n, "its tar has a global extended header"), r.keep(ctx, out, n)
		}
		if err != nil {
			return false, err
		}
		r.done[key] = made
	}
	old, err := storedBytes(ctx, l)
	if err != nil {
		return false, err
	}
	if made.Stored.Size >= old {
		return r.leave(out, n, "rewritten it would not be smaller"), r.keep(ctx, out, n)
	}
	out.Actions[n], out.After[n] = Rewritten, made
	return false, nil
}

// leave leaves a layer alone; it says whether that changes the plan.
func (r *runner) leave(out *Result, n int, why string) bool {
	if !out.Plan.Changed(n) {
		return false
	}
	r.whole[n], r.why[n] = true, why
	return true
}

func (r *runner) keep(ctx context.Context, out *Result, n int) (err error) {
	out.Actions[n] = Kept
	out.After[n], err = unchanged(ctx, r.layers[n], r.indexes[n])
	return err
}

// leaveOne sees to it that an image has a layer.
func (r *runner) leaveOne(ctx context.Context, out *Result) error {
	last := len(r.layers) - 1
	if last < 0 || slices.ContainsFunc(out.After, func(l *Layer) bool { return l != nil }) {
		return nil
	}
	if !out.Plan.Changed(last) {
		return r.keep(ctx, out, last)
	}
	made, err := r.job.rewrite(ctx, last, r.layers[last], r.indexes[last], out.Plan.Keep[last])
	out.Actions[last], out.After[last] = Rewritten, made
	return err
}

// configure makes the configuration of the layers that are left.
func (r *runner) configure(out *Result) (err error) {
	raw, err := RawConfig(r.img)
	if err != nil {
		return err
	}
	ids, gone := []whittle.Digest{}, make([]bool, len(out.After))
	for n, l := range out.After {
		if gone[n] = l == nil; l != nil {
			ids = append(ids, l.ID)
		}
	}
	out.Config, err = Config(raw, ids, gone)
	return err
}

// RawConfig is the text of an image's configuration: the one that it was read from, or
// one that is made of what is known.
func RawConfig(img whittle.Image) ([]byte, error) {
	if c, ok := img.(whittle.RawConfiger); ok {
		if raw := c.RawConfig(); raw != nil {
			return raw, nil
		}
	}
	return json.Marshal(img.Config())
}

// prove reads the layers that were written, and holds the merged root file system of
// the squeezed image to that of the image as it was, by both readings.
func (r *runner) prove(ctx context.Context, out *Result) error {
	known := map[whittle.Digest]*whittle.Index{}
	for n, l := range r.layers {
		known[l.DiffID()] = r.indexes[n]
	}
	after := make([]whittle.Layer, len(out.Layers))
	for n, l := range out.Layers {
		after[n] = l
		idx := known[l.ID]
		if idx == nil {
			var err error
			if idx, err = index.Read(ctx, l, index.Options{Limits: r.job.Limits, Hash: true, Verify: true}); err != nil {
				return fmt.Errorf("reading what was written: %w", err)
			}
			known[l.ID] = idx
		}
		out.Indexes = append(out.Indexes, idx)
	}
	merged, err := ledger.Build(out.Indexes, ledgerOptions(r.job.Limits))
	if err != nil {
		return err
	}
	if len(out.Plan.Ledger.Ambiguous) == 0 && len(merged.Ambiguous) > 0 {
		return &Refusal{"squeezed, runtimes would merge its layers differently", merged.Ambiguous}
	}
	was, is := FromLedger(r.indexes, out.Plan.Ledger), FromLedger(out.Indexes, merged)
	if out.Tree, err = sameSum(was, is, "by the ledger"); err != nil {
		return err
	}
	if was, err = r.second.Tree(ctx, r.layers); err != nil {
		return err
	}
	if is, err = r.second.Tree(ctx, after); err != nil {
		return err
	}
	second, err := sameSum(was, is, "by the second reading")
	if err != nil {
		return err
	}
	if second.Digest != out.Tree.Digest && len(out.Plan.Ledger.Ambiguous) == 0 {
		return &Refusal{Why: "whittle's two readings of its layers disagree on the merged root file system"}
	}
	return nil
}

// sameSum is the sum of a tree that is the same before and after.
func sameSum(was, is *Tree, how string) (whittle.TreeSum, error) {
	a, b := was.Sum(), is.Sum()
	if a == b {
		return a, nil
	}
	list, more := Differences(was, is, 1)
	why := "squeezed, its merged root file system would be another one " + how
	if len(list) > 0 {
		why += fmt.Sprintf(": %.80q: %s", list[0].Path, list[0].What)
	}
	if more > 0 {
		why += fmt.Sprintf(" (and %s)", ledger.Count(more, "more path"))
	}
	return a, &Refusal{Why: why}
}
