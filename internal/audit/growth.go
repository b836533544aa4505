package audit

import (
	"context"
	"path"
	"slices"
	"strings"

	"whittle.dev/whittle/internal/host"
	"whittle.dev/whittle/internal/manifest"
	"whittle.dev/whittle/internal/pep"
	"whittle.dev/whittle/internal/python"
	"whittle.dev/whittle/internal/resolve"
)

// Growth is the number of bytes that installing requirements adds to an image,
// according to the package index. Bytecode counts if the installed distributions
// have it; if only some have, it makes the difference between low and high.
func (x *Examined) Growth(ctx context.Context, env *host.Env, requirements []string) (low, high int64, ok bool) {
	ctx, cancel := context.WithTimeout(ctx, ResolvePatience)
	defer cancel()
	installed := x.InstalledExcept(nil)
	_, in, ok := x.Resolve(ctx, env, requirements, installed)
	if !ok {
		return 0, 0, false
	}
	all, none := x.compiled()
	for _, p := range in.Parts {
		if installed[p.Name] != "" {
			continue
		}
		files := p.Bytes - p.Bytecode
		switch {
		case all:
			low, high = low+p.Low, high+p.High
		case none:
			low, high = low+min(p.Low, files), high+max(files, p.High-p.Bytecode)
		default:
			low, high = low+min(p.Low, files), high+p.High
		}
	}
	return max(low, 0), high, true
}

// compiled says that all distributions that the image has installed have bytecode,
// or that none has. Further ones will be like these.
func (x *Examined) compiled() (all, none bool) {
	all, none = true, true
	seen := false
	for i := range x.Facts.Graph.Distributions {
		d := &x.Facts.Graph.Distributions[i]
		if d.VendoredBy != "" || slices.Contains(BaseTools, d.Name) {
			continue
		}
		source, bytecode := false, false
		for _, f := range d.Files {
			source = source || strings.HasSuffix(f, ".py")
			bytecode = bytecode || strings.HasSuffix(f, ".pyc")
		}
		if source {
			seen, all, none = true, all && bytecode, none && !bytecode
		}
	}
	return all && seen, none && seen
}

// Resolve resolves requirements with the package index, and prefers the installed
// versions, by name. ok is false if the index does not tell.
func (x *Examined) Resolve(ctx context.Context, env *host.Env, requirements []string, installed map[string]string) (*resolve.Solution, *resolve.Installation, bool) {
	found := python.Interpreters(x.Facts.Root)
	if len(found) == 0 || env.Packages == nil {
		return nil, nil, false
	}
	wanted := make([]pep.Requirement, len(requirements))
	for i, text := range requirements {
		var err error
		if wanted[i], err = pep.ParseRequirement(text); err != nil {
			return nil, nil, false
		}
	}
	o := resolve.Options{Target: x.Target(found[0]), Env: x.Environment, Prefer: installed}
	if x.Facts.Declared != nil {
		for _, d := range x.Facts.Declared.Dependencies {
			if d.Kind == manifest.Constraint {
				o.Constraints = append(o.Constraints, d.Requirement)
			}
		}
	}
	res, err := resolve.Versions(ctx, env.Packages, wanted, o)
	if err != nil {
		return nil, nil, false
	}
	in, err := resolve.Installed(ctx, env.Packages, res, resolve.InstallOptions{})
	return res, in, err == nil
}

// Target is the platform that wheels must fit in an image. It assumes a new C
// library, because the sizes of older wheels hardly differ.
func (x *Examined) Target(i python.Interpreter) pep.Target {
	v := i.Numbers()
	t := pep.Target{Major: v[0], Minor: v[1], Threaded: i.Threaded, Machine: x.Subject.Config().Platform().Machine(), Libc: "glibc", LibcMajor: 2, LibcMinor: 99}
	for _, p := range x.Facts.Root.Paths() {
		if strings.HasPrefix(path.Base(p), "ld-musl-") {
			t.Libc, t.LibcMajor, t.LibcMinor = "musl", MuslMajor, MuslMinor
			break
		}
	}
	return t
}

// InstalledExcept are the versions of the image's distributions by name, without
// those at the removed positions.
func (x *Examined) InstalledExcept(removed []int) map[string]string {
	out := map[string]string{}
	for i := range x.Facts.Graph.Distributions {
		if d := &x.Facts.Graph.Distributions[i]; d.VendoredBy == "" && d.Version != "" && !slices.Contains(removed, i) {
			out[d.Name] = d.Version
		}
	}
	return out
}

// MuslMajor and MuslMinor are the newest musl that wheels are made for.
const (
	MuslMajor = 1
	MuslMinor = 2
)

// BaseTools come with the base image.
var BaseTools = []string{"pip", "setuptools", "wheel"}
