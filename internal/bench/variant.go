package bench

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/absent"
	"whittle.dev/whittle/internal/audit"
	"whittle.dev/whittle/internal/build"
	"whittle.dev/whittle/internal/dockerfile"
	"whittle.dev/whittle/internal/host"
	"whittle.dev/whittle/internal/outdir"
	"whittle.dev/whittle/internal/project"
	"whittle.dev/whittle/internal/runs"
)

// BuildAndRun builds, measures and runs one variant. A variant that does not
// build is a result; an error means that the study cannot go on.
func (b *Bench) BuildAndRun(ctx context.Context, v project.Variant) (*whittle.Variant, error) {
	all, err := Together(ctx, []Making{{b, v}})
	if err != nil {
		return nil, err
	}
	return all[0], nil
}

// build builds a variant, and opens its log. There is no image to run if it does not build.
func (b *Bench) build(ctx context.Context, v project.Variant) (*made, error) {
	out := &whittle.Variant{Name: v.Name, Context: v.Context, Dockerfile: v.Dockerfile, Target: v.Target, Args: v.Args,
		Build: whittle.BuildFacts{Log: outdir.LogPath(v.Name), Archive: outdir.ArchivePath(v.Name), Cold: !b.Quick,
			Engine: b.engineFacts(), Date: b.Env.Time().UTC().Format(time.RFC3339)},
		Run: whittle.RunFacts{Status: whittle.Unknown, Commands: []whittle.CommandRun{}}}
	log, err := b.Out.Create(out.Build.Log)
	if err != nil {
		return nil, whittle.ErrSystem.Errorf("writing the log: %w", err)
	}
	m := &made{Variant: out, log: log}
	d := b.Definition(v)
	if err := b.warm(ctx, d, v, log); err != nil {
		return m, err
	}
	if d.NoCache = !b.Quick; b.Quick {
		b.Inputs.AddCaches(&d, v.Name, !b.trial)
	}
	res, err := b.engine.builder.Build(ctx, d, build.Output{Archive: b.Out.Path(out.Build.Archive), Log: log, Progress: b.view(out.Name)})
	if err != nil {
		m.failure = err
		return m, b.buildFailure(ctx, out, d, err)
	}
	out.Build.Status = whittle.Built
	out.Build.Seconds = res.Solve.Seconds()
	out.Build.Steps = runs.BuildSteps(res.Steps)
	out.Build.Notes = slices.Concat(res.Notes, b.wanted(d, out.Name).Before(0))
	d.NoCache, d.CacheFrom, d.CacheTo = false, nil, nil // the engine has all steps now
	m.definition = d
	return m, nil
}

// Open opens the build engine when the first build needs it.
func (b *Bench) Open(ctx context.Context) (err error) {
	if b.engine.builder == nil {
		b.Env.Listener().Step("looking for a build engine")
		if b.engine.builder, err = b.Env.Engine(ctx, len(b.Bases) > 0 || b.Project.HasBases()); err == nil {
			info := b.engine.builder.Info()
			b.Env.Listener().Step(fmt.Sprintf("building with %s %s", info.Kind, info.Version))
			for _, note := range info.Notes {
				b.Env.Listener().Step(note)
			}
		}
	}
	return err
}

// Builder is the open build engine.
func (b *Bench) Builder(ctx context.Context) (host.Builder, error) {
	err := b.Open(ctx)
	return b.engine.builder, err
}

func (b *Bench) engineFacts() whittle.Engine {
	info := b.engine.builder.Info()
	return whittle.Engine{Kind: info.Kind, Version: info.Version}
}

// view shows the progress of a variant's build.
func (b *Bench) view(variant string) build.Progress {
	return build.Progress{To: b.Env.Listener(), Label: variant, Usual: b.Usual[variant]}
}

