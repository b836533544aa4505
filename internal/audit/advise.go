package audit

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"time"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/check"
	"whittle.dev/whittle/internal/dockerfile/ignore"
	"whittle.dev/whittle/internal/elf"
	"whittle.dev/whittle/internal/host"
	"whittle.dev/whittle/internal/ledger"
	"whittle.dev/whittle/internal/manifest"
	"whittle.dev/whittle/internal/pep"
	"whittle.dev/whittle/internal/project"
	"whittle.dev/whittle/internal/project/settings"
	"whittle.dev/whittle/internal/python"
	"whittle.dev/whittle/internal/resolve"
	"whittle.dev/whittle/internal/rootfs"
	"whittle.dev/whittle/internal/rule"
	"whittle.dev/whittle/internal/rule/analysis"
	"whittle.dev/whittle/internal/start"
)

// AdviseOptions are the options of [Advise].
type AdviseOptions struct {
	// InspectOptions name the Dockerfile that made the image; its path is
	// relative to Project where there is one.
	InspectOptions
	// Project is the project's folder; empty if it is not known.
	Project string
	// Started gives the process that is started in place of the image's own, and
	// further commands; nil is the image's own.
	Started func(own whittle.Process) (whittle.Process, [][]string)
	// Only names the rules that are run; empty is all.
	Only []string
	// Commands must work too, besides what the image starts: what they need
	// counts as used.
	Commands [][]string
	// Guard fixes undeclared imports by guarding them with a message that says
	// what to install, instead of declaring them.
	Guard bool
	// Trace says what runs of the image touched; nil if it was not traced.
	Trace *whittle.Trace
	// Repeated says that the runs of the trace are repeated with what is proposed.
	Repeated bool
	// Ignores are findings that are accepted, besides those of comments in the
	// Dockerfile; nil is what the project's configuration says.
	Ignores []settings.Ignore
}

// Advise gives the findings in an image: what could be smaller or breaks it, and
// what each change would save.
func Advise(ctx context.Context, env *host.Env, name string, o AdviseOptions) (*whittle.Advice, error) {
	if err := KnownRules(o.Only); err != nil {
		return nil, err
	}
	x, err := Examine(ctx, env, name, o)
	if err != nil {
		return nil, err
	}
	defer x.Subject.Close()
	return x.Advise(ctx, env, o.Only)
}

// Rules are all rules, with their documentation.
func Rules() []analysis.Rule { return rule.All() }

// KnownRules returns a usage error that names the first rule that does not exist.
func KnownRules(only []string) error {
	for _, id := range only {
		if !slices.ContainsFunc(rule.All(), func(r analysis.Rule) bool { return r.ID == id }) {
			var ids []string
			for _, r := range rule.All() {
				ids = append(ids, r.ID)
			}
			return whittle.WithHint(whittle.ErrUsage.Errorf("there is no rule %q", id), whittle.DidYouMean(id, ids, "whittle advise --rules lists them"))
		}
	}
	return nil
}

// Examined is an image with everything that the rules look at.
type Examined struct {
	Subject *Subject
	Facts   *analysis.Facts
	// Environment is the environment of markers, empty without an interpreter.
	Environment pep.Environment
	context     string // see [InspectOptions]
	ignores     []settings.Ignore
}

