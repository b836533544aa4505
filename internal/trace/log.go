// Package trace runs a command and notes which files it touches: what each of
// its processes and threads asks the kernel for. Linux stops a process at a call
// that names a file (seccomp), and the tracer, which is the command's parent, reads
// the name and the outcome (ptrace). All other calls run at full speed.
//
// The tracer is part of whittle's own program, so that it can be put into any
// container of whittle's platform: see [Main].
package trace

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"path"
	"strconv"
	"strings"

	"whittle.dev/whittle"
)

// Arg is the first argument of whittle's program that makes it the tracer; the path
// of the log and the command follow:
//
//	whittle Arg LOG COMMAND…
const Arg = "-whittle-trace"

// Bounds of a log. A container may write anything into it.
const (
	// MaxLog is the most bytes of a log.
	MaxLog = 128 << 20
	// MaxPaths is the most paths of a log: those that are there, and those that are
	// missing.
	MaxPaths = 1 << 20
	// maxPath is the kernel's longest path in bytes, with what a symlink may put
	// before it.
	maxPath = 2 * 4096
)

// Log is what a traced command touched.
type Log struct {
	// Touched are absolute, clean, real paths, and how they were touched. A command
	// may have made some of them itself.
	Touched map[string]whittle.Touch
	// Missing are absolute, clean paths that were asked for and not there.
	Missing map[string]bool
	// Unprivileged are the programs that would have become another user or got
	// capabilities (set-user-ID and the like), and did not because they were traced.
	Unprivileged map[string]bool
	// Ended says that the command ended by itself, with the code Exit (or 128 and the
	// signal): otherwise it was ended together with its tracer, and the log has what
	// was touched until then.
	Ended bool
	Exit  int
}

// A log is a header, and records that end with a NUL: a letter, and a value.
const (
	logHeader = "whittle-trace/1"

	recordTouched      = 'T' // the ways as one digit (hexadecimal), and the path
	recordMissing      = 'M' // the path
	recordUnprivileged = 'U' // the path
	recordExit         = 'X' // the exit code, decimal; the last record
	recordError        = 'E' // why there is no trace; the last record
)

// ErrNotStarted says that the command could not be executed.
var ErrNotStarted = errors.New("the command could not be started")

// ErrEmpty says that the tracer did not begin its log.
var ErrEmpty = errors.New("the tracer wrote nothing")

// Read reads a log, which is untrusted. An error that the tracer reports is of kind
// [whittle.ErrUnmeasured]: then there is no trace.
func Read(r io.Reader) (*Log, error) {
	l := &Log{Touched: map[string]whittle.Touch{}, Missing: map[string]bool{}, Unprivileged: map[string]bool{}}
	limited := &io.LimitedReader{R: r, N: MaxLog + 1}
	lines := bufio.NewScanner(limited)
	lines.Buffer(make([]byte, 0, 4096), maxPath+16)
	lines.Split(splitNUL)
	if !lines.Scan() || lines.Text() != logHeader {
		if err := lines.Err(); err != nil {
			return nil, whittle.ErrUnmeasured.Errorf("reading a trace: %w", err)
		}
		return nil, whittle.ErrUnmeasured.Errorf("reading a trace: %w", ErrEmpty)
	}
	for lines.Scan() {
		if l.Ended {
			return nil, whittle.ErrCorrupt.Errorf("reading a trace: there is something after its end")
		}
		if err := l.record(lines.Bytes()); err != nil {
			return nil, err
		}
		if len(l.Touched)+len(l.Missing)+len(l.Unprivileged) > MaxPaths {
			return nil, whittle.ErrLimit.Errorf("reading a trace: it has more than %d paths", MaxPaths)
		}
	}
	switch err := lines.Err(); {
	case errors.Is(err, bufio.ErrTooLong):
		return nil, whittle.ErrCorrupt.Errorf("reading a trace: a record is longer than any path")
	case err != nil:
		return nil, fmt.Errorf("reading a trace: %w", err)
	case limited.N <= 0:
		return nil, whittle.ErrLimit.Errorf("reading a trace: it is larger than %s", whittle.Bytes(MaxLog))
	}
	return l, nil
}

// splitNUL gives whole records: what is after the last NUL was cut off when the
// tracer was killed.
func splitNUL(data []byte, atEOF bool) (int, []byte, error) {
	if i := bytes.IndexByte(data, 0); i >= 0 {
		return i + 1, data[:i], nil
	}
	if atEOF {
		return len(data), nil, nil
	}
	return 0, nil, nil
}

