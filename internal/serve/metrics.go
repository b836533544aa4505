package serve

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"whittle.dev/whittle/internal/report/page"
)

// metrics are figures of the server since it was started.
type metrics struct {
	refused atomic.Int64
	mu      sync.Mutex
	asked   map[asked]*took
}

// asked is a kind of requests: what was asked, and the status of the answer.
type asked struct {
	name string
	code int
}

// took is how many requests there were, and how long they took.
type took struct {
	count   int64
	seconds float64
}

// add counts a request.
func (m *metrics) add(a asked, d time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.asked == nil {
		m.asked = map[asked]*took{}
	}
	if m.asked[a] == nil {
		m.asked[a] = &took{}
	}
	m.asked[a].count++
	m.asked[a].seconds += d.Seconds()
}

// statusWriter notes the status of an answer.
type statusWriter struct {
	http.ResponseWriter
	code int
}

func (s *statusWriter) WriteHeader(code int) {
	if s.code == 0 {
		s.code = code
	}
	s.ResponseWriter.WriteHeader(code)
}

// Unwrap lets [http.ResponseController] flush.
func (s *statusWriter) Unwrap() http.ResponseWriter { return s.ResponseWriter }

// measured counts the requests for a name, and how long they take.
func (s *Server) measured(name string, next http.Handler) http.Handler {
	if name == "{$}" {
		name = "home"
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start, noted := s.o.Env.Time(), &statusWriter{ResponseWriter: w}
		next.ServeHTTP(noted, r)
		if noted.code == 0 {
			noted.code = http.StatusOK
		}
		s.metrics.add(asked{name, noted.code}, s.o.Env.Time().Sub(start))
	})
}

// writeMetrics answers in the text format of Prometheus, whose labels here are names of
// this server alone.
// https://prometheus.io/docs/instrumenting/exposition_formats/
func (s *Server) writeMetrics(w http.ResponseWriter, _ *http.Request) {
	var b strings.Builder
	family := func(name, kind, help string) { fmt.Fprintf(&b, "# HELP %s %s\n# TYPE %[1]s %[3]s\n", name, help, kind) }
	family("whittle_build_info", "gauge", "The version of whittle.")
	fmt.Fprintf(&b, "whittle_build_info{version=%q} 1\n", page.Plain(s.o.Version))
	family("whittle_serve_refused_total", "counter", "Requests without the token, or for another host.")
	fmt.Fprintf(&b, "whittle_serve_refused_total %d\n", s.metrics.refused.Load())
	if q := s.proofs.queue; q != nil {
		family("whittle_serve_jobs", "gauge", "The jobs that are kept, by their state.")
		count := q.Count()
		for _, status := range slices.Sorted(maps.Keys(count)) {
			fmt.Fprintf(&b, "whittle_serve_jobs{status=%q} %d\n", status, count[status])
		}
	}
	s.metrics.mu.Lock()
	defer s.metrics.mu.Unlock()
	family("whittle_serve_request_seconds", "summary", "How long answers took, by what was asked and the status.")
	all := slices.SortedFunc(maps.Keys(s.metrics.asked), func(a, b asked) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
	for _, a := range all {
		t := s.metrics.asked[a]
		fmt.Fprintf(&b, "whittle_serve_request_seconds_sum{name=%q,code=\"%d\"} %g\n", a.name, a.code, t.seconds)
		fmt.Fprintf(&b, "whittle_serve_request_seconds_count{name=%q,code=\"%d\"} %d\n", a.name, a.code, t.count)
	}
	w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
	_, _ = w.Write([]byte(b.String()))
}
