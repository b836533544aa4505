package lab

import (
	"context"
	"fmt"
	"slices"
	"time"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/dockerfile"
	"whittle.dev/whittle/internal/dockerfile/history"
	"whittle.dev/whittle/internal/index"
	"whittle.dev/whittle/internal/ledger"
)

// InspectOptions are the options of [Inspect].
type InspectOptions struct {
	// Dockerfile is the path and Source the content of the file that made the
	// image, where it is known; Target is the stage. They give layers their
	// lines.
	Dockerfile string
	Source     []byte
	Target     string
	// Args are the build arguments, which may choose the stages' bases.
	Args map[string]string
	// By groups all bytes by one more key: see [Keys].
	By string
	// Duplicates asks for contents that stand at several places. It reads the
	// contents of layers of which otherwise only the headers are read.
	Duplicates bool
}

// Keys are what an inspection can group by.
func Keys() []string { return ledger.Keys() }

// Inspect says where every byte of an image is, and which are dead.
func Inspect(ctx context.Context, env *Env, name string, o InspectOptions) (*whittle.Inspection, error) {
	s, err := open(ctx, env, name, o)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	in := s.inspection()
	if o.By != "" {
		rows, err := s.account.By(o.By)
		if err != nil {
			return nil, err
		}
		in.By = &whittle.Grouping{Key: o.By, Rows: rows}
	}
	if o.Duplicates {
		in.Duplicates = ledger.Duplicates([]*ledger.Account{s.account})
	}
	return in, nil
}

// subject is an image that has been read and accounted for.
type subject struct {
	whittle.Image
	account *ledger.Account
	// notes say what could not be read.
	notes []string
}

// open reads an image and accounts for its bytes.
func open(ctx context.Context, env *Env, name string, o InspectOptions) (s *subject, err error) {
	img, err := env.Images.Open(ctx, name)
	if err != nil {
		return nil, err
	}
	o = studied(env, img, name, o)
	defer func() {
		if err != nil {
			img.Close()
		}
	}()
	env.progress().Step("reading " + name)
	read := env.Index
	read.Hash = read.Hash || o.Duplicates
	indexes, led, err := merged(ctx, img, name, read)
	if err != nil {
		return nil, err
	}
	_, steps, strange, err := joined(o, img.Config().Steps())
	if err != nil {
		return nil, err
	}
	claims, notes, err := newRoot(img, indexes, led).claims(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading the package databases of %s: %w", name, err)
	}
	return &subject{img, ledger.Attribute(led, indexes, img.Config(), steps, claims), append(notes, strange...)}, nil
}

// joined says which instruction of its Dockerfile made each step of an image,
// and notes where the file has made none of them. The file is nil where o has
// none.
func joined(o InspectOptions, steps []whittle.Step) (*dockerfile.File, []whittle.Step, []string, error) {
	if o.Source == nil {
		return nil, steps, nil, nil
	}
	f, err := dockerfile.Parse(o.Dockerfile, o.Source)
	if err != nil {
		return nil, nil, nil, err
	}
	if _, err := f.Target(o.Target); err != nil {
		return nil, nil, nil, err
	}
	f = f.With(o.Args)
	steps = history.Join(f, steps, o.Target)
	if len(steps) == 0 || slices.ContainsFunc(steps, func(s whittle.Step) bool { return s.Origin != nil }) {
		return f, steps, nil, nil
	}
	return f, steps, []string{o.Dockerfile + " names no line, as none of the image's steps is one of its instructions: it may have made another image, or another target of it"}, nil
}

// merged reads an image's layers and accounts for their bytes.
func merged(ctx context.Context, img whittle.Image, name string, read index.Options) ([]*whittle.Index, *whittle.Ledger, error) {
	o := ledgerOptions(read)
	indexes, err := index.All(ctx, img, read)
	if err == nil {
		err = decide(ctx, img, indexes, o)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("reading %s: %w", name, err)
	}
	led, err := ledger.Build(indexes, o)
	if err != nil {
		return nil, nil, fmt.Errorf("accounting for %s: %w", name, err)
	}
	return indexes, led, nil
}

// ledgerOptions bound the account by the limit of the layers' tables.
func ledgerOptions(read index.Options) ledger.Options {
	return ledger.Options{Folders: int(read.Limits.Memory / index.EntrySize)}
}

// decide reads the contents without which a copy with other metadata cannot
// be told from other content: layers that were indexed by their headers alone
// have no content digests.
func decide(ctx context.Context, img whittle.Image, indexes []*whittle.Index, o ledger.Options) error {
	for n, entries := range ledger.Undecided(indexes, o) {
		if len(entries) == 0 {
			continue
		}
		if err := index.Digest(ctx, img.Layers()[n], indexes[n], entries); err != nil {
			return err
		}
	}
	return nil
}

func (s *subject) inspection() *whittle.Inspection {
	a, cfg := s.account, s.Config()
	in := &whittle.Inspection{
		Schema:     whittle.InspectSchema,
		Image:      facts(s.Image, s.account.Indexes),
		Layers:     make([]whittle.LayerRow, 0, len(a.Ledger.Layers)),
		Categories: a.Categories(),
		Packages:   a.Packages(),
		DeadSums:   []whittle.DeadSum{},
		Dead:       ledger.DeadRows(a.Ledger),
		Ambiguous:  a.Ledger.Ambiguous,
		Notes:      s.notes,
	}
	for i, layer := range s.Layers() {
		sum := a.Ledger.Layers[i]
		row := whittle.LayerRow{Index: i, DiffID: cfg.RootFS.DiffIDs[i], Unpacked: sum.Unpacked, Live: sum.Live, Dead: sum.Dead, Entries: sum.Entries}
		if blob, ok := layer.Transfer(); ok {
			row.Digest, row.MediaType, row.Transfer = blob.Digest, blob.MediaType, &blob.Size
		}
		in.Layers = append(in.Layers, row)
	}
	for _, st := range a.Steps {
		if st.Layer >= 0 {
			row := &in.Layers[st.Layer]
			row.CreatedBy, row.Comment, row.Origin = st.CreatedBy, st.Comment, st.Origin
		}
	}
	for _, d := range a.Deaths() {
		in.DeadSums = append(in.DeadSums, whittle.DeadSum{Bytes: d.Bytes, Files: d.Files, AddedBy: d.AddedBy, KilledBy: d.KilledBy, Cause: d.Cause})
	}
	in.Size = s.size()
	return in
}

func facts(img whittle.Image, indexes []*whittle.Index) whittle.ImageFacts {
	ref, cfg := img.Ref(), img.Config()
	f := whittle.ImageFacts{Ref: ref.Name, Source: ref.Source, Digest: ref.Digest, Platform: cfg.Platform().String(), Verified: verified(indexes)}
	if !cfg.Created.IsZero() {
		f.Created = cfg.Created.UTC().Format(time.RFC3339)
	}
	return f
}

// verified says whether all layers were compared with their digests.
func verified(indexes []*whittle.Index) bool {
	return !slices.ContainsFunc(indexes, func(idx *whittle.Index) bool { return !idx.Verified })
}

func (s *subject) size() whittle.Size {
	sum := s.account.Ledger.Sum()
	size := whittle.Size{Unpacked: sum.Unpacked, Live: sum.Live, Dead: sum.Dead}
	var transfer int64
	for _, l := range s.Layers() {
		blob, ok := l.Transfer()
		if !ok {
			return size
		}
		transfer += blob.Size
	}
	size.Transfer = &transfer
	return size
}