// Definition is the build of a variant.
func (b *Bench) Definition(v project.Variant) build.Definition {
	d := build.Definition{Context: b.Project.ContextDir(v), Dockerfile: v.Dockerfile, Content: v.Inline, Folder: b.Project.Dir, Target: v.Target, Args: v.Args, Platform: v.Platform,
		Bases: b.Bases, Folders: b.Project.Folders(v), Offline: b.Offline}
	for name, value := range v.Contexts {
		if image, ok := strings.CutPrefix(value, project.ImageContext); ok {
			if d.Images == nil {
				d.Images = map[string]string{}
			}
			d.Images[name] = image
		}
	}
	for name, in := range v.Builds {
		if d.Builds == nil {
			d.Builds = map[string]build.Definition{}
		}
		d.Builds[name] = b.Definition(*in)
	}
	b.Inputs.AddTo(&d)
	d.Services = slices.DeleteFunc(slices.Clone(d.Services), func(s build.Service) bool {
		i := slices.IndexFunc(b.Project.Services, func(p project.Service) bool { return p.Name == s.Name })
		return i >= 0 && b.Project.Services[i].Composed && !slices.Contains(v.Peers, s.Name)
	})
	kept := append(b.Inputs.CacheFolders(), b.Out.Dir)
	for _, file := range b.Without {
		kept = append(kept, filepath.Join(b.Project.Dir, filepath.FromSlash(file)))
	}
	for _, dir := range kept {
		if rel, ok := whittle.Below(d.Context, dir); ok && rel != "." {
			d.Exclude = append(d.Exclude, filepath.ToSlash(rel))
		}
	}
	return d
}

// warm makes the engine fetch and unpack the bases of a variant, so that the
// timed build does not have to. If a base is not available, the build reports it.
func (b *Bench) warm(ctx context.Context, d build.Definition, v project.Variant, log io.Writer) error {
	if b.Quick {
		return nil
	}
	f, err := dockerfile.Parse(v.Dockerfile, b.Sources[v.Name])
	if err != nil {
		return err
	}
	for _, in := range d.Builds {
		if err := b.engine.builder.Warm(ctx, in, build.RunOptions{Log: log, Progress: b.view("")}); err != nil && !isBuildFailure(ctx, err) {
			return err
		}
	}
	for _, base := range f.Bases(v.Target, v.Args) {
		_, isContext := v.Contexts[base]
		if b.engine.warmed[base] || base == "scratch" || isContext || v.Builds[base] != nil {
			continue
		}
		b.engine.warmed[base] = true
		only := build.Definition{Content: []byte("FROM " + base + "\n"), Platform: d.Platform, Bases: d.Bases, Offline: d.Offline}
		if err := b.engine.builder.Warm(ctx, only, build.RunOptions{Log: log, Progress: b.view("on " + base)}); err != nil && !isBuildFailure(ctx, err) {
			return err
		}
	}
	return nil
}

// buildFailure makes a failed build the result of a variant. It gives the error back if
// the study cannot go on.
func (b *Bench) buildFailure(ctx context.Context, out *whittle.Variant, d build.Definition, err error) error {
	if !isBuildFailure(ctx, err) {
		return err
	}
	err = b.explained(d, out.Name, err)
	out.Build.Archive = ""
	out.Build.Status = whittle.BuildSkipped
	out.Build.Reason = whittle.OneLine(err.Error())
	if hint := whittle.Hint(err); hint != "" {
		out.Build.Reason += " (" + hint + ")"
	}
	var be *build.Error
	if errors.As(err, &be) && be.Kind != build.BaseMissing && be.Kind != build.FrontendMissing {
		out.Build.Status = whittle.Failed
		out.Build.Tail = be.Tail[max(0, len(be.Tail)-runs.TailLines):]
	}
	return nil
}

// wanted is a variant's build as a reader of its files sees it.
func (b *Bench) wanted(d build.Definition, variant string) absent.Build {
	return absent.Build{Context: d.Context, Dockerfile: d.Dockerfile, Text: b.Sources[variant], Args: d.Args, Target: d.Target}
}

// explained adds to the error of a build what the files of the project say about
// files that are not there.
func (b *Bench) explained(d build.Definition, variant string, err error) error {
	var be *build.Error
	if !errors.As(err, &be) || be.Line == 0 || be.File != d.Dockerfile {
		return err
	}
	switch {
	case be.Kind == build.StepFailed:
		if missed := b.wanted(d, variant).Before(be.Line); len(missed) > 0 && whittle.Hint(err) == "" {
			return whittle.WithHint(err, strings.Join(missed, "; "))
		}
	case be.Kind == build.BadDockerfile && (strings.Contains(be.Message, "not found") || strings.Contains(be.Message, "no such file")):
		if why := b.wanted(d, variant).At(be.Line); why != "" {
			return be.Because(why)
		}
	}
	return err
}

