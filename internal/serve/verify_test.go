package serve

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/host"
	"whittle.dev/whittle/internal/imagetest"
	"whittle.dev/whittle/internal/lab"
	"whittle.dev/whittle/internal/serve/jobs"
)

// builds stands in for the engine: it prints, waits until it is told to go on, and gives a
// change of the Dockerfile.
type builds struct {
	began, goOn chan struct{}
	err         error
}

func newBuilds() *builds { return &builds{make(chan struct{}, 10), make(chan struct{}), nil} }

func (b *builds) verify(ctx context.Context, env *host.Env, o lab.FixOptions) (*whittle.Repair, error) {
	if !o.Verify || o.Write {
		return nil, errors.New("it does not verify, or it writes")
	}
	env.Listener().Step("building " + hostile)
	task := env.Listener().Begin(whittle.Work{Name: "build"})
	for i := range 5 {
		task.Say(fmt.Sprintf("line %d", i))
	}
	b.began <- struct{}{}
	select {
	case <-b.goOn:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	task.Say("the last line")
	task.End("")
	if b.err != nil {
		return nil, b.err
	}
	before := []byte(dockerfileText)
	return &whittle.Repair{Schema: whittle.FixSchema, Project: "shop", Steps: []whittle.RepairStep{}, Files: []whittle.FileChange{{Path: "Dockerfile", Before: before, After: []byte("FROM debian:12\n"), Diff: "--- Dockerfile\n+++ Dockerfile\n@@ -2 +1 @@\n-RUN x\n"}}}, nil
}

// working is a server whose jobs are done; stop ends both.
func working(t *testing.T, dir, state string, b *builds) (s *served, stop func()) {
	t.Helper()
	env := testEnv(t)
	s = serve(t, Options{Projects: []string{dir}, State: state, Verify: b.verify, Env: env})
	ctx, cancel := context.WithCancel(t.Context())
	ended, stopped := make(chan struct{}), false
	go func() { s.proofs.queue.Run(ctx); close(ended) }()
	stop = func() {
		if !stopped {
			stopped = true
			cancel()
			<-ended
			s.web.CloseClientConnections()
			imagetest.Must(t, s.Close())
		}
	}
	t.Cleanup(stop)
	return s, stop
}

// verify starts a job by the form of the page.
func (s *served) startJob(dir string) (page string) {
	s.Helper()
	a := s.post("verify", "project", dir, "risk", "low")
	to := a.header.Get("Location")
	if a.code != http.StatusSeeOther || !strings.HasPrefix(to, "job?id=") {
		s.Fatalf("%d %q %s", a.code, to, a.body)
	}
	return to
}

// listen reads the events of a job from a line on, until one is enough, or all.
func (s *served) listen(query, last string, enough func(event, data string) bool) (lines, states []string, id string) {
	s.Helper()
	r, err := http.NewRequestWithContext(s.Context(), http.MethodGet, s.url+"events?"+query, nil)
	imagetest.Must(s.T, err)
	if last != "" {
		r.Header.Set("Last-Event-ID", last)
	}
	res, err := http.DefaultClient.Do(r)
	imagetest.Must(s.T, err)
	defer res.Body.Close()
	if kind := res.Header.Get("Content-Type"); res.StatusCode != http.StatusOK || kind != "text/event-stream" {
		s.Fatalf("%d %s", res.StatusCode, kind)
	}
	event := ""
	for scan := bufio.NewScanner(res.Body); scan.Scan(); {
		name, value, _ := strings.Cut(scan.Text(), ": ")
		switch name {
		case "id":
			id = value
		case "event":
			event = value
		case "data":
			if event == "line" {
				lines = append(lines, value)
			} else {
				states = append(states, value)
			}
			if enough != nil && enough(event, value) {
				return lines, states, id
			}
		}
	}
	return lines, states, id
}

func (s *served) job1(id int64) jobs.Job {
	s.Helper()
	j, _, err := s.proofs.queue.Get(id)
	imagetest.Must(s.T, err)
	return j
}

// TestVerify: a build is watched, left and watched again; what it has proven is written
// when the page is told to.
func TestVerify(t *testing.T) {
	dir, state, b := newProject(t, dockerfileText), t.TempDir(), newBuilds()
	s, _ := working(t, dir, state, b)
	if home := s.get("", 200); !strings.Contains(home, `action="verify"`) {
		t.Error("the page has no way to verify")
	}
	page := s.startJob(dir)
	<-b.began
	if body := s.get(page, 200); !strings.Contains(body, "running") || !strings.Contains(body, `data-job="1"`) || strings.Contains(body, hostile) {
		t.Error("the page of a job that runs")
	}
	lines, _, id := s.listen("id=1", "", func(_, data string) bool { return data == "line 2" })
	again := make(chan []string)
	go func() {
		rest, states, _ := s.listen("id=1", id, nil)
		again <- append(rest, states...)
	}()
	close(b.goOn)
	all := slices.Concat(lines, <-again)
	want := []string{"line 0", "line 1", "line 2", "line 3", "line 4", "the last line"}
	if got := slices.DeleteFunc(slices.Clone(all), func(l string) bool { return !slices.Contains(want, l) }); !slices.Equal(got, want) || all[len(all)-1] != "done" {
		t.Errorf("%q", all)
	}
	for _, l := range all {
		if strings.ContainsAny(l, "\u202e\x1b") {
			t.Errorf("a line is not inert: %q", l)
		}
	}
	if body := s.get(page, 200); !strings.Contains(body, "Write the files") || !strings.Contains(body, "-RUN x") {
		t.Error("the page of a job that is done")
	}
	s.validate("fix.v2.json", s.get("api/job?id=1", 200))
	if got := s.disk(dir); got != dockerfileText {
		t.Fatalf("the file was written: %q", got)
	}
	if a := s.post("write", "id", "1"); a.code != http.StatusSeeOther || s.disk(dir) != "FROM debian:12\n" {
		t.Errorf("%d %q", a.code, s.disk(dir))
	} else if body := s.get(a.header.Get("Location"), 200); !strings.Contains(body, "The files were written.") {
		t.Error("the page does not say that the files were written")
	}
	if a := s.post("write", "id", "1"); a.code != 400 || !strings.Contains(a.body, "has changed meanwhile") {
		t.Errorf("again: %d", a.code)
	}
	if !strings.Contains(s.get("metrics", 200), `whittle_serve_jobs{status="done"} 1`) {
		t.Error("the metrics lack the job")
	}
}

// TestRestart: jobs survive the end of the server.
func TestRestart(t *testing.T) {
	dir, state, b := newProject(t, dockerfileText), t.TempDir(), newBuilds()
	s, stop := working(t, dir, state, b)
	s.startJob(dir)
	<-b.began
	waits := s.startJob(dir)
	canceled := s.startJob(dir)
	if a := s.post("cancel", "id", strings.TrimPrefix(canceled, "job?id=")); a.code != http.StatusSeeOther {
		t.Errorf("%d", a.code)
	}
	if _, err := New(t.Context(), s.o); !errors.Is(err, whittle.ErrUsage) {
		t.Errorf("two servers of one project: %v", err)
	}
	stop()
	b = newBuilds()
	b.err = whittle.WithHint(errors.New("the engine\nis gone"), "start it")
	close(b.goOn)
	s, _ = working(t, dir, state, b)
	if body := s.get("job?id=1", 200); !strings.Contains(body, "interrupted") || !strings.Contains(body, "Start again") || !strings.Contains(body, "line 4") {
		t.Error("a job that ran")
	}
	s.listen("id=2", "", nil)
	if body := s.get(waits, 200); !strings.Contains(body, "failed") || !strings.Contains(body, "the engine is gone") || !strings.Contains(body, "start it") {
		t.Error("a job that failed")
	}
	list := s.get("api/jobs", 200)
	s.validate("jobs.v1.json", list)
	var v JobList
	imagetest.Must(t, json.Unmarshal([]byte(list), &v))
	var states []string
	for _, j := range v.Jobs {
		states = append(states, string(j.Status))
	}
	if got := strings.Join(states, " "); got != "canceled failed interrupted" {
		t.Error(got)
	}
	s.get("jobs", 200)
	if again := s.startJob(dir); again != "job?id=4" {
		t.Error(again)
	}
	s.listen("id=4", "", nil)
}

// TestCancel: a build that runs is ended.
func TestCancel(t *testing.T) {
	dir, b := newProject(t, dockerfileText), newBuilds()
	s, _ := working(t, dir, t.TempDir(), b)
	s.startJob(dir)
	<-b.began
	if a := s.post("cancel", "id", "1"); a.code != http.StatusSeeOther {
		t.Errorf("%d", a.code)
	}
	if _, states, _ := s.listen("id=1", "", nil); states[len(states)-1] != "canceled" {
		t.Errorf("%q", states)
	}
	if j := s.job1(1); j.Error != "" {
		t.Errorf("%+v", j)
	}
}

// TestWrongJobs: only projects that are served are built or written, by forms alone.
func TestWrongJobs(t *testing.T) {
	dir, b := newProject(t, dockerfileText), newBuilds()
	s, _ := working(t, dir, t.TempDir(), b)
	for _, tc := range []struct {
		name   string
		fields []string
		want   int
	}{
		{"verify", nil, 400}, {"verify", []string{"project", "/etc"}, 404}, {"verify", []string{"project", dir + "/."}, 404}, {"verify", []string{"project", dir, "risk", "all"}, 400},
		{"cancel", nil, 400}, {"cancel", []string{"id", "x"}, 400}, {"cancel", []string{"id", "7"}, 404},
		{"write", []string{"id", "7"}, 404}, {"write", nil, 400},
	} {
		if a := s.post(tc.name, tc.fields...); a.code != tc.want {
			t.Errorf("%s %v: %d, want %d", tc.name, tc.fields, a.code, tc.want)
		}
		if a := s.do("GET", s.url+tc.name+"?"+url.Values{"project": {dir}}.Encode(), "", nil); a.code != http.StatusMethodNotAllowed {
			t.Errorf("GET %s: %d", tc.name, a.code)
		}
	}
	for name, want := range map[string]int{"job": 400, "job?id=9": 404, "events?id=9": 404, "events": 400, "api/job?id=-1": 404} {
		s.get(name, want)
	}
	if list := s.proofs.queue.List(); len(list) != 0 {
		t.Errorf("%+v", list)
	}
	without := serve(t, Options{})
	if a := without.post("verify", "project", dir); a.code != 404 {
		t.Errorf("without a project: %d", a.code)
	}
	without.get("jobs", 200)
	without.get("job?id=1", 404)
	without.get("events?id=1", 404)
}

// TestElsewhere: a job is about the folder that was named when it was begun, wherever the
// server is started next.
func TestElsewhere(t *testing.T) {
	dir, state, b := newProject(t, dockerfileText), t.TempDir(), newBuilds()
	t.Chdir(dir)
	s, stop := working(t, ".", state, b)
	s.startJob(".")
	<-b.began
	s.startJob(".")
	stop()
	t.Chdir(t.TempDir())
	b = newBuilds()
	close(b.goOn)
	s, _ = working(t, dir, state, b)
	s.listen("id=2", "", nil)
	if j := s.job1(2); j.Project != dir || j.Status != jobs.Done {
		t.Errorf("%+v", j)
	}
	if again := s.startJob(s.job1(1).Project); again != "job?id=3" {
		t.Error(again)
	}
	s.listen("id=3", "", nil)
	if a := s.post("write", "id", "2"); a.code != http.StatusSeeOther || s.disk(dir) != "FROM debian:12\n" {
		t.Errorf("%d", a.code)
	}
}

// TestServeEnds: a job that runs when the server ends is interrupted, and who watches it
// is let go.
func TestServeEnds(t *testing.T) {
	dir, state, b := newProject(t, dockerfileText), t.TempDir(), newBuilds()
	s, err := New(t.Context(), Options{Env: testEnv(t), Projects: []string{dir}, State: state, Verify: b.verify})
	imagetest.Must(t, err)
	l, err := Listen(t.Context(), "127.0.0.1:0")
	imagetest.Must(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- s.Serve(ctx, l) }()
	_, err = s.proofs.queue.Add(dir, "")
	imagetest.Must(t, err)
	<-b.began
	watched := &served{T: t, Server: s, url: s.URL(l.Addr())}
	left, watches := make(chan struct{}), make(chan struct{}, 100)
	go func() {
		defer close(left)
		watched.listen("id=1", "", func(string, string) bool { watches <- struct{}{}; return false })
	}()
	<-watches
	cancel()
	imagetest.Must(t, <-ended)
	<-left
	if j, _, _ := s.proofs.queue.Get(1); j.Status != jobs.Interrupted {
		t.Errorf("%+v", j)
	}
	imagetest.Must(t, s.Close())
	if names := imagetest.Names(t, state); len(names) != 1 {
		t.Errorf("%v", names)
	}
	if _, err := os.Stat(filepath.Join(dir, ".whittle")); err == nil {
		t.Error("the project has a folder of jobs")
	}
}
