package audit

import (
	"context"
	"errors"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/host"
	"whittle.dev/whittle/internal/manifest"
	"whittle.dev/whittle/internal/pep"
	"whittle.dev/whittle/internal/python"
	"whittle.dev/whittle/internal/python/source"
	"whittle.dev/whittle/internal/resolve"
)

// namesOf finds the distribution of a module: by the configuration, the installed
// and declared distributions, the table of wheels, and the package index.
func namesOf(ctx context.Context, env *host.Env, installed []python.Distribution, declared *manifest.Declared, given map[string]string, on pep.Environment) *python.Names {
	n := python.NewNames(installed)
	n.Declare(declared.Names())
	n.Given, n.Ships = given, ships(ctx, env, on)
	return n
}

// ships gives a function that asks the package index whether the newest wheel of a
// distribution has a module. After an index did not answer, it is not asked again.
func ships(ctx context.Context, env *host.Env, on pep.Environment) func(distribution, module string) source.Truth {
	if env.Packages == nil {
		return nil
	}
	silent := false
	type question struct{ distribution, module string }
	answers := map[question]source.Truth{}
	ask := func(distribution, module string) source.Truth {
		ctx, cancel := context.WithTimeout(ctx, IndexPatience)
		defer cancel()
		has, err := resolve.Ships(ctx, env.Packages, distribution, module, on)
		switch {
		case err != nil:
			silent = errors.Is(err, whittle.ErrEngine) || errors.Is(err, context.DeadlineExceeded)
			return source.Maybe
		case has:
			return source.Yes
		}
		return source.No
	}
	return func(distribution, module string) source.Truth {
		q := question{distribution, module}
		if answer, ok := answers[q]; ok || silent {
			return answer // Maybe, if the index is not asked any more
		}
		answers[q] = ask(distribution, module)
		return answers[q]
	}
}
