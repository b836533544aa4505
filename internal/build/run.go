package build

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/moby/buildkit/exporter/containerimage/exptypes"
	gateway "github.com/moby/buildkit/frontend/gateway/client"
	gatewaypb "github.com/moby/buildkit/frontend/gateway/pb"
	"github.com/moby/buildkit/solver/pb"
	"golang.org/x/sync/errgroup"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/build/buildkitd"
	"whittle.dev/whittle/internal/build/redact"
	"whittle.dev/whittle/internal/trace"
)

const (
	defaultTimeout = 2 * time.Minute
	killGrace      = 10 * time.Second // for a killed process to be seen ending
	startLimit     = 2 * time.Minute  // for a container to be made and started
	releaseLimit   = time.Minute      // for one to be taken down
	// lostExit is the exit code of a process whose real one BuildKit lost, because
	// its watch died with it (a private engine prevents it: see buildkitd), or
	// because it ended while it was observed (see errUnobserved and errUnanswered);
	// lostTries is how often such a run is repeated.
	lostExit   = 1<<32 - 1
	lostTries  = 3
	keepOutput = 64 << 10 // bytes kept of each end of an output
	maxRepeat  = 100
)

// Command is a command to run in an image.
type Command struct {
	// Name labels the result.
	Name string
	// Args is the command line; empty is the image's Cmd. Entrypoint puts the
	// image's entry point before it, as docker run does; without Args and
	// Entrypoint the image's own entry point and Cmd run.
	Args       []string
	Entrypoint bool
	// Env is added to the image's environment, "NAME=value".
	Env []string
	// User and Dir replace the image's where they are set.
	User, Dir string
	// Stdin is what the command reads; nil is an empty input.
	Stdin []byte
	// Timeout ends one run; 0 is two minutes.
	Timeout time.Duration
	// Watch observes it while it runs, and ends it when it serves; nil waits for
	// its end.
	Watch *Watch
	// alone: nothing is started beside it that would observe it.
	alone bool
	// Repeat runs the command so often while it succeeds, each time in a
	// fresh container; 0 is once.
	Repeat int
	// Cold runs it so often once more, each time without the image's files in the page
	// cache. Only a private engine's can be removed from there.
	Cold int
	// Sites are the folders of installed packages in the image, in which a .pth
	// file makes interpreters record what they import; without any, nothing is
	// recorded. A command with a Repeat is run once more for it, so that its times
	// are those without.
	Sites []string
	// Trace puts the tracer before the command: see [Definition.Tracer].
	Trace bool
}

// RunResult is the outcome of a command; outputs are of the last run.
type RunResult struct {
	Name string
	// Args is the command line as it was run.
	Args []string
	// ExitCode is the process's, or 128 and the signal that ended it; -1
	// where it timed out, 127 or 126 where it could not be started.
	ExitCode int
	// Times has one duration for each run, start to exit or, with a Watch, until the
	// watch was over, containers' own start included.
	Times []time.Duration
	// CPU has the processor time of each of the runs, of all processors together, the
	// containers' own start and what a Watch does included. It is empty where that is
	// not known: only a private engine's is.
	CPU []time.Duration
	// Cold has one duration for each run without the image's files in the page cache,
	// none where that was not possible.
	Cold []time.Duration
	// Stdout and Stderr hold the first and the last 64 KiB of each output.
	Stdout, Stderr []byte
	// TimedOut: it ran longer than its Timeout and was killed. Killed: it was
	// ended by SIGKILL, not by whittle; memory may have run out.
	TimedOut, Killed bool
	// Limit says which limit of a private engine made it fail, and the option to
	// raise it; empty where none did.
	Limit string
	// Watched is what the Watch observed, nil without one.
	Watched *Watched
	// Imports are the Python modules that it imported, nil where that is not
	// known: see [Command.Sites]. Processes without the site packages (-S) and
	// interpreters before Python 3.8 note none.
	Imports []Import
	// Trace is what it touched, nil if it was not traced; TraceErr says why there is
	// none although it was asked for. Set-user-ID programs and the like may do less
	// under a tracer, which the log says.
	// CheckTrace is what the last round of the Watch's Check touched, nil where it is
	// not known.
	Trace, CheckTrace *trace.Log
	TraceErr          error
	// Err says why the process could not be started.
	Err error
	// unanswered: how it ended is not known, since its container does not answer.
	unanswered bool
}

