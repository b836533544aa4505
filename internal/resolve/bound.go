package resolve

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/pep"
	"whittle.dev/whittle/internal/python"
)

// Bound gives the specifiers to declare a distribution with (">=13,<14"): the
// series of its newest release that an environment can use, a pre-release only
// where there is nothing else. A distribution that the index does not have, or
// has no release of that fits, is [whittle.ErrNotFound].
func Bound(ctx context.Context, idx Index, name string, env pep.Environment) (string, error) {
	newest, err := newestOf(ctx, idx, name, env)
	if err != nil {
		return "", err
	}
	bound := pep.SeriesOf(newest.version.String())
	if bound == "" {
		return "", whittle.ErrUnsupported.Errorf("the release %s has no series", newest)
	}
	return bound, nil
}

// newestOf is the newest release of a distribution that an environment can use.
func newestOf(ctx context.Context, idx Index, name string, env pep.Environment) (*release, error) {
	name = pep.Normalize(name)
	files, err := idx.Files(ctx, name)
	if err != nil {
		return nil, fmt.Errorf("looking for the newest release of %s: %w", name, err)
	}
	var newest *release
	for _, t := range targetsOf(env) {
		for _, r := range newCatalogue(idx, Options{Target: t, Env: env}).group(name, files) {
			if r.yanked || newest != nil && !newer(r, newest) {
				continue
			}
			newest = r
		}
	}
	if newest == nil {
		return nil, whittle.ErrNotFound.Errorf("no release of %s fits Python %s", name, env.PythonVersion)
	}
	return newest, nil
}

// Ships says whether the newest release of a distribution that an environment
// can use has a module, by the directory of its wheel. One without a wheel is
// [whittle.ErrUnsupported]; other errors are as those of [Bound].
func Ships(ctx context.Context, idx Index, name, module string, env pep.Environment) (bool, error) {
	newest, err := newestOf(ctx, idx, name, env)
	if err != nil {
		return false, err
	}
	if newest.wheel == nil {
		return false, whittle.ErrUnsupported.Errorf("the release %s has no wheel that fits", newest)
	}
	members, err := idx.Members(ctx, *newest.wheel)
	if err != nil {
		return false, fmt.Errorf("looking for %s in %s: %w", module, newest, err)
	}
	files := make([]string, len(members))
	for i, m := range members {
		files[i] = m.Path
	}
	return python.WheelHas(files, module), nil
}

// newer says whether a release is to be declared before another.
func newer(a, b *release) bool {
	if a.version.Prerelease() != b.version.Prerelease() {
		return b.version.Prerelease()
	}
	return a.version.Compare(b.version) > 0
}

// targetsOf are what an environment may be: markers do not name the C library,
// and the series of a distribution hardly depends on it.
func targetsOf(env pep.Environment) []pep.Target {
	major, minor, _ := strings.Cut(env.PythonVersion, ".")
	t := pep.Target{Machine: env.PlatformMachine, Libc: "glibc", LibcMajor: 2, LibcMinor: 99}
	t.Major, _ = strconv.Atoi(major)
	t.Minor, _ = strconv.Atoi(minor)
	musl := t
	musl.Libc, musl.LibcMajor = "musl", 1
	return []pep.Target{t, musl}
}
