package history

import (
	"context"
	"database/sql"
	"fmt"

	"whittle.dev/whittle"
)

// Packages counts the packages of all records, also of those that are not there.
func Packages(ctx context.Context, s *Store) (n int, err error) {
	return n, s.db.SQL.QueryRowContext(ctx, `SELECT count(*) FROM packages`).Scan(&n)
}

// Fill adds many records in a few transactions.
func Fill(ctx context.Context, s *Store, n int, record func(i int) *whittle.Record) error {
	const each = 5000
	for from := 0; from < n; from += each {
		err := s.db.Within(ctx, func(tx *sql.Tx) error {
			for i := from; i < min(n, from+each); i++ {
				r := record(i)
				packed, err := pack(r)
				if err == nil {
					err = s.insert(ctx, tx, r, packed)
				}
				if err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// Down takes back all migrations.
func Down(ctx context.Context, s *Store) error {
	p, err := s.db.Provider()
	if err == nil {
		_, err = p.DownTo(ctx, 0)
	}
	return err
}

// SetVersion says that the tables are of a version.
func SetVersion(ctx context.Context, s *Store, n int) error {
	_, err := s.db.SQL.ExecContext(ctx, fmt.Sprintf(`INSERT INTO whittle_history_version (version_id, is_applied) VALUES (%d, true)`, n))
	return err
}