// OK says whether the command was run and succeeded.
func (r RunResult) OK() bool { return r.Err == nil && !r.TimedOut && r.ExitCode == 0 }

// RunOptions say where a run reports to.
type RunOptions struct {
	// Log takes the log of the build, whose steps are cached as a rule.
	Log      io.Writer
	Progress Progress
	// Commands shows which command runs; nil shows nothing.
	Commands whittle.Progress
	// Beside runs commands side by side, after the others, if their times do not count:
	// they have no Repeat, no Cold, no Watch and no Stdin, and the image has no services.
	// Their results have no times. One that fails is run again alone, and so are all of
	// them if memory ran out meanwhile.
	Beside bool
}

// Run runs commands, one after the other, in the image that d builds: as its
// user, in its folder, with its environment, in a fresh container each, with
// no network but the loopback. A command that fails is a result; errors are
// those of [Engine.Build].
func (e *Engine) Run(ctx context.Context, d Definition, cmds []Command, o RunOptions) ([]RunResult, error) {
	var results []RunResult
	err := e.within(ctx, d, o, func(ctx context.Context, img image) (err error) {
		o.Commands = cmp.Or(o.Commands, whittle.Progress(whittle.Unseen{}))
		results, err = e.runAll(ctx, img, cmds, o)
		return err
	})
	if err != nil {
		return nil, err
	}
	return results, nil
}

// runAll runs commands in an image, beside its services.
func (e *Engine) runAll(ctx context.Context, img image, cmds []Command, o RunOptions) (results []RunResult, err error) {
	if len(img.job.services) > 0 {
		n, why, failed := img.startServices(ctx)
		switch {
		case failed != nil:
			return nil, failed
		case why != "":
			return img.withoutServices(cmds, why), nil
		}
		defer n.stop()
		restore, failed := e.daemon.Isolate() // after the services' images have come
		if failed != nil {
			return nil, whittle.ErrEngine.Of(failed)
		}
		defer func() { err = errors.Join(err, restore()) }()
		img.beside = n
	}
	results = make([]RunResult, len(cmds))
	run := func(ctx context.Context, i int) (err error) {
		c := &cmds[i]
		task := o.Commands.Begin(whittle.Work{Name: "running " + img.redactor.Text(c.Name), Item: "command", Total: int64(len(cmds)), Kept: noteworthy})
		task.Done(int64(i), int64(len(cmds)))
		results[i], err = img.repeat(ctx, *c)
		task.End(ended(results[i]))
		if err != nil {
			return fmt.Errorf("running %s: %w", c.Name, err)
		}
		results[i].redact(img.redactor)
		return nil
	}
	var beside []int
	for i, c := range cmds {
		if o.Beside && img.beside == nil && c.Repeat == 0 && c.Cold == 0 && c.Watch == nil && len(c.Stdin) == 0 {
			beside = append(beside, i)
		} else if err := run(ctx, i); err != nil {
			return nil, err
		}
	}
	return results, img.runBeside(ctx, beside, results, run)
}

// runBeside runs some commands side by side, as many at a time as the machine has
// processors.
func (img image) runBeside(ctx context.Context, commands []int, results []RunResult, run func(ctx context.Context, i int) error) error {
	kills := img.guard.Kills()
	all, allCtx := errgroup.WithContext(ctx)
	all.SetLimit(runtime.GOMAXPROCS(0))
	for _, i := range commands {
		all.Go(func() error { return run(allCtx, i) })
	}
	if err := all.Wait(); err != nil {
		return err
	}
	crowded := img.guard.Kills() > kills
	for _, i := range commands {
		// What fails beside others may fail because of them, in any way.
		if len(commands) > 1 && (crowded || !results[i].OK()) {
			if err := run(ctx, i); err != nil {
				return err
			}
		}
		results[i].Times, results[i].CPU = nil, nil
	}
	return nil
}

