package bench

import (
	"context"
	"io"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/build"
	"whittle.dev/whittle/internal/runs"
)

// test runs the project's tests in an image.
func (b *Bench) test(ctx context.Context, d build.Definition, process whittle.Process, c build.Command, log io.Writer) (build.RunResult, error) {
	b.Env.Listener().Step("running the project's tests in " + d.Dockerfile)
	return runs.InTests{Project: b.Project, Process: process, Command: c, Skip: b.OwnFolder, Log: log, Shown: b.Env.Listener()}.Run(ctx, b.engine.builder, d)
}
