package build

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	gateway "github.com/moby/buildkit/frontend/gateway/client"
	"github.com/moby/buildkit/solver/pb"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/build/sent"
)

// Service is a program that runs beside the commands of a [Definition], in a fresh
// container each time: they reach it by its name. With services, they and the
// commands have the network that the engine gives RUN steps, in a private engine
// without a route to the outside. Without services, commands have no network.
type Service struct {
	Name string
	// Image is a name as FROM has it: one of the Definition's Bases, or of a
	// registry.
	Image string
	// Args replace the image's command, Entrypoint its entry point.
	Args, Entrypoint []string
	// Env is added to the image's environment, "NAME=value".
	Env []string
	// Check is its health check, empty for the image's own. Commands start when
	// it succeeds, without one when the service listens. CheckTime is
	// how long one run of it may take; 0 is ten seconds.
	Check     []string
	CheckTime time.Duration
	// Patience is how long it may take to come up; 0 is a minute.
	Patience time.Duration
}

const (
	servicePatience = time.Minute
	// serviceSettle is the time given to a service that has neither a check nor a
	// shell to see whether it listens.
	serviceSettle = 5 * time.Second
	serviceRound  = 500 * time.Millisecond
	serviceCheck  = 10 * time.Second // one run of a health check
)

// serviceFile names the Dockerfile that is a service's image.
func serviceFile(name string) string { return "whittle-service-" + name + ".Dockerfile" }

// serviceFiles are the Dockerfiles of d's services.
func (d Definition) serviceFiles(files sent.Files) {
	for _, s := range d.Services {
		files[serviceFile(s.Name)] = []byte("FROM " + s.Image + "\n")
	}
}

// neighbours are the services beside a run's commands.
type neighbours struct {
	hosts []*pb.HostIP
	// ports are those that they listen on, where their network is the
	// commands', too.
	ports []int
	stops []func()
}

func (n *neighbours) stop() {
	for _, s := range slices.Backward(n.stops) {
		s()
	}
}

// startServices starts the services of a job, one after the other, and waits
// until each is ready. why says which is not, and what it printed; errors
// are the engine's.
func (img image) startServices(ctx context.Context) (n *neighbours, why string, err error) {
	n = &neighbours{}
	j := img.job
	for _, s := range j.services {
		why, err := n.start(ctx, img.client, j, s)
		if err != nil || why != "" {
			n.stop()
			if err != nil {
				return nil, "", fmt.Errorf("starting the service %s: %w", s.Name, err)
			}
			return nil, "the service " + s.Name + " did not come up: " + j.redactor.Text(why), nil
		}
	}
	return n, "", nil
}

// withoutServices are the results of commands that were not run, and why.
func (img image) withoutServices(cmds []Command, why string) []RunResult {
	var out []RunResult
	for _, c := range cmds {
		r := RunResult{Name: c.Name, Args: img.args(c), ExitCode: -1, Limit: why}
		if c.Watch != nil {
			r.Watched = &Watched{}
		}
		out = append(out, r)
	}
	return out
}

// serviceImage solves a service's image.
func serviceImage(ctx context.Context, c gateway.Client, j *job, s Service) (image, error) {
	attrs := maps.Clone(j.opt.FrontendAttrs)
	maps.DeleteFunc(attrs, func(key, _ string) bool { return key == "target" || strings.HasPrefix(key, "build-arg:") })
	attrs["filename"], attrs["cmdline"] = serviceFile(s.Name), "builtin"
	res, err := c.Solve(ctx, gateway.SolveRequest{Frontend: "dockerfile.v0", FrontendOpt: attrs, Evaluate: true})
	if err != nil {
		return image{}, err
	}
	return newImage(c, res, nil, j)
}

func (n *neighbours) start(ctx context.Context, c gateway.Client, j *job, s Service) (why string, err error) {
	img, err := serviceImage(ctx, c, j, s)
	switch {
	case ctx.Err() != nil:
		return "", context.Cause(ctx)
	case err != nil:
		return fmt.Sprintf("its image %s is not available: %s", s.Image, plain(err)), nil
	case img.ref == nil:
		return "its image " + s.Image + " is empty", nil
	}
	ctr, err := c.NewContainer(ctx, gateway.NewContainerRequest{Hostname: s.Name, NetMode: pb.NetMode_UNSET, ExtraHosts: n.hosts,
		Mounts: append([]gateway.Mount{{Dest: "/", MountType: pb.MountType_BIND, Ref: img.ref}}, secretMounts(j.secrets)...)})
	if err != nil {
		return "", err
	}
	v := &serving{img: img, ctr: ctr, service: s, before: n.ports, out: &ends{}, done: make(chan error, 1)}
	if why, err = v.begin(ctx); err == nil && why == "" {
		n.stops = append(n.stops, func() {
			_ = end(context.WithoutCancel(ctx), v.proc, v.done)
			release(ctx, ctr)
		})
		why, err = v.await(ctx)
	} else {
		release(ctx, ctr)
	}
	if err != nil || why != "" {
		return why, err
	}
	n.ports = v.ports
	n.hosts = append(n.hosts, &pb.HostIP{Host: s.Name, IP: v.address})
	return "", nil
}

// serving is a service that was started.
type serving struct {
	img     image
	ctr     gateway.Container
	proc    gateway.ContainerProcess
	service Service
	out     *ends
	done    chan error
	before  []int // ports that were listened on before it
	ports   []int
	address string
}

