package distro

import (
	"context"
	"encoding/json"
	"fmt"
	"path"
	"strings"

	"whittle.dev/whittle"
)

// condaMeta is the folder of an environment's records.
const condaMeta = "conda-meta"

// conda are the records of conda environments: PREFIX/conda-meta/*.json.
// https://docs.conda.io/projects/conda-build/en/stable/resources/package-spec.html
func conda() database {
	return database{ecosystem: "conda", kind: whittle.OwnerEnvironment, files: []string{"**/" + condaMeta + "/*.json"}, read: readConda}
}

func readConda(ctx context.Context, r *resolver) ([]Installed, error) {
	g := &gatherer{r: r, evidence: condaMeta}
	var packages []Installed
	for _, p := range r.root.Paths() {
		if !strings.HasSuffix(p, ".json") || path.Base(path.Dir(p)) != condaMeta {
			continue
		}
		if err := ctx.Err(); err != nil {
			return packages, err
		}
		content, err := r.root.ReadFile(p, maxRecord)
		if err != nil {
			return packages, fmt.Errorf("reading %s: %w", p, err)
		}
		var doc struct {
			Name, Version string
			Files         []string
		}
		if err := json.Unmarshal(content, &doc); err != nil || doc.Name == "" {
			continue // other tools keep their files in this folder
		}
		c := Installed{Owner: whittle.Owner{Name: doc.Name, Version: doc.Version}, Evidence: p, Files: []string{p}}
		prefix := path.Dir(path.Dir(p))
		for _, f := range doc.Files {
			full := path.Join(prefix, f)
			if prefix != "." && !strings.HasPrefix(full, prefix+"/") {
				continue // a package owns nothing outside its environment
			}
			if err := g.add(&c, full); err != nil {
				return packages, err
			}
		}
		packages = append(packages, c)
	}
	return packages, nil
}