// Examine reads an image once for its account, its check and the rules.
func Examine(ctx context.Context, env *host.Env, name string, o AdviseOptions) (x *Examined, err error) {
	img, err := env.Images.Open(ctx, name)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			img.Close()
		}
	}()
	o.InspectOptions = WithStudyDockerfile(env, img, name, o.InspectOptions)
	ignores, err := o.ignores()
	if err != nil {
		return nil, err
	}
	read, task := env.Reading(name, img)
	defer task.End("")
	read.Hash = true
	m, err := rootfs.Read(ctx, img, name, rootfs.Options{Index: read, Databases: Databases(), Facts: true})
	if err != nil {
		return nil, err
	}
	facts := &analysis.Facts{Config: img.Config(), Indexes: m.Indexes, Ledger: m.Ledger, Root: m, Steps: img.Config().Steps(), Target: o.Target, Guard: o.Guard, Trace: o.Trace, Repeated: o.Repeated}
	var mismatch []string
	if facts.Dockerfile, facts.Steps, mismatch, err = joinDockerfile(o.InspectOptions, facts.Steps); err != nil {
		return nil, err
	}
	claims, packages, _, notes, err := claims(ctx, m)
	if err != nil {
		return nil, fmt.Errorf("reading the package databases of %s: %w", name, err)
	}
	facts.Packages = packages
	account := ledger.Attribute(m.Ledger, m.Indexes, img.Config(), facts.Steps, claims)
	facts.Owner, facts.Category = make([]whittle.Owner, 0, len(m.Ledger.Items)), make([]string, 0, len(m.Ledger.Items))
	for i := range m.Ledger.Items {
		facts.Owner = append(facts.Owner, account.Owners[account.Owner[i]])
		facts.Category = append(facts.Category, account.Category[i].String())
	}
	if err := projectFacts(facts, o); err != nil {
		return nil, err
	}
	inLayers(ignores, facts.Steps)
	x = &Examined{Subject: &Subject{Image: m, Account: account, notes: append(notes, mismatch...)}, Facts: facts, context: o.Context, ignores: ignores}
	x.Subject.Made, x.Subject.Matched = matched(facts.Dockerfile, facts.Steps, o.Target)
	x.Environment = environmentOf(m, img.Config().Platform())
	defer m.ScanAhead()()
	return x, x.pythonFacts(ctx, env, o)
}

