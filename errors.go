package whittle

import (
	"errors"
	"strings"
)

// Errors that callers tell apart. Rooms wrap them with what was being done;
// the command line maps them to exit codes in one place.
var (
	// ErrNotFound: what was named is not there.
	ErrNotFound = errors.New("not found")
	// ErrAuth: the registry or daemon refused the credentials.
	ErrAuth = errors.New("not authorized")
	// ErrUnsupported: the input is well formed, and whittle cannot read it.
	ErrUnsupported = errors.New("unsupported")
	// ErrCorrupt: the input contradicts itself or its digests.
	ErrCorrupt = errors.New("corrupt")
	// ErrLimit: the input is larger than a limit that guards memory or time.
	ErrLimit = errors.New("over the limit")
	// ErrUsage: the command line, a configuration file or a Dockerfile is wrong.
	ErrUsage = errors.New("bad input")
	// ErrSystem: this machine failed: a full disk, an output that takes nothing
	// more, a folder that another process works in.
	ErrSystem = errors.New("system")
	// ErrEngine: the build engine or the network failed, or there is none.
	ErrEngine = errors.New("build engine")
)

// Hinted is an error that knows what the user can try next.
type Hinted interface {
	error
	// Hint is one line in plain words, without a final period.
	Hint() string
}

type hinted struct {
	error
	hint string
}

func (h hinted) Hint() string  { return h.hint }
func (h hinted) Unwrap() error { return h.error }

// WithHint attaches to err what the user can try. A nil err stays nil.
func WithHint(err error, hint string) error {
	if err == nil {
		return nil
	}
	return hinted{err, hint}
}

// Hint collects the hints of err and of what it wraps, outermost first, joined
// by "; ". It is empty where nothing is hinted.
func Hint(err error) string {
	var hints []string
	for err != nil {
		if h, ok := err.(Hinted); ok { //nolint:errorlint // it walks the chain itself
			hints = append(hints, h.Hint())
		}
		err = errors.Unwrap(err)
	}
	return strings.Join(hints, "; ")
}
