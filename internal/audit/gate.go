package audit

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/gate"
	"whittle.dev/whittle/internal/git"
	"whittle.dev/whittle/internal/host"
	"whittle.dev/whittle/internal/manifest"
	"whittle.dev/whittle/internal/outdir"
	"whittle.dev/whittle/internal/pep"
	"whittle.dev/whittle/internal/project"
	"whittle.dev/whittle/internal/project/settings"
	"whittle.dev/whittle/internal/python"
	"whittle.dev/whittle/internal/runs"
)

// GateOptions are the options of [Gate].
type GateOptions struct {
	AdviseOptions
	Settings settings.Gate
	// Allow is growth over the baseline that is accepted from now on: its bytes and its
	// reason. The zero value is none.
	Allow whittle.Allowance
	// Update says that the image becomes the baseline if it passes: there need not be
	// one yet.
	Update bool
	// Variant is the project's variant where it has several: each has a baseline file.
	Variant string
	// Look is called with the image and all findings; nil looks at nothing.
	Look func(x *Examined, advice *whittle.Advice)
}

// BaselineFile is where a project keeps its baseline, in its folder.
const BaselineFile = ".whittle/baseline.json"

// KeptAt is the file of the project that keeps the baseline: the one that the settings
// name, or [BaselineFile].
func (o *GateOptions) KeptAt() string {
	name := o.Settings.Baseline
	switch {
	case strings.HasSuffix(name, ".json") && !strings.Contains(name, ":") && filepath.IsLocal(name):
		return filepath.ToSlash(filepath.Clean(name))
	case o.Variant != "":
		return strings.TrimSuffix(BaselineFile, ".json") + "-" + o.Variant + ".json"
	}
	return BaselineFile
}

// Gate judges an image by its project's budgets. It also gives what the image would be
// as a baseline.
func Gate(ctx context.Context, env *host.Env, name string, o GateOptions) (*whittle.Gate, *whittle.Baseline, error) {
	before, err := Baseline(ctx, env, &o)
	if err != nil {
		return nil, nil, err
	}
	timed := slices.ContainsFunc(o.Settings.Budgets, func(b settings.Budget) bool { return b.On == settings.OnStartup })
	var engine host.Builder
	if timed { // before the image is read: it may take long
		env.Listener().Step("looking for a build engine")
		if engine, err = env.Engine(ctx, true); err != nil {
			return nil, nil, whittle.WithHint(fmt.Errorf("measuring the start: %w", err), "a budget on startup has the image run")
		}
		defer engine.Close()
	}
	x, err := Examine(ctx, env, name, o.AdviseOptions)
	if err != nil {
		return nil, nil, err
	}
	defer x.Subject.Close()
	advice, err := x.Advise(ctx, env, o.Only)
	if err != nil {
		return nil, nil, err
	}
	m := GateMeasures{Build: "an image does not say how long its build took; whittle gate DIR builds it"}
	if timed {
		if m.StartupSeconds, m.Startup, err = x.start(ctx, env, engine, o.Project); err != nil {
			return nil, nil, err
		}
	}
	return x.Gate(advice, before, o, m)
}

// GateMeasures are times that an image does not have. A text says why there is none.
type GateMeasures struct {
	StartupSeconds, BuildSeconds *float64
	Startup, Build               string
}

// startups is how often a start is timed.
const startups = 5

// start runs what the image starts, and gives the median time of its entry point.
// Without one it says why. What did not run is a problem of the image's check.
func (x *Examined) start(ctx context.Context, env *host.Env, engine host.Builder, project string) (seconds *float64, why string, err error) {
	c, f := x.Facts.Check, &Evidence{Image: x.Subject.Image}
	if x.Facts.Graph != nil {
		f.distributions = x.Facts.Graph.Distributions
	}
	if err := confirm(ctx, env, f, c, CheckOptions{RunOptions: RunOptions{Project: project}, Context: x.context, Run: true, engine: engine, Repeat: startups}); err != nil {
		return nil, "", err
	}
	seconds, why = startTime(c)
	return seconds, why, nil
}

