package build

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	gateway "github.com/moby/buildkit/frontend/gateway/client"
	gatewaypb "github.com/moby/buildkit/frontend/gateway/pb"
)

// Watch says how to observe a command that need not end, such as a server. A
// script in the same container observes it. It needs a shell in the image, and a
// program to send HTTP requests (see requests.go); without a shell the command
// runs until it ends or its Timeout is over.
type Watch struct {
	// Check is repeated until it succeeds: the image's health check. Empty is none.
	Check []string
	// Requests are sent once the Check has passed, or without one once the command
	// listens. The watch is over when the Check has passed and each request has its
	// answer. Without Check and Requests, / is requested, and any answer is enough.
	Requests []Request
}

// Watched is what a watch observed of a command.
type Watched struct {
	// Ports are the TCP ports that it listened on, sorted.
	Ports []int
	// Programs are those that were seen running, by the names that the kernel
	// has for them (of at most 15 bytes), sorted.
	Programs []string
	// Answers has an answer for each of the Requests, in their order.
	Answers []Answer
	// Answer is, without a Check, the status of the first wanted answer, else of the
	// first one, else 0. Port is where it answered.
	Answer, Port int
	// Healthy says that Check ended with success.
	Healthy bool
	// Blind says that the image has no shell, so that nothing was observed; Mute that
	// it has no program that can send a request.
	Blind, Mute bool
	// CheckOutput is what the last run of Check printed, where it failed.
	CheckOutput []byte
}

// maxWatched bounds the ports and the programs that are kept, and the output of a
// check in KiB. The command may write to the script's output: it is in the same
// container.
const maxWatched = 64

// maxProgram bounds a program's name in bytes: the kernel's is shorter.
const maxProgram = 64

// maxPort is the last of TCP's ports.
const maxPort = 1<<16 - 1

// watchScript prints, every 0.2 seconds or as often as the image's sleep can, the
// listening sockets and the names of all processes, using only built-ins of a POSIX
// shell. Then it runs the check, which is its arguments, and sends the requests. It
// must never fail: the engine would end the container.
//
// others are ports, in hexadecimal as the kernel prints them, to ignore: services
// in the same network listen on them.
func watchScript(requests, others string) string {
	return `healthy=
` + askers + `while :; do
  ports=
  for f in /proc/net/tcp /proc/net/tcp6; do
    [ -r $f ] && while read -r n local remote state rest; do [ "$state" = 0A ] && case " ` + others + ` " in *" ${local##*:} "*) ;; *) echo "port ${local##*:}"; ports="$ports $((0x${local##*:}))" ;; esac; done <$f
  done
  for p in /proc/[0-9]*; do [ $p = /proc/$$ ] || { read -r name <$p/comm && echo "program $name"; } 2>/dev/null; done
  if [ $# -gt 0 ] && [ -z "$healthy" ]; then
    if out=$("$@" 2>&1 </dev/null); then healthy=1; echo healthy; else
      echo round; printf '%s\n' "$out" | while IFS= read -r l; do echo "check $l"; done
    fi
  fi
  if [ -n "$ports" ] && { [ $# -eq 0 ] || [ -n "$healthy" ]; }; then :
` + requests + `  fi
  sleep 0.2 2>/dev/null || sleep 1 || exit 0
done`
}

// errUnobserved says that a process has ended, and that nobody knows how. An engine ends
// all exchange about a container if something goes wrong with another process in it, as
// when the first one ends while the other one is started: its exit code and its output
// may be lost, and look like those of a success. So no success of a command that ended
// beside its observer is believed: it is run again, alone.
var errUnobserved = &gatewaypb.ExitError{ExitCode: lostExit, Err: errors.New("the process had ended when it was to be observed")}

// errUnanswered says that a container answers no more, although nobody was told that it
// has ended: the message was lost. The command is run again, as it was.
var errUnanswered = &gatewaypb.ExitError{ExitCode: lostExit, Err: errors.New("the container does not answer")}