// ended is how a command ended, in a word; empty if it succeeded.
func ended(r RunResult) string {
	switch {
	case r.TimedOut:
		return "timed out"
	case r.Err != nil:
		return "not started"
	case r.ExitCode != 0 && r.Watched == nil:
		return fmt.Sprintf("exit code %d", r.ExitCode)
	}
	return ""
}

// Warm builds d and makes the engine unpack the result, so that the time of
// fetching and unpacking a base is not counted in the first build on it.
func (e *Engine) Warm(ctx context.Context, d Definition, o RunOptions) error {
	return e.within(ctx, d, o, func(ctx context.Context, img image) error {
		if img.ref == nil {
			return nil // scratch
		}
		// To look into it the engine must mount it.
		_, err := img.ref.StatFile(ctx, gateway.StatRequest{Path: "/"})
		return err
	})
}

// image is a built image inside a build.
type image struct {
	client   gateway.Client
	ref      gateway.Reference // nil for an empty root
	config   whittle.Config
	text     []byte // of config
	guard    *buildkitd.Guard
	job      *job
	redactor *redact.Redactor
	beside   *neighbours // nil where there are none, and no network
	// secrets are the IDs of those that lie in /run/secrets.
	secrets []string
	cache   *pageCache // nil where it is not a private engine's
	// making is held while a container is made: BuildKit's client may not make its first
	// two at a time.
	making *sync.Mutex
}

// within builds d and calls do with the image before the build ends.
func (e *Engine) within(ctx context.Context, d Definition, o RunOptions, do func(context.Context, image) error) error {
	o = o.together(d)
	j, err := e.prepare(d, o)
	if err != nil {
		return err
	}
	return e.withLinked(ctx, d, j, o, func(ctx context.Context) error {
		return j.fallBack(func() error { return e.withinOnce(ctx, j, o, do) })
	})
}

func (e *Engine) withinOnce(ctx context.Context, j *job, o RunOptions, do func(context.Context, image) error) error {
	opt := j.opt
	opt.Frontend, opt.FrontendAttrs, opt.FrontendInputs = "", nil, nil
	rec, ch := record(o.Log, o.Progress, e.freeSpace(), j.redactor)
	built := false
	var doErr error
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	e.grown.Store(true)
	timer := e.endLater(cancel)
	defer timer.Stop()
	j.kills = e.guard.Kills()
	held, release := e.conn.hold(ctx)
	defer release()
	_, err := e.client.Build(held, opt, "whittle", func(ctx context.Context, c gateway.Client) (*gateway.Result, error) {
		res, err := c.Solve(ctx, gateway.SolveRequest{Frontend: j.opt.Frontend, FrontendOpt: j.opt.FrontendAttrs, FrontendInputs: j.inputs, Evaluate: true})
		if err != nil {
			return nil, err
		}
		img, err := newImage(c, res, e.guard, j)
		if err != nil {
			return nil, err
		}
		if e.daemon != nil {
			img.cache = &pageCache{e.daemon, map[string]bool{}}
		}
		built = true
		timer.Stop() // a run has its own time limit
		doErr = do(ctx, img)
		return gateway.NewResult(), doErr
	}, ch)
	rec.wait()
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil && built:
		e.grown.Store(false)
		return fmt.Errorf("running the image of %s: %w", j.file, context.Cause(ctx))
	case built:
		if gone := e.gone(orLost(held, err)); gone != nil {
			return fmt.Errorf("running the image of %s: %w", j.file, gone)
		}
		if doErr != nil {
			err = doErr
		}
		return whittle.ErrEngine.Errorf("running the image of %s: %s", j.file, j.redactor.Text(plain(err)))
	}
	return j.redactor.Error(e.failure(ctx, j, rec, orLost(held, err)))
}