// startTime is the median time of an image's entry point, or why there is none.
func startTime(c *whittle.Check) (seconds *float64, why string) {
	for _, s := range c.Starts {
		switch r := s.Run; {
		case s.Kind != whittle.StartEntry || r == nil:
		case r.Status == whittle.Runs && len(r.Seconds) > 0:
			m := runs.Median(r.Seconds)
			return &m, ""
		case r.Needs != "":
			why = "its start wants " + r.Needs
		default:
			why = cmp.Or(r.Problem, "its start does not run")
		}
	}
	return nil, cmp.Or(why, "the image starts nothing")
}

// Measured are the times of a variant that was built and run.
func Measured(v *whittle.Variant) (m GateMeasures) {
	switch {
	case v.Build.Image != "":
		m.Build = v.Build.Image + " stands in for the build"
	case !v.Build.Cold:
		m.Build = "it was built with what was cached"
	default:
		m.BuildSeconds = &v.Build.Seconds
	}
	if m.StartupSeconds = v.Run.Seconds; m.StartupSeconds != nil {
		return m
	}
	m.Startup = cmp.Or(v.Run.Note, "nothing was run")
	for _, c := range v.Run.Commands {
		if c.Own && c.Status == whittle.Runs && len(c.Seconds) > 0 {
			n := runs.Median(c.Seconds)
			m.StartupSeconds = &n
		} else if c.Status == whittle.Fails && c.Problem != "" {
			m.Startup = c.Name + " does not run: " + c.Problem
		}
	}
	return m
}

// Timed says whether a budget is on a time, so that the image is run or built anew.
func (o *GateOptions) Timed() bool {
	return slices.ContainsFunc(o.Settings.Budgets, func(b settings.Budget) bool { return b.On.Unit() == settings.UnitSeconds })
}

// Gate judges an image that was read.
func (x *Examined) Gate(advice *whittle.Advice, before *Before, o GateOptions, m GateMeasures) (*whittle.Gate, *whittle.Baseline, error) {
	now := x.measure(o.Settings.Budgets)
	if o.Look != nil {
		o.Look(x, advice)
	}
	now.Startup, now.Build = m.StartupSeconds, m.BuildSeconds
	in := gate.Input{Image: advice.Image, Now: now, Findings: advice.Findings, Ignored: advice.Ignored, Settings: o.Settings, Places: x.places(), Saves: x.saves,
		Unmeasured: map[settings.On]string{settings.OnStartup: m.Startup, settings.OnBuild: m.Build}}
	if o.Settings.Check != "off" {
		in.Check = x.Facts.Check
	}
	var ended bool
	if before.Image != nil {
		in.Before, in.Name = before.Image, before.Name
		if before.Image.Platform != now.Platform {
			return nil, nil, whittle.WithHint(whittle.ErrUsage.Errorf("comparing with the baseline %s: it is for %s, and %s is for %s", before.Name, before.Image.Platform, advice.Image.Ref, now.Platform),
				"--platform chooses among the images of a registry; keep a baseline for each platform, such as --baseline .whittle/arm64.json")
		}
		in.Allowed, ended = gate.Allowed(before.File, before.Image.Digest)
	}
	if o.Allow.Bytes > 0 {
		if before.Image == nil {
			return nil, nil, whittle.WithHint(whittle.ErrUsage.Errorf("--allow-growth does nothing here: there is no baseline to grow over"), "leave it out")
		}
		if !slices.ContainsFunc(o.Settings.Budgets, func(b settings.Budget) bool { return gate.Allows(&b) }) {
			return nil, nil, whittle.WithHint(whittle.ErrUsage.Errorf("--allow-growth does nothing here: no budget bounds growth in bytes, and max is not growth"), "change max in the configuration, which says why in its history")
		}
		o.Allow.Over = before.Image.Digest
		in.Allowed = gate.Allow(in.Allowed, o.Allow)
	}
	g := gate.Judge(in)
	if ended && g.Status == whittle.GateFails {
		g.Notes = append(g.Notes, "growth that was allowed over an earlier baseline does not count any more: --allow-growth allows it over this one")
	}
	g.Notes = append(g.Notes, advice.Notes...)
	if before.File != nil {
		now.Allowed = before.File.Allowed
	}
	if o.Allow.Bytes > 0 {
		now.Allowed = gate.Allow(now.Allowed, o.Allow)
	}
	return g, now, nil
}