// projectFacts reads the facts from the project's folder.
func projectFacts(p *analysis.Facts, o AdviseOptions) error {
	if o.Project == "" {
		return nil
	}
	context := contextDir(o.Project, o.Context)
	p.Files = whittle.Folder(context)
	p.Declared, _ = manifest.ReadDeclared(p.Files) // an unreadable file is no finding about the image
	var err error
	p.Ignore, err = ignore.Load(context, filepath.Join(o.Project, filepath.FromSlash(o.Dockerfile)))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// pythonFacts reads the facts from the image's Python installation, and runs the
// check.
func (x *Examined) pythonFacts(ctx context.Context, env *host.Env, o AdviseOptions) error {
	p := x.Facts
	configured := project.Check{}
	if o.Project != "" {
		var err error
		if configured, err = project.ReadCheck(o.Project); err != nil {
			return err
		}
	}
	dists, _ := python.Distributions(ctx, x.Subject.Image)
	p.Names = namesOf(ctx, env, dists, p.Declared, configured.Names, x.Environment)
	config, commands := p.Config, o.Commands
	if o.Started != nil {
		process, more := o.Started(config.Config)
		config, commands = startedAs(config, &process), slices.Concat(commands, more)
	}
	in := &check.Image{Folder: p.Files, Names: p.Names, Image: start.Image{Root: x.Subject.Image, Config: config, Distributions: dists,
		Sources: x.Subject.Source, Binaries: x.Subject.Binary, Builtins: x.Subject.Builtins, Commands: commands, Project: p.Declared}}
	var err error
	if p.Check, err = check.Run(ctx, in); err != nil {
		return err
	}
	var wants []pep.Requirement
	if p.Declared != nil {
		for _, d := range p.Declared.Dependencies {
			if d.Kind == manifest.Runtime && !d.Via {
				wants = append(wants, d.Requirement)
			}
		}
	}
	p.Graph = python.NewGraph(dists, x.Environment, wants)
	x.Subject.needs = p.Graph
	used, err := check.Usage(ctx, in)
	if err != nil {
		return err
	}
	p.Usage = make([]analysis.Usage, len(used))
	for i, u := range used {
		p.Usage[i] = usages[u.Use]
	}
	p.Debug = func(path string) (bytes int64, safe, ok bool) {
		file, ok := x.Subject.Binary(path)
		if !ok {
			return 0, false, false
		}
		_, _, safe = file.Strippable()
		return file.DebugBytes + file.SymtabBytes, safe, true
	}
	p.Libraries = func(path string) []string {
		if file, ok := x.Subject.Binary(path); ok {
			return file.Needed
		}
		return nil
	}
	p.Loaded = elf.NewLoader(x.Subject.Image, x.Subject.Binary, nil).Libraries
	p.Growth = func(requirements ...string) (int64, int64, bool) { return x.Growth(ctx, env, requirements) }
	p.Bound = func(name string) (string, bool) { return boundFor(ctx, env, p.Declared, name, x.Environment) }
	return nil
}

// usages convert the check's uses to those of the rules.
var usages = [...]analysis.Usage{check.UnknownUse: analysis.UsageUnknown, check.NotUsed: analysis.Unused, check.PluginUse: analysis.Plugin,
	check.OptionalUse: analysis.Optional, check.LazyUse: analysis.Lazy, check.EagerUse: analysis.Eager}

// boundFor is the specifier with which a distribution should be declared: the
// series of the version that a lock or constraints file pins, otherwise of the
// newest release in the package index.
func boundFor(ctx context.Context, env *host.Env, declared *manifest.Declared, name string, on pep.Environment) (string, bool) {
	if declared != nil {
		for _, l := range declared.Locked {
			if pep.Normalize(l.Name) == pep.Normalize(name) {
				return pep.SeriesOf(l.Version), true
			}
		}
	}
	return newestBound(ctx, env, name, on)
}

// ResolvePatience is how long resolving for a forecast may take.
const ResolvePatience = time.Minute

// newestBound is the specifier for the series of the newest release in the package
// index that fits the environment.
func newestBound(ctx context.Context, env *host.Env, name string, on pep.Environment) (string, bool) {
	if env.Packages == nil {
		return "", false
	}
	ctx, cancel := context.WithTimeout(ctx, resolve.Patience)
	defer cancel()
	specifiers, err := resolve.Bound(ctx, env.Packages, name, on)
	return specifiers, err == nil
}

// Advise runs the rules and predicts what each finding saves.
func (x *Examined) Advise(ctx context.Context, env *host.Env, only []string) (*whittle.Advice, error) {
	env.Listener().Step("asking the rules about " + x.Subject.Ref().Name)
	defer x.Subject.ScanAhead()()
	found, err := rule.Find(ctx, x.Facts, only)
	if err != nil {
		return nil, err
	}
	out := &whittle.Advice{Schema: whittle.AdviseSchema, Image: x.Subject.facts(), Sizes: x.Subject.sizes(), Findings: []whittle.Finding{}, Rules: []string{}, Notes: x.Subject.notes}
	for _, r := range rule.All() {
		if len(only) == 0 || slices.Contains(only, r.ID) {
			out.Rules = append(out.Rules, r.ID)
		}
	}
	FromProject(found, x.context, x.Facts.Dockerfile)
	found, out.Ignored = settings.Sift(found, slices.DeleteFunc(slices.Clone(x.ignores), func(i settings.Ignore) bool { return !slices.Contains(out.Rules, i.Rule) }), env.Time())
	var all, fixable []whittle.LayerChange
	for _, f := range found {
		if f.Saving, err = x.Saving(f.Change); err != nil {
			return nil, fmt.Errorf("rule %s: %w", f.Rule, err)
		}
		all = append(all, f.Change)
		if f.Safe() {
			fixable = append(fixable, f.Change)
		}
		out.Findings = append(out.Findings, f)
	}
	if out.Total, err = x.Saving(all...); err != nil {
		return nil, err
	}
	if out.Fixable, err = x.Saving(fixable...); err != nil {
		return nil, err
	}
	SortFindings(out.Findings)
	return out, nil
}

// Saving is what changes save together, replayed on the layers' indexes.
func (x *Examined) Saving(changes ...whittle.LayerChange) (whittle.Saving, error) {
	return ledger.Saving(x.Facts.Indexes, changes...)
}

// SortFindings puts broken runs first, those of what production starts before
// others, then the largest saving.
func SortFindings(fs []whittle.Finding) {
	slices.SortStableFunc(fs, func(a, b whittle.Finding) int {
		return cmp.Or(-whittle.CompareBools(a.Breaks, b.Breaks), -whittle.CompareBools(a.InProduction(), b.InProduction()), -cmp.Compare(a.Saving.Low+a.Saving.High, b.Saving.Low+b.Saving.High),
			cmp.Compare(a.Rule, b.Rule), cmp.Compare(a.Message, b.Message))
	})
}

// environmentOf is the environment of markers for the first interpreter in a root,
// empty if there is none.
func environmentOf(root whittle.Root, p whittle.Platform) pep.Environment {
	if found := python.Interpreters(root); len(found) > 0 {
		return found[0].Environment(p.Machine())
	}
	return pep.Environment{}
}
