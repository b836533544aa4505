package distro

import (
	"context"
	"encoding/json"
	"sort"
	"strings"

	"whittle.dev/whittle"
)

const nodeModules = "/node_modules/"

// packageDir is the folder of the npm package that a path belongs to: the
// innermost node_modules/NAME or node_modules/@SCOPE/NAME above it. manifest
// says that p is the package.json directly in it.
func packageDir(p string) (dir string, manifest bool) {
	i := strings.LastIndex("/"+p, nodeModules)
	if i < 0 {
		return "", false
	}
	start := i + len(nodeModules) - 1
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
func npm(ctx context.Context, r *resolver) ([]whittle.Claim, error) {
	owners := map[string]*whittle.Claim{}
	for _, p := range r.root.Paths() {
		if !strings.HasSuffix(p, "/package.json") { // most paths are passed over by their ends
			continue
		}
		dir, manifest := packageDir(p)
		if !manifest {
			continue
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		content, err := r.root.ReadFile(p, maxRecord)
		if err != nil {
			continue // a package.json that is no file owns nothing
		}
		var doc struct{ Name, Version string }
		if json.Unmarshal(content, &doc) != nil || doc.Name == "" {
			doc.Name = dir[strings.LastIndex("/"+dir, nodeModules)+len(nodeModules)-1:]
		}
		owners[dir] = &whittle.Claim{Owner: whittle.Owner{Ecosystem: "npm", Name: doc.Name, Version: doc.Version}, Evidence: p}
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
	dirs := make([]string, 0, len(owners))
	for dir := range owners {
		dirs = append(dirs, dir)
	}
	sort.Strings(dirs)
	claims := make([]whittle.Claim, len(dirs))
	for i, dir := range dirs {
		claims[i] = *owners[dir]
	}
	return claims, nil
}
