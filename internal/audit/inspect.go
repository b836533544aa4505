// Package audit has the verbs about images: Inspect, Compare, Check, Advise and
// Simulate. Each reads an image once and accounts for its bytes. Then it uses what
// it needs: the check, the rules, or the engine, to run what the image starts.
package audit

import (
	"context"
	"fmt"
	"slices"
	"time"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/distro"
	"whittle.dev/whittle/internal/dockerfile"
	"whittle.dev/whittle/internal/dockerfile/history"
	"whittle.dev/whittle/internal/host"
	"whittle.dev/whittle/internal/ledger"
	"whittle.dev/whittle/internal/python"
	"whittle.dev/whittle/internal/recall"
	"whittle.dev/whittle/internal/rootfs"
	"whittle.dev/whittle/internal/view"
)

// InspectOptions are the options of [Inspect].
type InspectOptions struct {
	// Dockerfile is the path and Source the content of the file that made the
	// image, if it is known; Target is the stage. They relate layers to lines.
	Dockerfile string
	Source     []byte
	Target     string
	// Context is the folder that the build got, relative to the project's or
	// absolute; empty is the project's.
	Context string
	// Args are the build arguments, which may choose the stages' bases.
	Args map[string]string
	// Below are the Dockerfiles of the images that FROM uses by these names. They relate
	// the layers below to lines.
	Below map[string]InspectOptions
	// By groups all bytes by one more key: see [Keys].
	By string
	// Duplicates adds the contents that are at several paths. It reads the contents
	// of layers of which otherwise only the headers are read.
	Duplicates bool
}

// Keys are the keys by which an inspection can group.
func Keys() []string { return ledger.Keys() }

// Inspect says where every byte of an image is, and which are wasted.
func Inspect(ctx context.Context, env *host.Env, name string, o InspectOptions) (*whittle.Inspection, error) {
	return inspect(ctx, env, name, o, recall.Result[whittle.Inspection])
}

// InspectPrinted is what show makes of an inspection, also from the cache: see [recall.Printed].
func InspectPrinted(ctx context.Context, env *host.Env, name string, o InspectOptions, as any, show func(*whittle.Inspection) ([]byte, error)) ([]byte, error) {
	return inspect(ctx, env, name, o, recall.Printed(as, show))
}

// inspect opens an image, and gives what recalled gives of its inspection.
func inspect[V any](ctx context.Context, env *host.Env, name string, o InspectOptions, recalled recall.Recalled[whittle.Inspection, V]) (v V, err error) {
	img, err := env.Images.Open(ctx, name)
	if err != nil {
		return v, err
	}
	o = WithStudyDockerfile(env, img, name, o)
	defer img.Close()
	return recalled(ctx, env, img, recall.Of{Verb: "inspect", Options: o}, func(env *host.Env) (*whittle.Inspection, error) {
		s, err := read(ctx, env, img, name, o, nil)
		if err != nil {
			return nil, err
		}
		return s.Inspect(o)
	})
}

// Inspect is [Subject.Inspection] with what the options ask for on top.
func (s *Subject) Inspect(o InspectOptions) (*whittle.Inspection, error) {
	in := s.Inspection()
	if o.By != "" {
		rows, err := s.Account.By(o.By)
		if err != nil {
			return nil, err
		}
		in.By = &whittle.Grouping{Key: o.By, Rows: rows}
	}
	if o.Duplicates {
		in.Duplicates = ledger.Duplicates([]*ledger.Account{s.Account})
	}
	return in, nil
}

// Subject is an image that has been read and accounted for.
type Subject struct {
	*rootfs.Image
	Account *ledger.Account
	// needs is what the Python distributions require, nil without any.
	needs *python.Graph
	// arches are the architectures of packages, empty where two are installed; release
	// is their distribution.
	arches  map[whittle.Owner]string
	release distro.Release
	// notes say what could not be read.
	notes []string
	// Made counts the instructions of the Dockerfile's target that make layers (RUN,
	// COPY, ADD), Matched those of them that are steps of the image's history. Both
	// are 0 without a Dockerfile.
	Made, Matched int
}

