package work_test

import (
	"bytes"
	"context"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/fleet/store"
	"whittle.dev/whittle/internal/fleet/work"
	"whittle.dev/whittle/internal/imagetest"
	"whittle.dev/whittle/internal/postgrestest"
)

// helperDatabase is the variable that makes a test's process a worker.
const helperDatabase = "WHITTLE_TEST_FLEET"

// TestWorkerHelper is a worker, as a process of its own.
func TestWorkerHelper(t *testing.T) {
	where := os.Getenv(helperDatabase)
	if where == "" {
		t.Skip("it is a helper of other tests")
	}
	s, err := work.Open(context.Background(), where)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	imagetest.Must(t, work.New(s, work.Options{Lease: time.Second, Pause: 100 * time.Millisecond}).Run(t.Context(), nil))
}

// worker is a process that works, and is started again when it ends.
type process struct {
	mu  sync.Mutex
	cmd *exec.Cmd
}

// processes starts workers, which end with the test.
func processes(t *testing.T, where string, n int) []*process {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	var all []*process
	var wait sync.WaitGroup
	for range n {
		p := &process{}
		all = append(all, p)
		wait.Go(func() {
			for ctx.Err() == nil {
				cmd := exec.Command(os.Args[0], "-test.run=^TestWorkerHelper$", "-test.timeout=10m")
				cmd.Env = append(os.Environ(), helperDatabase+"="+where)
				p.mu.Lock()
				p.cmd = cmd
				err := cmd.Start()
				p.mu.Unlock()
				if err != nil {
					t.Error(err)
					return
				}
				_ = cmd.Wait() // it is killed, or its database is gone
				time.Sleep(10 * time.Millisecond)
			}
		})
	}
	t.Cleanup(func() {
		cancel()
		for _, p := range all {
			p.kill()
		}
		wait.Wait()
	})
	return all
}

// kill ends a process by SIGKILL.
func (p *process) kill() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cmd != nil && p.cmd.Process != nil {
		_ = p.cmd.Process.Kill() // it may have ended
	}
}

// waitFor waits until scans are over, whatever the database does meanwhile.
func waitFor(t *testing.T, s *store.Store, scans ...int64) {
	t.Helper()
	for begun := time.Now(); ; time.Sleep(100 * time.Millisecond) {
		var open int64
		for _, scan := range scans {
			p, err := s.Progress(t.Context(), scan)
			if err != nil {
				open++ // it is restarting
			}
			open += p.Open
		}
		if open == 0 {
			return
		}
		if time.Since(begun) > 5*time.Minute {
			t.Fatalf("%d names are open after %s", open, time.Since(begun))
		}
	}
}

// faults answer the first two requests for each part in the ways in which registries and
// networks fail.
func faults() func(w http.ResponseWriter, r *http.Request, through http.Handler) bool {
	var mu sync.Mutex
	asked := map[string]int{}
	return func(w http.ResponseWriter, r *http.Request, through http.Handler) bool {
		mu.Lock()
		asked[r.URL.Path]++
		n := asked[r.URL.Path]
		mu.Unlock()
		h := fnv.New32()
		fmt.Fprint(h, r.URL.Path, n)
		kind := h.Sum32() % 12
		if n > 2 || kind > 3 {
			return false
		}
		answer := httptest.NewRecorder()
		through.ServeHTTP(answer, r)
		body := answer.Body.Bytes()
		switch kind {
		case 0:
			w.Header().Set("Retry-After", "1")
			w.WriteHeader(http.StatusTooManyRequests)
		case 1:
			w.WriteHeader(http.StatusInternalServerError)
		case 2: // the body ends early
			w.Header().Set("Content-Length", fmt.Sprint(len(body)))
			w.Header().Set("Content-Type", answer.Header().Get("Content-Type"))
			_, _ = w.Write(body[:len(body)/2])
			panic(http.ErrAbortHandler)
		case 3: // another content than the digest says
			w.Header().Set("Content-Type", answer.Header().Get("Content-Type"))
			body = bytes.Clone(body)
			for i := range body {
				body[i] ^= 1
			}
			_, _ = w.Write(body)
		}
		return true
	}
}

