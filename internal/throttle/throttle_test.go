package throttle_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"whittle.dev/whittle/internal/throttle"
)

// answers is a transport that answers by what it is told, and counts.
type answers struct {
	asked atomic.Int64
	give  func(n int64) (status int, retryAfter string)
}

func (a *answers) RoundTrip(*http.Request) (*http.Response, error) {
	status, after := a.give(a.asked.Add(1))
	h := http.Header{}
	if after != "" {
		h.Set("Retry-After", after)
	}
	return &http.Response{StatusCode: status, Header: h, Body: io.NopCloser(strings.NewReader("no"))}, nil
}

func get(t *testing.T, through http.RoundTripper) int {
	t.Helper()
	resp, err := through.RoundTrip(httptest.NewRequest(http.MethodGet, "https://r.example/v2/", nil))
	if err != nil {
		t.Log(err)
		return 0
	}
	resp.Body.Close()
	return resp.StatusCode
}

// TestRetryAfter: a host is asked again when it has said so, and not before.
func TestRetryAfter(t *testing.T) {
	for _, c := range []struct {
		name   string
		status int
		header string
		first  int           // the first request's status, 0 for an error
		waits  time.Duration // until then
		closed bool          // it wants to be left alone then
		asked  int64
	}{
		{"seconds", 429, "3", 200, 3 * time.Second, false, 2},
		{"a date", 429, "Sat, 01 Jan 2000 00:00:05 GMT", 200, 5 * time.Second, false, 2},
		{"a date that was", 429, "Fri, 31 Dec 1999 00:00:05 GMT", 200, 0, false, 2},
		{"nothing", 429, "", 200, 2 * time.Second, false, 2},
		{"nonsense", 429, "soon", 200, 2 * time.Second, false, 2},
		{"unavailable for a while", 503, "1", 200, time.Second, false, 2},
		{"unavailable", 503, "", 503, 0, false, 1},
		{"longer than anybody waits", 429, "600", 429, 0, true, 1},
		{"longer than there is", 429, "99999999999999", 429, 0, true, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := &answers{give: func(n int64) (int, string) {
					if n == 1 {
						return c.status, c.header
					}
					return 200, ""
				}}
				tr := &throttle.Transport{Inner: a}
				begun := time.Now()
				if got := get(t, tr); got != c.first || time.Since(begun) != c.waits {
					t.Errorf("%d after %s, want %d after %s", got, time.Since(begun), c.first, c.waits)
				}
				closed := tr.Closed("r.example")
				if c.closed != !closed.IsZero() || closed.After(begun.Add(time.Hour)) {
					t.Errorf("it is closed until %s", closed)
				}
				if c.closed && get(t, tr) != 0 {
					t.Error("it is asked though it is closed")
				}
				if a.asked.Load() != c.asked {
					t.Errorf("it was asked %d times, want %d", a.asked.Load(), c.asked)
				}
			})
		})
	}
}

// TestRate: a host gets so many requests in a second, another one its own.
func TestRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &answers{give: func(int64) (int, string) { return 200, "" }}
		tr := &throttle.Transport{Inner: a, Rate: 10}
		begun := time.Now()
		for range 30 {
			get(t, tr)
		}
		if took := time.Since(begun); took < 1900*time.Millisecond || took > 2100*time.Millisecond {
			t.Errorf("30 requests took %s, 10 at once and 10 a second are 2 s", took)
		}
		begun = time.Now()
		resp, err := tr.RoundTrip(&http.Request{URL: &url.URL{Host: "other.example"}})
		if err == nil {
			resp.Body.Close()
		}
		if err != nil || time.Since(begun) != 0 {
			t.Errorf("another host waits for %s, %v", time.Since(begun), err)
		}
	})
}

// TestStops: who waits for a host stops with its context; a host that refuses always is not
// asked for ever.
func TestStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &answers{give: func(int64) (int, string) { return 429, "5" }}
		tr := &throttle.Transport{Inner: a}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		begun := time.Now()
		resp, err := tr.RoundTrip(httptest.NewRequest(http.MethodGet, "https://r.example/", nil).WithContext(ctx))
		if err == nil {
			resp.Body.Close()
		}
		if err == nil || time.Since(begun) != time.Second {
			t.Errorf("%v after %s", err, time.Since(begun))
		}
		if got := get(t, tr); got != 429 || a.asked.Load() != 5 {
			t.Errorf("%d after %d requests", got, a.asked.Load())
		}
	})
}