// watch waits for a process until it ends, its check passes, it answers, or
// the time is over; then it is killed. The error is errUnobserved if it ended by itself,
// and as it seems well, while it was observed; errUnanswered if the container is gone
// and its end is not known. over is called when the watch is over.
func (img image) watch(ctx context.Context, ctr gateway.Container, proc gateway.ContainerProcess, c Command, r *RunResult, over func()) error {
	seen := newObserver(c.Watch)
	observed := !r.Watched.Blind && !c.alone
	if observed {
		check := c.Watch.Check
		if c.Trace && len(check) > 0 {
			check = tracedCheck(check)
		}
		args := append([]string{"/bin/sh", "-c", watchScript(requestsScript(seen.asked), img.beside.others()), "sh"}, check...)
		// Where it cannot be started, the command ends, too, and its result says so.
		other, err := ctr.Start(ctx, img.process(c, args, seen, &ends{}))
		if err == nil {
			go func() { _ = other.Wait() }()
		}
	}
	listening, stop := context.WithCancel(ctx)
	defer stop()
	gone := make(chan struct{})
	if observed {
		go img.listen(listening, ctr, c, seen, gone)
	}
	done := make(chan error, 1)
	go func() { done <- proc.Wait() }()
	timeout := c.Timeout
	if timeout <= 0 {
		timeout = defaultTimeout
	}
	late, stopTimer := img.guard.After(timeout)
	defer stopTimer()
	ended := false
	defer func() {
		blind := r.Watched.Blind
		*r.Watched = seen.result()
		r.Watched.Blind = blind
		if ended {
			r.Watched.Healthy, r.Watched.Answer = false, 0
		}
	}()
	select {
	case err := <-done:
		if err == nil && observed {
			return errUnobserved
		}
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-late:
		// That the process still runs is known only if its container answers.
		if observed && len(done) == 0 && seen.quiet() > hush && !img.answers(ctx, ctr, c) && len(done) == 0 && ctx.Err() == nil {
			return errUnanswered
		}
		if r.TimedOut = true; len(done) > 0 { // it has ended meanwhile
			return nil
		}
	case <-gone:
		return errUnanswered
	case <-seen.over:
		over()
		select {
		case err := <-done:
			// The check passed just before the command ended.
			if ended = true; err == nil && observed {
				return errUnobserved
			}
			return err
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(stayTime):
		}
	}
	return end(ctx, proc, done)
}

// silence is how long an observer may say nothing before its container is asked whether
// it is still there; it speaks several times a second, but for the time of a check or
// of a request. hush is how long it may say nothing before the container is asked once the
// command's time is over. answerTime is how long the answer may take.
const (
	silence    = 15 * time.Second
	hush       = 2 * time.Second
	answerTime = 20 * time.Second
)

// listen closes gone if the observer is silent and nothing can be run in its container
// any more.
func (img image) listen(ctx context.Context, ctr gateway.Container, c Command, seen *observer, gone chan<- struct{}) {
	tick := time.NewTicker(silence / 3)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if seen.quiet() < silence || img.answers(ctx, ctr, c) {
			continue
		}
		if ctx.Err() == nil {
			close(gone)
		}
		return
	}
}

// answers says whether a shell can be run in a container.
func (img image) answers(ctx context.Context, ctr gateway.Container, c Command) bool {
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	proc, err := ctr.Start(ctx, img.process(c, []string{"/bin/sh", "-c", ":"}, &ends{}, &ends{}))
	if err != nil {
		return false
	}
	ended := make(chan error, 1)
	go func() { ended <- proc.Wait() }()
	select {
	case err := <-ended:
		return err == nil
	case <-ctx.Done():
		return false
	}
}

// stayTime is how long a command must go on running once its check has passed: a
// check that needs nothing of the command may pass while it is failing, where an
// engine would run the check only after an interval.
const stayTime = 2 * time.Second

