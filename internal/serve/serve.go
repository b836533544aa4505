// Package serve is the local page: reports of images, studies and records with a server
// behind them. It shows what the verbs give, and keeps nothing of its own but the jobs
// that it builds.
package serve

import (
	"context"
	"errors"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/fleet/store"
	"whittle.dev/whittle/internal/history"
	"whittle.dev/whittle/internal/host"
	"whittle.dev/whittle/internal/lab"
	"whittle.dev/whittle/internal/serve/jobs"
)

// Options say what is shown.
type Options struct {
	// Env is the outside world.
	Env *host.Env
	// Images are names of images, and Projects folders of projects, that the page
	// begins with. Any other image can be chosen there; files are written in these
	// projects alone.
	Images, Projects []string
	// Local lists the images that an engine on this machine has; nil lists none.
	Local func(ctx context.Context) ([]string, error)
	// History opens the records of images over time; nil if there are none.
	History func(ctx context.Context) (*history.Store, error)
	// Fleet opens the database of many images; nil if there is none.
	Fleet func(ctx context.Context) (*store.Store, error)
	// State is the folder where jobs are kept.
	State string
	// Verify proves fixes; nil is [lab.Fix].
	Verify Verify
	// Version is whittle's.
	Version string
}

// Server is the local page.
type Server struct {
	o       Options
	token   string
	metrics metrics
	// reading bounds how many images are read at a time.
	reading chan struct{}
	images  images
	// writing is held while a file of a project is written.
	writing sync.Mutex
	proofs  verifier
	records records
	fleet   fleet
}

// readers is how many images are read at a time: each takes memory, and all cores.
const readers = 2

// New makes a server, with a token of its own. The named images have to be there.
func New(ctx context.Context, o Options) (*Server, error) {
	for _, name := range o.Images {
		img, err := o.Env.Images.Open(ctx, name)
		if err != nil {
			return nil, err
		}
		img.Close()
	}
	if o.Verify == nil {
		o.Verify = lab.Fix
	}
	s := &Server{o: o, token: newToken(), reading: make(chan struct{}, readers)}
	s.records.open, s.fleet.open = o.History, o.Fleet
	s.proofs = verifier{o: &s.o, writing: &s.writing}
	if len(o.Projects) == 0 {
		return s, nil
	}
	var err error
	s.proofs.queue, err = jobs.Open(filepath.Join(o.State, folderOf(o.Projects)), o.Env.Time, s.proofs.verify)
	return s, err
}

// folderOf is the name of the folder of some projects' jobs.
func folderOf(projects []string) string {
	var all []string
	for _, dir := range projects {
		if abs, err := filepath.Abs(dir); err == nil {
			dir = abs
		}
		all = append(all, dir)
	}
	slices.Sort(all)
	return whittle.DigestOf([]byte(strings.Join(all, "\x00"))).Hex()[:16]
}

// Close lets another process serve the same projects.
func (s *Server) Close() error {
	s.fleet.close()
	if s.proofs.queue == nil {
		return nil
	}
	return s.proofs.queue.Close()
}

// URL is the address of the page with its token, once it is listened on.
func (s *Server) URL(at net.Addr) string { return "http://" + at.String() + "/" + s.token + "/" }

// Handler answers the requests to an address.
func (s *Server) Handler(at net.Addr) http.Handler {
	mux := http.NewServeMux()
	for _, q := range s.questions() {
		mux.Handle(q.method+" /"+q.name, s.measured(q.name, s.page(q)))
		if q.api {
			mux.Handle(q.method+" /api/"+q.name, s.measured("api/"+q.name, s.asJSON(q)))
		}
	}
	mux.Handle("POST /draft", s.measured("draft", http.HandlerFunc(s.draftPart)))
	mux.Handle("POST /api/draft", s.measured("api/draft", s.asJSON(question{ask: s.draft})))
	mux.Handle("POST /verify", s.measured("verify", s.action(s.proofs.startVerify)))
	mux.Handle("POST /cancel", s.measured("cancel", s.action(s.proofs.cancel)))
	mux.Handle("POST /write", s.measured("write", s.action(s.proofs.writeResult)))
	mux.Handle("GET /events", http.HandlerFunc(s.proofs.events))
	mux.Handle("GET /api/fleet", s.measured("api/fleet", s.asJSON(question{ask: s.fleet.result})))
	mux.Handle("GET /api/file", s.measured("api/file", http.HandlerFunc(s.fileBytes)))
	mux.Handle("GET /metrics", http.HandlerFunc(s.writeMetrics))
	return newGuard(s.token, at, func(string) { s.metrics.refused.Add(1) }, mux)
}

// The times that a client may take. Answers may take long: images are read, and builds
// watched.
const (
	headerTime   = 10 * time.Second
	idleTime     = 2 * time.Minute
	shutdownTime = 5 * time.Second
)

// Listen opens an address for [Server.Serve].
func Listen(ctx context.Context, at Address) (net.Listener, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", string(at))
	if err != nil {
		return nil, whittle.WithHint(whittle.ErrUsage.Errorf("listening on %s: %w", at, reason(err)), "choose another port, or 127.0.0.1:0 for a free one")
	}
	return l, nil
}

// Serve answers requests and does the jobs, until the context ends. Answers that are not
// finished then have some seconds left; a job is interrupted.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	// Those who watch a build go on until they are told to end.
	watching, end := context.WithCancel(ctx)
	defer end()
	srv := &http.Server{Handler: s.Handler(l.Addr()), ReadHeaderTimeout: headerTime, IdleTimeout: idleTime, BaseContext: func(net.Listener) context.Context { return watching }}
	worked := make(chan struct{})
	go func() {
		defer close(worked)
		if q := s.proofs.queue; q != nil {
			q.Run(watching)
		}
	}()
	defer func() { end(); <-worked }()
	failed := make(chan error, 1)
	go func() { failed <- srv.Serve(l) }()
	select {
	case err := <-failed:
		return whittle.ErrSystem.Errorf("serving the page: %w", err)
	case <-ctx.Done():
	}
	end()
	left, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTime)
	defer cancel()
	if err := srv.Shutdown(left); errors.Is(err, context.DeadlineExceeded) {
		_ = srv.Close()
	}
	return nil
}

// reason is what the system says about an address, without its name.
func reason(err error) error {
	var call *os.SyscallError
	if errors.As(err, &call) {
		return call.Err
	}
	return err
}
