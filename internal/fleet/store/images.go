package store

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"slices"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/codec"
	"whittle.dev/whittle/internal/database"
)

// The states of an image: its layers are being read, its figures are there, or it has an
// error.
const (
	reading = "reading"
	done    = "done"
	failed  = "failed"
)

// Manifest is what an image says of itself before its layers are read.
type Manifest struct {
	Digest whittle.Digest
	// Place is the name by which it was found.
	Place, Platform, Created string
	Labels                   map[string]string
	// Config is the configuration, byte for byte.
	Config []byte
	Layers []Claim
}

// Claim is what a manifest and a configuration say of a layer.
type Claim struct {
	whittle.Blob
	DiffID whittle.Digest
}

// AddScan adds a scan of names. Each is one of the queue's jobs, which the caller adds in the
// same transaction.
func (s *Store) AddScan(ctx context.Context, tx *sql.Tx, what, platform string, names []string) (id int64, err error) {
	row := tx.QueryRowContext(ctx, s.db.Query(`INSERT INTO fleet_scans (at, what, platform) VALUES (?1, ?2, ?3) RETURNING id`), now(), what, platform)
	if err := row.Scan(&id); err != nil {
		return 0, err
	}
	rows := make([][]any, 0, len(names))
	for _, name := range names {
		rows = append(rows, []any{id, name, "", ""})
	}
	return id, s.db.Insert(ctx, tx, `INSERT INTO fleet_names (scan, name, error, hint)`, rows, `ON CONFLICT DO NOTHING`)
}

// Open says whether a name of a scan has neither an image nor an error yet, and for which
// platform it was asked; empty is the machine's own.
func (s *Store) Open(ctx context.Context, scan int64, name string) (open bool, platform string, err error) {
	row := s.db.SQL.QueryRowContext(ctx, s.db.Query(`SELECT n.image IS NULL AND n.error = '', s.platform FROM fleet_names n JOIN fleet_scans s ON s.id = n.scan WHERE n.scan = ?1 AND n.name = ?2`), scan, name)
	err = row.Scan(&open, &platform)
	if errors.Is(err, sql.ErrNoRows) {
		return false, "", nil // the scan was removed
	}
	return open, platform, s.failed(err)
}

// NameFailed says why a name has no image.
func (s *Store) NameFailed(ctx context.Context, scan int64, name string, why error) error {
	return s.Within(ctx, func(tx *sql.Tx) error {
		return s.db.Exec(ctx, tx, `UPDATE fleet_names SET error = ?3, hint = ?4 WHERE scan = ?1 AND name = ?2 AND image IS NULL`, scan, name, whittle.OneLine(why.Error()), whittle.Hint(why))
	})
}

// Put gives a name of a scan its image, and has the blobs that have to be read for it: none
// if all were read. What was known of the image stays, but not an error of an earlier scan.
func (s *Store) Put(ctx context.Context, tx *sql.Tx, scan int64, name string, m *Manifest) (image int64, missing []int64, err error) {
	config, err := codec.Compress(m.Config)
	if err != nil {
		return 0, nil, err
	}
	labels, err := json.Marshal(m.Labels)
	if err != nil {
		return 0, nil, err
	}
	err = s.db.Exec(ctx, tx, `INSERT INTO fleet_images (digest, place, platform, created, labels, config, state, version, error, hint, size, visible, wasted, files)
		VALUES (?1, ?2, ?3, ?4, ?5, ?6, '`+reading+`', '', '', '', 0, 0, 0, 0) ON CONFLICT (digest) DO NOTHING`,
		string(m.Digest), m.Place, m.Platform, m.Created, string(labels), config)
	if err != nil {
		return 0, nil, err
	}
	var state, version string
	// In PostgreSQL another process that changes the image waits until this is done.
	query := `SELECT id, state, version FROM fleet_images WHERE digest = ?1`
	if s.db.File == "" {
		query += ` FOR UPDATE`
	}
	if err := tx.QueryRowContext(ctx, s.db.Query(query), string(m.Digest)).Scan(&image, &state, &version); err != nil {
		return 0, nil, err
	}
	if err := s.db.Exec(ctx, tx, `UPDATE fleet_names SET image = ?3, error = '', hint = '' WHERE scan = ?1 AND name = ?2`, scan, name, image); err != nil {
		return 0, nil, err
	}
	if state == done && version == s.version {
		return image, nil, nil
	}
	if state != reading {
		if err := s.db.Exec(ctx, tx, `UPDATE fleet_images SET state = '`+reading+`', error = '', hint = '', place = ?2 WHERE id = ?1`, image, m.Place); err != nil {
			return 0, nil, err
		}
	}
	if err := s.putLayers(ctx, tx, image, m.Layers); err != nil {
		return 0, nil, err
	}
	missing, err = s.Missing(ctx, tx, image)
	return image, missing, err
}