// hasShell says whether a shell can be started as the command's user: a failing one
// would end the command's container.
func (img image) hasShell(ctx context.Context, c Command) (bool, error) {
	r := RunResult{Args: []string{"/bin/sh", "-c", "sleep 0"}}
	err := img.once(ctx, Command{User: c.User, Dir: c.Dir, Env: c.Env, Timeout: killGrace}, &r)
	return r.OK(), err
}

// observer reads the output of a watch's script.
type observer struct {
	mu      sync.Mutex
	rest    []byte // of a line
	checked bool   // there is a check that has to pass
	asked   []Request
	// rounds count, for each of asked, the answers that were not the wanted one.
	rounds []int
	seen   Watched
	done   bool
	heard  time.Time     // when it last said something
	over   chan struct{} // closed when the watch is over
}

func newObserver(w *Watch) *observer {
	s := &observer{over: make(chan struct{}), heard: time.Now(), checked: len(w.Check) > 0, asked: w.Requests}
	if !s.checked && len(s.asked) == 0 {
		s.asked = []Request{{Path: "/", any: true}}
	}
	s.rounds = make([]int, len(s.asked))
	s.seen.Answers = make([]Answer, len(s.asked))
	return s
}

func (s *observer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.heard = time.Now()
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

func (s *observer) Close() error { return nil }

// quiet is how long it has said nothing.
func (s *observer) quiet() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return time.Since(s.heard)
}

// line reads one line.
func (s *observer) line(text string) {
	w := &s.seen
	kind, value, _ := strings.Cut(text, " ")
	switch kind {
	case "port":
		n, err := strconv.ParseUint(value, 16, 16)
		if at, known := slices.BinarySearch(w.Ports, int(n)); err == nil && n > 0 && !known && len(w.Ports) < maxWatched {
			w.Ports = slices.Insert(w.Ports, at, int(n))
		}
	case "program":
		if at, known := slices.BinarySearch(w.Programs, value); value != "" && len(value) <= maxProgram && !known && len(w.Programs) < maxWatched {
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
	case "mute":
		w.Mute = true
	case "answer":
		s.answer(value)
	}
	if s.finished() {
		s.end()
	}
}

// answer reads an answer: "REQUEST PORT STATUS".
func (s *observer) answer(text string) {
	var i int
	var a Answer
	if _, err := fmt.Sscan(text, &i, &a.Port, &a.Status); err != nil || i < 0 || i >= len(s.asked) || a.Port < 1 || a.Port > maxPort || a.Status < 100 || a.Status > 599 {
		return
	}
	if s.asked[i].Passed(s.seen.Answers[i].Status) {
		return
	}
	s.seen.Answers[i] = a
	s.rounds[i]++
}

// finished says that there is nothing more to wait for: each request has the wanted
// answer, or was answered often enough, or cannot be made.
func (s *observer) finished() bool {
	if s.checked && !s.seen.Healthy {
		return false
	}
	for i, r := range s.asked {
		if !r.Passed(s.seen.Answers[i].Status) && s.rounds[i] < maxRounds && !(s.checked && s.seen.Mute) {
			return false
		}
	}
	return true
}

func (s *observer) end() {
	if !s.done {
		s.done = true
		close(s.over)
	}
}

// result is what was seen so far.
func (s *observer) result() Watched {
	s.mu.Lock()
	defer s.mu.Unlock()
	w := s.seen
	w.Ports, w.Programs, w.CheckOutput = slices.Clone(w.Ports), slices.Clone(w.Programs), bytes.Clone(w.CheckOutput)
	w.Answers = slices.Clone(w.Answers)
	for i, a := range w.Answers {
		if best := s.asked[i].Passed(a.Status); !s.checked && a.Status != 0 && (w.Answer == 0 || best) {
			if w.Answer, w.Port = a.Status, a.Port; best {
				break
			}
		}
	}
	if len(s.asked) == 1 && s.asked[0].any {
		w.Answers = nil
	}
	return w
}
