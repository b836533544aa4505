package work

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"os"
	"sync/atomic"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/riverdriver/riverdatabasesql"
	"github.com/riverqueue/river/rivertype"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/fleet/store"
	"whittle.dev/whittle/internal/index"
	"whittle.dev/whittle/internal/source"
	"whittle.dev/whittle/internal/throttle"
)

// Options say how a process works. The zero value is what most need.
type Options struct {
	// Source says how images are opened. Its Transport is the worker's own.
	Source source.Options
	// Limits bound what is read of an image.
	Limits index.Limits
	// Jobs is how many are done at once; 0 is 2.
	Jobs int
	// Rate is how many requests a registry gets in a second from this process; 0 is as many
	// as there are.
	Rate int
	// Patience is how long a job waits for a registry that has said when to come back, until
	// another job has its turn; 0 is 20 s.
	Patience time.Duration
	// Lease is how long a process may be silent until its jobs are given to others; 0 is 30 s.
	Lease time.Duration
	// Pause is how long a job waits that failed once; later ones wait longer. 0 is 2 s.
	Pause time.Duration
	// Stop is how long jobs may take to end when the process is to end, until they are given
	// back; 0 is 20 s.
	Stop time.Duration
	// Log gets a line for each job that did not end well; nil is nobody.
	Log *slog.Logger
}

// Worker is a process that works.
type Worker struct {
	o      Options
	store  *store.Store
	client *river.Client[*sql.Tx]
	polite *throttle.Transport
	// stopped frees what the worker has besides the store.
	stopped func()
	ready   atomic.Bool
	count   counts
}

// counts are what a worker has done since its start.
type counts struct {
	Names, Layers, LayerBytes, Accounts, Failures, Retries, Waits atomic.Int64
}

// New makes a worker on a store.
func New(s *store.Store, o Options) *Worker {
	o.Jobs, o.Lease, o.Pause, o.Stop = cmp.Or(o.Jobs, 2), cmp.Or(o.Lease, 30*time.Second), cmp.Or(o.Pause, 2*time.Second), cmp.Or(o.Stop, 20*time.Second)
	if o.Log == nil {
		o.Log = silent()
	}
	w := &Worker{o: o, store: s, stopped: func() {}}
	w.polite = &throttle.Transport{Inner: o.Source.Transport, Rate: float64(o.Rate), Patience: o.Patience, Waited: func(host string, d time.Duration) {
		w.count.Waits.Add(1)
		o.Log.Warn("a registry refuses requests for now", "host", host, "for", d.Round(time.Millisecond))
	}}
	if o.Source.Transport == nil {
		w.polite.Inner = source.NewTransport(source.DefaultDeadlines())
	}
	w.o.Source.Transport = w.polite
	return w
}

// Run works until done says that there is nothing left to do, or until the context ends: then
// it waits for the jobs that it has begun, and gives back those that take too long. done may
// be nil.
func (w *Worker) Run(ctx context.Context, done func(ctx context.Context) (bool, error)) error {
	if err := w.start(ctx); err != nil {
		return err
	}
	err := w.watch(ctx, done)
	w.ready.Store(false)
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), w.o.Stop+10*time.Second)
	defer cancel()
	if stopped := w.client.Stop(stop); stopped != nil && !errors.Is(stopped, context.Canceled) && err == nil {
		err = whittle.ErrSystem.Errorf("ending the jobs: %w", stopped)
	}
	w.stopped()
	return cmp.Or(err, w.leave(stop))
}

// Transport sends requests to registries as the worker's own are sent: at its rate.
func (w *Worker) Transport() http.RoundTripper { return w.polite }

// Ready says whether the worker takes jobs, and its database answers.
func (w *Worker) Ready() bool { return w.ready.Load() }