// poisoned pushes images that cannot be read, with what their errors say.
func (p *place) poisoned(t *testing.T) map[string]string {
	t.Helper()
	base, app := p.layer(t, baseNotation(0)), p.layer(t, appNotation(0, 6))
	other := p.layer(t, packageNotation(1))
	garbage := &imagetest.Layer{ID: app.ID, Codec: imagetest.Gzip, Stored: []byte("no layer")}
	blob, _ := garbage.Blob()
	p.put(t, "/v2/shared/blobs/uploads/?digest="+string(blob.Digest), "application/octet-stream", garbage.Stored)
	return map[string]string{
		// The diff ID is that of another layer, which other images have.
		p.push(t, "bad/diff-id", "1", nil, []*imagetest.Layer{base, other}, func(c *whittle.Config, _ map[string]any) { c.RootFS.DiffIDs[1] = app.ID }): "layer " + app.ID.Short(),
		p.push(t, "bad/no-tar", "1", nil, []*imagetest.Layer{base, garbage}, nil):                                                                       "layer " + app.ID.Short(),
		p.push(t, "bad/no-blob", "1", nil, []*imagetest.Layer{base, app}, func(_ *whittle.Config, m map[string]any) {
			m["layers"].([]map[string]any)[1]["digest"] = whittle.DigestOf([]byte("nobody has it"))
		}): "not in the registry",
		p.push(t, "bad/size", "1", nil, []*imagetest.Layer{base, app}, func(_ *whittle.Config, m map[string]any) {
			m["layers"].([]map[string]any)[0]["size"] = 17
		}): "has more than its 17 bytes",
		p.push(t, "bad/count", "1", nil, []*imagetest.Layer{base, app}, func(c *whittle.Config, _ map[string]any) {
			c.RootFS.DiffIDs = c.RootFS.DiffIDs[:1]
		}): "1 diff IDs for 2 layers",
		p.host + "/bad/none:1": "has no bad/none:1",
	}
}

// TestFaults: workers are killed, PostgreSQL is restarted, and the registry answers wrongly.
// Two scans at once have an image in common or not. Each image ends with the figures of an
// inspection, or with its own error.
func TestFaults(t *testing.T) {
	kills, images, layers := 50, 90, 45
	if testing.Short() {
		kills, images, layers = 4, 12, 10
	}
	pg := postgrestest.Start(t)
	where := pg.URL("postgres")
	p := newPlace(t)
	names := p.generated(t, images, layers)
	bad := p.poisoned(t)
	slow := faults()
	p.fault = func(w http.ResponseWriter, r *http.Request, through http.Handler) bool {
		time.Sleep(30 * time.Millisecond)
		return slow(w, r, through)
	}
	s := opened(t, where)
	all := slices.Clone(names)
	for name := range bad {
		all = append(all, name)
	}
	first, err := work.Scan(t.Context(), s, "first", "", all)
	imagetest.Must(t, err)
	second, err := work.Scan(t.Context(), s, "second", "", all[images/2:])
	imagetest.Must(t, err)
	workers := processes(t, where, 4)
	for i := range kills {
		time.Sleep(time.Duration(100+rand.IntN(300)) * time.Millisecond)
		workers[rand.IntN(len(workers))].kill()
		if i == kills/3 || i == 2*kills/3 {
			pg.Restart(t)
		}
	}
	waitFor(t, s, first, second)
	p.fault = nil
	for _, scan := range []int64{first, second} {
		list, err := s.Names(t.Context(), scan)
		imagetest.Must(t, err)
		if want := map[int64]int{first: len(all), second: len(all) - images/2}[scan]; len(list) != want {
			t.Errorf("scan %d has %d names, want %d", scan, len(list), want)
		}
		for _, n := range list {
			if why, poisoned := bad[n.Name]; poisoned {
				if n.Done || !strings.Contains(n.Error, why) {
					t.Errorf("%+v, want an error with %q", n, why)
				}
				continue
			}
			checkImage(t, s, n)
		}
	}
	var rescued, jobs int
	row := s.Database().SQL.QueryRowContext(t.Context(), `SELECT count(*), count(*) FILTER (WHERE metadata ? 'river:rescue_count') FROM river_job`)
	// Of a few kills none may have hit a worker that had a job.
	if err := row.Scan(&jobs, &rescued); err != nil || rescued == 0 && !testing.Short() {
		t.Errorf("of %d jobs %d were those of killed workers, %v", jobs, rescued, err)
	}
	t.Logf("of %d jobs, %d were taken from killed workers", jobs, rescued)
	if n, err := s.Workers(t.Context()); err != nil || n > 8 {
		t.Errorf("%d workers are said to be alive, %v", n, err)
	}
}

// TestPlaces: a layer that two repositories have is read where it can be; if it is nowhere,
// the images of each have their own error.
func TestPlaces(t *testing.T) {
	databases(t, func(t *testing.T, where string) {
		p := newPlace(t)
		base, app := p.layer(t, baseNotation(0)), p.layer(t, appNotation(0, 6))
		names := []string{p.push(t, "a/without", "1", nil, []*imagetest.Layer{base}, nil), p.push(t, "b/with", "1", map[string]string{"x": "y"}, []*imagetest.Layer{base}, nil),
			p.push(t, "c/without", "1", nil, []*imagetest.Layer{base, app}, nil), p.push(t, "d/forbidden", "1", map[string]string{"x": "y"}, []*imagetest.Layer{base, app}, nil)}
		blob, _ := app.Blob()
		p.fault = func(w http.ResponseWriter, r *http.Request, _ http.Handler) bool {
			repository, digest, _ := strings.Cut(r.URL.Path, "/blobs/")
			switch {
			case strings.HasPrefix(repository, "/v2/d/") && digest == string(blob.Digest):
				w.WriteHeader(http.StatusForbidden)
			case strings.HasSuffix(repository, "/without") && p.isLayer(digest):
				w.WriteHeader(http.StatusNotFound)
			default:
				return false
			}
			return true
		}
		s := opened(t, where)
		list, err := s.Names(t.Context(), scanned(t, s, names, work.Options{Pause: time.Millisecond}))
		imagetest.Must(t, err)
		for i, want := range []string{"", "", "not in the registry", "refuses access"} {
			if n := list[i]; n.Done != (want == "") || !strings.Contains(n.Error, want) {
				t.Errorf("%+v, want %q", n, want)
			}
		}
	})
}

