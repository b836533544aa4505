package build

import (
	"bufio"
	"context"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"

	"github.com/moby/buildkit/client/llb"
	gateway "github.com/moby/buildkit/frontend/gateway/client"
	gatewaypb "github.com/moby/buildkit/frontend/gateway/pb"
	"github.com/moby/buildkit/solver/pb"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/build/sent"
	"whittle.dev/whittle/internal/trace"
)

// Where the tracer and its log are in a container: below /run, as what else whittle
// mounts.
const (
	tracerName   = sent.ProgramName
	tracerFile   = "/run/.whittle-tracer/" + tracerName
	tracerLog    = "/run/.whittle-trace"
	checkLog     = "/run/.whittle-trace-check" // of the health check
	tracerFolder = "whittle-tracer"            // as BuildKit's session has it
	// tracerChunk is how much of a log is read at once, in bytes: an answer of an
	// engine has a limit of 16 MiB.
	tracerChunk = 4 << 20
)

// Tracer is the program that traces commands in containers of a platform: whittle's
// own, which is of the machine that it runs on.
func Tracer(platform whittle.Platform) (string, error) {
	if runtime.GOOS != "linux" || platform.OS != "linux" || platform.Architecture != runtime.GOARCH {
		return "", whittle.WithHint(whittle.ErrUnsupported.Errorf("tracing in a container of %s: this whittle is a program of %s/%s", platform, runtime.GOOS, runtime.GOARCH),
			"run whittle on a machine of that platform")
	}
	file, err := os.Executable()
	if err != nil {
		return "", whittle.ErrSystem.Errorf("finding whittle's own program: %w", err)
	}
	return file, nil
}

// tracerMounts are the mounts of the logs of a command and of its health check, and of
// the tracer. They hide no file of the image.
func (img image) tracerMounts(ctx context.Context) ([]gateway.Mount, error) {
	caps := img.client.BuildOpts().Caps
	if err := caps.Supports(gatewaypb.CapGatewayExecFilesystem); err != nil {
		return nil, whittle.ErrUnsupported.Errorf("the engine gives back no file of a container: %w", err)
	}
	if err := img.loads(ctx); err != nil {
		return nil, err
	}
	name := llb.WithCustomName("[internal] the tracer")
	logs, err := img.solve(ctx, llb.Scratch().File(llb.Mkfile("/log", 0o666, nil), name).File(llb.Mkfile("/check", 0o666, nil), name))
	if err != nil {
		return nil, err
	}
	program, err := img.solve(ctx, llb.Local(tracerFolder, name, llb.SharedKeyHint(sharedKey(img.job.tracer))))
	if err != nil {
		return nil, err
	}
	return []gateway.Mount{
		{Dest: tracerLog, MountType: pb.MountType_BIND, Ref: logs, Selector: "log"},
		{Dest: checkLog, MountType: pb.MountType_BIND, Ref: logs, Selector: "check"},
		{Dest: tracerFile, MountType: pb.MountType_BIND, Ref: program, Selector: tracerName, Readonly: true},
	}, nil
}

// loads is an error if the tracer needs a dynamic loader that the image does not have,
// as a whittle that was not built as its releases are does.
func (img image) loads(ctx context.Context) error {
	loader, err := loaderOf(img.job.tracer)
	if err != nil || loader == "" {
		return err
	}
	if _, err := img.ref.StatFile(ctx, gateway.StatRequest{Path: loader}); err != nil {
		return whittle.WithHint(whittle.ErrUnsupported.Errorf("tracing: this whittle is linked dynamically, and the image does not have its loader %s", loader),
			"use a release of whittle, or build it with CGO_ENABLED=0")
	}
	return nil
}

// loaderOf is the dynamic loader that a program names, empty for a static one.
func loaderOf(program string) (string, error) {
	f, err := elf.Open(program)
	if err != nil {
		return "", whittle.ErrSystem.Errorf("reading whittle's own program: %w", err)
	}
	defer f.Close()
	for _, p := range f.Progs {
		if p.Type != elf.PT_INTERP || p.Filesz > whittle.MaxText {
			continue
		}
		b, err := io.ReadAll(p.Open())
		if err != nil {
			return "", whittle.ErrSystem.Errorf("reading whittle's own program: %w", err)
		}
		return strings.TrimRight(string(b), "\x00"), nil
	}
	return "", nil
}

func (img image) solve(ctx context.Context, st llb.State) (gateway.Reference, error) {
	def, err := st.Marshal(ctx)
	if err != nil {
		return nil, fmt.Errorf("making the files for a container: %w", err)
	}
	res, err := img.client.Solve(ctx, gateway.SolveRequest{Definition: def.ToPB(), Evaluate: true})
	if err != nil {
		return nil, err
	}
	return res.SingleRef()
}

// underTracer is the command line that traces another.
func underTracer(log string, args []string) []string {
	return append([]string{tracerFile, trace.Arg, log}, args...)
}

// tracedCheck is the command line that traces a health check, each round anew: the last
// one is the one that passed, if any did.
func tracedCheck(check []string) []string {
	return append([]string{"/bin/sh", "-c", ": >" + checkLog + ` && exec "$@"`, "sh"}, underTracer(checkLog, check)...)
}

// noteTrace reads what the tracer wrote into the logs, which are the mounts from the
// given one on. stopped says that whittle ended the command. If anybody else ended the
// tracer, what the command touched after that is lost, and there is no trace.
func (r *RunResult) noteTrace(ctx context.Context, ctr gateway.Container, mount int, c Command, stopped bool) {
	r.Trace, r.CheckTrace = nil, nil
	var log, check *trace.Log
	log, r.TraceErr = readTrace(ctx, ctr, mount, "/log")
	if r.TraceErr == nil && !log.Ended && !stopped {
		r.TraceErr = whittle.ErrUnmeasured.Errorf("the tracer was killed before the command had ended: memory may have run out")
	}
	if w := c.Watch; r.TraceErr == nil && w != nil && len(w.Check) > 0 && !r.Watched.Blind && !c.alone {
		// It may have been stopped in any of its rounds, before it wrote anything, too.
		if check, r.TraceErr = readTrace(ctx, ctr, mount+1, "/check"); errors.Is(r.TraceErr, trace.ErrEmpty) {
			check, r.TraceErr = nil, nil
		}
	}
	if r.TraceErr == nil {
		r.Trace, r.CheckTrace = log, check
	}
	if w := r.Watched; w != nil {
		w.Programs = slices.DeleteFunc(w.Programs, func(name string) bool { return name == tracerName })
	}
}

func readTrace(ctx context.Context, ctr gateway.Container, mount int, name string) (*trace.Log, error) {
	offset := 0
	chunks := chunkReader(func(p []byte) (int, error) {
		b, err := ctr.ReadFile(ctx, gateway.ReadContainerRequest{MountIndex: mount,
			ReadRequest: gateway.ReadRequest{Filename: name, Range: &gateway.FileRange{Offset: offset, Length: len(p)}}})
		n := copy(p, b)
		offset += n
		if err == nil && n == 0 {
			err = io.EOF
		}
		return n, err
	})
	return trace.Read(bufio.NewReaderSize(chunks, tracerChunk))
}

type chunkReader func(p []byte) (int, error)

func (f chunkReader) Read(p []byte) (int, error) { return f(p) }
