package pypi

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"whittle.dev/whittle"
)

// Bounds of one request: how long nothing may come, how long it may take in
// all, how often it is tried, and how long is waited in between at most.
const (
	quiet     = 60 * time.Second
	longest   = 15 * time.Minute
	attempts  = 4
	firstWait = 500 * time.Millisecond
	maxWait   = 30 * time.Second
)

// failure is why a request came to nothing. Its text has no credentials.
type failure struct {
	doing, why string
	kind       error
	cause      error
	// status is the server's, 0 where it gave none.
	status int
	// again says that another attempt may go well, after says when.
	again bool
	after time.Duration
}

func (f *failure) Error() string { return f.doing + ": " + f.why }

func (f *failure) Unwrap() []error {
	if f.cause == nil {
		return []error{f.kind}
	}
	return []error{f.kind, f.cause}
}

func isNotFound(err error) bool { return errors.Is(err, whittle.ErrNotFound) }

// get asks for a URL and hands the answer to use, whose error of kind *failure
// may ask for another attempt. What is not 2xx or 304 is an error.
func (c *Client) get(ctx context.Context, u *url.URL, header http.Header, use func(*http.Response) error) error {
	doing := "asking for " + redact(u)
	if c.offline {
		return whittle.WithHint(&failure{doing: doing, why: "the network is not to be used, and the cache has no answer", kind: whittle.ErrEngine},
			"run it once with the network")
	}
	for n := 1; ; n++ {
		err := c.once(ctx, doing, u, header, use)
		var f *failure
		if !errors.As(err, &f) || !f.again || n == attempts {
			return err
		}
		if err := c.sleep(ctx, wait(n, f.after)); err != nil {
			return fmt.Errorf("%s: %w", doing, err)
		}
	}
}

// wait is how long to wait after an attempt: twice as long each time, with
// chance in it, so that not all come back at once, and what the server asks.
func wait(attempt int, asked time.Duration) time.Duration {
	d := firstWait << (attempt - 1)
	d = d/2 + rand.N(d)
	return min(max(d, asked), maxWait)
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

func (c *Client) once(ctx context.Context, doing string, u *url.URL, header http.Header, use func(*http.Response) error) error {
	select {
	case c.slots <- struct{}{}:
		defer func() { <-c.slots }()
	case <-ctx.Done():
		return fmt.Errorf("%s: %w", doing, ctx.Err())
	}
	limited, cancel := context.WithTimeout(ctx, longest)
	defer cancel()
	// A server that stalls is given up, however much it sent before.
	watch := time.AfterFunc(quiet, cancel)
	defer watch.Stop()
	req, err := http.NewRequestWithContext(limited, http.MethodGet, u.String(), nil)
	if err != nil {
		return &failure{doing: doing, why: "it is no address to ask", kind: whittle.ErrCorrupt}
	}
	req.Header = header.Clone()
	req.Header.Set("User-Agent", "whittle")
	c.authorize(req)
	client, err := c.client()
	if err != nil {
		return err
	}
	resp, err := client.Do(req)
	if err != nil {
		return c.lost(ctx, doing, err)
	}
	defer resp.Body.Close()
	resp.Body = &watched{resp.Body, watch}
	if err := refusal(doing, resp); err != nil {
		return err
	}
	err = use(resp)
	var broken *readError
	if errors.As(err, &broken) {
		return c.lost(ctx, doing, broken.error)
	}
	return err
}

// authorize adds the credentials of the index whose host is asked, and never
// those to another.
func (c *Client) authorize(req *http.Request) {
	for _, i := range c.indexes {
		if i.user != nil && i.base.Scheme == req.URL.Scheme && strings.EqualFold(i.base.Host, req.URL.Host) {
			password, _ := i.user.Password()
			req.SetBasicAuth(i.user.Username(), password)
			return
		}
	}
}

// lost is the error of a connection that failed. The texts of net/http are
// taken without the URL, which may hold a secret after a redirection.
func (c *Client) lost(ctx context.Context, doing string, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("%s: %w", doing, ctx.Err())
	}
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err
	}
	why := whittle.OneLine(err.Error())
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		why = "the server went silent"
	}
	return whittle.WithHint(&failure{doing: doing, why: why, kind: whittle.ErrEngine, cause: err, again: true},
		"is the package index reachable? PIP_INDEX_URL or pip's configuration name another")
}

// watched winds the watch up again with all that comes.
type watched struct {
	io.ReadCloser
	watch *time.Timer
}

func (w *watched) Read(p []byte) (int, error) {
	n, err := w.ReadCloser.Read(p)
	if n > 0 {
		w.watch.Reset(quiet)
	}
	return n, err
}

// refusal turns a status into an error; nil is an answer.
func refusal(doing string, resp *http.Response) error {
	f := &failure{doing: doing, status: resp.StatusCode, kind: whittle.ErrEngine, why: "the server says " + status(resp)}
	switch code := resp.StatusCode; {
	case code >= 200 && code < 300 || code == http.StatusNotModified:
		return nil
	case code == http.StatusNotFound || code == http.StatusGone:
		f.kind = whittle.ErrNotFound
	case code == http.StatusUnauthorized || code == http.StatusForbidden || code == http.StatusProxyAuthRequired:
		f.kind = whittle.ErrAuth
		return whittle.WithHint(f, "the index's URL may hold credentials: https://user:password@host/simple")
	case code == http.StatusRequestTimeout || code == http.StatusTooManyRequests || code >= 500 && code != http.StatusNotImplemented:
		f.again = true
		if s, err := strconv.Atoi(resp.Header.Get("Retry-After")); err == nil && s >= 0 {
			f.after = time.Duration(min(s, int(maxWait/time.Second))) * time.Second
		}
	}
	return f
}

// status is a status as text; a server's own words are not repeated.
func status(resp *http.Response) string {
	return strings.TrimSpace(strconv.Itoa(resp.StatusCode) + " " + http.StatusText(resp.StatusCode))
}

// readError marks an error of a connection among those of what it brought.
type readError struct{ error }

func (e *readError) Unwrap() error { return e.error }

// readAll reads a body that must not be larger than a limit.
func readAll(r io.Reader, what string, limit int64) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err != nil {
		return nil, &readError{err}
	}
	if int64(len(b)) > limit {
		return nil, whittle.ErrLimit.Errorf("%s has more than %d bytes", what, limit)
	}
	return b, nil
}

// fileURL is a file's address, which must be one that HTTP reaches.
func fileURL(f File) (*url.URL, error) {
	u, err := url.Parse(f.URL)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, whittle.ErrUnsupported.Errorf("the file %.200q has no address that HTTP reaches", f.Name)
	}
	u.Fragment, u.RawFragment = "", ""
	return u, nil
}
