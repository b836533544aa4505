package work

import (
	"cmp"
	"context"
	"database/sql"
	"io"
	"slices"
	"strings"

	"github.com/riverqueue/river"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/audit"
	"whittle.dev/whittle/internal/fleet/store"
	"whittle.dev/whittle/internal/host"
	"whittle.dev/whittle/internal/index"
	"whittle.dev/whittle/internal/source"
)

// account works out the figures of an image from the indexes of its layers. Nothing is
// fetched for it.
func (w *Worker) account(ctx context.Context, job *river.Job[accountJob]) error {
	id := job.Args.Image
	m, waits, err := w.store.Image(ctx, id)
	if err != nil || !waits {
		return err
	}
	if err := hopeless(job.JobRow); err != nil {
		return w.store.Fail(ctx, id, err)
	}
	f, err := w.figures(ctx, m)
	if err != nil {
		return w.outcome(ctx, job.JobRow, m.Place, err, func(why error) error { return w.store.Fail(ctx, id, why) })
	}
	if err := w.store.Within(ctx, func(tx *sql.Tx) error { return w.store.PutFigures(ctx, tx, id, f) }); err != nil {
		return err
	}
	w.count.Accounts.Add(1)
	return nil
}

// Inspect is the inspection of an image of the store, as [audit.Inspect] gives it of the image
// itself. Nothing is fetched for it.
func (w *Worker) Inspect(ctx context.Context, image int64) (*whittle.Inspection, error) {
	m, _, err := w.store.Image(ctx, image)
	if err != nil {
		return nil, err
	}
	return audit.Inspect(ctx, w.env(m), m.Place, audit.InspectOptions{})
}

// env has one image.
func (w *Worker) env(m *store.Manifest) *host.Env {
	return &host.Env{Images: kept{w, m}, Index: index.Options{Limits: w.o.Limits}}
}

// figures are those of an inspection and of the rules. If the rules cannot be asked, those of
// the inspection are there all the same.
func (w *Worker) figures(ctx context.Context, m *store.Manifest) (*store.Figures, error) {
	env := w.env(m)
	x, err := audit.Examine(ctx, env, m.Place, audit.AdviseOptions{})
	if err == nil {
		defer x.Subject.Close()
		var advice *whittle.Advice
		if advice, err = x.Advise(ctx, env, nil); err == nil {
			f := figuresOf(x.Subject)
			for i := range advice.Findings {
				f.Findings = append(f.Findings, findingOf(&advice.Findings[i], x.Subject.Indexes))
			}
			return f, nil
		}
	}
	if ctx.Err() != nil {
		return nil, err
	}
	s, plain := audit.Open(ctx, env, m.Place, audit.InspectOptions{})
	if plain != nil {
		return nil, plain
	}
	defer s.Close()
	w.o.Log.Warn("the rules cannot be asked about an image", "image", m.Place, "error", err)
	return figuresOf(s), nil
}

// figuresOf adds up an account by layer.
func figuresOf(s *audit.Subject) *store.Figures {
	a := s.Account
	f := &store.Figures{Sizes: s.Inspection().Sizes, Layers: make([]store.Part, len(a.Ledger.Layers))}
	owners, wastes := make([]map[int]*store.OwnerSum, len(f.Layers)), make([]map[whittle.Cause]*store.WasteSum, len(f.Layers))
	for i, l := range a.Ledger.Layers {
		f.Layers[i] = store.Part{DiffID: s.Config().RootFS.DiffIDs[i], Size: l.Size, Visible: l.Visible, Wasted: l.Wasted, Entries: int64(l.Entries)}
		owners[i], wastes[i] = map[int]*store.OwnerSum{}, map[whittle.Cause]*store.WasteSum{}
	}
	for i, it := range a.Ledger.Items {
		if it.Cause == whittle.Visible {
			sum := owners[it.Layer][a.Owner[i]]
			if sum == nil {
				sum = &store.OwnerSum{Owner: a.Owners[a.Owner[i]]}
				owners[it.Layer][a.Owner[i]] = sum
			}
			sum.Visible, sum.Files, f.Files = sum.Visible+it.Bytes, sum.Files+1, f.Files+1
			continue
		}
		sum := wastes[it.Layer][it.Cause]
		if sum == nil {
			sum = &store.WasteSum{Cause: it.Cause.String()}
			wastes[it.Layer][it.Cause] = sum
		}
		sum.Bytes, sum.Files = sum.Bytes+it.Bytes, sum.Files+1
	}
	for i := range f.Layers {
		p := &f.Layers[i]
		for _, o := range owners[i] {
			p.Owners = append(p.Owners, *o)
		}
		for _, d := range wastes[i] {
			p.Wastes = append(p.Wastes, *d)
		}
		slices.SortFunc(p.Owners, func(a, b store.OwnerSum) int {
			return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Ecosystem, b.Ecosystem), cmp.Compare(a.Version, b.Version))
		})
		slices.SortFunc(p.Wastes, func(a, b store.WasteSum) int { return cmp.Compare(a.Cause, b.Cause) })
	}
	return f
}

