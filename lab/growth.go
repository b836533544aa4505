package lab

import (
	"context"
	"path"
	"strings"

	"whittle/internal/plan"
	"whittle/internal/python"
)

// growth is how many bytes installing some requirements adds to an image, by
// the package index: with bytecode at the most, without at the least.
func (x *examined) growth(ctx context.Context, env *Env, requirements []string) (low, high int64, ok bool) {
	found := python.Interpreters(x.pass.Root)
	if len(found) == 0 || env.Packages == nil {
		return 0, 0, false
	}
	wanted := make([]python.Requirement, len(requirements))
	for i, text := range requirements {
		var err error
		if wanted[i], err = python.ParseRequirement(text); err != nil {
			return 0, 0, false
		}
	}
	ctx, cancel := context.WithTimeout(ctx, resolvePatience)
	defer cancel()
	o := plan.ResolveOptions{Target: x.target(found[0]), Env: x.environment, Prefer: map[string]string{}}
	for i := range x.pass.Graph.Distributions {
		if d := &x.pass.Graph.Distributions[i]; d.VendoredBy == "" {
			o.Prefer[d.Name] = d.Version
		}
	}
	if x.pass.Declared != nil {
		for _, d := range x.pass.Declared.Dependencies {
			if d.Kind == python.Constraint {
				o.Constraints = append(o.Constraints, d.Requirement)
			}
		}
	}
	res, err := plan.Resolve(ctx, env.Packages, wanted, o)
	if err != nil {
		return 0, 0, false
	}
	in, err := plan.Installed(ctx, env.Packages, res, plan.InstallOptions{})
	if err != nil {
		return 0, 0, false
	}
	for _, p := range in.Parts {
		if _, there := o.Prefer[p.Name]; !there {
			low += p.Low - p.Bytecode
			high += p.High
		}
	}
	return max(low, 0), high, true
}

// target is what wheels must fit in an image. Its C library is taken to be a
// new one: sizes of older wheels hardly differ.
func (x *examined) target(i python.Interpreter) python.Target {
	v := i.Numbers()
	t := python.Target{Major: v[0], Minor: v[1], Threaded: i.Threaded, Machine: x.Config().Platform().Machine(), Libc: "glibc", LibcMajor: 2, LibcMinor: 99}
	for _, p := range x.pass.Root.Paths() {
		if strings.HasPrefix(path.Base(p), "ld-musl-") {
			t.Libc, t.LibcMajor, t.LibcMinor = "musl", muslMajor, muslMinor
			break
		}
	}
	return t
}
