package jobs

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/imagetest"
)

// place, if it is set, is where the process of a test does jobs until it is killed.
const place = "JOBS_TEST_FOLDER"

func TestMain(m *testing.M) {
	if dir := os.Getenv(place); dir != "" {
		q, err := Open(dir, time.Now, func(ctx context.Context, j Job, log *Log) (map[string][]byte, error) {
			for i := range 50 {
				fmt.Fprintf(log, "line %d of %s\n", i, j.Project)
			}
			if j.Project == "endless" {
				fmt.Println("running")
				<-ctx.Done()
			}
			return map[string][]byte{"result": []byte(strings.Repeat(j.Project, 10_000))}, ctx.Err()
		})
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		fmt.Println("open")
		q.Run(context.Background())
	}
	os.Exit(m.Run())
}

// queue is a queue of a test that does its jobs.
type queue struct {
	*testing.T
	*Queue
	stop func()
}

func open(t *testing.T, dir string, work Work) *queue {
	t.Helper()
	q, err := Open(dir, time.Now, work)
	imagetest.Must(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { q.Run(ctx); close(ended) }()
	stopped := false
	stop := func() {
		if !stopped {
			stopped = true
			cancel()
			<-ended
			imagetest.Must(t, q.Close())
		}
	}
	t.Cleanup(stop)
	return &queue{t, q, stop}
}

func (q *queue) add(project string) int64 {
	q.Helper()
	j, err := q.Add(project, whittle.RiskLow)
	imagetest.Must(q.T, err)
	return j.ID
}

// until waits for a job's state.
func (q *queue) until(id int64, s Status) Job {
	q.Helper()
	ctx, cancel := context.WithTimeout(q.Context(), time.Minute)
	defer cancel()
	for {
		_, log, err := q.Get(id)
		imagetest.Must(q.T, err)
		_, more, err := log.Since(0)
		imagetest.Must(q.T, err)
		j, _, _ := q.Get(id) // after what tells of a change was taken
		if j.Status == s {
			return j
		}
		if j.Status.Ended() || Wait(ctx, more) != nil {
			q.Fatalf("job %d is %s (%s), not %s", id, j.Status, j.Error, s)
		}
	}
}

func (q *queue) lines(id int64) []string {
	q.Helper()
	_, log, err := q.Get(id)
	imagetest.Must(q.T, err)
	lines, _, err := log.Since(0)
	imagetest.Must(q.T, err)
	return lines
}

// TestQueue: one job runs at a time, in their order; each end is as it was.
func TestQueue(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "jobs")
	running := 0
	gate := make(chan struct{})
	work := func(ctx context.Context, j Job, log *Log) (map[string][]byte, error) {
		if running++; running > 1 {
			t.Error("two jobs run")
		}
		defer func() { running-- }()
		fmt.Fprintf(log, "a\nb of %s\r\nno end", j.Project)
		switch j.Project {
		case "wait":
			select {
			case <-gate:
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		case "wrong":
			return map[string][]byte{"result": []byte("no")}, whittle.WithHint(errors.New("it does\nnot go"), "try")
		case "bug":
			panic("a bug")
		}
		return map[string][]byte{"result": []byte(j.Project)}, nil
	}
	q := open(t, dir, work)
	first, wrong, bug, never, last := q.add("wait"), q.add("wrong"), q.add("bug"), q.add("never"), q.add("last")
	q.until(first, Running)
	imagetest.Must(t, q.Cancel(never))
	if _, err := q.File(first, "result"); !errors.Is(err, whittle.ErrNotFound) {
		t.Errorf("the result of a job that runs: %v", err)
	}
	close(gate)
	q.until(last, Done)
	if j := q.until(wrong, Failed); j.Error != "it does not go" || j.Hint != "try" {
		t.Errorf("%+v", j)
	}
	q.until(bug, Failed)
	q.until(never, Canceled)
	if got, err := q.File(last, "result"); string(got) != "last" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := q.File(wrong, "result"); err == nil {
		t.Error("a job that failed has a result")
	}
	want := []string{"a", "b of last", "no end"}
	if got := q.lines(last); !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
	gate = make(chan struct{})
	ended := q.add("wait")
	q.until(ended, Running)
	imagetest.Must(t, q.Cancel(ended))
	q.until(ended, Canceled)
	cut, waiting := q.add("wait"), q.add("later")
	q.until(cut, Running)
	if _, err := Open(dir, time.Now, work); !errors.Is(err, whittle.ErrUsage) {
		t.Errorf("a second process: %v", err)
	}
	before := q.List()
	q.stop()
	q = open(t, dir, work)
	q.until(cut, Interrupted)
	q.until(waiting, Done)
	if got := q.lines(last); !slices.Equal(got, want) {
		t.Errorf("after a restart: %q", got)
	}
	if after := q.List(); len(after) != len(before) || after[len(after)-1] != before[len(before)-1] {
		t.Errorf("after a restart: %+v", after)
	}
	for _, id := range []int64{0, 99, -1} {
		if _, _, err := q.Get(id); !errors.Is(err, whittle.ErrNotFound) || q.Cancel(id) == nil {
			t.Errorf("job %d: %v", id, err)
		}
	}
}

// TestKilled: a job whose process is killed is interrupted, those that waited are done
// later, and no file is half there.
func TestKilled(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "jobs")
	idle := func(context.Context, Job, *Log) (map[string][]byte, error) { return nil, nil }
	q, err := Open(dir, time.Now, idle)
	imagetest.Must(t, err)
	for _, name := range []string{"short", "endless", "later"} {
		_, err := q.Add(name, "")
		imagetest.Must(t, err)
	}
	imagetest.Must(t, q.Close())
	kill(t, dir, "running")
	again := open(t, dir, func(context.Context, Job, *Log) (map[string][]byte, error) { return nil, nil })
	again.until(1, Done)
	again.until(2, Interrupted)
	again.until(3, Done)
	if got := again.lines(2); len(got) != 50 || got[49] != "line 49 of endless" {
		t.Errorf("the log: %q", got)
	}
	if got, err := again.File(1, "result"); len(got) != 50_000 || err != nil {
		t.Errorf("%d bytes, %v", len(got), err)
	}
}

