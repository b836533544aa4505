package lab

import (
	"context"
	"io"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/build"
	"whittle.dev/whittle/internal/runs"
)

// test runs the project's tests in an image.
func (b *bench) test(ctx context.Context, d build.Definition, process whittle.Process, c build.Command, log io.Writer) (build.RunResult, error) {
	b.env.Listener().Step("running the project's tests in " + d.Dockerfile)
	return runs.InTests{Project: b.project, Process: process, Command: c, Skip: b.ownFolder, Log: log, Shown: b.env.Listener()}.Run(ctx, b.engine.builder, d)
}
