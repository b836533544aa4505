package audit

import (
	"context"
	"fmt"
	"time"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/check"
	"whittle.dev/whittle/internal/deps"
	"whittle.dev/whittle/internal/host"
	"whittle.dev/whittle/internal/pep"
	"whittle.dev/whittle/internal/project"
	"whittle.dev/whittle/internal/python"
	"whittle.dev/whittle/internal/resolve"
)

// defaultPython is the Python version for which bounds are looked up without an
// image. They hardly depend on it.
const defaultPython = "3.13"

// CheckProject says whether a project declares what its modules import, without
// an image.
func CheckProject(ctx context.Context, env *host.Env, dir string) (*whittle.Check, error) {
	environment := python.Interpreter{Series: defaultPython, Version: defaultPython, Implementation: "cpython"}.Environment("x86_64")
	configured, err := project.ReadCheck(dir)
	if err != nil {
		return nil, err
	}
	c, err := check.Project(ctx, whittle.Folder(dir), deps.Options{
		Bound: func(name string) (string, bool) { return newestBound(ctx, env, name, environment) },
		Resolve: func(reqs []pep.Requirement) (map[string]string, bool) {
			return installedFor(ctx, env, reqs, environment)
		},
		Ships: resolve.Asker(ctx, env.Packages, environment),
		Names: configured.Names, Ignore: configured.Ignore, Development: configured.Development,
	})
	if err != nil {
		return nil, fmt.Errorf("checking %s: %w", dir, err)
	}
	return c, nil
}

// dependenciesPatience is how long a check waits for the package index to resolve
// a project's dependencies. After that it goes on without.
const dependenciesPatience = 20 * time.Second

// installedFor are the versions that would be installed for requirements, by name,
// according to the package index.
func installedFor(ctx context.Context, env *host.Env, reqs []pep.Requirement, on pep.Environment) (map[string]string, bool) {
	if env.Packages == nil {
		return nil, false
	}
	env.Listener().Step("finding out what the dependencies require")
	ctx, cancel := context.WithTimeout(ctx, dependenciesPatience)
	defer cancel()
	target := pep.Target{Major: 3, Minor: 13, Libc: "glibc", LibcMajor: 2, LibcMinor: 41, Machine: on.PlatformMachine}
	res, err := resolve.Versions(ctx, env.Packages, reqs, resolve.Options{Env: on, Target: target})
	if err != nil || len(res.Notes) > 0 { // notes report guesses
		return nil, false
	}
	out := map[string]string{}
	for _, c := range res.Choices {
		out[pep.Normalize(c.Name)] = c.Version
	}
	return out, true
}