// GateSettings are what a project says about its gate and about findings that it
// accepts, in its configuration or in the file that the user names in its place.
func GateSettings(dir, config string) (settings.Gate, []settings.Ignore, error) {
	g, ignores, err := project.LoadGate(dir, config)
	if err == nil {
		_, err = Ignores(ignores, nil)
	}
	return g, append([]settings.Ignore{}, ignores...), err
}

// OnlyDockerfile is the Dockerfile of a project's only variant. ok is false for a
// project that has several, or that cannot be built.
func OnlyDockerfile(dir, config string) (o InspectOptions, ok bool) {
	p, err := project.Load(dir, config)
	if err != nil || len(p.Variants) != 1 {
		return o, false
	}
	v := p.Variants[0]
	text, err := p.Source(v)
	return InspectOptions{Dockerfile: v.Dockerfile, Source: text, Target: v.Target, Args: v.Args, Context: v.Context}, err == nil
}

// WriteBaseline keeps b as a baseline in a file of the project in dir; "" is this folder.
func WriteBaseline(dir, name string, b *whittle.Baseline) error {
	text, err := gate.Encode(b)
	if err != nil {
		return err
	}
	to := whittle.Folder(cmp.Or(dir, "."))
	folder := filepath.Join(string(to), filepath.FromSlash(path.Dir(name)))
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return whittle.ErrSystem.Errorf("writing the baseline: %w", err)
	}
	if err := to.Write(name, text, 0o644); err != nil {
		return fmt.Errorf("writing the baseline: %w", err)
	}
	if path.Dir(name) == outdir.Name {
		return outdir.Committed(folder)
	}
	return nil
}

// measure reduces an image to what a gate compares, with the folders that budgets are
// about.
func (x *Examined) measure(budgets []settings.Budget) *whittle.Baseline {
	b := x.Subject.measure(budgets)
	if f := x.Facts.Dockerfile; f != nil {
		if st, err := f.Target(x.Facts.Target); err == nil {
			st = &f.Stages[f.Ancestry(st)[0]]
			b.Base = &whittle.BaselineBase{Name: cmp.Or(st.BaseResolved, st.Base), File: f.Name, Line: st.Head.Line}
		}
	}
	return b
}

// Baseline reduces an inspection of the image to what a history keeps of it.
func (s *Subject) Baseline(in *whittle.Inspection) *whittle.Baseline {
	base := whittle.BaseLayers(s.Account.Steps, len(s.Account.Ledger.Layers))
	return gate.Measure(in, base, s.owners(base))
}

// measure reduces an image to what a gate compares.
func (s *Subject) measure(budgets []settings.Budget) *whittle.Baseline {
	b := s.Baseline(s.Inspection())
	for _, of := range budgets {
		if of.On == settings.OnDirectory && !slices.ContainsFunc(b.Directories, func(d whittle.BaselineDirectory) bool { return d.Path == of.Path }) {
			b.Directories = append(b.Directories, s.directory(of.Path))
		}
	}
	slices.SortFunc(b.Directories, func(x, y whittle.BaselineDirectory) int { return strings.Compare(x.Path, y.Path) })
	return b
}

