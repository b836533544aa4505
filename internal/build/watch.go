package build

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	gateway "github.com/moby/buildkit/frontend/gateway/client"
	"github.com/moby/buildkit/solver/pb"
)

// Watch says how a command is watched that need not end, such as a server.
// What looks at it runs in the same container, beside it, and needs a shell in
// the image, and python3 to ask it for a page; without a shell it is watched
// until it ends or its Timeout is over.
type Watch struct {
	// Check is run again and again: the image's health check. The watch is
	// over when it ends with success. Empty is none; then the watch is over
	// when the command answers to GET /.
	Check []string
}

// Watched is what was seen of a command.
type Watched struct {
	// Ports are the TCP ports that it listened on, sorted.
	Ports []int
	// Programs are those that were seen running, by the names that the kernel
	// has for them (of at most 15 bytes), sorted.
	Programs []string
	// Answer is the status of its answer to GET /, 0 where there was none; Port
	// is where it answered.
	Answer, Port int
	// Healthy says that Check ended with success.
	Healthy bool
	// Blind says that the image has no shell, so that nothing was looked at.
	Blind bool
	// CheckOutput is what the last run of Check printed, where it failed.
	CheckOutput []byte
}

// maxWatched bounds the ports and the programs that are kept, and the output of a check in KiB.
const maxWatched = 64

// watchScript prints, every second, the listening sockets and the names of all
// processes, with what every POSIX shell has built in; then it runs the check
// that is its arguments, or asks for a page where there is none. It must never
// end with an error, as the engine would end the container with it.
const watchScript = `while :; do
  ports=
  for f in /proc/net/tcp /proc/net/tcp6; do
    [ -r $f ] && while read -r n local remote state rest; do [ "$state" = 0A ] && echo "port ${local##*:}" && ports="$ports ${local##*:}"; done <$f
  done
  for p in /proc/[0-9]*; do [ $p = /proc/$$ ] || { read -r name <$p/comm && echo "program $name"; } 2>/dev/null; done
  if [ $# -gt 0 ]; then
    if out=$("$@" 2>&1 </dev/null); then echo healthy; exit 0; fi
    echo round; printf '%s\n' "$out" | while IFS= read -r l; do echo "check $l"; done
  elif [ -n "$ports" ] && command -v python3 >/dev/null; then
    python3 -I -c '` + ask + `' $ports 2>/dev/null
  fi
  sleep 1 || exit 0
done`

// ask gets the page / of the ports that it is given, in hexadecimal, and prints
// the first answer's port and status.
const ask = `import sys, http.client
for p in sys.argv[1:]:
    try:
        c = http.client.HTTPConnection("localhost", int(p, 16), timeout=5)
        c.request("GET", "/")
        print("answer", int(p, 16), c.getresponse().status)
        break
    except Exception:
        pass`

// watch waits for a process until it ends, its check passes, it answers, or
// the time is over; then it is killed.
func (img image) watch(ctx context.Context, ctr gateway.Container, proc gateway.ContainerProcess, c Command, r *RunResult) error {
	seen := &sight{over: make(chan struct{})}
	if !r.Watched.Blind {
		p := img.config.Config
		args := append([]string{"/bin/sh", "-c", watchScript, "sh"}, c.Watch.Check...)
		// Where it cannot be started the command ends with it, and says so.
		other, err := ctr.Start(ctx, gateway.StartRequest{Args: args, Env: environment(p.Env, c.Env), User: either(c.User, p.User),
			Cwd: either(c.Dir, p.WorkingDir), Stdout: seen, Stderr: &ends{}, SecurityMode: pb.SecurityMode_SANDBOX})
		if err == nil {
			go func() { _ = other.Wait() }()
		}
	}
	done := make(chan error, 1)
	go func() { done <- proc.Wait() }()
	timeout := c.Timeout
	if timeout <= 0 {
		timeout = defaultTimeout
	}
	timer := time.NewTimer(timeout)
	defer timer.Stop()
	defer func() {
		blind := r.Watched.Blind
		*r.Watched = seen.result()
		r.Watched.Blind = blind
	}()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		r.TimedOut = true
	case <-seen.over:
	}
	return end(ctx, proc, done)
}

// hasShell says whether a shell can be started as the command's user: one that
// cannot would end the command's container with it.
func (img image) hasShell(ctx context.Context, c Command) (bool, error) {
	r := RunResult{Args: []string{"/bin/sh", "-c", "sleep 0"}}
	err := img.once(ctx, Command{User: c.User, Dir: c.Dir, Env: c.Env, Timeout: killGrace}, &r)
	return r.OK(), err
}

// sight takes what the script of a watch prints.
type sight struct {
	mu   sync.Mutex
	rest []byte // of a line
	seen Watched
	done bool
	over chan struct{} // closed when the watch is over
}

func (s *sight) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, b := range p {
		if b != '\n' {
			if len(s.rest) < maxWatched<<10 {
				s.rest = append(s.rest, b)
			}
			continue
		}
		s.line(string(s.rest))
		s.rest = s.rest[:0]
	}
	return len(p), nil
}

func (s *sight) Close() error { return nil }

// line reads one line.
func (s *sight) line(text string) {
	w := &s.seen
	kind, value, _ := strings.Cut(text, " ")
	switch kind {
	case "port":
		n, err := strconv.ParseUint(value, 16, 16)
		if at, known := slices.BinarySearch(w.Ports, int(n)); err == nil && n > 0 && !known && len(w.Ports) < maxWatched {
			w.Ports = slices.Insert(w.Ports, at, int(n))
		}
	case "program":
		if at, known := slices.BinarySearch(w.Programs, value); value != "" && !known && len(w.Programs) < maxWatched {
			w.Programs = slices.Insert(w.Programs, at, value)
		}
	case "round":
		w.CheckOutput = nil
	case "check":
		if len(w.CheckOutput) < maxWatched<<10 {
			w.CheckOutput = append(append(w.CheckOutput, value...), '\n')
		}
	case "healthy":
		w.Healthy, w.CheckOutput = true, nil
		s.end()
	case "answer":
		if _, err := fmt.Sscan(value, &w.Port, &w.Answer); err == nil {
			s.end()
		}
	}
}

func (s *sight) end() {
	if !s.done {
		s.done = true
		close(s.over)
	}
}

// result is what was seen so far.
func (s *sight) result() Watched {
	s.mu.Lock()
	defer s.mu.Unlock()
	w := s.seen
	w.Ports, w.Programs, w.CheckOutput = slices.Clone(w.Ports), slices.Clone(w.Programs), bytes.Clone(w.CheckOutput)
	return w
}
