package lab

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/build"
	"whittle.dev/whittle/internal/project"
	"whittle.dev/whittle/internal/source"
)

// patience is how long an entry point is watched that does not end: a server
// that is still there after it has started.
const patience = 10 * time.Second

// subjectName names the image in the Dockerfile that only runs it.
const subjectName = "whittle-check-subject"

// confirm runs what an image starts and notes beside each verdict how it went,
// and where the two disagree.
func confirm(ctx context.Context, env *Env, f *evidence, c *whittle.Check, o CheckOptions) error {
	if len(c.Starts) == 0 {
		return nil
	}
	dir, err := os.MkdirTemp(o.TempDir, "whittle-check-*")
	if err != nil {
		return fmt.Errorf("making a folder for the image: %w", err)
	}
	defer os.RemoveAll(dir)
	env.progress().Step("handing " + c.Image + " to the build engine")
	digest, err := source.WriteLayout(ctx, f.img, dir)
	if err != nil {
		return err
	}
	engine, err := env.Engine(ctx, true)
	if err != nil {
		return err
	}
	defer engine.Close()
	platform := f.img.Config().Platform()
	d := build.Definition{Content: []byte("FROM " + subjectName + "\n"), Dockerfile: c.Image, Platform: platform.String(), Offline: true,
		Bases: map[string]build.Base{subjectName: {Layout: dir, Digest: digest}}}
	return runStarts(ctx, env, engine, d, f, c, o)
}

// runStarts runs the starts of a check in the image that d builds.
func runStarts(ctx context.Context, env *Env, engine Builder, d build.Definition, f *evidence, c *whittle.Check, o CheckOptions) error {
	process, commands := f.img.Config().Config, startCommands(c.Starts, cmp.Or(o.Patience, patience), f.packageSites())
	var p *project.Project
	if o.Project != "" {
		p, _ = project.Load(o.Project, "") // it need be no project that can be built
		if p != nil {
			p.Variants = nil // nor is it built
		}
	}
	inputs, err := surround(env, p, o.Inputs)
	if err == nil {
		err = inputs.run(commands, nil)
	}
	if err != nil {
		return err
	}
	inputs.give(&d)
	if len(d.Services) > 0 {
		bases, err := openBases(ctx, env, p.Bases)
		if err != nil {
			return err
		}
		maps.Copy(d.Bases, bases)
	}
	env.progress().Step(fmt.Sprintf("running what %s starts (%d)", c.Image, len(commands)))
	results, err := engine.Run(ctx, d, commands, build.RunOptions{})
	if err != nil {
		return fmt.Errorf("running %s: %w", c.Image, err)
	}
	for i := range c.Starts {
		s := &c.Starts[i]
		own := 1
		if s.Probe != nil {
			own = 2
		}
		for j, r := range results[:own] {
			run, problem := judgeStart(s.Kind, commands[j], r, process)
			noteImports(&run, r.Imports, f.fileOwners(ctx))
			if s.Run == nil || run.Status == whittle.Fails {
				s.Run = &run
			}
			if j == own-1 || run.Status == whittle.Fails {
				compareRun(c, s, problem)
				break
			}
		}
		results, commands = results[own:], commands[own:]
	}
	settle(c)
	return nil
}

// startCommands are the commands that run the starts. Console scripts only
// print their help, as nobody knows what they do otherwise.
func startCommands(starts []whittle.Start, patience time.Duration, sites []string) []build.Command {
	var out []build.Command
	for _, s := range starts {
		c := build.Command{Name: s.Name, Args: s.Command, Timeout: runLimit, Sites: sites}
		switch s.Kind {
		case whittle.StartEntry:
			c.Timeout, c.Watch = patience, &build.Watch{}
		case whittle.StartConsole:
			c.Args = append(slices.Clone(s.Command), "--help")
		}
		out = append(out, c)
		if s.Probe != nil {
			out = append(out, build.Command{Name: s.Name, Args: s.Probe, Timeout: patience})
		}
	}
	return out
}

// judgeStart reads how a start went. An entry point that does not end serves;
// a health check that could be started says nothing more without its service.
func judgeStart(kind string, c build.Command, r build.RunResult, process whittle.Process) (whittle.CommandRun, whittle.Problem) {
	if r.Watched != nil {
		return judgeOwn(c, r, process)
	}
	run := whittle.CommandRun{Name: r.Name, Command: c.Args, Status: whittle.Runs, Exit: r.ExitCode, Seconds: seconds(r.Times)}
	if r.OK() || r.TimedOut && kind == whittle.StartEntry {
		return run, whittle.Problem{}
	}
	if r.Limit != "" { // that is whittle's, and not the image's
		run.Status, run.Problem = whittle.Unknown, r.Limit
		return run, whittle.Problem{}
	}
	run.Status = whittle.Fails
	problem := explainRun(&run, r, process)
	problem.ReachedFrom = []string{r.Name}
	if kind == whittle.StartHealthcheck {
		started := r.Err == nil && r.ExitCode != 126 && r.ExitCode != 127
		if started && run.Needs == "" && problem.Module == "" && !notFoundByShell.Match(r.Stderr) {
			run.Status = whittle.Unknown
		}
		problem.Rule = whittle.CheckHealthcheckCannotRun
	}
	return run, problem
}

// notFoundByShell is what shells say of a program that is not there.
var notFoundByShell = regexp.MustCompile(`(?m)^\S*sh: (?:(?:line )?\d+: )?\S+: (?:command )?not found$`)

// compareRun notes where a verdict and a run differ.
func compareRun(c *whittle.Check, s *whittle.Start, problem whittle.Problem) {
	s.Disagreement = ""
	switch run := s.Run; {
	case run.Needs != "":
		c.Unknown = append(c.Unknown, remedy(*run))
	case run.Status == whittle.Fails && s.Verdict != whittle.Fails:
		c.Problems = append([]whittle.Problem{problem}, c.Problems...)
		if s.Verdict == whittle.Runs {
			s.Disagreement = fmt.Sprintf("%s: the files show nothing that is missing, yet it fails: %s", s.Name, run.Problem)
		}
	case run.Status == whittle.Runs && s.Verdict == whittle.Fails:
		s.Disagreement = fmt.Sprintf("%s: it should fail by its files, yet %s ended well", s.Name, strings.Join(run.Command, " "))
	}
	if s.Disagreement != "" {
		c.Disagreements = append(c.Disagreements, s.Disagreement)
	}
}

// settle makes the verdict of a check whose starts were run: a run that fails
// fails the image, and one that went well decides where files did not.
func settle(c *whittle.Check) {
	known := true
	for _, s := range c.Starts {
		switch {
		case s.Run != nil && s.Run.Status == whittle.Fails:
			c.Verdict = whittle.Fails
			return
		case s.Kind == whittle.StartEntry && s.Run != nil && s.Run.Needs != "" && c.Verdict == whittle.Runs:
			c.Verdict, known = whittle.Unknown, false
		case s.Verdict == whittle.Unknown && (s.Run == nil || s.Run.Status != whittle.Runs):
			known = false
		}
	}
	if c.Verdict == whittle.Unknown && known {
		c.Verdict = whittle.Runs
	}
}
