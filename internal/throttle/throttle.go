// Package throttle bounds how fast each host is asked over HTTP, and asks none that has said
// for how long it wants to be left alone.
package throttle

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

const (
	// patience is how long a request waits if nothing else is said.
	patience = 20 * time.Second
	// unsaid is how long a host is left alone that refuses requests and does not say for how
	// long; longest is the most that a host is left alone, whatever it says.
	unsaid, longest = 2 * time.Second, time.Hour
	// tries is how often a request is sent to a host that refuses requests for now.
	tries = 4
)

// Transport is an [http.RoundTripper] for requests without a body to many hosts. Its zero
// value bounds nothing, and waits for hosts that ask for it. It is safe for concurrent use.
type Transport struct {
	// Inner sends the requests; nil is [http.DefaultTransport].
	Inner http.RoundTripper
	// Rate is how many requests a host gets in a second; 0 is as many as there are.
	Rate float64
	// Patience is how long a request waits for a host that has said when to come back; if
	// that is later, the request fails. 0 is 20 s.
	Patience time.Duration
	// Waited, if not nil, is told of each host that refuses requests for now, and for how
	// long it is left alone.
	Waited func(host string, d time.Duration)

	mu    sync.Mutex
	hosts map[string]*host
}

type host struct {
	limiter *rate.Limiter
	closed  time.Time // until when
}

// Closed is until when a host wants to be left alone; zero if it does not.
func (t *Transport) Closed(name string) time.Time {
	t.mu.Lock()
	defer t.mu.Unlock()
	if h := t.hosts[name]; h != nil && h.closed.After(time.Now()) {
		return h.closed
	}
	return time.Time{}
}

// RoundTrip implements [http.RoundTripper].
func (t *Transport) RoundTrip(req *http.Request) (*http.Response, error) {
	inner := t.Inner
	if inner == nil {
		inner = http.DefaultTransport
	}
	for try := 1; ; try++ {
		if err := t.wait(req.Context(), req.URL.Host); err != nil {
			return nil, err
		}
		resp, err := inner.RoundTrip(req)
		if err != nil || resp.StatusCode != http.StatusTooManyRequests && (resp.StatusCode != http.StatusServiceUnavailable || resp.Header.Get("Retry-After") == "") {
			return resp, err
		}
		left := t.close(req.URL.Host, after(resp.Header.Get("Retry-After"), time.Now()))
		if left > cmp.Or(t.Patience, patience) || try == tries || req.Body != nil && req.Body != http.NoBody {
			return resp, nil
		}
		_, _ = io.CopyN(io.Discard, resp.Body, 64<<10) // so that the connection can be used again
		resp.Body.Close()
	}
}

// wait waits until a host may be asked.
func (t *Transport) wait(ctx context.Context, name string) error {
	for {
		limiter, closed := t.of(name)
		left := time.Until(closed)
		if left <= 0 {
			return limiter.Wait(ctx)
		}
		if left > cmp.Or(t.Patience, patience) {
			return fmt.Errorf("%s refuses requests for another %d s", name, int(left.Seconds())+1)
		}
		timer := time.NewTimer(left)
		select {
		case <-ctx.Done():
			timer.Stop()
			return context.Cause(ctx)
		case <-timer.C:
		}
	}
}

func (t *Transport) of(name string) (*rate.Limiter, time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	h := t.hosts[name]
	if h == nil {
		h = &host{limiter: rate.NewLimiter(rate.Inf, 1)}
		if t.Rate > 0 {
			h.limiter = rate.NewLimiter(rate.Limit(t.Rate), max(1, int(t.Rate)))
		}
		if t.hosts == nil {
			t.hosts = map[string]*host{}
		}
		t.hosts[name] = h
	}
	return h.limiter, h.closed
}

// close leaves a host alone for some time, and says for how long it is now.
func (t *Transport) close(name string, d time.Duration) time.Duration {
	t.mu.Lock()
	h := t.hosts[name]
	if until := time.Now().Add(d); until.After(h.closed) {
		h.closed = until
	}
	left := time.Until(h.closed)
	t.mu.Unlock()
	if t.Waited != nil {
		t.Waited(name, left)
	}
	return left
}

// after reads the header Retry-After: seconds, or a date.
// https://www.rfc-editor.org/rfc/rfc9110#field.retry-after
func after(header string, now time.Time) time.Duration {
	d := unsaid
	if n, err := strconv.Atoi(header); err == nil {
		d = time.Duration(min(max(n, 0), int(longest.Seconds()))) * time.Second
	} else if at, err := http.ParseTime(header); err == nil {
		d = at.Sub(now)
	}
	return min(max(d, 0), longest)
}