// Open reads an image and accounts for its bytes.
func Open(ctx context.Context, env *host.Env, name string, o InspectOptions) (*Subject, error) {
	return open(ctx, env, name, o, nil)
}

// open is [Open], with first shown before the last layer is read, if it is not nil.
func open(ctx context.Context, env *host.Env, name string, o InspectOptions, first func(m *view.Model, layers int)) (s *Subject, err error) {
	img, err := env.Images.Open(ctx, name)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			img.Close()
		}
	}()
	return read(ctx, env, img, name, WithStudyDockerfile(env, img, name, o), first)
}

// read is [open] of an image that is open, with the options of its Dockerfile.
func read(ctx context.Context, env *host.Env, img whittle.Image, name string, o InspectOptions, first func(m *view.Model, layers int)) (*Subject, error) {
	read, task := env.Reading(name, img)
	defer task.End("")
	read.Hash = read.Hash || o.Duplicates
	if first != nil {
		e := &early{image: img, name: name, options: o, read: read, first: first, indexes: make([]*whittle.Index, len(img.Layers()))}
		read.Done = e.done
		stop := e.watch(ctx)
		defer stop()
	}
	m, err := rootfs.Read(ctx, img, name, rootfs.Options{Index: read, Databases: Databases()})
	if err != nil {
		return nil, err
	}
	f, steps, mismatch, err := joinDockerfile(o, img.Config().Steps())
	if err != nil {
		return nil, err
	}
	claims, packages, dists, notes, err := claims(ctx, m)
	if err != nil {
		return nil, fmt.Errorf("reading the package databases of %s: %w", name, err)
	}
	s := &Subject{Image: m, Account: ledger.Attribute(m.Ledger, m.Indexes, img.Config(), steps, claims), notes: append(notes, mismatch...)}
	s.Made, s.Matched = matched(f, steps, o.Target)
	s.purls(packages, distro.ReadRelease(m))
	if len(dists) > 0 {
		s.needs = python.NewGraph(dists, environmentOf(m, img.Config().Platform()), nil)
	}
	return s, nil
}

// Databases select the files that are kept when layers are read: the package
// databases, and the accounts of users.
func Databases() rootfs.Selection {
	return rootfs.Selection{Name: python.DatabaseVersion + "-" + distro.Databases(), Has: func(p string) bool { return distro.Database(p) || python.Database(p) }}
}

// claims reads the package databases of an image. A database that cannot be read
// is named in the notes, and only its own claims are missing.
func claims(ctx context.Context, root whittle.Root) (claims []whittle.Claim, packages []distro.Installed, dists []python.Distribution, notes []string, err error) {
	packages, problems := distro.Read(ctx, root)
	more, dists, others := python.Owned(ctx, root)
	for _, p := range append(problems, others...) {
		notes = append(notes, whittle.OneLine(p.Error()))
	}
	return append(distro.Claims(packages), more...), packages, dists, notes, ctx.Err()
}

// joinDockerfile joins the steps of an image to the instructions of its
// Dockerfile, and adds a note if none of them matches. The file is nil if o has
// none.
func joinDockerfile(o InspectOptions, steps []whittle.Step) (*dockerfile.File, []whittle.Step, []string, error) {
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
	if err := o.joinBelow(f, steps); err != nil {
		return nil, nil, nil, err
	}
	if len(steps) == 0 || slices.ContainsFunc(steps, func(s whittle.Step) bool { return s.Origin != nil }) {
		return f, steps, nil, nil
	}
	return f, steps, []string{o.Dockerfile + " names no line, as none of the image's steps is one of its instructions: it may have made another image, or another target of it"}, nil
}

