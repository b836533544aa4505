package audit

import (
	"context"

	"whittle.dev/whittle/internal/host"
	"whittle.dev/whittle/internal/manifest"
	"whittle.dev/whittle/internal/pep"
	"whittle.dev/whittle/internal/python"
	"whittle.dev/whittle/internal/resolve"
)

// namesOf finds the distribution of a module: by the configuration, the installed
// and declared distributions, the table of wheels, and the package index.
func namesOf(ctx context.Context, env *host.Env, installed []python.Distribution, declared *manifest.Declared, given map[string]string, on pep.Environment) *python.Names {
	n := python.NewNames(installed)
	n.Declare(declared.Names())
	n.Given, n.Ships = given, resolve.Asker(ctx, env.Packages, on)
	return n
}
