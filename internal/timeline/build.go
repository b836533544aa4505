package timeline

import (
	"context"
	"errors"
	"os"
	"path/filepath"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/audit"
	"whittle.dev/whittle/internal/git"
	"whittle.dev/whittle/internal/host"
	"whittle.dev/whittle/internal/lab"
)

// Builder builds the image that a project has at a commit, in a copy of its files: the
// folder itself stays as it is. The commit's own configuration counts. It is what
// [BisectOptions.Build] wants.
func Builder(env *host.Env, project string, o lab.StudyOptions) func(ctx context.Context, c git.Commit) (*whittle.Record, string, error) {
	dir := o.Dir
	return func(ctx context.Context, c git.Commit) (record *whittle.Record, reason string, err error) {
		temp, err := os.MkdirTemp("", "whittle-commit-")
		if err != nil {
			return nil, "", whittle.ErrSystem.Of(err)
		}
		defer func() { err = errors.Join(err, os.RemoveAll(temp)) }()
		o.Dir = filepath.Join(temp, filepath.Base(project)) // a build may use the folder's name
		if err := os.Mkdir(o.Dir, 0o755); err != nil {
			return nil, "", whittle.ErrSystem.Of(err)
		}
		if err := git.Export(ctx, dir, c.Hash, o.Dir); err != nil {
			return nil, "", err
		}
		o.Quick, o.Out = true, filepath.Join(temp, "out")
		r := &Recording{On: true, origin: whittle.RecordRow{Command: "bisect", Project: project, Commit: c.Hash}}
		if len(o.Only) == 1 {
			r.origin.Variant = o.Only[0]
		}
		err = lab.Examine(ctx, env, o, func(v *whittle.Variant, x *audit.Examined, a *whittle.Advice) error {
			r.Add(x.Subject, a.Findings, func(w *whittle.Record) {
				w.Engine, w.Ref, w.Image.Ref = v.Build.Engine, dir, dir
				if v.Check != nil {
					w.Runs = v.Check.Verdict
				}
				record = w
			})
			return nil
		})
		if errors.Is(err, whittle.ErrUnmeasured) || errors.Is(err, whittle.ErrUsage) { // this commit's, and no other's
			return nil, err.Error(), nil
		}
		return record, "", err
	}
}
