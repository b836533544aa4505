// Package work reads the images of a fleet: jobs in a queue (River) that any number of
// processes work on. A name of a scan becomes an image, each distinct layer is fetched and
// read once, and an image whose layers were all read is accounted for.
//
// A job may run more than once, if its process is killed or its database is restarted in the
// middle: what it writes is one transaction, and to do it again changes nothing.
package work

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/riverdriver/riverdatabasesql"
	"github.com/riverqueue/river/riverdriver/riversqlite"
	"github.com/riverqueue/river/rivermigrate"
	"github.com/riverqueue/river/rivertype"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/audit"
	"whittle.dev/whittle/internal/database"
	"whittle.dev/whittle/internal/fleet/store"
	"whittle.dev/whittle/internal/rootfs"
)

// queueName is the queue of all jobs: the database may have others.
const queueName = "whittle_fleet"

const (
	// attempts bounds how often a job begins, however it ended: a process that it kills says
	// nothing. The last one only says so.
	attempts = 8
	// Failures bounds how often a job fails by an error that may go away.
	Failures = 4
	// longest is how long a job may take. It is what a queue needs to know, and no limit of
	// an image: a registry that sends nothing is given up much earlier.
	longest = 6 * time.Hour
)

// unique are the states in which a job is not added again.
var unique = river.UniqueOpts{ByArgs: true, ByState: []rivertype.JobState{rivertype.JobStateAvailable, rivertype.JobStatePending, rivertype.JobStateRunning,
	rivertype.JobStateRetryable, rivertype.JobStateScheduled}}

func options(priority int) river.InsertOpts {
	return river.InsertOpts{Queue: queueName, MaxAttempts: attempts, Priority: priority, UniqueOpts: unique}
}

// nameJob finds the image of a name. Jobs that end something come first.
type nameJob struct {
	Scan int64  `json:"scan"`
	Name string `json:"name"`
}

func (nameJob) Kind() string                 { return "fleet_name" }
func (nameJob) InsertOpts() river.InsertOpts { return options(3) }

// layerJob fetches and reads a blob.
type layerJob struct {
	Blob int64 `json:"blob"`
}

func (layerJob) Kind() string                 { return "fleet_layer" }
func (layerJob) InsertOpts() river.InsertOpts { return options(2) }

// accountJob accounts for an image whose layers were read.
type accountJob struct {
	Image int64 `json:"image"`
}

func (accountJob) Kind() string                 { return "fleet_account" }
func (accountJob) InsertOpts() river.InsertOpts { return options(1) }

// reading is how layers are read: with what an inspection and the rules need of them.
func reading() rootfs.Options {
	return rootfs.Options{Databases: audit.Databases(), Facts: true}
}

// Open opens the store in a file, or at postgres://…, with the tables of the queue.
func Open(ctx context.Context, where string) (*store.Store, error) {
	o := reading()
	return store.Open(ctx, where, store.Options{Version: o.Version(), Queue: migrate})
}

// Where is the database of the fleet that a user named, or this user's file if none is named.
// With offline, one that may be elsewhere is [whittle.ErrEngine].
func Where(named string, offline bool) (string, error) {
	return database.Where(named, "fleet", offline)
}

// migrate brings the tables of the queue up to date.
func migrate(ctx context.Context, db *database.DB) error {
	m, err := rivermigrate.New(driverOf(db, nil), &rivermigrate.Config{Logger: silent()})
	if err != nil {
		return err
	}
	_, err = m.Migrate(ctx, rivermigrate.DirectionUp, nil)
	return err
}

func silent() *slog.Logger { return slog.New(slog.NewTextHandler(io.Discard, nil)) }

// driverOf is the queue's way to a database: with listen, PostgreSQL says when there are jobs.
func driverOf(db *database.DB, listen func() riverdriver.Driver[*sql.Tx]) riverdriver.Driver[*sql.Tx] {
	switch {
	case db.File != "":
		return riversqlite.New(db.SQL)
	case listen != nil:
		return listen()
	}
	return riverdatabasesql.New(db.SQL)
}

