package audit

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/build"
	"whittle.dev/whittle/internal/host"
	"whittle.dev/whittle/internal/inputs"
	"whittle.dev/whittle/internal/project"
	"whittle.dev/whittle/internal/runs"
	"whittle.dev/whittle/internal/source"
)

// patience is how long an entry point is watched that does not end. A server that
// still runs after that time has started.
const patience = 10 * time.Second

// imageName names the image in the Dockerfile that only runs it.
const imageName = "whittle-check-subject"

// confirm runs what an image starts, and records the result beside each verdict
// and where the two disagree.
func confirm(ctx context.Context, env *host.Env, f *Evidence, c *whittle.Check, o CheckOptions) error {
	if len(c.Starts) == 0 {
		return nil
	}
	d, remove, err := handOver(ctx, env, f.Image, c.Image)
	if err != nil {
		return err
	}
	defer remove()
	return RunStarts(ctx, env, o.engine, d, f, c, o)
}

// handOver writes an image for the build engine, below a temporary folder. It gives
// what builds no more than the image, and removes what was written.
func handOver(ctx context.Context, env *host.Env, img whittle.Image, name string) (d build.Definition, remove func(), err error) {
	dir, err := os.MkdirTemp("", "whittle-check-*")
	if err != nil {
		return d, nil, fmt.Errorf("making a folder for the image: %w", err)
	}
	remove = func() { _ = os.RemoveAll(dir) }
	env.Listener().Step("handing " + name + " to the build engine")
	digest, err := source.WriteLayout(ctx, img, dir)
	if err != nil {
		remove()
		return d, nil, err
	}
	platform := img.Config().Platform()
	return build.Definition{Content: []byte("FROM " + imageName + "\n"), Dockerfile: name, Platform: platform.String(), Offline: true,
		Bases: map[string]build.Base{imageName: {Layout: dir, Digest: digest}}}, remove, nil
}

// RunStarts runs the starts of a check in the image that d builds.
func RunStarts(ctx context.Context, env *host.Env, engine host.Builder, d build.Definition, f *Evidence, c *whittle.Check, o CheckOptions) error {
	process, commands := f.Config().Config, runCommands(c.Starts, cmp.Or(o.Patience, patience), f.PackageSites(), o.Repeat)
	var p *project.Project
	if o.Project != "" {
		p, _ = project.Load(o.Project, "") // the project need not be one that can be built
		if p != nil {
			p.Variants = nil // it is not built here
		}
	}
	inputs, err := inputs.Read(env.Variables(), p, o.Inputs)
	if err == nil {
		err = inputs.SetEnvironment(commands, nil)
	}
	if err != nil {
		return err
	}
	inputs.AddTo(&d)
	if len(d.Services) > 0 {
		bases, err := Bases(ctx, env, p.Bases)
		if err != nil {
			return err
		}
		maps.Copy(d.Bases, bases)
	}
	env.Listener().Step(fmt.Sprintf("running what %s starts (%d)", c.Image, len(commands)))
	results, err := engine.Run(ctx, d, commands, build.RunOptions{Commands: env.Listener()})
	if err != nil {
		return fmt.Errorf("running %s: %w", c.Image, err)
	}
	owners := f.FileOwners()
	for i := range c.Starts {
		s := &c.Starts[i]
		own := 1
		if s.Probe != nil {
			own = 2
		}
		for j, r := range results[:own] {
			run, problem := runs.Judge(s.Kind, commands[j], r, process)
			runs.NoteImports(&run, r.Imports, owners)
			if s.Run == nil || run.Status == whittle.Fails {
				s.Run = &run
			}
			if j == own-1 || run.Status == whittle.Fails {
				runs.Compare(c, s, problem)
				break
			}
		}
		results, commands = results[own:], commands[own:]
	}
	runs.Decide(c)
	return nil
}

// runCommands are the commands that run the starts. Console scripts only print
// their help, because their other effects are unknown.
func runCommands(starts []whittle.Start, patience time.Duration, sites []string, repeat int) []build.Command {
	var out []build.Command
	for _, s := range starts {
		c := build.Command{Name: s.Name, Args: s.Command, Timeout: runs.Limit, Sites: sites}
		switch s.Kind {
		case whittle.StartEntry:
			c.Timeout, c.Watch, c.Repeat = patience, &build.Watch{}, repeat
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

// Bases reads the digests of the images that stand in for a registry.
func Bases(ctx context.Context, env *host.Env, places map[string]string) (map[string]build.Base, error) {
	bases := map[string]build.Base{}
	for name, place := range places {
		img, err := env.Images.Open(ctx, place)
		if err != nil {
			return nil, whittle.WithHint(whittle.ErrUsage.Errorf("base %s: %w", name, err), "the bases: of whittle.yaml name OCI layouts, relative to it")
		}
		bases[name] = build.Base{Layout: strings.TrimPrefix(place, "oci-layout:"), Digest: img.Ref().Digest}
		img.Close()
	}
	return bases, nil
}
