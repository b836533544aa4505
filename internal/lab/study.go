package lab

import (
	"cmp"
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/audit"
	"whittle.dev/whittle/internal/bench"
	"whittle.dev/whittle/internal/dockerfile"
	"whittle.dev/whittle/internal/host"
	"whittle.dev/whittle/internal/inputs"
	"whittle.dev/whittle/internal/outdir"
	"whittle.dev/whittle/internal/project"
	"whittle.dev/whittle/internal/runs"
	"whittle.dev/whittle/internal/states"
)

// StudyOptions are the options of [Study].
type StudyOptions struct {
	// Dir is the project's folder; Config a file that is read instead of its
	// whittle.yaml.
	Dir, Config string
	// Out is the folder of images, logs and finished variants; empty is Dir/.whittle.
	Out string
	// Only names the variants to study; empty is all.
	Only []string
	// Resume does not build finished variants again whose inputs are the same.
	Resume bool
	// Quick builds with the cache, and skips the measured rebuilds and the zstd
	// sizes.
	Quick bool
	// Offline does not ask a registry for a frontend.
	Offline bool
	// Images are images that stand in for building variants: "VARIANT=REF", or REF
	// if there is one variant. REF is what [host.Images] opens.
	Images []string
	// Trace says what runs of the project's image touched; nil if it was not traced.
	Trace *whittle.Trace
	// Inputs are what builds and runs get from outside the project.
	Inputs inputs.Options
	// Fix ends the study with the proof loop: fixes up to Risk (empty is
	// medium) are built and run, and those that do harm are reverted. Write
	// and Force are as in [FixOptions].
	// Objective says how a fix is judged; empty is [ObjectiveBoth], which makes none
	// that makes a start slower.
	Fix bool
	// Bandwidths are those at which the time to ready is shown; empty is
	// [whittle.Bandwidths].
	Bandwidths   []whittle.Bandwidth
	Risk         whittle.Risk
	Objective    string
	Write, Force bool
	// Keep writes the study's result to its folder dir, which is locked
	// meanwhile; nil writes nothing.
	Keep func(study *whittle.Study, dir string) error
	Look func(variant string, image *audit.Examined, findings []whittle.Finding) // before Keep, at each image; nil looks at nothing
}

// Study builds, measures, explains and runs every variant of a project. A
// variant whose build fails is a result. If the study cannot go on, it returns
// an error; the variants that are finished by then are kept, and
// [StudyOptions.Resume] goes on from them. If only forecasts or fixes fail, it
// returns the study together with the error.
func Study(ctx context.Context, env *host.Env, o StudyOptions) (*whittle.Study, error) {
	s, err := newStudy(ctx, env, o)
	if err != nil {
		return nil, err
	}
	defer s.close()
	if err := s.buildAll(ctx); err != nil {
		return nil, err
	}
	subjects, err := s.readAll(ctx)
	defer closeAll(subjects)
	if err != nil {
		return nil, err
	}
	out := s.report(subjects)
	failed := s.analyze(ctx, out)
	if failed != nil && ctx.Err() != nil {
		return nil, failed
	}
	if o.Keep != nil {
		if err := o.Keep(out, s.bench.Out.Dir); err != nil {
			return nil, err
		}
	}
	return out, failed
}

// study is a study in progress.
type study struct {
	bench    *bench.Bench
	o        StudyOptions
	others   []string // Dockerfiles of variants that the user did not select
	variants []whittle.Variant
	// images are the images that stand in for a build, by variant.
	images map[string]string
	// traces say what the runs of the images touched, by variant, where that is known.
	traces map[string]*whittle.Trace
}

