package store

import (
	"context"
	"database/sql"
)

// BlobID is the identity of a blob.
func (s *Store) BlobID(ctx context.Context, tx *sql.Tx, c Claim) (id int64, err error) {
	return id, tx.QueryRowContext(ctx, s.db.Query(`SELECT id FROM fleet_blobs WHERE digest = ?1 AND diff_id = ?2 AND size = ?3`), string(c.Digest), string(c.DiffID), c.Size).Scan(&id)
}
