package whittle

import (
	"errors"
	"fmt"
	"strings"
)

// ErrorKind is what sort of failure an error is. [errors.Is] finds the kind of
// an error; no message shows it. An error has the kind of whatever it wraps,
// too.
type ErrorKind string

// The kinds of errors. Rooms make errors of a kind with [ErrorKind.Errorf]; the
// command line maps kinds to exit codes in one place.
const (
	// ErrNotFound: what was named is not there.
	ErrNotFound ErrorKind = "not found"
	// ErrAuth: the registry or daemon refused the credentials.
	ErrAuth ErrorKind = "not authorized"
	// ErrUnsupported: the input is well formed, and whittle cannot read it.
	ErrUnsupported ErrorKind = "unsupported"
	// ErrCorrupt: the input contradicts itself or its digests.
	ErrCorrupt ErrorKind = "corrupt"
	// ErrLimit: the input is larger than a limit that guards memory or time.
	ErrLimit ErrorKind = "over the limit"
	// ErrUsage: the command line, a configuration file or a Dockerfile is wrong.
	ErrUsage ErrorKind = "bad input"
	// ErrSystem: this machine failed: a full disk, an output that takes nothing
	// more, a folder that another process works in.
	ErrSystem ErrorKind = "system"
	// ErrEngine: the build engine or the network failed, or there is none.
	ErrEngine ErrorKind = "build engine"
	// ErrUnmeasured: what a verdict needs could not be read or measured, so that there
	// is none.
	ErrUnmeasured ErrorKind = "not measured"
)

// Error is the name of the kind: for an error that says nothing else.
func (k ErrorKind) Error() string { return string(k) }

// Errorf makes an error of the kind, with the text that [fmt.Errorf] gives.
func (k ErrorKind) Errorf(format string, args ...any) error {
	return kindError{fmt.Errorf(format, args...), k}
}

// Of makes err an error of the kind, with its text as it is. A nil err stays
// nil.
func (k ErrorKind) Of(err error) error {
	if err == nil {
		return nil
	}
	return kindError{err, k}
}

type kindError struct {
	error
	kind ErrorKind
}

func (e kindError) Unwrap() error        { return e.error }
func (e kindError) Is(target error) bool { return target == e.kind } //nolint:errorlint // kinds are compared, not wrapped

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
