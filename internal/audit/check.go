package audit

import (
	"context"
	"path"
	"time"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/check"
	"whittle.dev/whittle/internal/host"
	"whittle.dev/whittle/internal/inputs"
	"whittle.dev/whittle/internal/manifest"
	"whittle.dev/whittle/internal/project"
	"whittle.dev/whittle/internal/python"
	"whittle.dev/whittle/internal/recall"
	"whittle.dev/whittle/internal/rootfs"
	"whittle.dev/whittle/internal/start"
)

// RunOptions say what of an image runs, and with what.
type RunOptions struct {
	// Project is the folder of the project that made the image; empty if it is not
	// known.
	Project string
	// Commands are command lines besides what the image starts.
	Commands [][]string
	// Patience is how long an entry point is watched that neither ends nor answers.
	Patience time.Duration
	// Inputs are the inputs of the runs, besides those that the project names.
	Inputs inputs.Options
}

// CheckOptions are the options of [Check].
type CheckOptions struct {
	// RunOptions are what must work, and with what. Patience is ten seconds if it is 0.
	RunOptions
	// Context is the folder that the build got, as in [InspectOptions].
	Context string
	// Process is the process that is started in place of the image's own; nil is
	// that.
	Process *whittle.Process
	// Run also runs what the image starts.
	Run bool
	// Repeat is how often an entry point is run, to time it; 0 is once.
	Repeat int
	// Digests says that the image is inspected too. The digests of its files are
	// then computed in the same pass over the layers.
	Digests bool
	engine  host.Builder // where Run is set
}

// Check says whether an image can run, without running it.
func Check(ctx context.Context, env *host.Env, name string, o CheckOptions) (*whittle.Check, error) {
	if o.Run { // before the image is read: it may take long
		env.Listener().Step("looking for a build engine")
		engine, err := env.Engine(ctx, true)
		if err != nil {
			return nil, err
		}
		defer engine.Close()
		o.engine = engine
	}
	img, err := env.Images.Open(ctx, name)
	if err != nil {
		return nil, err
	}
	defer img.Close()
	result := func(env *host.Env) (*whittle.Check, error) {
		f, err := ReadEvidence(ctx, env, img, name, o.Digests)
		if err != nil {
			return nil, err
		}
		return f.Check(ctx, env, name, o)
	}
	if o.Run {
		return result(env)
	}
	of := recall.Of{Verb: "check", Options: []any{name, o.Process, o.Commands}, Aside: check.Aside}
	if o.Project != "" {
		of.Folders = []string{o.Project, contextDir(o.Project, o.Context)}
	}
	return recall.Result(ctx, env, img, of, result)
}

// Evidence is an image that was read for a check.
type Evidence struct {
	*rootfs.Image
	distributions []python.Distribution
}

// ReadEvidence reads what checks look at in an image. digests also computes the
// digests of its files.
func ReadEvidence(ctx context.Context, env *host.Env, img whittle.Image, name string, digests bool) (*Evidence, error) {
	read, task := env.Reading(name, img)
	defer task.End("")
	read.NoDigests = !digests
	m, err := rootfs.Read(ctx, img, name, rootfs.Options{Index: read, Databases: Databases(), Facts: true})
	if err != nil {
		return nil, err
	}
	dists, _ := python.Distributions(ctx, m)
	return &Evidence{m, dists}, ctx.Err()
}

// Check says whether the image can run.
func (f *Evidence) Check(ctx context.Context, env *host.Env, name string, o CheckOptions) (*whittle.Check, error) {
	on := environmentOf(f, f.Config().Platform())
	in := &check.Image{
		Image: start.Image{Root: f, Config: startedAs(f.Config(), o.Process), Distributions: f.distributions, Sources: f.Source, Binaries: f.Binary, Builtins: f.Builtins,
			Version: f.Version, Commands: o.Commands},
		Bound: func(name string) (string, bool) { return newestBound(ctx, env, name, on) }}
	configured := project.Check{}
	var err error
	if o.Project != "" {
		if configured, err = project.ReadCheck(o.Project); err != nil {
			return nil, err
		}
		in.Folder = whittle.Folder(contextDir(o.Project, o.Context))
		// An unreadable file of the project is no problem of the image.
		in.Project, _ = manifest.ReadDeclared(in.Folder)
	}
	in.Names = namesOf(ctx, env, f.distributions, in.Project, configured.Names, on)
	env.Listener().Step("checking " + name)
	defer f.ScanAhead()()
	out, err := check.Run(ctx, in)
	if err != nil {
		return nil, err
	}
	out.Image, out.Unverified = f.Ref().Name, !f.Verified()
	if o.Run {
		err = confirm(ctx, env, f, out, o)
	}
	return out, err
}

// Checks are all checks, in the order in which they are made.
func Checks() []check.Check { return check.All() }

// PackageSites are the site-packages and dist-packages folders of an image.
func (f *Evidence) PackageSites() []string {
	var out []string
	for _, p := range f.Paths() {
		if base := path.Base(p); base != "site-packages" && base != "dist-packages" {
			continue
		}
		if e, err := f.Lstat(p); err == nil && e.Kind == whittle.Dir {
			out = append(out, p)
		}
	}
	return out
}

// FileOwners are the names of distributions by the paths of their files.
func (f *Evidence) FileOwners() map[string]string { return OwnersOf(f.distributions) }

// OwnersOf are the names of distributions by the paths of their files. The files
// of a vendored distribution belong to the one that ships it.
func OwnersOf(installed []python.Distribution) map[string]string {
	out := map[string]string{}
	for i := range installed {
		d := &installed[i]
		for _, file := range d.Files {
			if _, known := out[file]; d.VendoredBy == "" || !known {
				out[file] = d.Name
			}
		}
	}
	return out
}