func (v *serving) begin(ctx context.Context) (why string, err error) {
	p, s := v.img.config.Config, v.service
	args := s.Args
	if len(args) == 0 && len(s.Entrypoint) == 0 {
		args = p.Cmd
	}
	entry := s.Entrypoint
	if len(entry) == 0 {
		entry = p.Entrypoint
	}
	if args = append(slices.Clone(entry), args...); len(args) == 0 {
		return "its image starts nothing: name a command", nil
	}
	v.proc, err = v.ctr.Start(ctx, gateway.StartRequest{Args: args, Env: environment(p.Env, s.Env), User: p.User, Cwd: p.WorkingDir,
		Stdout: v.out, Stderr: v.out, SecurityMode: pb.SecurityMode_SANDBOX})
	if err != nil {
		if noAccount.MatchString(err.Error()) {
			return noAccount.FindString(err.Error()), nil
		}
		return "", err
	}
	go func() { v.done <- v.proc.Wait() }()
	return "", nil
}

// await waits until the service is ready.
func (v *serving) await(ctx context.Context) (why string, err error) {
	check := v.service.Check
	if len(check) == 0 {
		check = healthCommand(v.img.config.Config)
	}
	patience := cmp.Or(v.service.Patience, servicePatience)
	late, stop := v.img.guard.After(patience)
	defer stop()
	started := time.Now()
	for {
		select {
		case err := <-v.done:
			v.done <- err
			return fmt.Sprintf("it ended (%s): %s", endText(err), lastLines(v.out.bytes())), nil
		case <-ctx.Done():
			return "", context.Cause(ctx)
		case <-time.After(serviceRound):
		}
		seen, sighted := v.look(ctx)
		up := sighted && slices.ContainsFunc(v.ports, func(p int) bool { return !slices.Contains(v.before, p) })
		var said []byte
		if len(check) > 0 {
			said, up = v.exec(ctx, check, cmp.Or(v.service.CheckTime, serviceCheck))
		} else if !sighted && time.Since(started) > serviceSettle {
			up = true
		}
		if up && v.address == "" {
			v.address = "127.0.0.1"
		}
		if up {
			return "", nil
		}
		select {
		case <-late:
			words := lastLines(v.out.bytes())
			if len(said) > 0 {
				words += "; its health check: " + lastLines(said)
			}
			return fmt.Sprintf("nothing after %s: %s", patience, cmp.Or(words, lastLines(seen), "it has printed nothing")), nil
		default:
		}
	}
}

// look reads the service's address and its listening ports with a shell in its
// image; sighted is false where there is none.
func (v *serving) look(ctx context.Context) (out []byte, sighted bool) {
	const script = `while read -r a b c d e; do echo "line $a $b $c $d"; done </proc/net/tcp; while read -r a b c d e; do echo "line $a $b $c $d"; done </proc/net/tcp6 2>/dev/null
while read -r a b; do echo "trie $a $b"; done </proc/net/fib_trie; :`
	out, ok := v.exec(ctx, []string{"/bin/sh", "-c", script}, serviceCheck)
	if !ok {
		return out, false
	}
	v.ports = slices.Clone(v.before)
	last := ""
	for line := range strings.Lines(string(out)) {
		f := strings.Fields(line)
		switch {
		case len(f) == 5 && f[0] == "line" && f[4] == "0A":
			_, port, _ := strings.Cut(f[2], ":")
			if n, err := strconv.ParseUint(port, 16, 16); err == nil && !slices.Contains(v.ports, int(n)) && !strings.HasPrefix(f[2], "0100007F:") {
				v.ports = append(v.ports, int(n))
			}
		case len(f) == 3 && f[0] == "trie" && (f[1] == "|--" || f[1] == "+--"):
			last = f[2]
		case len(f) == 4 && f[0] == "trie" && f[1] == "/32" && f[2] == "host" && f[3] == "LOCAL":
			if ip := net.ParseIP(last); ip != nil && !ip.IsLoopback() && v.address == "" {
				v.address = ip.String()
			}
		}
	}
	return out, true
}

// exec runs a command beside the service, in its container.
func (v *serving) exec(ctx context.Context, args []string, limit time.Duration) (out []byte, ok bool) {
	p, printed := v.img.config.Config, &ends{}
	proc, err := v.ctr.Start(ctx, gateway.StartRequest{Args: args, Env: environment(p.Env, v.service.Env), User: p.User, Cwd: p.WorkingDir,
		Stdout: printed, Stderr: printed, SecurityMode: pb.SecurityMode_SANDBOX})
	if err != nil {
		return []byte(err.Error()), false
	}
	late := false
	err = v.img.await(ctx, proc, limit, &late)
	return printed.bytes(), err == nil && !late
}

// healthCommand is the command line of an image's health check, nil where it
// has none.
func healthCommand(p whittle.Process) []string {
	h := p.Healthcheck
	if h == nil || len(h.Test) < 2 {
		return nil
	}
	if h.Test[0] != "CMD-SHELL" {
		return h.Test[1:]
	}
	shell := p.Shell
	if len(shell) == 0 {
		shell = []string{"/bin/sh", "-c"}
	}
	return append(slices.Clone(shell), h.Test[1])
}

// endText says how a process has ended.
func endText(err error) string {
	r := RunResult{Times: []time.Duration{0}}
	if other := r.ended(err, 0); other != nil {
		return plain(other)
	}
	return fmt.Sprintf("exit code %d", r.ExitCode)
}

// lastLines are the last lines of an output, in one.
func lastLines(out []byte) string {
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	lines = lines[max(0, len(lines)-3):]
	return whittle.Shorten(whittle.OneLine(strings.Join(lines, " ")), 300)
}

// others are the ports of services, as the kernel prints them.
func (n *neighbours) others() string {
	if n == nil {
		return ""
	}
	var words []string
	for _, p := range n.ports {
		words = append(words, fmt.Sprintf("%04X", p))
	}
	return strings.Join(words, " ")
}
