package store

import (
	"context"
	"database/sql"
	"time"
)

// Beat says that a worker is alive.
func (s *Store) Beat(ctx context.Context, tx *sql.Tx, worker string) error {
	return s.db.Exec(ctx, tx, `INSERT INTO fleet_workers (id, seen) VALUES (?1, `+s.db.Clock()+`) ON CONFLICT (id) DO UPDATE SET seen = excluded.seen`, worker)
}

// Leave says that a worker has ended.
func (s *Store) Leave(ctx context.Context, tx *sql.Tx, worker string) error {
	return s.db.Exec(ctx, tx, `DELETE FROM fleet_workers WHERE id = ?1`, worker)
}

// Gone forgets the workers that were not seen for a while, and has their names: each is given
// to one caller only.
func (s *Store) Gone(ctx context.Context, tx *sql.Tx, after time.Duration) ([]string, error) {
	return all[string](ctx, s, tx, `DELETE FROM fleet_workers WHERE seen < `+s.db.Clock()+` - CAST(?1 AS BIGINT) RETURNING id`, after.Milliseconds())
}

// Workers counts those that are alive.
func (s *Store) Workers(ctx context.Context) (n int64, err error) {
	err = s.db.SQL.QueryRowContext(ctx, `SELECT count(*) FROM fleet_workers`).Scan(&n)
	return n, s.failed(err)
}