func newImage(c gateway.Client, res *gateway.Result, g *buildkitd.Guard, j *job) (image, error) {
	img := image{client: c, guard: g, job: j, redactor: j.redactor, secrets: j.secrets, making: &sync.Mutex{}}
	ref, err := res.SingleRef()
	if err != nil {
		return img, fmt.Errorf("the build gave more than one image: %w", err)
	}
	img.ref = ref
	if text := res.Metadata[exptypes.ExporterImageConfigKey]; len(text) > 0 {
		img.text = text
		if err := json.Unmarshal(text, &img.config); err != nil {
			return img, fmt.Errorf("image configuration: %w", err)
		}
	}
	return img, nil
}

// args is the command line of c in the image.
func (img image) args(c Command) []string {
	p := img.config.Config
	args := c.Args
	if len(args) == 0 {
		args = p.Cmd
	}
	if c.Entrypoint || len(c.Args) == 0 {
		args = append(p.Entrypoint[:len(p.Entrypoint):len(p.Entrypoint)], args...)
	}
	return args
}

// repeat runs c as often as it asks for. Errors are the engine's.
func (img image) repeat(ctx context.Context, c Command) (RunResult, error) {
	r := RunResult{Name: c.Name, Args: img.args(c), ExitCode: -1}
	if len(r.Args) == 0 {
		r.Err = whittle.ErrUsage.Errorf("the image has neither entry point nor command")
		return r, nil
	}
	if img.ref == nil {
		r.Err = whittle.ErrUsage.Errorf("the image is empty")
		return r, nil
	}
	if c.Watch != nil {
		shell, err := img.hasShell(ctx, c)
		if err != nil {
			return r, err
		}
		r.Watched = &Watched{Blind: !shell}
	}
	plain := c
	if c.Repeat > 0 {
		plain.Sites = nil
	}
	for range min(max(1, c.Repeat), maxRepeat) {
		for range lostTries {
			if err := img.once(ctx, plain, &r); err != nil {
				return r, err
			}
			if r.ExitCode != lostExit {
				break
			}
			r.forget() // run it again: how it ended is not known
			plain.alone = plain.Watch != nil && !r.unanswered
		}
		if !r.OK() {
			break
		}
	}
	if err := img.cold(ctx, plain, &r); err != nil {
		return r, err
	}
	if c.Repeat > 0 && img.notesImports(c) {
		again := r
		if err := img.once(ctx, c, &again); err != nil {
			return r, err
		}
		r.Imports = again.Imports
	}
	return r, nil
}