// TestKilledAnytime: whenever the process is killed, each job is there with a state.
func TestKilledAnytime(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "jobs")
	idle := func(context.Context, Job, *Log) (map[string][]byte, error) { return nil, nil }
	added := 0
	for round := range 12 {
		q, err := Open(dir, time.Now, idle)
		imagetest.Must(t, err)
		for _, j := range q.List() {
			if j.Status == Running {
				t.Fatalf("%+v runs", j)
			}
			if j.Status == Done {
				if got, err := q.File(j.ID, "result"); err != nil || len(got) != 50_000 {
					t.Fatalf("%+v has %d bytes: %v", j, len(got), err)
				}
			}
		}
		if len(q.List()) != added {
			t.Fatalf("%d jobs, want %d", len(q.List()), added)
		}
		for range 4 {
			_, err := q.Add("short", "")
			imagetest.Must(t, err)
			added++
		}
		imagetest.Must(t, q.Close())
		if round%3 == 2 { // the rest is done
			all := open(t, dir, func(context.Context, Job, *Log) (map[string][]byte, error) {
				return map[string][]byte{"result": []byte(strings.Repeat("short", 10_000))}, nil
			})
			all.until(int64(added), Done)
			all.stop()
			continue
		}
		kill(t, dir, "open")
	}
	for _, name := range imagetest.Names(t, dir) {
		if strings.Contains(name, "partial") {
			t.Errorf("%s is left", name)
		}
	}
}

// kill starts a process that does the jobs, and kills it once it says a word.
func kill(t *testing.T, dir, word string) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), place+"="+dir)
	out, err := cmd.StdoutPipe()
	imagetest.Must(t, err)
	imagetest.Must(t, cmd.Start())
	said := make([]byte, 0, 100)
	for buf := make([]byte, 64); !strings.Contains(string(said), word); {
		n, err := out.Read(buf)
		if said = append(said, buf[:n]...); err != nil {
			t.Fatalf("the process says %q: %v", said, err)
		}
	}
	imagetest.Must(t, cmd.Process.Kill())
	_ = cmd.Wait()
}

// TestPrune: the newest jobs are kept.
func TestPrune(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "jobs")
	q := open(t, dir, func(_ context.Context, _ Job, log *Log) (map[string][]byte, error) {
		fmt.Fprintln(log, "x")
		return map[string][]byte{"result": nil}, nil
	})
	var last int64
	for range MostKept + 5 {
		last = q.add("x")
		q.until(last, Done)
	}
	if jobs := q.List(); len(jobs) > MostKept+1 || jobs[0].ID != last {
		t.Errorf("%d jobs", len(jobs))
	}
	if names := imagetest.Names(t, dir); len(names) > 3*(MostKept+1)+1 {
		t.Errorf("%d files", len(names))
	}
}

// TestLog: a log has bounds.
func TestLog(t *testing.T) {
	l := &Log{path: filepath.Join(t.TempDir(), "log")}
	imagetest.Must(t, l.open())
	long := strings.Repeat("x", maxLine-100)
	for range MaxLog/len(long) + 10 {
		fmt.Fprintln(l, long)
	}
	fmt.Fprint(l, strings.Repeat("y", 3*maxLine))
	l.close()
	lines, _, err := l.Since(0)
	imagetest.Must(t, err)
	info, err := os.Stat(l.path)
	imagetest.Must(t, err)
	if info.Size() > MaxLog+100 || lines[len(lines)-1] != "… further lines are left out" {
		t.Errorf("%d bytes, the last line is %q", info.Size(), lines[len(lines)-1])
	}
	again, _, err := (&Log{path: l.path}).Since(3)
	imagetest.Must(t, err)
	if !slices.Equal(again, lines[3:]) {
		t.Errorf("%d lines again, of %d", len(again), len(lines))
	}
}
