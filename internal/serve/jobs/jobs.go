// Package jobs keeps work that takes long in a queue on the disk: one job runs at a time,
// and each survives the end of the process that began it, whatever ends that.
package jobs

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"whittle.dev/whittle"
)

// Status is where a job is.
type Status string

// The states of a job.
const (
	Queued  Status = "queued"
	Running Status = "running"
	Done    Status = "done"
	Failed  Status = "failed"
	// Canceled is one that somebody has ended, Interrupted one whose process ended.
	Canceled    Status = "canceled"
	Interrupted Status = "interrupted"
)

// Ended says that a job does not go on by itself.
func (s Status) Ended() bool { return s != Queued && s != Running }

// Job is a piece of work, as it is kept.
type Job struct {
	ID int64 `json:"id"`
	// Project is the folder that it is about, Risk the highest risk that it takes; empty
	// is the usual one.
	Project string       `json:"project"`
	Risk    whittle.Risk `json:"risk,omitempty"`
	Status  Status       `json:"status"`
	// Created, Started and Ended are RFC 3339 in UTC, empty before.
	Created string `json:"created"`
	Started string `json:"started,omitempty"`
	Ended   string `json:"ended,omitempty"`
	// Error says why it failed, and Hint what to try.
	Error string `json:"error,omitempty"`
	Hint  string `json:"hint,omitempty"`
}

// Work does a job. What it prints goes to the log; the files that it gives are kept under
// their names.
type Work func(ctx context.Context, j Job, log *Log) (files map[string][]byte, err error)

// Queue is a queue of jobs in a folder, which only one process has open.
type Queue struct {
	folder whittle.Folder
	lock   *os.File
	work   Work
	now    func() time.Time

	mu   sync.Mutex
	jobs map[int64]*entry
	wake chan struct{}
}

// entry is a job with its log.
type entry struct {
	job    Job
	log    *Log
	cancel context.CancelFunc // of a running one
	asked  bool               // to end
}

// MostKept is how many jobs are kept that have ended, the newest ones.
const MostKept = 100

// Open opens the queue in a folder, which is made if it is missing. A job that ran when its
// process ended is interrupted; those that waited go on waiting.
func Open(dir string, now func() time.Time, work Work) (*Queue, error) {
	folder, err := whittle.OwnFolder(dir)
	if err != nil {
		return nil, whittle.ErrSystem.Errorf("opening the jobs in %s: %w", dir, err)
	}
	lock, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, whittle.ErrSystem.Errorf("opening the jobs in %s: %w", dir, err)
	}
	free, err := whittle.Lock(lock)
	if err != nil || !free {
		lock.Close()
		if err != nil {
			return nil, whittle.ErrSystem.Errorf("locking the jobs in %s: %w", dir, err)
		}
		return nil, whittle.WithHint(whittle.ErrUsage.Errorf("another whittle serves these projects"), "open the address that it has printed, or end it")
	}
	q := &Queue{folder: folder, lock: lock, work: work, now: now, jobs: map[int64]*entry{}, wake: make(chan struct{}, 1)}
	folder.SweepPartials()
	if err := q.load(); err != nil {
		lock.Close()
		return nil, err
	}
	return q, nil
}

// maxState bounds the file of a job, in bytes.
const maxState = 1 << 20

// load reads what is kept. A file that is no job's is left where it is.
func (q *Queue) load() error {
	entries, err := fs.ReadDir(q.folder, ".")
	if err != nil {
		return whittle.ErrSystem.Errorf("reading the jobs in %s: %w", q.folder, err)
	}
	for _, e := range entries {
		number, ok := strings.CutSuffix(e.Name(), ".json")
		id, err := strconv.ParseInt(number, 10, 64)
		if !ok || err != nil || id <= 0 {
			continue
		}
		text, err := q.folder.Read(e.Name(), maxState)
		var j Job
		if err != nil || json.Unmarshal(text, &j) != nil || j.ID != id {
			continue
		}
		x := &entry{job: j, log: &Log{path: q.path(id, "log")}}
		if j.Status == Running {
			x.job.Status, x.job.Ended = Interrupted, q.time()
			if err := q.save(x); err != nil {
				return err
			}
		}
		q.jobs[id] = x
	}
	return nil
}

func (q *Queue) path(id int64, name string) string {
	return filepath.Join(string(q.folder), fmt.Sprintf("%d.%s", id, name))
}

func (q *Queue) time() string { return q.now().UTC().Format(time.RFC3339) }

// save writes a job's state.
func (q *Queue) save(x *entry) error {
	text, err := json.Marshal(x.job)
	if err != nil {
		return err
	}
	return q.folder.Write(fmt.Sprintf("%d.json", x.job.ID), text, 0o600)
}

// Close lets another process open the queue. [Queue.Run] has to have ended.
func (q *Queue) Close() error { return q.lock.Close() }

// Add puts a job at the end of the queue.
func (q *Queue) Add(project string, risk whittle.Risk) (Job, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	var last int64
	for id := range q.jobs {
		last = max(last, id)
	}
	x := &entry{job: Job{ID: last + 1, Project: project, Risk: risk, Status: Queued, Created: q.time()}}
	x.log = &Log{path: q.path(x.job.ID, "log")}
	if err := q.save(x); err != nil {
		return Job{}, err
	}
	q.jobs[x.job.ID] = x
	q.prune()
	select {
	case q.wake <- struct{}{}:
	default:
	}
	return x.job, nil
}

