package source

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"time"

	"whittle.dev/whittle"
)

// Deadlines bound how long a registry or a Docker engine may take; zero fields are
// defaults.
type Deadlines struct {
	// Connect is for a connection and its TLS: 10 s.
	Connect time.Duration
	// Answer is for the first byte of an answer to a request, and for the first
	// answer of a Docker engine: 20 s.
	Answer time.Duration
	// Document is for a whole manifest, configuration or token, with redirects
	// and retries, and for the beginning of a blob: 45 s. Opening an image may
	// take four times as long.
	Document time.Duration
	// Stall is how long a blob may transfer fewer than Bytes: 30 s and 30 kB.
	Stall time.Duration
	Bytes int64
	// Retry is the pause before the second attempt of a request: 1 s. Before the
	// third it is three times as long.
	Retry time.Duration
}

// DefaultDeadlines are the default deadlines.
func DefaultDeadlines() Deadlines { return Deadlines{}.withDefaults() }

func (d Deadlines) withDefaults() Deadlines {
	set := func(v *time.Duration, to time.Duration) {
		if *v <= 0 {
			*v = to
		}
	}
	set(&d.Connect, 10*time.Second)
	set(&d.Answer, 20*time.Second)
	set(&d.Document, 45*time.Second)
	set(&d.Stall, 30*time.Second)
	set(&d.Retry, time.Second)
	if d.Bytes <= 0 {
		d.Bytes = 30_000
	}
	return d
}

// MaxRedirects bounds the redirects of one request, as Go's own client does.
const MaxRedirects = 10

var (
	errRedirects = fmt.Errorf("it redirects more than %d times", MaxRedirects)
	errSlow      = errors.New("too slow")
)

// tooSlow is the cause of a context that ended by a deadline.
func tooSlow(what string, d time.Duration) error {
	return fmt.Errorf("%w: %s within %s", errSlow, what, seconds(d))
}

// slowness is the text of an error of [tooSlow].
func slowness(err error) string { return strings.TrimPrefix(err.Error(), errSlow.Error()+": ") }

func seconds(d time.Duration) string { return fmt.Sprintf("%g s", d.Seconds()) }

// redirectLimit is a transport that bounds redirects.
type redirectLimit struct{ inner http.RoundTripper }

// RoundTrip counts the responses that led to the request, so that redirects of
// pings and tokens count too.
func (b redirectLimit) RoundTrip(req *http.Request) (*http.Response, error) {
	n := 0
	for r := req; r != nil && r.Response != nil; r = r.Response.Request {
		if n++; n > MaxRedirects {
			return nil, errRedirects
		}
	}
	return b.inner.RoundTrip(req)
}

// NewTransport is a transport with the deadlines of connections.
func NewTransport(d Deadlines) *http.Transport {
	return &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           (&net.Dialer{Timeout: d.Connect, KeepAlive: 30 * time.Second}).DialContext,
		ForceAttemptHTTP2:     true,
		TLSHandshakeTimeout:   d.Connect,
		ResponseHeaderTimeout: d.Answer,
		IdleConnTimeout:       90 * time.Second,
		MaxIdleConnsPerHost:   8,
	}
}

// reason says briefly why a registry was not reached.
func (d Deadlines) reason(err error) string {
	var dns *net.DNSError
	var timeout net.Error
	var u *url.Error
	switch {
	case errors.Is(err, errSlow):
		return slowness(err)
	case errors.Is(err, errRedirects):
		return errRedirects.Error()
	case errors.As(err, &dns):
		return dns.Name + " cannot be resolved to an address"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "connection refused"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET):
		return "the connection broke off"
	case errors.As(err, &timeout) && timeout.Timeout() && strings.Contains(err.Error(), "awaiting response headers"):
		return fmt.Sprintf("no answer within %s", seconds(d.Answer))
	case errors.As(err, &timeout) && timeout.Timeout():
		return fmt.Sprintf("no connection within %s", seconds(d.Connect))
	case errors.As(err, &u) && strings.HasPrefix(err.Error(), u.Error()) && len(err.Error()) == len(u.Error()):
		return u.Err.Error()
	}
	// The library prints the answer that has no token, which may contain secrets.
	if strings.Contains(err.Error(), "no token in bearer response") {
		return "its answer to the login has no token"
	}
	return err.Error()
}

// stallReader reads a blob, and fails if it stalls. Only the time spent waiting for
// bytes counts, not the time between reads.
type stallReader struct {
	io.ReadCloser
	ctx    context.Context
	cancel context.CancelCauseFunc
	from   *repository
	waited time.Duration // for the bytes of got
	got    int64
}

// newStallReader reads body until ctx is done; cancel cancels ctx.
func newStallReader(ctx context.Context, cancel context.CancelCauseFunc, body io.ReadCloser, from *repository) *stallReader {
	return &stallReader{ReadCloser: body, ctx: ctx, cancel: cancel, from: from}
}

func (s *stallReader) Read(p []byte) (int, error) {
	d := s.from.d
	stall := fmt.Errorf("%w: fewer than %s came in %s", errSlow, whittle.Bytes(d.Bytes), seconds(d.Stall))
	timer := time.AfterFunc(d.Stall-s.waited, func() { s.cancel(stall) })
	start := time.Now()
	n, err := s.ReadCloser.Read(p)
	timer.Stop()
	s.waited += time.Since(start)
	if s.got += int64(n); s.got >= d.Bytes {
		s.waited, s.got = 0, 0
	}
	switch {
	case errors.Is(err, io.EOF):
		return n, io.EOF
	case err == nil && s.waited >= d.Stall:
		s.cancel(stall)
		err = stall
	case err == nil:
		return n, nil
	}
	return n, registryError(s.ctx, s.from.name, d, "", err)
}

func (s *stallReader) Close() error {
	err := s.ReadCloser.Close()
	s.cancel(nil)
	return err
}