func findingOf(f *whittle.Finding, indexes []*whittle.Index) store.Finding {
	out := store.Finding{Fingerprint: f.Fingerprint, Rule: f.Rule, Message: f.Message, Advice: f.Advice, Layer: -1, Saving: f.Saving, Breaks: f.Breaks}
	byLayer := map[int]int64{}
	for _, c := range f.Change.Remove {
		byLayer[c.Layer] += max(1, indexes[c.Layer].Entries[c.Entry].Size)
	}
	for _, c := range f.Change.Shrink {
		byLayer[c.Layer] += max(1, indexes[c.Layer].Entries[c.Entry].Size-c.Low)
	}
	for i := range indexes {
		if byLayer[i] > 0 && (out.Layer < 0 || byLayer[i] > byLayer[out.Layer]) {
			out.Layer = i
		}
	}
	return out
}

// kept opens one image of the store.
type kept struct {
	w *Worker
	m *store.Manifest
}

// Open implements [host.Images].
func (k kept) Open(_ context.Context, name string) (whittle.Image, error) {
	img := &keptImage{ref: whittle.Ref{Name: name, Source: source.Registry, Digest: k.m.Digest}, raw: k.m.Config}
	if scheme, _, ok := strings.Cut(name, ":"); ok && !inRegistry(name) {
		img.ref.Source = scheme
	}
	if err := whittle.ParseJSON(k.m.Config, &img.config); err != nil {
		return nil, whittle.ErrCorrupt.Errorf("the configuration of %s: %w", name, err)
	}
	if len(img.config.RootFS.DiffIDs) != len(k.m.Layers) {
		return nil, whittle.ErrCorrupt.Errorf("the configuration of %s has %d diff IDs for %d layers", name, len(img.config.RootFS.DiffIDs), len(k.m.Layers))
	}
	for i := range k.m.Layers {
		img.layers = append(img.layers, &keptLayer{k.w, name, k.m.Layers[i]})
	}
	return img, nil
}

// keptImage implements [whittle.Image] for an image of the store.
type keptImage struct {
	ref    whittle.Ref
	config whittle.Config
	raw    []byte
	layers []whittle.Layer
}

func (i *keptImage) Ref() whittle.Ref        { return i.ref }
func (i *keptImage) Config() *whittle.Config { return &i.config }
func (i *keptImage) RawConfig() []byte       { return i.raw }
func (i *keptImage) Layers() []whittle.Layer { return i.layers }
func (i *keptImage) Close() error            { return nil }

// keptLayer implements [whittle.Layer] and [index.Indexed].
type keptLayer struct {
	w     *Worker
	place string
	claim store.Claim
}

func (l *keptLayer) DiffID() whittle.Digest { return l.claim.DiffID }

func (l *keptLayer) Blob() (whittle.Blob, bool) {
	if _, err := whittle.ParseDigest(string(l.claim.Digest)); err != nil {
		return whittle.Blob{}, false // see noBlob
	}
	return l.claim.Blob, true
}

// Index implements [index.Indexed].
func (l *keptLayer) Index(ctx context.Context) (*whittle.Index, index.Cost, error) {
	encoded, err := l.w.store.Layer(ctx, l.claim.DiffID)
	if err != nil || encoded == nil {
		return nil, index.Cost{}, err
	}
	return index.Decode(encoded)
}

// Open reads the layer where its image is: for the rare content that is too large to be kept
// with an index.
func (l *keptLayer) Open(ctx context.Context) (io.ReadCloser, error) {
	layer, done, err := l.w.layerAt(ctx, l.place, l.claim)
	if err != nil {
		return nil, err
	}
	r, err := layer.Open(ctx)
	if err != nil {
		done()
		return nil, err
	}
	return &closing{r, done}, nil
}

// closing closes a layer, then its image.
type closing struct {
	io.ReadCloser
	done func()
}

// Close implements [io.Closer].
func (c *closing) Close() error {
	defer c.done()
	return c.ReadCloser.Close()
}