// measure does the builds for further measurements: the size with zstd, and the
// time of a rebuild after a change in one source file.
func (b *Bench) measure(ctx context.Context, d build.Definition, v project.Variant, out *whittle.Variant, log *os.File) error {
	b.Env.Listener().Step(fmt.Sprintf("variant %s: measuring the size with zstd", out.Name))
	res, err := b.engine.builder.Build(ctx, d, build.Output{Measure: true, Compression: "zstd", Log: log, Progress: build.Progress{To: b.Env.Listener(), Label: out.Name}})
	switch {
	case err == nil:
		out.Download.Zstd = &res.Transfer
	case !isBuildFailure(ctx, err):
		return err
	default:
		out.Build.Notes = append(out.Build.Notes, "zstd: not measured: "+whittle.OneLine(err.Error()))
	}
	touch, sent := v.InContext(b.Project.Touch)
	if b.Project.Touch == "" || !sent {
		return nil
	}
	b.Env.Listener().Step(fmt.Sprintf("variant %s: rebuilding after a change in %s", out.Name, b.Project.Touch))
	d.Touch = touch
	res, err = b.engine.builder.Build(ctx, d, build.Output{Log: log, Progress: build.Progress{To: b.Env.Listener(), Label: out.Name}})
	switch {
	case err == nil:
		seconds := res.Solve.Seconds()
		out.Build.RebuildSeconds, out.Build.Touched = &seconds, b.Project.Touch
	case !isBuildFailure(ctx, err):
		return err
	default:
		out.Build.Notes = append(out.Build.Notes, "rebuild: "+whittle.OneLine(err.Error()))
	}
	return nil
}

// run runs the project's commands and tests in the image, as its user and in
// its environment, without network.
func (b *Bench) run(ctx context.Context, d build.Definition, v project.Variant, out *whittle.Variant, log io.Writer) error {
	name := b.ImageOf(out)
	img, err := b.Env.Images.Open(ctx, name)
	if err != nil {
		return err
	}
	defer img.Close()
	f, err := audit.ReadEvidence(ctx, b.Env, img, name, true)
	if err != nil {
		return fmt.Errorf("checking the image: %w", err)
	}
	process := img.Config().Config
	var commands []build.Command
	if !v.OnlyBase {
		commands = b.commands(process)
	}
	start := environmentStart(v)
	if err := b.Inputs.SetStartEnvironment(commands, b.Project.Commands, start); err != nil {
		return err
	}
	own, missing, err := b.ownStarts(v, process)
	if err != nil {
		return err
	}
	jobs := make([]job, len(commands))
	for i := range jobs {
		jobs[i] = job{commands[i], process, nil}
	}
	jobs = append(jobs, own...)
	sites := f.PackageSites()
	for i := range jobs {
		jobs[i].Sites = sites
	}
	var results []build.RunResult
	t := b.tracing(img.Config().Platform(), out)
	if len(jobs) > 0 && b.engine.builder != nil {
		b.Env.Listener().Step(fmt.Sprintf("variant %s: running %d commands", out.Name, len(jobs)))
		if results, err = t.run(ctx, d, jobs, b.runner(log)); err != nil {
			return fmt.Errorf("running the image: %w", err)
		}
	}
	if err := b.check(ctx, f, v, out, jobs, results); err != nil {
		return err
	}
	if b.Project.Test != nil && b.engine.builder != nil && !v.OnlyBase {
		tests := []build.Command{{Name: runs.Tests, Args: b.Project.Test.Command, Timeout: runs.TestsLimit}}
		if err := b.Inputs.SetStartEnvironment(tests, nil, start); err != nil {
			return err
		}
		test := job{tests[0], process, nil}
		b.Env.Listener().Step("running the project's tests in " + d.Dockerfile)
		found, err := t.run(ctx, d, []job{test}, b.testRunner(process, log))
		if err != nil {
			return err
		}
		jobs, results = append(jobs, test), append(results, found...)
	}
	t.keep()
	out.Run = b.judge(jobs, results)
	owners := f.FileOwners()
	for i := range out.Run.Commands {
		runs.NoteImports(&out.Run.Commands[i], results[i].Imports, owners)
	}
	if v.OnlyBase {
		out.Run.Note = "other images are made of it"
	} else if out.Run.Note = cmp.Or(missing, out.Run.Note); out.Run.Note != "" && !b.Project.Configured && !runs.Limited(results) {
		out.Run.Note += "; name what has to work in whittle.yaml (run:)"
	}
	return nil
}