// TestRetryAfter: a registry that refuses requests for now is left alone, by requests that
// wait for it or by jobs that come back later, and asked again then. No attempt is counted.
func TestRetryAfter(t *testing.T) {
	for name, patience := range map[string]time.Duration{"requests": 0, "jobs": time.Millisecond} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPlace(t)
			names := p.generated(t, 3, 6)
			var mu sync.Mutex
			var asked, refused, early int
			var until time.Time
			p.fault = func(w http.ResponseWriter, r *http.Request, _ http.Handler) bool {
				mu.Lock()
				defer mu.Unlock()
				if time.Now().Before(until) {
					early++
				}
				if asked++; asked%3 != 0 || refused == 5 {
					return false
				}
				refused++
				until = time.Now().Add(900 * time.Millisecond)
				w.Header().Set("Retry-After", "1")
				w.WriteHeader(http.StatusTooManyRequests)
				return true
			}
			s := opened(t, t.TempDir()+"/fleet.db")
			list, err := s.Names(t.Context(), scanned(t, s, names, work.Options{Jobs: 1, Patience: patience}))
			if err != nil || slices.ContainsFunc(list, func(n store.Named) bool { return !n.Done }) {
				t.Errorf("%+v, %v", list, err)
			}
			if early > 0 || refused < 5 {
				t.Errorf("%d requests came before the registry wanted them, %d were refused", early, refused)
			}
		})
	}
}

// TestReconcile: images end though their jobs are lost, whatever they wait for.
func TestReconcile(t *testing.T) {
	databases(t, func(t *testing.T, where string) {
		p := newPlace(t)
		names := p.generated(t, 4, 6)
		s := opened(t, where)
		scan, err := work.Scan(t.Context(), s, "a list", "", names)
		imagetest.Must(t, err)
		lose := func() {
			_, err := s.Database().SQL.ExecContext(t.Context(), `DELETE FROM river_job WHERE state <> 'running'`)
			imagetest.Must(t, err)
		}
		lose()
		lost := 1
		imagetest.Must(t, work.New(s, work.Options{Jobs: 1, Lease: 200 * time.Millisecond}).Run(t.Context(), func(ctx context.Context) (bool, error) {
			if lost < 4 { // whatever was added meanwhile
				lose()
				lost++
			}
			p, err := s.Progress(ctx, scan)
			return err == nil && p.Open == 0, err
		}))
		list, err := s.Names(t.Context(), scan)
		if err != nil || slices.ContainsFunc(list, func(n store.Named) bool { return !n.Done }) {
			t.Errorf("%+v, %v", list, err)
		}
		p.once(t)
	})
}

// TestStops: a worker that is to end finishes what it has begun, or gives it back: nothing is
// lost, and no attempt is counted.
func TestStops(t *testing.T) {
	databases(t, func(t *testing.T, where string) {
		p := newPlace(t)
		names := p.generated(t, 4, 6)
		asked := make(chan struct{}, 100)
		p.fault = func(_ http.ResponseWriter, r *http.Request, _ http.Handler) bool {
			if strings.Contains(r.URL.Path, "/blobs/") {
				select {
				case asked <- struct{}{}:
				default:
				}
				select {
				case <-r.Context().Done():
				case <-time.After(300 * time.Millisecond):
				}
			}
			return false
		}
		s := opened(t, where)
		scan, err := work.Scan(t.Context(), s, "a list", "", names)
		imagetest.Must(t, err)
		for i := range 6 {
			ctx, stop := context.WithCancel(t.Context())
			go func() {
				<-asked
				stop()
			}()
			o := work.Options{Stop: []time.Duration{time.Millisecond, time.Minute}[i%2]}
			imagetest.Must(t, work.New(s, o).Run(ctx, over(s, scan)))
			stop()
			for len(asked) > 0 {
				<-asked
			}
		}
		p.fault = nil
		worked(t, s, scan, work.Options{})
		list, err := s.Names(t.Context(), scan)
		if err != nil || slices.ContainsFunc(list, func(n store.Named) bool { return !n.Done }) {
			t.Errorf("%+v, %v", list, err)
		}
		if n, err := s.Workers(t.Context()); n != 0 || err != nil {
			t.Errorf("%d workers have not said that they end, %v", n, err)
		}
	})
}
