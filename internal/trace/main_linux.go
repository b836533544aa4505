//go:build amd64 || arm64

package trace

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"whittle.dev/whittle"
)

// childArg is the first argument of whittle's program that makes it the command's
// process, until it executes the command.
const childArg = Arg + "-child"

// controlFile is the file through which tracer and child speak.
const controlFile = 3

// Main is the tracer, or the child that it starts, if args, those of the program with
// its name, say so; otherwise ours is false. It ends as the command does: code is the
// command's exit code, or 128 and the signal that ended it; 127 or 126 where it could
// not be started.
func Main(args []string) (code int, ours bool) {
	switch {
	case len(args) > 3 && args[1] == Arg:
		return run(args[2], args[3:]), true
	case len(args) > 3 && args[1] == childArg:
		return child(args[2], args[3:]), true
	}
	return 0, false
}

// failure is the exit code where there is no trace: that of a shell that could not
// do what it should.
const failure = 125

// run traces a command and writes the log.
func run(log string, command []string) int {
	f, err := os.OpenFile(log, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o666)
	if err != nil {
		fmt.Fprintf(os.Stderr, "whittle: %v\n", err)
		return failure
	}
	out, err := newRecorder(f)
	if err != nil {
		fmt.Fprintf(os.Stderr, "whittle: %v\n", err)
		return failure
	}
	exit, err := traced(out, command)
	if errors.Is(err, ErrNotStarted) {
		exit = 127
		if errors.Is(err, unix.EACCES) || errors.Is(err, unix.ENOEXEC) || errors.Is(err, unix.EISDIR) {
			exit = 126
		}
		fmt.Fprintf(os.Stderr, "whittle: starting %s: %v\n", command[0], err)
	} else if err != nil {
		exit = failure
		fmt.Fprintf(os.Stderr, "whittle: tracing: %v\n", err)
	}
	if err := out.end(exit, err); err != nil {
		fmt.Fprintf(os.Stderr, "whittle: %v\n", err)
		return failure
	}
	return exit
}

// traced runs a command and records what it touches.
func traced(out *recorder, command []string) (exit int, err error) {
	runtime.LockOSThread() // see tracer; it is never unlocked, as the process ends soon
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return 0, whittle.ErrSystem.Errorf("becoming the parent of orphans: %w", err)
	}
	space, err := readlink("/proc/self/ns/mnt")
	if err != nil {
		return 0, whittle.ErrUnsupported.Errorf("there is no /proc: %w", err)
	}
	program, err := lookPath(command[0])
	if err != nil {
		return 0, err
	}
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, whittle.ErrSystem.Of(err)
	}
	pid, err := syscall.ForkExec("/proc/self/exe", append([]string{os.Args[0], childArg, program}, command...),
		&syscall.ProcAttr{Env: os.Environ(), Files: []uintptr{0, 1, 2, uintptr(pair[1])}})
	_ = unix.Close(pair[1])
	if err != nil {
		return 0, whittle.ErrSystem.Errorf("starting the command's process: %w", err)
	}
	t := &tracer{out: out, calls: calls(), main: pid, pending: map[int]pending{}, opened: map[int]bool{}, space: space, live: map[int]bool{pid: true}}
	defer t.end()
	if err := seize(pair[0]); err != nil {
		return 0, err
	}
	defer forward(pid)()
	return t.follow()
}

// seize attaches to the child's thread that will execute the command, and lets it go
// on. After that the control file is closed.
func seize(control int) error {
	defer func() { _ = unix.Close(control) }()
	var b [4]byte
	if n, err := unix.Read(control, b[:]); err != nil || n != len(b) {
		return whittle.ErrSystem.Errorf("the command's process did not begin: %w", errors.Join(err, syscall.EPIPE))
	}
	tid := int(binary.NativeEndian.Uint32(b[:]))
	if _, _, errno := unix.RawSyscall6(unix.SYS_PTRACE, unix.PTRACE_SEIZE, uintptr(tid), 0, options, 0, 0); errno != 0 {
		return whittle.ErrUnsupported.Errorf("attaching to the command's process (ptrace): %w", errno)
	}
	_, err := unix.Write(control, b[:1])
	return err
}

// forward sends on the signals that the tracer gets, as the command would get them
// if it were the first process. What it gives stops that.
func forward(pid int) (stop func()) {
	signals := make(chan os.Signal, 64)
	signal.Notify(signals, unix.SIGTERM, unix.SIGINT, unix.SIGHUP, unix.SIGQUIT, unix.SIGUSR1, unix.SIGUSR2, unix.SIGWINCH, unix.SIGALRM, unix.SIGCONT)
	go func() {
		for s := range signals {
			_ = unix.Kill(pid, s.(syscall.Signal))
		}
	}()
	return func() { signal.Stop(signals); close(signals) }
}

// child waits until it is traced, installs the filter and executes the command. The
// tracer sees what becomes of that.
func child(program string, command []string) int {
	runtime.LockOSThread()
	complain := func(err error) int {
		fmt.Fprintf(os.Stderr, "whittle: tracing: %v\n", err)
		return failure
	}
	unix.CloseOnExec(controlFile)
	var b [4]byte
	binary.NativeEndian.PutUint32(b[:], uint32(unix.Gettid()))
	if _, err := unix.Write(controlFile, b[:]); err != nil {
		return complain(err)
	}
	if n, err := unix.Read(controlFile, b[:1]); err != nil || n != 1 {
		return complain(errors.Join(err, syscall.EPIPE))
	}
	if err := install(); err != nil {
		return complain(err)
	}
	return complain(syscall.Exec(program, command, os.Environ()))
}

// lookPath finds a program as container engines do.
func lookPath(name string) (string, error) {
	if strings.Contains(name, "/") {
		return name, nil
	}
	for _, dir := range filepath.SplitList(os.Getenv("PATH")) {
		file := filepath.Join(dir, name)
		if !strings.Contains(file, "/") {
			file = "./" + file
		}
		if st, err := os.Stat(file); err == nil && !st.IsDir() && unix.Access(file, unix.X_OK) == nil {
			return file, nil
		}
	}
	return "", fmt.Errorf("%w: it is not in PATH: %w", ErrNotStarted, unix.ENOENT)
}
