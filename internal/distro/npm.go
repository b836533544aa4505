package distro

import (
	"context"
	"encoding/json"
	"fmt"
	"path"
	"sort"
	"strings"

	"whittle"
)

// isPackageJSON says whether a package.json is that of a package in a
// node_modules folder: NAME or @SCOPE/NAME directly below it.
func isPackageJSON(p string) bool {
	_, ok := packageDir(p)
	return ok
}

// packageDir is the folder of the npm package that a path belongs to: the
// innermost node_modules/NAME or node_modules/@SCOPE/NAME above it. ok also
// says that p is the package.json directly in it.
func packageDir(p string) (dir string, manifest bool) {
	i := strings.LastIndex("/"+p, "/node_modules/")
	if i < 0 {
		return "", false
	}
	start := i + len("node_modules/")
	parts := strings.SplitN(p[start:], "/", 4)
	n := 1
	if strings.HasPrefix(parts[0], "@") {
		n = 2
	}
	if len(parts) <= n || parts[0] == "" || strings.HasPrefix(parts[0], ".") {
		return "", false
	}
	dir = p[:start] + strings.Join(parts[:n], "/")
	return dir, p == dir+"/package.json"
}

// npm claims the files of each package in a node_modules folder; nested
// packages have their own.
// https://docs.npmjs.com/cli/configuring-npm/folders
func npm(_ context.Context, r *resolver) ([]whittle.Claim, error) {
	owners := map[string]*whittle.Claim{}
	var order []string
	for _, p := range r.root.Paths() {
		dir, manifest := packageDir(p)
		if !manifest {
			continue
		}
		content, err := r.root.ReadFile(p, maxRecord)
		if err != nil {
			continue // a package.json that is no file owns nothing
		}
		var doc struct{ Name, Version string }
		if json.Unmarshal(content, &doc) != nil || doc.Name == "" {
			doc.Name = dir[strings.LastIndex("/"+dir, "/node_modules/")+len("node_modules/"):]
		}
		owners[dir] = &whittle.Claim{Owner: whittle.Owner{Ecosystem: "npm", Name: doc.Name, Version: doc.Version}, Evidence: p}
		order = append(order, dir)
	}
	if len(owners) == 0 {
		return nil, nil
	}
	for _, p := range r.root.Paths() {
		dir, _ := packageDir(p)
		c := owners[dir]
		if c == nil {
			continue
		}
		if e, err := r.root.Lstat(p); err == nil && e.Kind != whittle.Dir {
			c.Paths = append(c.Paths, p)
		}
	}
	sort.Strings(order)
	claims := make([]whittle.Claim, 0, len(order))
	for _, dir := range order {
		claims = append(claims, *owners[dir])
	}
	return claims, nil
}

// conda reads the records of conda environments: PREFIX/conda-meta/*.json.
// https://docs.conda.io/projects/conda-build/en/stable/resources/package-spec.html
func conda(_ context.Context, r *resolver) ([]whittle.Claim, error) {
	var claims []whittle.Claim
	total := 0
	for _, p := range r.root.Paths() {
		if path.Base(path.Dir(p)) != "conda-meta" || !strings.HasSuffix(p, ".json") {
			continue
		}
		content, err := r.root.ReadFile(p, maxRecord)
		if err != nil {
			return claims, fmt.Errorf("reading %s: %w", p, err)
		}
		var doc struct {
			Name, Version string
			Files         []string
		}
		if err := json.Unmarshal(content, &doc); err != nil || doc.Name == "" {
			continue
		}
		prefix := path.Dir(path.Dir(p))
		c := whittle.Claim{Owner: whittle.Owner{Ecosystem: "conda", Name: doc.Name, Version: doc.Version}, Evidence: p, Paths: []string{p}}
		for _, f := range doc.Files {
			if real, ok := r.file(path.Join(prefix, f)); ok {
				c.Paths = append(c.Paths, real)
			}
		}
		if total += len(c.Paths); total > maxFiles {
			return claims, tooMany("conda-meta")
		}
		claims = append(claims, c)
	}
	return claims, nil
}