// Scan adds a scan of names, whole or not at all. What says what was asked for: of two scans
// of the same, reports are about the later one.
func Scan(ctx context.Context, s *store.Store, what string, platform string, names []string) (id int64, err error) {
	if len(names) == 0 {
		return 0, whittle.ErrUsage.Errorf("there is no image to scan: %s names none", what)
	}
	client, err := river.NewClient(driverOf(s.Database(), nil), &river.Config{Logger: silent()})
	if err != nil {
		return 0, err
	}
	names = slices.Compact(slices.Sorted(slices.Values(names)))
	err = s.Within(ctx, func(tx *sql.Tx) error {
		if id, err = s.AddScan(ctx, tx, what, platform, names); err != nil {
			return err
		}
		jobs := make([]river.JobArgs, 0, len(names))
		for _, name := range names {
			jobs = append(jobs, nameJob{id, name})
		}
		return insert(ctx, client, tx, jobs)
	})
	return id, err
}

// insert adds those of jobs that are not there.
func insert(ctx context.Context, client *river.Client[*sql.Tx], tx *sql.Tx, jobs []river.JobArgs) error {
	for some := range slices.Chunk(jobs, 1000) {
		params := make([]river.InsertManyParams, 0, len(some))
		for _, j := range some {
			params = append(params, river.InsertManyParams{Args: j})
		}
		if _, err := client.InsertManyFastTx(ctx, tx, params); err != nil {
			return fmt.Errorf("adding jobs: %w", err)
		}
	}
	return nil
}

// killed is how an attempt is remembered whose process is gone.
const killed = "its process is gone"

// failed counts the attempts of a job that ended with an error of their own.
func failed(job *rivertype.JobRow) (n int) {
	for _, e := range job.Errors {
		if e.Error != killed && !strings.HasPrefix(e.Error, "Stuck job") {
			n++
		}
	}
	return n
}

// final says whether a job is not tried again after an error, and with which error it ends.
func final(job *rivertype.JobRow, err error) bool {
	for _, kind := range []error{whittle.ErrNotFound, whittle.ErrAuth, whittle.ErrUsage, whittle.ErrUnsupported, whittle.ErrLimit} {
		if errors.Is(err, kind) {
			return true
		}
	}
	return failed(job)+1 >= Failures
}

// hopeless is the error of a job whose processes were all gone before it ended, nil if it is
// to be tried.
func hopeless(job *rivertype.JobRow) error {
	if job.Attempt < attempts {
		return nil
	}
	return whittle.WithHint(whittle.ErrSystem.Errorf("it was begun %d times, and each process that read it was gone before the end", attempts-1), "does a worker have too little memory for it? the next scan tries it again")
}

// rescue gives back the jobs of a process that is gone.
func rescue(ctx context.Context, client *river.Client[*sql.Tx], tx *sql.Tx, worker string) error {
	running, err := client.JobListTx(ctx, tx, river.NewJobListParams().States(rivertype.JobStateRunning).Queues(queueName).First(10_000))
	if err != nil {
		return err
	}
	text, err := json.Marshal(rivertype.AttemptError{At: time.Now().UTC(), Error: killed})
	if err != nil {
		return err
	}
	p := &riverdriver.JobRescueManyParams{StuckHorizon: time.Now().UTC()}
	for _, job := range running.Jobs {
		if n := len(job.AttemptedBy); n > 0 && job.AttemptedBy[n-1] == worker {
			p.ID, p.Error, p.FinalizedAt = append(p.ID, job.ID), append(p.Error, text), append(p.FinalizedAt, nil)
			p.ScheduledAt, p.State = append(p.ScheduledAt, time.Now().UTC()), append(p.State, string(rivertype.JobStateAvailable))
		}
	}
	if len(p.ID) == 0 {
		return nil
	}
	_, err = client.Driver().UnwrapExecutor(tx).JobRescueMany(ctx, p)
	return err
}