func (w *Worker) start(ctx context.Context) error {
	db := w.store.Database()
	pool, err := db.Listener(ctx)
	if err != nil {
		return err
	}
	var listen func() riverdriver.Driver[*sql.Tx]
	if pool != nil {
		w.stopped = pool.Close
		listen = func() riverdriver.Driver[*sql.Tx] { return riverdatabasesql.NewWithPgxListener(db.SQL, pool) }
	}
	workers := river.NewWorkers()
	river.AddWorker(workers, &worker[nameJob]{w: w, do: w.name})
	river.AddWorker(workers, &worker[layerJob]{w: w, do: w.layer})
	river.AddWorker(workers, &worker[accountJob]{w: w, do: w.account})
	host, _ := os.Hostname() // only a name that is easier to read
	w.client, err = river.NewClient(driverOf(db, listen), &river.Config{
		ID:      fmt.Sprintf("%.40s-%d-%x", host, os.Getpid(), rand.Uint64()),
		Queues:  map[string]river.QueueConfig{queueName: {MaxWorkers: w.o.Jobs}},
		Workers: workers, JobTimeout: longest, RescueStuckJobsAfter: longest + time.Hour, SoftStopTimeout: w.o.Stop,
		FetchCooldown: 20 * time.Millisecond, FetchPollInterval: time.Second,
		// What is done is in the store; the rest is to look at.
		CompletedJobRetentionPeriod: time.Hour, Logger: silent(),
	})
	if err != nil {
		return whittle.ErrSystem.Errorf("starting a worker: %w", err)
	}
	if err := w.beat(ctx); err != nil { // before it has jobs: who is not seen has none
		return err
	}
	if err := w.client.Start(context.WithoutCancel(ctx)); err != nil {
		return whittle.ErrSystem.Errorf("starting a worker: %w", err)
	}
	w.ready.Store(true)
	return nil
}

// patient is how often it is looked whether there is something left to do, at most.
const patient = 200 * time.Millisecond

// watch keeps the worker's name alive, and looks for what others have left.
func (w *Worker) watch(ctx context.Context, done func(ctx context.Context) (bool, error)) error {
	beat, look, end := time.NewTicker(w.o.Lease/5), time.NewTicker(w.o.Lease), time.NewTimer(patient)
	defer beat.Stop()
	defer look.Stop()
	defer end.Stop()
	for {
		var err error
		select {
		case <-ctx.Done():
			return nil
		case <-beat.C:
			err = w.beat(ctx)
			w.ready.Store(err == nil)
		case <-look.C:
			err = w.reconcile(ctx)
		case <-end.C:
			if done == nil {
				continue
			}
			begun := time.Now()
			var over bool
			if over, err = done(ctx); over {
				return nil
			}
			end.Reset(max(patient, 20*time.Since(begun))) // it may have a million names to count
		}
		if err != nil && ctx.Err() == nil {
			w.o.Log.Warn("the database does not answer", "error", err) // it may be restarting
		}
	}
}

// worker does one kind of job, as the queue calls it.
type worker[T river.JobArgs] struct {
	river.WorkerDefaults[T]
	w  *Worker
	do func(ctx context.Context, job *river.Job[T]) error
}

// NextRetry implements [river.Worker]: each pause is four times as long as the one before.
func (k *worker[T]) NextRetry(job *river.Job[T]) time.Time {
	pause := k.w.o.Pause << (2 * min(failed(job.JobRow), 6))
	return time.Now().Add(pause + rand.N(pause/2+1))
}

// Work implements [river.Worker].
func (k *worker[T]) Work(ctx context.Context, job *river.Job[T]) error {
	err := k.do(ctx, job)
	if err == nil {
		return nil
	}
	k.w.o.Log.Warn("a job did not end well", "kind", job.Kind, "args", string(job.EncodedArgs), "attempt", job.Attempt, "error", err)
	var snooze *rivertype.JobSnoozeError
	switch {
	case errors.As(err, &snooze):
		return err
	case ctx.Err() != nil: // the process is to end: another one does it
		return river.JobSnooze(0)
	case errors.Is(err, whittle.ErrSystem): // the database, or this machine: not the image's fault
		return river.JobSnooze(k.w.o.Pause)
	}
	k.w.count.Retries.Add(1)
	return err
}

// left is an error that waits for a registry which has said when to come back, else err.
func (w *Worker) left(host string, err error) error {
	if until := w.polite.Closed(host); !until.IsZero() {
		left := time.Until(until)
		return river.JobSnooze(left + rand.N(left/4+time.Second))
	}
	return err
}