// prune removes the oldest jobs that have ended.
func (q *Queue) prune() {
	ended := slices.DeleteFunc(q.list(), func(j Job) bool { return !j.Status.Ended() })
	for _, j := range ended[min(len(ended), MostKept):] {
		names, _ := filepath.Glob(q.path(j.ID, "*")) // a pattern of digits
		for _, name := range names {
			_ = q.folder.Remove(filepath.Base(name))
		}
		delete(q.jobs, j.ID)
	}
}

// List has all jobs, the newest first.
func (q *Queue) List() []Job {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.list()
}

func (q *Queue) list() []Job {
	out := []Job{}
	for _, x := range q.jobs {
		out = append(out, x.job)
	}
	slices.SortFunc(out, func(a, b Job) int { return -cmp.Compare(a.ID, b.ID) })
	return out
}

// Get has a job and its log.
func (q *Queue) Get(id int64) (Job, *Log, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	x, ok := q.jobs[id]
	if !ok {
		return Job{}, nil, whittle.WithHint(whittle.ErrNotFound.Errorf("there is no job %d", id), "the page lists those that are kept")
	}
	return x.job, x.log, nil
}

// maxFile bounds a file that a job has given, in bytes.
const maxFile = 256 << 20

// File has a file that a job has given.
func (q *Queue) File(id int64, name string) ([]byte, error) {
	j, _, err := q.Get(id)
	if err != nil {
		return nil, err
	}
	if j.Status != Done {
		return nil, whittle.ErrNotFound.Errorf("job %d has no result: it is %s", id, j.Status)
	}
	return q.folder.Read(fmt.Sprintf("%d.%s", id, name), maxFile)
}

// Cancel ends a job that waits or runs.
func (q *Queue) Cancel(id int64) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	x, ok := q.jobs[id]
	switch {
	case !ok:
		return whittle.ErrNotFound.Errorf("there is no job %d", id)
	case x.job.Status == Queued:
		return q.end(x, Canceled, nil)
	case x.job.Status == Running:
		x.asked = true
		x.cancel()
	}
	return nil
}

// end is where a job is at its end.
func (q *Queue) end(x *entry, s Status, err error) error {
	x.job.Status, x.job.Ended = s, q.time()
	if s == Failed {
		x.job.Error, x.job.Hint = whittle.OneLine(err.Error()), whittle.Hint(err)
	}
	saved := q.save(x)
	x.log.changed()
	return saved
}

// Run does the jobs, one after the other, until the context ends. It returns once nothing
// runs any more; a job that ran is interrupted.
func (q *Queue) Run(ctx context.Context) {
	for ctx.Err() == nil {
		if x, own := q.next(ctx); x != nil {
			q.do(ctx, own, x)
			continue
		}
		select {
		case <-q.wake:
		case <-ctx.Done():
		}
	}
}

// next is the job that has waited longest, which runs from now on; nil if none waits.
func (q *Queue) next(ctx context.Context) (*entry, context.Context) {
	q.mu.Lock()
	defer q.mu.Unlock()
	var x *entry
	for _, other := range q.jobs {
		if other.job.Status == Queued && (x == nil || other.job.ID < x.job.ID) {
			x = other
		}
	}
	if x == nil {
		return nil, nil
	}
	own, cancel := context.WithCancel(ctx)
	x.cancel = cancel
	x.job.Status, x.job.Started = Running, q.time()
	if err := q.save(x); err != nil {
		cancel()
		_ = q.end(x, Failed, err)
		return nil, nil
	}
	x.log.changed()
	return x, own
}

// do does a job.
func (q *Queue) do(ctx, own context.Context, x *entry) {
	defer x.cancel()
	files, err := map[string][]byte(nil), x.log.open()
	if err == nil {
		files, err = q.safely(own, x)
		x.log.close()
	}
	for name, content := range files {
		if err == nil {
			err = q.folder.Write(fmt.Sprintf("%d.%s", x.job.ID, name), content, 0o600)
		}
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case err == nil:
		err = q.end(x, Done, nil)
	case x.asked:
		err = q.end(x, Canceled, nil)
	case ctx.Err() != nil:
		err = q.end(x, Interrupted, nil)
	default:
		err = q.end(x, Failed, err)
	}
	if err != nil { // the disk does not take it: whoever looks now sees it at least
		x.job.Status, x.job.Error = Failed, whittle.OneLine(err.Error())
	}
}

// safely does a job whose panic is an error: the others go on.
func (q *Queue) safely(ctx context.Context, x *entry) (files map[string][]byte, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = errors.Join(err, fmt.Errorf("whittle has a bug: %v", p))
		}
	}()
	return q.work(ctx, x.job, x.log)
}

// Count counts the jobs of each state.
func (q *Queue) Count() map[Status]int {
	out := map[Status]int{}
	for _, j := range q.List() {
		out[j.Status]++
	}
	return out
}