func (s *Store) putLayers(ctx context.Context, tx *sql.Tx, image int64, layers []Claim) error {
	blobs := slices.Clone(layers)
	// In one order everywhere: two that insert the same blobs do not wait for each other in
	// a circle.
	slices.SortFunc(blobs, func(a, b Claim) int {
		return cmp.Or(cmp.Compare(a.Digest, b.Digest), cmp.Compare(a.DiffID, b.DiffID), cmp.Compare(a.Size, b.Size))
	})
	var rows [][]any
	for _, b := range slices.CompactFunc(blobs, func(a, b Claim) bool { return a.Digest == b.Digest && a.DiffID == b.DiffID && a.Size == b.Size }) {
		rows = append(rows, []any{string(b.Digest), b.Size, string(b.DiffID), ""})
	}
	if err := s.db.Insert(ctx, tx, `INSERT INTO fleet_blobs (digest, size, diff_id, version)`, rows, `ON CONFLICT DO NOTHING`); err != nil {
		return err
	}
	for i, l := range layers {
		err := s.db.Exec(ctx, tx, `INSERT INTO fleet_image_layers (image, position, blob, media_type)
			SELECT CAST(?1 AS BIGINT), CAST(?2 AS BIGINT), id, CAST(?3 AS TEXT) FROM fleet_blobs WHERE digest = ?4 AND diff_id = ?5 AND size = ?6 ON CONFLICT DO NOTHING`,
			image, i, l.MediaType, string(l.Digest), string(l.DiffID), l.Size)
		if err != nil {
			return err
		}
	}
	return nil
}

// Missing are the blobs that have to be read for an image that waits for them; 0 is for all
// images.
func (s *Store) Missing(ctx context.Context, of database.Asked, image int64) ([]int64, error) {
	if of == nil {
		of = s.db.SQL
	}
	return all[int64](ctx, s, of, `SELECT DISTINCT b.id FROM fleet_images i JOIN fleet_image_layers l ON l.image = i.id JOIN fleet_blobs b ON b.id = l.blob
		WHERE i.state = '`+reading+`' AND (i.id = ?1 OR ?1 = 0) AND b.version <> ?2 ORDER BY b.id`, image, s.version)
}

// Ready are the images that wait, and whose blobs are all read: one of them, those with a
// blob, or all; 0 is for any.
func (s *Store) Ready(ctx context.Context, of database.Asked, image, blob int64) ([]int64, error) {
	if of == nil {
		of = s.db.SQL
	}
	query, args := `SELECT i.id FROM fleet_images i WHERE i.state = '`+reading+`'
		AND NOT EXISTS (SELECT 1 FROM fleet_image_layers l JOIN fleet_blobs b ON b.id = l.blob WHERE l.image = i.id AND b.version <> ?1)`, []any{s.version}
	switch {
	case image != 0:
		query, args = query+` AND i.id = ?2`, append(args, image)
	case blob != 0:
		query, args = query+` AND i.id IN (SELECT image FROM fleet_image_layers WHERE blob = ?2)`, append(args, blob)
	}
	return all[int64](ctx, s, of, query+` ORDER BY i.id`, args...)
}

// OpenName is a name of a scan that has neither an image nor an error yet.
type OpenName struct {
	Scan int64
	Name string
}

// OpenNames are all names that have neither an image nor an error, at most so many.
func (s *Store) OpenNames(ctx context.Context, most int) (out []OpenName, err error) {
	err = s.db.Each(ctx, s.db.SQL, func(scan func(...any) error) error {
		var n OpenName
		err := scan(&n.Scan, &n.Name)
		out = append(out, n)
		return err
	}, `SELECT scan, name FROM fleet_names WHERE image IS NULL AND error = '' ORDER BY scan, name LIMIT ?1`, most)
	return out, s.failed(err)
}

// Blob is a blob as a manifest claims it.
type Blob struct {
	Claim
	// Read says that it was read with the current version: the claims are true.
	Read bool
}

