package distro

import (
	"context"
	"encoding/json"
	"sort"
	"strings"

	"whittle.dev/whittle"
)

const nodeModules = "/node_modules/"

// PackageDir is the folder of the npm package that a path belongs to: the
// innermost node_modules/NAME or node_modules/@SCOPE/NAME above it, empty if there
// is none. manifest says that p is the package.json directly in it.
func PackageDir(p string) (dir string, manifest bool) {
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

// npm are the packages in node_modules folders, each with the files in its own
// folder; nested packages have theirs.
// https://docs.npmjs.com/cli/configuring-npm/folders
func npm() database {
	return database{ecosystem: "npm", kind: whittle.OwnerNode, read: readNPM,
		files: []string{"**/node_modules/*/package.json", "**/node_modules/@*/*/package.json"}}
}

func readNPM(ctx context.Context, r *resolver) ([]Installed, error) {
	owners := map[string]*Installed{}
	for _, p := range r.root.Paths() {
		if !strings.HasSuffix(p, "/package.json") { // which excludes most paths
			continue
		}
		dir, manifest := PackageDir(p)
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
		owners[dir] = &Installed{Owner: whittle.Owner{Name: doc.Name, Version: doc.Version}, Evidence: p}
	}
	if len(owners) == 0 {
		return nil, nil
	}
	for _, p := range r.root.Paths() {
		dir, _ := PackageDir(p)
		c := owners[dir]
		if c == nil {
			continue
		}
		if e, err := r.root.Lstat(p); err == nil && e.Kind != whittle.Dir {
			c.Files = append(c.Files, p)
		}
	}
	dirs := make([]string, 0, len(owners))
	for dir := range owners {
		dirs = append(dirs, dir)
	}
	sort.Strings(dirs)
	packages := make([]Installed, len(dirs))
	for i, dir := range dirs {
		packages[i] = *owners[dir]
	}
	return packages, nil
}
