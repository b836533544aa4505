package lab

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/build"
	"whittle.dev/whittle/internal/dockerfile"
	"whittle.dev/whittle/internal/outdir"
	"whittle.dev/whittle/internal/project"
	"whittle.dev/whittle/internal/runs"
)

// testLimit ends a project's tests that do not end by themselves.
const testLimit = 10 * time.Minute

// variant builds, measures and runs one variant. An error means that the
// study cannot go on; a variant that does not build is a result.
func (s *study) variant(ctx context.Context, v project.Variant) (*whittle.Variant, error) {
	if err := s.openEngine(ctx); err != nil {
		return nil, err
	}
	out := &whittle.Variant{Name: v.Name, Dockerfile: v.Dockerfile, Target: v.Target, Args: v.Args,
		Build: whittle.BuildFacts{Log: outdir.LogPath(v.Name), Archive: outdir.ArchivePath(v.Name), Cold: !s.o.Quick,
			Engine: s.engineFacts(), Date: s.env.now().UTC().Format(time.RFC3339)},
		Run: whittle.RunFacts{Status: whittle.Unknown, Commands: []whittle.CommandRun{}}}
	log, err := s.out.Create(out.Build.Log)
	if err != nil {
		return nil, fmt.Errorf("writing the log: %w: %w", err, whittle.ErrSystem)
	}
	defer log.Close()

	d := s.definition(v)
	if err := s.warm(ctx, d, v, log); err != nil {
		return nil, err
	}
	d.NoCache = !s.o.Quick
	res, err := s.engine.Build(ctx, d, build.Output{Archive: s.out.Path(out.Build.Archive), Log: log, Progress: s.view(out.Name)})
	if err != nil {
		return s.notBuilt(ctx, out, err)
	}
	out.Build.Status = whittle.Built
	out.Build.Seconds = res.Solve.Seconds()
	out.Build.Notes = res.Notes
	d.NoCache = false
	if !s.o.Quick {
		if err := s.measure(ctx, d, out, log); err != nil {
			return nil, err
		}
	}
	return out, s.run(ctx, d, out, log)
}

func (s *study) openEngine(ctx context.Context) (err error) {
	if s.engine == nil {
		s.env.progress().Step("looking for a build engine")
		if s.engine, err = s.env.Engine(ctx, len(s.bases) > 0); err == nil {
			info := s.engine.Info()
			s.env.progress().Step(fmt.Sprintf("building with %s %s", info.Kind, info.Version))
			for _, note := range info.Notes {
				s.env.progress().Step(note)
			}
		}
	}
	return err
}

func (s *study) engineFacts() whittle.Engine {
	info := s.engine.Info()
	return whittle.Engine{Kind: info.Kind, Version: info.Version}
}

// view is where a build of a variant shows how far it is.
func (s *study) view(variant string) build.Progress {
	return build.Progress{W: s.env.progress().Writer(), Label: variant}
}

func (s *study) definition(v project.Variant) build.Definition {
	d := build.Definition{Context: s.project.Dir, Dockerfile: v.Dockerfile, Target: v.Target, Args: v.Args, Platform: v.Platform,
		Bases: s.bases, Offline: s.o.Offline}
	s.inputs.Give(&d)
	if rel, ok := whittle.Below(s.project.Dir, s.out.Dir); ok {
		d.Exclude = []string{filepath.ToSlash(rel)}
	}
	return d
}

// warm makes the engine fetch and unpack the bases of a variant before the
// first build on them is timed. A base that cannot be had is the build's to
// report.
func (s *study) warm(ctx context.Context, d build.Definition, v project.Variant, log io.Writer) error {
	if s.o.Quick {
		return nil
	}
	f, err := dockerfile.Parse(v.Dockerfile, s.sources[v.Name])
	if err != nil {
		return err
	}
	for _, base := range f.Bases(v.Target, v.Args) {
		if s.warmed[base] || base == "scratch" {
			continue
		}
		s.warmed[base] = true
		only := build.Definition{Content: []byte("FROM " + base + "\n"), Platform: d.Platform, Bases: d.Bases, Offline: d.Offline}
		if err := s.engine.Warm(ctx, only, build.RunOptions{Log: log}); err != nil && !isBuildFailure(ctx, err) {
			return err
		}
	}
	return nil
}

// notBuilt turns a failed build into a result, unless the study cannot go on.
func (s *study) notBuilt(ctx context.Context, out *whittle.Variant, err error) (*whittle.Variant, error) {
	if !isBuildFailure(ctx, err) {
		return nil, err
	}
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
	return out, nil
}

// measure takes the figures that need further builds: the rebuild after a
// change in one source file, and the size with zstd.
func (s *study) measure(ctx context.Context, d build.Definition, out *whittle.Variant, log *os.File) error {
	s.env.progress().Step(fmt.Sprintf("variant %s: measuring the size with zstd", out.Name))
	res, err := s.engine.Build(ctx, d, build.Output{Measure: true, Compression: "zstd", Log: log})
	switch {
	case err == nil:
		out.Download.Zstd = &res.Transfer
	case !isBuildFailure(ctx, err):
		return err
	default:
		out.Build.Notes = append(out.Build.Notes, "zstd: not measured: "+whittle.OneLine(err.Error()))
	}
	if s.project.Touch == "" {
		return nil
	}
	s.env.progress().Step(fmt.Sprintf("variant %s: rebuilding after a change in %s", out.Name, s.project.Touch))
	d.Touch = s.project.Touch
	res, err = s.engine.Build(ctx, d, build.Output{Log: log, Progress: s.view(out.Name)})
	switch {
	case err == nil:
		seconds := res.Solve.Seconds()
		out.Build.RebuildSeconds, out.Build.Touched = &seconds, s.project.Touch
	case !isBuildFailure(ctx, err):
		return err
	default:
		out.Build.Notes = append(out.Build.Notes, "rebuild: "+whittle.OneLine(err.Error()))
	}
	return nil
}