func newStudy(ctx context.Context, env *host.Env, o StudyOptions) (*study, error) {
	consent, err := inputs.Ask(env.Variables(), o.Dir, o.Inputs.Allow)
	if err != nil {
		return nil, err
	}
	outside := consent.Outside()
	outside.Docker = env.Docker
	p, err := project.LoadWith(ctx, o.Dir, o.Config, outside)
	if err != nil {
		if refusal := consent.Refusal(); refusal != nil {
			return nil, refusal // what was not read may be why
		}
		return nil, err
	}
	all := p.Variants
	if err := selectVariants(p, o.Only); err != nil {
		return nil, err
	}
	s := &study{bench: bench.New(env, p), o: o, traces: map[string]*whittle.Trace{}, others: otherDockerfiles(all, p.Variants)}
	s.bench.Quick, s.bench.Offline, s.bench.Trace = o.Quick, o.Offline, o.Fix && o.Trace == nil
	if len(o.Bandwidths) > 0 {
		s.bench.Bandwidths = o.Bandwidths
	}
	if s.o.Out == "" {
		s.o.Out = filepath.Join(p.Dir, outdir.Name)
	}
	if s.o.Out, err = filepath.Abs(s.o.Out); err != nil {
		return nil, fmt.Errorf("finding the study's folder: %w", err)
	}
	if s.o.Out == p.Dir {
		return nil, whittle.WithHint(whittle.ErrUsage.Errorf("the study's folder is the project itself"), "name another one with --out; the default is "+outdir.Name+" in the project")
	}
	if s.bench.Inputs, err = inputs.ReadWith(consent, env.Variables(), p, o.Inputs); err != nil {
		return nil, err
	}
	for _, note := range p.Notes {
		env.Listener().Step(note)
	}
	for _, v := range p.Variants {
		src, err := p.Source(v)
		if err != nil {
			return nil, whittle.ErrUsage.Errorf("variant %s: %w", v.Name, err)
		}
		f, err := dockerfile.Parse(filepath.Join(o.Dir, v.Dockerfile), src)
		if err != nil {
			return nil, err
		}
		f.Name = v.Dockerfile
		if _, err := f.Target(v.Target); err != nil {
			return nil, fmt.Errorf("variant %s: %w", v.Name, err)
		}
		if _, err := audit.Ignores(p.Ignore, f); err != nil {
			return nil, err
		}
		s.bench.Sources[v.Name] = src
	}
	if s.images, err = standIns(ctx, env, p, o); err != nil {
		return nil, err
	}
	if s.bench.Bases, err = audit.Bases(ctx, env, p.Bases); err != nil {
		return nil, err
	}
	s.bench.Out, err = outdir.Open(p.Dir, s.o.Out, env.Key(), env.Listener().Step)
	return s, err
}