// runner runs commands with the engine.
func (b *Bench) runner(log io.Writer) runner {
	return func(ctx context.Context, d build.Definition, commands []build.Command) ([]build.RunResult, error) {
		// What a study shows has the times of all commands.
		return b.engine.builder.Run(ctx, d, commands, build.RunOptions{Log: log, Commands: b.Env.Listener(), Beside: b.trial})
	}
}

// testRunner runs the project's tests, in a layer on top of the image.
func (b *Bench) testRunner(process whittle.Process, log io.Writer) runner {
	return func(ctx context.Context, d build.Definition, commands []build.Command) ([]build.RunResult, error) {
		return runs.InTests{Project: b.Project, Process: process, Commands: commands, Skip: b.OwnFolder, Log: log, Shown: b.Env.Listener()}.Run(ctx, b.engine.builder, d)
	}
}

// check checks the image's files, and compares the verdicts with the runs.
func (b *Bench) check(ctx context.Context, f *audit.Evidence, v project.Variant, out *whittle.Variant, jobs []job, results []build.RunResult) error {
	first := Started(Whole(v), f.Config().Config)[0]
	o := audit.CheckOptions{RunOptions: audit.RunOptions{Project: b.Project.Dir}, Context: out.Context, Digests: true, Process: &first}
	watched := 0
	for _, c := range jobs {
		if c.Watch != nil {
			watched++
		}
		if c.Watch == nil || watched > 1 && (c.start == nil || len(c.start.Mounts) == 0) {
			o.Commands = append(o.Commands, c.Args)
		}
	}
	check, err := f.Check(ctx, b.Env, b.ImageOf(out), o)
	if err != nil {
		return fmt.Errorf("checking the image: %w", err)
	}
	check.Image = out.Name
	for i, r := range results {
		for j := range check.Starts {
			st := &check.Starts[j]
			own := jobs[i].Watch != nil
			if (own && st.Kind == whittle.StartEntry || st.Kind == whittle.StartCommand) && slices.Equal(st.Command, jobs[i].Args) {
				run, problem := runs.Judge(st.Kind, jobs[i].Command, r, jobs[i].process)
				if runs.NoteMounts(&run, jobs[i].start); run.Needs != "" {
					problem = whittle.Problem{}
				}
				st.Run = &run
				runs.Compare(check, st, problem)
			}
		}
	}
	runs.Decide(check)
	out.Check = check
	return nil
}

// commands are the project's commands. If whittle.yaml names none, these are its
// console scripts with --help, and the imports of the health check are added.
func (b *Bench) commands(process whittle.Process) []build.Command {
	var out []build.Command
	for _, c := range b.Project.Commands {
		out = append(out, build.Command{Name: c.Name, Args: c.Command, Timeout: runs.Limit})
	}
	if !b.Project.Configured {
		if args, ok := runs.HealthcheckImports(process); ok {
			out = append(out, build.Command{Name: "healthcheck", Args: args, Timeout: runs.Limit})
		}
	}
	if len(out) > 0 {
		out[0].Repeat = map[bool]int{true: 1, false: Startups}[b.Quick]
	}
	return out
}

// judge is the result of all runs. Commands that nobody configured do not decide
// it.
func (b *Bench) judge(jobs []job, results []build.RunResult) whittle.RunFacts {
	facts := whittle.RunFacts{Status: whittle.Unknown, Commands: []whittle.CommandRun{}}
	unmet := false
	for i, r := range results {
		c, _ := runs.Judge(whittle.StartCommand, jobs[i].Command, r, jobs[i].process)
		runs.NoteMounts(&c, jobs[i].start)
		c.Optional = !c.Own && !b.Project.Configured && slices.ContainsFunc(b.Project.Commands, func(p project.Command) bool { return slices.Equal(p.Command, c.Command) })
		switch {
		case c.Optional:
		case c.Status == whittle.Unknown:
			facts.Note = c.Name + ": " + c.Problem
			if c.Needs != "" {
				facts.Note, unmet = runs.Remedy(c), true
			}
		case c.Status != whittle.Runs:
			facts.Status = whittle.Fails
		case facts.Status == whittle.Unknown:
			facts.Status = whittle.Runs
		}
		facts.Commands = append(facts.Commands, c)
	}
	if unmet && facts.Status == whittle.Runs {
		facts.Status = whittle.Unknown
	}
	if len(facts.Commands) > 0 && facts.Commands[0].Status == whittle.Runs && !facts.Commands[0].Own {
		m := runs.Median(facts.Commands[0].Seconds)
		facts.Seconds = &m
	}
	return facts
}
