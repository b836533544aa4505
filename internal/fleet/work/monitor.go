package work

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"whittle.dev/whittle"
)

// Finish works until a scan is over, and shows how far it is; 0 is for all scans.
func (w *Worker) Finish(ctx context.Context, scan int64, show whittle.Progress) error {
	task := show.Begin(whittle.Work{Name: "reading images", Item: "image"})
	defer task.End("")
	err := w.Run(ctx, func(ctx context.Context) (bool, error) {
		p, err := w.store.Progress(ctx, scan)
		if err != nil {
			return false, err
		}
		task.Done(p.Done+p.Failed, p.Names)
		return p.Open == 0, nil
	})
	if err == nil {
		err = context.Cause(ctx)
	}
	return err
}

// Listen answers on an address, for probes and Prometheus, until the context ends: /healthz
// while the process is alive, /readyz while it takes jobs and its database answers, and
// /metrics. It gives the address that it has, and a channel with its end.
func (w *Worker) Listen(ctx context.Context, address string) (at net.Addr, end <-chan error, err error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, nil, whittle.WithHint(whittle.ErrSystem.Errorf("listening for probes: %w", err), "choose another port with --metrics")
	}
	s := &http.Server{Handler: w.Handler(), ReadHeaderTimeout: 10 * time.Second, IdleTimeout: time.Minute}
	done := make(chan error, 1)
	go func() {
		err := s.Serve(l)
		if errors.Is(err, http.ErrServerClosed) {
			err = nil
		}
		done <- err
	}()
	context.AfterFunc(ctx, func() { _ = s.Close() })
	return l.Addr(), done, nil
}

// Handler answers what [Worker.Listen] does.
func (w *Worker) Handler() http.Handler {
	m := http.NewServeMux()
	m.HandleFunc("GET /healthz", func(out http.ResponseWriter, _ *http.Request) { fmt.Fprintln(out, "alive") })
	m.HandleFunc("GET /readyz", func(out http.ResponseWriter, _ *http.Request) {
		if !w.Ready() {
			http.Error(out, "not ready", http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(out, "ready")
	})
	m.HandleFunc("GET /metrics", func(out http.ResponseWriter, r *http.Request) {
		out.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
		_, _ = out.Write([]byte(w.metrics(r.Context()))) // who asked is gone
	})
	return m
}

// metrics are the figures in the format of Prometheus: of this process since its start, and
// of the fleet as it is now.
// https://prometheus.io/docs/instrumenting/exposition_formats/
func (w *Worker) metrics(ctx context.Context) string {
	var b strings.Builder
	add := func(name, kind, help string, v int64) {
		fmt.Fprintf(&b, "# HELP whittle_fleet_%[1]s %[2]s\n# TYPE whittle_fleet_%[1]s %[3]s\nwhittle_fleet_%[1]s %[4]d\n", name, help, kind, v)
	}
	add("names_total", "counter", "Names that became images in this process.", w.count.Names.Load())
	add("layers_total", "counter", "Layers that this process fetched and read.", w.count.Layers.Load())
	add("layer_bytes_total", "counter", "Bytes of these layers, as they are stored.", w.count.LayerBytes.Load())
	add("images_total", "counter", "Images that this process accounted for.", w.count.Accounts.Load())
	add("failures_total", "counter", "Names and images that ended with an error in this process.", w.count.Failures.Load())
	add("retries_total", "counter", "Jobs of this process that failed, and are tried again.", w.count.Retries.Load())
	add("registry_waits_total", "counter", "How often a registry asked this process to wait.", w.count.Waits.Load())
	up := int64(0)
	if p, err := w.store.Progress(ctx, 0); err == nil {
		up = 1
		add("open_names", "gauge", "Names of all scans that are not read yet.", p.Open)
		add("failed_names", "gauge", "Names of all scans that ended with an error.", p.Failed)
	}
	if n, err := w.store.Layers(ctx); err == nil {
		add("open_layers", "gauge", "Layers that are still to be fetched.", n)
	}
	if n, err := w.store.Workers(ctx); err == nil {
		add("workers", "gauge", "Processes that work on the fleet.", n)
	}
	add("database_up", "gauge", "Whether the database answers.", up)
	return b.String()
}