// owners have the visible bytes: packages, and what is of no package by the layer that
// has it. base counts the layers of the base image.
func (s *Subject) owners(base int) []whittle.BaselineOwner {
	type part struct{ owner, layer int }
	type sum struct {
		bytes int64
		files int
	}
	parts := map[part]*sum{}
	for i, it := range s.Account.Ledger.Items {
		if it.Cause != whittle.Visible {
			continue
		}
		p := part{s.Account.Owner[i], it.Layer}
		if parts[p] == nil {
			parts[p] = &sum{}
		}
		parts[p].bytes += it.Bytes
		parts[p].files++
	}
	order := slices.SortedFunc(maps.Keys(parts), func(a, b part) int { return cmp.Or(cmp.Compare(a.owner, b.owner), cmp.Compare(a.layer, b.layer)) })
	var out []whittle.BaselineOwner
	last, most := part{-1, -1}, int64(-1)
	for _, p := range order {
		o, n := s.Account.Owners[p.owner], parts[p]
		ofLayer := o.Ecosystem == "app" || o.Ecosystem == "instruction"
		if ofLayer || p.owner != last.owner {
			row := whittle.BaselineOwner{Owner: o, Layer: p.layer}
			if ofLayer {
				layer := p.layer
				row.Step, row.Layer, row.Name = &layer, 0, whittle.Shorten(whittle.OneLine(o.Name), 60)
			}
			out, most = append(out, row), -1
		}
		row := &out[len(out)-1]
		row.Visible, row.Files = row.Visible+n.bytes, row.Files+n.files
		if p.layer < base {
			row.Base, row.BaseFiles = row.Base+n.bytes, row.BaseFiles+n.files
		}
		if row.Step == nil && (n.bytes > most || row.Layer < base && p.layer >= base) {
			row.Layer, most = p.layer, n.bytes // what the base image has is not the project's
		}
		last = p
	}
	return out
}

// saves is how many bytes findings save together of the size, or of what is wasted.
func (x *Examined) saves(on settings.On, found []whittle.Finding) int64 {
	var all []whittle.LayerChange
	for _, f := range found {
		all = append(all, f.Change)
	}
	if on != settings.OnWasted {
		s, err := x.Saving(all...)
		if err != nil {
			return 0
		}
		return s.Low
	}
	gone := map[whittle.Content]bool{}
	for _, c := range all {
		for _, r := range c.Remove {
			gone[r] = true
		}
	}
	var n int64
	for _, it := range x.Subject.Account.Ledger.Items {
		if it.Cause != whittle.Visible && gone[whittle.Content{Layer: it.Layer, Entry: it.Entry}] {
			n += it.Bytes
		}
	}
	return n
}

// directory has the visible bytes below a folder, by its own parts.
func (s *Subject) directory(path string) whittle.BaselineDirectory {
	d := whittle.BaselineDirectory{Path: path, Parts: map[string]int64{}}
	prefix := strings.Trim(path, "/") + "/"
	if prefix == "/" {
		prefix = ""
	}
	for _, it := range s.Account.Ledger.Items {
		rest, ok := strings.CutPrefix(it.Path, prefix)
		if !ok || it.Cause != whittle.Visible || it.Bytes == 0 {
			continue
		}
		part, _, _ := strings.Cut(rest, "/")
		d.Visible += it.Bytes
		d.Parts[whittle.Printable(part)] += it.Bytes
	}
	if len(d.Parts) > maxParts { // a baseline file stays small
		d.Parts = largest(d.Parts)
	}
	return d
}

// maxParts bounds the parts of a folder that are told apart.
const maxParts = 50

// largest are the largest parts; the others are one.
func largest(all map[string]int64) map[string]int64 {
	names := slices.SortedFunc(maps.Keys(all), func(a, b string) int { return cmp.Or(cmp.Compare(all[b], all[a]), cmp.Compare(a, b)) })
	out := map[string]int64{}
	for i, n := range names {
		if i < maxParts {
			out[n] = all[n]
		} else {
			out["(others)"] += all[n]
		}
	}
	return out
}

// places says where a package comes from: the line that declares it, or that of the
// requirement that brings it, with the way from there.
func (x *Examined) places() func(kind, name string) (string, int, string) {
	g, declared := x.Facts.Graph, x.Facts.Declared
	declaredAt := func(name string) (string, int) {
		file, line := declaredAt(declared, name)
		if file != "" && x.context != "" && !filepath.IsAbs(x.context) {
			file = path.Join(filepath.ToSlash(x.context), file)
		}
		return file, line
	}
	return func(kind, name string) (string, int, string) {
		if kind != "pypi" || g == nil || declared == nil {
			return "", 0, ""
		}
		if file, line := declaredAt(name); file != "" {
			return file, line, ""
		}
		i, ok := g.Find(name)
		if !ok {
			return "", 0, ""
		}
		for _, by := range requiredBy(g, i) {
			if file, line := declaredAt(g.Distributions[by].Name); file != "" {
				return file, line, "required by " + g.Distributions[by].Name
			}
		}
		return "", 0, ""
	}
}