// openBuilt opens a project and builds its variants. Images of an earlier study
// are used if their inputs are still the same. The caller closes it.
func openBuilt(ctx context.Context, env *host.Env, o StudyOptions) (*study, error) {
	o.Resume, o.Quick = true, true
	s, err := newStudy(ctx, env, o)
	if err != nil {
		return nil, err
	}
	if err := s.buildAll(ctx); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

func (s *study) close() {
	s.bench.Close()
	s.bench.Out.Close()
}

// selectVariants removes all variants but those that the user selected.
func selectVariants(p *project.Project, only []string) error {
	if len(only) == 0 {
		return nil
	}
	var names []string
	kept := p.Variants[:0:0]
	for _, v := range p.Variants {
		names = append(names, v.Name)
		if slices.Contains(only, v.Name) {
			kept = append(kept, v)
		}
	}
	for _, name := range only {
		if !slices.Contains(names, name) {
			return whittle.WithHint(whittle.ErrUsage.Errorf("no variant is named %q", name), whittle.DidYouMean(name, names, "the variants are "+strings.Join(names, ", ")))
		}
	}
	p.Variants = kept
	return nil
}

// otherDockerfiles are the Dockerfiles of the variants that were not chosen.
func otherDockerfiles(all, chosen []project.Variant) []string {
	var out []string
	for _, v := range all {
		if !slices.ContainsFunc(chosen, func(c project.Variant) bool { return c.Name == v.Name }) {
			out = append(out, v.Dockerfile)
		}
	}
	return out
}

func (s *study) buildAll(ctx context.Context) error {
	context, err := states.ContextDigest(ctx, s.bench.Project.Dir, append(s.bench.Inputs.CacheFolders(), s.bench.Out.Dir), s.bench.Unchanging())
	if err != nil {
		return err
	}
	digests := map[string]whittle.Digest{}
	for name, b := range s.bench.Bases {
		digests[name] = b.Digest
	}
	outside := map[string]whittle.Digest{}
	for i, v := range s.bench.Project.BasesFirst() {
		if ref := s.images[v.Name]; ref != "" {
			out, err := s.bench.StandIn(ctx, v, ref)
			if err != nil {
				return s.interrupted(v, err)
			}
			s.variants = append(s.variants, *out)
			continue
		}
		context, err := inputs.WithOutside(ctx, context, s.bench.Project, v, outside)
		if err != nil {
			return err
		}
		sealed := s.bench.Inputs.Seal(s.bench.Env.Key(), s.bench.Project.Commands)
		print := inputs.Fingerprint(context, s.bench.Project, v, digests, sealed, s.o.Quick)
		if kept, ok := s.loadFinished(ctx, v.Name, print, inputs.Fingerprint(context, s.bench.Project, v, digests, sealed, false)); ok {
			s.bench.Env.Listener().Step(fmt.Sprintf("variant %s (%d of %d): kept from before", v.Name, i+1, len(s.bench.Project.Variants)))
			s.variants = append(s.variants, *kept)
			continue
		}
		if !s.bench.IsOpen() {
			s.bench.Env.Listener().Step(fmt.Sprintf("variant %s (%d of %d): %s", v.Name, i+1, len(s.bench.Project.Variants), v.Dockerfile))
			if err := s.bench.Open(ctx); err != nil {
				return s.stopped(err)
			}
		}
		last, image := s.last(ctx, v.Name)
		s.bench.Env.Listener().Step(fmt.Sprintf("variant %s (%d of %d): building %s", v.Name, i+1, len(s.bench.Project.Variants), v.Dockerfile))
		out, err := s.bench.BuildAndRun(ctx, v)
		if err != nil {
			return s.stopped(err)
		}
		s.noteUnpacked(ctx, out, last, image)
		out.Fingerprint = print
		if err := s.bench.Out.Save(out, s.bench.Sources[v.Name], s.digestOf(ctx)); err != nil {
			return err
		}
		s.variants = append(s.variants, *out)
	}
	at := func(v whittle.Variant) int {
		return slices.IndexFunc(s.bench.Project.Variants, func(p project.Variant) bool { return p.Name == v.Name })
	}
	slices.SortFunc(s.variants, func(a, b whittle.Variant) int { return at(a) - at(b) })
	return nil
}

// last is a variant of the last study, with the digest of its image; nil if there is none.
func (s *study) last(ctx context.Context, name string) (*whittle.Variant, whittle.Digest) {
	var image whittle.Digest
	last, ok := s.bench.Out.Load(name, func(archive string) (digest whittle.Digest, err error) {
		image, err = s.digestOf(ctx)(archive)
		return image, err
	})
	if !ok {
		return nil, ""
	}
	if last.Build.Cold != s.o.Quick {
		s.bench.Usual[name] = time.Duration(last.Build.Seconds * float64(time.Second))
	}
	return last, image
}

// noteUnpacked notes how long unpacking the image of a variant took in the last study, if
// it is the same image.
func (s *study) noteUnpacked(ctx context.Context, v, last *whittle.Variant, image whittle.Digest) {
	if last == nil || last.Ready == nil || last.Ready.Unpack == nil || last.Ready.UnpackOf != "" || v.Build.Status != whittle.Built {
		return
	}
	if now, err := s.digestOf(ctx)(s.bench.Out.Path(v.Build.Archive)); err == nil && now == image {
		s.bench.Unpacked[v.Name] = *last.Ready.Unpack
	}
}

// loadFinished loads a variant of an earlier study, whose fingerprint must be
// one of prints: a quick study also accepts the variant of a full one.
func (s *study) loadFinished(ctx context.Context, name string, prints ...whittle.Digest) (*whittle.Variant, bool) {
	if !s.o.Resume {
		return nil, false
	}
	v, ok := s.bench.Out.Load(name, s.digestOf(ctx))
	return v, ok && slices.Contains(prints, v.Fingerprint)
}

// digestOf gives a function that reads the digest of the image in an archive.
func (s *study) digestOf(ctx context.Context) func(archive string) (whittle.Digest, error) {
	return func(archive string) (whittle.Digest, error) {
		img, err := s.bench.Env.Images.Open(ctx, "docker-archive:"+archive)
		if err != nil {
			return "", err
		}
		defer img.Close()
		return img.Ref().Digest, nil
	}
}

// interrupted adds to an error how many variants are finished and kept.
func (s *study) interrupted(v project.Variant, err error) error {
	return s.stopped(fmt.Errorf("variant %s: %w", v.Name, err))
}

// stopped is interrupted for what is about no variant.
func (s *study) stopped(err error) error {
	if n := len(s.variants); n > 0 {
		err = whittle.WithHint(err, fmt.Sprintf("%d of %d variants are finished and kept; --resume goes on from there", n, len(s.bench.Project.Variants)))
	}
	return err
}

// readAll reads the images that were built and accounts for their bytes.
func (s *study) readAll(ctx context.Context) ([]*audit.Subject, error) {
	subjects := make([]*audit.Subject, len(s.variants))
	for i := range s.variants {
		v := &s.variants[i]
		if v.Build.Status != whittle.Built {
			continue
		}
		sub, err := audit.Open(ctx, s.bench.Env, s.bench.ImageOf(v),
			s.bench.Inspected(s.bench.Project.Variants[i], s.bench.Sources[v.Name]))
		if err != nil {
			return subjects, fmt.Errorf("variant %s: %w", v.Name, err)
		}
		subjects[i] = sub
		if err := s.readTrace(v, sub); err != nil {
			return subjects, err
		}
		v.Inspect = sub.Inspection()
		v.Inspect.Image.Ref = v.Name
		if note := strangeNote(v, sub); note != "" {
			v.Build.Notes = append(v.Build.Notes, note)
		}
		v.Download.Gzip = v.Inspect.Sizes.Download
	}
	return subjects, nil
}

// readTrace reads what the runs of a variant's image touched, now or when it was built. A
// trace of runs that failed says nothing about what is needed.
func (s *study) readTrace(v *whittle.Variant, image *audit.Subject) error {
	if !s.bench.Trace || !runs.SeenRunning(v) {
		return nil
	}
	digest := image.Image.Ref().Digest
	t, err := traceOf(v, image, s.bench.Traced(v.Name))
	switch {
	case err != nil:
		return err
	case t != nil:
		err = s.bench.Out.SaveTrace(v.Name, digest, t)
	default:
		t = s.bench.Out.Trace(v.Name, digest)
	}
	if t != nil {
		s.traces[v.Name] = t
	}
	return err
}

func (s *study) report(subjects []*audit.Subject) *whittle.Study {
	out := &whittle.Study{
		Schema:      whittle.StudySchema,
		Project:     s.bench.Project.Name,
		Date:        s.bench.Env.Time().UTC().Format(time.RFC3339),
		Machine:     s.bench.Env.Machine,
		Variants:    s.variants,
		Differences: []whittle.Difference{},
		Findings:    []whittle.Finding{},
		Forecasts:   []whittle.Forecast{},
	}
	if len(s.variants) > 0 {
		out.Machine.Engine = s.variants[0].Build.Engine
	}
	first := -1
	for i, sub := range subjects {
		switch {
		case sub == nil:
			continue
		case first < 0:
			first = i
			continue
		}
		base, this := s.variants[first].Inspect.Sizes, s.variants[i].Inspect.Sizes
		n := this.Size - base.Size
		change := &whittle.Change{Size: n}
		if base.Size > 0 {
			change.Percent = float64(n) * 100 / float64(base.Size)
		}
		s.variants[i].Change = change
		out.Differences = append(out.Differences, s.difference(first, i, subjects))
	}
	return out
}

// difference compares two variants, by their names.
func (s *study) difference(base, this int, subjects []*audit.Subject) whittle.Difference {
	pair := []int{base, this}
	name := func(i int) string { return s.variants[pair[i]].Name }
	c := audit.CompareSubjects([]*audit.Subject{subjects[base], subjects[this]}, name)
	for i := range c.Images {
		c.Images[i].Ref = name(i)
	}
	return whittle.Difference{Variant: name(1), Base: name(0), Comparison: *c}
}

// analyze asks the rules about a study's images and forecasts strategies. With
// [StudyOptions.Fix], it also applies fixes and proves them.
func (s *study) analyze(ctx context.Context, out *whittle.Study) error {
	w, err := newWorkshop(ctx, s)
	if err != nil {
		return err
	}
	defer w.close()
	p := newProver(w, nil, cmp.Or(s.o.Risk, whittle.RiskMedium), nil)
	p.study = true
	if s.o.Fix {
		w.risk = p.risk
	}
	defer p.images.close()
	if err := p.adviseAll(ctx); err != nil {
		return err
	}
	if err := s.readyAll(ctx, w); err != nil {
		return err
	}
	first := true // forecasts start from the first image
	for _, v := range s.bench.Project.Variants {
		image, ok := p.images.byVariant[v.Name]
		if !ok {
			continue
		}
		if s.o.Look != nil {
			s.o.Look(v.Name, image.image, image.findings)
		}
		if first && !isStrange(image.trial.Variant, image.image.Subject) {
			first = false
			c, err := w.assumedFixes(ctx, v, image, false)
			if err != nil {
				return err
			}
			f, err := w.forecast(ctx, v, image, c)
			if err != nil {
				return err
			}
			out.Forecasts = f.Forecasts
		}
		out.Findings = append(out.Findings, image.findings...)
	}
	audit.SortFindings(out.Findings)
	if out.Ignored = w.accepted(); !s.o.Fix {
		return nil
	}
	if err := p.proveStudy(ctx, out); err != nil || !s.o.Write {
		return err
	}
	err = s.write(ctx, out.Repair.Files, s.o.Force)
	out.Repair.Written = err == nil
	return err
}

// proveStudy is the proof loop at the end of a study: it proves the fixes, builds
// the strategies, and chooses the best of all images that run.
func (p *prover) proveStudy(ctx context.Context, out *whittle.Study) error {
	if err := p.prove(ctx); err != nil {
		return err
	}
	var err error
	r := &whittle.Repair{Schema: whittle.FixSchema, Project: p.workshop.bench.Project.Name, Steps: append([]whittle.RepairStep{}, p.steps...)}
	if r.Verified, err = p.verified(ctx); err != nil {
		return err
	}
	if r.Files, err = p.workshop.changes(p.state); err != nil {
		return err
	}
	if r.Next, err = (restager{p}).nextProven(ctx); err != nil {
		return err
	}
	out.Repair = r
	generated, err := p.strategies(ctx, out, &assumed{state: p.state, tried: p.tried()})
	if err != nil {
		return err
	}
	r.Verified.Builds, r.Verified.Images = p.workshop.builds, p.workshop.made
	out.Best, err = p.best(ctx, out, generated)
	return err
}

// noImage is the error if no variant could be built.
func (s *study) noImage() error {
	why := ""
	if len(s.variants) > 0 && s.variants[0].Build.Reason != "" {
		why = ": " + s.variants[0].Build.Reason
	}
	return whittle.WithHint(whittle.ErrUsage.Errorf("no variant of %s builds, so that there is no image to start from%s", s.bench.Project.Name, why),
		"see the logs in "+s.bench.Out.Path("logs"))
}
