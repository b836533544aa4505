package inputs

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/build"
	"whittle.dev/whittle/internal/project"
)

// readCaches reads the caches of options, or else of the variants.
func (s *Set) readCaches(p *project.Project, in Options) error {
	s.cacheFrom, s.cacheTo = map[string][]build.Cache{}, map[string][]build.Cache{}
	for _, list := range []struct {
		option string
		texts  []string
		to     bool
		into   map[string][]build.Cache
	}{{"--cache-from", in.CacheFrom, false, s.cacheFrom}, {"--cache-to", in.CacheTo, true, s.cacheTo}} {
		for _, text := range list.texts {
			c, err := s.cache(text, list.to, "", false)
			if err != nil {
				return whittle.ErrUsage.Errorf("%s: %w", list.option, err)
			}
			list.into[""] = append(list.into[""], c)
		}
		if p == nil || len(list.texts) > 0 {
			continue
		}
		for _, v := range p.Variants {
			named := v.CacheFrom
			if list.to {
				named = v.CacheTo
			}
			for _, text := range named {
				c, err := s.cache(text, list.to, p.Dir, true)
				if err != nil {
					return whittle.ErrUsage.Errorf("variant %s: %s: %w", v.Name, strings.TrimPrefix(list.option, "--"), err)
				}
				list.into[v.Name] = append(list.into[v.Name], c)
			}
		}
	}
	return nil
}

// cache reads one cache. A folder is relative to dir. What a project may not use is
// recorded as a denial.
func (s *Set) cache(text string, to bool, dir string, ofProject bool) (build.Cache, error) {
	c, err := parseCache(text, to)
	if err != nil {
		return c, err
	}
	switch c.Type {
	case "local":
		key := pathKey(to)
		at, err := filepath.Abs(project.Place(dir, c.Attrs[key], s.lookup))
		if err != nil {
			return c, err
		}
		c.Attrs[key] = whittle.WithoutLinks(at)
		if ofProject {
			s.consent.cacheFolder(c.Attrs[key], to)
			if _, holds := whittle.Below(c.Attrs[key], s.consent.dir); holds {
				return c, whittle.ErrUsage.Errorf("the folder of a cache is not that of the project: name one in it")
			}
		}
		return c, plainLayout(c.Attrs[key])
	case "registry":
		if to && ofProject {
			s.consent.pushes("the registry of " + c.Attrs["ref"])
		}
	case "gha":
		return c, s.actionsCache(c, to, ofProject)
	}
	return c, nil
}

// actionsCache completes the attributes of the cache of GitHub Actions from the
// environment, as buildx does. Its token is hidden.
// https://docs.docker.com/build/cache/backends/gha/
func (s *Set) actionsCache(c build.Cache, to, ofProject bool) error {
	if to && ofProject {
		s.consent.pushes("the cache of GitHub Actions")
	}
	lookup := s.lookup
	if ofProject {
		lookup = s.consent.variable
	}
	for attribute, name := range map[string]string{"token": "ACTIONS_RUNTIME_TOKEN", "url": "ACTIONS_CACHE_URL", "url_v2": "ACTIONS_RESULTS_URL"} {
		if c.Attrs[attribute] != "" {
			continue
		}
		if value, ok := lookup(name); ok && value != "" {
			c.Attrs[attribute] = value
		}
	}
	if v, ok := s.lookup("ACTIONS_CACHE_SERVICE_V2"); ok && v != "" && c.Attrs["version"] == "" {
		c.Attrs["version"] = "2"
	}
	for _, secret := range []string{"token", "ghtoken"} {
		if c.Attrs[secret] != "" {
			s.hidden = append(s.hidden, c.Attrs[secret])
		}
	}
	if _, set := s.lookup("ACTIONS_RUNTIME_TOKEN"); c.Attrs["token"] == "" && !set {
		return whittle.WithHint(whittle.ErrUsage.Errorf("type=gha: ACTIONS_RUNTIME_TOKEN is not set"), "only steps of GitHub Actions have it; elsewhere use type=local or type=registry")
	}
	return nil
}

// plainLayout refuses a folder of a cache with links in it: what is written or read
// there stays there.
func plainLayout(dir string) error {
	for _, name := range []string{"", "index.json", "index.json.lock", "oci-layout", "ingest", "blobs", "blobs/sha256"} {
		info, err := os.Lstat(filepath.Join(dir, filepath.FromSlash(name)))
		switch {
		case err != nil: // not there yet, or BuildKit says why
		case info.Mode()&fs.ModeSymlink != 0:
			return whittle.ErrUsage.Errorf("%s is a link, so that the folder is not used as a cache", filepath.Join(dir, name))
		case name == "" && !info.IsDir():
			return whittle.ErrUsage.Errorf("%s is not a folder", dir)
		}
	}
	return nil
}

// cacheFolder records a denial if a project may not read or write the folder of a
// local cache.
func (c *Consent) cacheFolder(dir string, to bool) {
	switch {
	case c.inside(dir):
	case !to:
		c.allows(dir)
	default:
		for _, w := range c.written {
			if _, ok := whittle.Below(w, dir); ok {
				return
			}
		}
		c.deny("writing to "+dir, allowWrite+dir)
	}
}

// pushes records a denial if a project may not put a cache somewhere with the user's
// credentials.
func (c *Consent) pushes(where string) {
	if !c.push {
		c.deny("pushing to "+where, allowCacheTo)
	}
}

// AddCaches gives the build of a variant its caches. If puts is false, it does not put
// its cache anywhere.
func (s *Set) AddCaches(d *build.Definition, variant string, puts bool) {
	d.CacheFrom = slices.Concat(s.cacheFrom[""], s.cacheFrom[variant])
	if puts {
		d.CacheTo = slices.Concat(s.cacheTo[""], s.cacheTo[variant])
	}
}

// CacheFolders are the folders of local caches.
func (s *Set) CacheFolders() (out []string) {
	if s == nil {
		return nil
	}
	for _, all := range []map[string][]build.Cache{s.cacheFrom, s.cacheTo} {
		for _, list := range all {
			for _, c := range list {
				for _, key := range []string{"src", "dest"} {
					if c.Type == "local" && c.Attrs[key] != "" {
						out = append(out, c.Attrs[key])
					}
				}
			}
		}
	}
	return out
}
