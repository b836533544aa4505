package work_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/fleet/work"
	"whittle.dev/whittle/internal/imagetest"
)

// TestMonitor: what a worker answers before it works, while it works, and after its database
// is gone; and that its figures are those of what it did.
func TestMonitor(t *testing.T) {
	p := newPlace(t)
	names := p.generated(t, 5, 6)
	s := opened(t, filepath.Join(t.TempDir(), "fleet.db"))
	w := work.New(s, work.Options{})
	ask := func(path string) (int, string) {
		out := httptest.NewRecorder()
		w.Handler().ServeHTTP(out, httptest.NewRequest(http.MethodGet, path, nil))
		return out.Code, out.Body.String()
	}
	expect := func(path string, code int, text string) {
		t.Helper()
		if got, said := ask(path); got != code || !strings.Contains(said, text) {
			t.Errorf("%s: %d, want %d with %q:\n%s", path, got, code, text, said)
		}
	}
	expect("/healthz", 200, "alive")
	expect("/readyz", 503, "not ready")
	scan, err := work.Scan(t.Context(), s, "a list", "", append(names, p.host+"/bad/none:1"))
	imagetest.Must(t, err)
	expect("/metrics", 200, "whittle_fleet_open_names 6\n")
	ready := 0
	imagetest.Must(t, w.Run(t.Context(), func(ctx context.Context) (bool, error) {
		if code, _ := ask("/readyz"); code == 200 {
			ready++
		}
		p, err := s.Progress(ctx, scan)
		return err == nil && p.Open == 0, err
	}))
	if ready == 0 {
		t.Error("it was never ready")
	}
	expect("/readyz", 503, "not ready")
	for _, line := range []string{"names_total 5", "layers_total 6", "images_total 5", "failures_total 1", "open_names 0", "failed_names 1", "open_layers 0", "workers 0", "database_up 1", "registry_waits_total 0"} {
		expect("/metrics", 200, "\nwhittle_fleet_"+line+"\n")
	}
	_, text := ask("/metrics")
	for line := range strings.Lines(text) {
		if !regexp.MustCompile(`^(# (HELP|TYPE) whittle_fleet_[a-z_]+ .+|whittle_fleet_[a-z_]+ \d+)\n$`).MatchString(line) {
			t.Errorf("%q is no line of Prometheus", line)
		}
	}
	expect("/else", 404, "")
	imagetest.Must(t, s.Close())
	expect("/metrics", 200, "whittle_fleet_database_up 0\n")
}

// TestListen: the address answers until the context ends; one that is taken is an error.
func TestListen(t *testing.T) {
	w := work.New(opened(t, filepath.Join(t.TempDir(), "fleet.db")), work.Options{})
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	at, end, err := w.Listen(ctx, "127.0.0.1:0")
	imagetest.Must(t, err)
	resp, err := http.Get("http://" + at.String() + "/healthz")
	imagetest.Must(t, err)
	text, _ := io.ReadAll(resp.Body)
	resp.Body.Close()
	if string(text) != "alive\n" {
		t.Errorf("%q", text)
	}
	if _, _, err := w.Listen(ctx, at.String()); !errors.Is(err, whittle.ErrSystem) {
		t.Error(err)
	}
	stop()
	select {
	case err := <-end:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(time.Minute):
		t.Error("it listens though it is to end")
	}
}
