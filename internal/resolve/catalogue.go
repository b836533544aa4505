package resolve

import (
	"context"
	"errors"
	"maps"
	"net/url"
	"path"
	"slices"
	"strings"
	"sync"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/pep"
)

// release is one version of a distribution that the target can use.
type release struct {
	name    string
	version pep.Version
	// wheel, source and like are as in [Choice].
	wheel, source, like *whittle.IndexFile
	build               string
	rank                tagRank
	yanked              bool
	url                 string
	// facts are read once.
	facts *once[*facts]
}

// facts are what a release's metadata say.
type facts struct {
	requires []pep.Requirement
	extras   map[string]bool
	// broken is why the release cannot be used.
	broken error
	// guessed says where else the requirements were read.
	guessed string
}

func (r *release) choice() *Choice {
	return &Choice{Name: r.name, Version: r.version.String(), Wheel: r.wheel, Source: r.source, Like: r.like, URL: r.url}
}

func (r *release) String() string { return r.name + " " + r.version.String() }

// once is a value that the first caller makes; others wait for it.
type once[T any] struct {
	sync.Once
	value T
	err   error
}

func (o *once[T]) get(f func() (T, error)) (T, error) {
	o.Do(func() { o.value, o.err = f() })
	return o.value, o.err
}

// catalogue reads an index: each answer once, and some ahead of need.
type catalogue struct {
	idx    Index
	o      Options
	python pep.Version
	limits map[string][]pep.Requirement
	mu     sync.Mutex
	known  map[string]*once[[]*release]
	direct map[string]*once[*release]
	absent map[string]bool
	notes  map[string]string
	ahead  sync.WaitGroup
	slots  chan struct{}
}

// readAhead bounds the requests that are made ahead of need.
const readAhead = 8

func newCatalogue(idx Index, o Options) *catalogue {
	c := &catalogue{idx: idx, o: o, limits: map[string][]pep.Requirement{}, known: map[string]*once[[]*release]{},
		direct: map[string]*once[*release]{}, absent: map[string]bool{}, notes: map[string]string{}, slots: make(chan struct{}, readAhead)}
	c.python, _ = pep.ParseVersion(o.Env.PythonFullVersion)
	for _, r := range o.Constraints {
		if ok, err := r.Marker.Evaluate(o.Env, ""); ok && err == nil && r.URL == "" {
			c.limits[r.Name] = append(c.limits[r.Name], r)
		}
	}
	for name, version := range o.Locked {
		if s, err := pep.ParseSpecifiers("==" + version); err == nil {
			name = pep.Normalize(name)
			c.limits[name] = append(c.limits[name], pep.Requirement{Name: name, Specifiers: s})
		}
	}
	return c
}

// wait waits for the requests that were made ahead.
func (c *catalogue) wait() { c.ahead.Wait() }

// prefetch asks for the releases of some distributions, and for the metadata
// of the newest of each, without waiting.
func (c *catalogue) prefetch(ctx context.Context, names []string) {
	for _, name := range names {
		c.mu.Lock()
		_, known := c.known[name]
		c.mu.Unlock()
		if known {
			continue
		}
		c.ahead.Go(func() {
			select {
			case c.slots <- struct{}{}:
				defer func() { <-c.slots }()
			case <-ctx.Done():
				return
			}
			all, err := c.releases(ctx, name)
			if err != nil {
				return // the search that needs it gets the error
			}
			for _, r := range all {
				if !r.version.Prerelease() && !r.yanked {
					_, _ = c.factsOf(ctx, r)
					return
				}
			}
		})
	}
}

