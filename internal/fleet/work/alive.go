package work

import (
	"context"
	"database/sql"

	"github.com/riverqueue/river"
)

// beat says that this worker is alive, and gives the jobs of those that have not said so for
// a while to others. Of several that see it, one does it.
func (w *Worker) beat(ctx context.Context) error {
	return w.store.Within(ctx, func(tx *sql.Tx) error {
		if err := w.store.Beat(ctx, tx, w.client.ID()); err != nil {
			return err
		}
		gone, err := w.store.Gone(ctx, tx, w.o.Lease)
		if err != nil {
			return err
		}
		for _, worker := range gone {
			w.o.Log.Warn("a worker is gone, its jobs are done by others", "worker", worker)
			if err := rescue(ctx, w.client, tx, worker); err != nil {
				return err
			}
		}
		return nil
	})
}

// leave says that this worker has ended.
func (w *Worker) leave(ctx context.Context) error {
	return w.store.Within(ctx, func(tx *sql.Tx) error {
		if err := rescue(ctx, w.client, tx, w.client.ID()); err != nil {
			return err
		}
		return w.store.Leave(ctx, tx, w.client.ID())
	})
}

// reconcile adds the jobs that are missing, once there is none left. A job is added with what it
// is for, so that none is missing, but for one case: an image that begins to wait for a layer
// just when the job ends that could not read it.
func (w *Worker) reconcile(ctx context.Context) error {
	left, err := w.client.JobList(ctx, river.NewJobListParams().Queues(queueName).States(unique.ByState...).First(1))
	if err != nil || len(left.Jobs) > 0 {
		return err
	}
	blobs, err := w.store.Missing(ctx, nil, 0)
	if err != nil {
		return err
	}
	images, err := w.store.Ready(ctx, nil, 0, 0)
	if err != nil {
		return err
	}
	names, err := w.store.OpenNames(ctx, 10_000)
	if err != nil {
		return err
	}
	var jobs []river.JobArgs
	for _, b := range blobs {
		jobs = append(jobs, layerJob{b})
	}
	for _, i := range images {
		jobs = append(jobs, accountJob{i})
	}
	for _, n := range names {
		jobs = append(jobs, nameJob(n))
	}
	return w.store.Within(ctx, func(tx *sql.Tx) error { return insert(ctx, w.client, tx, jobs) })
}