// Blob has a blob, and the names of the images that wait for it, the place of each.
func (s *Store) Blob(ctx context.Context, id int64) (b Blob, places []string, err error) {
	var version string
	row := s.db.SQL.QueryRowContext(ctx, s.db.Query(`SELECT b.digest, b.size, b.diff_id, b.version,
		COALESCE((SELECT min(l.media_type) FROM fleet_image_layers l WHERE l.blob = b.id), '') FROM fleet_blobs b WHERE b.id = ?1`), id)
	if err := row.Scan(&b.Digest, &b.Size, &b.DiffID, &version, &b.MediaType); err != nil {
		return b, nil, s.failed(err)
	}
	if b.Read = version == s.version; b.Read {
		return b, nil, nil
	}
	places, err = all[string](ctx, s, s.db.SQL, `SELECT i.place FROM fleet_image_layers l JOIN fleet_images i ON i.id = l.image WHERE l.blob = ?1 AND i.state = '`+reading+`' ORDER BY i.id`, id)
	return b, places, s.failed(err)
}

// PutLayer keeps the index of a blob's layer, as it was read. To do it again changes nothing.
func (s *Store) PutLayer(ctx context.Context, tx *sql.Tx, blob int64, diffID whittle.Digest, encoded []byte) error {
	packed, err := codec.Compress(encoded)
	if err != nil {
		return err
	}
	if err := s.db.Exec(ctx, tx, `INSERT INTO fleet_layers (diff_id, version, data) VALUES (?1, ?2, ?3)
		ON CONFLICT (diff_id) DO UPDATE SET version = excluded.version, data = excluded.data WHERE fleet_layers.version <> excluded.version`, string(diffID), s.version, packed); err != nil {
		return err
	}
	return s.db.Exec(ctx, tx, `UPDATE fleet_blobs SET version = ?2, layer = (SELECT id FROM fleet_layers WHERE diff_id = ?3) WHERE id = ?1`, blob, s.version, string(diffID))
}

// FailBlob ends the images that wait for a blob with an error: those of a place, by the names
// under which they were found.
func (s *Store) FailBlob(ctx context.Context, tx *sql.Tx, blob int64, places []string, why error) error {
	for some := range slices.Chunk(places, database.AtOnce) {
		args := []any{blob, whittle.OneLine(why.Error()), whittle.Hint(why)}
		for _, p := range some {
			args = append(args, p)
		}
		err := s.db.Exec(ctx, tx, `UPDATE fleet_images SET state = '`+failed+`', error = ?2, hint = ?3
			WHERE state = '`+reading+`' AND id IN (SELECT image FROM fleet_image_layers WHERE blob = ?1) AND place IN (`+marks(len(some), 3)+`)`, args...)
		if err != nil {
			return err
		}
	}
	return nil
}

// Fail ends an image with an error.
func (s *Store) Fail(ctx context.Context, image int64, why error) error {
	return s.Within(ctx, func(tx *sql.Tx) error {
		return s.db.Exec(ctx, tx, `UPDATE fleet_images SET state = '`+failed+`', error = ?2, hint = ?3 WHERE id = ?1 AND state = '`+reading+`'`, image, whittle.OneLine(why.Error()), whittle.Hint(why))
	})
}

// Image has what is known of an image, to account for it: what it says of itself, and whether
// it waits for that. It is [whittle.ErrNotFound] if there is none.
func (s *Store) Image(ctx context.Context, id int64) (m *Manifest, waits bool, err error) {
	m = &Manifest{}
	var state, labels string
	var config []byte
	row := s.db.SQL.QueryRowContext(ctx, s.db.Query(`SELECT digest, place, platform, created, labels, config, state FROM fleet_images WHERE id = ?1`), id)
	err = row.Scan(&m.Digest, &m.Place, &m.Platform, &m.Created, &labels, &config, &state)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, false, s.failed(whittle.ErrNotFound.Errorf("there is no image %d", id))
	}
	if err == nil {
		err = json.Unmarshal([]byte(labels), &m.Labels)
	}
	if err == nil {
		m.Config, err = unpack(config, "the configuration of "+m.Place)
	}
	if err == nil {
		err = s.db.Each(ctx, s.db.SQL, func(scan func(...any) error) error {
			var c Claim
			err := scan(&c.Digest, &c.Size, &c.DiffID, &c.MediaType)
			m.Layers = append(m.Layers, c)
			return err
		}, `SELECT b.digest, b.size, b.diff_id, l.media_type FROM fleet_image_layers l JOIN fleet_blobs b ON b.id = l.blob WHERE l.image = ?1 ORDER BY l.position`, id)
	}
	return m, state == reading, s.failed(err)
}

// Layer is the index of a layer as it was kept, nil if there is none of the current version.
func (s *Store) Layer(ctx context.Context, diffID whittle.Digest) ([]byte, error) {
	var packed []byte
	err := s.db.SQL.QueryRowContext(ctx, s.db.Query(`SELECT data FROM fleet_layers WHERE diff_id = ?1 AND version = ?2`), string(diffID), s.version).Scan(&packed)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, s.failed(err)
	}
	return unpack(packed, "the index of layer "+diffID.Short())
}