// releases are the versions of a distribution that the target can use, the
// newest first; none where the index has no such distribution.
func (c *catalogue) releases(ctx context.Context, name string) ([]*release, error) {
	c.mu.Lock()
	o := c.known[name]
	if o == nil {
		o = &once[[]*release]{}
		c.known[name] = o
	}
	c.mu.Unlock()
	return o.get(func() ([]*release, error) {
		files, err := c.idx.Files(ctx, name)
		if errors.Is(err, whittle.ErrNotFound) {
			c.mu.Lock()
			c.absent[name] = true
			c.mu.Unlock()
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		return c.group(name, files), nil
	})
}

// group makes releases of files.
func (c *catalogue) group(name string, files []whittle.IndexFile) []*release {
	byVersion := map[string]*release{}
	for i := range files {
		v, w, ok := readName(name, files[i].Name)
		if !ok || !c.runs(files[i].RequiresPython) {
			continue
		}
		// Versions that are written differently may be the same: "1.0" and "1".
		key := v.Key()
		r := byVersion[key]
		if r == nil {
			r = &release{name: name, version: v, yanked: true, facts: &once[*facts]{}}
			byVersion[key] = r
		}
		r.add(c, &files[i], w)
	}
	out := slices.DeleteFunc(slices.Collect(maps.Values(byVersion)), func(r *release) bool { return r.wheel == nil && r.source == nil })
	slices.SortFunc(out, func(a, b *release) int { return b.version.Compare(a.version) })
	return out
}

// add takes a file into its release, if it is the best of its kind: one that
// is not yanked, then the wheel that fits best, then the highest build.
func (r *release) add(c *catalogue, f *whittle.IndexFile, w *pep.Wheel) {
	if w == nil {
		if !named(c.o.OnlyBinary, r.name) && (r.source == nil || r.source.Yanked && !f.Yanked) {
			r.source = f
			r.yanked = r.yanked && f.Yanked
		}
		return
	}
	rank, fits := rankWheel(c.o.Target, *w)
	if !fits || named(c.o.NoBinary, r.name) {
		if r.like == nil || closer(f.Name, r.like.Name) {
			r.like = f
		}
		return
	}
	better := r.wheel == nil || r.wheel.Yanked && !f.Yanked
	if r.wheel != nil && r.wheel.Yanked == f.Yanked {
		order := rank.compare(r.rank)
		better = order < 0 || order == 0 && compareBuild(w.Build, r.build) > 0
	}
	if better {
		r.wheel, r.rank, r.build = f, rank, w.Build
	}
	r.yanked = r.yanked && f.Yanked
}

// closer says whether a wheel for another target is a better substitute than
// another: one for Linux, and then by name, so that the choice is the same each
// time.
func closer(a, b string) bool {
	la, lb := strings.Contains(a, "linux"), strings.Contains(b, "linux")
	if la != lb {
		return la
	}
	return a > b
}

func named(list []string, name string) bool {
	return slices.ContainsFunc(list, func(s string) bool { return s == ":all:" || pep.Normalize(s) == name })
}

// runs says whether a Requires-Python allows the target. One that cannot be
// read allows it, as in pip.
func (c *catalogue) runs(requires string) bool {
	if requires == "" {
		return true
	}
	s, err := pep.ParseSpecifiers(requires)
	return err != nil || s.Contains(c.python, true)
}

// readName reads the version of a distribution's file; w is nil for a source.
func readName(name, file string) (v pep.Version, w *pep.Wheel, ok bool) {
	if strings.HasSuffix(file, ".whl") {
		wheel, err := pep.ParseWheelName(file)
		return wheel.Version, &wheel, err == nil && wheel.Name == name
	}
	for _, suffix := range []string{".tar.gz", ".zip", ".tgz", ".tar.bz2", ".tar.xz"} {
		stem, isSource := strings.CutSuffix(file, suffix)
		if !isSource {
			continue
		}
		for i, c := range stem {
			if c != '-' || pep.Normalize(stem[:i]) != name {
				continue
			}
			if v, err := pep.ParseVersion(stem[i+1:]); err == nil {
				return v, nil, true
			}
		}
	}
	return v, nil, false
}

// pointed is the release that a requirement's URL points to.
func (c *catalogue) pointed(r pep.Requirement) (*release, error) {
	c.mu.Lock()
	o := c.direct[r.URL]
	if o == nil {
		o = &once[*release]{}
		c.direct[r.URL] = o
	}
	c.mu.Unlock()
	return o.get(func() (*release, error) {
		u, err := url.Parse(r.URL)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" {
			return nil, whittle.ErrUnsupported.Errorf("%s points to what is no file of an index", r.Name)
		}
		f := &whittle.IndexFile{Name: path.Base(u.Path), URL: r.URL}
		if hex, ok := strings.CutPrefix(u.Fragment, "sha256="); ok {
			f.SHA256 = strings.ToLower(hex)
		}
		v, w, ok := readName(r.Name, f.Name)
		if !ok {
			return nil, whittle.ErrUsage.Errorf("%s points to %.80q, which is no file of it", r.Name, f.Name)
		}
		rel := &release{name: r.Name, version: v, url: r.URL, facts: &once[*facts]{}}
		rel.add(c, f, w)
		if rel.wheel == nil && rel.source == nil {
			return nil, whittle.ErrUsage.Errorf("%s points to %.80q, which the target cannot use", r.Name, f.Name)
		}
		return rel, nil
	})
}