func (l *Log) record(b []byte) error {
	if len(b) == 0 {
		return whittle.ErrCorrupt.Errorf("reading a trace: an empty record")
	}
	value := string(b[1:])
	switch b[0] {
	case recordTouched:
		if value == "" {
			return whittle.ErrCorrupt.Errorf("reading a trace: a record without a path")
		}
		how, err := strconv.ParseUint(value[:1], 16, 4)
		if err != nil || how == 0 || !clean(value[1:]) {
			return badPath(value)
		}
		l.Touched[value[1:]] |= whittle.Touch(how)
	case recordMissing, recordUnprivileged:
		if !clean(value) {
			return badPath(value)
		}
		if b[0] == recordMissing {
			l.Missing[value] = true
		} else {
			l.Unprivileged[value] = true
		}
	case recordExit:
		code, err := strconv.ParseUint(value, 10, 8)
		if err != nil {
			return whittle.ErrCorrupt.Errorf("reading a trace: %q is no exit code", whittle.Shorten(value, 20))
		}
		l.Ended, l.Exit = true, int(code)
	case recordError:
		if why, ok := strings.CutPrefix(value, ErrNotStarted.Error()); ok {
			return whittle.ErrNotFound.Errorf("tracing: %w%s", ErrNotStarted, whittle.Shorten(whittle.OneLine(why), 200))
		}
		return whittle.ErrUnmeasured.Errorf("tracing: %s", whittle.Shorten(whittle.OneLine(value), 300))
	default:
		return whittle.ErrCorrupt.Errorf("reading a trace: %q is no kind of record", b[0])
	}
	return nil
}

func badPath(value string) error {
	return whittle.ErrCorrupt.Errorf("reading a trace: %q is no absolute path", whittle.Shorten(value, 80))
}

// clean says whether a path is absolute and as short as it can be.
func clean(p string) bool { return path.IsAbs(p) && path.Clean(p) == p }

// recorder writes a log: what is new, at once, so that it is there whenever the
// tracer is killed.
type recorder struct {
	w     io.Writer
	log   Log
	size  int64
	limit int // of paths
}

func newRecorder(w io.Writer) (*recorder, error) {
	r := &recorder{w: w, limit: MaxPaths, log: Log{Touched: map[string]whittle.Touch{}, Missing: map[string]bool{}, Unprivileged: map[string]bool{}}}
	return r, r.write(logHeader)
}

func (r *recorder) touched(p string, how whittle.Touch) error {
	if ignored(p) || r.log.Touched[p]&how == how {
		return nil
	}
	r.log.Touched[p] |= how
	return r.path(recordTouched, strconv.FormatUint(uint64(how), 16)+p)
}

func (r *recorder) missing(p string) error {
	if ignored(p) || r.log.Missing[p] {
		return nil
	}
	r.log.Missing[p] = true
	return r.path(recordMissing, p)
}

func (r *recorder) unprivileged(p string) error {
	if ignored(p) || r.log.Unprivileged[p] {
		return nil
	}
	r.log.Unprivileged[p] = true
	return r.path(recordUnprivileged, p)
}

// ignored are the kernel's own folders, which no image brings, and whose names
// have no end: each process has its own.
func ignored(p string) bool { return whittle.Under(p, "/proc") || whittle.Under(p, "/sys") }

func (r *recorder) path(kind byte, value string) error {
	if len(r.log.Touched)+len(r.log.Missing)+len(r.log.Unprivileged) > r.limit {
		return whittle.ErrLimit.Errorf("the command touches more than %d paths", r.limit)
	}
	return r.write(string(kind) + value)
}

func (r *recorder) write(text string) error {
	if r.size += int64(len(text) + 1); r.size > MaxLog-1024 {
		return whittle.ErrLimit.Errorf("the trace is larger than %s", whittle.Bytes(MaxLog))
	}
	if _, err := r.w.Write(append([]byte(text), 0)); err != nil {
		return fmt.Errorf("writing the trace: %w", err)
	}
	return nil
}

// end writes how the command ended, or why there is no trace.
func (r *recorder) end(exit int, err error) error {
	text := string(recordExit) + strconv.Itoa(exit)
	if err != nil {
		text = string(recordError) + whittle.Shorten(whittle.OneLine(err.Error()), 300)
	}
	_, err = r.w.Write(append([]byte(text), 0))
	return err
}
