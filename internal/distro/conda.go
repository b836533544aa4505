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

// conda reads the records of conda environments: PREFIX/conda-meta/*.json.
// https://docs.conda.io/projects/conda-build/en/stable/resources/package-spec.html
func conda(ctx context.Context, r *resolver) ([]whittle.Claim, error) {
	g := &gatherer{r: r, evidence: condaMeta}
	var claims []whittle.Claim
	for _, p := range r.root.Paths() {
		if !strings.HasSuffix(p, ".json") || path.Base(path.Dir(p)) != condaMeta {
			continue
		}
		if err := ctx.Err(); err != nil {
			return claims, err
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
			continue // other tools keep files of their own in this folder
		}
		c := whittle.Claim{Owner: whittle.Owner{Ecosystem: "conda", Name: doc.Name, Version: doc.Version}, Evidence: p, Paths: []string{p}}
		prefix := path.Dir(path.Dir(p))
		for _, f := range doc.Files {
			full := path.Join(prefix, f)
			if prefix != "." && !strings.HasPrefix(full, prefix+"/") {
				continue // a package owns nothing outside its environment
			}
			if err := g.add(&c, full); err != nil {
				return claims, err
			}
		}
		claims = append(claims, c)
	}
	return claims, nil
}