// joinBelow joins the steps below those of a Dockerfile to the Dockerfile that made the
// image of its FROM.
func (o InspectOptions) joinBelow(f *dockerfile.File, steps []whittle.Step) error {
	target, err := f.Target(o.Target)
	if err != nil {
		return err
	}
	below, ok := o.Below[f.Stages[f.Ancestry(target)[0]].Base]
	if !ok {
		return nil
	}
	first := slices.IndexFunc(steps, func(s whittle.Step) bool { return s.Origin != nil })
	if first < 0 {
		first = len(steps)
	}
	_, joined, _, err := joinDockerfile(below, steps[:first])
	copy(steps, joined)
	return err
}

// matched counts the instructions of a target that make layers, and those of them
// that steps are joined to.
func matched(f *dockerfile.File, steps []whittle.Step, target string) (made, matched int) {
	if f == nil {
		return 0, 0
	}
	chain, err := f.Chain(target)
	if err != nil {
		return 0, 0
	}
	for _, in := range chain {
		if in.Keyword != "RUN" && in.Keyword != "COPY" && in.Keyword != "ADD" {
			continue
		}
		made++
		if slices.ContainsFunc(steps, func(s whittle.Step) bool {
			return s.Origin != nil && s.Origin.File == f.Name && s.Origin.Span == in.Span
		}) {
			matched++
		}
	}
	return made, matched
}

// Inspection converts the account to the value that is reported.
func (s *Subject) Inspection() *whittle.Inspection {
	a, cfg := s.Account, s.Config()
	in := &whittle.Inspection{
		Schema:     whittle.InspectSchema,
		Image:      s.facts(),
		Layers:     make([]whittle.LayerRow, 0, len(a.Ledger.Layers)),
		Categories: a.Categories(),
		Packages:   a.Packages(),
		WastedSums: []whittle.WastedSum{},
		Wasted:     ledger.WastedRows(a.Ledger),
		Ambiguous:  a.Ledger.Ambiguous,
		Notes:      s.notes,
	}
	for i, layer := range s.Layers() {
		sum := a.Ledger.Layers[i]
		row := whittle.LayerRow{Index: i, DiffID: cfg.RootFS.DiffIDs[i], Size: sum.Size, Visible: sum.Visible, Wasted: sum.Wasted, Entries: sum.Entries}
		if blob, ok := layer.Blob(); ok {
			row.Digest, row.MediaType, row.Download = blob.Digest, blob.MediaType, &blob.Size
		}
		in.Layers = append(in.Layers, row)
	}
	for _, st := range a.Steps {
		if st.Layer >= 0 {
			row := &in.Layers[st.Layer]
			row.CreatedBy, row.Comment, row.Origin = st.CreatedBy, st.Comment, st.Origin
		}
	}
	for _, d := range a.Wastes() {
		in.WastedSums = append(in.WastedSums, whittle.WastedSum{Bytes: d.Bytes, Files: d.Files, AddedBy: d.AddedBy, HiddenBy: d.HiddenBy, Cause: d.Cause})
	}
	for i := range in.Packages {
		in.Packages[i].PURL = s.purlOf(in.Packages[i].Owner)
	}
	s.needs.Retain(in.Packages)
	in.Sizes = s.sizes()
	return in
}

// factsOf identify an image. Whether it is verified depends on how it was read.
func factsOf(img whittle.Image, verified bool) whittle.ImageFacts {
	ref, cfg := img.Ref(), img.Config()
	f := whittle.ImageFacts{Ref: ref.Name, Source: ref.Source, Digest: ref.Digest, Platform: cfg.Platform().String(), Verified: verified}
	if !cfg.Created.IsZero() {
		f.Created = cfg.Created.UTC().Format(time.RFC3339)
	}
	return f
}

func (s *Subject) facts() whittle.ImageFacts { return factsOf(s.Image, s.Verified()) }

func (s *Subject) sizes() whittle.Sizes {
	sum := s.Account.Ledger.Sum()
	size, transfer := whittle.Sizes{Size: sum.Size, Visible: sum.Visible, Wasted: sum.Wasted}, int64(0)
	for _, l := range s.Layers() {
		blob, ok := l.Blob()
		if !ok {
			return size
		}
		transfer += blob.Size
	}
	size.Download = &transfer
	return size
}