// run runs the project's commands and tests in the image, as its user and in
// its environment, without network.
func (s *study) run(ctx context.Context, d build.Definition, out *whittle.Variant, log io.Writer) error {
	name := "docker-archive:" + s.out.Path(out.Build.Archive)
	img, err := s.env.Images.Open(ctx, name)
	if err != nil {
		return err
	}
	defer img.Close()
	f, err := readEvidence(ctx, s.env, img, name, true)
	if err != nil {
		return fmt.Errorf("checking the image: %w", err)
	}
	process := img.Config().Config
	commands := s.commands(process)
	own, missing := runs.OwnStart(process, runs.Requests(s.project.Requests), runs.Patience)
	if missing == "" {
		commands = append(commands, own)
	}
	sites := f.packageSites()
	for i := range commands {
		commands[i].Sites = sites
	}
	if err := s.inputs.Run(commands, s.project.Commands); err != nil {
		return err
	}
	var results []build.RunResult
	if len(commands) > 0 {
		s.env.progress().Step(fmt.Sprintf("variant %s: running %d commands", out.Name, len(commands)))
		if results, err = s.engine.Run(ctx, d, commands, build.RunOptions{Log: log}); err != nil {
			return fmt.Errorf("running the image: %w", err)
		}
	}
	if err := s.check(ctx, f, out, commands, results); err != nil {
		return err
	}
	if s.project.Test != nil {
		test := build.Command{Name: runs.Tests, Args: s.project.Test.Command, Timeout: testLimit}
		tests := []build.Command{test}
		if err := s.inputs.Run(tests, nil); err != nil {
			return err
		}
		found, err := s.test(ctx, d, process, tests[0], log)
		if err != nil {
			return err
		}
		commands, results = append(commands, test), append(results, found)
	}
	out.Run = s.judge(commands, results, process)
	owners := f.fileOwners()
	for i := range out.Run.Commands {
		runs.NoteImports(&out.Run.Commands[i], results[i].Imports, owners)
	}
	if out.Run.Note = cmp.Or(missing, out.Run.Note); out.Run.Note != "" && !s.project.Configured && !limited(results) {
		out.Run.Note += "; name what has to work in whittle.yaml (run:)"
	}
	return nil
}

// limited says whether a limit of whittle's ended a run: then nothing else has to
// be named.
func limited(results []build.RunResult) bool {
	return slices.ContainsFunc(results, func(r build.RunResult) bool { return r.Limit != "" })
}

// check holds what the image's files say against how its commands went.
func (s *study) check(ctx context.Context, f *evidence, out *whittle.Variant, commands []build.Command, results []build.RunResult) error {
	o := CheckOptions{Project: s.project.Dir, digests: true}
	for _, c := range commands {
		if c.Watch == nil {
			o.Commands = append(o.Commands, c.Args)
		}
	}
	check, err := f.check(ctx, s.env, "docker-archive:"+s.out.Path(out.Build.Archive), o)
	if err != nil {
		return fmt.Errorf("checking the image: %w", err)
	}
	check.Image = out.Name
	for i, r := range results {
		for j := range check.Starts {
			st := &check.Starts[j]
			own := commands[i].Watch != nil
			if own == (st.Kind == whittle.StartEntry) && (own || st.Kind == whittle.StartCommand) && slices.Equal(st.Command, commands[i].Args) {
				run, problem := runs.Judge(st.Kind, commands[i], r, f.Config().Config)
				st.Run = &run
				runs.Compare(check, st, problem)
			}
		}
	}
	runs.Decide(check)
	out.Check = check
	return nil
}

// commands are the project's, or each console script with --help and the
// imports of the health check.
func (s *study) commands(process whittle.Process) []build.Command {
	var out []build.Command
	for _, c := range s.project.Commands {
		out = append(out, build.Command{Name: c.Name, Args: c.Command, Timeout: runs.Limit})
	}
	if !s.project.Configured {
		if args, ok := runs.HealthcheckImports(process); ok {
			out = append(out, build.Command{Name: "healthcheck", Args: args, Timeout: runs.Limit})
		}
	}
	if len(out) > 0 {
		out[0].Repeat = map[bool]int{true: 1, false: startups}[s.o.Quick]
	}
	return out
}

// judge reads the results of the commands. Those that nobody asked for do not
// decide.
func (s *study) judge(commands []build.Command, results []build.RunResult, process whittle.Process) whittle.RunFacts {
	facts := whittle.RunFacts{Status: whittle.Unknown, Commands: []whittle.CommandRun{}}
	unmet := false
	for i, r := range results {
		c, _ := runs.Judge(whittle.StartCommand, commands[i], r, process)
		c.Optional = !c.Own && !s.project.Configured && slices.ContainsFunc(s.project.Commands, func(p project.Command) bool { return slices.Equal(p.Command, c.Command) })
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