// once runs c in a fresh container and puts the outcome into r.
func (img image) once(ctx context.Context, c Command, r *RunResult) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	// Nothing else ends a call that an engine does not answer.
	late := time.AfterFunc(startLimit, func() {
		cancel(whittle.ErrEngine.Errorf("the engine did not start %s within %s", r.Name, startLimit))
	})
	defer late.Stop()
	mounts := []gateway.Mount{{Dest: "/", MountType: pb.MountType_BIND, Ref: img.ref}}
	noted := img.notesImports(c)
	if noted {
		more, err := img.importMounts(ctx, c.Sites)
		if err != nil {
			return cmp.Or(context.Cause(ctx), err)
		}
		mounts = append(mounts, more...)
	}
	tracer := len(mounts)
	if c.Trace {
		more, err := img.tracerMounts(ctx)
		if err != nil {
			return cmp.Or(context.Cause(ctx), err)
		}
		mounts = append(mounts, more...)
	}
	mounts = append(mounts, secretMounts(img.secrets)...)
	at := gateway.NewContainerRequest{Hostname: "whittle", NetMode: pb.NetMode_NONE, Mounts: mounts}
	if img.beside != nil {
		at.NetMode, at.ExtraHosts = pb.NetMode_UNSET, img.beside.hosts
	}
	img.making.Lock()
	ctr, err := img.client.NewContainer(ctx, at)
	img.making.Unlock()
	if err != nil {
		return cmp.Or(context.Cause(ctx), err)
	}
	defer release(ctx, ctr)
	stdout, stderr := &ends{}, &ends{}
	req := img.process(c, r.Args, stdout, stderr)
	if c.Trace {
		req.Args = underTracer(tracerLog, r.Args)
	}
	if len(c.Stdin) > 0 {
		req.Stdin = io.NopCloser(bytes.NewReader(c.Stdin))
	}
	kills, clock := img.guard.Kills(), img.guard.Clock()
	proc, err := ctr.Start(ctx, req)
	late.Stop()
	if c.Cold > 0 && err == nil {
		img.cache.note()
	}
	switch {
	case err == nil && c.Watch != nil:
		err = img.watch(ctx, ctr, proc, c, r, clock.Stop)
	case err == nil:
		err = img.await(ctx, proc, c.Timeout, &r.TimedOut)
	}
	clock.Stop()
	r.Stdout, r.Stderr = stdout.bytes(), stderr.bytes()
	if noted && ctx.Err() == nil {
		r.Imports = readImports(ctx, ctr, 1)
	}
	if c.Trace && ctx.Err() == nil {
		r.noteTrace(ctx, ctr, tracer, c, r.TimedOut || err == nil && c.Watch != nil)
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	r.unanswered = errors.Is(err, errUnanswered)
	runs := len(r.Times)
	if err := r.ended(err, clock.Took); err != nil {
		return err
	}
	if len(r.Times) > runs && clock.Counts {
		r.CPU = append(r.CPU, clock.Used)
	}
	if r.Limit = ""; r.ExitCode > 0 && r.Err == nil {
		r.Limit = img.guard.Why(kills, r.ExitCode, string(r.Stderr)+string(r.Stdout))
	}
	return nil
}

// process is one in a command's container, as its user, in its folder, with its
// environment.
func (img image) process(c Command, args []string, stdout, stderr io.WriteCloser) gateway.StartRequest {
	p := img.config.Config
	return gateway.StartRequest{
		Args: args, Env: environment(p.Env, c.Env), User: either(c.User, p.User), Cwd: either(c.Dir, p.WorkingDir),
		Stdout: stdout, Stderr: stderr, SecurityMode: pb.SecurityMode_SANDBOX,
	}
}

// forget removes the times of the last run.
func (r *RunResult) forget() {
	r.Times = r.Times[:len(r.Times)-1]
	r.CPU = r.CPU[:min(len(r.CPU), len(r.Times))]
}

// release ends a container, whatever the outcome of the run.
func release(ctx context.Context, ctr gateway.Container) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), releaseLimit)
	defer cancel()
	_ = ctr.Release(ctx)
}

// ended notes how a process ended.
func (r *RunResult) ended(err error, took time.Duration) error {
	var exit *gatewaypb.ExitError
	switch {
	case r.TimedOut:
		r.ExitCode = -1
		r.Times = append(r.Times, took)
	case err == nil:
		r.ExitCode = 0
		r.Times = append(r.Times, took)
	case errors.As(err, &exit):
		r.ExitCode = int(exit.ExitCode)
		r.Killed = r.ExitCode == 128+int(syscall.SIGKILL)
		r.Times = append(r.Times, took)
	case noAccount.MatchString(err.Error()):
		r.ExitCode, r.Err = 126, errors.New(noAccount.FindString(err.Error()))
	default:
		return err
	}
	r.neverStarted()
	return nil
}

// notStarted is what runc prints when it could not start a program; its exit code
// is then 1, which the program's may be, too.
var notStarted = regexp.MustCompile(`(?s)^runc run failed: unable to start container process: (?:error during container init: )?(.*)\n$`)