// declaredAt is where a project declares a distribution, first as one that it runs
// with; empty where it does not.
func declaredAt(declared *manifest.Declared, name string) (file string, line int) {
	for _, d := range declared.Dependencies {
		if d.Kind == manifest.Constraint || d.Via || pep.Normalize(d.Name) != pep.Normalize(name) {
			continue
		}
		if d.Kind == manifest.Runtime {
			return d.File, d.Line
		}
		if file == "" {
			file, line = d.File, d.Line
		}
	}
	return file, line
}

// requiredBy are the distributions that need another one, directly or not, the
// nearest first.
func requiredBy(g *python.Graph, of int) (out []int) {
	seen := map[int]bool{of: true}
	for next := []int{of}; len(next) > 0; {
		var more []int
		for _, e := range g.Edges {
			if e.From >= 0 && !seen[e.From] && slices.Contains(next, e.To) {
				seen[e.From] = true
				more = append(more, e.From)
			}
		}
		out, next = append(out, more...), more
	}
	return out
}

// Before is what a gate compares with.
type Before struct {
	// Image is the baseline, nil where there is none; Name is how it is called.
	Image *whittle.Baseline
	Name  string
	// File is the project's own baseline file, nil where there is none. It has the
	// allowances, also where the baseline is an image.
	File *whittle.Baseline
}

// Baseline is what the settings compare with. Errors wrap [whittle.ErrUnmeasured] where
// it cannot be read: that is no pass.
func Baseline(ctx context.Context, env *host.Env, o *GateOptions) (*Before, error) {
	name, at := o.Settings.Baseline, o.KeptAt()
	out := &Before{Name: name}
	dir := whittle.Folder(cmp.Or(o.Project, "."))
	own := name == "" || filepath.ToSlash(filepath.Clean(name)) == at
	if name == "none" {
		return out, nil
	}
	text, err := dir.Read(at, whittle.MaxText)
	switch {
	case errors.Is(err, fs.ErrNotExist) && name != "" && own && !o.Update:
		return nil, unread(name, err)
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return nil, unread(at, err)
	default:
		if out.File, err = gate.Decode(at, text); err != nil {
			return nil, err
		}
	}
	ref, isCommit := strings.CutPrefix(name, "git:")
	switch {
	case own:
		out.Image, out.Name = out.File, at
		return out, nil
	case isCommit:
		text, err = git.Show(ctx, string(dir), ref, at)
	case strings.HasSuffix(name, ".json") && !filepath.IsAbs(name):
		text, err = dir.Read(filepath.ToSlash(name), whittle.MaxText)
	case strings.HasSuffix(name, ".json"):
		text, err = whittle.ReadFile(name, whittle.MaxText)
	default:
		out.Image, err = baselineImage(ctx, env, name, o)
		return out, err
	}
	if err != nil {
		return nil, unread(name, err)
	}
	out.Image, err = gate.Decode(name, text)
	return out, err
}

// unread is the error of a baseline that cannot be read. The wrong name of a commit is
// one of the configuration.
func unread(name string, err error) error {
	return whittle.WithHint(whittle.ErrUnmeasured.Errorf("reading the baseline %s: %w", name, err), "a gate without its baseline is no pass; --update-baseline --baseline none writes one, and --baseline none compares with nothing")
}

// baselineImage measures the image that is the baseline. Lines of the Dockerfile are
// those of today.
func baselineImage(ctx context.Context, env *host.Env, name string, o *GateOptions) (*whittle.Baseline, error) {
	s, err := Open(ctx, env, name, o.InspectOptions)
	if err != nil {
		if !errors.Is(err, whittle.ErrUsage) {
			err = whittle.ErrUnmeasured.Of(err)
		}
		return nil, whittle.WithHint(fmt.Errorf("reading the baseline: %w", err), "a gate without its baseline is no pass; --baseline none compares with nothing")
	}
	defer s.Close()
	return s.measure(o.Settings.Budgets), nil
}
