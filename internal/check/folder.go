package check

import (
	"context"
	"io/fs"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/deps"
)

// Project checks a project's folder without an image: what its own modules
// import, from what its files start, against what they declare.
func Project(ctx context.Context, fsys fs.FS, o deps.Options) (*whittle.Check, error) {
	found, err := deps.Find(ctx, fsys, o)
	if err != nil {
		return nil, err
	}
	out := &whittle.Check{Schema: whittle.CheckSchema, Project: found.Project, Problems: merge(found.Problems), Unknown: found.Unknown}
	out.Verdict = verdict(out)
	return out, nil
}