// noAccount is an engine's error for a user that the image does not have.
var noAccount = regexp.MustCompile(`unable to find (?:user|group) .*`)

// neverStarted recognises a program that is missing or cannot be executed, and
// sets the exit code that a shell would give.
func (r *RunResult) neverStarted() {
	m := notStarted.FindSubmatch(r.Stderr)
	if r.ExitCode != 1 || len(r.Stdout) > 0 || m == nil {
		return
	}
	r.ExitCode = 127
	r.forget()
	if bytes.Contains(m[1], []byte("permission denied")) || bytes.Contains(m[1], []byte("exec format error")) {
		r.ExitCode = 126
	}
	r.Err = errors.New(string(m[1]))
}

// await waits for a process and kills it when its time is over.
func (img image) await(ctx context.Context, proc gateway.ContainerProcess, timeout time.Duration, timedOut *bool) error {
	if timeout <= 0 {
		timeout = defaultTimeout
	}
	done := make(chan error, 1)
	go func() { done <- proc.Wait() }()
	late, stop := img.guard.After(timeout)
	defer stop()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-late:
	}
	*timedOut = true
	return end(ctx, proc, done)
}

// end kills a process and waits a while for its end; if the engine answers neither,
// the container's release ends it. done receives the end of the process.
func end(ctx context.Context, proc gateway.ContainerProcess, done <-chan error) error {
	kill, cancel := context.WithTimeout(ctx, killGrace)
	defer cancel()
	if err := proc.Signal(kill, syscall.SIGKILL); err != nil && kill.Err() == nil {
		return err
	}
	select {
	case <-done: //nolint:errcheck // that it was killed is all that its error says
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(killGrace):
		return nil
	}
}

// environment is the image's environment with some variables replaced.
func environment(image, extra []string) []string {
	env := make([]string, 0, len(image)+len(extra))
	for _, v := range image {
		name, _, _ := strings.Cut(v, "=")
		if !slices.ContainsFunc(extra, func(x string) bool { return strings.HasPrefix(x, name+"=") }) {
			env = append(env, v)
		}
	}
	env = append(env, extra...)
	// BuildKit adds a trace exporter to the environment where
	// there is none, and a program that knows OpenTelemetry would use it.
	if !slices.ContainsFunc(env, func(v string) bool { return strings.HasPrefix(v, "OTEL_TRACES_EXPORTER=") }) {
		env = append(env, "OTEL_TRACES_EXPORTER=none")
	}
	return env
}

func either(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// ends keeps the first and the last bytes of what is written to it.
type ends struct {
	mu      sync.Mutex
	head    []byte
	tail    []byte
	dropped int64
}

func (e *ends) Write(p []byte) (int, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	n := len(p)
	if room := keepOutput - len(e.head); room > 0 {
		k := min(room, len(p))
		e.head = append(e.head, p[:k]...)
		p = p[k:]
	}
	e.tail = append(e.tail, p...)
	if over := len(e.tail) - keepOutput; over > 0 {
		e.dropped += int64(over)
		e.tail = append(e.tail[:0], e.tail[over:]...)
	}
	return n, nil
}

func (e *ends) Close() error { return nil }

// bytes is both ends, with a line between them that says what is missing.
func (e *ends) bytes() []byte {
	e.mu.Lock()
	defer e.mu.Unlock()
	out := bytes.Clone(e.head)
	if e.dropped > 0 {
		out = fmt.Appendf(out, "\n[… %s skipped …]\n", whittle.Bytes(e.dropped))
	}
	return append(out, e.tail...)
}

// secretMounts are the mounts of secrets in a container.
func secretMounts(ids []string) (out []gateway.Mount) {
	for _, id := range ids {
		out = append(out, gateway.Mount{Dest: "/run/secrets/" + id, MountType: pb.MountType_SECRET, SecretOpt: &pb.SecretOpt{ID: id, Mode: 0o444}})
	}
	return out
}
